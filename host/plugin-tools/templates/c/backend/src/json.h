// As much of JSON as the reporter needs: writes texts, and reads single values of an object.
#ifndef JSON_H
#define JSON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Text of somebody else.
struct slice {
  const char *ptr;
  size_t length;
};

struct slice slice(const char *text);
bool slice_is(struct slice slice, const char *text);
// A copy that is freed by whoever has it.
char *slice_copy(struct slice slice);

// A text that grows. Begin with all zero; `bytes` ends with a zero and is the caller's.
struct text {
  char *bytes;
  size_t length;
};

void text_add(struct text *text, struct slice more);
void text_add_word(struct text *text, const char *word);
void text_add_number(struct text *text, int64_t number);
// In quotes, with what JSON wants escaped.
void text_add_string(struct text *text, struct slice string);

// A string of an object. False if it is not there, does not fit into `room`, or has other characters than ASCII.
bool json_string(struct slice object, const char *key, char *value, size_t room);
// A whole number of an object, from 0 to what every program reads exactly from JSON.
bool json_count(struct slice object, const char *key, uint64_t *value);

#endif
