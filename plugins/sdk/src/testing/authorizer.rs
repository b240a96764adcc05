//! The bench of authorizers: plays the host, checks every answer against the contract, and remembers the store.

use std::collections::BTreeMap;

use crate::authorizer::{
    Answer, Authorizer, BackendOpinion, Input, Question, Request, Stage, StartContext,
};
use crate::{
    AuthorizePurpose, AuthorizeRequest, Decision, Moment, Setting, StoreEntry, Token, TokenKind,
    Verdict,
};
use units::{Instant, Millis, Timestamp};

/// Longest sentence that the host takes.
const MAX_TEXT_CHARS: usize = 512;
/// Longest reply that the host takes.
const MAX_REPLY_CHARS: usize = 64 * 1024;
/// Most store writes of one answer.
const MAX_WRITES: usize = 256;
/// Key-value store of a plugin, bytes.
const MAX_STORE_BYTES: usize = 256 * 1024;

/// One plugin on the bench.
#[derive(Debug)]
pub struct Bench<A> {
    plugin: A,
    settings: BTreeMap<String, String>,
    store: BTreeMap<String, Vec<u8>>,
    /// Monotonic time.
    pub at: Instant,
    /// Wall clock; it passes together with the monotonic time.
    pub wall: Option<Timestamp>,
    /// Told at the next start.
    pub backend_connected: bool,
    /// Told at the next start.
    pub busy: bool,
    /// Answer to the last call; what stands now.
    pub last: Answer,
}

/// A token as a question.
#[must_use]
pub fn question(kind: TokenKind, value: &str) -> Question {
    Question {
        request: AuthorizeRequest {
            request_id: 7,
            evse_id: Some(1),
            token: Token {
                value: value.to_owned(),
                kind,
            },
            purpose: AuthorizePurpose::Start,
            group: None,
        },
        stage: Stage::First,
        secure: false,
    }
}

impl<A: Authorizer> Bench<A> {
    /// Starts a plugin with an empty store and the manifest's defaults under these settings.
    #[must_use]
    pub fn new(settings: &[(&str, &str)]) -> Self {
        Self::with_store(settings, BTreeMap::new())
    }

    /// As [`new`](Self::new), with what an earlier instance left behind.
    #[must_use]
    pub fn with_store(settings: &[(&str, &str)], store: BTreeMap<String, Vec<u8>>) -> Self {
        let manifest = A::describe();
        let mut all: BTreeMap<String, String> = manifest
            .settings
            .into_iter()
            .map(|spec| (spec.key, spec.default_value))
            .collect();
        for (key, value) in settings {
            assert!(
                all.contains_key(*key),
                "the manifest has no setting `{key}`"
            );
            all.insert((*key).to_owned(), (*value).to_owned());
        }
        let at = Instant::from_millis(1_000);
        let (plugin, answer) = start::<A>(&all, &store, at, None, (false, false));
        let mut bench = Self {
            plugin,
            settings: all,
            store,
            at,
            wall: None,
            backend_connected: false,
            busy: false,
            last: Answer::default(),
        };
        bench.take(answer, false, false);
        bench
    }

    /// A new instance from the store: after a power cut, a trap or a swap.
    pub fn restart(&mut self) {
        let told = (self.backend_connected, self.busy);
        let (plugin, answer) = start::<A>(&self.settings, &self.store, self.at, self.wall, told);
        self.plugin = plugin;
        self.take(answer, false, false);
    }

    /// One input.
    pub fn input(&mut self, input: Input) -> Answer {
        let (asked, request) = (
            matches!(input, Input::Authorize(_)),
            matches!(input, Input::Request(_)),
        );
        match &input {
            Input::Busy(busy) => self.busy = *busy,
            Input::BackendConnected(connected) => self.backend_connected = *connected,
            Input::SettingChanged(setting) => {
                self.settings
                    .insert(setting.key.clone(), setting.value.clone());
            }
            Input::Authorize(_) | Input::Timer | Input::BackendOpinion(_) | Input::Request(_) => {}
        }
        let moment = Moment {
            at: self.at,
            wall: self.wall,
        };
        let answer = self.plugin.handle(moment, input);
        self.take(answer, asked, request)
    }

    /// Asks about a token.
    pub fn ask(&mut self, question: Question) -> Answer {
        self.input(Input::Authorize(question))
    }

    /// Asks about a token and wants the decision alone.
    pub fn decide(&mut self, question: Question) -> Decision {
        self.ask(question).verdict.unwrap().decision
    }

    /// A card is held to the reader, and the plugin judges it.
    pub fn swipe(&mut self, uid: &str) -> Decision {
        let answer = self.ask(question(TokenKind::Rfid, uid));
        assert!(!answer.consumed, "the plugin kept the card {uid}");
        answer.verdict.unwrap().decision
    }

    /// A card is held to the reader, and the plugin keeps it for itself.
    pub fn kept(&mut self, uid: &str) -> Answer {
        let answer = self.ask(question(TokenKind::Rfid, uid));
        assert!(answer.consumed, "the plugin did not keep the card {uid}");
        answer
    }

    /// A person asks something.
    pub fn request(&mut self, line: &str) -> Result<String, String> {
        let words = line.split(' ').map(str::to_owned).collect();
        let answer = self.input(Input::Request(Request { id: 1, words }));
        answer.reply.unwrap()
    }

    /// A setting changes.
    pub fn set(&mut self, key: &str, value: &str) {
        self.input(Input::SettingChanged(Setting {
            key: key.to_owned(),
            value: value.to_owned(),
        }));
    }

