//! Reservations: an EVSE, or any one of them, is kept free for a token until a time.
//!
//! A reservation changes who may begin, never who is cut off: what runs goes on. It ends when its token (or one of its
//! group) begins a transaction, when it is cancelled, or at its time.

use units::{Instant, Timestamp};

use crate::event::Requester;
use crate::evse::Evse;
use crate::limits::MAX_RESERVATIONS;
use crate::station::Station;
use crate::types::*;

/// One reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Number that the one who reserved gave it.
    pub id: u32,
    /// Who reserved.
    pub by: Requester,
    /// Where; `None` = one EVSE, whichever, is kept free.
    pub evse: Option<EvseId>,
    /// For whom.
    pub token: IdToken,
    /// Tokens of this group may use it too.
    pub group: Option<String>,
    /// Until when.
    pub expires: Timestamp,
}

impl Reservation {
    fn is_for(&self, token: &IdToken, group: Option<&str>) -> bool {
        let same_group = self.group.is_some() && self.group.as_deref() == group;
        self.token.value.eq_ignore_ascii_case(&token.value) || same_group
    }
}

impl Station {
    /// Reservations that stand.
    #[must_use]
    pub fn reservations(&self) -> &[Reservation] {
        &self.reservations
    }

    pub(crate) fn request_reserve(
        &mut self,
        now: Instant,
        wanted: Reservation,
    ) -> (Outcome, &'static str) {
        let Some(wall) = self.clock.moment(now).wall else {
            return (Outcome::Rejected, "nobody has told the station the time");
        };
        if wanted.expires <= wall {
            return (Outcome::Rejected, "the reservation has expired already");
        }
        if self.reset.is_some() {
            return (Outcome::Rejected, "the station restarts");
        }
        let same = |old: &Reservation| old.id == wanted.id && old.by == wanted.by;
        let others: Vec<Reservation> = self
            .reservations
            .iter()
            .filter(|old| !same(old))
            .cloned()
            .collect();
        if others.len() >= MAX_RESERVATIONS {
            return (Outcome::Occupied, "too many reservations");
        }
        // Judged as if the one that it replaces were gone already; that one stays if this one cannot be.
        let before = std::mem::replace(&mut self.reservations, others);
        let answer = match wanted.evse {
            Some(id) => self.reservable(id),
            None => self.any_reservable(),
        };
        if answer.0 == Outcome::Accepted {
            self.reservations.push(wanted);
            self.persist_now = true;
        } else {
            self.reservations = before;
        }
        answer
    }

    fn reservable(&self, id: EvseId) -> (Outcome, &'static str) {
        let Some(evse) = self.evse(id) else {
            return (Outcome::Rejected, "no such EVSE");
        };
        if self.faults.stopping(id).is_some() {
            return (Outcome::Faulted, "the EVSE has a fault");
        }
        if !evse.operative || evse.inoperative_soon {
            return (Outcome::Unavailable, "the EVSE is out of service");
        }
        // One that is kept free for somebody at any EVSE must remain.
        if !self.is_unused(id) || self.unused().count() <= self.floating_reservations() {
            return (Outcome::Occupied, "the EVSE is used or reserved");
        }
        (Outcome::Accepted, "reserved")
    }

    fn any_reservable(&self) -> (Outcome, &'static str) {
        if self.unused().count() > self.floating_reservations() {
            return (Outcome::Accepted, "one EVSE is kept free");
        }
        let all = |what: &dyn Fn(&Evse) -> bool| self.evses.iter().all(what);
        if all(&|evse| self.faults.stopping(evse.config.id).is_some()) {
            (Outcome::Faulted, "every EVSE has a fault")
        } else if all(&|evse| !evse.operative || evse.inoperative_soon) {
            (Outcome::Unavailable, "every EVSE is out of service")
        } else {
            (Outcome::Occupied, "every EVSE is used or reserved")
        }
    }

    /// Nobody is there or about to be, and it is reserved for nobody in particular.
    fn is_unused(&self, id: EvseId) -> bool {
        let awaited = self.pending.iter().any(|pending| pending.evse == Some(id));
        let empty = self
            .evse(id)
            .is_some_and(|evse| evse.authorization.is_none() && !evse.plugged());
        empty && !awaited && self.can_start(id) && !self.is_reserved(id)
    }

    fn unused(&self) -> impl Iterator<Item = EvseId> + '_ {
        let ids = self.evses.iter().map(|evse| evse.config.id);
        ids.filter(|id| self.is_unused(*id))
    }

    fn floating_reservations(&self) -> usize {
        let anywhere = |r: &&Reservation| r.evse.is_none();
        self.reservations.iter().filter(anywhere).count()
    }

    /// Reserved for somebody, by its number.
    pub(crate) fn is_reserved(&self, id: EvseId) -> bool {
        self.reservations.iter().any(|r| r.evse == Some(id))
    }

    /// Whether this token may begin here as far as reservations go.
    pub(crate) fn admits(&self, id: EvseId, token: &IdToken, group: Option<&str>) -> bool {
        let own = |r: &&Reservation| r.is_for(token, group);
        let mut here = self.reservations.iter().filter(|r| r.evse == Some(id));
        if let Some(reservation) = here.next() {
            return own(&reservation);
        }
        let anywhere = self.reservations.iter().filter(|r| r.evse.is_none());
        let others = anywhere.clone().filter(|r| !own(r)).count();
        if others == 0 || anywhere.clone().any(|r| own(&r)) {
            return true;
        }
        // Somebody with a reservation for any EVSE must still find one.
        self.unused().filter(|unused| *unused != id).count() >= others
    }

    /// A refusal without asking anybody: reserved for another token, and no group could help.
    pub(crate) fn is_kept_from(&self, id: EvseId, token: &IdToken) -> bool {
        let here = self.reservations.iter().find(|r| r.evse == Some(id));
        here.is_some_and(|r| r.group.is_none() && !r.is_for(token, None))
    }

    /// The reservation that a beginning transaction uses up.
    pub(crate) fn use_reservation(
        &mut self,
        id: EvseId,
        token: &IdToken,
        group: Option<&str>,
    ) -> Option<u32> {
        let fits = |r: &Reservation| r.evse.is_none_or(|at| at == id) && r.is_for(token, group);
        let here = self
            .reservations
            .iter()
            .position(|r| r.evse.is_some() && fits(r));
        let place = here.or_else(|| self.reservations.iter().position(fits))?;
        self.persist_now = true;
        Some(self.reservations.remove(place).id)
    }

    pub(crate) fn cancel_reservation(
        &mut self,
        by: &Requester,
        id: u32,
    ) -> (Outcome, &'static str) {
        let before = self.reservations.len();
        self.reservations.retain(|r| r.id != id || r.by != *by);
        if self.reservations.len() == before {
            return (Outcome::Unknown, "no such reservation");
        }
        self.persist_now = true;
        (Outcome::Accepted, "cancelled")
    }

    pub(crate) fn expire_reservations(&mut self, now: Instant) {
        let Some(wall) = self.clock.moment(now).wall else {
            return;
        };
        let before = self.reservations.len();
        self.reservations.retain(|r| r.expires > wall);
        self.persist_now |= self.reservations.len() != before;
    }

    pub(crate) fn next_reservation_end(&self) -> Option<Instant> {
        let ends = self.reservations.iter();
        ends.filter_map(|r| self.clock.instant_of(r.expires)).min()
    }
}
