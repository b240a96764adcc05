//! The engine: one wasmtime configuration for everything that compiles and loads, the epoch clock, and the cache of
//! compiled components.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use crate::cache;
use crate::contract::{
    authorizer, authorizer_0_1, backend, backend_0_1, display, free_charging, host,
};
use crate::error::LoadError;
use crate::guest::GuestState;
use crate::limits::{MAX_COMPONENT_BYTES, MAX_GUEST_STACK_BYTES};
use crate::manifest::PluginKind;
use crate::recording::{Recorder, RecordingSlot};
use crate::ticker::Ticker;

/// The interfaces a plugin may import; a later patch version of the contract is compatible.
const ALLOWED_IMPORTS: [&str; 2] = ["pilotwire:host/types@0.1.", "pilotwire:host/log@0.1."];

/// What a component of the first backend contract exports.
const FIRST_BACKEND: &str = "pilotwire:backend/adapter@0.1.";

/// What a component of the first authorizer contract exports.
const FIRST_AUTHORIZER: &str = "pilotwire:authorizer/judge@0.1.";

/// Choices of an engine. There are few: whatever compiles and whatever loads must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineConfig {
    /// Make every NaN the same, for the simulator. Costs a little.
    pub canonical_nans: bool,
    /// Compile on all cores. Off keeps a core free for the station.
    pub parallel_compilation: bool,
}

impl EngineConfig {
    /// For a running station.
    pub const STATION: Self = Self {
        canonical_nans: false,
        parallel_compilation: false,
    };
}

/// Compiles and loads components; runs the clock that ends runaway calls. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    ticker: Arc<Ticker>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

/// The one configuration. Everything that a plugin does not need is off: less to go wrong, less to attack.
fn engine_config(choices: EngineConfig) -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(MAX_GUEST_STACK_BYTES)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        // Calls between the parts of a component copy from one memory to the other. Without this wasmtime panics on such
        // a component instead of refusing it, and the components of JavaScript plugins are of that kind.
        .wasm_multi_memory(true)
        .wasm_backtrace_max_frames(None)
        .cranelift_nan_canonicalization(choices.canonical_nans);
    // Threads, GC and exceptions are not compiled into this wasmtime at all (workspace Cargo.toml).
    config
}

impl Engine {
    /// Starts an engine and its clock.
    ///
    /// # Errors
    /// [`LoadError::Engine`] when wasmtime does not support this machine or the clock's thread cannot be started.
    pub fn new(choices: EngineConfig) -> Result<Self, LoadError> {
        let config = engine_config(choices);
        let wasmtime = wasmtime::Engine::new(&config)
            .map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(wasmtime.weak())
            .map_err(|error| LoadError::Engine(format!("no thread for the clock: {error}")))?;
        Ok(Self {
            wasmtime,
            ticker: Arc::new(ticker),
        })
    }

