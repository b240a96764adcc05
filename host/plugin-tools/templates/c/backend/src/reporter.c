// The reporter.

#include "reporter.h"

#include <stdlib.h>
#include <string.h>

// Pause before the next try to connect; it doubles. The server has PATIENCE_MS for a welcome and for a confirmation.
enum { FIRST_PAUSE_MS = 1000, LONGEST_PAUSE_MS = 60000, PATIENCE_MS = 30000 };
// Longest id, and longest word of the server.
enum { ID_MAX = 32 };

static struct command *add(struct commands *commands, enum want want) {
  commands->list = realloc(commands->list, (commands->count + 1) * sizeof *commands->list);
  struct command *command = &commands->list[commands->count++];
  memset(command, 0, sizeof *command);
  command->want = want;
  return command;
}

static void add_number(struct commands *commands, enum want want, uint64_t number) {
  add(commands, want)->number = number;
}

static void add_text(struct commands *commands, enum want want, struct slice text) {
  add(commands, want)->text = slice_copy(text);
}

static void add_state(struct commands *commands, const char *registration, struct slice detail) {
  struct command *command = add(commands, STATE);
  command->id = slice_copy(slice(registration));
  command->text = slice_copy(detail);
}

// A letter or word with a number behind it.
static char *numbered(const char *word, uint64_t number) {
  struct text text = {0};
  text_add_word(&text, word);
  text_add_number(&text, (int64_t)number);
  return text.bytes;
}

// Messages are written field by field; the first is `type`.
static struct text message(const char *type) {
  struct text text = {0};
  text_add_word(&text, "{\"type\":");
  text_add_string(&text, slice(type));
  return text;
}

static void field(struct text *text, const char *key) {
  text_add_word(text, ",");
  text_add_string(text, slice(key));
  text_add_word(text, ":");
}

static void field_string(struct text *text, const char *key, struct slice value) {
  field(text, key);
  text_add_string(text, value);
}

static void field_number(struct text *text, const char *key, int64_t value) {
  field(text, key);
  text_add_number(text, value);
}

static void field_time(struct text *text, const int64_t *time_ms) {
  field(text, "time_ms");
  if (time_ms) text_add_number(text, *time_ms);
  else text_add_word(text, "null");
}

static void send(struct text *text, struct commands *commands) {
  text_add_word(text, "}");
  add(commands, SEND)->text = text->bytes;
}

void reporter_new(struct reporter *reporter, struct slice identity, uint64_t boot, struct slice model,
                  struct slice firmware) {
  memset(reporter, 0, sizeof *reporter);
  reporter->identity = slice_copy(identity);
  reporter->model = slice_copy(model);
  reporter->firmware = slice_copy(firmware);
  reporter->url = slice_copy(slice(URL));
  reporter->boot = boot;
  reporter->pause_ms = FIRST_PAUSE_MS;
}

void reporter_knows_url(struct reporter *reporter, struct slice url) {
  free(reporter->url);
  reporter->url = slice_copy(url);
}

void reporter_knows_frame(struct reporter *reporter, struct slice id, struct slice text) {
  reporter->outbox = realloc(reporter->outbox, (reporter->frames + 1) * sizeof *reporter->outbox);
  reporter->outbox[reporter->frames++] = (struct frame){slice_copy(id), slice_copy(text)};
}

static void remember(struct reporter *reporter, uint64_t transaction) {
  reporter->reported = realloc(reporter->reported, (reporter->transactions + 1) * sizeof *reporter->reported);
  reporter->reported[reporter->transactions++] = transaction;
}

void reporter_knows_key(struct reporter *reporter, struct slice key) {
  const size_t prefix = sizeof REPORTED - 1;
  if (key.length <= prefix || memcmp(key.ptr, REPORTED, prefix) != 0) return;
  uint64_t transaction = 0;
  for (size_t i = prefix; i < key.length; i++) transaction = transaction * 10 + (uint64_t)(key.ptr[i] - '0');
  remember(reporter, transaction);
}

