//! Free charging: the six modes of Bender controllers, chosen by the setting `mode`.
//!
//! | `mode` | starts | backend hears | ends by |
//! |---|---|---|---|
//! | `no-ocpp` | at plug-in | nothing | unplugging |
//! | `status-without-auth` | at plug-in | connector status | unplugging |
//! | `status-with-auth` | with any card | connector status | the same card, unplugging |
//! | `full-fixed-with-auth` | with any card | status and transactions of the fixed tag | the same card, unplugging, the backend |
//! | `full-fixed-without-auth` | at plug-in | status and transactions of the fixed tag | unplugging, the backend |
//! | `full-any` | with any card | status and transactions of that card | the same card, unplugging, the backend |
//!
//! While a mode is in force, no list and no backend is asked. A mode that is not one of the six accepts nobody.
#![warn(missing_docs)]

use sdk::free_charging::{Behaviour, FreeCharging, Reporting};
use sdk::{
    AuthorizeRequest, Decision, Level, Manifest, Moment, Setting, SettingSpec, Token, TokenKind,
    Verdict,
};

/// Longest tag that OCPP 1.6 carries.
const MAX_TAG_CHARS: usize = 20;
/// The tag that stands for people who charge for free.
const DEFAULT_TAG: &str = "FREE";

/// The six modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    NoOcpp,
    StatusWithoutAuth,
    StatusWithAuth,
    FullFixedWithAuth,
    FullFixedWithoutAuth,
    FullAny,
}

impl Mode {
    const ALL: [(&'static str, Self); 6] = [
        ("no-ocpp", Self::NoOcpp),
        ("status-without-auth", Self::StatusWithoutAuth),
        ("status-with-auth", Self::StatusWithAuth),
        ("full-fixed-with-auth", Self::FullFixedWithAuth),
        ("full-fixed-without-auth", Self::FullFixedWithoutAuth),
        ("full-any", Self::FullAny),
    ];

    fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, mode)| mode)
    }

    const fn starts_on_plug(self) -> bool {
        match self {
            Self::NoOcpp | Self::StatusWithoutAuth | Self::FullFixedWithoutAuth => true,
            Self::StatusWithAuth | Self::FullFixedWithAuth | Self::FullAny => false,
        }
    }

    const fn reporting(self) -> Reporting {
        match self {
            Self::NoOcpp => Reporting::Nothing,
            Self::StatusWithoutAuth | Self::StatusWithAuth => Reporting::StatusOnly,
            Self::FullFixedWithAuth | Self::FullFixedWithoutAuth | Self::FullAny => {
                Reporting::Transactions
            }
        }
    }

    const fn has_fixed_tag(self) -> bool {
        matches!(self, Self::FullFixedWithAuth | Self::FullFixedWithoutAuth)
    }
}

/// The plugin.
#[derive(Debug)]
pub struct FreeModes {
    mode: Option<Mode>,
    tag: String,
}

impl FreeModes {
    fn fixed(&self) -> Token {
        Token {
            value: self.tag.clone(),
            kind: TokenKind::Fixed,
        }
    }

    fn behaviour(&self) -> Behaviour {
        let Some(mode) = self.mode else {
            return Behaviour {
                start_on_plug: None,
                reporting: Reporting::Transactions,
                report_as: None,
                remote_stop: true,
                token_stops: true,
            };
        };
        Behaviour {
            start_on_plug: mode.starts_on_plug().then(|| self.fixed()),
            reporting: mode.reporting(),
            report_as: mode.has_fixed_tag().then(|| self.fixed()),
            remote_stop: mode.reporting() == Reporting::Transactions,
            token_stops: !mode.starts_on_plug(),
        }
    }

    fn accepts(&self, token: &Token) -> bool {
        let Some(mode) = self.mode else { return false };
        match token.kind {
            TokenKind::Rfid | TokenKind::Mac => !mode.starts_on_plug(),
            TokenKind::Fixed => mode.starts_on_plug() && token.value == self.tag,
            // A backend that hears of transactions may begin one.
            TokenKind::Central => mode.reporting() == Reporting::Transactions,
            TokenKind::Other => false,
        }
    }
}

fn tag(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.chars().count() <= MAX_TAG_CHARS;
    let plain = text.chars().all(|c| c.is_ascii_graphic());
    (fits && plain).then(|| text.to_owned())
}

impl FreeCharging for FreeModes {
    fn describe() -> Manifest {
        let spec = |key: &str, default_value: &str, summary: &str| SettingSpec {
            key: key.to_owned(),
            default_value: default_value.to_owned(),
            summary: summary.to_owned(),
        };
        Manifest {
            name: "free-modes".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Lets everybody charge for free, in one of six ways".to_owned(),
            capabilities: vec!["authorize".to_owned()],
            settings: vec![
                spec(
                    "mode",
                    "",
                    "no-ocpp, status-without-auth, status-with-auth, full-fixed-with-auth, full-fixed-without-auth or full-any",
                ),
                spec(
                    "fixed_tag",
                    DEFAULT_TAG,
                    "Tag that the backend hears in the two modes with a fixed one; up to 20 characters",
                ),
            ],
        }
    }

