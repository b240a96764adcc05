//! Bounds of the OCPP 1.6 adapters. Each says what breaks if it is smaller or larger.

/// Keys that one GetConfiguration answers by name: `GetConfigurationMaxKeys`.
pub const KEYS_ASKED: usize = 100;
/// Items of a list of measurands: the `…MaxLength` keys.
pub const LIST_ITEMS: usize = 16;
/// Characters of the chain in CertificateSigned: `CertificateSignedMaxChainSize`. The message's type has room for no more.
pub const CHAIN_BYTES: usize = 10_000;
/// Root certificates that a station keeps: `CertificateStoreMaxLength`.
pub const CERTIFICATES: usize = 16;
/// How long the backend must be silent before a connection is made anew for a changed key, s. Smaller: a row of changes
/// is torn apart, and the rest of it is lost.
pub const RECONNECT_QUIET_S: u64 = 3;
/// Longest wait for that, s: a backend that is never silent cannot put it off for ever.
pub const RECONNECT_LATEST_S: u64 = 60;
/// Calls that may wait behind the one in flight. Smaller: statuses of a double station after a reconnect do not fit.
pub const CALLS_WAITING: usize = 32;
/// Random part of the pause before a reconnect, in percent of it.
pub const JITTER_PERCENT: u64 = 25;
/// Tokens in the authorisation cache. Larger: the store's quota of 256 KiB is in danger.
pub const CACHE_TOKENS: usize = 500;
/// Readings kept for the StopTransaction of one transaction; above it they are kept further apart.
pub const STOP_READINGS: usize = 64;
/// Values in these readings. Larger: the StopTransaction of one session alone, some 130 bytes a value, wears the flash
/// more than the 64 KiB that a session may write.
pub const STOP_VALUES: usize = 160;
/// Bytes that the readings of one transaction may write to the store, over its whole life.
pub const STOP_WRITTEN_BYTES: usize = 24 * 1_024;
/// Transactions at the same time whose readings are kept. Larger: the store's quota of 256 KiB is in danger.
pub const STOP_TRANSACTIONS: usize = 6;
/// Tokens in the local authorization list: `LocalAuthListMaxLength`. Larger: the store's quota is in danger.
pub const LIST_TOKENS: usize = 500;
/// Tokens in one SendLocalList: `SendLocalListMaxLength`.
pub const SEND_LIST_TOKENS: usize = 100;
/// Parts in which the list is stored. Smaller: one changed card writes more; larger: a new list is more writes.
pub const LIST_BUCKETS: usize = 50;
/// Periods of a charging profile: `ChargingScheduleMaxPeriods`. Larger: 100 profiles do not fit into the store.
pub const PROFILE_PERIODS: usize = 24;
/// The profile of a remote start is kept for this long after the vehicle should have come, s: the station may begin to
/// count later than the adapter.
pub const START_PROFILE_WAIT_S: u64 = 10;
/// A step of the wall clock that moves schedules, ms. Smaller: every heartbeat's answer is one.
pub const WALL_STEP_MS: u64 = 1_500;
/// Answers of the station that the backend waits for; a call beyond them is answered that the station is busy.
pub const WAITING_ANSWERS: usize = 32;
/// How long the station may take to say what comes of a call, s. Smaller: a slow lock is answered with an error.
/// Larger: calls that the station forgot keep others out.
pub const ANSWER_WAIT_S: u64 = 60;
/// How long after the station took a reset this instance may live before the reset counts as unsuccessful, s. The
/// station waits up to 30 s for transactions to end. Smaller: a soft reset with a transaction is ordered twice.
pub const RESET_WAIT_S: u64 = 60;
/// Pause before a boot message that was not answered is sent again, s.
pub const BOOT_RETRY_S: u64 = 10;
/// Shortest interval a backend may set for boot messages and heartbeats, s.
pub const INTERVAL_MIN_S: u64 = 1;
/// Longest such interval, s: a day.
pub const INTERVAL_MAX_S: u64 = 86_400;
/// Fault notices kept to be told after a reconnect.
pub const NOTICES_WAITING: usize = 32;
/// Notices that must arrive and do not come from the journal: how far transfers are. Larger: more of them are written in a
/// long time without a backend.
pub const DURABLE_NOTICES: usize = 16;
/// Further attempts of a transfer whose message does not say how many.
pub const TRANSFER_RETRIES: u32 = 2;
/// Pause before each of them, s, if the message does not say.
pub const TRANSFER_RETRY_S: u32 = 10;
/// Pause before the station is told again to install, s: it was busy.
pub const INSTALL_RETRY_S: u64 = 30;
/// How long a station may take after a restart to say what became of an installation, s. Its installer has a minute.
pub const INSTALLED_WAIT_S: u64 = 180;
/// Connections that are tried with a new security profile before the old one is taken again. Smaller: one restart of the
/// backend undoes an upgrade. Larger: a station that was locked out comes back later.
pub const UPGRADE_ATTEMPTS: u32 = 4;
/// Characters of a security event. Larger: the notification has no room for them.
pub const EVENT_CHARS: usize = 300;
/// Longest wait or pause that a setting may order, s: a day.
pub const WAIT_MAX_S: u32 = 86_400;

// Everything fits into the store of 512 KiB together: a token of the cache takes less than 200 bytes, one of the list less
// than 120, a period of a profile less than 45.
const _: () = assert!(
    CACHE_TOKENS * 200
        + LIST_TOKENS * 120
        + STOP_TRANSACTIONS * STOP_WRITTEN_BYTES
        + 100 * (PROFILE_PERIODS * 45 + 300)
        <= 500 * 1_024
);
