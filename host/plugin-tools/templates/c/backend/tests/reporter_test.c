// Run with `make test`.

#include "reporter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t AT = 1893456000000;
static int failed;

static void check(const char *rule, bool holds, int line) {
  if (holds) return;
  printf("FAILED %s (line %d)\n", rule, line);
  failed++;
}
#define CHECK(holds) check(rule, holds, __LINE__)

static struct reporter reporter;
static struct commands commands;

static struct begun begun(void) { return (struct begun){7, 1, 1, slice("04A1B2C3"), 1500, &AT, false}; }

static void forget(void) {
  for (size_t i = 0; i < commands.count; i++) {
    free(commands.list[i].id);
    free(commands.list[i].text);
  }
  commands.count = 0;
}

static void hear(const char *text) {
  forget();
  reporter_frame(&reporter, 20, slice(text), &commands);
}

static void fresh(void) {
  forget();
  reporter_new(&reporter, slice("CP 1"), 3, slice("M \"1\""), slice("1"));
}

static void welcome(void) {
  reporter_link_up(&reporter, 10, &commands);
  hear("{\"type\": \"welcome\", \"time_ms\": 1893456000000}");
}

// The last command of this kind; null if there is none.
static const struct command *find(enum want want) {
  for (size_t i = commands.count; i > 0; i--) {
    if (commands.list[i - 1].want == want) return &commands.list[i - 1];
  }
  return NULL;
}

static bool is(const char *text, const char *expected) { return text && strcmp(text, expected) == 0; }

static void connects(void) {
  const char *rule = "it connects, introduces the station and waits for the welcome";
  fresh();
  reporter_starts(&reporter, 0, false, &commands);
  CHECK(is(find(CONNECT)->text, "ws://127.0.0.1:9000/report/CP%201"));
  reporter_link_up(&reporter, 10, &commands);
  const char *hello = "{\"type\":\"hello\",\"station\":\"CP 1\",\"boot\":3,\"model\":\"M \\\"1\\\"\",\"firmware\":\"1\"}";
  CHECK(is(find(SEND)->text, hello));
  hear("{\"type\": \"welcome\", \"time_ms\": 1893456000000}");
  CHECK(find(SET_CLOCK)->number == (uint64_t)AT);
  CHECK(is(find(STATE)->id, "registered"));
}

static void keeps(void) {
  const char *rule = "an entry is taken and kept in one answer, sent again after a loss, and forgotten once confirmed";
  fresh();
  welcome();
  forget();
  struct begun started = begun();
  reporter_began(&reporter, 30, 5, &started, &commands);
  CHECK(find(ADVANCE)->number == 5);
  CHECK(is(find(STORE)->id, "transaction-7") && find(STORE)->number == 1);
  CHECK(is(find(ENQUEUE)->id, "j5") && is(find(ENQUEUE)->text, find(SEND)->text));
  // What is sent first must be durable first.
  CHECK(find(ENQUEUE) < find(SEND));
  char *sent = slice_copy(slice(find(SEND)->text));
  forget();
  reporter_link_down(&reporter, 40, slice("gone"), &commands);
  CHECK(find(WAKE_AT)->number == 1040);
  reporter_timer(&reporter, &commands);
  CHECK(find(CONNECT));
  welcome();
  CHECK(is(find(SEND)->text, sent));
  hear("{\"type\":\"ack\",\"id\":\"j5\"}");
  CHECK(is(find(DEQUEUE)->id, "j5"));
  hear("{\"type\":\"ack\",\"id\":\"j5\"}");
  CHECK(commands.count == 0 && reporter.frames == 0);
  free(sent);
}

static void leaves_alone(void) {
  const char *rule = "what it does not know is taken and not reported";
  const int64_t energy = 1600;
  fresh();
  struct begun silent = begun(), loud = begun();
  silent.silent = true;
  reporter_began(&reporter, 0, 5, &silent, &commands);
  reporter_metered(&reporter, 0, 6, 7, &energy, &AT, &commands);
  reporter_ended(&reporter, 0, 7, 7, 1700, "local", &AT, &commands);
  reporter_other(8, &commands);
  CHECK(commands.count == 4 && find(ADVANCE)->number == 8 && !find(ENQUEUE));
  reporter_began(&reporter, 0, 9, &loud, &commands);
  reporter_metered(&reporter, 0, 10, 7, &energy, &AT, &commands);
  reporter_metered(&reporter, 0, 11, 7, NULL, &AT, &commands);
  reporter_ended(&reporter, 0, 12, 7, 1700, "local", NULL, &commands);
  CHECK(reporter.frames == 3 && reporter.transactions == 0);
  const char *ended =
      "{\"type\":\"ended\",\"id\":\"j12\",\"transaction\":7,\"meter_wh\":1700,\"reason\":\"local\",\"time_ms\":null}";
  CHECK(is(find(ENQUEUE)->text, ended));
  CHECK(is(find(STORE)->id, "transaction-7") && find(STORE)->number == 0);
}

