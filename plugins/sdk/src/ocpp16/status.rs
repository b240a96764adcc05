//! StatusNotification: connector facts in the words of OCPP 1.6, and fault notices.

use std::collections::{BTreeMap, VecDeque};

use ocpp::v16::{
    ChargePointErrorCode, ChargePointStatus, CiString, Request, StatusNotificationRequest,
};
use units::{Instant, Millis, Timestamp};

use super::limits::NOTICES_WAITING;
use super::operator::StatusStrategy;
use super::{About, Ocpp16, Operator};
use crate::backend::{ChargingState, ConnectorStatus, FaultNotice, NoticeKind};
use crate::{Level, log};

/// What was told of a connector, or would be told now. Equal words are not told twice.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    status: ChargePointStatus,
    error: ChargePointErrorCode,
    vendor_code: String,
    info: String,
}

#[derive(Debug, Default)]
struct Row {
    facts: Option<ConnectorStatus>,
    /// Energy flowed at least once in this transaction.
    was_ready: bool,
    /// Since when the present words hold.
    since: Option<(Told, Instant, Option<Timestamp>)>,
    /// Sent and answered.
    told: Option<Told>,
    /// Sent, not answered.
    telling: Option<Told>,
}

/// The statuses of all connectors; 0 is the station itself.
#[derive(Debug)]
pub struct Statuses {
    rows: BTreeMap<u32, Row>,
    station_faults: Vec<FaultNotice>,
    notices: VecDeque<FaultNotice>,
}

impl Statuses {
    pub fn new(connectors: Vec<ConnectorStatus>, faults: Vec<FaultNotice>) -> Self {
        let mut statuses = Self {
            rows: BTreeMap::from([(0, Row::default())]),
            station_faults: faults.into_iter().filter(is_station_fault).collect(),
            notices: VecDeque::new(),
        };
        for connector in connectors {
            statuses.connector_changed(connector);
        }
        statuses
    }

    pub fn connector_changed(&mut self, facts: ConnectorStatus) {
        let row = self.rows.entry(facts.evse_id).or_default();
        let ready = facts.charging == ChargingState::Charging;
        let same = row.facts.as_ref().map(|before| before.transaction) == Some(facts.transaction);
        row.was_ready = facts.transaction.is_some() && (ready || (row.was_ready && same));
        row.facts = Some(facts);
    }

    /// After a boot the backend wants to hear everything again.
    pub fn forget_told(&mut self) {
        for row in self.rows.values_mut() {
            row.told = None;
            row.telling = None;
        }
    }

    pub fn told(&mut self, connector: u32) {
        if let Some(row) = self.rows.get_mut(&connector) {
            row.told = row.telling.take();
        }
    }

    pub fn untold(&mut self, connector: u32) {
        if let Some(row) = self.rows.get_mut(&connector) {
            row.telling = None;
        }
    }

    pub fn has(&self, connector: u32) -> bool {
        self.rows.contains_key(&connector)
    }

    /// Transaction that runs on a connector.
    pub fn transaction(&self, connector: u32) -> Option<u64> {
        self.rows.get(&connector)?.facts.as_ref()?.transaction
    }

    /// No transaction runs.
    pub fn is_idle(&self) -> bool {
        let mut facts = self.rows.values().filter_map(|row| row.facts.as_ref());
        facts.all(|facts| facts.transaction.is_none())
    }

    pub fn connectors(&self) -> impl Iterator<Item = u32> + '_ {
        self.rows.keys().copied().filter(|connector| *connector > 0)
    }

    /// When a status that was held back by its minimum duration is due.
    pub fn next_due(&self, now: Instant, minimum: Millis) -> Option<Instant> {
        let waits = |row: &&Row| {
            row.telling.is_none()
                && row
                    .since
                    .as_ref()
                    .is_some_and(|(told, _, _)| row.told.as_ref() != Some(told))
        };
        let due = |row: &Row| row.since.as_ref().map(|(_, since, _)| since.after(minimum));
        self.rows
            .values()
            .filter(waits)
            .filter_map(due)
            .filter(|due| *due > now)
            .min()
    }
}