    /// Checks a component, compiles it (or takes the compiled form from the cache) and links it.
    ///
    /// `cache_dir` is a folder that only this user may write to; it is made if it is missing. A cache entry is used only
    /// if component, wasmtime version, configuration and its own checksum agree; anything else is compiled again.
    ///
    /// # Errors
    /// [`LoadError`] when the component is not a plugin of this kind, wants imports that no plugin is given, or when the
    /// cache folder can be written by others.
    pub fn load(
        &self,
        kind: PluginKind,
        name: &str,
        component: &[u8],
        cache_dir: Option<&Path>,
    ) -> Result<Loaded, LoadError> {
        if component.len() > MAX_COMPONENT_BYTES {
            return Err(LoadError::TooLarge {
                name: name.to_owned(),
                bytes: component.len(),
            });
        }
        let hash: [u8; 32] = Sha256::digest(component).into();
        let (compiled, from_cache) =
            cache::load_or_compile(&self.wasmtime, name, component, &hash, cache_dir)?;
        self.check_imports(name, &compiled)?;
        let pre = self.link(kind, name, &compiled)?;
        Ok(Loaded {
            inner: Arc::new(LoadedInner {
                kind,
                name: name.to_owned(),
                hash,
                from_cache,
                engine: self.clone(),
                pre,
                recording: RecordingSlot::default(),
            }),
        })
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    fn check_imports(&self, name: &str, component: &Component) -> Result<(), LoadError> {
        let ty = component.component_type();
        for (import, _) in ty.imports(&self.wasmtime) {
            if !ALLOWED_IMPORTS
                .iter()
                .any(|allowed| import.starts_with(allowed))
            {
                return Err(LoadError::Import {
                    name: name.to_owned(),
                    import: import.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn exports(&self, component: &Component, interface: &str) -> bool {
        let ty = component.component_type();
        ty.exports(&self.wasmtime)
            .any(|(name, _)| name.starts_with(interface))
    }

    fn link(&self, kind: PluginKind, name: &str, component: &Component) -> Result<Pre, LoadError> {
        let refuse = |error: wasmtime::Error| LoadError::Contract {
            name: name.to_owned(),
            kind,
            reason: format!("{error:#}"),
        };
        let mut linker: Linker<GuestState> = Linker::new(&self.wasmtime);
        host::pilotwire::host::log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)
            .map_err(refuse)?;
        host::pilotwire::host::types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)
            .map_err(refuse)?;
        let pre: InstancePre<GuestState> = linker.instantiate_pre(component).map_err(refuse)?;
        Ok(match kind {
            PluginKind::Backend if self.exports(component, FIRST_BACKEND) => {
                Pre::FirstBackend(backend_0_1::BackendPre::new(pre).map_err(refuse)?)
            }
            PluginKind::Backend => Pre::Backend(backend::BackendPre::new(pre).map_err(refuse)?),
            PluginKind::Authorizer if self.exports(component, FIRST_AUTHORIZER) => {
                Pre::FirstAuthorizer(authorizer_0_1::AuthorizerPre::new(pre).map_err(refuse)?)
            }
            PluginKind::Authorizer => {
                Pre::Authorizer(authorizer::AuthorizerPre::new(pre).map_err(refuse)?)
            }
            PluginKind::FreeCharging => {
                Pre::FreeCharging(free_charging::FreeChargingPre::new(pre).map_err(refuse)?)
            }
            PluginKind::Display => Pre::Display(display::DisplayPre::new(pre).map_err(refuse)?),
        })
    }
}

/// A component that was checked, compiled and linked; instances are made from it. Cheap to clone.
#[derive(Clone)]
pub struct Loaded {
    inner: Arc<LoadedInner>,
}

struct LoadedInner {
    kind: PluginKind,
    name: String,
    hash: [u8; 32],
    from_cache: bool,
    engine: Engine,
    pre: Pre,
    recording: RecordingSlot,
}

/// Linked, by contract. A later major version of a contract becomes another case with a module of its own.
pub(crate) enum Pre {
    Backend(backend::BackendPre<GuestState>),
    FirstBackend(backend_0_1::BackendPre<GuestState>),
    Authorizer(authorizer::AuthorizerPre<GuestState>),
    FirstAuthorizer(authorizer_0_1::AuthorizerPre<GuestState>),
    FreeCharging(free_charging::FreeChargingPre<GuestState>),
    Display(display::DisplayPre<GuestState>),
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("kind", &self.inner.kind)
            .field("name", &self.inner.name)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> PluginKind {
        self.inner.kind
    }

    /// Its name in the policy pack.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// SHA-256 of the component.
    #[must_use]
    pub fn hash(&self) -> &[u8; 32] {
        &self.inner.hash
    }

    /// Whether the compiled form came from the cache.
    #[must_use]
    pub fn from_cache(&self) -> bool {
        self.inner.from_cache
    }

    /// Records the next instance from its start on, and those after it, until the recorder ends; in place of a recording
    /// that runs.
    pub fn begin_recording(&self, recorder: Recorder) {
        self.inner.recording.begin(recorder);
    }

    /// Ends a recording; the number of calls in it.
    pub fn end_recording(&self) -> Option<u64> {
        self.inner.recording.end()
    }

    /// Calls in the recording that runs now.
    #[must_use]
    pub fn recorded_calls(&self) -> Option<u64> {
        self.inner.recording.calls()
    }

    pub(crate) fn recording(&self) -> &RecordingSlot {
        &self.inner.recording
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn pre(&self) -> &Pre {
        &self.inner.pre
    }
}
