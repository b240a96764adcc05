//! The conformance kit for the authorizers of the templates: shows them known, unknown, expired and malformed tokens.
//!
//! It shows an authorizer the fail-open trap of languages: "no entry" and "no end" both look like "nothing" in some, and
//! like `null` or `undefined`, depending on the engine, in JavaScript.

use std::sync::LazyLock;

use plugin_host::{
    AuthorizeRequest, AuthorizerInput, AuthorizerPlugin, AuthorizerStart, Engine, EngineConfig,
    Grant, Grants, Limits, Loaded, PluginKind, Setting, Stage,
};
use station::{AuthorizePurpose, Decision, EvseId, IdToken, Moment, RequestId, TokenKind, Verdict};
use units::{Instant, Timestamp};

use super::programs::Project;

/// An interpreter of 18 MiB is compiled on all cores.
pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::new(EngineConfig {
        parallel_compilation: true,
        ..EngineConfig::STATION
    })
    .unwrap()
});

const CARD: &str = "04A1B2C3";
const CARD_WITH_END: &str = "0A0E9B83";
/// 2030-01-01.
const END_MS: i64 = 1_893_456_000_000;
const LIST: &str = "04a1b2c3 0A0E9B83@1893456000";

/// Tokens that no list of this kit has, or that are no tokens at all.
const NOBODY: [&str; 26] = [
    "",
    " ",
    ":",
    "@",
    "@1",
    "0",
    "04A1B2C",
    "04A1B2CG",
    "04A1B2C3 ",
    " 04A1B2C3",
    "04A1B2C3\0",
    "04A1B2C3@1",
    "04A1B2C3 0A0E9B83",
    "04A1B2C304A1B2C3",
    "DEADBEEF",
    "*",
    "%",
    "null",
    "undefined",
    "None",
    "true",
    "NaN",
    "__proto__",
    "constructor",
    "\u{0}\u{0}\u{0}\u{0}",
    "💳💳💳💳",
];

const KINDS: [TokenKind; 5] = [
    TokenKind::Rfid,
    TokenKind::Mac,
    TokenKind::Central,
    TokenKind::Fixed,
    TokenKind::Other,
];

/// An authorizer of a project, with what its own pack gives it.
pub struct Judge {
    loaded: Loaded,
    limits: Limits,
    plugin: AuthorizerPlugin,
    wall_ms: Option<i64>,
}

impl Judge {
    /// Loads a component under the bounds of the project's pack.
    pub fn load(project: &Project, component: &[u8]) -> Self {
        let limits = project.limits();
        let kind = PluginKind::Authorizer;
        let loaded = project.loaded(kind, component);
        let plugin = instance(&loaded, limits);
        assert_eq!(plugin.describe().name, project.name);
        assert_eq!(plugin.describe().capabilities, ["authorize"]);
        assert_eq!(plugin.describe().settings[0].key, "cards");
        Self {
            loaded,
            limits,
            plugin,
            wall_ms: None,
        }
    }

    /// A new instance with this list.
    fn start(&mut self, cards: &str) {
        self.plugin = instance(&self.loaded, self.limits);
        let start = AuthorizerStart {
            settings: vec![setting(cards)],
            ..AuthorizerStart::default()
        };
        let answer = self.plugin.start(moment(self.wall_ms), start).unwrap();
        assert_eq!(answer.verdict, None);
    }

    fn ask(&mut self, token: IdToken, purpose: AuthorizePurpose, stage: Stage) -> Verdict {
        let shown = token.clone();
        let input = AuthorizerInput::Authorize {
            request: AuthorizeRequest {
                request: RequestId(7),
                evse: Some(EvseId(1)),
                token,
                purpose,
                group: None,
            },
            stage,
            secure: false,
        };
        let answer = self.plugin.handle(moment(self.wall_ms), input);
        let answer = answer.unwrap_or_else(|error| panic!("{shown:?}: {error}"));
        assert!(!answer.consumed);
        answer.verdict.unwrap()
    }

    fn swipe(&mut self, uid: &str) -> Verdict {
        self.ask(
            token(uid, TokenKind::Rfid),
            AuthorizePurpose::Start,
            Stage::First,
        )
    }

    fn decision(&mut self, uid: &str) -> Decision {
        self.swipe(uid).decision
    }

    /// Every rule.
    pub fn examine(&mut self) {
        self.listed_card_is_accepted();
        self.end_of_a_card_is_kept();
        self.others_are_never_accepted();
        self.list_changes_while_running();
    }

