//! Small texts: words of requests, values of settings, what is said back.

use sdk::{Level, SettingSpec};
use units::Millis;

/// Between the items of a reply. A reply is one line: the host refuses control characters.
pub const SEPARATOR: &str = ", ";

/// Longest piece of foreign text that is repeated in an answer.
const MAX_QUOTED_CHARS: usize = 40;

/// A setting for the manifest.
#[must_use]
pub fn spec(key: &str, default_value: &str, summary: &str) -> SettingSpec {
    SettingSpec {
        key: key.to_owned(),
        default_value: default_value.to_owned(),
        summary: summary.to_owned(),
    }
}

/// The words of a request, however the caller cut the line.
pub fn words(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().flat_map(|word| word.split_whitespace())
}

/// Reads a setting that is on or off; anything else leaves it as it was, and the log says so.
pub fn flag(key: &str, value: &str, target: &mut bool) {
    match value {
        "true" | "on" => *target = true,
        "false" | "off" => *target = false,
        _ => sdk::log(
            Level::Warn,
            &format!("{key} is neither true nor false; it stays as it was"),
        ),
    }
}

/// Reads a setting in seconds between 1 and an hour; anything else leaves it as it was, and the log says so.
pub fn seconds(key: &str, value: &str, target: &mut Millis) {
    match value.parse::<u64>() {
        Ok(s @ 1..=3_600) => *target = Millis::from_secs(s),
        Ok(_) | Err(_) => sdk::log(
            Level::Warn,
            &format!("{key} is no number of seconds between 1 and 3600; it stays as it was"),
        ),
    }
}

/// Foreign text, fit to be repeated in an answer: short, and without control characters.
#[must_use]
pub fn quoted(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    let mut short: String = printable.take(MAX_QUOTED_CHARS).collect();
    if text.chars().count() > MAX_QUOTED_CHARS {
        short.push('…');
    }
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_text_is_short_and_printable() {
        assert_eq!(quoted("a\nb\u{7f}"), "`ab`");
        assert!(quoted(&"x".repeat(10_000)).chars().count() < 50);
    }

    #[test]
    fn bad_values_leave_a_setting_as_it_was() {
        let mut on = true;
        flag("k", "maybe", &mut on);
        assert!(on);
        flag("k", "off", &mut on);
        assert!(!on);
        let mut time = Millis::from_secs(60);
        for bad in ["", "0", "3601", "-1", "1.5", "18446744073709551616"] {
            seconds("k", bad, &mut time);
            assert_eq!(time, Millis::from_secs(60), "{bad}");
        }
        seconds("k", "5", &mut time);
        assert_eq!(time, Millis::from_secs(5));
    }
}
