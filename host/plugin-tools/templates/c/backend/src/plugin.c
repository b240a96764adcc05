// Backend adapter: what the component exports. `backend.h` is made from the contract when the component is built; build/c
// shows it to an editor.
//
// Who calls gives up what it hands over: arguments are freed here, answers by the bindings. Inputs and events that are not
// known are left alone: later contracts have more.

#include "backend.h"
#include "reporter.h"

#include <stdlib.h>
#include <string.h>

// The bindings' names are long.
#define ADAPTER(name) exports_pilotwire_backend_adapter_##name
#define INPUT(name) EXPORTS_PILOTWIRE_BACKEND_ADAPTER_INPUT_##name
#define EVENT(name) EXPORTS_PILOTWIRE_BACKEND_ADAPTER_JOURNAL_EVENT_##name
#define COMMAND(name) EXPORTS_PILOTWIRE_BACKEND_ADAPTER_COMMAND_##name
#define REASON(name) [EXPORTS_PILOTWIRE_BACKEND_ADAPTER_STOP_REASON_##name]
#define CHARGING(name) [EXPORTS_PILOTWIRE_BACKEND_ADAPTER_CHARGING_STATE_##name]
#define OUTCOME(name) [EXPORTS_PILOTWIRE_BACKEND_ADAPTER_OUTCOME_KIND_##name]
#define PURPOSE(name) [PILOTWIRE_HOST_TYPES_AUTHORIZE_PURPOSE_##name]
#define REGISTRATION(name) EXPORTS_PILOTWIRE_BACKEND_ADAPTER_REGISTRATION_##name
#define DECISION(name) PILOTWIRE_HOST_TYPES_DECISION_##name

static const char *const reasons[] = {
    REASON(LOCAL) = "local",
    REASON(EV_DISCONNECTED) = "ev-disconnected",
    REASON(REMOTE) = "remote",
    REASON(DEAUTHORIZED) = "deauthorized",
    REASON(EMERGENCY_STOP) = "emergency-stop",
    REASON(HARD_RESET) = "hard-reset",
    REASON(SOFT_RESET) = "soft-reset",
    REASON(POWER_LOSS) = "power-loss",
    REASON(REBOOT) = "reboot",
    REASON(UNLOCK_COMMAND) = "unlock-command",
    REASON(OTHER) = "other",
};
static const char *const charging_states[] = {
    CHARGING(IDLE) = "idle",
    CHARGING(EV_CONNECTED) = "ev-connected",
    CHARGING(CHARGING) = "charging",
    CHARGING(SUSPENDED_EV) = "suspended-ev",
    CHARGING(SUSPENDED_EVSE) = "suspended-evse",
};
static const char *const outcomes[] = {
    OUTCOME(ACCEPTED) = "accepted", OUTCOME(REJECTED) = "rejected",           OUTCOME(SCHEDULED) = "scheduled",
    OUTCOME(UNKNOWN) = "unknown",   OUTCOME(NOT_SUPPORTED) = "not-supported", OUTCOME(FAILED) = "failed",
};
static const char *const purposes[] = {
    PURPOSE(START) = "start",
    PURPOSE(STOP) = "stop",
    PURPOSE(RECHECK) = "recheck",
};

// A word of a list; later contracts may have more than the list.
#define WORD(list, at) ((size_t)(at) < sizeof(list) / sizeof *(list) && (list)[at] ? (list)[at] : "other")

static struct reporter reporter;

static struct slice read(backend_string_t string) { return (struct slice){(const char *)string.ptr, string.len}; }

// Hands a string over.
static backend_string_t hand(char *text) {
  backend_string_t string = {(uint8_t *)text, text ? strlen(text) : 0};
  return string;
}

static const int64_t *wall(const pilotwire_host_types_moment_t *at) {
  return at->wall_ms.is_some ? &at->wall_ms.val : NULL;
}

static uint8_t registration(const char *word) {
  if (strcmp(word, "registered") == 0) return REGISTRATION(REGISTERED);
  return strcmp(word, "connecting") == 0 ? REGISTRATION(CONNECTING) : REGISTRATION(OFFLINE);
}

static uint8_t decision(const char *word) {
  if (strcmp(word, "accepted") == 0) return DECISION(ACCEPTED);
  if (strcmp(word, "blocked") == 0) return DECISION(BLOCKED);
  if (strcmp(word, "expired") == 0) return DECISION(EXPIRED);
  if (strcmp(word, "invalid") == 0) return DECISION(INVALID);
  if (strcmp(word, "concurrent") == 0) return DECISION(CONCURRENT);
  return DECISION(NO_OPINION);
}

