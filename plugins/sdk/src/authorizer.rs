//! Authorizers: judge tokens on their own, without a backend. Mirrors `wit/authorizer/authorizer.wit`.

use crate::{AuthorizeRequest, Manifest, Moment, Setting, StoreEntry, StoreWrite, Verdict};

/// What an authorizer knows when it starts: after boot, a trap or a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartContext {
    /// Its settings with the policy pack's values.
    pub settings: Vec<Setting>,
    /// Its key-value store.
    pub store: Vec<StoreEntry>,
    /// A backend is configured and connected now.
    pub backend_connected: bool,
}

/// Everything an authorizer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Judge this token.
    Authorize(AuthorizeRequest),
    /// A setting has a new value.
    SettingChanged(Setting),
    /// The backend came or went.
    BackendConnected(bool),
}

/// What an authorizer answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The verdict, for [`Input::Authorize`].
    pub verdict: Option<Verdict>,
    /// Changes of its store.
    pub store: Vec<StoreWrite>,
}

/// Judges tokens.
///
/// Call grammar: `describe` at any time; `start` once per instance; then `handle`, one call at a time.
pub trait Authorizer: Sized + 'static {
    /// Who the plugin is and what it asks for.
    fn describe() -> Manifest;
    /// Makes an instance.
    fn start(now: Moment, context: StartContext) -> Self;
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
