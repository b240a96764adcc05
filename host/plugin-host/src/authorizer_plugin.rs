//! Authorizers as the daemon sees them: the contract of today, and the first one behind the same face.

use station::{IdToken, Moment, Verdict};

use crate::backend_plugin::{NO_TIME, may_read, who, wrong_kind};
use crate::contract::authorizer::Authorizer;
use crate::contract::authorizer::exports::pilotwire::authorizer::judge;
use crate::contract::authorizer_0_1::Authorizer as FirstAuthorizer;
use crate::contract::authorizer_0_1::exports::pilotwire::authorizer::judge as first;
use crate::contract::host::pilotwire::host::types as g;
use crate::convert::{self, authorize_request, moment, setting, store_entry};
use crate::engine::{Loaded, Pre};
use crate::error::PluginError;
use crate::grants::{Grant, Grants};
use crate::guest::Guest;
use crate::limits::{
    Limits, MAX_REPLY_CHARS, MAX_REQUEST_WORDS, MAX_TEXT_CHARS, MAX_WAKE_AHEAD_MS,
};
use crate::manifest::{AuthorizeRequest, Manifest, Setting, StoreEntry, StoreWrite};
use crate::quota::Meter;
use crate::small_plugins::Common;
use crate::store_quota::StoreQuota;

/// The contract of today, as recordings name it.
pub(crate) const CONTRACT: &str = "pilotwire:authorizer@0.2.0";
/// The first one.
pub(crate) const FIRST_CONTRACT: &str = "pilotwire:authorizer@0.1.0";

/// What an authorizer knows when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorizerStart {
    /// Settings; station settings without a `settings.read` grant are left out.
    pub settings: Vec<Setting>,
    /// Its store.
    pub store: Vec<StoreEntry>,
    /// A backend is connected.
    pub backend_connected: bool,
    /// A session runs.
    pub busy: bool,
}

/// When in the course of an authorisation an authorizer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Before the backend.
    First,
    /// Nobody had an opinion and no backend answered.
    Unanswered,
}

/// Everything an authorizer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizerInput {
    /// Judge this token.
    Authorize {
        /// The question.
        request: AuthorizeRequest,
        /// When it is asked.
        stage: Stage,
        /// The reader proved that the card is no copy.
        secure: bool,
    },
    /// A setting has a new value.
    SettingChanged(Setting),
    /// The backend came or went.
    BackendConnected(bool),
    /// A session runs, or none does.
    Busy(bool),
    /// The time that it asked for has come.
    Timer,
    /// What a backend said about a token. Needs the grant `authorize.opinions`.
    BackendOpinion {
        /// The token.
        token: IdToken,
        /// The opinion.
        verdict: Verdict,
    },
    /// What a person asks of the plugin.
    Request {
        /// Correlates.
        id: u64,
        /// Words, the plugin's own.
        words: Vec<String>,
    },
}

impl AuthorizerInput {
    /// The usual question: before the backend is asked, with a card that proved nothing.
    #[must_use]
    pub const fn question(request: AuthorizeRequest) -> Self {
        Self::Authorize {
            request,
            stage: Stage::First,
            secure: false,
        }
    }
}

/// What an authorizer shows instead of the station's own indication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// Cards are added to a list.
    Adding,
    /// Cards are removed from a list.
    Removing,
    /// A card was added or removed just now.
    Done,
}

/// What an authorizer answers, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorizerAnswer {
    /// Its verdict, for a question only. `None` is no opinion.
    pub verdict: Option<Verdict>,
    /// It kept the token for itself: nobody is authorised, refused or asked.
    pub consumed: bool,
    /// Changes of its store.
    pub store: Vec<StoreWrite>,
    /// When it wants to hear `Timer`.
    pub wake_at: Option<units::Instant>,
    /// Shown as long as the answers say so.
    pub show: Option<Notice>,
    /// Presented at plug-in as long as the answers say so.
    pub present_on_plug: Option<IdToken>,
    /// Answer to a person's request.
    pub reply: Option<Result<String, String>>,
}

enum Guests {
    Today(Common<Authorizer>),
    First(Common<FirstAuthorizer>),
}