    fn listed_card_is_accepted(&mut self) {
        self.start(LIST);
        let verdict = self.swipe(CARD);
        assert_eq!(verdict.decision, Decision::Accepted);
        assert_eq!((verdict.expires, verdict.group), (None, None));
        assert!(verdict.reason.unwrap().contains("list"));
    }

    fn end_of_a_card_is_kept(&mut self) {
        let cases = [
            (None, Decision::NoOpinion),
            (Some(END_MS - 1), Decision::Accepted),
            (Some(END_MS), Decision::Expired),
            (Some(END_MS + 86_400_000), Decision::Expired),
        ];
        for (wall_ms, decision) in cases {
            self.wall_ms = wall_ms;
            self.start(LIST);
            assert_eq!(self.decision(CARD_WITH_END), decision, "at {wall_ms:?}");
            assert_eq!(self.decision(CARD), Decision::Accepted, "at {wall_ms:?}");
        }
        self.wall_ms = Some(END_MS - 1);
        let expires = self.swipe(CARD_WITH_END).expires;
        assert_eq!(expires, Some(Timestamp::from_unix_millis(END_MS)));
    }

    fn others_are_never_accepted(&mut self) {
        let long = CARD.repeat(100);
        for (list, wall_ms) in [
            (LIST, None),
            (LIST, Some(END_MS)),
            ("", Some(END_MS)),
            ("* null undefined None @ @1 04A1B2C3@ DEADBEEF@x", Some(1)),
        ] {
            self.wall_ms = wall_ms;
            self.start(list);
            for uid in NOBODY.into_iter().chain([long.as_str()]) {
                for kind in KINDS {
                    for purpose in [
                        AuthorizePurpose::Start,
                        AuthorizePurpose::Stop,
                        AuthorizePurpose::Recheck,
                    ] {
                        for stage in [Stage::First, Stage::Unanswered] {
                            let verdict = self.ask(token(uid, kind), purpose, stage);
                            assert_eq!(
                                verdict.decision,
                                Decision::NoOpinion,
                                "{uid:?} {kind:?} {purpose:?} {stage:?} with the list {list:?}"
                            );
                        }
                    }
                }
            }
        }
        // The very value of a listed card, but no card.
        self.start(LIST);
        for kind in KINDS.into_iter().filter(|kind| *kind != TokenKind::Rfid) {
            let verdict = self.ask(token(CARD, kind), AuthorizePurpose::Start, Stage::First);
            assert_eq!(verdict.decision, Decision::NoOpinion, "{kind:?}");
        }
    }

    fn list_changes_while_running(&mut self) {
        self.start(LIST);
        for (list, decision) in [
            ("DEADBEEF", Decision::NoOpinion),
            ("DEADBEEF 04A1B2C3", Decision::Accepted),
            ("", Decision::NoOpinion),
        ] {
            let input = AuthorizerInput::SettingChanged(setting(list));
            let answer = self.plugin.handle(moment(self.wall_ms), input).unwrap();
            assert_eq!(answer.verdict, None);
            assert_eq!(self.decision(CARD), decision, "{list:?}");
        }
        // Whatever else it is told, it goes on.
        for input in [AuthorizerInput::Timer, AuthorizerInput::Busy(true)] {
            let answer = self.plugin.handle(moment(self.wall_ms), input).unwrap();
            assert_eq!(answer.verdict, None);
        }
        let words = vec!["help".to_owned()];
        let input = AuthorizerInput::Request { id: 1, words };
        let answer = self.plugin.handle(moment(self.wall_ms), input).unwrap();
        assert!(answer.reply.is_some());
    }
}

fn instance(loaded: &Loaded, limits: Limits) -> AuthorizerPlugin {
    let mut grants = Grants::none();
    grants.allow(Grant::Authorize);
    AuthorizerPlugin::instantiate(loaded, limits, &grants).unwrap()
}

fn setting(cards: &str) -> Setting {
    Setting {
        key: "cards".to_owned(),
        value: cards.to_owned(),
    }
}

fn token(value: &str, kind: TokenKind) -> IdToken {
    IdToken {
        value: value.to_owned(),
        kind,
    }
}

fn moment(wall_ms: Option<i64>) -> Moment {
    Moment {
        at: Instant::from_millis(1_000),
        wall: wall_ms.map(Timestamp::from_unix_millis),
    }
}
