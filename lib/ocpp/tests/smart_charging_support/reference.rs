//! A slow way to find a limit, written to be checked by reading: it knows no time line, only "what holds at this very
//! moment", and asks every profile again each time.

use ocpp::v16::charging::{ConnectorSite, PhaseSwitching, Scope, Site};
use ocpp::v16::{
    ChargingProfile, ChargingProfileKind, ChargingProfilePurpose, ChargingRateUnit, Decimal,
    RecurrencyKind,
};
use units::Phases;

/// A profile with the connector it was sent for and the time it came, in milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct Sent {
    pub connector: u32,
    pub profile: ChargingProfile,
    pub came: i64,
}

/// Everything a limit depends on. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct World {
    pub site: Site,
    pub now: i64,
    /// Start of the transaction of connectors 1 and 2, if one runs.
    pub started: [Option<i64>; 2],
    pub sent: Vec<Sent>,
}

/// What holds at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub current_ma: i128,
    pub power_uw: i128,
    pub phases: i128,
    pub minimum_ma: Option<i128>,
}

impl Answer {
    pub fn tenths(&self, unit: ChargingRateUnit) -> i128 {
        match unit {
            ChargingRateUnit::Amperes => self.current_ma / 100,
            ChargingRateUnit::Watts => self.power_uw / 100_000,
        }
    }
}

#[derive(Clone, Copy)]
struct Value {
    limit: Decimal,
    unit: ChargingRateUnit,
    phases: i64,
    minimum: Option<Decimal>,
}

impl World {
    /// Installs as the standard says: the same id goes, the same purpose, place and level goes.
    pub fn install(&mut self, new: Sent) {
        let slot = |p: &ChargingProfile| (p.charging_profile_purpose, p.stack_level);
        self.sent.retain(|old| {
            old.profile.charging_profile_id != new.profile.charging_profile_id
                && (old.connector != new.connector || slot(&old.profile) != slot(&new.profile))
        });
        self.sent.push(new);
    }

    pub fn may_install(&self, new: &Sent) -> bool {
        match new.profile.charging_profile_purpose {
            ChargingProfilePurpose::ChargePointMaxProfile => new.connector == 0,
            ChargingProfilePurpose::TxDefaultProfile => true,
            ChargingProfilePurpose::TxProfile => {
                new.connector > 0 && self.started[new.connector as usize - 1].is_some()
            }
        }
    }

    pub fn answer(&self, scope: Scope, time: i64) -> Answer {
        match scope {
            Scope::Connector(connector) => self.of_connector(connector, time),
            Scope::Station => self.of_station(time),
        }
    }

    fn value(&self, sent: &Sent, connector: u32, time: i64) -> Option<Value> {
        let profile = &sent.profile;
        let schedule = &profile.charging_schedule;
        if profile
            .valid_from
            .is_some_and(|from| time < from.as_unix_millis())
        {
            return None;
        }
        if profile
            .valid_to
            .is_some_and(|to| time >= to.as_unix_millis())
        {
            return None;
        }
        let beginning = match profile.charging_profile_purpose {
            ChargingProfilePurpose::ChargePointMaxProfile => sent.came,
            _ => self.started[connector as usize - 1].unwrap_or(self.now),
        };
        let start = schedule.start_schedule.map(|start| start.as_unix_millis());
        let mut zero = match profile.charging_profile_kind {
            ChargingProfileKind::Relative => beginning,
            ChargingProfileKind::Absolute => start.unwrap_or(beginning),
            ChargingProfileKind::Recurring => {
                start.unwrap_or_else(|| profile.valid_from.unwrap().as_unix_millis())
            }
        };
        if time < zero {
            return None;
        }
        if profile.charging_profile_kind == ChargingProfileKind::Recurring {
            let days = if profile.recurrency_kind == Some(RecurrencyKind::Weekly) {
                7
            } else {
                1
            };
            while time >= zero + days * 86_400_000 {
                zero += days * 86_400_000;
            }
        }
        let seconds = (time - zero).div_euclid(1_000);
        if schedule
            .duration
            .is_some_and(|length| length > 0 && seconds >= length)
        {
            return None;
        }
        let mut value = None;
        for period in &schedule.charging_schedule_period {
            if period.start_period <= seconds {
                value = Some(Value {
                    limit: period.limit,
                    unit: schedule.charging_rate_unit,
                    phases: period.number_phases.unwrap_or(3),
                    minimum: schedule.min_charging_rate,
                });
            }
        }
        value
    }