// Place in `reported`, or `transactions` if it is not there.
static size_t place_of(const struct reporter *reporter, uint64_t transaction) {
  size_t at = 0;
  while (at < reporter->transactions && reporter->reported[at] != transaction) at++;
  return at;
}

static bool is_reported(const struct reporter *reporter, uint64_t transaction) {
  return place_of(reporter, transaction) < reporter->transactions;
}

static void connect(struct reporter *reporter, struct commands *commands) {
  static const char hex[] = "0123456789ABCDEF";
  reporter->link = CONNECTING;
  struct text url = {0};
  text_add_word(&url, reporter->url);
  text_add_word(&url, "/");
  for (const char *c = reporter->identity; *c; c++) {
    unsigned char byte = (unsigned char)*c;
    bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                 byte == '-' || byte == '_' || byte == '.' || byte == '~';
    char escaped[] = {'%', hex[byte >> 4], hex[byte & 15]};
    text_add(&url, plain ? (struct slice){c, 1} : (struct slice){escaped, sizeof escaped});
  }
  add(commands, CONNECT)->text = url.bytes;
  add(commands, WAKE_NEVER);
  add_state(commands, "connecting", slice(reporter->url));
}

static void greet(struct reporter *reporter, uint64_t now_ms, struct commands *commands) {
  reporter->link = GREETING;
  struct text hello = message("hello");
  field_string(&hello, "station", slice(reporter->identity));
  field_number(&hello, "boot", (int64_t)reporter->boot);
  field_string(&hello, "model", slice(reporter->model));
  field_string(&hello, "firmware", slice(reporter->firmware));
  send(&hello, commands);
  add_number(commands, WAKE_AT, now_ms + PATIENCE_MS);
  add_state(commands, "connecting", slice("waiting for the welcome"));
}

// While the server owes a confirmation, it is waited for; the adapter has one timer.
static void await(const struct reporter *reporter, uint64_t now_ms, struct commands *commands) {
  if (reporter->frames > 0) add_number(commands, WAKE_AT, now_ms + PATIENCE_MS);
  else add(commands, WAKE_NEVER);
}

static void send_status(const struct place *place, struct commands *commands) {
  struct text status = message("status");
  field_number(&status, "evse", place->evse);
  field_number(&status, "connector", place->connector);
  field_string(&status, "status", slice(place->word));
  send(&status, commands);
}

static void welcomed(struct reporter *reporter, uint64_t now_ms, struct slice text, struct commands *commands) {
  if (reporter->link != GREETING) return;
  reporter->link = WELCOME;
  reporter->pause_ms = FIRST_PAUSE_MS;
  uint64_t time_ms;
  if (json_count(text, "time_ms", &time_ms)) add_number(commands, SET_CLOCK, time_ms);
  for (size_t i = 0; i < reporter->place_count; i++) send_status(&reporter->places[i], commands);
  for (size_t i = 0; i < reporter->frames; i++) add_text(commands, SEND, slice(reporter->outbox[i].text));
  await(reporter, now_ms, commands);
  struct text detail = {0};
  text_add_word(&detail, "reports to ");
  text_add_word(&detail, reporter->url);
  add_state(commands, "registered", slice(detail.bytes));
  free(detail.bytes);
}

void reporter_starts(struct reporter *reporter, uint64_t now_ms, bool link_is_up, struct commands *commands) {
  if (link_is_up) greet(reporter, now_ms, commands);
  else connect(reporter, commands);
}

void reporter_link_up(struct reporter *reporter, uint64_t now_ms, struct commands *commands) {
  greet(reporter, now_ms, commands);
}

void reporter_link_down(struct reporter *reporter, uint64_t now_ms, struct slice detail, struct commands *commands) {
  reporter->link = DOWN;
  add_number(commands, WAKE_AT, now_ms + reporter->pause_ms);
  reporter->pause_ms = reporter->pause_ms * 2 < LONGEST_PAUSE_MS ? reporter->pause_ms * 2 : LONGEST_PAUSE_MS;
  add_state(commands, "offline", detail);
}

