//! Authorizers: judge tokens on their own, without a backend. Mirrors `wit/authorizer/authorizer.wit`.

use units::Instant;

use crate::{AuthorizeRequest, Manifest, Moment, Setting, StoreEntry, StoreWrite, Token, Verdict};

/// What an authorizer knows when it starts: after boot, a trap or a swap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StartContext {
    /// Its settings with the policy pack's values.
    pub settings: Vec<Setting>,
    /// Its key-value store.
    pub store: Vec<StoreEntry>,
    /// A backend is configured and connected now.
    pub backend_connected: bool,
    /// A session runs at some EVSE of the station.
    pub busy: bool,
}

/// When in the course of an authorisation it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Before the backend is asked.
    First,
    /// Nobody had an opinion, and no backend answered.
    Unanswered,
}

/// Judge this token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who wants what, where.
    pub request: AuthorizeRequest,
    /// When it is asked.
    pub stage: Stage,
    /// The reader proved that the card is no copy.
    pub secure: bool,
}

/// What a backend said about a token, whoever asked it. Heard with the grant `authorize.opinions` only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendOpinion {
    /// The token.
    pub token: Token,
    /// The opinion.
    pub verdict: Verdict,
}

/// What a person asks of the plugin, in the plugin's own words; `help` should list them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Correlates.
    pub id: u64,
    /// The words.
    pub words: Vec<String>,
}

/// Everything an authorizer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Judge this token.
    Authorize(Question),
    /// A setting has a new value.
    SettingChanged(Setting),
    /// The backend came or went.
    BackendConnected(bool),
    /// A session runs, or none does any longer.
    Busy(bool),
    /// The time asked for with [`Answer::wake_at`] has come.
    Timer,
    /// A backend judged a token.
    BackendOpinion(BackendOpinion),
    /// A person asks.
    Request(Request),
}

/// Shown at the station instead of its own indication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// Cards held to the reader are added to a list.
    Adding,
    /// Cards held to the reader are removed from a list.
    Removing,
    /// A card was added or removed just now.
    Done,
}

/// What an authorizer answers. `wake_at`, `show` and `present_on_plug` stand until the next answer, which says them anew.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The verdict, for [`Input::Authorize`].
    pub verdict: Option<Verdict>,
    /// The token was meant for the plugin itself (a menu card, a card being learned): nobody is authorised or refused.
    pub consumed: bool,
    /// Changes of its store.
    pub store: Vec<StoreWrite>,
    /// When to call with [`Input::Timer`].
    pub wake_at: Option<Instant>,
    /// Notice at the station.
    pub show: Option<Notice>,
    /// Token that the station presents by itself when a vehicle is plugged in.
    pub present_on_plug: Option<Token>,
    /// For [`Input::Request`]: the answer, or why not.
    pub reply: Option<Result<String, String>>,
}

impl Answer {
    /// An answer with this verdict and nothing else.
    #[must_use]
    pub fn verdict(verdict: Verdict) -> Self {
        Self {
            verdict: Some(verdict),
            ..Self::default()
        }
    }
}

/// Judges tokens.
///
/// Call grammar: `describe` at any time; `start` once per instance; then `handle`, one call at a time.
pub trait Authorizer: Sized + 'static {
    /// Who the plugin is and what it asks for.
    fn describe() -> Manifest;
    /// Makes an instance. The answer has no verdict.
    fn start(now: Moment, context: StartContext) -> (Self, Answer);
    /// Takes one input.
    fn handle(&mut self, now: Moment, input: Input) -> Answer;
}

/// Exports a type as this component's authorizer. Does nothing natively.
#[macro_export]
macro_rules! export_authorizer {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the generated exports are C functions")]
        const _: () = {
            ::std::thread_local! {
                static PLUGIN: ::core::cell::RefCell<::core::option::Option<$plugin>> =
                    const { ::core::cell::RefCell::new(::core::option::Option::None) };
            }
            $crate::__authorizer_glue!($plugin, PLUGIN);
        };
    };
}
