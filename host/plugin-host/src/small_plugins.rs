//! Authorizers, free-charging modes and languages as the daemon sees them.

use station::{IdToken, Moment, Verdict};

use crate::backend_plugin::{NO_TIME, may_read, wrong_kind};
use crate::contract::authorizer::Authorizer;
use crate::contract::authorizer::exports::pilotwire::authorizer::judge;
use crate::contract::display::Display;
use crate::contract::display::exports::pilotwire::display::language;
use crate::contract::free_charging::FreeCharging;
use crate::contract::free_charging::exports::pilotwire::free_charging::mode;
use crate::convert::{self, OutOfRange, authorize_request, moment, setting, store_entry};
use crate::engine::{Loaded, Pre};
use crate::error::PluginError;
use crate::grants::{Grant, Grants};
use crate::guest::Guest;
use crate::limits::{Limits, MAX_NAME_CHARS, MAX_TEXT_CHARS};
use crate::manifest::{AuthorizeRequest, Manifest, Setting, StoreEntry, StoreWrite};
use crate::store_quota::StoreQuota;

/// What every small plugin has.
struct Common<B> {
    guest: Guest<B>,
    manifest: Manifest,
    grants: Grants,
}

impl<B> Common<B> {
    fn may_authorize(&self) -> bool {
        self.grants.has(Grant::Authorize)
    }

    /// Declares the instance dead: its answer breaks the contract.
    fn garbage(&mut self, detail: OutOfRange) -> PluginError {
        self.guest.condemn();
        PluginError::Garbage(detail)
    }

    /// A verdict of this call, if the plugin may give one. It must answer the very request.
    fn verdict(
        &mut self,
        request: &AuthorizeRequest,
        given: crate::contract::host::pilotwire::host::types::Verdict,
    ) -> Result<Verdict, PluginError> {
        let (answered, verdict) =
            convert::verdict(given, &self.manifest.name).map_err(|detail| self.garbage(detail))?;
        if answered != request.request {
            return Err(self.garbage(format!(
                "it answers request {}, it was asked {}",
                answered.0, request.request.0
            )));
        }
        if !self.may_authorize() {
            tracing::warn!(
                plugin = self.manifest.name,
                "verdict ignored: the grant `authorize` is missing"
            );
            return Ok(convert::no_opinion());
        }
        Ok(verdict)
    }
}

macro_rules! plugin {
    ($(#[$doc:meta])* $name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("name", &self.common.guest.name())
                    .finish_non_exhaustive()
            }
        }

        impl $name {
            /// What the plugin says it is.
            #[must_use]
            pub fn describe(&self) -> &Manifest {
                &self.common.manifest
            }

            /// Rights that are both granted and asked for.
            #[must_use]
            pub fn grants(&self) -> &Grants {
                &self.common.grants
            }

            /// Whether an error ended this instance.
            #[must_use]
            pub fn is_dead(&self) -> bool {
                self.common.guest.is_dead()
            }
        }
    };
}

/// What an authorizer knows when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorizerStart {
    /// Settings; station settings without a `settings.read` grant are left out.
    pub settings: Vec<Setting>,
    /// Its store.
    pub store: Vec<StoreEntry>,
    /// A backend is connected.
    pub backend_connected: bool,
}

/// Everything an authorizer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizerInput {
    /// Judge this token.
    Authorize(AuthorizeRequest),
    /// A setting has a new value.
    SettingChanged(Setting),
    /// The backend came or went.
    BackendConnected(bool),
}

/// What an authorizer answers, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorizerAnswer {
    /// Its verdict, for a question only. `None` is no opinion.
    pub verdict: Option<Verdict>,
    /// Changes of its store.
    pub store: Vec<StoreWrite>,
}

/// One instance of an authorizer.
pub struct AuthorizerPlugin {
    common: Common<Authorizer>,
    store: StoreQuota,
}

