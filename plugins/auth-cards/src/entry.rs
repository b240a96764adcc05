//! One entry of a list: a card or a vehicle, valid everywhere or at one EVSE, and the texts it comes in.
//!
//! `04A1B2C3` is a card, `MAC=001A2B3C4D5E` a vehicle; `@2` behind either limits it to EVSE 2. Lists put colons between
//! the entries, which is why no scope can be written with a colon; an import understands `UID:2` all the same, because
//! other systems write it so, and no UID has one digit. A card written byte by byte, as phones print it, is one entry.

use sdk::{Token, TokenKind};

use crate::MAX_ENTRIES;
use crate::items::items;
use crate::slots::Line;
use crate::text::quoted;
use crate::uid::{ListFormat, canonical_mac, canonical_uid, is_random, uid_from_decimal};

/// Highest EVSE that an entry may be limited to.
const MAX_EVSE: u32 = 99;
/// Longest entry as text: prefix, digits, scope.
const MAX_ENTRY_CHARS: usize = 40;
const MAC_PREFIX: &str = "MAC=";

/// What an entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A card, by its UID.
    Card,
    /// A vehicle, by its MAC address.
    Mac,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Card or vehicle.
    pub kind: EntryKind,
    /// Canonical: upper-case hexadecimal, a card's bytes in air order.
    pub value: String,
    /// The only EVSE it may use; `None` = all.
    pub evse_id: Option<u32>,
}

impl Entry {
    /// The entry that a presented token would be listed as; `None` if its kind or its text cannot be listed.
    #[must_use]
    pub fn of_token(token: &Token) -> Option<Self> {
        let (kind, value) = match token.kind {
            TokenKind::Rfid => (EntryKind::Card, canonical_uid(&token.value)?),
            TokenKind::Mac => (EntryKind::Mac, canonical_mac(&token.value)?),
            TokenKind::Central | TokenKind::Fixed | TokenKind::Other => return None,
        };
        Some(Self {
            kind,
            value,
            evse_id: None,
        })
    }

    /// Reads `UID`, `MAC=…` and either with `@n`.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse(text: &str, format: ListFormat) -> Result<Self, String> {
        if text.chars().count() > MAX_ENTRY_CHARS {
            return Err("it is too long for an entry".to_owned());
        }
        let (name, evse_id) = match text.split_once('@') {
            None => (text, None),
            Some((name, evse)) => (name, Some(parse_evse(evse)?)),
        };
        let (kind, value) = match name.strip_prefix(MAC_PREFIX) {
            Some(mac) => (
                EntryKind::Mac,
                canonical_mac(mac).ok_or("a MAC address has twelve hexadecimal digits")?,
            ),
            None => (EntryKind::Card, format.read(name)?),
        };
        Ok(Self {
            kind,
            value,
            evse_id,
        })
    }

    /// As [`parse`](Self::parse), for entries that are added now.
    ///
    /// # Errors
    /// Not an entry, or a card that shows another number each time.
    pub fn parse_new(text: &str, format: ListFormat) -> Result<Self, String> {
        Self::parse(text, format).and_then(Self::lasting)
    }

    /// The entry, unless the card shows another number each time.
    ///
    /// # Errors
    /// A sentence that says so.
    pub fn lasting(self) -> Result<Self, String> {
        if self.kind == EntryKind::Card && is_random(&self.value) {
            return Err(
                "the card shows another random number each time and cannot be listed".to_owned(),
            );
        }
        Ok(self)
    }

    /// Names the same card or vehicle, wherever it is valid.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.value == other.value
    }

    /// As a list in this format writes it.
    #[must_use]
    pub fn write(&self, format: ListFormat) -> String {
        let name = match self.kind {
            EntryKind::Card => format.write(&self.value),
            EntryKind::Mac => format!("{MAC_PREFIX}{}", self.value),
        };
        match self.evse_id {
            Some(evse) => format!("{name}@{evse}"),
            None => name,
        }
    }
}

impl Line for Entry {
    fn to_line(&self) -> String {
        self.write(ListFormat::Upper)
    }

    fn from_line(line: &str) -> Option<Self> {
        Self::parse(line, ListFormat::Upper).ok()
    }
}

fn parse_evse(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok();
    number
        .filter(|n| (1..=MAX_EVSE).contains(n) && !text.starts_with('+'))
        .ok_or_else(|| format!("{} behind the @ is no EVSE", quoted(text)))
}

/// Reads a list in a setting: what is no entry is left out and handed to `bad`, what is too many too.
pub fn parse_list(text: &str, format: ListFormat, most: usize, bad: impl Fn(&str)) -> Vec<Entry> {
    let mut entries = Vec::new();
    for item in items(text, |c| c == ':') {
        if entries.len() >= most {
            bad("the local list has more entries than it may have; the rest is not used");
            break;
        }
        match Entry::parse(item, format) {
            Ok(entry) => entries.push(entry),
            // The entry itself stays out of the log: it identifies a person.
            Err(_) => bad("an entry of the local list is not a UID in the list's format"),
        }
    }
    entries
}

