//! Transactions: journaled before they get current, ended once, resumed or ended after a restart.

use units::{Instant, WattHours};

use crate::action::PersistentEvse;
use crate::evse::{CONNECTOR, Ending, Rules, Transaction};
use crate::limits::{ENDING_WAIT, RESUME_WAIT};
use crate::pilot::StopMode;
use crate::settings::key;
use crate::station::Station;
use crate::types::*;

impl Station {
    /// Starts the transaction of an authorisation whose vehicle is ready.
    pub(crate) fn try_start(&mut self, now: Instant, id: EvseId) {
        let stopped = self.faults.stopping(id).is_some()
            || self.faults.stands(Some(id), "LOCK_FAIL")
            || self.reset.is_some()
            || self.is_full();
        let next_sample = self.next_sample_after(now);
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        if stopped || evse.transaction.is_some() || !evse.ready_for_transaction() {
            return;
        }
        let Some(authorization) = evse.authorization.take() else {
            return;
        };
        let register = evse.register;
        evse.finishing = false;
        evse.released = false;
        let rules = authorization.rules;
        let reported = rules.report_as.clone();
        let group = authorization.group.clone();
        let reservation = self.use_reservation(id, &authorization.token, group.as_deref());
        let transaction = TransactionId(self.next_transaction);
        self.next_transaction = self.next_transaction.saturating_add(1);
        let start_seq = self.journal(
            now,
            JournalEvent::TransactionStarted {
                transaction,
                evse: id,
                connector: CONNECTOR,
                token: reported.unwrap_or_else(|| authorization.token.clone()),
                group: authorization.group.clone(),
                meter_start: register,
                reservation,
                offline: authorization.offline,
                silent: rules.silent,
            },
        );
        let started = self.clock.moment(now);
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        evse.transaction = Some(Transaction {
            id: transaction,
            token: authorization.token,
            group: authorization.group,
            limit: authorization.limit,
            meter_start: register,
            started,
            unverified: authorization.unverified && !rules.free,
            rules,
            start_seq,
            refused_at: None,
            stopped_by_user: false,
            ending: None,
            next_sample,
            resume_until: None,
            reading_due: false,
        });
        self.journal_reading(now, id, ReadingContext::TransactionBegin);
        self.persist_now = true;
    }

    /// Begins to end a transaction: no current from now on; the end is written when the contactor is open.
    pub(crate) fn begin_end(
        &mut self,
        now: Instant,
        id: EvseId,
        reason: StopReason,
        token: Option<IdToken>,
    ) {
        let Some(transaction) = self.evse_mut(id).and_then(|evse| evse.transaction.as_mut()) else {
            return;
        };
        if transaction.ending.is_none() {
            let deadline = now.after(ENDING_WAIT);
            transaction.ending = Some(Ending {
                reason,
                token,
                deadline,
            });
        }
    }

    /// A fault that stops ends the transaction, whatever the mode.
    pub(crate) fn stop_on_fault(&mut self, now: Instant, id: EvseId) {
        if self.faults.stopping(id).is_some() {
            self.begin_end(now, id, StopReason::Other, None);
        }
    }

    /// Writes the end of a transaction whose contactor is open, or has not opened in time.
    pub(crate) fn finish_ending(&mut self, now: Instant, id: EvseId) {
        let Some(evse) = self.evse(id) else { return };
        let energised = evse.energised();
        let ending = evse
            .transaction
            .as_ref()
            .and_then(|transaction| transaction.ending.as_ref());
        let Some(ending) = ending.filter(|ending| !energised || ending.deadline <= now) else {
            return;
        };
        let (reason, token) = (ending.reason, ending.token.clone());
        self.end_now(now, id, reason, token);
    }

    fn end_now(&mut self, now: Instant, id: EvseId, reason: StopReason, token: Option<IdToken>) {
        self.journal_reading(now, id, ReadingContext::TransactionEnd);
        let unlock = self.settings.flag(key::UNLOCK_ON_EV_DISCONNECT);
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        let meter_stop = evse.register;
        let Some(transaction) = evse.transaction.take() else {
            return;
        };
        evse.finishing = evse.plugged();
        evse.released =
            evse.finishing && (reason != StopReason::EvDisconnected || unlock || evse.released);
        // Who stopped is reported under the name that the start was.
        let token = match &transaction.rules.report_as {
            Some(instead) if token.is_some() => Some(instead.clone()),
            Some(_) | None => token,
        };
        let transaction = transaction.id;
        self.journal(
            now,
            JournalEvent::TransactionEnded {
                transaction,
                evse: id,
                token,
                meter_stop,
                reason,
            },
        );
        self.pending.retain(|pending| {
            pending.evse != Some(id) || pending.purpose == AuthorizePurpose::Start
        });
        self.persist_now = true;
    }

