//! What stands between the separators of a list.
//!
//! Lists put colons between entries, and phones put colons between the bytes of one card. No entry has two digits, so that
//! bytes in a row belong together. Two cards in a row, both byte by byte and with the same separator, cannot be told apart;
//! they come out as one item that nobody can read as a card, and are refused rather than guessed.

use crate::uid::is_byte;

/// The entries of a list, blanks around them taken off.
pub(crate) fn items(text: &str, separator: impl Fn(char) -> bool) -> Vec<&str> {
    let mut items: Vec<&str> = Vec::new();
    // Where the last item began, and what stands between its bytes if it is a row of them.
    let mut row: Option<(usize, Option<char>)> = None;
    let mut end = 0;
    for (start, item) in split(text, separator) {
        let between = single(text.get(end..start).unwrap_or_default());
        let goes_on = match (row, between) {
            (Some((_, None)), Some(_)) => begins_with_byte(item),
            (Some((_, Some(before))), Some(c)) => before == c && begins_with_byte(item),
            (None, _) | (_, None) => false,
        };
        end = start.saturating_add(item.len());
        let begin = match row {
            Some((begin, _)) if goes_on => {
                items.pop();
                begin
            }
            _ => start,
        };
        items.extend(text.get(begin..end));
        row = is_byte(item).then_some((begin, between.filter(|_| goes_on)));
    }
    items
}

/// Items with the places where they begin.
fn split(text: &str, separator: impl Fn(char) -> bool) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let ends = text.char_indices().filter(|(_, c)| separator(*c));
    let ends = ends.map(|(end, c)| (end, c.len_utf8()));
    for (end, width) in ends.chain([(text.len(), 0)]) {
        let piece = text.get(start..end).unwrap_or_default();
        let blanks = piece.len().saturating_sub(piece.trim_start().len());
        pieces.push((start.saturating_add(blanks), piece.trim()));
        start = end.saturating_add(width);
    }
    pieces.retain(|(_, piece)| !piece.is_empty());
    pieces
}

/// A byte, or the last byte of a card with the EVSE it is limited to.
fn begins_with_byte(item: &str) -> bool {
    is_byte(item.split('@').next().unwrap_or_default())
}

/// The only character of the text, if it may stand between bytes.
fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    let first = chars.next().filter(|c| matches!(c, ':' | ' '));
    first.filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(text: &str) -> Vec<&str> {
        items(text, |c| matches!(c, ':' | ';' | ',') || c.is_whitespace())
    }

    #[test]
    fn bytes_in_a_row_are_one_item_and_everything_else_is_not() {
        assert_eq!(
            import("04:56:7d:aa 04A1B2C3:2;0a 0e 9b 83@1,11223344"),
            ["04:56:7d:aa", "04A1B2C3", "2", "0a 0e 9b 83@1", "11223344"]
        );
        let list = |text| items(text, |c| c == ':');
        assert_eq!(
            list(" : 04A1B2C3 :11 22 33 44:"),
            ["04A1B2C3", "11 22 33 44"]
        );
        assert_eq!(list("04:56@1:7D"), ["04:56@1", "7D"]);
        assert_eq!(list("04 : 56"), ["04", "56"], "nobody writes one card so");
        assert_eq!(list(""), Vec::<&str>::new());
        assert_eq!(import("04\u{a0}56:é:7D"), ["04", "56", "é", "7D"]);
    }
}
