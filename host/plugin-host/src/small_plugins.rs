//! Free-charging modes and languages as the daemon sees them, and what all small plugins share.

use station::{IdToken, Moment, Verdict};

use crate::backend_plugin::{NO_TIME, may_read, who, wrong_kind};
use crate::contract::display::Display;
use crate::contract::display::exports::pilotwire::display::language;
use crate::contract::free_charging::FreeCharging;
use crate::contract::free_charging::exports::pilotwire::free_charging::mode;
use crate::convert::{self, OutOfRange, authorize_request, moment, setting};
use crate::engine::{Loaded, Pre};
use crate::error::PluginError;
use crate::grants::{Grant, Grants};
use crate::guest::Guest;
use crate::limits::{Limits, MAX_NAME_CHARS, MAX_TEXT_CHARS};
use crate::manifest::{AuthorizeRequest, Manifest, Setting};

/// The contracts, as recordings name them.
pub(crate) const FREE_CHARGING_CONTRACT: &str = "pilotwire:free-charging@0.1.0";
pub(crate) const DISPLAY_CONTRACT: &str = "pilotwire:display@0.1.0";

/// What every small plugin has.
pub(crate) struct Common<B> {
    pub(crate) guest: Guest<B>,
    pub(crate) manifest: Manifest,
    pub(crate) grants: Grants,
}

impl<B> Common<B> {
    pub(crate) fn may_authorize(&self) -> bool {
        self.grants.has(Grant::Authorize)
    }

    /// Declares the instance dead: its answer breaks the contract.
    pub(crate) fn garbage(&mut self, detail: OutOfRange) -> PluginError {
        self.guest.condemn();
        PluginError::Garbage(detail)
    }

    /// A verdict of this call, if the plugin may give one. It must answer the very request.
    pub(crate) fn verdict(
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

/// What people can ask of every small plugin.
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
        let Common {
            guest, manifest, ..
        } = &mut self.common;
        let who = who(manifest, FREE_CHARGING_CONTRACT);
        let behaviour = guest.recorded(&who, ("start", now), &readable, |b, store, settings| {
            b.pilotwire_free_charging_mode()
                .call_start(store, moment(now), settings)
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
        let Common {
            guest, manifest, ..
        } = &mut self.common;
        let who = who(manifest, FREE_CHARGING_CONTRACT);
        let verdict =
            guest.recorded(&who, ("authorize", now), &question, |b, store, question| {
                b.pilotwire_free_charging_mode()
                    .call_authorize(store, moment(now), question)
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
        let Common {
            guest, manifest, ..
        } = &mut self.common;
        let who = who(manifest, DISPLAY_CONTRACT);
        let rendered = guest.recorded(&who, ("render", now), &message, |b, store, message| {
            b.pilotwire_display_language()
                .call_render(store, moment(now), message)
        })?;
        let Some(rendered) = rendered else {
            return Ok(None);
        };
        let checked = || -> Result<Rendered, OutOfRange> {
            let tag = convert::name("the language tag", rendered.language, MAX_NAME_CHARS)?;
            if !tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                return Err(
                    "the language tag has other characters than letters, digits and `-`".to_owned(),
                );
            }
            Ok(Rendered {
                language: tag,
                text: convert::text("the text", rendered.text, MAX_TEXT_CHARS)?,
            })
        };
        checked()
            .map(Some)
            .map_err(|detail| self.common.garbage(detail))
    }
}
