//! Words of the station in the words of the plugins' SDK and back; natively what the plugin host does at its edge.

use interlock::PilotState;
use sdk::backend as b;
use station::{
    AuthorizePurpose, BootReason, ChargingState, ConnectorStatus, Decision, EvseConfig,
    FaultNotice, IdToken, Identity, JournalEvent, LimitSource, Measurand, MeterReading, Moment,
    NoticeKind, Outcome, ReadingContext, ResetKind, SamplePhase, StopReason, TokenKind,
    TransactionView, Verdict,
};
use units::{Milliamps, Timestamp};

pub fn moment(m: Moment) -> sdk::Moment {
    sdk::Moment {
        at: m.at,
        wall: m.wall,
    }
}

pub fn token(t: &IdToken) -> sdk::Token {
    let kind = match t.kind {
        TokenKind::Rfid => sdk::TokenKind::Rfid,
        TokenKind::Central => sdk::TokenKind::Central,
        TokenKind::Mac => sdk::TokenKind::Mac,
        TokenKind::Fixed => sdk::TokenKind::Fixed,
        TokenKind::Other => sdk::TokenKind::Other,
    };
    sdk::Token {
        value: t.value.clone(),
        kind,
    }
}

pub fn token_back(t: sdk::Token) -> IdToken {
    let kind = match t.kind {
        sdk::TokenKind::Rfid => TokenKind::Rfid,
        sdk::TokenKind::Central => TokenKind::Central,
        sdk::TokenKind::Mac => TokenKind::Mac,
        sdk::TokenKind::Fixed => TokenKind::Fixed,
        sdk::TokenKind::Other => TokenKind::Other,
    };
    IdToken {
        value: t.value,
        kind,
    }
}

pub const fn purpose(p: AuthorizePurpose) -> sdk::AuthorizePurpose {
    match p {
        AuthorizePurpose::Start => sdk::AuthorizePurpose::Start,
        AuthorizePurpose::Stop => sdk::AuthorizePurpose::Stop,
        AuthorizePurpose::Recheck => sdk::AuthorizePurpose::Recheck,
    }
}

pub fn verdict(v: sdk::Verdict, offline: bool) -> Verdict {
    let decision = match v.decision {
        sdk::Decision::Accepted => Decision::Accepted,
        sdk::Decision::Blocked => Decision::Blocked,
        sdk::Decision::Expired => Decision::Expired,
        sdk::Decision::Invalid => Decision::Invalid,
        sdk::Decision::Concurrent => Decision::Concurrent,
        sdk::Decision::NoOpinion => Decision::NoOpinion,
    };
    Verdict {
        decision,
        group: v.group,
        expires: v.expires_wall_ms.map(Timestamp::from_unix_millis),
        limit: v.limit_ma.map(Milliamps::new),
        reason: v.reason,
        offline,
        source: "adapter".to_owned(),
    }
}

pub fn no_opinion() -> Verdict {
    Verdict {
        decision: Decision::NoOpinion,
        group: None,
        expires: None,
        limit: None,
        reason: None,
        offline: true,
        source: String::new(),
    }
}

const fn pilot(state: PilotState) -> b::PilotState {
    match state {
        PilotState::A => b::PilotState::A,
        PilotState::B => b::PilotState::B,
        PilotState::C => b::PilotState::C,
        PilotState::D => b::PilotState::D,
        PilotState::E => b::PilotState::E,
        PilotState::F => b::PilotState::F,
    }
}

const fn charging(state: ChargingState) -> b::ChargingState {
    match state {
        ChargingState::Idle => b::ChargingState::Idle,
        ChargingState::EvConnected => b::ChargingState::EvConnected,
        ChargingState::Charging => b::ChargingState::Charging,
        ChargingState::SuspendedEv => b::ChargingState::SuspendedEv,
        ChargingState::SuspendedEvse => b::ChargingState::SuspendedEvse,
    }
}

pub fn connector(c: &ConnectorStatus) -> b::ConnectorStatus {
    b::ConnectorStatus {
        evse_id: c.evse.0.into(),
        connector_id: c.connector.0.into(),
        operative: c.operative,
        plugged: c.plugged,
        authorized: c.authorized,
        pilot: pilot(c.pilot),
        charging: charging(c.charging),
        finishing: c.finishing,
        reserved: c.reserved,
        transaction: c.transaction.map(|t| t.0),
        fault: c.fault.as_ref().map(fault),
        at: moment(c.moment),
    }
}

