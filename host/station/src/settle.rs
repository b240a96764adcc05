//! After every event: do what the state now demands, then tell everybody what changed.

use units::{Instant, Milliamps};

use crate::action::{Action, PersistentState};
use crate::limits::{OFFER_GRACE, PERMIT_PERIOD};
use crate::station::Station;
use crate::types::*;

impl Station {
    /// Brings the station to rest after an event. Contactors first, people after.
    pub(crate) fn settle(&mut self, now: Instant) {
        for evse in self.ids() {
            self.stop_on_fault(now, evse);
            self.finish_ending(now, evse);
            self.apply_availability(evse);
            self.take_floating(evse);
            self.present_on_plug(now, evse);
            self.try_start(now, evse);
        }
        // What one EVSE may draw depends on which others charge.
        for evse in self.ids() {
            self.renew_permit(now, evse);
        }
        self.settle_unlocks();
        self.settle_reset(now);
        for evse in self.ids() {
            self.tell_connector(now, evse);
            self.tell_indication(evse);
        }
        self.persist();
    }

    fn renew_permit(&mut self, now: Instant, id: EvseId) {
        let around = self.surroundings(id);
        let Some(evse) = self.evse(id) else { return };
        let wanted = evse.wanted_permit(&around, now);
        let due = evse.permit_due <= now;
        let mut known = evse.permit;
        known.valid_until = wanted.valid_until;
        if known == wanted && !due {
            return;
        }
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        if wanted.max_current == Milliamps::ZERO {
            evse.grace = None;
        } else if evse.permit.max_current == Milliamps::ZERO {
            evse.grace = Some(now.after(OFFER_GRACE));
        }
        evse.permit = wanted;
        evse.permit_waits = true;
        evse.permit_due = now.after(PERMIT_PERIOD);
    }

    fn tell_connector(&mut self, now: Instant, id: EvseId) {
        let around = self.surroundings(id);
        let Some(evse) = self.evse(id) else { return };
        let charging = evse.next_charging(&around, now);
        let fault = self.faults.stopping(id);
        let reserved = self.is_reserved(id);
        let moment = self.clock.moment(now);
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        evse.charging = charging;
        // The first reaction, or its absence, ends the grace.
        evse.grace
            .take_if(|until| *until <= now || charging == ChargingState::Charging);
        let mut status = evse.connector(fault, reserved, moment);
        if let Some(told) = &evse.told {
            let moment = std::mem::replace(&mut status.moment, told.moment);
            if status == *told {
                return;
            }
            status.moment = moment;
        }
        if self.try_push(Action::ConnectorChanged {
            status: status.clone(),
        }) && let Some(evse) = self.evse_mut(id)
        {
            evse.told = Some(status);
        }
    }

    fn tell_indication(&mut self, id: EvseId) {
        let Some(indication) = self.indication(id) else {
            return;
        };
        let known = self.evse(id).and_then(|evse| evse.indicated);
        if known != Some(indication)
            && self.try_push(Action::Indicate {
                evse: id,
                indication,
            })
            && let Some(evse) = self.evse_mut(id)
        {
            evse.indicated = Some(indication);
        }
    }

    /// What a restart needs, once after everything that changed it.
    fn persist(&mut self) {
        if !std::mem::take(&mut self.persist_now) {
            return;
        }
        let evses = self.evses.iter().map(|evse| evse.persistent());
        let state = PersistentState {
            next_transaction: self.next_transaction,
            next_journal: self.next_journal,
            evses: evses.chain(self.foreign.iter().cloned()).collect(),
            reservations: self.reservations.clone(),
        };
        // Only the latest record counts.
        self.actions
            .retain(|action| !matches!(action, Action::Persist { .. }));
        self.push(Action::Persist { state });
        self.persist_due = None;
    }
}
