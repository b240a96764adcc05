//! Free charging, and tokens that present themselves when a vehicle is plugged in.

use units::Instant;

use crate::evse::Rules;
use crate::limits::FINISHING_CHECK;
use crate::station::Station;
use crate::types::*;

impl Station {
    /// The free-charging mode in force.
    #[must_use]
    pub const fn free_charging(&self) -> Option<&FreeCharging> {
        self.free.as_ref()
    }

    pub(crate) fn handle_free_charging(&mut self, mode: Option<FreeCharging>) {
        if self.free != mode {
            self.free = mode;
            self.present_anew();
        }
    }

    pub(crate) fn handle_plug_token(&mut self, token: Option<IdToken>) {
        if self.plug_token != token {
            self.plug_token = token;
            // Free charging comes first; what it presents has not changed.
            if self.free.is_none() {
                self.present_anew();
            }
        }
    }

    /// What presents itself has changed: what presented itself before starts nothing any more, and vehicles that are
    /// plugged in get another chance.
    fn present_anew(&mut self) {
        self.pending.retain(|pending| !pending.by_itself);
        for evse in &mut self.evses {
            evse.authorization
                .take_if(|authorization| authorization.by_itself);
            evse.presented = false;
        }
    }

    /// Presents the token that presents itself, once for each vehicle.
    pub(crate) fn present_on_plug(&mut self, now: Instant, id: EvseId) {
        let token = match &self.free {
            Some(mode) => mode.start_on_plug.clone(),
            None => self.plug_token.clone(),
        };
        let Some(token) = token else { return };
        let asked = self.pending.iter().any(|pending| {
            pending.purpose == AuthorizePurpose::Start && pending.evse.is_none_or(|at| at == id)
        });
        let waits = self
            .evse(id)
            .is_some_and(|evse| evse.waiting() && !evse.presented && evse.authorization.is_none());
        if asked || !waits || !self.can_start(id) || self.is_kept_from(id, &token) {
            return;
        }
        if let Some(evse) = self.evse_mut(id) {
            evse.presented = true;
        }
        self.ask(now, Some(id), token, AuthorizePurpose::Start, None);
        if let Some(pending) = self.pending.last_mut() {
            pending.by_itself = true;
        }
    }

    /// How a session whose token is presented now is reported and ended.
    pub(crate) fn rules(&self) -> Rules {
        match &self.free {
            None => Rules::USUAL,
            Some(mode) => Rules {
                free: true,
                silent: mode.reporting != Reporting::Transactions,
                report_as: mode.report_as.clone(),
                remote_stop: mode.remote_stop,
                token_stops: mode.token_stops,
            },
        }
    }

    pub(crate) fn token_stops(&self, id: EvseId) -> bool {
        let running = self.evse(id).and_then(|evse| evse.transaction.as_ref());
        running.is_none_or(|transaction| transaction.rules.token_stops)
    }

    pub(crate) fn remote_stops(&self, id: EvseId) -> bool {
        let running = self.evse(id).and_then(|evse| evse.transaction.as_ref());
        running.is_none_or(|transaction| transaction.rules.remote_stop)
    }

    /// The interlock has spoken for the first time; its filters have not settled yet.
    pub(crate) fn begin_finishing_check(&mut self, now: Instant, id: EvseId) {
        if let Some(evse) = self.evse_mut(id).filter(|evse| evse.finishing) {
            evse.finishing_check = Some(now.after(FINISHING_CHECK));
        }
    }

    /// The interlock has had the time to say whether the cable of an ended transaction is still in.
    pub(crate) fn expire_finishing(&mut self, now: Instant) {
        for evse in &mut self.evses {
            let due = evse.finishing_check.take_if(|due| *due <= now).is_some();
            if due && !evse.plugged() {
                evse.finishing = false;
                evse.released = false;
                self.persist_now = true;
            }
        }
    }
}
