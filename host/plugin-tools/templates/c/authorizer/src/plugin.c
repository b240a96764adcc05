// Authorizer: the cards of the setting `cards` may charge.
//
// Whatever is not on the list gets no opinion, so that the next authorizer or the backend may judge it. `authorizer.h` is
// made from the contract when the component is built; build/c shows it to an editor.
//
// Who calls gives up what it hands over: arguments are freed here, answers by the bindings. Hence the copies.

#include "authorizer.h"
#include "cards.h"

#include <stdlib.h>
#include <string.h>

#define NAME "{{name}}"

typedef exports_pilotwire_authorizer_judge_answer_t answer_t;
typedef exports_pilotwire_authorizer_judge_moment_t moment_t;

static struct cards cards;

static void log_line(pilotwire_host_log_level_t level, const char *text) {
  authorizer_string_t line;
  authorizer_string_set(&line, text);
  pilotwire_host_log_log(level, &line);
}

static void set(const pilotwire_host_types_setting_t *setting) {
  static const char key[] = "cards";
  if (setting->key.len != sizeof key - 1 || memcmp(setting->key.ptr, key, sizeof key - 1) != 0) return;
  cards_parse(&cards, (const char *)setting->value.ptr, setting->value.len);
  if (cards.refused > 0) log_line(PILOTWIRE_HOST_LOG_LEVEL_WARN, "some entries of `cards` are no cards");
}

static void judge(const moment_t *now, const pilotwire_host_types_authorize_request_t *request,
                  pilotwire_host_types_verdict_t *verdict) {
  verdict->request_id = request->request_id;
  verdict->decision = PILOTWIRE_HOST_TYPES_DECISION_NO_OPINION;
  if (request->token.kind != PILOTWIRE_HOST_TYPES_TOKEN_KIND_RFID) return;
  const int64_t *wall_ms = now->wall_ms.is_some ? &now->wall_ms.val : NULL;
  const struct card *card = NULL;
  const char *uid = (const char *)request->token.value.ptr;
  switch (cards_opinion(&cards, uid, request->token.value.len, wall_ms, &card)) {
    case ACCEPTED:
      verdict->decision = PILOTWIRE_HOST_TYPES_DECISION_ACCEPTED;
      verdict->expires_wall_ms.is_some = card->ends;
      verdict->expires_wall_ms.val = card->until_ms;
      verdict->reason.is_some = true;
      authorizer_string_dup(&verdict->reason.val, "on the list of " NAME);
      break;
    case EXPIRED:
      verdict->decision = PILOTWIRE_HOST_TYPES_DECISION_EXPIRED;
      break;
    case NO_OPINION:
      break;
  }
}

void exports_pilotwire_authorizer_judge_describe(exports_pilotwire_authorizer_judge_manifest_t *ret) {
  authorizer_string_dup(&ret->name, NAME);
  authorizer_string_dup(&ret->version, "0.1.0");
  authorizer_string_dup(&ret->summary, "Accepts the cards of its setting");
  ret->capabilities.len = 1;
  ret->capabilities.ptr = malloc(sizeof *ret->capabilities.ptr);
  authorizer_string_dup(&ret->capabilities.ptr[0], "authorize");
  ret->settings.len = 1;
  ret->settings.ptr = malloc(sizeof *ret->settings.ptr);
  authorizer_string_dup(&ret->settings.ptr[0].key, "cards");
  authorizer_string_dup(&ret->settings.ptr[0].default_value, "");
  authorizer_string_dup(&ret->settings.ptr[0].summary,
                        "UIDs that may charge, separated by blanks; UID@SECONDS until then only");
}

void exports_pilotwire_authorizer_judge_start(moment_t *now, exports_pilotwire_authorizer_judge_start_context_t *context,
                                              answer_t *ret) {
  (void)now;
  memset(ret, 0, sizeof *ret);
  for (size_t i = 0; i < context->settings.len; i++) set(&context->settings.ptr[i]);
  exports_pilotwire_authorizer_judge_start_context_free(context);
}

void exports_pilotwire_authorizer_judge_handle(moment_t *now, exports_pilotwire_authorizer_judge_input_t *input,
                                               answer_t *ret) {
  // All absent: an answer that says nothing.
  memset(ret, 0, sizeof *ret);
  switch (input->tag) {
    case EXPORTS_PILOTWIRE_AUTHORIZER_JUDGE_INPUT_AUTHORIZE:
      ret->verdict.is_some = true;
      judge(now, &input->val.authorize.request, &ret->verdict.val);
      break;
    case EXPORTS_PILOTWIRE_AUTHORIZER_JUDGE_INPUT_SETTING_CHANGED:
      set(&input->val.setting_changed);
      break;
    case EXPORTS_PILOTWIRE_AUTHORIZER_JUDGE_INPUT_REQUEST:
      ret->reply.is_some = true;
      ret->reply.val.is_err = true;
      authorizer_string_dup(&ret->reply.val.val.err, "there is nothing to ask; its setting is `cards`");
      break;
    default:
      break;
  }
  exports_pilotwire_authorizer_judge_input_free(input);
}