plugin!(AuthorizerPlugin);

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
        let Pre::Authorizer(pre) = loaded.pre() else {
            return Err(wrong_kind(loaded));
        };
        let mut guest = Guest::instantiate(loaded, limits, |store| pre.instantiate(store))?;
        let manifest = guest.call(NO_TIME, |b, store| {
            b.pilotwire_authorizer_judge().call_describe(store)
        })?;
        let manifest = convert::manifest(manifest, loaded.name())?;
        let grants = grants.narrowed_to(&manifest.capabilities);
        let common = Common {
            guest,
            manifest,
            grants,
        };
        Ok(Self {
            common,
            store: StoreQuota::default(),
        })
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`PluginError`]; the instance is dead then.
    pub fn start(&mut self, now: Moment, start: AuthorizerStart) -> Result<(), PluginError> {
        self.store.reset(&start.store);
        let Common {
            grants, manifest, ..
        } = &self.common;
        let readable = start
            .settings
            .into_iter()
            .filter(|s| may_read(grants, manifest, s));
        let context = judge::StartContext {
            settings: readable.map(setting).collect(),
            store: start.store.into_iter().map(store_entry).collect(),
            backend_connected: start.backend_connected,
        };
        self.common.guest.call(now, |b, store| {
            b.pilotwire_authorizer_judge()
                .call_start(store, moment(now), &context)
        })
    }

    /// Hands it one input.
    ///
    /// # Errors
    /// [`PluginError`]; the instance is dead then, and that is no opinion.
    pub fn handle(
        &mut self,
        now: Moment,
        input: AuthorizerInput,
    ) -> Result<AuthorizerAnswer, PluginError> {
        let mut asked = None;
        let input = match input {
            AuthorizerInput::Authorize(request) => {
                asked = Some(request.clone());
                judge::Input::Authorize(authorize_request(request))
            }
            AuthorizerInput::SettingChanged(changed) => {
                if !may_read(&self.common.grants, &self.common.manifest, &changed) {
                    return Ok(AuthorizerAnswer::default());
                }
                judge::Input::SettingChanged(setting(changed))
            }
            AuthorizerInput::BackendConnected(up) => judge::Input::BackendConnected(up),
        };
        let answer = self.common.guest.call(now, |b, store| {
            b.pilotwire_authorizer_judge()
                .call_handle(store, moment(now), &input)
        })?;
        let store = self.check_writes(answer.store)?;
        let verdict = match (asked, answer.verdict) {
            (Some(request), Some(verdict)) => Some(self.common.verdict(&request, verdict)?),
            (None, Some(_)) => {
                return Err(self
                    .common
                    .garbage("it gives a verdict that nobody asked for".into()));
            }
            (_, None) => None,
        };
        Ok(AuthorizerAnswer { verdict, store })
    }

    fn check_writes(
        &mut self,
        writes: Vec<crate::contract::host::pilotwire::host::types::StoreWrite>,
    ) -> Result<Vec<StoreWrite>, PluginError> {
        let limits = self.common.guest.limits();
        let max = usize::try_from(limits.output_commands).unwrap_or(usize::MAX);
        if writes.len() > max {
            self.common.guest.condemn();
            let text = format!("{} store writes, allowed are {max}", writes.len());
            return Err(PluginError::Output(text));
        }
        let mut checked = Vec::with_capacity(writes.len());
        for write in writes {
            let write = convert::store_write(write).map_err(|d| self.common.garbage(d))?;
            if let Err(error) = self.store.write(&write, limits.store_kib) {
                self.common.guest.condemn();
                return Err(error);
            }
            checked.push(write);
        }
        Ok(checked)
    }
}

/// How sessions of a free-charging mode are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporting {
    /// Not at all.
    Nothing,
    /// Connector status only.
    StatusOnly,
    /// Status and transactions.
    Transactions,
}

/// What a free-charging mode does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// Starts at plug-in with this token. `None` without the grant `authorize`.
    pub start_on_plug: Option<IdToken>,
    /// What the backend hears.
    pub reporting: Reporting,
    /// Token to report instead of the presented one.
    pub report_as: Option<IdToken>,
    /// A remote stop may end the session.
    pub remote_stop: bool,
    /// The same token ends the session.
    pub token_stops: bool,
}

/// One instance of a free-charging mode.
pub struct FreeChargingPlugin {
    common: Common<FreeCharging>,
}

plugin!(FreeChargingPlugin);

impl FreeChargingPlugin {
    /// Makes an instance and asks it who it is.
    ///
    /// # Errors
    /// [`PluginError`] when start code or `describe` fails, or when the manifest has another name than the pack.
    pub fn instantiate(
        loaded: &Loaded,
        limits: Limits,
        grants: &Grants,
    ) -> Result<Self, PluginError> {
        let Pre::FreeCharging(pre) = loaded.pre() else {
            return Err(wrong_kind(loaded));
        };
        let mut guest = Guest::instantiate(loaded, limits, |store| pre.instantiate(store))?;
        let manifest = guest.call(NO_TIME, |b, store| {
            b.pilotwire_free_charging_mode().call_describe(store)
        })?;
        let manifest = convert::manifest(manifest, loaded.name())?;
        let grants = grants.narrowed_to(&manifest.capabilities);
        Ok(Self {
            common: Common {
                guest,
                manifest,
                grants,
            },
        })
    }

