//! Every bound of this crate by name.
//!
//! Each is our own choice unless a source is given. They hold for both directions: what we would refuse, we do not
//! send.

use units::{Millis, Millivolts};

/// Longest frame that is parsed, in bytes.
///
/// Smaller: a full local authorization list of about 3,000 tokens no longer fits. Larger: one frame can fill the
/// memory of a guest.
pub const FRAME_BYTES_MAX: usize = 512 * 1024;

/// Deepest nesting of arrays and objects in a frame, the frame's own array counted.
///
/// The deepest message of OCPP 1.6 needs six levels; the rest is room for vendors' extra fields.
pub const FRAME_DEPTH_MAX: usize = 32;

/// Most JSON values in one frame, estimated from its separators before it is parsed.
///
/// Keeps the parsed form of a frame of bare brackets within a few megabytes.
pub const FRAME_VALUES_MAX: usize = 32_768;

/// Longest message id accepted, in characters. OCPP-J 1.6 gives 36; some central systems send longer ones, and
/// echoing them does no harm.
pub const MESSAGE_ID_CHARS_MAX: usize = 128;

/// Longest message id we give ourselves, in characters. Source: OCPP-J 1.6, 4.1.4.
pub const OWN_MESSAGE_ID_CHARS_MAX: usize = 36;

/// Longest action name looked at, in characters; longer ones are unknown by definition.
pub const ACTION_CHARS_MAX: usize = 64;

/// Longest error description sent, in characters. Source: OCPP-J 1.6, 4.2.3.
pub const ERROR_DESCRIPTION_CHARS_MAX: usize = 255;

/// Calls that may wait behind the one in flight.
pub const CALL_QUEUE_MAX: usize = 64;

/// How long an answer is awaited before the call counts as lost.
pub const CALL_TIMEOUT: Millis = Millis::from_secs(30);

/// Finished calls remembered, to tell a late or doubled answer from an unknown one.
pub const FINISHED_CALLS_MAX: usize = 16;

/// Answered incoming calls remembered, to answer a repeated one with the same text.
pub const ANSWERED_CALLS_MAX: usize = 16;

/// Bytes of answer text remembered for repetition, over all remembered calls.
pub const ANSWERED_BYTES_MAX: usize = 256 * 1024;

/// Deviations described in words per message; further ones are only counted.
pub const NOTES_TEXTS_MAX: usize = 8;

/// Characters kept of a name the peer made up, when it is mentioned.
pub const FOREIGN_NAME_CHARS_MAX: usize = 32;

/// Largest absolute value of a [`Decimal`](crate::v16::Decimal), in tenths.
///
/// Every tenth up to here survives a number parser that uses 64-bit floating point, so it does not matter which one
/// the peer, or a Cargo feature, chose.
pub const DECIMAL_TENTHS_MAX: i64 = 10_000_000_000_000;

/// Frames waiting to be taken from the central-system half.
pub const CSMS_FRAMES_MAX: usize = 256;

/// Events waiting to be taken from the central-system half; the oldest is dropped and counted beyond it.
pub const CSMS_EVENTS_MAX: usize = 1_024;

/// Sessions (open and billed) the central-system half keeps.
pub const CSMS_SESSIONS_MAX: usize = 100_000;

/// Sessions whose readings are remembered, to recognise repeated ones; the oldest is forgotten beyond it.
///
/// Smaller: readings that come twice after an outage of many sessions are counted twice.
pub const CSMS_METERED_SESSIONS_MAX: usize = 1_024;

/// Readings remembered per session, to recognise repeated ones.
pub const CSMS_READINGS_REMEMBERED_MAX: usize = 32;

/// Stops of unknown transactions the central-system half keeps; the oldest is forgotten beyond it.
pub const CSMS_ORPHANS_MAX: usize = 256;

/// Questions about idTags that may wait for the owner of the central-system half. A charge point may have one request
/// open at a time; beyond the bound the table's word holds.
pub const CSMS_QUESTIONS_MAX: usize = 16;

/// Reservations the central-system half keeps at once.
pub const CSMS_RESERVATIONS_MAX: usize = 64;

/// Charging profiles the central-system half keeps.
pub const CSMS_PROFILES_MAX: usize = 256;

