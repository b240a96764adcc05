// The reporter, without anything of the contract: tested natively. README.md lists its messages.
//
// Nothing of a transaction is lost or doubled. The station hands over an entry of its journal; the answer says "taken"
// (ADVANCE) and "keep this frame" (ENQUEUE), which the station commits together. The frame is sent, again after every loss
// of the link and every restart, always with the same id, until the server has confirmed the id (DEQUEUE).
#ifndef REPORTER_H
#define REPORTER_H
#include "json.h"

#define URL "ws://127.0.0.1:9000/report"
// Prefix of the keys under which the store has the transactions that are reported.
#define REPORTED "transaction-"

// What the reporter wants of the station.
enum want {
  ADVANCE,       // number: entry
  STORE,         // id: key; number: 1 keeps it, 0 deletes it
  ENQUEUE,       // id, text
  DEQUEUE,       // id
  CONNECT,       // text: URL
  DISCONNECT,    // text: why
  SEND,          // text
  WAKE_AT,       // number: when
  WAKE_NEVER,
  SET_CLOCK,     // number: when
  VERDICT,       // number: request; id: decision
  REQUEST_STOP,  // number: request; second: transaction
  STATE,         // id: registration; text: detail
};

struct command {
  enum want want;
  uint64_t number, second;
  // Whoever has the command frees them.
  char *id, *text;
};

struct commands {
  struct command *list;
  size_t count;
};

// A transaction, as it began. `time_ms` is null while nobody has told the station the time.
struct begun {
  uint64_t transaction;
  uint32_t evse, connector;
  struct slice card;
  uint64_t meter_wh;
  const int64_t *time_ms;
  bool silent;
};

enum link { DOWN, CONNECTING, GREETING, WELCOME };

struct frame {
  char *id, *text;
};

struct place {
  uint32_t evse, connector;
  const char *word;
};

struct reporter {
  char *identity, *model, *firmware, *url;
  uint64_t boot;
  enum link link;
  uint64_t pause_ms;
  struct frame *outbox;
  size_t frames;
  uint64_t *reported;
  size_t transactions;
  struct place *places;
  size_t place_count;
};

// A new one. Then come what it knows (`reporter_knows…`), and `reporter_starts`.
void reporter_new(struct reporter *reporter, struct slice identity, uint64_t boot, struct slice model,
                  struct slice firmware);
void reporter_knows_url(struct reporter *reporter, struct slice url);
void reporter_knows_frame(struct reporter *reporter, struct slice id, struct slice text);
void reporter_knows_key(struct reporter *reporter, struct slice key);

// A transaction that runs and whose start is behind us. One that we do not know began before we were added.
void reporter_finds(struct reporter *reporter, uint64_t now_ms, const struct begun *begun, struct commands *commands);
void reporter_starts(struct reporter *reporter, uint64_t now_ms, bool link_is_up, struct commands *commands);

void reporter_link_up(struct reporter *reporter, uint64_t now_ms, struct commands *commands);
void reporter_link_down(struct reporter *reporter, uint64_t now_ms, struct slice detail, struct commands *commands);
void reporter_timer(struct reporter *reporter, struct commands *commands);
void reporter_url_changes(struct reporter *reporter, struct slice url, struct commands *commands);
void reporter_frame(struct reporter *reporter, uint64_t now_ms, struct slice text, struct commands *commands);

// Entries of the journal. `meter_wh` is null in a reading without an energy register.
void reporter_began(struct reporter *reporter, uint64_t now_ms, uint64_t entry, const struct begun *begun,
                    struct commands *commands);
void reporter_metered(struct reporter *reporter, uint64_t now_ms, uint64_t entry, uint64_t transaction,
                      const int64_t *meter_wh, const int64_t *time_ms, struct commands *commands);
void reporter_ended(struct reporter *reporter, uint64_t now_ms, uint64_t entry, uint64_t transaction, uint64_t meter_wh,
                    const char *reason, const int64_t *time_ms, struct commands *commands);
void reporter_other(uint64_t entry, struct commands *commands);

// `word` is one of a few that last.
void reporter_connector(struct reporter *reporter, uint32_t evse, uint32_t connector, const char *word,
                        struct commands *commands);
// `evse` is null if the station has one reader for all.
void reporter_card(struct reporter *reporter, uint64_t request, const uint32_t *evse, struct slice card,
                   const char *purpose, struct commands *commands);
void reporter_done(struct reporter *reporter, uint64_t request, const char *result, struct commands *commands);

#endif
