//! One EVSE: its state, and everything that follows from the state without deciding anything new.

use std::collections::BTreeMap;

use interlock::{Attachment, LockPosition, LockWish, Permit, PilotState, Status};
use units::{Instant, Milliamps, Phases, WattHours};

use crate::action::{PersistentEvse, PersistentTransaction};
use crate::config::EvseConfig;
use crate::limits::PERMIT_VALID;
use crate::settings::{Settings, key};
use crate::types::*;

/// The one connector of an EVSE.
pub(crate) const CONNECTOR: ConnectorId = ConnectorId(1);

/// An accepted token that waits for its vehicle.
#[derive(Debug, Clone)]
pub(crate) struct Authorization {
    pub token: IdToken,
    pub group: Option<String>,
    pub limit: Option<Milliamps>,
    /// Accepted without the backend.
    pub offline: bool,
    /// Accepted although nobody had an opinion; to be checked again.
    pub unverified: bool,
    pub deadline: Instant,
    /// Those in force when the token was presented.
    pub rules: Rules,
    /// Nobody presented it; goes when what presents itself changes.
    pub by_itself: bool,
}

/// How a session is reported and ended.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Nobody pays: no opinion about its token counts, and no other token ends it.
    pub free: bool,
    pub silent: bool,
    pub report_as: Option<IdToken>,
    pub remote_stop: bool,
    pub token_stops: bool,
}

impl Rules {
    /// A session that somebody pays for.
    pub(crate) const USUAL: Self = Self {
        free: false,
        silent: false,
        report_as: None,
        remote_stop: true,
        token_stops: true,
    };
}

/// An end that waits for the contactor to open.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub reason: StopReason,
    pub token: Option<IdToken>,
    pub deadline: Instant,
}

/// A running transaction.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    pub id: TransactionId,
    pub token: IdToken,
    pub group: Option<String>,
    pub limit: Option<Milliamps>,
    pub meter_start: WattHours,
    pub started: Moment,
    pub rules: Rules,
    pub unverified: bool,
    /// Journal position of its start: no current before this is committed.
    pub start_seq: JournalSeq,
    /// Its token was refused later: no current from this register on.
    pub refused_at: Option<WattHours>,
    /// The user stopped charging in a mode where only unplugging ends the transaction.
    pub stopped_by_user: bool,
    pub ending: Option<Ending>,
    pub next_sample: Option<Instant>,
    /// Restored after a restart; its vehicle must show up by then.
    pub resume_until: Option<Instant>,
    /// Restored after a restart; the first reading says so.
    pub reading_due: bool,
}

/// What of the rest of the station an EVSE's derived values depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub settings: &'a Settings,
    pub committed: JournalSeq,
    /// A fault takes this EVSE out of service.
    pub stopped: bool,
    /// A fault is to be shown.
    pub fault_shown: bool,
    /// A verdict is awaited here.
    pub authorising: bool,
    /// An authorisation waits for a vehicle at any EVSE.
    pub floating: bool,
    /// Kept free for somebody.
    pub reserved: bool,
    /// Software is being updated.
    pub updating: bool,
    /// Its part of what all EVSEs may draw together.
    pub share: Option<Milliamps>,
}

/// One EVSE.
#[derive(Debug, Clone)]
pub(crate) struct Evse {
    pub config: EvseConfig,
    pub operative: bool,
    /// Goes out of service when what runs has ended.
    pub inoperative_soon: bool,
    pub status: Option<Status>,
    /// Highest register seen; a meter that shows less does not lower it.
    pub register: WattHours,
    pub samples: Vec<Sample>,
    pub read_at: Option<Instant>,
    pub authorization: Option<Authorization>,
    pub transaction: Option<Transaction>,
    pub finishing: bool,
    /// The plug stays released until it is pulled or a new authorisation comes.
    pub released: bool,
    /// After a restart, from the first report on: whether the cable of an ended transaction is still in is known by then.
    pub finishing_check: Option<Instant>,
    /// The token that presents itself was presented for this vehicle.
    pub presented: bool,
    pub outside_limits: BTreeMap<LimitSource, Milliamps>,
    /// Highest number of phases, as somebody outside says.
    pub phase_limit: Option<Phases>,
    pub unlock_count: u32,
    pub actuator_retry_count: u32,
    pub charging: ChargingState,
    /// The vehicle has until then to react to the offer.
    pub grace: Option<Instant>,
    pub permit: Permit,
    pub permit_due: Instant,
    pub permit_waits: bool,
    pub told: Option<ConnectorStatus>,
    pub indicated: Option<Indication>,
}