/// One instance of an authorizer.
pub struct AuthorizerPlugin {
    guests: Guests,
    store: StoreQuota,
    /// Calls that it asks for with its timer.
    wakes: Meter,
}

/// The same expression for whichever contract the guest speaks.
macro_rules! either {
    ($guests:expr, $common:ident => $do:expr) => {
        match $guests {
            Guests::Today($common) => $do,
            Guests::First($common) => $do,
        }
    };
}

impl std::fmt::Debug for AuthorizerPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizerPlugin")
            .field("name", &self.describe().name)
            .finish_non_exhaustive()
    }
}

impl AuthorizerPlugin {
    /// Makes an instance and asks it who it is.
    ///
    /// # Errors
    /// [`PluginError`] when start code or `describe` fails, or when the manifest has another name than the pack.
    pub fn instantiate(
        loaded: &Loaded,
        limits: Limits,
        grants: &Grants,
    ) -> Result<Self, PluginError> {
        let guests = match loaded.pre() {
            Pre::Authorizer(pre) => {
                let mut guest = Guest::instantiate(loaded, limits, |store| pre.instantiate(store))?;
                let manifest = guest.call(NO_TIME, |b, store| {
                    b.pilotwire_authorizer_judge().call_describe(store)
                })?;
                Guests::Today(common(guest, manifest, loaded, grants)?)
            }
            Pre::FirstAuthorizer(pre) => {
                let mut guest = Guest::instantiate(loaded, limits, |store| pre.instantiate(store))?;
                let manifest = guest.call(NO_TIME, |b, store| {
                    b.pilotwire_authorizer_judge().call_describe(store)
                })?;
                Guests::First(common(guest, manifest, loaded, grants)?)
            }
            Pre::Backend(_) | Pre::FirstBackend(_) | Pre::FreeCharging(_) | Pre::Display(_) => {
                return Err(wrong_kind(loaded));
            }
        };
        Ok(Self {
            wakes: Meter::new(limits.clamped()),
            guests,
            store: StoreQuota::default(),
        })
    }

    /// What the plugin says it is.
    #[must_use]
    pub fn describe(&self) -> &Manifest {
        either!(&self.guests, common => &common.manifest)
    }

