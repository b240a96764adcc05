// The list of cards.

#include "cards.h"

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A hexadecimal digit in upper case; 0 if it is none.
static char upper_digit(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F')) return c;
  if (c >= 'a' && c <= 'f') return (char)(c - 'a' + 'A');
  return 0;
}

// Reads one entry; false if it is not understood.
static bool parse_card(struct card *card, const char *text, size_t length) {
  size_t at = 0;
  card->length = 0;
  for (; at < length && text[at] != '@'; at++) {
    char digit = upper_digit(text[at]);
    if (!digit || card->length == UID_MAX) return false;
    card->uid[card->length++] = digit;
  }
  card->ends = at < length;
  card->until_ms = 0;
  if (card->ends) {
    size_t digits = length - at - 1;
    if (digits == 0 || digits > 12) return false;
    for (at++; at < length; at++) {
      if (text[at] < '0' || text[at] > '9') return false;
      card->until_ms = card->until_ms * 10 + (text[at] - '0');
    }
    card->until_ms *= 1000;
  }
  return card->length > 0;
}

void cards_parse(struct cards *cards, const char *text, size_t length) {
  cards->count = 0;
  cards->refused = 0;
  size_t at = 0;
  while (at < length) {
    if (is_blank(text[at])) {
      at++;
      continue;
    }
    size_t end = at;
    while (end < length && !is_blank(text[end])) end++;
    if (cards->count < CARDS_MAX && parse_card(&cards->card[cards->count], text + at, end - at)) {
      cards->count++;
    } else {
      cards->refused++;
    }
    at = end;
  }
}

static bool is_card(const struct card *card, const char *uid, size_t length) {
  if (card->length != length) return false;
  for (size_t i = 0; i < length; i++) {
    if (card->uid[i] != uid[i]) return false;
  }
  return true;
}

enum opinion cards_opinion(const struct cards *cards, const char *uid, size_t length, const int64_t *wall_ms,
                           const struct card **card) {
  for (size_t i = 0; i < cards->count; i++) {
    const struct card *listed = &cards->card[i];
    if (!is_card(listed, uid, length)) continue;
    *card = listed;
    if (!listed->ends) return ACCEPTED;
    // Nobody has told the station the time: better no opinion than a wrong one.
    if (!wall_ms) return NO_OPINION;
    return *wall_ms < listed->until_ms ? ACCEPTED : EXPIRED;
  }
  return NO_OPINION;
}
