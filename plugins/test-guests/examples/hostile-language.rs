//! A language that misbehaves in the way that the message's argument `do` names.
//!
//! Besides the ways of `test_guests::misbehave`: `huge` (10 MB of text), `control` (line breaks and escapes), `no-language`
//! (an empty language tag), `path-tag` (a language tag like a path), `moody` (another text at every turn), and the strings of
//! `test_guests::bad_string` as text.

use std::sync::atomic::{AtomicU32, Ordering};

use sdk::language::{Language, Message, Rendered};
use sdk::{Manifest, Moment};

static TURN: AtomicU32 = AtomicU32::new(0);

/// The plugin.
pub struct Hostile;

impl Language for Hostile {
    fn describe() -> Manifest {
        test_guests::manifest("hostile-language")
    }

    fn render(_now: Moment, message: &Message) -> Option<Rendered> {
        let how = message.arguments.iter().find(|a| a.name == "do");
        let how = how.map(|a| a.value.as_str()).unwrap_or_default();
        test_guests::misbehave(how);
        let mut rendered = Rendered {
            language: "en".to_owned(),
            text: "well".to_owned(),
        };
        if let Some(text) = test_guests::bad_string(how) {
            rendered.text = text;
        }
        match how {
            "moody" => rendered.text = format!("well {}", TURN.fetch_add(1, Ordering::Relaxed)),
            "path-tag" => rendered.language = "../../../etc/passwd".to_owned(),
            "huge" => rendered.text = "x".repeat(10_000_000),
            "control" => rendered.text = "a\u{1b}[2J\nb".to_owned(),
            "no-language" => rendered.language = String::new(),
            _ => {}
        }
        Some(rendered)
    }
}

sdk::export_language!(Hostile);
