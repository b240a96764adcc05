//! What becomes due: answers, verdicts, reservations, and a charge point that says nothing.

use super::issue::{Issued, Outcome};
use super::{Csms, CsmsEvent, Heard, ReservationEnd};
use units::{Instant, Millis, Timestamp};

impl Csms {
    /// Gives up calls whose answer did not come in time, answers for an owner who gave no verdict, ends reservations
    /// whose time is over, and notices silence.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(ended) = self.calls.handle_timeout(now) {
            let (id, Issued { action, purpose }) = (ended.call.id, ended.call.tag);
            self.emit(CsmsEvent::CallTimedOut { id, action });
            let sent = ended.sent;
            self.conclude(Some(now), purpose, &Outcome::Unanswered { sent });
        }
        self.settle_overdue(now);
        let wall = self.wall(now);
        while let Some(reservation) = self.reservations.take_expired(wall) {
            self.emit(CsmsEvent::ReservationEnded {
                reservation: reservation.into(),
                end: ReservationEnd::Expired,
            });
        }
        if let (Heard::At(since), Some(due)) = (self.heard, self.silence_due())
            && due <= now
        {
            self.heard = Heard::SilentSince(since);
            self.emit(CsmsEvent::Silent { since });
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let expiry = self
            .reservations
            .next_expiry()
            .map(|at| self.instant_of(at));
        [
            self.calls.poll_timeout(),
            self.question_due(),
            expiry,
            self.silence_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// When the charge point was last heard on this connection.
    #[must_use]
    pub const fn heard_at(&self) -> Option<Instant> {
        match self.heard {
            Heard::Never => None,
            Heard::At(at) | Heard::SilentSince(at) => Some(at),
        }
    }

    /// The wall-clock time at `now`.
    #[must_use]
    pub fn wall(&self, now: Instant) -> Timestamp {
        let (then, wall) = self.wall_at;
        let passed = i64::try_from(now.since(then).get()).unwrap_or(i64::MAX);
        Timestamp::from_unix_millis(wall.as_unix_millis().saturating_add(passed))
    }

    /// The instant of a wall-clock time; one in the past is as long ago as the clock was last set.
    fn instant_of(&self, at: Timestamp) -> Instant {
        let (then, wall) = self.wall_at;
        let ahead = at.as_unix_millis().saturating_sub(wall.as_unix_millis());
        then.after(Millis::new(u64::try_from(ahead).unwrap_or(0)))
    }

    fn silence_due(&self) -> Option<Instant> {
        match (self.heard, self.config.silence) {
            (Heard::At(at), Some(span)) => Some(at.after(span)),
            _ => None,
        }
    }
}
