//! Smart charging profile.

use super::GenericStatus;
use crate::v16::types::Decimal;
use alloc::vec::Vec;
use units::Timestamp;

wire_enum! {
    /// What a charging profile is for.
    pub enum ChargingProfilePurpose {
        /// The whole charge point.
        ChargePointMaxProfile = "ChargePointMaxProfile",
        /// Every transaction without a profile of its own.
        TxDefaultProfile = "TxDefaultProfile",
        /// One transaction.
        TxProfile = "TxProfile",
    }
}

wire_enum! {
    /// What a schedule's times count from.
    pub enum ChargingProfileKind {
        /// A given time.
        Absolute = "Absolute",
        /// A given time, again every day or week.
        Recurring = "Recurring",
        /// The start of the transaction.
        Relative = "Relative",
    }
}

wire_enum! {
    /// How often a schedule recurs.
    pub enum RecurrencyKind {
        /// Every day.
        Daily = "Daily",
        /// Every week.
        Weekly = "Weekly",
    }
}

wire_enum! {
    /// Unit of a limit.
    pub enum ChargingRateUnit {
        /// Amperes per phase.
        Amperes = "A",
        /// Watts over all phases.
        Watts = "W",
    }
}

wire_struct! {
    /// One step of a schedule.
    pub struct ChargingSchedulePeriod {
        /// Seconds after the schedule's start.
        start_period: i64 = "startPeriod";
        /// The limit, in the schedule's unit.
        limit: Decimal = "limit";
        /// Phases that may be used; three if absent.
        number_phases: Option<i64> = "numberPhases";
    }
}

wire_struct! {
    /// Limits over time.
    pub struct ChargingSchedule {
        /// Length in seconds; open-ended if absent.
        duration: Option<i64> = "duration";
        /// Where it begins, unless it is relative.
        start_schedule: Option<Timestamp> = "startSchedule";
        /// Unit of the limits.
        charging_rate_unit: ChargingRateUnit = "chargingRateUnit";
        /// The steps, in order.
        charging_schedule_period: Vec<ChargingSchedulePeriod> = "chargingSchedulePeriod";
        /// Rate below which the vehicle charges poorly.
        min_charging_rate: Option<Decimal> = "minChargingRate";
    }
}

wire_struct! {
    /// A charging profile.
    pub struct ChargingProfile {
        /// Its number; an existing one is replaced.
        charging_profile_id: i64 = "chargingProfileId";
        /// The transaction it is for.
        transaction_id: Option<i64> = "transactionId";
        /// Its place in the stack; higher wins.
        stack_level: i64 = "stackLevel";
        /// What it is for.
        charging_profile_purpose: ChargingProfilePurpose = "chargingProfilePurpose";
        /// What its times count from.
        charging_profile_kind: ChargingProfileKind = "chargingProfileKind";
        /// How often it recurs.
        recurrency_kind: Option<RecurrencyKind> = "recurrencyKind";
        /// Not in force before.
        valid_from: Option<Timestamp> = "validFrom";
        /// Not in force from then on.
        valid_to: Option<Timestamp> = "validTo";
        /// The limits.
        charging_schedule: ChargingSchedule = "chargingSchedule";
    }
}

wire_struct! {
    /// Removes charging profiles.
    pub struct ClearChargingProfileRequest {
        /// Only this profile.
        id: Option<i64> = "id";
        /// Only those of this connector.
        connector_id: Option<i64> = "connectorId";
        /// Only those for this purpose.
        charging_profile_purpose: Option<ChargingProfilePurpose> = "chargingProfilePurpose";
        /// Only those at this place in the stack.
        stack_level: Option<i64> = "stackLevel";
    }
}

wire_enum! {
    /// Whether profiles were removed.
    pub enum ClearChargingProfileStatus {
        /// At least one was removed.
        Accepted = "Accepted",
        /// None matched.
        Unknown = "Unknown",
    }
}

wire_struct! {
    /// Answers the removal of charging profiles.
    pub struct ClearChargingProfileResponse {
        /// The outcome.
        status: ClearChargingProfileStatus = "status";
    }
}

wire_struct! {
    /// Asks for the limits that result from all profiles.
    pub struct GetCompositeScheduleRequest {
        /// The connector; 0 for the whole charge point.
        connector_id: i64 = "connectorId";
        /// Length wanted, in seconds.
        duration: i64 = "duration";
        /// Unit wanted.
        charging_rate_unit: Option<ChargingRateUnit> = "chargingRateUnit";
    }
}

wire_struct! {
    /// Answers with the resulting limits.
    pub struct GetCompositeScheduleResponse {
        /// Whether they could be computed.
        status: GenericStatus = "status";
        /// The connector they are for.
        connector_id: Option<i64> = "connectorId";
        /// What the periods count from.
        schedule_start: Option<Timestamp> = "scheduleStart";
        /// The limits.
        charging_schedule: Option<ChargingSchedule> = "chargingSchedule";
    }
}

wire_struct! {
    /// Installs a charging profile.
    pub struct SetChargingProfileRequest {
        /// The connector; 0 for the whole charge point.
        connector_id: i64 = "connectorId";
        /// The profile.
        cs_charging_profiles: ChargingProfile = "csChargingProfiles";
    }
}

wire_enum! {
    /// Whether a charging profile was installed.
    pub enum ChargingProfileStatus {
        /// Installed.
        Accepted = "Accepted",
        /// Not installed.
        Rejected = "Rejected",
        /// Not something this charge point does.
        NotSupported = "NotSupported",
    }
}

wire_struct! {
    /// Answers the installation of a charging profile.
    pub struct SetChargingProfileResponse {
        /// The outcome.
        status: ChargingProfileStatus = "status";
    }
}