    /// A backend said something about a token.
    pub fn hear(&mut self, token: Token, verdict: Verdict) {
        self.input(Input::BackendOpinion(BackendOpinion { token, verdict }));
    }

    /// Time passes, and timers ring when they are due.
    pub fn pass(&mut self, span: Millis) {
        let end = self.at.after(span);
        for _ in 0..1_000 {
            match self.last.wake_at.filter(|wake| *wake <= end) {
                Some(wake) => {
                    self.go_to(wake.max(self.at));
                    self.input(Input::Timer);
                }
                None => {
                    self.go_to(end);
                    return;
                }
            }
        }
        panic!("the plugin wakes for ever");
    }

    /// Time passes, and nobody rings: the timer is late.
    pub fn pass_silently(&mut self, span: Millis) {
        self.go_to(self.at.after(span));
    }

    /// What the plugin has stored.
    #[must_use]
    pub const fn store(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.store
    }

    fn go_to(&mut self, at: Instant) {
        let span = i64::try_from(at.since(self.at).get()).unwrap();
        self.at = at;
        self.wall = self
            .wall
            .map(|wall| Timestamp::from_unix_millis(wall.as_unix_millis() + span));
    }

    /// The host's checks; whoever fails one of them is dead on a station.
    fn take(&mut self, answer: Answer, asked: bool, request: bool) -> Answer {
        assert!(
            asked || answer.verdict.is_none(),
            "a verdict nobody asked for"
        );
        assert!(asked || !answer.consumed, "a token nobody presented");
        assert_eq!(request, answer.reply.is_some(), "one reply to each request");
        if let Some(verdict) = &answer.verdict {
            assert_eq!(
                verdict.request_id, 7,
                "the verdict repeats the request's number"
            );
            let kept_and_judged = answer.consumed && verdict.decision != Decision::NoOpinion;
            assert!(!kept_and_judged, "a token is kept or judged");
            for text in verdict.reason.iter().chain(&verdict.group) {
                assert_text(text, MAX_TEXT_CHARS);
            }
        }
        match &answer.reply {
            Some(Ok(text)) => assert_text(text, MAX_REPLY_CHARS),
            Some(Err(text)) => assert_text(text, MAX_TEXT_CHARS),
            None => {}
        }
        if let Some(token) = &answer.present_on_plug {
            assert!((1..=36).contains(&token.value.chars().count()));
        }
        assert!(
            answer.store.len() <= MAX_WRITES,
            "{} writes",
            answer.store.len()
        );
        for write in &answer.store {
            assert!((1..=64).contains(&write.key.chars().count()));
            match &write.value {
                Some(value) => self.store.insert(write.key.clone(), value.clone()),
                None => self.store.remove(&write.key),
            };
        }
        let bytes: usize = self.store.iter().map(|(k, v)| k.len() + v.len()).sum();
        assert!(bytes <= MAX_STORE_BYTES, "the store has {bytes} bytes");
        self.last = answer.clone();
        answer
    }
}

fn start<A: Authorizer>(
    settings: &BTreeMap<String, String>,
    store: &BTreeMap<String, Vec<u8>>,
    at: Instant,
    wall: Option<Timestamp>,
    (backend_connected, busy): (bool, bool),
) -> (A, Answer) {
    let setting = |(key, value): (&String, &String)| Setting {
        key: key.clone(),
        value: value.clone(),
    };
    let entry = |(key, value): (&String, &Vec<u8>)| StoreEntry {
        key: key.clone(),
        value: value.clone(),
    };
    let context = StartContext {
        settings: settings.iter().map(setting).collect(),
        store: store.iter().map(entry).collect(),
        backend_connected,
        busy,
    };
    A::start(Moment { at, wall }, context)
}

fn assert_text(text: &str, most: usize) {
    assert!(text.chars().count() <= most, "too long: {text}");
    assert!(
        !text.chars().any(char::is_control),
        "control characters in {text:?}"
    );
}

/// Holds tokens that are nobody's against the plugin: malformed, over-long, of every kind, at every stage and for every
/// purpose. None may be accepted.
///
/// `unknown` are further tokens that this plugin must not accept as it stands.
pub fn never_accepts<A: Authorizer>(bench: &mut Bench<A>, unknown: &[&str]) {
    let long = "04A1B2C3".repeat(10_000);
    let malformed = [
        "",
        " ",
        ":",
        "@1",
        "0",
        "04A1B2C",
        "04A1B2CG",
        "04A1B2C3 ",
        "04A1B2C3@1",
        "04A1B2C3:11223344",
        "*",
        "%",
        "\u{0}\u{0}\u{0}\u{0}",
        "💳💳💳💳",
        "MAC=",
        "null",
        "true",
        &long,
    ];
    for value in malformed.iter().chain(unknown) {
        for kind in [
            TokenKind::Rfid,
            TokenKind::Mac,
            TokenKind::Central,
            TokenKind::Fixed,
            TokenKind::Other,
        ] {
            for stage in [Stage::First, Stage::Unanswered] {
                for purpose in [
                    AuthorizePurpose::Start,
                    AuthorizePurpose::Stop,
                    AuthorizePurpose::Recheck,
                ] {
                    let mut question = question(kind, value);
                    question.stage = stage;
                    question.request.purpose = purpose;
                    let decision = bench.ask(question).verdict.map(|verdict| verdict.decision);
                    let what = value.chars().take(40).collect::<String>();
                    assert_ne!(
                        decision,
                        Some(Decision::Accepted),
                        "{what} {kind:?} {stage:?} {purpose:?}"
                    );
                }
            }
        }
    }
}