void reporter_timer(struct reporter *reporter, struct commands *commands) {
  if (reporter->link == DOWN) connect(reporter, commands);
  else if (reporter->link != CONNECTING) add_text(commands, DISCONNECT, slice("the server does not answer"));
}

void reporter_url_changes(struct reporter *reporter, struct slice url, struct commands *commands) {
  if (slice_is(url, reporter->url)) return;
  reporter_knows_url(reporter, url);
  if (reporter->link == DOWN) connect(reporter, commands);
  else add_text(commands, DISCONNECT, slice("the URL has changed"));
}

// Keeps a message until the server has confirmed it. Takes `id` and `text` over.
static void keep(struct reporter *reporter, uint64_t now_ms, char *id, struct text *text, struct commands *commands) {
  text_add_word(text, "}");
  reporter_knows_frame(reporter, slice(id), slice(text->bytes));
  struct command *kept = add(commands, ENQUEUE);
  kept->id = id;
  kept->text = text->bytes;
  if (reporter->link != WELCOME) return;
  add_text(commands, SEND, slice(text->bytes));
  await(reporter, now_ms, commands);
}

static void begin(struct reporter *reporter, uint64_t now_ms, char *id, const struct begun *begun,
                  struct commands *commands) {
  remember(reporter, begun->transaction);
  struct command *store = add(commands, STORE);
  store->id = numbered(REPORTED, begun->transaction);
  store->number = 1;
  struct text text = message("started");
  field_string(&text, "id", slice(id));
  field_number(&text, "transaction", (int64_t)begun->transaction);
  field_number(&text, "evse", begun->evse);
  field_number(&text, "connector", begun->connector);
  field_string(&text, "card", begun->card);
  field_number(&text, "meter_wh", (int64_t)begun->meter_wh);
  field_time(&text, begun->time_ms);
  keep(reporter, now_ms, id, &text, commands);
}

void reporter_finds(struct reporter *reporter, uint64_t now_ms, const struct begun *begun, struct commands *commands) {
  if (begun->silent || is_reported(reporter, begun->transaction)) return;
  begin(reporter, now_ms, numbered("t", begun->transaction), begun, commands);
}

void reporter_began(struct reporter *reporter, uint64_t now_ms, uint64_t entry, const struct begun *begun,
                    struct commands *commands) {
  reporter_other(entry, commands);
  if (!begun->silent) begin(reporter, now_ms, numbered("j", entry), begun, commands);
}

void reporter_metered(struct reporter *reporter, uint64_t now_ms, uint64_t entry, uint64_t transaction,
                      const int64_t *meter_wh, const int64_t *time_ms, struct commands *commands) {
  reporter_other(entry, commands);
  if (!meter_wh || !is_reported(reporter, transaction)) return;
  char *id = numbered("j", entry);
  struct text text = message("energy");
  field_string(&text, "id", slice(id));
  field_number(&text, "transaction", (int64_t)transaction);
  field_number(&text, "meter_wh", *meter_wh);
  field_time(&text, time_ms);
  keep(reporter, now_ms, id, &text, commands);
}

void reporter_ended(struct reporter *reporter, uint64_t now_ms, uint64_t entry, uint64_t transaction, uint64_t meter_wh,
                    const char *reason, const int64_t *time_ms, struct commands *commands) {
  reporter_other(entry, commands);
  size_t at = place_of(reporter, transaction);
  if (at == reporter->transactions) return;
  reporter->reported[at] = reporter->reported[--reporter->transactions];
  add(commands, STORE)->id = numbered(REPORTED, transaction);
  char *id = numbered("j", entry);
  struct text text = message("ended");
  field_string(&text, "id", slice(id));
  field_number(&text, "transaction", (int64_t)transaction);
  field_number(&text, "meter_wh", (int64_t)meter_wh);
  field_string(&text, "reason", slice(reason));
  field_time(&text, time_ms);
  keep(reporter, now_ms, id, &text, commands);
}

