// The texts.

#include "texts.h"

#include <stdbool.h>
#include <string.h>

static const struct {
  const char *id;
  // `{name}` stands for a value.
  const char *text;
} texts[] = {
    {"indication.available", "Preta: enmetu la ŝtopilon aŭ montru vian karton"},
    {"indication.authorising", "Via karto estas kontrolata"},
    {"indication.charging", "Ŝargado"},
    {"indication.finishing", "Finita: vi povas elpreni la ŝtopilon"},
    {"signal.accepted", "Karto akceptita"},
    {"signal.rejected", "Karto ne akceptita"},
    {"session.energy", "{kwh} kWh ŝargitaj"},
};

// Replaces the names of values in a pattern; 0 if one is missing or the text is too long.
static size_t fill(const char *pattern, const struct value *values, size_t count, char text[TEXT_MAX]) {
  size_t length = 0;
  while (*pattern) {
    const char *piece = pattern;
    size_t piece_length = 1;
    if (*pattern == '{') {
      const char *name = ++pattern;
      while (*pattern && *pattern != '}') pattern++;
      size_t name_length = (size_t)(pattern - name), i = 0;
      while (i < count && (values[i].name_length != name_length || memcmp(values[i].name, name, name_length) != 0)) i++;
      if (i == count) return 0;
      piece = values[i].text;
      piece_length = values[i].length;
    }
    if (piece_length > TEXT_MAX - length) return 0;
    memcpy(text + length, piece, piece_length);
    length += piece_length;
    if (*pattern) pattern++;
  }
  return length;
}

size_t render(const char *id, size_t id_length, const struct value *values, size_t count, char text[TEXT_MAX]) {
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    bool known = strlen(texts[i].id) == id_length && memcmp(texts[i].id, id, id_length) == 0;
    if (known) return fill(texts[i].text, values, count, text);
  }
  return 0;
}