impl Transaction {
    /// The token that others hear of.
    pub(crate) fn reported(&self) -> IdToken {
        let instead = self.rules.report_as.as_ref();
        instead.unwrap_or(&self.token).clone()
    }
}

impl Evse {
    /// An EVSE that has just started.
    pub(crate) fn new(config: EvseConfig, restored: Option<&PersistentEvse>, now: Instant) -> Self {
        Self {
            config,
            operative: restored.is_none_or(|record| record.operative),
            inoperative_soon: false,
            status: None,
            register: restored.map_or(WattHours::ZERO, |record| record.register),
            samples: Vec::new(),
            read_at: None,
            authorization: None,
            transaction: None,
            finishing: restored.is_some_and(|record| record.finishing),
            released: restored.is_some_and(|record| record.finishing),
            finishing_check: None,
            presented: false,
            outside_limits: BTreeMap::new(),
            phase_limit: None,
            unlock_count: 0,
            actuator_retry_count: 0,
            charging: ChargingState::Idle,
            grace: None,
            permit: Permit::NONE,
            permit_due: now,
            permit_waits: false,
            told: None,
            indicated: None,
        }
    }

    pub(crate) fn has_socket(&self) -> bool {
        matches!(self.config.attachment, Attachment::Socket)
    }

    /// A vehicle is at the other end.
    pub(crate) fn vehicle(&self) -> bool {
        self.status.is_some_and(|status| status.vehicle_connected)
    }

    /// A vehicle is there that has not charged yet.
    pub(crate) fn waiting(&self) -> bool {
        self.vehicle() && !self.finishing
    }

    /// A vehicle, or in a socket-outlet a cable.
    pub(crate) fn plugged(&self) -> bool {
        self.status
            .is_some_and(|status| plugged(self.config.attachment, &status))
    }

    /// The contactor is closed or about to.
    pub(crate) fn energised(&self) -> bool {
        self.status
            .is_some_and(|status| status.energised || status.contactor_command)
    }

    pub(crate) fn lock(&self) -> LockPosition {
        self.status
            .map_or(LockPosition::Unknown, |status| status.lock)
    }

    /// The vehicle is there and held, as a transaction needs it.
    pub(crate) fn ready_for_transaction(&self) -> bool {
        let pilot_ok = self.status.is_some_and(|status| {
            status.vehicle_connected
                && matches!(status.pilot, PilotState::B | PilotState::C | PilotState::D)
        });
        let held = !self.has_socket() || self.lock() == LockPosition::Locked;
        pilot_ok && held && self.read_at.is_some()
    }

    /// Every row of the limit table.
    pub(crate) fn limit_rows(&self, settings: &Settings, share: Option<Milliamps>) -> Vec<Limit> {
        let amps = |key| {
            let amps = settings.number_of(key, self.config.id);
            Milliamps::from_amps(u16::try_from(amps).unwrap_or(0))
        };
        let added = self.status.map(|status| status.limits);
        let token = self
            .transaction
            .as_ref()
            .and_then(|transaction| transaction.limit);
        let own = [
            (LimitSource::Cable, added.and_then(|limits| limits.cable)),
            (LimitSource::Hardware, Some(self.config.max_current)),
            (
                LimitSource::Installation,
                Some(amps(key::INSTALLATION_CURRENT_LIMIT_A)),
            ),
            (
                LimitSource::Operator,
                Some(amps(key::OPERATOR_CURRENT_LIMIT_A)),
            ),
            (
                LimitSource::Temperature,
                added.and_then(|limits| limits.temperature),
            ),
            (LimitSource::Token, token),
            (
                LimitSource::SimplifiedPilot,
                added.and_then(|limits| limits.simplified_pilot),
            ),
        ];
        let outside = self
            .outside_limits
            .iter()
            .map(|(source, current)| (*source, Some(*current)))
            .chain([(LimitSource::BackendProfile, share)]);
        let mut rows: Vec<Limit> = own
            .into_iter()
            .chain(outside)
            .filter_map(|(source, current)| {
                Some(Limit {
                    source,
                    current: current?,
                })
            })
            .collect();
        rows.sort_by_key(|row| row.source);
        rows
    }

