//! The registry of faults as data, and the faults that stand now.
//!
//! A fault stands as long as its cause reports it: the interlock's trips, the station's own observations (meter,
//! reader, backend), or an event of the daemon. Nothing here clears a latched protection; the interlock alone does.
//! The table itself is in `fault_table.rs`, one row per line of the domain fact sheet §5.

use interlock::{Trip, Trips};

use crate::types::{EvseId, FaultNotice, Moment, NoticeKind};

pub use crate::fault_table::REGISTRY;

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Charging goes on; somebody should look.
    Warning,
    /// Does not charge until it is gone.
    Error,
    /// A hazard may remain at the cabinet: visit with priority.
    Critical,
}

impl Severity {
    /// Its name in texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// One row of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultSpec {
    /// Its id.
    pub id: &'static str,
    /// What has happened, for people who read the table.
    pub condition: &'static str,
    /// Word of OCPP 1.6 ChargePointErrorCode.
    pub code: &'static str,
    /// Vendor code, at most 50 characters.
    pub vendor_code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Ends the transaction and takes the connector out of service.
    pub stops: bool,
    /// Shown as a fault on the indicators.
    pub shown: bool,
    /// Which switch mutes its notices.
    pub kind: NoticeKind,
    /// Activation text, at most 50 characters.
    pub activation: &'static str,
    /// Resolution text, at most 50 characters.
    pub resolution: &'static str,
    /// How it clears.
    pub clears: &'static str,
    /// String of a seven-segment display (Cabur), empty if it has none.
    pub display: &'static str,
    /// What a person should do.
    pub action: &'static str,
}

/// The row of an id.
#[must_use]
pub fn find(id: &str) -> Option<&'static FaultSpec> {
    REGISTRY.iter().find(|spec| spec.id == id)
}

/// Every trip of the interlock with the fault it means.
pub const TRIPS: &[(Trip, &str)] = &[
    (Trip::ResidualCurrent, id_of(Trip::ResidualCurrent)),
    (Trip::ResidualDevice, id_of(Trip::ResidualDevice)),
    (Trip::ExternalRcd, id_of(Trip::ExternalRcd)),
    (Trip::Earth, id_of(Trip::Earth)),
    (Trip::PilotError, id_of(Trip::PilotError)),
    (Trip::Diode, id_of(Trip::Diode)),
    (Trip::Proximity, id_of(Trip::Proximity)),
    (Trip::BreakerType2, id_of(Trip::BreakerType2)),
    (Trip::BreakerDomestic, id_of(Trip::BreakerDomestic)),
    (Trip::OverCurrent, id_of(Trip::OverCurrent)),
    (Trip::OverVoltage, id_of(Trip::OverVoltage)),
    (Trip::UnderVoltage, id_of(Trip::UnderVoltage)),
    (Trip::PhaseMissing, id_of(Trip::PhaseMissing)),
    (Trip::Weld, id_of(Trip::Weld)),
    (Trip::ContactorStuckOpen, id_of(Trip::ContactorStuckOpen)),
    (Trip::LockFailed, id_of(Trip::LockFailed)),
    (Trip::LockStuck, id_of(Trip::LockStuck)),
    (Trip::LockMissing, id_of(Trip::LockMissing)),
    (
        Trip::ContactorTemperature,
        id_of(Trip::ContactorTemperature),
    ),
    (Trip::SocketTemperature, id_of(Trip::SocketTemperature)),
    (Trip::VentilationMissing, id_of(Trip::VentilationMissing)),
    (Trip::BoardSilent, id_of(Trip::BoardSilent)),
    (Trip::Internal, id_of(Trip::Internal)),
];

/// The fault that a trip means.
#[must_use]
pub const fn id_of(trip: Trip) -> &'static str {
    match trip {
        Trip::ResidualCurrent => "RCMB",
        Trip::ResidualDevice => "RCMB_DEVICE",
        Trip::ExternalRcd => "RCD",
        Trip::Earth => "PE",
        Trip::PilotError => "M3_SIGNAL",
        Trip::Diode => "M3_DIODE",
        Trip::Proximity => "PP",
        Trip::BreakerType2 => "MCB2",
        Trip::BreakerDomestic => "MCBS",
        Trip::OverCurrent => "OC",
        Trip::OverVoltage => "OV",
        Trip::UnderVoltage => "UV",
        Trip::PhaseMissing => "PHASE",
        Trip::Weld => "WELD",
        Trip::ContactorStuckOpen => "CONTACTOR",
        Trip::LockFailed => "LOCK_FAIL",
        Trip::LockStuck => "LOCK_STUCK",
        Trip::LockMissing => "LOCK_MISS",
        Trip::ContactorTemperature => "TEMP_RELAY",
        Trip::SocketTemperature => "TEMP_PLUG",
        Trip::VentilationMissing => "VENTILATION",
        Trip::BoardSilent => "BOARD",
        Trip::Internal => "INTERLOCK",
    }
}