    /// The first value, asking from the highest level that the tests use down.
    fn first(
        &self,
        purpose: ChargingProfilePurpose,
        places: &[u32],
        connector: u32,
        time: i64,
    ) -> Option<Value> {
        for level in (0..=3).rev() {
            for place in places {
                for sent in &self.sent {
                    let profile = &sent.profile;
                    let asked = profile.charging_profile_purpose == purpose
                        && profile.stack_level == level
                        && sent.connector == *place;
                    if asked && let Some(value) = self.value(sent, connector, time) {
                        return Some(value);
                    }
                }
            }
        }
        None
    }

    fn ceiling(&self, time: i64) -> Option<Value> {
        self.first(ChargingProfilePurpose::ChargePointMaxProfile, &[0], 0, time)
    }

    fn of_connector(&self, connector: u32, time: i64) -> Answer {
        let here: &ConnectorSite = &self.site.connectors[connector as usize - 1];
        let rate = self
            .first(
                ChargingProfilePurpose::TxProfile,
                &[connector],
                connector,
                time,
            )
            .or_else(|| {
                self.first(
                    ChargingProfilePurpose::TxDefaultProfile,
                    &[connector, 0],
                    connector,
                    time,
                )
            });
        let values: Vec<Value> = [rate, self.ceiling(time)].into_iter().flatten().collect();
        let may_switch = here.switching == PhaseSwitching::ThreeToOne;
        let phases = if may_switch && values.iter().any(|value| value.phases < 3) {
            1
        } else {
            count(here.phases)
        };
        let volts = self.millivolts() * phases;
        let local = i128::from(here.local_limit.get()) * volts;
        let power_uw = values
            .iter()
            .map(|value| microwatts(value.limit, value.unit, volts));
        let power_uw = power_uw.fold(local, i128::min);
        let minimum = rate.and_then(|rate| Some(microwatts(rate.minimum?, rate.unit, volts)));
        Answer {
            current_ma: power_uw / volts,
            power_uw,
            phases,
            minimum_ma: minimum.map(|uw| (uw + volts - 1) / volts),
        }
    }

    fn of_station(&self, time: i64) -> Answer {
        let both = [self.of_connector(1, time), self.of_connector(2, time)];
        let phases = count(self.site.phases);
        let volts = self.millivolts() * phases;
        let mut current_ma = i128::from(self.site.local_limit.get());
        let mut power_uw = current_ma * volts;
        current_ma = current_ma.min(both.iter().map(|answer| answer.current_ma).sum());
        power_uw = power_uw.min(both.iter().map(|answer| answer.power_uw).sum());
        if let Some(value) = self.ceiling(time) {
            let ceiling = microwatts(value.limit, value.unit, volts);
            current_ma = current_ma.min(ceiling / volts);
            power_uw = power_uw.min(ceiling);
        }
        Answer {
            current_ma,
            power_uw,
            phases,
            minimum_ma: None,
        }
    }

    fn millivolts(&self) -> i128 {
        i128::from(self.site.nominal_voltage.get())
    }
}

fn count(phases: Phases) -> i128 {
    match phases {
        Phases::One => 1,
        Phases::Three => 3,
    }
}

/// `volts` is millivolts times phases: one milliampere of it is that many microwatts.
fn microwatts(rate: Decimal, unit: ChargingRateUnit, volts: i128) -> i128 {
    match unit {
        ChargingRateUnit::Amperes => i128::from(rate.tenths()) * 100 * volts,
        ChargingRateUnit::Watts => i128::from(rate.tenths()) * 100_000,
    }
}