    fn start(_now: Moment, settings: Vec<Setting>) -> (Self, Behaviour) {
        let mut plugin = Self {
            mode: None,
            tag: DEFAULT_TAG.to_owned(),
        };
        for setting in settings {
            match setting.key.as_str() {
                "mode" => {
                    plugin.mode = Mode::parse(&setting.value);
                    if plugin.mode.is_none() {
                        sdk::log(
                            Level::Error,
                            "`mode` is none of the six; nobody is accepted",
                        );
                    }
                }
                "fixed_tag" => match tag(&setting.value) {
                    Some(tag) => plugin.tag = tag,
                    None => sdk::log(
                        Level::Error,
                        "`fixed_tag` has to be 1 to 20 visible ASCII characters; it stays FREE",
                    ),
                },
                _ => {}
            }
        }
        let behaviour = plugin.behaviour();
        (plugin, behaviour)
    }

    fn authorize(&mut self, _now: Moment, request: AuthorizeRequest) -> Verdict {
        let accepted = self.accepts(&request.token);
        let decision = if accepted {
            Decision::Accepted
        } else {
            Decision::NoOpinion
        };
        Verdict {
            reason: accepted.then(|| "free charging".to_owned()),
            ..Verdict::bare(request.request_id, decision)
        }
    }
}

sdk::export_free_charging!(FreeModes);

#[cfg(test)]
mod tests {
    use super::*;
    use sdk::AuthorizePurpose;

    fn plugin(settings: &[(&str, &str)]) -> (FreeModes, Behaviour) {
        let now = Moment {
            at: units::Instant::ZERO,
            wall: None,
        };
        let setting = |(key, value): &(&str, &str)| Setting {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        FreeModes::start(now, settings.iter().map(setting).collect())
    }

    fn decision(plugin: &mut FreeModes, value: &str, kind: TokenKind) -> Decision {
        let now = Moment {
            at: units::Instant::ZERO,
            wall: None,
        };
        let token = Token {
            value: value.to_owned(),
            kind,
        };
        let request = AuthorizeRequest {
            request_id: 3,
            evse_id: Some(1),
            token,
            purpose: AuthorizePurpose::Start,
            group: None,
        };
        let verdict = plugin.authorize(now, request);
        assert_eq!(verdict.request_id, 3);
        verdict.decision
    }

    // acceptance: P115, P116, P117, P118, P119, P120, P124
    #[test]
    fn six_modes_behave_as_their_table_says() {
        use Reporting::{Nothing, StatusOnly, Transactions};
        // mode, starts at plug-in, reporting, fixed tag is reported, remote stop, card stops
        let table = [
            ("no-ocpp", true, Nothing, false, false, false),
            ("status-without-auth", true, StatusOnly, false, false, false),
            ("status-with-auth", false, StatusOnly, false, false, true),
            (
                "full-fixed-with-auth",
                false,
                Transactions,
                true,
                true,
                true,
            ),
            (
                "full-fixed-without-auth",
                true,
                Transactions,
                true,
                true,
                false,
            ),
            ("full-any", false, Transactions, false, true, true),
        ];
        for (mode, on_plug, reporting, fixed, remote_stop, token_stops) in table {
            let (mut plugin, behaviour) = plugin(&[("mode", mode), ("fixed_tag", "GRATIS")]);
            let fixed_token = Token {
                value: "GRATIS".to_owned(),
                kind: TokenKind::Fixed,
            };
            let expected = Behaviour {
                start_on_plug: on_plug.then(|| fixed_token.clone()),
                reporting,
                report_as: fixed.then(|| fixed_token.clone()),
                remote_stop,
                token_stops,
            };
            assert_eq!(behaviour, expected, "{mode}");
            let card = decision(&mut plugin, "04A1B2C3", TokenKind::Rfid);
            assert_eq!(card == Decision::Accepted, !on_plug, "{mode}");
            let plug = decision(&mut plugin, "GRATIS", TokenKind::Fixed);
            assert_eq!(plug == Decision::Accepted, on_plug, "{mode}");
            let remote = decision(&mut plugin, "X", TokenKind::Central);
            assert_eq!(remote == Decision::Accepted, remote_stop, "{mode}");
        }
    }

    // acceptance: P121
    #[test]
    fn fixed_tag_is_a_setting_and_a_bad_one_is_not_taken() {
        for (given, used) in [
            ("GRATIS", "GRATIS"),
            ("", "FREE"),
            ("123456789012345678901", "FREE"),
            ("with space", "FREE"),
        ] {
            let settings = [("mode", "full-fixed-with-auth"), ("fixed_tag", given)];
            let (_, behaviour) = plugin(&settings);
            assert_eq!(behaviour.report_as.unwrap().value, used, "{given:?}");
        }
    }

    #[test]
    fn mode_that_is_none_of_the_six_accepts_nobody() {
        for mode in ["", "free", "FULL-ANY", "full-any "] {
            let (mut plugin, behaviour) = plugin(&[("mode", mode)]);
            assert_eq!(behaviour.start_on_plug, None, "{mode:?}");
            for kind in [
                TokenKind::Rfid,
                TokenKind::Mac,
                TokenKind::Fixed,
                TokenKind::Central,
                TokenKind::Other,
            ] {
                assert_eq!(
                    decision(&mut plugin, "FREE", kind),
                    Decision::NoOpinion,
                    "{mode:?}"
                );
            }
        }
    }
}
