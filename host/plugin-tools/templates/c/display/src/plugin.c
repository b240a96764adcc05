// What the component exports. `display.h` is made from the contract when the component is built; build/c shows it to an
// editor.
//
// Who calls gives up what it hands over: arguments are freed here, answers by the bindings. Hence the copies.

#include "display.h"
#include "texts.h"

#include <stdlib.h>
#include <string.h>

void exports_pilotwire_display_language_describe(exports_pilotwire_display_language_manifest_t *ret) {
  memset(ret, 0, sizeof *ret);
  display_string_dup(&ret->name, "{{name}}");
  display_string_dup(&ret->version, "0.1.0");
  display_string_dup(&ret->summary, "Some texts of the station in Esperanto");
}

bool exports_pilotwire_display_language_render(exports_pilotwire_display_language_moment_t *now,
                                               exports_pilotwire_display_language_message_t *message,
                                               exports_pilotwire_display_language_rendered_t *ret) {
  (void)now;
  size_t count = message->arguments.len;
  struct value *values = malloc(count * sizeof *values);
  for (size_t i = 0; i < count; i++) {
    const exports_pilotwire_display_language_argument_t *argument = &message->arguments.ptr[i];
    values[i] = (struct value){(const char *)argument->name.ptr, argument->name.len, (const char *)argument->value.ptr,
                               argument->value.len};
  }
  char text[TEXT_MAX];
  size_t length = render((const char *)message->id.ptr, message->id.len, values, count, text);
  if (length > 0) {
    display_string_dup(&ret->language, "eo");
    display_string_dup_n(&ret->text, text, length);
  }
  free(values);
  exports_pilotwire_display_language_message_free(message);
  return length > 0;
}