/// Profiles sent with a remote start that wait for their transaction; the oldest is forgotten beyond it.
pub const CSMS_ARRIVING_PROFILES_MAX: usize = 16;

/// Configuration keys the central-system half remembers the values of.
pub const CSMS_KEYS_MAX: usize = 512;

/// Entries of the local list the central-system half wants a charge point to have.
pub const CSMS_LIST_ENTRIES_MAX: usize = 10_000;

/// Entries of the local list in one message, whatever the owner or the charge point says.
///
/// Larger: the longest entries, escaped, no longer fit [`FRAME_BYTES_MAX`].
pub const CSMS_LIST_MESSAGE_ENTRIES_MAX: usize = 1_000;

/// Refusals of a local list before the central-system half gives up.
pub const CSMS_LIST_REFUSALS_MAX: u8 = 3;

/// Certificates of one use the central-system half remembers.
pub const CSMS_CERTIFICATES_MAX: usize = 64;

/// Characters used of the central-system half's id prefix; with a 64-bit counter behind it an id keeps to
/// [`OWN_MESSAGE_ID_CHARS_MAX`].
pub const CSMS_ID_PREFIX_CHARS_MAX: usize = 16;

/// Connectors of one charge point the central-system half keeps a status for.
pub const CSMS_CONNECTORS_MAX: usize = 64;

/// Connectors of one station that charging profiles can be for.
pub const CHARGING_CONNECTORS_MAX: u32 = 64;

/// Charging profiles installed at once. A profile of 24 periods takes some 450 bytes in the store. Larger: the store
/// of a plugin overflows, and composing a schedule takes longer than a call may.
pub const CHARGING_PROFILES_MAX: usize = 100;

/// Periods of one charging schedule. Smaller: a day in quarters of an hour does not fit.
pub const CHARGING_PERIODS_MAX: usize = 96;

/// Highest stack level of a charging profile. Larger does no harm; central systems in the field use up to 100.
pub const CHARGING_STACK_LEVEL_MAX: u32 = 100;

/// Latest start of a period and longest duration of a schedule, in seconds: what 32 bits carry.
pub const CHARGING_SECONDS_MAX: i64 = 2_147_483_647;

/// Lowest nominal voltage, line to neutral, that is believed.
pub const CHARGING_VOLTAGE_MIN: Millivolts = Millivolts::new(90_000);

/// Highest nominal voltage, line to neutral, that is believed.
pub const CHARGING_VOLTAGE_MAX: Millivolts = Millivolts::new(300_000);

/// Nominal voltage, line to neutral, where the given one is a mistake.
pub const CHARGING_VOLTAGE_DEFAULT: Millivolts = Millivolts::new(230_000);

/// Longest stored record of a profile, in bytes: [`CHARGING_PERIODS_MAX`] periods with the longest numbers take 4 KiB.
pub const CHARGING_RECORD_BYTES_MAX: usize = 8 * 1024;

/// Step of the wall clock from which on stored starts of transactions are written anew. Smaller: every correction of the
/// clock is a write to the flash. Larger: a relative schedule may be off by as much after a restart.
pub const CHARGING_CLOCK_STEP_MIN: Millis = Millis::from_secs(10);

/// Changes that are looked at in search of the next one that changes the limit. Beyond them a wake-up that changes
/// nothing is the price.
pub const CHARGING_LOOKAHEAD_STEPS_MAX: usize = 1_024;

/// Periods of a composite schedule; a longer one is cut and says so by its duration.
pub const COMPOSITE_PERIODS_MAX: usize = 1_000;

/// Changes that are looked at for a composite schedule, merged or not; beyond them it is cut.
pub const COMPOSITE_STEPS_MAX: usize = 10_000;

// What we send ourselves must pass our own checks.
const _: () = assert!(OWN_MESSAGE_ID_CHARS_MAX <= MESSAGE_ID_CHARS_MAX);
const _: () = assert!(
    FRAME_DEPTH_MAX < 128,
    "the JSON parser gives up at 128 levels by itself"
);
const _: () = assert!(ANSWERED_BYTES_MAX <= FRAME_BYTES_MAX);
