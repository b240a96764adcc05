//! Meter readings: the register that never falls, samples of transactions, clock-aligned samples.

use units::{Instant, Millis, WattHours};

use crate::action::Action;
use crate::faults::Reporter;
use crate::limits::{MAX_ACTIONS, MAX_SAMPLES, MAX_UNCOMMITTED, PERSIST_PERIOD, READING_STALE};
use crate::settings::key;
use crate::station::Station;
use crate::types::*;

impl Station {
    pub(crate) fn handle_meter(
        &mut self,
        now: Instant,
        id: EvseId,
        register: WattHours,
        mut samples: Vec<Sample>,
    ) {
        let Some(evse) = self.evse_mut(id) else {
            return;
        };
        // A meter that falls back (a glitch, or a new meter) must not make energy negative: the highest counts.
        let rises = register > evse.register;
        evse.register = evse.register.max(register);
        evse.read_at = Some(now);
        samples.truncate(MAX_SAMPLES);
        evse.samples = samples;
        let resumed = evse.transaction.as_mut().is_some_and(|transaction| {
            transaction.resume_until.is_none() && std::mem::take(&mut transaction.reading_due)
        });
        if rises && self.persist_due.is_none() {
            self.persist_due = Some(now.after(PERSIST_PERIOD));
        }
        self.report_fault(now, Reporter::Station, Some(id), "METER_OCPP", false);
        if resumed {
            self.journal_reading(now, id, ReadingContext::InterruptionEnd);
        }
    }

    /// The latest reading under a new label, with the register as the station counts it.
    pub(crate) fn reading(
        &self,
        now: Instant,
        id: EvseId,
        context: ReadingContext,
    ) -> Option<MeterReading> {
        let evse = self.evse(id)?;
        let register = i64::try_from(evse.register.get()).unwrap_or(i64::MAX);
        let sum = Sample {
            measurand: Measurand::EnergyImportWh,
            phase: None,
            value: register,
        };
        let is_sum = |sample: &&Sample| {
            sample.measurand == Measurand::EnergyImportWh && sample.phase.is_none()
        };
        let mut samples = vec![sum];
        // After the meter has gone, only the register is still true: it stands for what was counted.
        if !self.is_stale(now, id) {
            samples.extend(evse.samples.iter().filter(|sample| !is_sum(sample)));
            let offered = evse.status.map_or(0, |status| status.offered.get());
            let known = |sample: &Sample| sample.measurand == Measurand::CurrentOfferedMa;
            if !samples.iter().any(known) {
                let measurand = Measurand::CurrentOfferedMa;
                samples.push(Sample {
                    measurand,
                    phase: None,
                    value: offered.into(),
                });
            }
        }
        samples.truncate(MAX_SAMPLES);
        Some(MeterReading {
            evse: id,
            moment: self.clock.moment(now),
            context,
            samples,
        })
    }

    /// The meter has not answered for so long that its values must not be sent as new.
    fn is_stale(&self, now: Instant, id: EvseId) -> bool {
        let read_at = self.evse(id).and_then(|evse| evse.read_at);
        self.faults.stands(Some(id), "METER_OCPP")
            || read_at.is_none_or(|read_at| now.since(read_at) > READING_STALE)
    }

    /// Writes a reading of the running transaction into the journal. Samples give way when the journal does not commit;
    /// the readings of start and end are always written.
    pub(crate) fn journal_reading(&mut self, now: Instant, id: EvseId, context: ReadingContext) {
        let must = matches!(
            context,
            ReadingContext::TransactionBegin | ReadingContext::TransactionEnd
        );
        if !must && (self.backlog() >= MAX_UNCOMMITTED || self.actions.len() >= MAX_ACTIONS) {
            self.overflow.samples = self.overflow.samples.saturating_add(1);
            return;
        }
        let transaction = self
            .evse(id)
            .and_then(|evse| Some(evse.transaction.as_ref()?.id));
        let (Some(transaction), Some(reading)) = (transaction, self.reading(now, id, context))
        else {
            return;
        };
        self.journal(
            now,
            JournalEvent::TransactionMetered {
                transaction,
                reading,
            },
        );
        // The record must not fall behind what the journal says: a later end would be below a sample.
        self.persist_now = true;
    }

    /// Samples that are due: of transactions, and aligned to the clock.
    pub(crate) fn take_due_samples(&mut self, now: Instant) {
        for id in self.ids() {
            let transaction = self.evse(id).and_then(|evse| evse.transaction.as_ref());
            let Some(transaction) = transaction else {
                continue;
            };
            let Some(due) = transaction.next_sample.filter(|due| *due <= now) else {
                continue;
            };
            let runs = transaction.ending.is_none();
            // A late wake-up does not shift the samples after it, unless it was later than a whole interval.
            let in_step = self.next_sample_after(due).filter(|next| *next > now);
            let next = in_step
                .or_else(|| self.next_sample_after(now))
                .filter(|_| runs);
            if let Some(transaction) = self.evse_mut(id).and_then(|evse| evse.transaction.as_mut())
            {
                transaction.next_sample = next;
            }
            if runs && !self.is_stale(now, id) {
                self.journal_reading(now, id, ReadingContext::SamplePeriodic);
            }
        }
        if self.clock_due.is_some_and(|due| due <= now) {
            self.take_clock_samples(now);
            self.reschedule_clock(now);
        }
    }

    fn take_clock_samples(&mut self, now: Instant) {
        for id in self.ids() {
            if self.is_stale(now, id) {
                continue;
            }
            if self.evse(id).is_some_and(|evse| evse.transaction.is_some()) {
                self.journal_reading(now, id, ReadingContext::SampleClock);
            } else if let Some(reading) = self.reading(now, id, ReadingContext::SampleClock) {
                let _counted_if_full = self.try_push(Action::Reading {
                    request: None,
                    reading,
                });
            }
        }
    }

    pub(crate) fn next_sample_after(&self, now: Instant) -> Option<Instant> {
        let interval = self.settings.number(key::METER_SAMPLE_INTERVAL_S);
        (interval > 0).then(|| now.after(Millis::from_secs(interval.into())))
    }

    /// The interval changed: running transactions follow from now on.
    pub(crate) fn reschedule_samples(&mut self, now: Instant) {
        let next = self.next_sample_after(now);
        for evse in &mut self.evses {
            if let Some(transaction) = &mut evse.transaction {
                transaction.next_sample = next;
            }
        }
    }

    /// The wall clock or the interval changed, or a sample was taken.
    pub(crate) fn reschedule_clock(&mut self, now: Instant) {
        let interval = self.settings.number(key::CLOCK_ALIGNED_INTERVAL_S);
        self.clock_due = self.clock.next_aligned(now, interval);
    }
}