static void goes_on(void) {
  const char *rule = "after a restart it goes on where it was";
  struct begun running = begun();
  fresh();
  reporter_knows_frame(&reporter, slice("j4"), slice("{\"type\":\"energy\",\"id\":\"j4\"}"));
  reporter_knows_key(&reporter, slice("transaction-7"));
  reporter_knows_key(&reporter, slice("another"));
  reporter_finds(&reporter, 0, &running, &commands);
  CHECK(commands.count == 0);
  reporter_starts(&reporter, 0, true, &commands);
  CHECK(!find(CONNECT) && strstr(find(SEND)->text, "hello"));
  hear("{\"type\":\"welcome\"}");
  CHECK(is(find(SEND)->text, "{\"type\":\"energy\",\"id\":\"j4\"}"));
  fresh();
  reporter_finds(&reporter, 0, &running, &commands);
  CHECK(is(find(ENQUEUE)->id, "t7"));
}

static void judges(void) {
  const char *rule = "a card is judged by the server, and by nobody while it is away";
  const uint32_t evse = 1;
  fresh();
  reporter_card(&reporter, 9, &evse, slice("04A1B2C3"), "start", &commands);
  CHECK(is(find(VERDICT)->id, "no-opinion"));
  welcome();
  reporter_card(&reporter, 9, &evse, slice("04A1B2C3"), "start", &commands);
  CHECK(is(find(SEND)->text, "{\"type\":\"card\",\"request\":9,\"evse\":1,\"card\":\"04A1B2C3\",\"purpose\":\"start\"}"));
  hear(" { \"x\" : [{\"}\": \"]\\\"\"}] , \"request\" : 9 , \"type\" : \"verdict\", \"decision\": \"\\u0061ccepted\" } ");
  CHECK(find(VERDICT)->number == 9 && is(find(VERDICT)->id, "accepted"));
  const char *odd[] = {"\"\"", "\"yes\"", "null", "true", "\"accepted \"", "\"\\u00e1ccepted\"", "[\"accepted\"]"};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    struct text text = {0};
    text_add_word(&text, "{\"type\":\"verdict\",\"request\":9,\"decision\":");
    text_add_word(&text, odd[i]);
    text_add_word(&text, "}");
    hear(text.bytes);
    CHECK(is(find(VERDICT)->id, "no-opinion"));
    free(text.bytes);
  }
}

static void survives_nonsense(void) {
  const char *rule = "nonsense of the server does nothing";
  const char *nonsense[] = {
      "",
      "{",
      "null",
      "[]",
      "7",
      "\"",
      "{\"",
      "{\"type",
      "{\"type\"",
      "{\"type\":",
      "{\"type\":}",
      "{\"type\":\"",
      "{\"type\":\"ack\\",
      "{\"type\":\"stop\",\"request\":-1,\"transaction\":1}",
      "{\"type\":\"stop\",\"request\":1.5,\"transaction\":1}",
      "{\"type\":\"stop\",\"request\":99999999999999999999,\"transaction\":1}",
      "{\"type\":\"stop\",\"request\":9007199254740992,\"transaction\":1}",
      "{\"type\":\"stop\",\"request\":\"1\",\"transaction\":1}",
      "{\"type\":\"stop\",\"request\":1}",
      "{\"type\":\"verdict\",\"decision\":\"accepted\"}",
      "{\"type\":\"ack\",\"id\":\"a very long id that does not fit into anything\"}",
      "{\"type\":\"\\u00\"}",
      "]]]]}}}}",
  };
  fresh();
  welcome();
  for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
    hear(nonsense[i]);
    CHECK(commands.count == 0);
  }
  hear("{\"type\":\"stop\",\"request\":1,\"transaction\":7}");
  CHECK(find(REQUEST_STOP)->number == 1 && find(REQUEST_STOP)->second == 7);
}

int main(void) {
  connects();
  keeps();
  leaves_alone();
  goes_on();
  judges();
  survives_nonsense();
  printf(failed == 0 ? "ok: all rules hold\n" : "%d checks failed\n", failed);
  return failed == 0 ? 0 : 1;
}
