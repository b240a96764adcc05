//! What can go wrong with a plugin, and what to do about it.

use std::path::PathBuf;

use crate::PluginKind;

/// A call failed; the instance is dead: drop it and instantiate again.
///
/// Whatever the call was about, there is no answer: no opinion, no command, nothing committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// The guest trapped: a panic, an impossible instruction, a stack overflow.
    #[error("the plugin crashed: {0}; its panic text, if any, is in the log")]
    Trap(String),
    /// The call took longer than its deadline.
    #[error("the plugin did not answer within {deadline_ms} ms")]
    Deadline {
        /// The deadline.
        deadline_ms: u32,
    },
    /// The guest wanted more memory than granted.
    #[error(
        "the plugin wanted more than {limit_mib} MiB of memory; raise `memory_mib` if that is right"
    )]
    Memory {
        /// The ceiling.
        limit_mib: u32,
    },
    /// The answer was too large, or had too many commands.
    #[error("the plugin's answer is too large: {0}")]
    Output(String),
    /// The answer breaks the contract.
    #[error("the plugin's answer breaks the contract: {0}")]
    Garbage(String),
    /// The instance failed before and was used again.
    #[error("the plugin instance failed before and must be replaced")]
    Dead,
}

impl PluginError {
    /// Word for metrics and status.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Deadline { .. } => "deadline",
            Self::Memory { .. } => "memory",
            Self::Output(_) => "output",
            Self::Garbage(_) => "garbage",
            Self::Dead => "dead",
        }
    }
}

/// A component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Larger than any plugin.
    #[error("plugin {name}: {bytes} bytes is larger than any plugin may be")]
    TooLarge {
        /// Plugin.
        name: String,
        /// Size.
        bytes: usize,
    },
    /// Not a component, or not one that this host can run.
    #[error("plugin {name}: not a usable WebAssembly component: {reason}")]
    Invalid {
        /// Plugin.
        name: String,
        /// Why.
        reason: String,
    },
    /// It wants something that no plugin gets.
    #[error(
        "plugin {name}: imports {import}, which no plugin is given; build it with the SDK and without WASI"
    )]
    Import {
        /// Plugin.
        name: String,
        /// The import.
        import: String,
    },
    /// It is no plugin of this kind, or of another version of the contract.
    #[error(
        "plugin {name}: does not fulfil the contract of {kind}: {reason}; check its kind and its WIT version"
    )]
    Contract {
        /// Plugin.
        name: String,
        /// Expected kind.
        kind: PluginKind,
        /// Why.
        reason: String,
    },
    /// The folder for compiled plugins cannot be trusted.
    #[error("{}: {reason}; compiled plugins are native code, so only the station may write there", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Wasmtime could not be set up.
    #[error("the plugin engine cannot be started: {0}")]
    Engine(String),
}
