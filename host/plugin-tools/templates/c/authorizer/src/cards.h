// The list of cards, without anything of the contract: tested natively.
#ifndef CARDS_H
#define CARDS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CARDS_MAX = 256, UID_MAX = 20 };

struct card {
  char uid[UID_MAX];
  size_t length;
  bool ends;
  int64_t until_ms;
};

struct cards {
  struct card card[CARDS_MAX];
  size_t count;
  // Entries that were not understood, or did not fit.
  size_t refused;
};

enum opinion { NO_OPINION, ACCEPTED, EXPIRED };

// Reads a list: UIDs separated by blanks, each optionally `@SECONDS`, good until that second since 1970.
void cards_parse(struct cards *cards, const char *text, size_t length);

// What the list says about a token. `wall_ms` is null while nobody has told the station the time. `card` is set unless
// there is no opinion.
enum opinion cards_opinion(const struct cards *cards, const char *uid, size_t length, const int64_t *wall_ms,
                           const struct card **card);

#endif