fn is_station_fault(notice: &FaultNotice) -> bool {
    notice.evse_id.is_none() && notice.active && notice.stops_transaction
}

impl<O: Operator> Ocpp16<O> {
    pub(super) fn minimum_status_duration(&self) -> Millis {
        Millis::from_secs(self.config.number("MinimumStatusDuration"))
    }

    /// Queues the statuses that changed and have lasted long enough.
    pub(super) fn send_statuses(&mut self) {
        self.note_words();
        if !self.is_online() {
            return;
        }
        let minimum = self.minimum_status_duration();
        let connectors: Vec<u32> = self.statuses.rows.keys().copied().collect();
        for connector in connectors {
            // One at a time, so that a card never waits behind a row of statuses.
            if !self.calls.is_idle() {
                return;
            }
            let Some(row) = self.statuses.rows.get(&connector) else {
                continue;
            };
            let Some((told, since, wall)) = row.since.clone() else {
                continue;
            };
            let first = row.told.is_none();
            let lasted = first || since.after(minimum) <= self.now.at;
            if row.told.as_ref() == Some(&told) || row.telling.is_some() || !lasted {
                continue;
            }
            let request = self.status_request(connector, &told, wall);
            if !self.call(&request, About::Status(connector)) {
                return;
            }
            if let Some(row) = self.statuses.rows.get_mut(&connector) {
                row.telling = Some(told);
            }
        }
        if self.calls.is_idle()
            && let Some(notice) = self.statuses.notices.pop_front()
        {
            self.send_notice(&notice);
        }
    }

    /// Tells the status of one connector (or all) now, whatever was told before.
    pub(super) fn send_status_again(&mut self, connector: Option<u32>) {
        self.note_words();
        let all: Vec<u32> = self.statuses.rows.keys().copied().collect();
        for connector in all
            .into_iter()
            .filter(|c| connector.is_none_or(|wanted| wanted == *c))
        {
            let since = self
                .statuses
                .rows
                .get(&connector)
                .and_then(|row| row.since.clone());
            if let Some((told, _, wall)) = since {
                let request = self.status_request(connector, &told, wall);
                let _said_if_full = self.call(&request, About::Notice);
            }
        }
    }

    fn status_request(&self, connector: u32, told: &Told, wall: Option<Timestamp>) -> Request {
        let vendor =
            (!told.vendor_code.is_empty()).then(|| CiString::truncated(&self.station.vendor));
        Request::from(StatusNotificationRequest {
            connector_id: i64::from(connector),
            error_code: told.error,
            info: (!told.info.is_empty()).then(|| CiString::truncated(&told.info)),
            status: told.status,
            timestamp: wall.or(self.now.wall),
            vendor_id: vendor,
            vendor_error_code: (!told.vendor_code.is_empty())
                .then(|| CiString::truncated(&told.vendor_code)),
        })
    }

    /// Works out the words for every connector, and since when they hold.
    fn note_words(&mut self) {
        let now = self.now;
        let words: Vec<(u32, Told)> = self
            .statuses
            .rows
            .iter()
            .filter_map(|(connector, row)| match connector {
                0 => Some((0, self.station_words())),
                _ => Some((*connector, self.words(row)?)),
            })
            .collect();
        for (connector, told) in words {
            let Some(row) = self.statuses.rows.get_mut(&connector) else {
                continue;
            };
            if row
                .since
                .as_ref()
                .is_none_or(|(before, _, _)| *before != told)
            {
                row.since = Some((told, now.at, now.wall));
            }
        }
    }

    fn station_words(&self) -> Told {
        if let Some(fault) = self.statuses.station_faults.first() {
            return faulted(fault);
        }
        let mut facts = self
            .statuses
            .rows
            .values()
            .filter_map(|row| row.facts.as_ref())
            .peekable();
        let none = facts.peek().is_some() && facts.all(|facts| !facts.operative);
        plain(if none {
            ChargePointStatus::Unavailable
        } else {
            ChargePointStatus::Available
        })
    }

