//! What goes into a diagnostics archive, and what must not: secrets, and what lies outside the time asked for.
//!
//! The caller gathers [`Parts`]; [`snapshot`] makes files of them. Passwords, keys and tokens are replaced by [`MASK`],
//! wherever they are told by their name: in settings, in JSON, in frames that change a key, in URLs.

use std::fmt::Write as _;

use serde_json::Value;
use units::Timestamp;

use super::Snapshot;

/// What stands for a secret.
pub const MASK: &str = "***";

/// Parts of names that say "this is a secret", in lower case without `_` and `-`.
const SECRET: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "authorizationkey",
    "privatekey",
    "apikey",
    "masterkey",
    "token",
    "credential",
];
/// Names that hold one of those words and are no secrets.
const HARMLESS: [&str; 6] = [
    "tokenformat",
    "stoponinvalidtoken",
    "tokenonly",
    "tokentype",
    "maxtokens",
    "tokens",
];

/// What happened, when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `None`: the station did not know the time.
    pub at: Option<Timestamp>,
    /// One line of text, or several.
    pub text: String,
}

/// Everything that diagnostics are made of.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// The status as the API shows it.
    pub status: Value,
    /// Versions, and the plugins with theirs.
    pub versions: Value,
    /// Every setting in force; secrets are masked here.
    pub settings: Vec<(String, String)>,
    /// Faults, oldest first.
    pub faults: Vec<Line>,
    /// Recent lines of the log, oldest first.
    pub log: Vec<Line>,
    /// Newest entries of the journal, oldest first.
    pub journal: Vec<Line>,
    /// Each adapter's last frames.
    pub frames: Vec<(String, Vec<Line>)>,
}

/// The time asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
}

impl Span {
    /// What has no time is always inside: nobody knows that it is not.
    #[must_use]
    pub fn holds(&self, at: Option<Timestamp>) -> bool {
        let Some(at) = at else { return true };
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to)
    }
}

/// The files of an archive.
#[must_use]
pub fn snapshot(mut parts: Parts, span: Span) -> Snapshot {
    mask_json(&mut parts.status);
    mask_json(&mut parts.versions);
    let json = |value: &Value| format!("{value:#}\n").into_bytes();
    let mut files = vec![
        ("status.json".to_owned(), json(&parts.status)),
        ("versions.json".to_owned(), json(&parts.versions)),
        (
            "settings.txt".to_owned(),
            settings(&parts.settings).into_bytes(),
        ),
        (
            "faults.txt".to_owned(),
            lines(&parts.faults, span).into_bytes(),
        ),
    ];
    for (adapter, frames) in &parts.frames {
        let name = format!("frames/{adapter}.txt");
        files.push((name, lines(frames, span).into_bytes()));
    }
    files.push((
        "journal.txt".to_owned(),
        lines(&parts.journal, span).into_bytes(),
    ));
    files.push(("log.txt".to_owned(), lines(&parts.log, span).into_bytes()));
    Snapshot { files }
}

fn settings(settings: &[(String, String)]) -> String {
    let mut text = String::new();
    for (key, value) in settings {
        let shown = if is_secret(key) && !value.is_empty() {
            MASK.to_owned()
        } else {
            without_secrets(value)
        };
        let _infallible = writeln!(text, "{key} = {shown}");
    }
    text
}

fn lines(lines: &[Line], span: Span) -> String {
    let mut text = String::new();
    for line in lines.iter().filter(|line| span.holds(line.at)) {
        let shown = without_secrets(&line.text);
        let _infallible = writeln!(text, "{} {shown}", time(line.at));
    }
    text
}

/// An event of the security log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// `None`: the station did not know the time.
    pub at: Option<Timestamp>,
    /// As the security whitepaper spells it.
    pub kind: String,
    /// More, for people.
    pub detail: String,
}

/// The security log as a text: a line per event, with time, kind and detail.
#[must_use]
pub fn security_log(events: &[SecurityEvent], span: Span) -> String {
    let mut text = String::new();
    for event in events.iter().filter(|event| span.holds(event.at)) {
        let one_line = |text: &str| -> String {
            let text = without_secrets(text);
            text.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect()
        };
        let (kind, detail) = (one_line(&event.kind), one_line(&event.detail));
        let _infallible = writeln!(text, "{} {kind} {detail}", time(event.at));
    }
    text
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "(no time)".to_owned(), rfc3339)
}

/// RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    const DAY_MS: i64 = 86_400_000;
    let ms = at.as_unix_millis();
    let (days, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    // Days since 0000-03-01: leap days are the last of their years then.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year + era * 400 + next;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        rest / 3_600_000,
        rest / 60_000 % 60,
        rest / 1_000 % 60,
        rest % 1_000
    )
}

/// Is what has this name a secret?
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | '.' | ' '))
        .flat_map(char::to_lowercase)
        .collect();
    let harmless = HARMLESS.iter().any(|word| name.ends_with(word));
    !harmless && SECRET.iter().any(|word| name.contains(word))
}

/// Masks every member that is a secret by its name, every `value` beside a `key` that is one, and passwords in URLs.
pub fn mask_json(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let names_secret = members.iter().any(|(name, value)| {
                matches!(name.as_str(), "key" | "name") && value.as_str().is_some_and(is_secret)
            });
            for (name, member) in members {
                let here = is_secret(name) || (names_secret && name == "value");
                match member {
                    Value::String(_) | Value::Number(_) | Value::Array(_) if here => {
                        *member = Value::String(MASK.to_owned());
                    }
                    member => mask_json(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_json),
        // A frame, or a line of the log, that somebody put into JSON.
        Value::String(text) => *text = without_secrets(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text as it may be shown: JSON with its secrets masked, anything else without the passwords of its URLs.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let begins = text.trim_start();
    if begins.starts_with(['{', '['])
        && let Ok(mut json) = serde_json::from_str::<Value>(text)
    {
        mask_json(&mut json);
        return json.to_string();
    }
    without_passwords(&without_named(text))
}

/// In text that is no JSON (a frame that was cut short, a line of the log), what follows a secret's name is masked; every
/// `value` too, if the text names a secret, because the name may be that of the key beside it.
fn without_named(text: &str) -> String {
    let names_secret = text.split(|c| !is_word(c)).any(is_secret);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(is_word) {
        let (before, word) = rest.split_at(begin);
        let end = word.find(|c| !is_word(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        out.push_str(before);
        out.push_str(word);
        rest = match after.strip_prefix(' ') {
            Some(credentials) if matches!(word, "Basic" | "Bearer") => {
                out.push(' ');
                mask(credentials, false, &mut out)
            }
            _ if is_secret(word) || (names_secret && word == "value") => {
                mask_assigned(after, &mut out)
            }
            _ => after,
        };
    }
    out.push_str(rest);
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// Writes a mask for the value after a name, if there is one; answers what comes behind it.
fn mask_assigned<'a>(text: &'a str, out: &mut String) -> &'a str {
    let is_between = |c: char| matches!(c, '"' | '\\' | '\'' | ' ' | ':' | '=' | '>' | '<');
    let begin = text.find(|c| !is_between(c)).unwrap_or(text.len());
    let (between, value) = text.split_at(begin);
    // Only what is assigned; "the token was refused" stays readable.
    if !between.contains([':', '=', '>']) || value.is_empty() {
        return text;
    }
    out.push_str(between);
    mask(value, between.ends_with(['"', '\'']), out)
}

/// Writes a mask for what the text begins with; answers what comes behind it.
fn mask<'a>(text: &'a str, quoted: bool, out: &mut String) -> &'a str {
    let is_end = |c: char| match quoted {
        true => matches!(c, '"' | '\'' | '\\'),
        false => c.is_whitespace() || matches!(c, ',' | ';' | '}' | ')' | '<' | '"'),
    };
    let end = text.find(is_end).unwrap_or(text.len());
    out.push_str(MASK);
    text.split_at(end).1
}

/// `scheme://user:password@host` loses the password.
fn without_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find("://") {
        let (head, tail) = rest.split_at(place + 3);
        out.push_str(head);
        let is_end = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>' | '?');
        let end = tail.find(is_end).unwrap_or(tail.len());
        let (authority, after) = tail.split_at(end);
        match authority.rsplit_once('@') {
            Some((login, host)) => {
                let user = login.split(':').next().unwrap_or_default();
                let _infallible = write!(out, "{user}:{MASK}@{host}");
            }
            None => out.push_str(authority),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const fn at(ms: i64) -> Option<Timestamp> {
        Some(Timestamp::from_unix_millis(ms))
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_273_871_042, "2026-11-21T15:11:11.042Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_unix_millis(ms)), text);
        }
    }

    #[test]
    fn no_secret_of_settings_json_frames_or_urls_is_in_the_archive() {
        let change = r#"[2,"7","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cr3t"}]"#;
        let line = |text: &str| Line {
            at: None,
            text: text.to_owned(),
        };
        let parts = Parts {
            status: json!({"frames": [
                "← [2,\"7\",\"ChangeConfiguration\",{\"value\":\"s3cr3t\",\"key\":\"AuthorizationKey\"",
                "→ [3,\"8\",{\"configurationKey\":[{\"key\":\"AuthorizationKey\",\"readonly\":false,\"value\":\"s3cr3t",
                "POST /x Authorization: Basic s3cr3t= and more",
                "<ns:password>s3cr3t</ns:password>",
            ], "links": [{"url": "ws://u:s3cr3t@h/x", "basic_auth_password": "s3cr3t"}]}),
            versions: json!({"apn": {"apn_password": "s3cr3t", "version": "1.0"}}),
            settings: vec![
                ("basic_auth_password".to_owned(), "s3cr3t".to_owned()),
                ("apn_password".to_owned(), "s3cr3t".to_owned()),
                ("AuthorizationKey".to_owned(), "s3cr3t".to_owned()),
                ("upload_url".to_owned(), "ftp://u:s3cr3t@h/d/".to_owned()),
                ("id_token_format".to_owned(), "upper".to_owned()),
                ("url".to_owned(), "wss://h/1.6".to_owned()),
            ],
            log: vec![
                line("INFO link: url=ws://u:s3cr3t@h/x password=s3cr3t identity=PW-1"),
                line("the token was refused"),
                line("api_key: \"s3cr3t\" more"),
            ],
            frames: vec![(
                "backend-x".to_owned(),
                vec![
                    line(change),
                    line(change.get(..70).unwrap()),
                    line(
                        "→ [2,\"7\",\"ChangeConfiguration\",{\"key\":\"AuthorizationKey\",\"value\":\"s3cr3t",
                    ),
                ],
            )],
            ..Parts::default()
        };
        let snapshot = snapshot(parts, Span::default());
        let all: String = snapshot
            .files
            .iter()
            .map(|(_, contents)| String::from_utf8_lossy(contents).into_owned())
            .collect();
        assert!(!all.contains("s3cr"), "{all}");
        for kept in [
            "id_token_format = upper",
            "wss://h/1.6",
            "identity=PW-1",
            "the token was refused",
            "more",
            "1.0",
        ] {
            assert!(all.contains(kept), "{kept} in {all}");
        }
    }

    #[test]
    fn only_what_happened_in_the_time_asked_for_is_in_it() {
        let line = |ms, text: &str| Line {
            at: at(ms),
            text: text.to_owned(),
        };
        let parts = Parts {
            faults: vec![
                line(1_000, "early"),
                line(2_000, "inside"),
                line(3_001, "late"),
                Line {
                    at: None,
                    text: "timeless".to_owned(),
                },
            ],
            ..Parts::default()
        };
        let span = Span {
            from: at(2_000),
            to: at(3_000),
        };
        let snapshot = snapshot(parts, span);
        let (_, faults) = snapshot
            .files
            .iter()
            .find(|(name, _)| name == "faults.txt")
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(faults),
            "1970-01-01T00:00:02.000Z inside\n(no time) timeless\n"
        );
    }

    #[test]
    fn security_log_has_one_line_per_event_whatever_is_in_it() {
        let event = |ms, kind: &str, detail: &str| SecurityEvent {
            at: at(ms),
            kind: kind.to_owned(),
            detail: detail.to_owned(),
        };
        let events = [
            event(0, "StartupOfTheDevice", ""),
            event(
                1_000,
                "InvalidFirmwareSignature",
                "two\nlines ftp://u:pw@h/f",
            ),
        ];
        assert_eq!(
            security_log(
                &events,
                Span {
                    from: at(500),
                    to: None
                }
            ),
            "1970-01-01T00:00:01.000Z InvalidFirmwareSignature two lines ftp://u:***@h/f\n"
        );
        assert_eq!(security_log(&events, Span::default()).lines().count(), 2);
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_masked(text in "\\PC{0,80}") {
            let _shown = without_secrets(&text);
            let _named = without_secrets(&format!("password={text}"));
        }
    }
}