    /// Rights that are both granted and asked for.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        either!(&self.guests, common => &common.grants)
    }

    /// Whether an error ended this instance.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        either!(&self.guests, common => common.guest.is_dead())
    }

    /// Starts it. The answer has no verdict.
    ///
    /// # Errors
    /// [`PluginError`]; the instance is dead then.
    pub fn start(
        &mut self,
        now: Moment,
        start: AuthorizerStart,
    ) -> Result<AuthorizerAnswer, PluginError> {
        self.store.reset(&start.store);
        let (grants, manifest) = (self.grants(), self.describe());
        let readable = start
            .settings
            .into_iter()
            .filter(|s| may_read(grants, manifest, s));
        let settings = readable.map(setting).collect();
        let store: Vec<g::StoreEntry> = start.store.into_iter().map(store_entry).collect();
        match &mut self.guests {
            Guests::Today(common) => {
                let context = judge::StartContext {
                    settings,
                    store,
                    backend_connected: start.backend_connected,
                    busy: start.busy,
                };
                let answer = common.guest.recorded(
                    &who(&common.manifest, CONTRACT),
                    ("start", now),
                    &context,
                    |b, store, context| {
                        b.pilotwire_authorizer_judge()
                            .call_start(store, moment(now), context)
                    },
                )?;
                self.check(now, None, false, answer)
            }
            Guests::First(common) => {
                let context = first::StartContext {
                    settings,
                    store,
                    backend_connected: start.backend_connected,
                };
                common.guest.recorded(
                    &who(&common.manifest, FIRST_CONTRACT),
                    ("start", now),
                    &context,
                    |b, store, context| {
                        b.pilotwire_authorizer_judge()
                            .call_start(store, moment(now), context)
                    },
                )?;
                Ok(AuthorizerAnswer::default())
            }
        }
    }

    /// Whether the plugin may and can hear this. What it cannot hear changes nothing that it said before.
    #[must_use]
    pub fn hears(&self, input: &AuthorizerInput) -> bool {
        let first = matches!(self.guests, Guests::First(_));
        match input {
            AuthorizerInput::Authorize { stage, .. } => !first || *stage == Stage::First,
            AuthorizerInput::SettingChanged(setting) => {
                may_read(self.grants(), self.describe(), setting)
            }
            AuthorizerInput::BackendConnected(_) => true,
            AuthorizerInput::BackendOpinion { .. } => {
                !first && self.grants().has(Grant::AuthorizeOpinions)
            }
            AuthorizerInput::Busy(_) | AuthorizerInput::Timer | AuthorizerInput::Request { .. } => {
                !first
            }
        }
    }

    /// Hands it one input that it [hears](Self::hears).
    ///
    /// # Errors
    /// [`PluginError`]; the instance is dead then, and that is no opinion.
    pub fn handle(
        &mut self,
        now: Moment,
        input: AuthorizerInput,
    ) -> Result<AuthorizerAnswer, PluginError> {
        if !self.hears(&input) {
            return Ok(AuthorizerAnswer::default());
        }
        let asked = match &input {
            AuthorizerInput::Authorize { request, .. } => Some(request.clone()),
            _ => None,
        };
        let is_request = matches!(input, AuthorizerInput::Request { .. });
        if input == AuthorizerInput::Timer {
            // It was woken no sooner than the quota allows; what counts is when it may be woken again.
            let _within = self.wakes.count(now.at);
        }
        let answer = match &mut self.guests {
            Guests::Today(common) => {
                let input = input_of_today(input);
                common.guest.recorded(
                    &who(&common.manifest, CONTRACT),
                    ("handle", now),
                    &input,
                    |b, store, input| {
                        b.pilotwire_authorizer_judge()
                            .call_handle(store, moment(now), input)
                    },
                )?
            }
            Guests::First(common) => {
                let Some(input) = input_of_first(input) else {
                    return Ok(AuthorizerAnswer::default());
                };
                let answer = common.guest.recorded(
                    &who(&common.manifest, FIRST_CONTRACT),
                    ("handle", now),
                    &input,
                    |b, store, input| {
                        b.pilotwire_authorizer_judge()
                            .call_handle(store, moment(now), input)
                    },
                )?;
                lifted(answer)
            }
        };
        self.check(now, asked, is_request, answer)
    }

    fn garbage(&mut self, detail: String) -> PluginError {
        either!(&mut self.guests, common => common.garbage(detail))
    }

    /// Everything that a guest says is checked here, once.
    fn check(
        &mut self,
        now: Moment,
        asked: Option<AuthorizeRequest>,
        is_request: bool,
        answer: judge::Answer,
    ) -> Result<AuthorizerAnswer, PluginError> {
        let store = self.check_writes(answer.store)?;
        let verdict = match (asked.as_ref(), answer.verdict) {
            (Some(request), Some(verdict)) => {
                Some(either!(&mut self.guests, common => common.verdict(request, verdict))?)
            }
            (None, Some(_)) => {
                return Err(self.garbage("it gives a verdict that nobody asked for".into()));
            }
            (_, None) => None,
        };
        if answer.consumed && asked.is_none() {
            return Err(self.garbage("it keeps a token that nobody presented".into()));
        }
        let may = self.grants().has(Grant::Authorize);
        let decisive = verdict
            .as_ref()
            .is_some_and(|verdict| verdict.decision != station::Decision::NoOpinion);
        if answer.consumed && decisive {
            return Err(self.garbage("it keeps a token and judges it too".into()));
        }
        let latest = now.at.as_millis().saturating_add(MAX_WAKE_AHEAD_MS);
        let soonest = self.wakes.ready_at(now.at).as_millis();
        let wake_at = answer.wake_at.map(|at| at.min(latest).max(soonest));
        let present_on_plug = match answer.present_on_plug.map(convert::token_from).transpose() {
            Ok(token) => token.filter(|_| may),
            Err(detail) => return Err(self.garbage(detail)),
        };
        let reply = match answer.reply {
            Some(_) if !is_request => {
                return Err(self.garbage("it replies to a request that nobody made".into()));
            }
            Some(Ok(words)) => Some(convert::text("the reply", words, MAX_REPLY_CHARS).map(Ok)),
            Some(Err(words)) => Some(convert::text("the reply", words, MAX_TEXT_CHARS).map(Err)),
            None => None,
        };
        let reply = match reply.transpose() {
            Ok(reply) => reply,
            Err(detail) => return Err(self.garbage(detail)),
        };
        Ok(AuthorizerAnswer {
            verdict,
            consumed: answer.consumed && may,
            store,
            wake_at: wake_at.map(units::Instant::from_millis),
            show: answer.show.filter(|_| may).map(|notice| match notice {
                judge::Notice::Adding => Notice::Adding,
                judge::Notice::Removing => Notice::Removing,
                judge::Notice::Done => Notice::Done,
            }),
            present_on_plug,
            reply,
        })
    }

    fn check_writes(&mut self, writes: Vec<g::StoreWrite>) -> Result<Vec<StoreWrite>, PluginError> {
        let limits = either!(&self.guests, common => common.guest.limits());
        let max = usize::try_from(limits.output_commands).unwrap_or(usize::MAX);
        if writes.len() > max {
            either!(&mut self.guests, common => common.guest.condemn());
            let text = format!("{} store writes, allowed are {max}", writes.len());
            return Err(PluginError::Output(text));
        }
        let mut checked = Vec::with_capacity(writes.len());
        for write in writes {
            let write = convert::store_write(write).map_err(|detail| self.garbage(detail))?;
            if let Err(error) = self.store.write(&write, limits.store_kib) {
                either!(&mut self.guests, common => common.guest.condemn());
                return Err(error);
            }
            checked.push(write);
        }
        Ok(checked)
    }
}