// Turns a command into the contract's; what it does not mention is absent.
static void fill(ADAPTER(command_t) * to, struct command *from) {
  switch (from->want) {
    case ADVANCE:
      to->tag = COMMAND(ADVANCE);
      to->val.advance = from->number;
      break;
    case STORE:
      to->tag = COMMAND(STORE);
      to->val.store.key = hand(from->id);
      to->val.store.value.is_some = from->number > 0;
      if (from->number > 0) {
        to->val.store.value.val.ptr = malloc(1);
        to->val.store.value.val.ptr[0] = '1';
        to->val.store.value.val.len = 1;
      }
      break;
    case ENQUEUE:
      to->tag = COMMAND(ENQUEUE);
      to->val.enqueue.id = hand(from->id);
      to->val.enqueue.text = hand(from->text);
      break;
    case DEQUEUE:
      to->tag = COMMAND(DEQUEUE);
      to->val.dequeue = hand(from->id);
      break;
    case CONNECT:
      to->tag = COMMAND(CONNECT);
      to->val.connect.url = hand(from->text);
      to->val.connect.keep_alive_s = 30;
      to->val.connect.timeout_s = 30;
      break;
    case DISCONNECT:
      to->tag = COMMAND(DISCONNECT);
      to->val.disconnect = hand(from->text);
      break;
    case SEND:
      to->tag = COMMAND(SEND);
      to->val.send = hand(from->text);
      break;
    case WAKE_AT:
      to->tag = COMMAND(WAKE_AT);
      to->val.wake_at.is_some = true;
      to->val.wake_at.val = from->number;
      break;
    case WAKE_NEVER:
      to->tag = COMMAND(WAKE_AT);
      break;
    case SET_CLOCK:
      to->tag = COMMAND(SET_CLOCK);
      to->val.set_clock = (int64_t)from->number;
      break;
    case VERDICT:
      to->tag = COMMAND(VERDICT);
      to->val.verdict.request_id = from->number;
      to->val.verdict.decision = decision(from->id);
      free(from->id);
      break;
    case REQUEST_STOP:
      to->tag = COMMAND(REQUEST_STOP);
      to->val.request_stop.request_id = from->number;
      to->val.request_stop.transaction = from->second;
      break;
    case STATE:
      to->tag = COMMAND(STATE);
      to->val.state.registration = registration(from->id);
      to->val.state.detail = hand(from->text);
      free(from->id);
      break;
  }
}

static void give(struct commands *commands, ADAPTER(list_command_t) * ret) {
  ret->len = commands->count;
  ret->ptr = malloc(commands->count * sizeof *ret->ptr);
  memset(ret->ptr, 0, commands->count * sizeof *ret->ptr);
  for (size_t i = 0; i < commands->count; i++) fill(&ret->ptr[i], &commands->list[i]);
  free(commands->list);
}

void ADAPTER(describe)(ADAPTER(manifest_t) * ret) {
  static const char *const capabilities[] = {"net.connect", "authorize", "station.stop", "clock.set"};
  const size_t count = sizeof capabilities / sizeof *capabilities;
  backend_string_dup(&ret->name, "{{name}}");
  backend_string_dup(&ret->version, "0.1.0");
  backend_string_dup(&ret->summary, "Reports to a server in JSON");
  ret->capabilities.len = count;
  ret->capabilities.ptr = malloc(count * sizeof *ret->capabilities.ptr);
  for (size_t i = 0; i < count; i++) backend_string_dup(&ret->capabilities.ptr[i], capabilities[i]);
  ret->settings.len = 1;
  ret->settings.ptr = malloc(sizeof *ret->settings.ptr);
  backend_string_dup(&ret->settings.ptr[0].key, "url");
  backend_string_dup(&ret->settings.ptr[0].default_value, URL);
  backend_string_dup(&ret->settings.ptr[0].summary, "where the server is; the identity is appended");
}

static void connector(const ADAPTER(connector_status_t) * status, struct commands *commands) {
  const char *word = status->reserved ? "reserved" : "available";
  if (status->plugged || status->authorized) word = "preparing";
  if (status->finishing) word = "finishing";
  if (!status->operative) word = "unavailable";
  if (status->transaction.is_some) word = WORD(charging_states, status->charging);
  if (status->fault.is_some) word = "faulted";
  reporter_connector(&reporter, status->evse_id, status->connector_id, word, commands);
}

