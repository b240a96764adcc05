// The mode.

#include "mode.h"

#include <string.h>

static bool is(const char *text, size_t length, const char *word) {
  return length == strlen(word) && memcmp(text, word, length) == 0;
}

static enum start start_of(const char *value, size_t length) {
  if (is(value, length, "plug")) return START_PLUG;
  if (is(value, length, "card")) return START_CARD;
  return START_UNKNOWN;
}

static enum report report_of(const char *value, size_t length) {
  if (is(value, length, "nothing")) return REPORT_NOTHING;
  if (is(value, length, "status")) return REPORT_STATUS;
  if (is(value, length, "transactions")) return REPORT_TRANSACTIONS;
  return REPORT_UNKNOWN;
}

void mode_set(struct mode *mode, const char *key, size_t key_length, const char *value, size_t length) {
  if (is(key, key_length, "start")) mode->start = start_of(value, length);
  if (is(key, key_length, "report")) mode->report = report_of(value, length);
}

bool mode_understood(const struct mode *mode) {
  return mode->start != START_UNKNOWN && mode->report != REPORT_UNKNOWN;
}

bool mode_starts_on_plug(const struct mode *mode) { return mode_understood(mode) && mode->start == START_PLUG; }

bool mode_accepts(const struct mode *mode, enum presented kind, const char *value, size_t length) {
  if (!mode_understood(mode)) return false;
  if (mode->start == START_PLUG) return kind == PRESENTED_FIXED && is(value, length, FREE);
  return kind == PRESENTED_CARD;
}
