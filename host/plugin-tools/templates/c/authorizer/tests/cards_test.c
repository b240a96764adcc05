// Run with `make test`.

#include "cards.h"

#include <stdio.h>
#include <string.h>

static int failed;

static void check(const char *rule, const char *list, const char *uid, const int64_t *wall_ms, enum opinion expected) {
  static struct cards cards;
  const struct card *card = NULL;
  cards_parse(&cards, list, strlen(list));
  if (cards_opinion(&cards, uid, strlen(uid), wall_ms, &card) == expected) return;
  printf("FAILED %s: \"%s\" with the list \"%s\"\n", rule, uid, list);
  failed++;
}

int main(void) {
  const char *listed = "a card on the list is accepted and any other left to others";
  check(listed, "04A1B2C3", "04A1B2C3", NULL, ACCEPTED);
  check(listed, " x 04a1b2c3\n", "04A1B2C3", NULL, ACCEPTED);
  check(listed, "04A1B2C3", "DEADBEEF", NULL, NO_OPINION);

  const char *ends = "a card with an end is accepted until then";
  const char *until_2030 = "0A0E9B83@1893456000";
  const int64_t before = 1893455999999, after = 1893456000000;
  check(ends, until_2030, "0A0E9B83", &before, ACCEPTED);
  check(ends, until_2030, "0A0E9B83", &after, EXPIRED);
  check(ends, until_2030, "0A0E9B83", NULL, NO_OPINION);

  const char *nobody = "nobody else is ever accepted";
  const char *odd[] = {"", " ", "@", "0", "null", "04A1B2C3 ", "04A1B2C3@1", "04A1B2C", "04A1B2C3045"};
  const char *lists[] = {"", "04A1B2C3", "* null @ @1 04A1B2C3@ 04A1B2C3@x 04A1B2C3@1234567890123"};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    for (size_t j = 0; j < sizeof lists / sizeof *lists; j++) check(nobody, lists[j], odd[i], &before, NO_OPINION);
  }

  printf(failed == 0 ? "ok: all rules hold\n" : "%d checks failed\n", failed);
  return failed == 0 ? 0 : 1;
}
