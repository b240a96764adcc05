//! What adapters and people ask for, and the answers. No request closes a contactor.

use units::Instant;

use crate::action::Action;
use crate::event::{Request, Requester};
use crate::evse::{Authorization, CONNECTOR, Evse};
use crate::limits::{
    CHOICE_WAIT, ENDING_WAIT, HARD_RESET_WAIT, MAX_ACTIONS, MAX_PENDING_UNLOCKS, MAX_TOKEN_CHARS,
    SOFT_RESET_WAIT, UNLOCK_WAIT, UPDATE_WAIT,
};
use crate::pilot::StopMode;
use crate::reservation::Reservation;
use crate::settings::{Role, SettingError, key};
use crate::station::{PendingReset, PendingUnlock, Station};
use crate::types::*;
use interlock::LockPosition;
use units::Millis;

/// An answer: how it went, and why, for people.
type Answer = (Outcome, &'static str);

impl Station {
    pub(crate) fn handle_request(
        &mut self,
        now: Instant,
        from: Requester,
        request: RequestId,
        what: Request,
    ) {
        if self.actions.len() >= MAX_ACTIONS {
            // Nobody takes answers; the requester's own time-out tells it.
            self.overflow.requests = self.overflow.requests.saturating_add(1);
            return;
        }
        let (outcome, detail) = match what {
            Request::Start {
                evse,
                token,
                authorize_first,
            } => self.request_start(now, evse, token, authorize_first),
            Request::Stop { transaction } => self.request_stop(now, transaction),
            Request::Unlock { evse, connector } => {
                let answer = self.request_unlock(now, &from, request, evse, connector);
                let Some(answer) = answer else { return };
                answer
            }
            Request::Reset { kind } => self.request_reset(now, kind),
            Request::SetAvailability { evse, operative } => {
                self.request_availability(evse, operative)
            }
            Request::SetSetting { key, value } => {
                let (outcome, detail) = self.request_setting(now, &from, &key, &value);
                return self.respond(from, request, outcome, detail);
            }
            Request::Reserve {
                reservation,
                evse,
                token,
                group,
                expires,
            } => {
                let wanted = Reservation {
                    id: reservation,
                    by: from.clone(),
                    evse,
                    token,
                    group,
                    expires,
                };
                self.request_reserve(now, wanted)
            }
            Request::CancelReservation { reservation } => {
                self.cancel_reservation(&from, reservation)
            }
            Request::Update { begins } => self.request_update(now, &from, begins),
            Request::ReadMeter { evse, context } => {
                let read = self.evse(evse).is_some_and(|evse| evse.read_at.is_some());
                match self.reading(now, evse, context).filter(|_| read) {
                    Some(reading) => {
                        let request = Some((from, request));
                        return self.push(Action::Reading { request, reading });
                    }
                    None => (Outcome::Failed, "no such EVSE, or its meter was never read"),
                }
            }
        };
        self.respond(from, request, outcome, detail.to_owned());
    }

    fn respond(&mut self, to: Requester, request: RequestId, outcome: Outcome, detail: String) {
        self.push(Action::Respond {
            to,
            request,
            outcome,
            detail,
        });
    }

    fn request_start(
        &mut self,
        now: Instant,
        evse: Option<EvseId>,
        token: IdToken,
        authorize_first: bool,
    ) -> Answer {
        let chars = token.value.chars().count();
        if chars == 0 || chars > MAX_TOKEN_CHARS {
            return (Outcome::Rejected, "the token is empty or too long");
        }
        let unreported = |mode: &FreeCharging| mode.reporting != Reporting::Transactions;
        if self.free.as_ref().is_some_and(unreported) {
            return (
                Outcome::Rejected,
                "everybody charges for free here; no transactions are reported",
            );
        }
        if evse.is_none() && self.may_float(authorize_first) {
            return self.start_anywhere(now, token, authorize_first);
        }
        let target = match evse {
            Some(id) if self.evse(id).is_none() => return (Outcome::Rejected, "no such EVSE"),
            Some(id) => Some(id).filter(|id| {
                let admitted = match authorize_first {
                    true => !self.is_kept_from(*id, &token),
                    false => self.admits(*id, &token, None),
                };
                admitted && self.is_free_for_remote(*id)
            }),
            None => self.choose_for_remote(&token),
        };
        let Some(id) = target else {
            return (
                Outcome::Rejected,
                "occupied, reserved, out of service, faulted or restarting",
            );
        };
        if authorize_first {
            self.ask(now, Some(id), token, AuthorizePurpose::Start, None);
            return (Outcome::Accepted, "the token is being checked");
        }
        let authorization = self.remote_authorization(now, token);
        self.place(Some(id), authorization, true);
        (Outcome::Accepted, "waiting for the vehicle")
    }

    fn remote_authorization(&self, now: Instant, token: IdToken) -> Authorization {
        let seconds = self.settings.number(key::VEHICLE_CONNECTION_TIMEOUT_S);
        Authorization {
            token,
            group: None,
            limit: None,
            offline: false,
            unverified: false,
            deadline: now.after(Millis::from_secs(seconds.into())),
            rules: self.rules(),
            by_itself: false,
        }
    }

    /// Nobody can know yet at which EVSE the vehicle will be, or its pilot is still being filtered: the first one gets it.
    fn start_anywhere(&mut self, now: Instant, token: IdToken, authorize_first: bool) -> Answer {
        if authorize_first {
            self.ask(now, None, token, AuthorizePurpose::Start, None);
            return (Outcome::Accepted, "the token is being checked");
        }
        let authorization = self.remote_authorization(now, token);
        self.place(None, authorization, true);
        if self.floating.is_some() {
            self.choice_due = Some(now.after(CHOICE_WAIT));
        }
        (Outcome::Accepted, "waiting for a vehicle at any EVSE")
    }

    /// Several EVSEs are free, no vehicle waits at any of them, and no token waits for one already. The vehicle of an
    /// ended transaction is a second choice, unless the question for a verdict must name an EVSE now.
    fn may_float(&self, authorize_first: bool) -> bool {
        let free = |id: &EvseId| self.is_free_for_remote(*id);
        let several = self.ids().into_iter().filter(free).count() > 1;
        let first_choice = self.is_at_free(Evse::waiting);
        let asked_for_ended = authorize_first && self.is_at_free(Evse::vehicle);
        several && !first_choice && !asked_for_ended && self.floating.is_none()
    }

    fn is_at_free(&self, what: fn(&Evse) -> bool) -> bool {
        self.ids()
            .into_iter()
            .any(|id| self.is_free_for_remote(id) && self.evse(id).is_some_and(what))
    }

    /// No vehicle has been plugged in just before the remote start: the one of an ended transaction is meant.
    pub(crate) fn expire_choice(&mut self, now: Instant) {
        if self.choice_due.take_if(|due| *due <= now).is_none() {
            return;
        }
        let vehicle = |id: &EvseId| self.evse(*id).is_some_and(Evse::vehicle);
        let Some(floating) = self.floating.clone() else {
            return;
        };
        let target = self.choose_for_remote(&floating.token).filter(vehicle);
        if let Some(id) = target
            && let Some(authorization) = self.floating.take()
        {
            self.place(Some(id), authorization, false);
        }
    }

    fn is_free_for_remote(&self, id: EvseId) -> bool {
        let awaited = self
            .pending
            .iter()
            .any(|pending| pending.evse.is_none_or(|at| at == id));
        let waited = self
            .evse(id)
            .is_some_and(|evse| evse.authorization.is_some());
        self.can_start(id) && !awaited && !waited
    }

    /// The first free EVSE where a vehicle waits, else with the vehicle of an ended transaction, else the first free one.
    fn choose_for_remote(&self, token: &IdToken) -> Option<EvseId> {
        let mut free = self
            .ids()
            .into_iter()
            .filter(|id| self.is_free_for_remote(*id) && self.admits(*id, token, None));
        let with =
            |what: fn(&Evse) -> bool| free.clone().find(|id| self.evse(*id).is_some_and(what));
        with(Evse::waiting)
            .or_else(|| with(Evse::vehicle))
            .or_else(|| free.next())
    }

    fn request_stop(&mut self, now: Instant, transaction: TransactionId) -> Answer {
        let running = |id: &EvseId| {
            let running = self.evse(*id).and_then(|evse| evse.transaction.as_ref());
            running.is_some_and(|running| running.id == transaction)
        };
        let Some(id) = self.ids().into_iter().find(running) else {
            return (Outcome::Rejected, "no such transaction is running");
        };
        if !self.remote_stops(id) {
            return (
                Outcome::Rejected,
                "everybody charges for free here; unplugging ends the session",
            );
        }
        self.stop_by_person(now, id, StopReason::Remote, None);
        if self.stop_mode() == StopMode::DisconnectOnly {
            return (
                Outcome::Accepted,
                "charging stops; the transaction ends at unplugging",
            );
        }
        (Outcome::Accepted, "the transaction ends")
    }

    /// `None`: the answer comes when the lock has moved, or has not.
    fn request_unlock(
        &mut self,
        now: Instant,
        to: &Requester,
        request: RequestId,
        id: EvseId,
        connector: ConnectorId,
    ) -> Option<Answer> {
        let was_stuck = self.faults.stands(Some(id), "LOCK_STUCK");
        let Some(evse) = self.evse_mut(id).filter(|_| connector == CONNECTOR) else {
            return Some((Outcome::Unknown, "no such connector"));
        };
        if !evse.has_socket() {
            return Some((Outcome::NotSupported, "the cable is fixed"));
        }
        if evse.lock() == LockPosition::Missing {
            return Some((Outcome::Failed, "no lock actuator found"));
        }
        evse.released = true;
        evse.authorization = None;
        evse.unlock_count = evse.unlock_count.wrapping_add(1);
        evse.actuator_retry_count = evse.actuator_retry_count.wrapping_add(1);
        let running = evse.transaction.is_some();
        if !running && evse.lock() == LockPosition::Unlocked {
            return Some((Outcome::Accepted, "unlocked"));
        }
        if self.unlocks.len() >= MAX_PENDING_UNLOCKS {
            return Some((Outcome::Rejected, "too many unlock requests are waiting"));
        }
        self.begin_end(now, id, StopReason::UnlockCommand, None);
        let opening = if running { ENDING_WAIT } else { Millis::ZERO };
        let deadline = now.after(opening).after(UNLOCK_WAIT);
        let to = to.clone();
        self.unlocks.push(PendingUnlock {
            to,
            request,
            evse: id,
            was_stuck,
            deadline,
        });
        None
    }

    /// Answers unlock requests whose lock has moved or got stuck.
    pub(crate) fn settle_unlocks(&mut self) {
        for unlock in std::mem::take(&mut self.unlocks) {
            let evse = self.evse(unlock.evse);
            let running = evse.is_some_and(|evse| evse.transaction.is_some());
            let open = evse.is_some_and(|evse| evse.lock() == LockPosition::Unlocked);
            let stuck = self.faults.stands(Some(unlock.evse), "LOCK_STUCK") && !unlock.was_stuck;
            let answer = match (open && !running, stuck) {
                (true, _) => Some((Outcome::Accepted, "unlocked")),
                (false, true) => Some((Outcome::Failed, "the lock is stuck")),
                (false, false) => None,
            };
            match answer {
                Some((outcome, detail)) => {
                    self.respond(unlock.to, unlock.request, outcome, detail.to_owned());
                }
                None => self.unlocks.push(unlock),
            }
        }
    }

    /// Answers unlock requests whose lock did not move in time.
    pub(crate) fn expire_unlocks(&mut self, now: Instant) {
        let due = |unlock: &PendingUnlock| unlock.deadline <= now;
        while let Some(position) = self.unlocks.iter().position(due) {
            let unlock = self.unlocks.swap_remove(position);
            let detail = "the lock did not move in time".to_owned();
            self.respond(unlock.to, unlock.request, Outcome::Failed, detail);
        }
    }

    fn request_reset(&mut self, now: Instant, kind: ResetKind) -> Answer {
        let (reason, wait) = match kind {
            ResetKind::Soft => (StopReason::SoftReset, SOFT_RESET_WAIT),
            ResetKind::Hard => (StopReason::HardReset, HARD_RESET_WAIT),
        };
        let hard_already = self
            .reset
            .is_some_and(|reset| reset.kind == ResetKind::Hard);
        if hard_already || self.reset.is_some_and(|reset| reset.kind == kind) {
            return (Outcome::Accepted, "restarting already");
        }
        self.reset = Some(PendingReset {
            kind,
            deadline: now.after(wait),
        });
        self.floating = None;
        self.pending.clear();
        for id in self.ids() {
            self.begin_end(now, id, reason, None);
            if let Some(evse) = self.evse_mut(id) {
                evse.authorization = None;
                if kind == ResetKind::Hard {
                    evse.actuator_retry_count = evse.actuator_retry_count.wrapping_add(1);
                }
            }
        }
        (Outcome::Accepted, "restarting when everything is written")
    }

    /// Restarts when no transaction runs and the journal has everything, or when the wait is over. A transaction that
    /// could not be ended by then is resumed or ended at the next start.
    pub(crate) fn settle_reset(&mut self, now: Instant) {
        let Some(reset) = self.reset.filter(|_| !self.restarting) else {
            return;
        };
        let running = self.evses.iter().any(|evse| evse.transaction.is_some());
        let written = !running && self.backlog() == 0;
        if written || reset.deadline <= now {
            self.restarting = true;
            self.push(Action::Restart { kind: reset.kind });
        }
    }

    fn request_update(&mut self, now: Instant, from: &Requester, begins: bool) -> Answer {
        if *from != Requester::Local {
            return (Outcome::Rejected, "only the station's own updater may");
        }
        if !begins {
            self.updating = None;
            return (Outcome::Accepted, "the station is in use again");
        }
        if self.evses.iter().any(|evse| evse.transaction.is_some()) {
            return (Outcome::Rejected, "somebody charges; try again later");
        }
        self.floating = None;
        self.pending.clear();
        for evse in &mut self.evses {
            evse.authorization = None;
        }
        self.updating = Some(now.after(UPDATE_WAIT));
        (Outcome::Accepted, "nobody begins to charge now")
    }

    fn request_availability(&mut self, evse: Option<EvseId>, operative: bool) -> Answer {
        let ids = match evse {
            Some(id) if self.evse(id).is_none() => return (Outcome::Unknown, "no such EVSE"),
            Some(id) => vec![id],
            None => self.ids(),
        };
        let mut scheduled = false;
        for id in ids {
            let busy = self.is_busy(id);
            let Some(evse) = self.evse_mut(id) else {
                continue;
            };
            evse.inoperative_soon = !operative && evse.operative && busy;
            scheduled |= evse.inoperative_soon;
            if !evse.inoperative_soon {
                evse.operative = operative;
            }
        }
        self.persist_now = true;
        if scheduled {
            return (Outcome::Scheduled, "when what runs has ended");
        }
        (Outcome::Accepted, "done")
    }

    /// A transaction runs, or somebody is about to start one.
    fn is_busy(&self, id: EvseId) -> bool {
        let awaited = self.pending.iter().any(|pending| pending.evse == Some(id));
        let own = self
            .evse(id)
            .is_some_and(|evse| evse.transaction.is_some() || evse.authorization.is_some());
        own || awaited
    }

    /// Takes an EVSE out of service when what ran has ended.
    pub(crate) fn apply_availability(&mut self, id: EvseId) {
        let busy = self.is_busy(id);
        let Some(evse) = self
            .evse_mut(id)
            .filter(|evse| evse.inoperative_soon && !busy)
        else {
            return;
        };
        evse.inoperative_soon = false;
        evse.operative = false;
        self.persist_now = true;
    }

    fn request_setting(
        &mut self,
        now: Instant,
        from: &Requester,
        name: &str,
        value: &str,
    ) -> (Outcome, String) {
        let role = match from {
            Requester::Adapter(_) => Role::Operator,
            Requester::Local => Role::Installer,
        };
        let (spec, value) = match self.settings.try_set(name, value, role) {
            Ok(done) => done,
            Err(error @ SettingError::Unknown) => return (Outcome::Unknown, error.to_string()),
            Err(error @ (SettingError::Invalid(_) | SettingError::Role(_))) => {
                return (Outcome::Rejected, error.to_string());
            }
        };
        match spec.key {
            key::METER_SAMPLE_INTERVAL_S => self.reschedule_samples(now),
            key::CLOCK_ALIGNED_INTERVAL_S => self.reschedule_clock(now),
            _others_are_read_where_they_act => {}
        }
        self.push(Action::SettingChanged {
            key: name.to_owned(),
            value,
        });
        if spec.restart {
            return (
                Outcome::RestartRequired,
                "stored; takes effect after a restart".to_owned(),
            );
        }
        (Outcome::Accepted, "stored".to_owned())
    }
}
