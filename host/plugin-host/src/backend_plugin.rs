//! Backend adapters as the daemon sees them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use station::{JournalSeq, Moment};
use units::Instant;

use crate::backend::{BackendCommand, BackendInput, BackendStart};
use crate::backend_lift::{Check, OpenRequests, Rates};
use crate::backend_lower as lower;
use crate::contract::backend::Backend;
use crate::contract::backend::exports::pilotwire::backend::adapter as g;
use crate::contract::backend_0_1::Backend as FirstBackend;
use crate::contract::backend_0_1::exports::pilotwire::backend::adapter as first;
use crate::convert::{self, moment};
use crate::engine::{Loaded, Pre};
use crate::error::PluginError;
use crate::grants::Grants;
use crate::guest::Guest;
use crate::limits::Limits;
use crate::manifest::{Manifest, Setting};
use crate::outbox::Outbox;
use crate::quota::Quota;
use crate::recording::Recorded;
use crate::store_quota::StoreQuota;

/// One instance of a backend adapter.
///
/// Call grammar: `start` once, then `handle`. After an error the instance is dead; nothing of the failed call may be
/// committed, and a new instance is started from what was committed before.
pub struct BackendPlugin {
    guest: Guests,
    manifest: Manifest,
    grants: Grants,
    open: OpenRequests,
    store: StoreQuota,
    outbox: Outbox,
    rates: Rates,
    cursor: JournalSeq,
    given: JournalSeq,
}

enum Guests {
    Today(Guest<Backend>),
    First(Guest<FirstBackend>),
}

/// The same expression for whichever contract the guest speaks.
macro_rules! either {
    ($guests:expr, $guest:ident => $do:expr) => {
        match $guests {
            Guests::Today($guest) => $do,
            Guests::First($guest) => $do,
        }
    };
}

impl std::fmt::Debug for BackendPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendPlugin")
            .field("name", &self.manifest.name)
            .finish_non_exhaustive()
    }
}

impl BackendPlugin {
    /// Makes an instance and asks it who it is. `grants` are the policy pack's; what the manifest does not ask for is
    /// taken out of them.
    ///
    /// # Errors
    /// [`PluginError`] when start code or `describe` fails, or when the manifest has another name than the pack.
    pub fn instantiate(
        loaded: &Loaded,
        limits: Limits,
        grants: &Grants,
    ) -> Result<Self, PluginError> {
        let (guest, manifest) = match loaded.pre() {
            Pre::Backend(pre) => {
                let mut guest = Guest::instantiate(loaded, limits, |store| pre.instantiate(store))?;
                let manifest = guest.call(NO_TIME, |b, store| {
                    b.pilotwire_backend_adapter().call_describe(store)
                })?;
                (Guests::Today(guest), manifest)
            }
            Pre::FirstBackend(pre) => {
                let mut guest = Guest::instantiate(loaded, limits, |store| pre.instantiate(store))?;
                let manifest = guest.call(NO_TIME, |b, store| {
                    b.pilotwire_backend_adapter().call_describe(store)
                })?;
                (Guests::First(guest), manifest)
            }
            Pre::Authorizer(_)
            | Pre::FirstAuthorizer(_)
            | Pre::FreeCharging(_)
            | Pre::Display(_) => return Err(wrong_kind(loaded)),
        };
        let manifest = convert::manifest(manifest, loaded.name())?;
        let grants = grants.narrowed_to(&manifest.capabilities);
        let rates = Rates::new(either!(&guest, guest => guest.limits()));
        Ok(Self {
            guest,
            manifest,
            grants,
            outbox: Outbox::default(),
            rates,
            open: OpenRequests::default(),
            store: StoreQuota::default(),
            cursor: JournalSeq(0),
            given: JournalSeq(0),
        })
    }

    /// What the plugin says it is.
    #[must_use]
    pub fn describe(&self) -> &Manifest {
        &self.manifest
    }

