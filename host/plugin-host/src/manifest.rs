//! Manifests, settings, stores, refusals: what several plugin kinds share, in the host's types.

use core::fmt;

use station::{AuthorizePurpose, EvseId, IdToken, Outcome, RequestId};

use crate::Grant;

/// Which contract a plugin fulfils.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginKind {
    /// Backend adapter.
    Backend,
    /// Authorizer.
    Authorizer,
    /// Free-charging mode.
    FreeCharging,
    /// Language.
    Display,
}

impl PluginKind {
    /// Word for policy packs, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Authorizer => "authorizer",
            Self::FreeCharging => "free-charging",
            Self::Display => "display",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Backend,
            Self::Authorizer,
            Self::FreeCharging,
            Self::Display,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One setting: key and value as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
}

/// A setting that the plugin itself defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingSpec {
    /// Key.
    pub key: String,
    /// Value if nobody says otherwise.
    pub default_value: String,
    /// For people.
    pub summary: String,
}

/// What a plugin says it is and asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Name.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Names of the grants it wants.
    pub capabilities: Vec<String>,
    /// Settings of its own.
    pub settings: Vec<SettingSpec>,
}

/// One entry of a plugin's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreEntry {
    /// Key.
    pub key: String,
    /// Value.
    pub value: Vec<u8>,
}

/// A change of a plugin's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreWrite {
    /// Key.
    pub key: String,
    /// New value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

/// A question for a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeRequest {
    /// Correlates.
    pub request: RequestId,
    /// Where.
    pub evse: Option<EvseId>,
    /// Who.
    pub token: IdToken,
    /// Why.
    pub purpose: AuthorizePurpose,
    /// Group of the running transaction, for `Stop`.
    pub group: Option<String>,
}

/// Why a command is not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalReason {
    /// The grant is missing, or does not cover the URL or key.
    Grant(Grant),
    /// A value is outside its range.
    Range,
    /// A verdict that nobody asked for, or that comes too late.
    NotAsked,
    /// More messages than the quota allows.
    Quota,
}

/// A command that is not executed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Plugin.
    pub plugin: String,
    /// Command in the contract's words, for example `connect`.
    pub command: &'static str,
    /// Why.
    pub reason: RefusalReason,
    /// What exactly: the URL, the key, the number.
    pub detail: String,
    /// The request to answer with [`Refusal::outcome`], if the command was one.
    pub request: Option<RequestId>,
}

impl Refusal {
    /// The missing grant, if that is the reason.
    #[must_use]
    pub const fn grant(&self) -> Option<Grant> {
        match self.reason {
            RefusalReason::Grant(grant) => Some(grant),
            RefusalReason::Range | RefusalReason::NotAsked | RefusalReason::Quota => None,
        }
    }

    /// What to tell the adapter.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self.reason {
            RefusalReason::Grant(_) | RefusalReason::NotAsked | RefusalReason::Quota => {
                Outcome::Rejected
            }
            RefusalReason::Range => Outcome::Unknown,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plugin,
            command,
            reason,
            detail,
            ..
        } = self;
        match reason {
            RefusalReason::Grant(grant) if detail.is_empty() => {
                write!(
                    f,
                    "plugin {plugin}: `{command}` refused: the grant `{grant}` is missing"
                )
            }
            RefusalReason::Grant(grant) => write!(
                f,
                "plugin {plugin}: `{command}` refused: the grant `{grant}` does not cover {detail}"
            ),
            RefusalReason::Range | RefusalReason::Quota => {
                write!(f, "plugin {plugin}: `{command}` refused: {detail}")
            }
            RefusalReason::NotAsked => {
                write!(
                    f,
                    "plugin {plugin}: `{command}` ignored: nobody waits for it ({detail})"
                )
            }
        }
    }
}
