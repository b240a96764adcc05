//! The one thing a plugin may do besides answering: write a line to the station's log.

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something is odd.
    Warn,
    /// Worth knowing.
    Info,
    /// For whoever looks for a mistake.
    Debug,
}

/// Writes one line to the station's log; the host limits the rate and cuts at 1 KiB.
///
/// Natively (unit tests) the line is dropped.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::__wasm::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (level, message);
}
