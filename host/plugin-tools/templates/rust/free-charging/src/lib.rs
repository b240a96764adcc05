//! Free-charging mode: everybody charges, and the backend hears as much as the setting `report` says.
//!
//! With `start` = `plug` a charge begins by itself at plug-in; with `card` any card begins it, and the same card ends it.

use sdk::free_charging::{Behaviour, FreeCharging, Reporting};
use sdk::{
    AuthorizeRequest, Decision, Level, Manifest, Moment, Setting, SettingSpec, Token, TokenKind,
    Verdict,
};

/// What begins a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Plug,
    Card,
}

/// The plugin. A setting that is not understood accepts nobody.
#[derive(Debug)]
pub struct Plugin {
    start: Option<Start>,
    reporting: Option<Reporting>,
}

/// Token of a charge that nobody presented a card for.
fn free() -> Token {
    Token {
        value: "FREE".to_owned(),
        kind: TokenKind::Fixed,
    }
}

impl Plugin {
    fn set(&mut self, key: &str, value: &str) {
        let understood = match key {
            "start" => {
                self.start = match value {
                    "plug" => Some(Start::Plug),
                    "card" => Some(Start::Card),
                    _ => None,
                };
                self.start.is_some()
            }
            "report" => {
                self.reporting = match value {
                    "nothing" => Some(Reporting::Nothing),
                    "status" => Some(Reporting::StatusOnly),
                    "transactions" => Some(Reporting::Transactions),
                    _ => None,
                };
                self.reporting.is_some()
            }
            _ => true,
        };
        if !understood {
            let text = format!("`{key}` = {value:?} is not understood; nobody is accepted");
            sdk::log(Level::Error, &text);
        }
    }

    fn behaviour(&self) -> Behaviour {
        let in_force = self.start.zip(self.reporting);
        let starts_on_plug = in_force.is_some_and(|(start, _)| start == Start::Plug);
        Behaviour {
            start_on_plug: starts_on_plug.then(free),
            reporting: self.reporting.unwrap_or(Reporting::Transactions),
            report_as: None,
            remote_stop: self.reporting != Some(Reporting::Nothing),
            token_stops: !starts_on_plug,
        }
    }

    fn accepts(&self, token: &Token) -> bool {
        match self.start.zip(self.reporting) {
            Some((Start::Plug, _)) => *token == free(),
            Some((Start::Card, _)) => token.kind == TokenKind::Rfid,
            None => false,
        }
    }
}

impl FreeCharging for Plugin {
    fn describe() -> Manifest {
        let spec = |key: &str, default_value: &str, summary: &str| SettingSpec {
            key: key.to_owned(),
            default_value: default_value.to_owned(),
            summary: summary.to_owned(),
        };
        Manifest {
            name: "{{name}}".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Everybody charges for free".to_owned(),
            capabilities: vec!["authorize".to_owned()],
            settings: vec![
                spec("start", "plug", "what begins a charge: plug or card"),
                spec(
                    "report",
                    "nothing",
                    "what the backend hears: nothing, status or transactions",
                ),
            ],
        }
    }

    fn start(_now: Moment, settings: Vec<Setting>) -> (Self, Behaviour) {
        let mut plugin = Self {
            start: None,
            reporting: None,
        };
        for setting in &settings {
            plugin.set(&setting.key, &setting.value);
        }
        let behaviour = plugin.behaviour();
        (plugin, behaviour)
    }

    fn authorize(&mut self, _now: Moment, request: AuthorizeRequest) -> Verdict {
        let decision = match self.accepts(&request.token) {
            true => Decision::Accepted,
            false => Decision::NoOpinion,
        };
        Verdict::bare(request.request_id, decision)
    }
}

sdk::export_free_charging!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;
    use sdk::AuthorizePurpose;

    const NOW: Moment = Moment {
        at: units::Instant::ZERO,
        wall: None,
    };

    fn plugin(start: &str, report: &str) -> (Plugin, Behaviour) {
        let setting = |(key, value): (&str, &str)| Setting {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        Plugin::start(
            NOW,
            [("start", start), ("report", report)].map(setting).to_vec(),
        )
    }

    fn decide(plugin: &mut Plugin, kind: TokenKind, value: &str) -> Decision {
        let token = Token {
            value: value.to_owned(),
            kind,
        };
        let request = AuthorizeRequest {
            request_id: 1,
            evse_id: Some(1),
            token,
            purpose: AuthorizePurpose::Start,
            group: None,
        };
        plugin.authorize(NOW, request).decision
    }

    #[test]
    fn plug_starts_by_itself_and_needs_no_card() {
        let (mut plugin, behaviour) = plugin("plug", "nothing");
        assert_eq!(behaviour.start_on_plug, Some(free()));
        assert_eq!(
            decide(&mut plugin, TokenKind::Fixed, "FREE"),
            Decision::Accepted
        );
        assert_eq!(
            decide(&mut plugin, TokenKind::Rfid, "04A1B2C3"),
            Decision::NoOpinion
        );
    }

    #[test]
    fn any_card_starts_and_nothing_else_does() {
        let (mut plugin, behaviour) = plugin("card", "status");
        assert_eq!(
            (behaviour.start_on_plug, behaviour.token_stops),
            (None, true)
        );
        assert_eq!(
            decide(&mut plugin, TokenKind::Rfid, "04A1B2C3"),
            Decision::Accepted
        );
        assert_eq!(
            decide(&mut plugin, TokenKind::Central, "04A1B2C3"),
            Decision::NoOpinion
        );
    }

    #[test]
    fn setting_that_is_not_understood_accepts_nobody() {
        for (start, report) in [("whatever", "nothing"), ("plug", "whatever")] {
            let (mut plugin, behaviour) = plugin(start, report);
            assert_eq!(behaviour.start_on_plug, None);
            assert_eq!(
                decide(&mut plugin, TokenKind::Fixed, "FREE"),
                Decision::NoOpinion
            );
        }
    }
}