pub fn fault(f: &FaultNotice) -> b::FaultNotice {
    b::FaultNotice {
        evse_id: f.evse.map(|evse| evse.0.into()),
        id: f.id.to_owned(),
        code: f.code.to_owned(),
        vendor_code: f.vendor_code.to_owned(),
        message: f.message.clone(),
        active: f.active,
        stops_transaction: f.stops_transaction,
        kind: match f.kind {
            NoticeKind::Error => b::NoticeKind::Error,
            NoticeKind::Informative => b::NoticeKind::Informative,
            NoticeKind::Usb => b::NoticeKind::Usb,
        },
        at: moment(f.moment),
    }
}

const fn measurand(m: Measurand) -> b::Measurand {
    match m {
        Measurand::EnergyImportWh => b::Measurand::EnergyImportRegisterWh,
        Measurand::EnergyExportWh => b::Measurand::EnergyExportRegisterWh,
        Measurand::PowerImportW => b::Measurand::PowerImportW,
        Measurand::PowerOfferedW => b::Measurand::PowerOfferedW,
        Measurand::CurrentImportMa => b::Measurand::CurrentImportMa,
        Measurand::CurrentOfferedMa => b::Measurand::CurrentOfferedMa,
        Measurand::VoltageMv => b::Measurand::VoltageMv,
        Measurand::FrequencyMhz => b::Measurand::FrequencyMhz,
        Measurand::TemperatureDc => b::Measurand::TemperatureDc,
        Measurand::SocPercent => b::Measurand::SocPercent,
    }
}

const fn phase(p: SamplePhase) -> b::Phase {
    match p {
        SamplePhase::L1 => b::Phase::L1,
        SamplePhase::L2 => b::Phase::L2,
        SamplePhase::L3 => b::Phase::L3,
        SamplePhase::N => b::Phase::N,
    }
}

pub fn reading(r: &MeterReading) -> b::MeterReading {
    b::MeterReading {
        evse_id: r.evse.0.into(),
        at: moment(r.moment),
        context: match r.context {
            ReadingContext::TransactionBegin => b::ReadingContext::TransactionBegin,
            ReadingContext::TransactionEnd => b::ReadingContext::TransactionEnd,
            ReadingContext::SamplePeriodic => b::ReadingContext::SamplePeriodic,
            ReadingContext::SampleClock => b::ReadingContext::SampleClock,
            ReadingContext::Trigger => b::ReadingContext::Trigger,
            ReadingContext::InterruptionBegin => b::ReadingContext::InterruptionBegin,
            ReadingContext::InterruptionEnd => b::ReadingContext::InterruptionEnd,
            ReadingContext::Other => b::ReadingContext::Other,
        },
        samples: r
            .samples
            .iter()
            .map(|s| b::Sample {
                measurand: measurand(s.measurand),
                phase: s.phase.map(phase),
                value: s.value,
            })
            .collect(),
    }
}

pub const fn context_back(c: b::ReadingContext) -> ReadingContext {
    match c {
        b::ReadingContext::TransactionBegin => ReadingContext::TransactionBegin,
        b::ReadingContext::TransactionEnd => ReadingContext::TransactionEnd,
        b::ReadingContext::SamplePeriodic => ReadingContext::SamplePeriodic,
        b::ReadingContext::SampleClock => ReadingContext::SampleClock,
        b::ReadingContext::Trigger => ReadingContext::Trigger,
        b::ReadingContext::InterruptionBegin => ReadingContext::InterruptionBegin,
        b::ReadingContext::InterruptionEnd => ReadingContext::InterruptionEnd,
        b::ReadingContext::Other => ReadingContext::Other,
    }
}

const fn stop_reason(r: StopReason) -> b::StopReason {
    match r {
        StopReason::Local => b::StopReason::Local,
        StopReason::EvDisconnected => b::StopReason::EvDisconnected,
        StopReason::Remote => b::StopReason::Remote,
        StopReason::Deauthorized => b::StopReason::Deauthorized,
        StopReason::EmergencyStop => b::StopReason::EmergencyStop,
        StopReason::HardReset => b::StopReason::HardReset,
        StopReason::SoftReset => b::StopReason::SoftReset,
        StopReason::PowerLoss => b::StopReason::PowerLoss,
        StopReason::Reboot => b::StopReason::Reboot,
        StopReason::UnlockCommand => b::StopReason::UnlockCommand,
        StopReason::Other => b::StopReason::Other,
    }
}