    /// Starts it; says how it behaves.
    ///
    /// # Errors
    /// [`PluginError`]; the instance is dead then, and nobody charges for free.
    pub fn start(&mut self, now: Moment, settings: Vec<Setting>) -> Result<Behaviour, PluginError> {
        let Common {
            grants, manifest, ..
        } = &self.common;
        let readable = settings
            .into_iter()
            .filter(|s| may_read(grants, manifest, s));
        let readable: Vec<_> = readable.map(setting).collect();
        let behaviour = self.common.guest.call(now, |b, store| {
            b.pilotwire_free_charging_mode()
                .call_start(store, moment(now), &readable)
        })?;
        let may_authorize = self.common.may_authorize();
        behaviour_from(behaviour, may_authorize).map_err(|detail| self.common.garbage(detail))
    }

    /// Asks for a verdict.
    ///
    /// # Errors
    /// [`PluginError`]; the instance is dead then, and that is no opinion.
    pub fn authorize(
        &mut self,
        now: Moment,
        request: AuthorizeRequest,
    ) -> Result<Verdict, PluginError> {
        let question = authorize_request(request.clone());
        let verdict = self.common.guest.call(now, |b, store| {
            b.pilotwire_free_charging_mode()
                .call_authorize(store, moment(now), &question)
        })?;
        self.common.verdict(&request, verdict)
    }
}

fn behaviour_from(given: mode::Behaviour, may_authorize: bool) -> Result<Behaviour, OutOfRange> {
    let start_on_plug = given.start_on_plug.map(convert::token_from).transpose()?;
    Ok(Behaviour {
        // Starting at plug-in is a verdict given in advance.
        start_on_plug: start_on_plug.filter(|_| may_authorize),
        reporting: match given.reporting {
            mode::Reporting::Nothing => Reporting::Nothing,
            mode::Reporting::StatusOnly => Reporting::StatusOnly,
            mode::Reporting::Transactions => Reporting::Transactions,
        },
        report_as: given.report_as.map(convert::token_from).transpose()?,
        remote_stop: given.remote_stop,
        token_stops: given.token_stops,
    })
}

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Language tag.
    pub language: String,
    /// The text.
    pub text: String,
}

/// One instance of a language.
pub struct DisplayPlugin {
    common: Common<Display>,
}

plugin!(DisplayPlugin);

impl DisplayPlugin {
    /// Makes an instance and asks it who it is. A language needs no grant.
    ///
    /// # Errors
    /// [`PluginError`] when start code or `describe` fails, or when the manifest has another name than the pack.
    pub fn instantiate(loaded: &Loaded, limits: Limits) -> Result<Self, PluginError> {
        let Pre::Display(pre) = loaded.pre() else {
            return Err(wrong_kind(loaded));
        };
        let mut guest = Guest::instantiate(loaded, limits, |store| pre.instantiate(store))?;
        let manifest = guest.call(NO_TIME, |b, store| {
            b.pilotwire_display_language().call_describe(store)
        })?;
        let manifest = convert::manifest(manifest, loaded.name())?;
        Ok(Self {
            common: Common {
                guest,
                manifest,
                grants: Grants::none(),
            },
        })
    }

    /// Renders a message, or `None` if the language does not know its id.
    ///
    /// # Errors
    /// [`PluginError`]; the instance is dead then, and the host shows its own words.
    pub fn render(
        &mut self,
        now: Moment,
        id: &str,
        arguments: &[(&str, &str)],
    ) -> Result<Option<Rendered>, PluginError> {
        let argument = |(name, value): &(&str, &str)| language::Argument {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        let message = language::Message {
            id: id.to_owned(),
            arguments: arguments.iter().map(argument).collect(),
        };
        let rendered = self.common.guest.call(now, |b, store| {
            b.pilotwire_display_language()
                .call_render(store, moment(now), &message)
        })?;
        let Some(rendered) = rendered else {
            return Ok(None);
        };
        let checked = || -> Result<Rendered, OutOfRange> {
            Ok(Rendered {
                language: convert::name("the language tag", rendered.language, MAX_NAME_CHARS)?,
                text: convert::text("the text", rendered.text, MAX_TEXT_CHARS)?,
            })
        };
        checked()
            .map(Some)
            .map_err(|detail| self.common.garbage(detail))
    }
}
