// The texts, without anything of the contract: tested natively. Esperanto, the first few messages.
#ifndef TEXTS_H
#define TEXTS_H
#include <stddef.h>

// A longer text is left to the station.
enum { TEXT_MAX = 256 };

// One named value of a message.
struct value {
  const char *name;
  size_t name_length;
  const char *text;
  size_t length;
};

// Writes the text of a message and returns its length; 0 if it is not known or a value is missing. The station then shows
// its own English.
size_t render(const char *id, size_t id_length, const struct value *values, size_t count, char text[TEXT_MAX]);

#endif
