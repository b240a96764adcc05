// As much of JSON as the reporter needs.

#include "json.h"

#include <stdlib.h>
#include <string.h>

struct slice slice(const char *text) { return (struct slice){text, strlen(text)}; }

bool slice_is(struct slice slice, const char *text) {
  return slice.length == strlen(text) && memcmp(slice.ptr, text, slice.length) == 0;
}

char *slice_copy(struct slice slice) {
  struct text text = {0};
  text_add(&text, slice);
  return text.bytes;
}

void text_add(struct text *text, struct slice more) {
  text->bytes = realloc(text->bytes, text->length + more.length + 1);
  if (more.length > 0) memcpy(text->bytes + text->length, more.ptr, more.length);
  text->length += more.length;
  text->bytes[text->length] = 0;
}

void text_add_word(struct text *text, const char *word) { text_add(text, slice(word)); }

void text_add_number(struct text *text, int64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
  do {
    digits[--at] = (char)('0' + left % 10);
    left /= 10;
  } while (left > 0);
  if (number < 0) text_add_word(text, "-");
  text_add(text, (struct slice){digits + at, sizeof digits - at});
}

void text_add_string(struct text *text, struct slice string) {
  static const char hex[] = "0123456789abcdef";
  text_add_word(text, "\"");
  for (size_t i = 0; i < string.length; i++) {
    unsigned char c = (unsigned char)string.ptr[i];
    char escaped[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c == '"' || c == '\\') {
      text_add_word(text, "\\");
    } else if (c < ' ') {
      text_add(text, (struct slice){escaped, sizeof escaped});
      continue;
    }
    text_add(text, (struct slice){string.ptr + i, 1});
  }
  text_add_word(text, "\"");
}

static size_t skip_blanks(struct slice in, size_t at) {
  while (at < in.length && (in.ptr[at] == ' ' || in.ptr[at] == '\t' || in.ptr[at] == '\n' || in.ptr[at] == '\r')) at++;
  return at;
}

// Behind the string that begins here; the text's end if it does not end.
static size_t skip_string(struct slice in, size_t at) {
  for (at++; at < in.length && in.ptr[at] != '"'; at++) {
    if (in.ptr[at] == '\\') at++;
  }
  return at < in.length ? at + 1 : in.length;
}

// Behind the value that begins here.
static size_t skip_value(struct slice in, size_t at) {
  size_t depth = 0;
  while (at < in.length) {
    char c = in.ptr[at];
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
    if (c == '{' || c == '[') depth++;
    if (c == '}' || c == ']') depth--;
    at = c == '"' ? skip_string(in, at) : at + 1;
  }
  return at;
}

// The text of a value, without blanks around it; empty if there is none.
static struct slice find(struct slice object, const char *key) {
  const struct slice none = {NULL, 0};
  size_t at = skip_blanks(object, 0);
  if (at >= object.length || object.ptr[at] != '{') return none;
  at = skip_blanks(object, at + 1);
  while (at < object.length && object.ptr[at] == '"') {
    size_t key_end = skip_string(object, at);
    struct slice found = {object.ptr + at + 1, key_end - at < 2 ? 0 : key_end - at - 2};
    at = skip_blanks(object, key_end);
    if (at >= object.length || object.ptr[at] != ':') return none;
    at = skip_blanks(object, at + 1);
    size_t end = skip_value(object, at);
    if (end >= object.length) return none;
    if (slice_is(found, key)) {
      while (end > at && skip_blanks(object, end - 1) > end - 1) end--;
      return (struct slice){object.ptr + at, end - at};
    }
    at = object.ptr[end] == ',' ? skip_blanks(object, end + 1) : object.length;
  }
  return none;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes the escape behind a backslash; 0 if it is none, or no ASCII character.
static char unescape(struct slice in, size_t *at) {
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (*at >= in.length) return 0;
  char c = in.ptr[(*at)++];
  for (size_t i = 0; i < sizeof letters - 1; i++) {
    if (c == letters[i]) return meant[i];
  }
  if (c != 'u' || in.length - *at < 4) return 0;
  int code = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(in.ptr[(*at)++]);
    if (digit < 0) return 0;
    code = code * 16 + digit;
  }
  return code < 0x80 ? (char)code : 0;
}

bool json_string(struct slice object, const char *key, char *value, size_t room) {
  struct slice found = find(object, key);
  if (found.length < 2 || found.ptr[0] != '"' || skip_string(found, 0) != found.length) return false;
  struct slice inside = {found.ptr + 1, found.length - 2};
  size_t length = 0, at = 0;
  while (at < inside.length) {
    char c = inside.ptr[at++];
    if (c == '\\') c = unescape(inside, &at);
    if (c < ' ' || length + 1 >= room) return false;
    value[length++] = c;
  }
  value[length] = 0;
  return true;
}

bool json_count(struct slice object, const char *key, uint64_t *value) {
  const uint64_t largest = ((uint64_t)1 << 53) - 1;
  struct slice found = find(object, key);
  if (found.length == 0 || found.length > 16) return false;
  *value = 0;
  for (size_t i = 0; i < found.length; i++) {
    if (found.ptr[i] < '0' || found.ptr[i] > '9') return false;
    *value = *value * 10 + (uint64_t)(found.ptr[i] - '0');
  }
  return *value <= largest;
}
