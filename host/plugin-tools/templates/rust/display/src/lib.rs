//! Language: Esperanto, the first few messages. What it does not know is shown in the station's own English.

use sdk::language::{Language, Message, Rendered};
use sdk::{Manifest, Moment};

/// The language.
pub struct Plugin;

fn text(message: &Message) -> Option<String> {
    let text = match message.id.as_str() {
        "indication.available" => "Preta: enmetu la ŝtopilon aŭ montru vian karton",
        "indication.authorising" => "Via karto estas kontrolata",
        "indication.charging" => "Ŝargado",
        "indication.finishing" => "Finita: vi povas elpreni la ŝtopilon",
        "signal.accepted" => "Karto akceptita",
        "signal.rejected" => "Karto ne akceptita",
        "session.energy" => return Some(format!("{} kWh ŝargitaj", message.argument("kwh")?)),
        _ => return None,
    };
    Some(text.to_owned())
}

impl Language for Plugin {
    fn describe() -> Manifest {
        Manifest {
            name: "{{name}}".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Some texts of the station in Esperanto".to_owned(),
            capabilities: Vec::new(),
            settings: Vec::new(),
        }
    }

    fn render(_now: Moment, message: &Message) -> Option<Rendered> {
        text(message).map(|text| Rendered {
            language: "eo".to_owned(),
            text,
        })
    }
}

sdk::export_language!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use sdk::language::Argument;

    fn render(id: &str, arguments: &[(&str, &str)]) -> Option<String> {
        let now = Moment {
            at: units::Instant::ZERO,
            wall: None,
        };
        let argument = |(name, value): &(&str, &str)| Argument {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        let message = Message {
            id: id.to_owned(),
            arguments: arguments.iter().map(argument).collect(),
        };
        Plugin::render(now, &message).map(|rendered| rendered.text)
    }

    #[test]
    fn message_has_its_text_and_its_values() {
        assert_eq!(
            render("signal.accepted", &[]).as_deref(),
            Some("Karto akceptita")
        );
        let energy = render("session.energy", &[("kwh", "7.3")]);
        assert_eq!(energy.as_deref(), Some("7.3 kWh ŝargitaj"));
    }

    #[test]
    fn what_it_cannot_say_is_left_to_the_station() {
        assert_eq!(render("fault.RCMB", &[("active", "true")]), None);
        assert_eq!(render("session.energy", &[]), None, "a value is missing");
    }
}