    fn words(&self, row: &Row) -> Option<Told> {
        let facts = row.facts.as_ref()?;
        if let Some(fault) = &facts.fault {
            return Some(faulted(fault));
        }
        Some(plain(self.status_of(facts, row.was_ready)))
    }

    fn status_of(&self, facts: &ConnectorStatus, was_ready: bool) -> ChargePointStatus {
        let preparing = match self.settings.status_strategy {
            StatusStrategy::OccupiedOnAuthorized => facts.plugged || facts.authorized,
            StatusStrategy::OccupiedOnCharging => facts.plugged && facts.authorized,
        };
        if facts.transaction.is_some() {
            let started = was_ready || !self.settings.preparing_until_c;
            return match facts.charging {
                ChargingState::Charging => ChargePointStatus::Charging,
                ChargingState::SuspendedEvse => ChargePointStatus::SuspendedEvse,
                ChargingState::SuspendedEv if was_ready || self.settings.preparing_until_c => {
                    ChargePointStatus::SuspendedEv
                }
                ChargingState::SuspendedEv => ChargePointStatus::Charging,
                // The vehicle was pulled off and the transaction goes on.
                ChargingState::Idle => ChargePointStatus::SuspendedEv,
                ChargingState::EvConnected if !started => ChargePointStatus::Preparing,
                ChargingState::EvConnected if was_ready => ChargePointStatus::SuspendedEv,
                ChargingState::EvConnected => ChargePointStatus::Charging,
            };
        }
        if !facts.operative {
            ChargePointStatus::Unavailable
        } else if facts.finishing {
            ChargePointStatus::Finishing
        } else if facts.reserved && !facts.authorized {
            ChargePointStatus::Reserved
        } else if preparing {
            ChargePointStatus::Preparing
        } else {
            ChargePointStatus::Available
        }
    }

    // ---- fault notices ----

    pub(super) fn on_fault(&mut self, notice: FaultNotice) {
        if notice.evse_id.is_none() && notice.stops_transaction {
            self.statuses
                .station_faults
                .retain(|fault| fault.id != notice.id);
            if notice.active {
                self.statuses.station_faults.push(notice);
            }
            return;
        }
        // What takes the connector out of service is in its status already.
        let wanted = match notice.kind {
            NoticeKind::Error => self.config.flag("SendErrorStatusNotifications"),
            NoticeKind::Informative => self.config.flag("SendInformativeStatusNotifications"),
            NoticeKind::Usb => self.config.flag("SendUsbErrorStatusNotifications"),
        };
        if notice.stops_transaction || !wanted || notice.id == "BACKEND" {
            return;
        }
        if self.statuses.notices.len() >= NOTICES_WAITING {
            log(
                Level::Warn,
                "the oldest fault notice is left out: too many wait",
            );
            self.statuses.notices.pop_front();
        }
        self.statuses.notices.push_back(notice);
    }

    fn send_notice(&mut self, notice: &FaultNotice) {
        let connector = notice.evse_id.unwrap_or(0);
        let status = self
            .statuses
            .rows
            .get(&connector)
            .and_then(|row| row.since.as_ref())
            .map_or(ChargePointStatus::Available, |(told, _, _)| told.status);
        let told = Told {
            status,
            error: if notice.active {
                error_code(&notice.code)
            } else {
                ChargePointErrorCode::NoError
            },
            vendor_code: notice.vendor_code.clone(),
            info: notice.message.clone(),
        };
        let request = self.status_request(connector, &told, notice.at.wall);
        let _said_if_full = self.call(&request, About::Notice);
    }
}

fn plain(status: ChargePointStatus) -> Told {
    Told {
        status,
        error: ChargePointErrorCode::NoError,
        vendor_code: String::new(),
        info: String::new(),
    }
}

fn faulted(fault: &FaultNotice) -> Told {
    Told {
        status: ChargePointStatus::Faulted,
        error: error_code(&fault.code),
        vendor_code: fault.vendor_code.clone(),
        info: fault.message.clone(),
    }
}

fn error_code(word: &str) -> ChargePointErrorCode {
    ChargePointErrorCode::from_word(word).unwrap_or(ChargePointErrorCode::OtherError)
}