    /// Rights that are both granted and asked for.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Whether an error ended this instance.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        either!(&self.guest, guest => guest.is_dead())
    }

    /// Starts the adapter.
    ///
    /// # Errors
    /// [`PluginError`]; the instance is dead then.
    pub fn start(
        &mut self,
        now: Moment,
        mut start: BackendStart,
    ) -> Result<Vec<BackendCommand>, PluginError> {
        self.cursor = start.cursor;
        self.given = start.cursor;
        self.store.reset(&start.store);
        self.outbox.reset(&start.outbox);
        let (grants, manifest) = (&self.grants, &self.manifest);
        start
            .settings
            .retain(|setting| may_read(grants, manifest, setting));
        let context = lower::start(start);
        let call = ("start", now);
        let commands = match &mut self.guest {
            Guests::Today(guest) => {
                let who = who(&self.manifest, CONTRACT);
                guest.recorded(&who, call, &context, |b, store, context| {
                    b.pilotwire_backend_adapter()
                        .call_start(store, moment(now), context)
                })?
            }
            Guests::First(guest) => {
                let who = who(&self.manifest, FIRST_CONTRACT);
                let context: first::StartContext = other_version(&context)?;
                let commands = guest.recorded(&who, call, &context, |b, store, context| {
                    b.pilotwire_backend_adapter()
                        .call_start(store, moment(now), context)
                })?;
                other_version(&commands)?
            }
        };
        self.check(now, commands)
    }

    /// Hands it one input.
    ///
    /// # Errors
    /// [`PluginError`]; the instance is dead then.
    pub fn handle(
        &mut self,
        now: Moment,
        input: BackendInput,
    ) -> Result<Vec<BackendCommand>, PluginError> {
        self.count(now.at, &input);
        match &input {
            BackendInput::Journal(entry) => self.given = self.given.max(entry.seq),
            BackendInput::Authorize(request) => self.open.open(request.request),
            BackendInput::SettingChanged(setting)
                if !may_read(&self.grants, &self.manifest, setting) =>
            {
                return Ok(Vec::new());
            }
            BackendInput::SettingChanged(_)
            | BackendInput::Timer
            | BackendInput::LinkUp(_)
            | BackendInput::LinkDown(_)
            | BackendInput::Frame(_)
            | BackendInput::Connector(_)
            | BackendInput::Fault(_)
            | BackendInput::Meter { .. }
            | BackendInput::Outcome { .. }
            | BackendInput::Restarting(_)
            | BackendInput::Transfer(_)
            | BackendInput::Certificates(..)
            | BackendInput::Csr(..)
            | BackendInput::HttpResponse(_)
            | BackendInput::Listening(_)
            | BackendInput::HttpCall(_) => {}
        }
        let input = lower::input(input);
        let call = ("handle", now);
        let commands = match &mut self.guest {
            Guests::Today(guest) => {
                let who = who(&self.manifest, CONTRACT);
                guest.recorded(&who, call, &input, |b, store, input| {
                    b.pilotwire_backend_adapter()
                        .call_handle(store, moment(now), input)
                })?
            }
            Guests::First(guest) => {
                let who = who(&self.manifest, FIRST_CONTRACT);
                // What it has no word for it does not hear.
                let Ok(input) = other_version::<first::Input>(&input) else {
                    return Ok(Vec::new());
                };
                let commands = guest.recorded(&who, call, &input, |b, store, input| {
                    b.pilotwire_backend_adapter()
                        .call_handle(store, moment(now), input)
                })?;
                other_version(&commands)?
            }
        };
        self.check(now, commands)
    }

    /// The next durable frame that the message quota held back and that may go now.
    pub fn held_frame(&mut self, now: Instant) -> Option<String> {
        if !self.outbox.holds() || self.rates.frames.count(now) != Quota::Within {
            return None;
        }
        self.outbox.release()
    }

    /// When to ask for the [next frame](Self::held_frame) that was held back, if one was.
    #[must_use]
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        (self.outbox.holds() && !self.is_dead()).then(|| self.rates.frames.ready_at(now))
    }

    /// What an input means for the quotas. An answer to the backend, and what it orders, is asked for: it has its own room.
    fn count(&mut self, now: Instant, input: &BackendInput) {
        match input {
            BackendInput::Frame(_) | BackendInput::HttpResponse(_) | BackendInput::HttpCall(_) => {
                self.rates.frames.credit(now);
                self.rates.requests.credit(now);
            }
            BackendInput::LinkUp(_) | BackendInput::LinkDown(_) => self.outbox.forget_held(),
            BackendInput::Timer => {
                // It was woken no sooner than the quota allows; what counts is when it may be woken again.
                let _within = self.rates.wakes.count(now);
            }
            BackendInput::Journal(_)
            | BackendInput::Connector(_)
            | BackendInput::Fault(_)
            | BackendInput::Meter { .. }
            | BackendInput::Authorize(_)
            | BackendInput::Outcome { .. }
            | BackendInput::SettingChanged(_)
            | BackendInput::Restarting(_)
            | BackendInput::Transfer(_)
            | BackendInput::Certificates(..)
            | BackendInput::Csr(..)
            | BackendInput::Listening(_) => {}
        }
    }

    fn check(
        &mut self,
        now: Moment,
        commands: Vec<g::Command>,
    ) -> Result<Vec<BackendCommand>, PluginError> {
        let mut check = Check {
            plugin: &self.manifest.name,
            grants: &self.grants,
            limits: either!(&self.guest, guest => guest.limits()),
            cursor: &mut self.cursor,
            given: self.given,
            open: &mut self.open,
            store: &mut self.store,
            outbox: &mut self.outbox,
            now: now.at,
            rates: &mut self.rates,
        };
        let checked = check.commands(commands);
        if checked.is_err() {
            either!(&mut self.guest, guest => guest.condemn());
        }
        checked
    }
}

/// The contract, as recordings name it.
pub(crate) const CONTRACT: &str = "pilotwire:backend@0.2.0";
/// The first one.
pub(crate) const FIRST_CONTRACT: &str = "pilotwire:backend@0.1.0";

/// A value of one version of the contract as the same value of another: names and shapes are the same, what only one of
/// them has is optional or left out. Slow, and for plugins of an old contract only.
///
/// # Errors
/// The other version has no word for it.
fn other_version<T: DeserializeOwned>(value: &impl Serialize) -> Result<T, PluginError> {
    let value = serde_json::to_value(value);
    value
        .and_then(serde_json::from_value)
        .map_err(|error| PluginError::Garbage(format!("the contract's versions differ: {error}")))
}

/// Who is recorded.
pub(crate) fn who<'a>(manifest: &'a Manifest, contract: &'a str) -> Recorded<'a> {
    Recorded {
        plugin: &manifest.name,
        version: &manifest.version,
        contract,
    }
}

/// `describe` needs no time.
pub(crate) const NO_TIME: Moment = Moment {
    at: units::Instant::ZERO,
    wall: None,
};

pub(crate) fn wrong_kind(loaded: &Loaded) -> PluginError {
    PluginError::Garbage(format!("{} was loaded as {}", loaded.name(), loaded.kind()))
}

/// A plugin reads its own settings always, the station's only as granted.
pub(crate) fn may_read(grants: &Grants, manifest: &Manifest, setting: &Setting) -> bool {
    manifest.settings.iter().any(|own| own.key == setting.key)
        || grants.covers_setting_read(&setting.key)
}
