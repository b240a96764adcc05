//! Reservations that were asked for, are held, or may be held.

use crate::limits::CSMS_RESERVATIONS_MAX;
use crate::v16::{IdToken, ReservationStatus, ReserveNowRequest};
use alloc::collections::BTreeMap;
use units::Timestamp;

/// What is known about a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationState {
    /// Asked for, not answered yet.
    Asked,
    /// The charge point holds it.
    Held,
    /// The answer was lost; the charge point may hold it. Asking again with the same number settles it.
    Doubtful,
}

/// One reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Its number.
    pub reservation_id: i64,
    /// The connector; 0 for any.
    pub connector_id: i64,
    /// Who it is for.
    pub id_tag: IdToken,
    /// The group it is for.
    pub parent_id_tag: Option<IdToken>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// What is known about it.
    pub state: ReservationState,
}

impl Reservation {
    pub(super) fn asked(request: &ReserveNowRequest) -> Self {
        Self {
            reservation_id: request.reservation_id,
            connector_id: request.connector_id,
            id_tag: request.id_tag.clone(),
            parent_id_tag: request.parent_id_tag.clone(),
            expires_at: request.expiry_date,
            state: ReservationState::Asked,
        }
    }
}

/// Why a reservation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationEnd {
    /// The charge point did not make it.
    Refused(ReservationStatus),
    /// The charge point answered with an error, or the question never left.
    NotMade,
    /// A transaction used it.
    Used {
        /// The transaction.
        transaction_id: i64,
    },
    /// It was cancelled.
    Cancelled,
    /// The charge point did not have it when it was to be cancelled.
    NotThere,
    /// Its time is over.
    Expired,
}

/// The reservations of one charge point.
///
/// # Invariants
/// At most [`CSMS_RESERVATIONS_MAX`].
#[derive(Debug, Default)]
pub struct ReservationBook {
    entries: BTreeMap<i64, Reservation>,
    last_id: i64,
}

impl ReservationBook {
    /// A reservation by its number.
    #[must_use]
    pub fn reservation(&self, reservation_id: i64) -> Option<&Reservation> {
        self.entries.get(&reservation_id)
    }

    /// Every reservation, by number.
    pub fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.entries.values()
    }

    /// The highest number given so far.
    #[must_use]
    pub const fn last_id(&self) -> i64 {
        self.last_id
    }

    /// A number that is not in the book. Charge points keep these numbers in 32 bits.
    pub(super) fn fresh_id(&mut self) -> i64 {
        loop {
            self.last_id = if self.last_id >= i64::from(i32::MAX) {
                1
            } else {
                self.last_id.saturating_add(1).max(1)
            };
            // Ends: the book holds fewer reservations than there are numbers.
            if !self.entries.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    pub(super) fn has_room_for(&self, reservation_id: i64) -> bool {
        self.entries.len() < CSMS_RESERVATIONS_MAX || self.entries.contains_key(&reservation_id)
    }

    /// Notes that a reservation was asked for. One that is held under the same number stays until the answer.
    pub(super) fn ask(&mut self, reservation: &Reservation) {
        self.last_id = self.last_id.max(reservation.reservation_id);
        self.entries
            .entry(reservation.reservation_id)
            .or_insert_with(|| reservation.clone());
    }

    /// Puts a reservation in, in place of one with the same number.
    pub(super) fn put(&mut self, reservation: Reservation) {
        if self.has_room_for(reservation.reservation_id) {
            self.last_id = self.last_id.max(reservation.reservation_id);
            self.entries.insert(reservation.reservation_id, reservation);
        }
    }

    /// Takes a reservation out if it was only asked for; one held under the same number from before stays.
    pub(super) fn take_asked(&mut self, reservation_id: i64) {
        let asked = self
            .entries
            .get(&reservation_id)
            .is_some_and(|entry| entry.state == ReservationState::Asked);
        if asked {
            self.entries.remove(&reservation_id);
        }
    }

    /// The charge point may no longer hold a reservation.
    pub(super) fn doubt(&mut self, reservation_id: i64) {
        if let Some(entry) = self.entries.get_mut(&reservation_id) {
            entry.state = ReservationState::Doubtful;
        }
    }

    pub(super) fn take(&mut self, reservation_id: i64) -> Option<Reservation> {
        self.entries.remove(&reservation_id)
    }

    /// One reservation whose time is over.
    pub(super) fn take_expired(&mut self, wall: Timestamp) -> Option<Reservation> {
        let id = self
            .entries
            .values()
            .find(|entry| entry.expires_at <= wall)?
            .reservation_id;
        self.entries.remove(&id)
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.entries.values().map(|entry| entry.expires_at).min()
    }

    pub(super) fn restore(&mut self, last_id: i64, entries: impl IntoIterator<Item = Reservation>) {
        for mut entry in entries {
            if entry.state == ReservationState::Asked {
                entry.state = ReservationState::Doubtful;
            }
            self.put(entry);
        }
        self.last_id = self.last_id.max(last_id);
    }
}
