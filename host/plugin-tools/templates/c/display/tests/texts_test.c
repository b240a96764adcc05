// Run with `make test`.

#include "texts.h"

#include <stdio.h>
#include <string.h>

static int failed;

// `expected` is empty if the station is to say it itself.
static void check(const char *rule, const char *id, const char *kwh, const char *expected) {
  const struct value values[] = {
      {"volt", 4, "230", 3},
      {"kwh", 3, kwh, kwh ? strlen(kwh) : 0},
  };
  char text[TEXT_MAX];
  size_t length = render(id, strlen(id), values, kwh ? 2 : 1, text);
  if (length == strlen(expected) && memcmp(text, expected, length) == 0) return;
  printf("FAILED %s: \"%s\" gives \"%.*s\"\n", rule, id, (int)length, text);
  failed++;
}

int main(void) {
  const char *said = "a message has its text and its values";
  check(said, "signal.accepted", NULL, "Karto akceptita");
  check(said, "session.energy", "7.3", "7.3 kWh ŝargitaj");

  const char *left = "what it cannot say is left to the station";
  check(left, "fault.RCMB", "7.3", "");
  check(left, "", NULL, "");
  check(left, "session.energ", "7.3", "");
  check(left, "session.energy", NULL, "");
  char endless[2 * TEXT_MAX + 1];
  memset(endless, '9', 2 * TEXT_MAX);
  endless[2 * TEXT_MAX] = 0;
  check(left, "session.energy", endless, "");

  printf(failed == 0 ? "ok: all rules hold\n" : "%d checks failed\n", failed);
  return failed == 0 ? 0 : 1;
}