    /// The row that wins: the lowest, and of equals the first in the table.
    pub(crate) fn winner(&self, rows: &[Limit]) -> Limit {
        let hardware = Limit {
            source: LimitSource::Hardware,
            current: self.config.max_current,
        };
        rows.iter()
            .copied()
            .min_by_key(|row| row.current)
            .unwrap_or(hardware)
    }

    fn may_offer(&self, around: &Surroundings) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| {
            transaction.ending.is_none()
                && transaction.start_seq <= around.committed
                && !transaction.stopped_by_user
                && transaction.refused_at.is_none_or(|end| self.register < end)
                && self.vehicle()
                && !around.stopped
        })
    }

    fn lock_wish(&self, around: &Surroundings) -> LockWish {
        let idle = !around.settings.flag(key::LOCK_ONLY_IF_AUTHORIZED)
            && self.vehicle()
            && !self.finishing
            && self.operative;
        if self.released || around.stopped {
            return LockWish::Release;
        }
        // Without the order to unlock, the cable stays in the socket when the vehicle leaves, also after the end.
        let keeps = !around.settings.flag(key::UNLOCK_ON_EV_DISCONNECT);
        let session = self.transaction.is_some() || self.finishing;
        if session && keeps {
            LockWish::WhileCablePresent
        } else if (session && self.vehicle()) || self.authorization.is_some() || idle {
            LockWish::WhenPlugged
        } else {
            LockWish::Release
        }
    }

    /// The permit that follows from the state.
    pub(crate) fn wanted_permit(&self, around: &Surroundings, now: Instant) -> Permit {
        let limit = self
            .winner(&self.limit_rows(around.settings, around.share))
            .current;
        let minimum = around.settings.number(key::MINIMUM_CURRENT_A);
        let minimum = Milliamps::from_amps(u16::try_from(minimum).unwrap_or(u16::MAX));
        let offer = self.may_offer(around) && limit >= minimum;
        let three = around.settings.number_of(key::PHASES, self.config.id) == 3;
        let one = self.phase_limit == Some(Phases::One);
        let phases = if three && !one {
            self.config.phases
        } else {
            Phases::One
        };
        Permit {
            max_current: if offer { limit } else { Milliamps::ZERO },
            phases,
            valid_until: now.after(PERMIT_VALID),
            lock: self.lock_wish(around),
            available: self.operative,
            wake_up: offer && around.settings.flag(key::ALLOW_EV_WAKE_UP),
            unlock_count: self.unlock_count,
            actuator_retry_count: self.actuator_retry_count,
        }
    }

    /// The charging state that follows from the state before and the permit.
    pub(crate) fn next_charging(&self, around: &Surroundings, now: Instant) -> ChargingState {
        let Some(status) = self.status else {
            return ChargingState::Idle;
        };
        let Some(transaction) = &self.transaction else {
            return if status.vehicle_connected {
                ChargingState::EvConnected
            } else {
                ChargingState::Idle
            };
        };
        if transaction.ending.is_some() {
            return self.charging;
        }
        if !status.vehicle_connected {
            return ChargingState::SuspendedEv;
        }
        if transaction.start_seq > around.committed {
            return ChargingState::EvConnected;
        }
        if self.permit.max_current == Milliamps::ZERO {
            return ChargingState::SuspendedEvse;
        }
        let in_grace = self.grace.is_some_and(|until| now < until);
        match status.pilot {
            PilotState::C | PilotState::D if status.energised => ChargingState::Charging,
            // A vehicle that took energy and stops has decided; one that did not yet may still be about to.
            _any if in_grace && self.charging != ChargingState::Charging => match self.charging {
                ChargingState::Idle | ChargingState::EvConnected => ChargingState::EvConnected,
                ChargingState::Charging
                | ChargingState::SuspendedEv
                | ChargingState::SuspendedEvse => self.charging,
            },
            PilotState::A | PilotState::B | PilotState::E => ChargingState::SuspendedEv,
            PilotState::C | PilotState::D | PilotState::F => ChargingState::SuspendedEvse,
        }
    }

    /// The standing indication, domain fact sheet §6.5.
    pub(crate) fn indication(&self, around: &Surroundings) -> Indication {
        if self.status.is_none() {
            return Indication::Boot;
        }
        if around.fault_shown {
            return Indication::Fault;
        }
        if self.transaction.is_some() {
            return match self.charging {
                ChargingState::Idle | ChargingState::EvConnected => Indication::Preparing,
                ChargingState::Charging => Indication::Charging,
                ChargingState::SuspendedEv => Indication::SuspendedEv,
                ChargingState::SuspendedEvse => Indication::SuspendedEvse,
            };
        }
        if around.updating {
            return Indication::Update;
        }
        if !self.operative {
            return Indication::Unavailable;
        }
        if around.authorising {
            return Indication::Authorising;
        }
        match (self.authorization.is_some(), self.vehicle()) {
            (true, true) => Indication::Preparing,
            (true, false) => Indication::AuthorisedWaiting,
            (false, _) if self.finishing => Indication::Finishing,
            (false, _) if around.reserved => Indication::Reserved,
            (false, _) if around.floating && !self.inoperative_soon => {
                Indication::AuthorisedWaiting
            }
            (false, _) => Indication::Available,
        }
    }

    /// The facts about its connector.
    pub(crate) fn connector(
        &self,
        fault: Option<FaultNotice>,
        reserved: bool,
        moment: Moment,
    ) -> ConnectorStatus {
        ConnectorStatus {
            evse: self.config.id,
            connector: CONNECTOR,
            operative: self.operative,
            plugged: self.plugged(),
            authorized: self.authorization.is_some() || self.transaction.is_some(),
            pilot: self.status.map_or(PilotState::A, |status| status.pilot),
            charging: self.charging,
            finishing: self.finishing,
            reserved,
            transaction: self.transaction.as_ref().map(|transaction| transaction.id),
            fault,
            moment,
        }
    }

    /// What a restart needs of it.
    pub(crate) fn persistent(&self) -> PersistentEvse {
        PersistentEvse {
            evse: self.config.id,
            operative: self.operative && !self.inoperative_soon,
            register: self.register,
            finishing: self.finishing,
            transaction: self
                .transaction
                .as_ref()
                .map(|transaction| PersistentTransaction {
                    transaction: transaction.id,
                    token: transaction.token.clone(),
                    group: transaction.group.clone(),
                    meter_start: transaction.meter_start,
                    started: transaction.started,
                    free: transaction.rules.free,
                    silent: transaction.rules.silent,
                    report_as: transaction.rules.report_as.clone(),
                    remote_stop: transaction.rules.remote_stop,
                    token_stops: transaction.rules.token_stops,
                    limit: transaction.limit,
                    unverified: transaction.unverified,
                    refused_at: transaction.refused_at,
                    stopped_by_user: transaction.stopped_by_user,
                }),
        }
    }
}

/// A vehicle, or in a socket-outlet a cable, is plugged in.
pub(crate) fn plugged(attachment: Attachment, status: &Status) -> bool {
    status.vehicle_connected || (matches!(attachment, Attachment::Socket) && status.cable_present)
}