/// A journal event with all its moments moved to `at` knowledge by `fill`.
pub fn journal(event: &JournalEvent, fill: impl Fn(Moment) -> Moment) -> b::JournalEvent {
    match event {
        JournalEvent::TransactionStarted {
            transaction,
            evse,
            connector,
            token: who,
            group: _,
            meter_start,
            reservation,
            offline,
            silent,
        } => b::JournalEvent::Started(b::TransactionStarted {
            transaction: transaction.0,
            evse_id: evse.0.into(),
            connector_id: connector.0.into(),
            token: token(who),
            meter_start_wh: meter_start.get(),
            reservation: *reservation,
            offline: *offline,
            silent: *silent,
        }),
        JournalEvent::TransactionMetered {
            transaction,
            reading: r,
        } => {
            let r = MeterReading {
                moment: fill(r.moment),
                ..r.clone()
            };
            b::JournalEvent::Metered((transaction.0, reading(&r)))
        }
        JournalEvent::TransactionEnded {
            transaction,
            evse,
            token: who,
            meter_stop,
            reason,
        } => b::JournalEvent::Ended(b::TransactionEnded {
            transaction: transaction.0,
            evse_id: evse.0.into(),
            token: who.as_ref().map(token),
            meter_stop_wh: meter_stop.get(),
            reason: stop_reason(*reason),
        }),
        JournalEvent::Security { text } => b::JournalEvent::Security(text.clone()),
    }
}

pub fn running(t: &TransactionView) -> b::RunningTransaction {
    b::RunningTransaction {
        transaction: t.transaction.0,
        evse_id: t.evse.0.into(),
        connector_id: t.connector.0.into(),
        token: token(&t.token),
        meter_start_wh: t.meter_start.get(),
        started: moment(t.started),
        silent: t.silent,
        start_seq: t.start_seq.0,
    }
}

pub const fn boot_reason(r: BootReason) -> b::BootReason {
    match r {
        BootReason::PowerUp => b::BootReason::PowerUp,
        BootReason::RemoteReset => b::BootReason::RemoteReset,
        BootReason::ScheduledReset => b::BootReason::ScheduledReset,
        BootReason::Watchdog => b::BootReason::Watchdog,
        BootReason::FirmwareUpdate => b::BootReason::FirmwareUpdate,
        BootReason::Unknown => b::BootReason::Unknown,
    }
}

pub const fn reset_back(kind: b::ResetKind) -> ResetKind {
    match kind {
        b::ResetKind::Soft => ResetKind::Soft,
        b::ResetKind::Hard => ResetKind::Hard,
    }
}

pub const fn outcome(o: Outcome) -> b::OutcomeKind {
    match o {
        Outcome::Accepted => b::OutcomeKind::Accepted,
        Outcome::Rejected => b::OutcomeKind::Rejected,
        Outcome::Scheduled => b::OutcomeKind::Scheduled,
        Outcome::RestartRequired => b::OutcomeKind::RestartRequired,
        Outcome::Unknown => b::OutcomeKind::Unknown,
        Outcome::NotSupported => b::OutcomeKind::NotSupported,
        Outcome::Failed => b::OutcomeKind::Failed,
        Outcome::Occupied => b::OutcomeKind::Occupied,
        Outcome::Faulted => b::OutcomeKind::Faulted,
        Outcome::Unavailable => b::OutcomeKind::Unavailable,
    }
}

pub fn station_info(identity: &Identity, evses: &[EvseConfig]) -> sdk::StationInfo {
    sdk::StationInfo {
        vendor: identity.vendor.clone(),
        model: identity.model.clone(),
        serial: identity.serial.clone(),
        firmware: identity.firmware.clone(),
        iccid: identity.iccid.clone(),
        imsi: identity.imsi.clone(),
        meter_type: identity.meter_type.clone(),
        meter_serial: identity.meter_serial.clone(),
        evses: evses
            .iter()
            .map(|evse| sdk::EvseInfo {
                evse_id: evse.id.0.into(),
                connectors: 1,
                fixed_cable: matches!(evse.attachment, interlock::Attachment::Tethered(_)),
                max_current_ma: evse.max_current.get(),
                phases: evse.phases.count().into(),
            })
            .collect(),
    }
}

/// Rows of the limit table that the simulator may set from outside.
pub const OUTSIDE_LIMITS: [LimitSource; 3] = [
    LimitSource::LoadManagement,
    LimitSource::SupplyLine,
    LimitSource::User,
];
