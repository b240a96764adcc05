//! Free-charging modes: who may charge without being asked. Mirrors `wit/free-charging/free-charging.wit`.

use crate::{AuthorizeRequest, Manifest, Moment, Setting, Token, Verdict};

/// How a session of this mode is reported to the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporting {
    /// Not at all.
    Nothing,
    /// Connector status only.
    StatusOnly,
    /// Status and transactions.
    Transactions,
}

/// What the mode does, asked once at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// Starts as soon as a vehicle is plugged in, with this token.
    pub start_on_plug: Option<Token>,
    /// What the backend hears.
    pub reporting: Reporting,
    /// Token to report instead of the presented one.
    pub report_as: Option<Token>,
    /// A remote stop may end the session.
    pub remote_stop: bool,
    /// The same token ends the session.
    pub token_stops: bool,
}

/// A free-charging mode.
pub trait FreeCharging: Sized + 'static {
    /// Who the plugin is and what it asks for.
    fn describe() -> Manifest;
    /// Makes an instance and says how it behaves.
    fn start(now: Moment, settings: Vec<Setting>) -> (Self, Behaviour);
    /// Judges a presented token.
    fn authorize(&mut self, now: Moment, request: AuthorizeRequest) -> Verdict;
}

/// Exports a type as this component's free-charging mode. Does nothing natively.
#[macro_export]
macro_rules! export_free_charging {
    ($plugin:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the generated exports are C functions")]
        const _: () = {
            ::std::thread_local! {
                static PLUGIN: ::core::cell::RefCell<::core::option::Option<$plugin>> =
                    const { ::core::cell::RefCell::new(::core::option::Option::None) };
            }
            $crate::__free_charging_glue!($plugin, PLUGIN);
        };
    };
}
