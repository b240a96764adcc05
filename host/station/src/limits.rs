//! Every bound of the station: queues, waits, lengths. Each says what breaks if it is smaller or larger.

use units::Millis;

/// Highest number of EVSEs of one station; a second digit in the display is the practical end.
pub const MAX_EVSES: usize = 8;
/// Samples of one reading. Four phases of ten measurands fit; a longer list is cut.
pub const MAX_SAMPLES: usize = 40;
/// Characters of a token. OCPP 2.0.1 allows 36; adapters of OCPP 1.6 check their own 20.
pub const MAX_TOKEN_CHARS: usize = 36;
/// Actions waiting to be polled. Above it, what can be shown again later is held back and new requests are refused.
pub const MAX_ACTIONS: usize = 1_024;
/// Journal entries handed out and not yet committed. Above it, meter samples are dropped (and counted) and no
/// transaction starts; ends are always written.
pub const MAX_UNCOMMITTED: u64 = 512;
/// Characters of the value of a setting.
pub const MAX_SETTING_CHARS: usize = 500;
/// Unlock requests waiting for the lock, over all EVSEs.
pub const MAX_PENDING_UNLOCKS: usize = 16;

/// A permit is renewed this often. Larger: less margin before it expires.
pub const PERMIT_PERIOD: Millis = Millis::new(100);
/// A permit is void this long after it was given. Smaller: a busy scheduler opens contactors; larger: a hung station
/// keeps its offer longer.
pub const PERMIT_VALID: Millis = Millis::new(500);
/// A transaction that ends waits this long for the contactor to open before its end is written (the interlock opens
/// under load after 6 s).
pub const ENDING_WAIT: Millis = Millis::from_secs(10);
/// An unlock request waits this long for the lock, counted from the open contactor.
pub const UNLOCK_WAIT: Millis = Millis::from_secs(8);
/// A soft reset waits this long for the journal before it restarts anyway.
pub const SOFT_RESET_WAIT: Millis = Millis::from_secs(30);
/// A hard reset waits this long.
pub const HARD_RESET_WAIT: Millis = Millis::from_secs(12);
/// A transaction restored after a power cut waits this long for its vehicle.
pub const RESUME_WAIT: Millis = Millis::from_secs(30);
/// After its first report the interlock gets this long to say whether the cable of an ended transaction is still in. Smaller: its
/// filters have not settled, and the cable is locked again.
pub const FINISHING_CHECK: Millis = Millis::from_secs(3);
/// A remote start that names no EVSE waits this long for a vehicle that was plugged in just before, while the interlock
/// still filters its pilot (250 ms). Smaller: that vehicle is missed; larger: the vehicle of an ended transaction, which
/// is the second choice, waits without need.
pub const CHOICE_WAIT: Millis = Millis::new(300);
/// An update that has not said that it has ended has ended after this long.
pub const UPDATE_WAIT: Millis = Millis::from_secs(600);
/// Reservations that stand at once. Larger: more than there are EVSEs to keep free.
pub const MAX_RESERVATIONS: usize = 16;
/// A vehicle gets this long to react to an offer before it counts as suspending itself.
pub const OFFER_GRACE: Millis = Millis::from_secs(15);
/// A reading older than this is not sent again as if it were new.
pub const READING_STALE: Millis = Millis::from_secs(60);
/// A register that has risen is stored after this long at the latest.
pub const PERSIST_PERIOD: Millis = Millis::from_secs(60);

const _: () = assert!(
    PERMIT_PERIOD.get() * 3 < PERMIT_VALID.get(),
    "three renewals may be lost"
);
const _: () = assert!(
    CHOICE_WAIT.get() > interlock::constants::PILOT_SETTLE_MS.get(),
    "a vehicle that was plugged in just before is seen in time"
);
const _: () = assert!(
    HARD_RESET_WAIT.get() > ENDING_WAIT.get(),
    "a reset outlasts an end"
);
const _: () = assert!(
    SOFT_RESET_WAIT.get() > ENDING_WAIT.get(),
    "a reset outlasts an end"
);
