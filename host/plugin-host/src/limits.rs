//! Every bound of the plugin host. Each says what breaks if it is smaller or larger.

use crate::manifest::PluginKind;

/// Bounds of one plugin instance; a policy pack may set them, within [`Limits::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, MiB. Smaller: a plugin with a long list traps; larger: plugins crowd out the station.
    pub memory_mib: u32,
    /// Longest call, ms. Smaller: a busy CPU kills honest plugins; larger: a hung one is noticed late.
    pub call_deadline_ms: u32,
    /// Key-value store, KiB.
    pub store_kib: u32,
    /// Data that one call may hand to the host, KiB.
    pub output_kib: u32,
    /// Commands (or store writes) of one call.
    pub output_commands: u32,
    /// Messages per second in the long run: frames sent, requests to the station, calls that it asks for with a timer;
    /// each has a count of its own. Smaller: an honest adapter's answers are dropped; larger: a mad one keeps a core,
    /// the station and its backend busy.
    pub messages_per_s: u32,
    /// Messages that may come at once.
    pub message_burst: u32,
}

impl Limits {
    /// Bounds if the policy pack says nothing.
    pub const DEFAULT: Self = Self {
        memory_mib: 16,
        call_deadline_ms: 100,
        store_kib: 512,
        output_kib: 512,
        output_commands: 256,
        messages_per_s: 50,
        message_burst: 200,
    };
    /// No policy pack may go beyond these.
    pub const MAX: Self = Self {
        memory_mib: 128,
        call_deadline_ms: 5_000,
        store_kib: 4_096,
        output_kib: 4_096,
        output_commands: 4_096,
        messages_per_s: 1_000,
        message_burst: 4_000,
    };

    /// These bounds, none larger than [`Limits::MAX`] and none zero.
    #[must_use]
    pub fn clamped(self) -> Self {
        let max = Self::MAX;
        Self {
            memory_mib: self.memory_mib.clamp(1, max.memory_mib),
            call_deadline_ms: self.call_deadline_ms.clamp(1, max.call_deadline_ms),
            store_kib: self.store_kib.min(max.store_kib),
            output_kib: self.output_kib.clamp(1, max.output_kib),
            output_commands: self.output_commands.clamp(1, max.output_commands),
            messages_per_s: self.messages_per_s.clamp(1, max.messages_per_s),
            message_burst: self.message_burst.clamp(1, max.message_burst),
        }
    }

