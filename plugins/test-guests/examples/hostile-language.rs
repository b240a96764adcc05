//! A language that misbehaves in the way that the message's argument `do` names.
//!
//! Besides the ways of `test_guests::misbehave`: `huge` (10 MB of text), `control` (line breaks and escapes), `no-language`
//! (an empty language tag).

use sdk::language::{Language, Message, Rendered};
use sdk::{Manifest, Moment};

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
        match how {
            "huge" => rendered.text = "x".repeat(10_000_000),
            "control" => rendered.text = "a\u{1b}[2J\nb".to_owned(),
            "no-language" => rendered.language = String::new(),
            _ => {}
        }
        Some(rendered)
    }
}

sdk::export_language!(Hostile);
