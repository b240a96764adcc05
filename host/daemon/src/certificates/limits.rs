//! Bounds of the certificate store.

/// Roots kept for each use. Smaller: an operator cannot change its authority while the old one is in use; larger: every
/// handshake reads them all.
pub const ROOTS_PER_USE: usize = 16;
/// Longest PEM text of one root, bytes. The security whitepaper carries at most 5,500 characters.
pub const ROOT_PEM_BYTES: usize = 8 * 1024;
/// Longest PEM text of a chain, bytes. The security whitepaper carries at most 10,000 characters.
pub const CHAIN_PEM_BYTES: usize = 16 * 1024;
/// Certificates in the station's own chain.
pub const CHAIN_CERTIFICATES: usize = 8;
/// Largest file that the store reads back: a key and a chain.
pub const FILE_BYTES: u64 = 32 * 1024;
/// Files of one folder that are looked at; more are none of ours.
pub const FILES_LOOKED_AT: usize = 64;
/// Longest common name or organisation, characters (X.520 allows 64).
pub const NAME_CHARS: usize = 64;
/// A root may begin this much in the station's future, ms: clocks differ, and a new authority is installed at once.
pub const CLOCK_TOLERANCE_MS: i64 = 5 * 60 * 1_000;
/// The station's certificate should be renewed when it ends within this time, ms: a month.
pub const RENEW_BEFORE_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