    /// These bounds in plain words, one text per bound, as far as this kind has to do with them.
    #[must_use]
    pub fn lines(self, kind: PluginKind) -> Vec<String> {
        let Self {
            memory_mib,
            call_deadline_ms,
            store_kib,
            output_kib,
            output_commands,
            messages_per_s,
            message_burst,
        } = self;
        let quota = format!("{message_burst} at once, then {messages_per_s} a second");
        let mut lines = vec![
            format!("memory: {memory_mib} MiB"),
            format!("time for one call: {call_deadline_ms} ms"),
            format!("one answer: {output_kib} KiB"),
            format!("log: {LOG_BURST} lines at once, then {LOG_LINES_PER_SECOND} a second"),
        ];
        match kind {
            PluginKind::Backend => lines.extend([
                format!("one answer: {output_commands} commands"),
                format!("what it keeps: {store_kib} KiB"),
                format!("frames that it sends, besides answers: {quota}"),
                format!("requests to the station, besides the backend's: {quota}"),
                format!("calls that it asks for: {quota}"),
                format!(
                    "frames that wait for the backend: {MAX_OUTBOX_FRAMES}, {} MiB",
                    MAX_OUTBOX_BYTES >> 20
                ),
            ]),
            PluginKind::Authorizer => lines.extend([
                format!("one answer: {output_commands} store writes"),
                format!("what it keeps: {store_kib} KiB"),
                format!("calls that it asks for: {quota}"),
            ]),
            PluginKind::FreeCharging | PluginKind::Display => {}
        }
        lines
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Largest component that is looked at, bytes. Embedded interpreters are 18 MiB; larger is no plugin.
pub const MAX_COMPONENT_BYTES: usize = 32 << 20;
/// Native stack of a guest, bytes. Smaller: deep but honest recursion traps; larger than the thread's stack (2 MiB):
/// a recursion would take the process with it.
pub const MAX_GUEST_STACK_BYTES: usize = 512 << 10;
/// Entries of all tables together. Function tables of compiled plugins have some hundred, of interpreters some ten thousand.
pub const MAX_TABLE_ELEMENTS: usize = 100_000;
/// Core instances, memories and tables of one component. Smaller: a Python plugin, which is an interpreter of many modules,
/// is refused.
pub const MAX_CORE_ITEMS: usize = 64;

/// Longest log line, bytes.
pub const MAX_LOG_BYTES: usize = 1_024;
/// Log lines that may come at once.
pub const LOG_BURST: u32 = 40;
/// Log lines per second in the long run.
pub const LOG_LINES_PER_SECOND: u32 = 5;

/// A plugin that has been at its message quota for this long, without a pause in which the quota recovered, is replaced, ms.
/// Smaller: a busy minute is taken for madness; larger: a mad adapter wastes its backend's time for longer.
pub const OVER_QUOTA_PATIENCE_MS: u64 = 60_000;
/// Durable frames of one adapter that wait for their confirmation. The next journal entry comes only when there is none,
/// so that an honest adapter has a handful.
pub const MAX_OUTBOX_FRAMES: usize = 1_000;
/// All durable frames of one adapter together, bytes. Larger: a mad adapter fills the flash.
pub const MAX_OUTBOX_BYTES: usize = 4 << 20;

/// Longest name, version or key.
pub const MAX_NAME_CHARS: usize = 64;
/// Longest sentence for people.
pub const MAX_TEXT_CHARS: usize = 512;
/// Longest URL.
pub const MAX_URL_CHARS: usize = 2_048;
/// Most capabilities or settings of a manifest.
pub const MAX_MANIFEST_ITEMS: usize = 64;
/// Longest id of a durable frame; OCPP allows 36.
pub const MAX_FRAME_ID_CHARS: usize = 64;
/// Most subprotocols of a connect request.
pub const MAX_SUBPROTOCOLS: usize = 8;
/// Longest basic-auth password, bytes.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// Longest keep-alive interval, s.
pub const MAX_KEEP_ALIVE_S: u32 = 86_400;
/// Longest connect time-out, s.
pub const MAX_CONNECT_TIMEOUT_S: u32 = 600;
/// Highest current of a token's limit, mA; above any cable of mode 3.
pub const MAX_TOKEN_LIMIT_MA: u32 = 80_000;
/// Longest name of an uploaded file; most file systems take 255 bytes.
pub const MAX_FILE_NAME_CHARS: usize = 200;
/// Longest certificate or chain in PEM. The security whitepaper allows 10,000 characters for a chain.
pub const MAX_CERTIFICATE_CHARS: usize = 16_384;
/// Most headers of an HTTP request or answer.
pub const MAX_HTTP_HEADERS: usize = 32;
/// Longest time-out of an HTTP request, s.
pub const MAX_HTTP_TIMEOUT_S: u32 = 600;
/// Most addresses that may call the station.
pub const MAX_LISTEN_ALLOWED: usize = 64;
/// Authorize requests that an adapter may still answer. Older ones are forgotten: their verdict is late anyway.
pub const MAX_OPEN_REQUESTS: usize = 32;
/// Earliest wall clock that a plugin may set or name: 2020-01-01.
pub const MIN_WALL_MS: i64 = 1_577_836_800_000;
/// Latest wall clock that a plugin may set: 2100-01-01.
pub const MAX_CLOCK_MS: i64 = 4_102_444_800_000;
/// Latest end of validity: 9999-12-31, which backends use for "never".
pub const MAX_EXPIRY_MS: i64 = 253_402_300_799_999;

/// The epoch clock ticks this often, ms; a runaway guest is stopped one or two ticks after its deadline.
pub const EPOCH_TICK_MS: u64 = 1;
/// Ticks that the epoch clock makes up for when it comes late. Smaller: its lateness adds up and a runaway guest runs on;
/// larger: after the machine stood still, an honest guest loses that much of its deadline.
pub const EPOCH_CATCH_UP_TICKS: u32 = 3;
/// The epoch clock rests after this many ticks without a call, so that an idle station does not wake 1,000 times a second.
pub const EPOCH_IDLE_TICKS: u32 = 200;

/// First pause before a dead plugin is started again, ms.
pub const BACKOFF_FIRST_MS: u64 = 250;
/// Longest pause, ms.
pub const BACKOFF_MAX_MS: u64 = 60_000;
/// Failures within [`FAILURE_WINDOW_MS`] that put a plugin into quarantine.
pub const QUARANTINE_FAILURES: usize = 8;
/// How long a failure counts, ms.
pub const FAILURE_WINDOW_MS: u64 = 600_000;
/// Quarantine ends by itself after this long, ms. Smaller: a broken plugin costs more; larger: a backend that sent one
/// bad message for a while stays away longer.
pub const QUARANTINE_MS: u64 = 3_600_000;

const _: () = assert!(Limits::DEFAULT.memory_mib <= Limits::MAX.memory_mib);
const _: () = assert!(Limits::DEFAULT.output_kib <= Limits::MAX.output_kib);
const _: () = assert!(BACKOFF_FIRST_MS < BACKOFF_MAX_MS && BACKOFF_MAX_MS < QUARANTINE_MS);

/// Longest reply to a person's request. Larger: a list of 1,000 cards in one page; the control socket carries it.
pub const MAX_REPLY_CHARS: usize = 64 * 1024;

/// Words of a person's request. Larger: an import of that many cards in one go.
pub const MAX_REQUEST_WORDS: usize = 2_000;

/// An authorizer's timer is at most this far away. Larger: a forgotten timer; it asks again anyway.
pub const MAX_WAKE_AHEAD_MS: u64 = 24 * 60 * 60 * 1_000;

/// Longest line of a recording. Larger than any input and answer together.
pub const MAX_RECORDED_LINE_BYTES: usize = 4 * 1024 * 1024;

/// Differences that a replay shows; it counts the rest. Larger: nobody reads them.
pub const MAX_DIFFERENCES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_every_quota_of_a_kind() {
        let limits = Limits {
            store_kib: 3,
            messages_per_s: 7,
            message_burst: 9,
            ..Limits::DEFAULT
        };
        let backend = limits.lines(PluginKind::Backend).join("\n");
        assert_eq!(
            backend.matches("9 at once, then 7 a second").count(),
            3,
            "{backend}"
        );
        assert!(backend.contains("what it keeps: 3 KiB"), "{backend}");
        let language = limits.lines(PluginKind::Display).join("\n");
        assert!(language.contains("memory: 16 MiB"), "{language}");
        assert!(!language.contains("a second, besides") && !language.contains("keeps"));
    }

    #[test]
    fn limits_beyond_the_largest_are_cut_and_zero_is_one() {
        let all = |n| Limits {
            memory_mib: n,
            call_deadline_ms: n,
            store_kib: n,
            output_kib: n,
            output_commands: n,
            messages_per_s: n,
            message_burst: n,
        };
        assert_eq!(all(u32::MAX).clamped(), Limits::MAX);
        assert_eq!(all(0).clamped().messages_per_s, 1);
        assert_eq!(all(0).clamped().message_burst, 1);
    }
}