/// Reads a list that a person brings from elsewhere: all of it, or none and the place that is wrong.
///
/// Between entries may stand colons, semicolons, commas and blanks. With `decimal` cards are decimal numbers.
///
/// # Errors
/// A sentence that names the entry.
pub fn parse_import(text: &str, format: ListFormat, decimal: bool) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    let separator = |c: char| matches!(c, ':' | ';' | ',') || c.is_whitespace();
    let items: Vec<&str> = if decimal {
        // Two digits are a number here, not a byte of one.
        text.split(separator)
            .filter(|item| !item.is_empty())
            .collect()
    } else {
        items(text, separator)
    };
    for (index, item) in items.into_iter().enumerate() {
        let place = index.saturating_add(1);
        let wrong = |why: &str| {
            format!(
                "entry {place} ({}): {why}; nothing was imported",
                quoted(item)
            )
        };
        if item.len() == 1 && item.bytes().all(|b| b.is_ascii_digit()) {
            let evse = parse_evse(item).map_err(|why| wrong(&why))?;
            let before = entries.last_mut().filter(|entry| entry.evse_id.is_none());
            let before = before.ok_or_else(|| wrong("no card before it that it could limit"))?;
            before.evse_id = Some(evse);
            continue;
        }
        if entries.len() == MAX_ENTRIES {
            return Err(format!(
                "more than {MAX_ENTRIES} entries; nothing was imported"
            ));
        }
        let entry = if decimal {
            parse_decimal(item, format)
        } else {
            Entry::parse_new(item, format)
        };
        entries.push(entry.map_err(|why| wrong(&why))?);
    }
    if entries.is_empty() {
        return Err("there is no entry in it".to_owned());
    }
    Ok(entries)
}

fn parse_decimal(item: &str, format: ListFormat) -> Result<Entry, String> {
    if item.starts_with(MAC_PREFIX) {
        return Entry::parse_new(item, format);
    }
    let (number, scope) = match item.split_once('@') {
        Some((number, evse)) => (number, Some(parse_evse(evse)?)),
        None => (item, None),
    };
    let value = uid_from_decimal(number)
        .ok_or("a card number in decimal form has digits only and fits in ten bytes")?;
    let entry = Entry {
        kind: EntryKind::Card,
        value,
        evse_id: scope,
    };
    entry.lasting()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_reads_what_it_writes() {
        for text in [
            "04A1B2C3",
            "04A1B2C3@2",
            "MAC=001A2B3C4D5E",
            "MAC=001A2B3C4D5E@99",
        ] {
            assert_eq!(Entry::from_line(text).unwrap().to_line(), text);
        }
        let mac = Entry::parse("MAC=00-1a-2b-3c-4d-5e", ListFormat::Upper).unwrap();
        assert_eq!(mac.to_line(), "MAC=001A2B3C4D5E");
        let long = "9".repeat(100_000);
        for bad in [
            "",
            "@1",
            "04A1B2C3@",
            "04A1B2C3@0",
            "04A1B2C3@+1",
            "04A1B2C3@100",
            "04A1B2C3@1@1",
            "MAC=",
            "04A1B2CG",
            "04A1B2",
            &long,
        ] {
            assert!(Entry::parse(bad, ListFormat::Any).is_err(), "{bad}");
        }
    }

    #[test]
    fn import_is_all_or_nothing_and_names_the_wrong_entry() {
        let error = parse_import("04A1B2C3:xyz:11223344", ListFormat::Any, false).unwrap_err();
        assert!(error.starts_with("entry 2 (`xyz`)") && error.ends_with("nothing was imported"));
        for bad in [
            "",
            " ; , ",
            "2:04A1B2C3",
            "04A1B2C3:1:2",
            "04A1B2C3:0",
            "08A1B2C3",
        ] {
            assert!(parse_import(bad, ListFormat::Any, false).is_err(), "{bad}");
        }
        let many = "11223344 ".repeat(MAX_ENTRIES + 1);
        assert!(parse_import(&many, ListFormat::Any, false).is_err());
    }

    #[test]
    fn scope_after_a_colon_counts_in_an_import_only() {
        let entries = parse_import("04A1B2C3:2;11223344", ListFormat::Any, false).unwrap();
        let lines: Vec<String> = entries.iter().map(Line::to_line).collect();
        assert_eq!(lines, ["04A1B2C3@2", "11223344"]);
        let list = parse_list("04A1B2C3:2", ListFormat::Any, 9, |_| ());
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].evse_id, None);
    }

    #[test]
    fn import_in_decimal_form_takes_scopes_and_vehicles_too() {
        let text = "3536403172:1, 3536403172@2 MAC=001A2B3C4D5E";
        let entries = parse_import(text, ListFormat::Lower, true).unwrap();
        let lines: Vec<String> = entries.iter().map(Line::to_line).collect();
        assert_eq!(lines, ["E43AC9D2@1", "E43AC9D2@2", "MAC=001A2B3C4D5E"]);
        assert!(parse_import("E43AC9D2", ListFormat::Any, true).is_err());
        assert!(
            parse_import("8", ListFormat::Any, true).is_err(),
            "that is a scope"
        );
        assert!(
            parse_import("2155905032", ListFormat::Any, true).is_err(),
            "0x80818008 is random: 08 80 81 80"
        );
    }

    #[test]
    fn only_cards_and_vehicles_can_be_listed() {
        let token = |value: &str, kind| Token {
            value: value.to_owned(),
            kind,
        };
        assert!(Entry::of_token(&token("04a1b2c3", TokenKind::Rfid)).is_some());
        assert!(Entry::of_token(&token("00:1A:2B:3C:4D:5E", TokenKind::Mac)).is_some());
        for kind in [TokenKind::Central, TokenKind::Fixed, TokenKind::Other] {
            assert_eq!(Entry::of_token(&token("04A1B2C3", kind)), None);
        }
        assert_eq!(Entry::of_token(&token("hello", TokenKind::Rfid)), None);
        assert_eq!(Entry::of_token(&token("hello", TokenKind::Mac)), None);
    }
}
