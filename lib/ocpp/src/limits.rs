//! Every bound of this crate by name.
//!
//! Each is our own choice unless a source is given. They hold for both directions: what we would refuse, we do not
//! send.

use units::Millis;

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

/// Characters used of the central-system half's id prefix; with a 64-bit counter behind it an id keeps to
/// [`OWN_MESSAGE_ID_CHARS_MAX`].
pub const CSMS_ID_PREFIX_CHARS_MAX: usize = 16;

/// Connectors of one charge point the central-system half keeps a status for.
pub const CSMS_CONNECTORS_MAX: usize = 64;

// What we send ourselves must pass our own checks.
const _: () = assert!(OWN_MESSAGE_ID_CHARS_MAX <= MESSAGE_ID_CHARS_MAX);
const _: () = assert!(
    FRAME_DEPTH_MAX < 128,
    "the JSON parser gives up at 128 levels by itself"
);
const _: () = assert!(ANSWERED_BYTES_MAX <= FRAME_BYTES_MAX);