    /// Ends that could not wait any longer, and restored transactions whose vehicle has not shown up.
    pub(crate) fn expire_transactions(&mut self, now: Instant) {
        for id in self.ids() {
            self.finish_ending(now, id);
            let resume = self
                .evse_mut(id)
                .and_then(|evse| evse.transaction.as_mut())
                .and_then(|transaction| transaction.resume_until.take_if(|until| *until <= now));
            if resume.is_some() && self.stop_mode_of(id) != StopMode::TokenOnly {
                let reason = self.restart_reason();
                self.begin_end(now, id, reason, None);
            }
        }
    }

    /// A backend's later opinion about a running transaction.
    pub(crate) fn handle_opinion(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        verdict: Verdict,
        stop: bool,
    ) {
        let running = |id: &EvseId| {
            let evse = self.evse(*id);
            evse.and_then(|evse| evse.transaction.as_ref())
                .is_some_and(|t| t.id == transaction)
        };
        let Some(id) = self.ids().into_iter().find(running) else {
            return;
        };
        let stops = stop && self.settings.flag(key::STOP_ON_INVALID_TOKEN);
        let spare = WattHours::new(self.settings.number(key::MAX_ENERGY_ON_INVALID_WH).into());
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        let register = evse.register;
        let Some(transaction) = evse.transaction.as_mut() else {
            return;
        };
        if transaction.rules.free {
            return;
        }
        match verdict.decision {
            Decision::Accepted => {
                transaction.unverified = false;
                transaction.refused_at = None;
                transaction.limit = verdict.limit.or(transaction.limit);
                transaction.group = verdict.group.or_else(|| transaction.group.take());
                self.persist_now = true;
            }
            Decision::NoOpinion => {}
            Decision::Blocked | Decision::Expired | Decision::Invalid | Decision::Concurrent => {
                transaction.unverified = false;
                if stops {
                    self.begin_end(now, id, StopReason::Deauthorized, None);
                } else if transaction.refused_at.is_none() {
                    transaction.refused_at = Some(register.saturating_add(spare));
                    self.persist_now = true;
                }
            }
        }
    }

    /// Takes over what the last run of the software left: resumes its transactions, or ends them with the last known
    /// register.
    pub(crate) fn restore(&mut self, records: Vec<PersistentEvse>, now: Instant) {
        let resumes = self
            .settings
            .flag(key::RESTART_TRANSACTION_AFTER_POWER_LOSS);
        let reason = self.restart_reason();
        let next_sample = self.next_sample_after(now);
        for mut record in records {
            let Some(old) = record.transaction.take() else {
                self.keep_foreign(record);
                continue;
            };
            // Numbers are never used twice, even if the record lost count.
            self.next_transaction = self
                .next_transaction
                .max(old.transaction.0.saturating_add(1));
            let committed = self.committed;
            let known = self.evse_mut(record.evse).filter(|_| resumes);
            let Some(evse) = known else {
                let meter_stop = record.register.max(old.meter_start);
                let transaction = old.transaction;
                let evse = record.evse;
                let token = None;
                self.journal(
                    now,
                    JournalEvent::TransactionEnded {
                        transaction,
                        evse,
                        token,
                        meter_stop,
                        reason,
                    },
                );
                // Its cable may still be in, and is to be given back.
                if let Some(evse) = self.evse_mut(record.evse) {
                    evse.finishing = true;
                    evse.released = true;
                }
                self.keep_foreign(record);
                continue;
            };
            evse.register = evse.register.max(old.meter_start);
            evse.released = old.stopped_by_user;
            evse.transaction = Some(Transaction {
                id: old.transaction,
                token: old.token,
                group: old.group,
                limit: old.limit,
                meter_start: old.meter_start,
                started: old.started,
                rules: Rules {
                    free: old.free,
                    silent: old.silent,
                    report_as: old.report_as,
                    remote_stop: old.remote_stop,
                    token_stops: old.token_stops,
                },
                unverified: old.unverified,
                start_seq: committed,
                refused_at: old.refused_at,
                stopped_by_user: old.stopped_by_user,
                ending: None,
                next_sample,
                resume_until: Some(now.after(RESUME_WAIT)),
                reading_due: true,
            });
        }
    }

    fn keep_foreign(&mut self, record: PersistentEvse) {
        if self.evse(record.evse).is_none() {
            self.foreign.push(record);
        }
    }

    /// Why a transaction of the last run ended.
    fn restart_reason(&self) -> StopReason {
        match self.config.boot_reason {
            BootReason::PowerUp | BootReason::Unknown => StopReason::PowerLoss,
            BootReason::RemoteReset
            | BootReason::ScheduledReset
            | BootReason::Watchdog
            | BootReason::FirmwareUpdate => StopReason::Reboot,
        }
    }
}