void reporter_other(uint64_t entry, struct commands *commands) { add_number(commands, ADVANCE, entry); }

static void confirmed(struct reporter *reporter, uint64_t now_ms, const char *id, struct commands *commands) {
  size_t at = 0;
  while (at < reporter->frames && strcmp(reporter->outbox[at].id, id) != 0) at++;
  if (at == reporter->frames || reporter->link != WELCOME) return;
  add(commands, DEQUEUE)->id = reporter->outbox[at].id;
  free(reporter->outbox[at].text);
  reporter->frames--;
  memmove(&reporter->outbox[at], &reporter->outbox[at + 1], (reporter->frames - at) * sizeof *reporter->outbox);
  await(reporter, now_ms, commands);
}

// What is not understood is no opinion, and so never accepts.
static void decide(struct commands *commands, uint64_t request, const char *decision) {
  static const char *known[] = {"accepted", "blocked", "expired", "invalid", "concurrent"};
  struct command *verdict = add(commands, VERDICT);
  verdict->number = request;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (strcmp(known[i], decision) == 0) verdict->id = slice_copy(slice(decision));
  }
  if (!verdict->id) verdict->id = slice_copy(slice("no-opinion"));
}

void reporter_frame(struct reporter *reporter, uint64_t now_ms, struct slice text, struct commands *commands) {
  char type[ID_MAX], word[ID_MAX];
  if (!json_string(text, "type", type, sizeof type)) return;
  uint64_t request, transaction;
  bool asked = json_count(text, "request", &request);
  if (strcmp(type, "welcome") == 0) {
    welcomed(reporter, now_ms, text, commands);
  } else if (strcmp(type, "ack") == 0) {
    if (json_string(text, "id", word, sizeof word)) confirmed(reporter, now_ms, word, commands);
  } else if (strcmp(type, "verdict") == 0 && asked) {
    bool said = json_string(text, "decision", word, sizeof word);
    decide(commands, request, said ? word : "no-opinion");
  } else if (strcmp(type, "stop") == 0 && asked && json_count(text, "transaction", &transaction)) {
    struct command *stop = add(commands, REQUEST_STOP);
    stop->number = request;
    stop->second = transaction;
  }
}

void reporter_connector(struct reporter *reporter, uint32_t evse, uint32_t connector, const char *word,
                        struct commands *commands) {
  size_t at = 0;
  while (at < reporter->place_count &&
         (reporter->places[at].evse != evse || reporter->places[at].connector != connector)) {
    at++;
  }
  if (at == reporter->place_count) {
    reporter->places = realloc(reporter->places, (at + 1) * sizeof *reporter->places);
    reporter->place_count++;
  } else if (strcmp(reporter->places[at].word, word) == 0) {
    return;
  }
  reporter->places[at] = (struct place){evse, connector, word};
  if (reporter->link == WELCOME) send_status(&reporter->places[at], commands);
}

void reporter_card(struct reporter *reporter, uint64_t request, const uint32_t *evse, struct slice card,
                   const char *purpose, struct commands *commands) {
  // Without the server there is no opinion, so that others may have one.
  if (reporter->link != WELCOME) {
    decide(commands, request, "no-opinion");
    return;
  }
  struct text text = message("card");
  field_number(&text, "request", (int64_t)request);
  field(&text, "evse");
  if (evse) text_add_number(&text, *evse);
  else text_add_word(&text, "null");
  field_string(&text, "card", card);
  field_string(&text, "purpose", slice(purpose));
  send(&text, commands);
}

void reporter_done(struct reporter *reporter, uint64_t request, const char *result, struct commands *commands) {
  if (reporter->link != WELCOME) return;
  struct text text = message("done");
  field_number(&text, "request", (int64_t)request);
  field_string(&text, "result", slice(result));
  send(&text, commands);
}
