// The mode, without anything of the contract: tested natively.
//
// With `start` = `plug` a charge begins by itself at plug-in; with `card` any card begins it, and the same card ends it.
// A setting that is not understood accepts nobody.
#ifndef MODE_H
#define MODE_H
#include <stdbool.h>
#include <stddef.h>

// Token of a charge that nobody presented a card for.
#define FREE "FREE"

enum start { START_UNKNOWN, START_PLUG, START_CARD };
enum report { REPORT_UNKNOWN, REPORT_NOTHING, REPORT_STATUS, REPORT_TRANSACTIONS };
enum presented { PRESENTED_CARD, PRESENTED_FIXED, PRESENTED_OTHER };

struct mode {
  enum start start;
  enum report report;
};

// Takes one setting; others than `start` and `report` are not its own.
void mode_set(struct mode *mode, const char *key, size_t key_length, const char *value, size_t length);

// Both settings are understood.
bool mode_understood(const struct mode *mode);

bool mode_starts_on_plug(const struct mode *mode);

bool mode_accepts(const struct mode *mode, enum presented kind, const char *value, size_t length);

#endif
