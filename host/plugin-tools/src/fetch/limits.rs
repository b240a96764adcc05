//! Bounds of downloads, with the reason for each.

use std::time::Duration;

/// Largest component, bytes. The station takes no larger one: `MAX_COMPONENT_BYTES` of host/plugin-host/src/limits.rs.
pub const MAX_COMPONENT_BYTES: u64 = 32 << 20;
/// Largest signature file, bytes: `MAX_SIGNATURE_BYTES` of host/plugin-host/src/signature.rs.
pub const MAX_SIGNATURE_BYTES: u64 = 2_048;
/// Longest plugin name: `MAX_NAME_CHARS` of host/plugin-host/src/limits.rs.
pub const MAX_NAME_CHARS: usize = 64;

/// Largest manifest, token or list of a registry, bytes. Registries themselves stop at 4 MiB; ours have 2 KiB.
pub const MAX_DOCUMENT_BYTES: u64 = 256 << 10;
/// Largest file with credentials or root certificates, bytes. A whole system's roots are about 220 KiB.
pub const MAX_LOCAL_FILE_BYTES: u64 = 1 << 20;

/// Redirects followed for one request. Registries need one or two; more is a loop.
pub const MAX_REDIRECTS: usize = 5;
/// Requests in a row that bring less than [`PROGRESS_BYTES`]. Smaller: a short outage ends it; larger: a dead server is
/// noticed late.
pub const MAX_FRUITLESS: u32 = 4;
/// Requests for one file, whatever they bring. Larger: a server that always breaks off keeps us for hours.
pub const MAX_ATTEMPTS: u32 = 40;
/// What a request has to bring to count as progress, bytes. Smaller: a server that trickles keeps us for hours.
pub const PROGRESS_BYTES: u64 = 16 << 10;
/// First pause before another try; it doubles.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(250);
/// Longest pause between two tries.
pub const BACKOFF_MAX: Duration = Duration::from_secs(8);

/// Silence of a server that is waited for unless `--timeout` says otherwise, s.
pub const TIMEOUT_S: u64 = 30;
/// Longest silence that can be asked for, s.
pub const MAX_TIMEOUT_S: u64 = 600;
/// One request may take this many times the silence: ten minutes unless `--timeout` says otherwise.
pub const REQUEST_SILENCES: u32 = 20;

/// Bytes that are read and written at once.
pub const CHUNK_BYTES: usize = 16 << 10;

/// The pause after the given number of fruitless requests.
#[must_use]
pub fn backoff(fruitless: u32) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1 << fruitless.saturating_sub(1).min(16));
    doubled.min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_plugin_host() {
        let limits = include_str!("../../../plugin-host/src/limits.rs");
        let signature = include_str!("../../../plugin-host/src/signature.rs");
        assert!(limits.contains("pub const MAX_COMPONENT_BYTES: usize = 32 << 20;"));
        assert_eq!(MAX_COMPONENT_BYTES, 32 << 20);
        assert!(limits.contains(&format!(
            "pub const MAX_NAME_CHARS: usize = {MAX_NAME_CHARS};"
        )));
        assert!(signature.contains("pub const MAX_SIGNATURE_BYTES: usize = 2_048;"));
        assert_eq!(MAX_SIGNATURE_BYTES, 2_048);
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        let pauses: Vec<_> = (1..8).map(|n| backoff(n).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000]);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
    }
}
