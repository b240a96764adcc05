//! What the interlock reports: trips, plugging in, unplugging at either end, pilot state D.

use interlock::{PilotState, Status};
use units::{Instant, Milliamps};

use crate::evse::plugged;
use crate::limits::OFFER_GRACE;
use crate::settings::key;
use crate::station::Station;
use crate::types::*;

/// The four stop-transaction modes, domain fact sheet §2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopMode {
    /// Token, remote stop, or unplugging at either end.
    Normal,
    /// Only unplugging at the station.
    DisconnectOnly,
    /// Only token or remote stop.
    TokenOnly,
    /// As normal, and pilot state D (a residual current ends every transaction anyway).
    NormalModeD,
}

impl Station {
    pub(crate) fn stop_mode(&self) -> StopMode {
        match self.settings.get(key::STOP_TRANSACTION_MODE) {
            Some("disconnect-only") => StopMode::DisconnectOnly,
            Some("token-only") => StopMode::TokenOnly,
            Some("normal-mode-d-rcd") => StopMode::NormalModeD,
            Some(_) | None => StopMode::Normal,
        }
    }

    /// What ends the transaction here. One that its token does not end is ended by unplugging, whatever is set.
    pub(crate) fn stop_mode_of(&self, id: EvseId) -> StopMode {
        match self.stop_mode() {
            StopMode::TokenOnly if !self.token_stops(id) => StopMode::Normal,
            mode => mode,
        }
    }

    pub(crate) fn handle_status(&mut self, now: Instant, id: EvseId, status: Status) {
        let moment = self.clock.moment(now);
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        let before = evse.status.replace(status);
        let attachment = evse.config.attachment;
        for notice in self
            .faults
            .take_trips(id, status.trips, status.surge_tripped, moment)
        {
            self.push_fault(notice);
        }
        if status.vehicle_connected
            && let Some(transaction) = self.evse_mut(id).and_then(|evse| evse.transaction.as_mut())
        {
            transaction.resume_until = None;
        }
        // After a restart the first report has nothing to be compared with: `resume_until` covers a vehicle that left,
        // `finishing_check` a cable.
        let Some(before) = before else {
            return self.begin_finishing_check(now, id);
        };
        if !asks(before.pilot) && asks(status.pilot) {
            self.give_grace(now, id);
        }
        if before.vehicle_connected && !status.vehicle_connected {
            if let Some(evse) = self.evse_mut(id) {
                evse.presented = false;
            }
            self.handle_ev_side_unplug(now, id);
        }
        if plugged(attachment, &before) && !plugged(attachment, &status) {
            self.handle_station_side_unplug(now, id);
        }
        let state_d = status.pilot == PilotState::D && status.vehicle_connected;
        if state_d && self.stop_mode() == StopMode::NormalModeD {
            self.begin_end(now, id, StopReason::Other, None);
        }
    }

    /// The vehicle asks for energy: the contactor has time to close before the station counts as suspending.
    fn give_grace(&mut self, now: Instant, id: EvseId) {
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        if evse.permit.max_current > Milliamps::ZERO {
            evse.grace = Some(now.after(OFFER_GRACE));
        }
    }

    /// The vehicle is gone from the cable; a tethered cable has no other end.
    fn handle_ev_side_unplug(&mut self, now: Instant, id: EvseId) {
        let tethered = self.evse(id).is_some_and(|evse| !evse.has_socket());
        let only_way = tethered && !self.token_stops(id);
        let ends = match self.stop_mode_of(id) {
            StopMode::Normal | StopMode::NormalModeD => {
                self.settings.flag(key::STOP_ON_EV_DISCONNECT) || only_way
            }
            StopMode::DisconnectOnly => tethered,
            StopMode::TokenOnly => false,
        };
        if ends {
            self.begin_end(now, id, StopReason::EvDisconnected, None);
        }
    }

    /// Vehicle and cable are gone: the session is over.
    fn handle_station_side_unplug(&mut self, now: Instant, id: EvseId) {
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        let was_finishing = std::mem::replace(&mut evse.finishing, false);
        evse.finishing_check = None;
        evse.released = false;
        let socket = evse.has_socket();
        self.persist_now |= was_finishing;
        match self.stop_mode_of(id) {
            StopMode::Normal | StopMode::NormalModeD | StopMode::DisconnectOnly if socket => {
                self.begin_end(now, id, StopReason::EvDisconnected, None);
            }
            // At a tethered cable the vehicle's side has decided already.
            StopMode::Normal | StopMode::NormalModeD | StopMode::DisconnectOnly => {}
            StopMode::TokenOnly => {}
        }
    }
}

/// The vehicle asks for energy.
fn asks(pilot: PilotState) -> bool {
    matches!(pilot, PilotState::C | PilotState::D)
}
