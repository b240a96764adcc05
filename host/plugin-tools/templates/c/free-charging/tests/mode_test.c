// Run with `make test`.

#include "mode.h"

#include <stdio.h>
#include <string.h>

static int failed;

static void check(const char *rule, bool holds) {
  if (holds) return;
  printf("FAILED %s\n", rule);
  failed++;
}

static struct mode mode(const char *start, const char *report) {
  struct mode mode = {0};
  mode_set(&mode, "start", 5, start, strlen(start));
  mode_set(&mode, "report", 6, report, strlen(report));
  mode_set(&mode, "starts", 6, "plug", 4);
  return mode;
}

static bool accepts(struct mode mode, enum presented kind, const char *value) {
  return mode_accepts(&mode, kind, value, strlen(value));
}

int main(void) {
  const char *plugged = "a plug starts by itself and needs no card";
  struct mode plug = mode("plug", "nothing");
  check(plugged, mode_starts_on_plug(&plug));
  check(plugged, accepts(plug, PRESENTED_FIXED, "FREE"));
  check(plugged, !accepts(plug, PRESENTED_FIXED, "FREED"));
  check(plugged, !accepts(plug, PRESENTED_CARD, "04A1B2C3"));

  const char *carded = "any card starts and nothing else does";
  struct mode card = mode("card", "status");
  check(carded, !mode_starts_on_plug(&card));
  check(carded, accepts(card, PRESENTED_CARD, "04A1B2C3"));
  check(carded, !accepts(card, PRESENTED_OTHER, "04A1B2C3"));

  const char *nobody = "a setting that is not understood accepts nobody";
  const char *odd[][2] = {
      {"", ""}, {"plug", ""}, {"card", "whatever"}, {"plugs", "nothing"}, {"null", "null"},
  };
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    struct mode unknown = mode(odd[i][0], odd[i][1]);
    check(nobody, !mode_understood(&unknown));
    check(nobody, !mode_starts_on_plug(&unknown));
    check(nobody, !accepts(unknown, PRESENTED_FIXED, "FREE"));
    check(nobody, !accepts(unknown, PRESENTED_CARD, "04A1B2C3"));
  }

  printf(failed == 0 ? "ok: all rules hold\n" : "%d checks failed\n", failed);
  return failed == 0 ? 0 : 1;
}