/// Who reports a fault; each reporter can only take back what it reported itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reporter {
    /// The interlock's trips.
    Interlock,
    /// The station's own observations.
    Station,
    /// Events from outside.
    Outside,
}

#[derive(Debug, Clone)]
struct Standing {
    evse: Option<EvseId>,
    spec: &'static FaultSpec,
    by: Reporter,
    since: Moment,
}

/// The faults that stand now. Bounded by itself: one entry per place, row and reporter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    standing: Vec<Standing>,
}

impl Faults {
    /// Notes that a fault stands or is gone; answers a notice if that is news.
    pub(crate) fn report(
        &mut self,
        by: Reporter,
        evse: Option<EvseId>,
        id: &str,
        active: bool,
        now: Moment,
    ) -> Option<FaultNotice> {
        let spec = find(id)?;
        let stood = self.stands(evse, id);
        let own = |entry: &Standing| entry.evse == evse && entry.spec.id == id && entry.by == by;
        match (active, self.standing.iter().any(own)) {
            (true, false) => self.standing.push(Standing {
                evse,
                spec,
                by,
                since: now,
            }),
            (false, true) => self.standing.retain(|entry| !own(entry)),
            (true, true) | (false, false) => {}
        }
        let stands = self.stands(evse, id);
        (stood != stands).then(|| notice(evse, spec, stands, now))
    }

    /// Takes over the interlock's trips of one EVSE; answers what is news.
    pub(crate) fn take_trips(
        &mut self,
        evse: EvseId,
        trips: Trips,
        surge: bool,
        now: Moment,
    ) -> Vec<FaultNotice> {
        let trips = TRIPS.iter().map(|(trip, id)| (*id, trips.contains(*trip)));
        trips
            .chain([("SPD", surge)])
            .filter_map(|(id, active)| {
                self.report(Reporter::Interlock, Some(evse), id, active, now)
            })
            .collect()
    }

    /// Does this fault stand there?
    pub(crate) fn stands(&self, evse: Option<EvseId>, id: &str) -> bool {
        self.standing
            .iter()
            .any(|entry| entry.evse == evse && entry.spec.id == id)
    }

    /// The worst fault that takes this EVSE out of service; one of the whole station counts for every EVSE.
    pub(crate) fn stopping(&self, evse: EvseId) -> Option<FaultNotice> {
        self.at(evse)
            .filter(|entry| entry.spec.stops)
            .max_by_key(|entry| entry.spec.severity)
            .map(|entry| notice(entry.evse, entry.spec, true, entry.since))
    }

    /// Is any fault to be shown at this EVSE?
    pub(crate) fn shown(&self, evse: EvseId, show_backend: bool) -> bool {
        self.at(evse)
            .any(|entry| entry.spec.shown || (show_backend && entry.spec.id == "BACKEND"))
    }

    /// Everything that stands, one notice per place and row.
    pub(crate) fn notices(&self) -> Vec<FaultNotice> {
        let mut notices: Vec<FaultNotice> = Vec::new();
        for entry in &self.standing {
            if !notices
                .iter()
                .any(|known| (known.evse, known.id) == (entry.evse, entry.spec.id))
            {
                notices.push(notice(entry.evse, entry.spec, true, entry.since));
            }
        }
        notices
    }

    fn at(&self, evse: EvseId) -> impl Iterator<Item = &Standing> {
        self.standing
            .iter()
            .filter(move |entry| entry.evse.is_none_or(|place| place == evse))
    }
}

fn notice(
    evse: Option<EvseId>,
    spec: &'static FaultSpec,
    active: bool,
    moment: Moment,
) -> FaultNotice {
    let text = if active {
        spec.activation
    } else {
        spec.resolution
    };
    FaultNotice {
        evse,
        id: spec.id,
        code: spec.code,
        vendor_code: spec.vendor_code,
        message: text.to_owned(),
        active,
        stops_transaction: spec.stops,
        kind: spec.kind,
        moment,
    }
}