fn common<B>(
    guest: Guest<B>,
    manifest: g::Manifest,
    loaded: &Loaded,
    grants: &Grants,
) -> Result<Common<B>, PluginError> {
    let manifest = convert::manifest(manifest, loaded.name())?;
    let grants = grants.narrowed_to(&manifest.capabilities);
    Ok(Common {
        guest,
        manifest,
        grants,
    })
}

fn input_of_today(input: AuthorizerInput) -> judge::Input {
    match input {
        AuthorizerInput::Authorize {
            request,
            stage,
            secure,
        } => judge::Input::Authorize(judge::Question {
            request: authorize_request(request),
            stage: match stage {
                Stage::First => judge::Stage::First,
                Stage::Unanswered => judge::Stage::Unanswered,
            },
            secure,
        }),
        AuthorizerInput::SettingChanged(changed) => judge::Input::SettingChanged(setting(changed)),
        AuthorizerInput::BackendConnected(up) => judge::Input::BackendConnected(up),
        AuthorizerInput::Busy(busy) => judge::Input::Busy(busy),
        AuthorizerInput::Timer => judge::Input::Timer,
        AuthorizerInput::BackendOpinion { token, verdict } => {
            judge::Input::BackendOpinion(judge::BackendOpinion {
                token: convert::token(token),
                verdict: convert::verdict_to_guest(verdict),
            })
        }
        AuthorizerInput::Request { id, words } => judge::Input::Request(judge::Request {
            id,
            words: words.into_iter().take(MAX_REQUEST_WORDS).collect(),
        }),
    }
}

/// `None` for what the first contract has no word for.
fn input_of_first(input: AuthorizerInput) -> Option<first::Input> {
    match input {
        AuthorizerInput::Authorize { request, .. } => {
            Some(first::Input::Authorize(authorize_request(request)))
        }
        AuthorizerInput::SettingChanged(changed) => {
            Some(first::Input::SettingChanged(setting(changed)))
        }
        AuthorizerInput::BackendConnected(up) => Some(first::Input::BackendConnected(up)),
        AuthorizerInput::Busy(_)
        | AuthorizerInput::Timer
        | AuthorizerInput::BackendOpinion { .. }
        | AuthorizerInput::Request { .. } => None,
    }
}

/// An answer of the first contract in the words of today's.
fn lifted(answer: first::Answer) -> judge::Answer {
    judge::Answer {
        verdict: answer.verdict,
        consumed: false,
        store: answer.store,
        wake_at: None,
        show: None,
        present_on_plug: None,
        reply: None,
    }
}
