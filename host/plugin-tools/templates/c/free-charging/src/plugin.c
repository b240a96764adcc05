// What the component exports. `free_charging.h` is made from the contract when the component is built; build/c shows it to
// an editor.
//
// Who calls gives up what it hands over: arguments are freed here, answers by the bindings. Hence the copies.

#include "free_charging.h"
#include "mode.h"

#include <stdlib.h>
#include <string.h>

typedef exports_pilotwire_free_charging_mode_behaviour_t behaviour_t;
typedef exports_pilotwire_free_charging_mode_moment_t moment_t;

static struct mode mode;

static void describe_setting(pilotwire_host_types_setting_spec_t *spec, const char *key, const char *standard,
                             const char *summary) {
  free_charging_string_dup(&spec->key, key);
  free_charging_string_dup(&spec->default_value, standard);
  free_charging_string_dup(&spec->summary, summary);
}

void exports_pilotwire_free_charging_mode_describe(exports_pilotwire_free_charging_mode_manifest_t *ret) {
  free_charging_string_dup(&ret->name, "{{name}}");
  free_charging_string_dup(&ret->version, "0.1.0");
  free_charging_string_dup(&ret->summary, "Everybody charges for free");
  ret->capabilities.len = 1;
  ret->capabilities.ptr = malloc(sizeof *ret->capabilities.ptr);
  free_charging_string_dup(&ret->capabilities.ptr[0], "authorize");
  ret->settings.len = 2;
  ret->settings.ptr = malloc(2 * sizeof *ret->settings.ptr);
  describe_setting(&ret->settings.ptr[0], "start", "plug", "what begins a charge: plug or card");
  describe_setting(&ret->settings.ptr[1], "report", "nothing", "what the backend hears: nothing, status or transactions");
}

static exports_pilotwire_free_charging_mode_reporting_t reporting(void) {
  switch (mode.report) {
    case REPORT_NOTHING:
      return EXPORTS_PILOTWIRE_FREE_CHARGING_MODE_REPORTING_NOTHING;
    case REPORT_STATUS:
      return EXPORTS_PILOTWIRE_FREE_CHARGING_MODE_REPORTING_STATUS_ONLY;
    default:
      return EXPORTS_PILOTWIRE_FREE_CHARGING_MODE_REPORTING_TRANSACTIONS;
  }
}

void exports_pilotwire_free_charging_mode_start(moment_t *now, exports_pilotwire_free_charging_mode_list_setting_t *settings,
                                                behaviour_t *ret) {
  (void)now;
  memset(&mode, 0, sizeof mode);
  for (size_t i = 0; i < settings->len; i++) {
    const pilotwire_host_types_setting_t *setting = &settings->ptr[i];
    mode_set(&mode, (const char *)setting->key.ptr, setting->key.len, (const char *)setting->value.ptr,
             setting->value.len);
  }
  exports_pilotwire_free_charging_mode_list_setting_free(settings);
  if (!mode_understood(&mode)) {
    free_charging_string_t line;
    free_charging_string_set(&line, "`start` or `report` is not understood; nobody is accepted");
    pilotwire_host_log_log(PILOTWIRE_HOST_LOG_LEVEL_ERROR, &line);
  }
  // All absent, and no.
  memset(ret, 0, sizeof *ret);
  ret->reporting = reporting();
  ret->remote_stop = mode.report != REPORT_NOTHING;
  ret->token_stops = !mode_starts_on_plug(&mode);
  if (mode_starts_on_plug(&mode)) {
    ret->start_on_plug.is_some = true;
    ret->start_on_plug.val.kind = PILOTWIRE_HOST_TYPES_TOKEN_KIND_FIXED;
    free_charging_string_dup(&ret->start_on_plug.val.value, FREE);
  }
}

void exports_pilotwire_free_charging_mode_authorize(moment_t *now,
                                                    exports_pilotwire_free_charging_mode_authorize_request_t *request,
                                                    exports_pilotwire_free_charging_mode_verdict_t *ret) {
  (void)now;
  enum presented kind = PRESENTED_OTHER;
  if (request->token.kind == PILOTWIRE_HOST_TYPES_TOKEN_KIND_RFID) kind = PRESENTED_CARD;
  if (request->token.kind == PILOTWIRE_HOST_TYPES_TOKEN_KIND_FIXED) kind = PRESENTED_FIXED;
  bool accepted = mode_accepts(&mode, kind, (const char *)request->token.value.ptr, request->token.value.len);
  memset(ret, 0, sizeof *ret);
  ret->request_id = request->request_id;
  ret->decision = accepted ? PILOTWIRE_HOST_TYPES_DECISION_ACCEPTED : PILOTWIRE_HOST_TYPES_DECISION_NO_OPINION;
  exports_pilotwire_free_charging_mode_authorize_request_free(request);
}