void ADAPTER(start)(ADAPTER(moment_t) * now, ADAPTER(start_context_t) * context, ADAPTER(list_command_t) * ret) {
  struct commands commands = {0};
  reporter_new(&reporter, read(context->identity), context->boot_count, read(context->station.model),
               read(context->station.firmware));
  for (size_t i = 0; i < context->settings.len; i++) {
    if (slice_is(read(context->settings.ptr[i].key), "url")) {
      reporter_knows_url(&reporter, read(context->settings.ptr[i].value));
    }
  }
  for (size_t i = 0; i < context->outbox.len; i++) {
    reporter_knows_frame(&reporter, read(context->outbox.ptr[i].id), read(context->outbox.ptr[i].text));
  }
  for (size_t i = 0; i < context->store.len; i++) reporter_knows_key(&reporter, read(context->store.ptr[i].key));
  for (size_t i = 0; i < context->connectors.len; i++) connector(&context->connectors.ptr[i], &commands);
  for (size_t i = 0; i < context->transactions.len; i++) {
    const ADAPTER(running_transaction_t) *running = &context->transactions.ptr[i];
    // Its start still comes.
    if (context->cursor < running->start_seq) continue;
    struct begun begun = {
        running->transaction,    running->evse_id,        running->connector_id, read(running->token.value),
        running->meter_start_wh, wall(&running->started), running->silent,
    };
    reporter_finds(&reporter, now->monotonic_ms, &begun, &commands);
  }
  reporter_starts(&reporter, now->monotonic_ms, context->link.is_some, &commands);
  ADAPTER(start_context_free)(context);
  give(&commands, ret);
}

static void metered(uint64_t now_ms, const ADAPTER(journal_entry_t) * entry, struct commands *commands) {
  const ADAPTER(meter_reading_t) *reading = &entry->event.val.metered.f1;
  const int64_t *energy = NULL;
  for (size_t i = 0; i < reading->samples.len && !energy; i++) {
    const ADAPTER(sample_t) *sample = &reading->samples.ptr[i];
    bool total = sample->measurand == EXPORTS_PILOTWIRE_BACKEND_ADAPTER_MEASURAND_ENERGY_IMPORT_REGISTER_WH;
    if (total && !sample->phase.is_some) energy = &sample->value;
  }
  reporter_metered(&reporter, now_ms, entry->seq, entry->event.val.metered.f0, energy, wall(&entry->at), commands);
}

static void journal(uint64_t now_ms, const ADAPTER(journal_entry_t) * entry, struct commands *commands) {
  const ADAPTER(transaction_started_t) *started = &entry->event.val.started;
  const ADAPTER(transaction_ended_t) *ended = &entry->event.val.ended;
  switch (entry->event.tag) {
    case EVENT(STARTED): {
      struct begun begun = {
          started->transaction,    started->evse_id, started->connector_id, read(started->token.value),
          started->meter_start_wh, wall(&entry->at), started->silent,
      };
      reporter_began(&reporter, now_ms, entry->seq, &begun, commands);
      break;
    }
    case EVENT(METERED):
      metered(now_ms, entry, commands);
      break;
    case EVENT(ENDED):
      reporter_ended(&reporter, now_ms, entry->seq, ended->transaction, ended->meter_stop_wh,
                     WORD(reasons, ended->reason), wall(&entry->at), commands);
      break;
    default:
      reporter_other(entry->seq, commands);
      break;
  }
}

void ADAPTER(handle)(ADAPTER(moment_t) * now, ADAPTER(input_t) * input, ADAPTER(list_command_t) * ret) {
  const pilotwire_host_types_authorize_request_t *asked = &input->val.authorize;
  const uint64_t now_ms = now->monotonic_ms;
  struct commands commands = {0};
  switch (input->tag) {
    case INPUT(TIMER):
      reporter_timer(&reporter, &commands);
      break;
    case INPUT(LINK_UP):
      reporter_link_up(&reporter, now_ms, &commands);
      break;
    case INPUT(LINK_DOWN):
      reporter_link_down(&reporter, now_ms, read(input->val.link_down.detail), &commands);
      break;
    case INPUT(FRAME):
      reporter_frame(&reporter, now_ms, read(input->val.frame), &commands);
      break;
    case INPUT(JOURNAL):
      journal(now_ms, &input->val.journal, &commands);
      break;
    case INPUT(CONNECTOR):
      connector(&input->val.connector, &commands);
      break;
    case INPUT(AUTHORIZE):
      reporter_card(&reporter, asked->request_id, asked->evse_id.is_some ? &asked->evse_id.val : NULL,
                    read(asked->token.value), WORD(purposes, asked->purpose), &commands);
      break;
    case INPUT(OUTCOME):
      reporter_done(&reporter, input->val.outcome.request_id, WORD(outcomes, input->val.outcome.kind), &commands);
      break;
    case INPUT(SETTING_CHANGED):
      if (slice_is(read(input->val.setting_changed.key), "url")) {
        reporter_url_changes(&reporter, read(input->val.setting_changed.value), &commands);
      }
      break;
    default:
      break;
  }
  ADAPTER(input_free)(input);
  give(&commands, ret);
}
