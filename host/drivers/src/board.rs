//! The board of one EVSE: everything the interlock senses and commands.

use interlock::{Inputs, Outputs};
use units::Instant;

/// The board of one EVSE, called by the interlock's thread once per tick: first [`Board::read`], then [`Board::write`].
///
/// Both calls must return within a fraction of the 10 ms tick. A driver that cannot get a sample in time returns one
/// with `sample_valid: false`; it never waits, and it never repeats an old sample as if it were new.
pub trait Board: Send {
    /// One sample of every input.
    ///
    /// The driver hides what it causes itself: a residual current device's own test pulse is not reported as a trip.
    fn read(&mut self, now: Instant) -> Inputs;

    /// Commands for the coming tick. They stay in force until the next call.
    fn write(&mut self, now: Instant, outputs: &Outputs);
}
