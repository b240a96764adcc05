//! From the station's types to the backend contract's. Nothing here can fail.

use station::{
    BootReason, ChargingState, ConnectorStatus, FaultNotice, JournalEvent, Measurand, MeterReading,
    NoticeKind, Outcome, PilotState, ReadingContext, Sample, SamplePhase, StopReason,
};

use crate::backend::{
    BackendInput, BackendRole, BackendStart, DurableFrame, EvseInfo, JournalEntry, LinkDown,
    LinkFailure, LinkUp, RunningTransaction,
};
use crate::contract::backend::exports::pilotwire::backend::adapter as g;
use crate::contract::host::pilotwire::host::types as shared;
use crate::convert::{authorize_request, moment, setting, store_entry, token};
use crate::services_lower;

pub(crate) fn start(start: BackendStart) -> g::StartContext {
    let id = start.station;
    g::StartContext {
        identity: start.identity,
        role: match start.role {
            BackendRole::Primary => g::Role::Primary,
            BackendRole::Observer => g::Role::Observer,
        },
        settings: start.settings.into_iter().map(setting).collect(),
        store: start.store.into_iter().map(store_entry).collect(),
        outbox: start.outbox.into_iter().map(frame).collect(),
        cursor: start.cursor.0,
        station: shared::StationInfo {
            vendor: id.vendor,
            model: id.model,
            serial: id.serial,
            firmware: id.firmware,
            iccid: id.iccid,
            imsi: id.imsi,
            meter_type: id.meter_type,
            meter_serial: id.meter_serial,
            evses: start.evses.into_iter().map(evse_info).collect(),
        },
        connectors: start.connectors.into_iter().map(connector).collect(),
        transactions: start.transactions.into_iter().map(running).collect(),
        faults: start.faults.into_iter().map(fault).collect(),
        link: start.link.map(link_up),
        boot_reason: boot_reason(start.boot_reason),
        boot_count: start.boot_count,
        installation: start.installation.map(services_lower::transfer),
        client_certificate: start.client_certificate,
    }
}

pub(crate) fn input(input: BackendInput) -> g::Input {
    match input {
        BackendInput::Timer => g::Input::Timer,
        BackendInput::LinkUp(up) => g::Input::LinkUp(link_up(up)),
        BackendInput::LinkDown(down) => g::Input::LinkDown(link_down(down)),
        BackendInput::Frame(text) => g::Input::Frame(text),
        BackendInput::Journal(entry) => g::Input::Journal(journal_entry(entry)),
        BackendInput::Connector(status) => g::Input::Connector(connector(status)),
        BackendInput::Fault(notice) => g::Input::Fault(fault(notice)),
        BackendInput::Meter { request, reading } => {
            g::Input::Meter((request.map(|r| r.0), meter(reading)))
        }
        BackendInput::Authorize(request) => g::Input::Authorize(authorize_request(request)),
        BackendInput::Outcome {
            request,
            outcome: kind,
            detail,
        } => g::Input::Outcome(g::Outcome {
            request_id: request.0,
            kind: outcome(kind),
            detail,
        }),
        BackendInput::SettingChanged(changed) => g::Input::SettingChanged(setting(changed)),
        BackendInput::Restarting(reason) => g::Input::Restarting(boot_reason(reason)),
        BackendInput::Transfer(report) => g::Input::Transfer(services_lower::transfer(report)),
        BackendInput::Certificates(request, hashes) => {
            let hashes = hashes.into_iter().map(services_lower::certificate);
            g::Input::Certificates((request.0, hashes.collect()))
        }
        BackendInput::Csr(request, pem) => g::Input::Csr((request.0, pem)),
        BackendInput::HttpResponse(response) => {
            g::Input::HttpResponse(services_lower::response(response))
        }
        BackendInput::Listening(now) => g::Input::Listening(services_lower::listening(now)),
        BackendInput::HttpCall(call) => g::Input::HttpCall(services_lower::call(call)),
    }
}

fn frame(frame: DurableFrame) -> g::DurableFrame {
    g::DurableFrame {
        id: frame.id,
        text: frame.text,
    }
}

fn evse_info(info: EvseInfo) -> shared::EvseInfo {
    shared::EvseInfo {
        evse_id: info.evse.0.into(),
        connectors: info.connectors.into(),
        fixed_cable: info.fixed_cable,
        max_current_ma: info.max_current.get(),
        phases: info.phases.into(),
    }
}

fn running(running: RunningTransaction) -> g::RunningTransaction {
    g::RunningTransaction {
        transaction: running.transaction.0,
        evse_id: running.evse.0.into(),
        connector_id: running.connector.0.into(),
        token: token(running.token),
        meter_start_wh: running.meter_start.get(),
        started: moment(running.started),
        silent: running.silent,
        start_seq: running.start_seq.0,
    }
}

fn link_up(up: LinkUp) -> g::LinkUp {
    g::LinkUp {
        subprotocol: up.subprotocol,
        secure: up.secure,
    }
}

pub(crate) fn link_down(down: LinkDown) -> g::LinkDown {
    let failure = match down.failure {
        LinkFailure::Network => g::LinkFailure::Network,
        LinkFailure::Tls => g::LinkFailure::Tls,
        LinkFailure::Refused => g::LinkFailure::Refused,
        LinkFailure::Protocol => g::LinkFailure::Protocol,
        LinkFailure::Closed => g::LinkFailure::Closed,
        LinkFailure::Denied => g::LinkFailure::Denied,
    };
    g::LinkDown {
        failure,
        detail: down.detail,
    }
}

const fn boot_reason(reason: BootReason) -> g::BootReason {
    match reason {
        BootReason::PowerUp => g::BootReason::PowerUp,
        BootReason::RemoteReset => g::BootReason::RemoteReset,
        BootReason::ScheduledReset => g::BootReason::ScheduledReset,
        BootReason::Watchdog => g::BootReason::Watchdog,
        BootReason::FirmwareUpdate => g::BootReason::FirmwareUpdate,
        BootReason::Unknown => g::BootReason::Unknown,
    }
}

const fn outcome(outcome: Outcome) -> g::OutcomeKind {
    match outcome {
        Outcome::Accepted => g::OutcomeKind::Accepted,
        Outcome::Rejected => g::OutcomeKind::Rejected,
        Outcome::Scheduled => g::OutcomeKind::Scheduled,
        Outcome::RestartRequired => g::OutcomeKind::RestartRequired,
        Outcome::Unknown => g::OutcomeKind::Unknown,
        Outcome::NotSupported => g::OutcomeKind::NotSupported,
        Outcome::Failed => g::OutcomeKind::Failed,
        Outcome::Occupied => g::OutcomeKind::Occupied,
        Outcome::Faulted => g::OutcomeKind::Faulted,
        Outcome::Unavailable => g::OutcomeKind::Unavailable,
    }
}

fn connector(status: ConnectorStatus) -> g::ConnectorStatus {
    g::ConnectorStatus {
        evse_id: status.evse.0.into(),
        connector_id: status.connector.0.into(),
        operative: status.operative,
        plugged: status.plugged,
        authorized: status.authorized,
        pilot: pilot(status.pilot),
        charging: charging(status.charging),
        finishing: status.finishing,
        reserved: status.reserved,
        transaction: status.transaction.map(|t| t.0),
        fault: status.fault.map(fault),
        at: moment(status.moment),
    }
}

const fn pilot(state: PilotState) -> g::PilotState {
    match state {
        PilotState::A => g::PilotState::A,
        PilotState::B => g::PilotState::B,
        PilotState::C => g::PilotState::C,
        PilotState::D => g::PilotState::D,
        PilotState::E => g::PilotState::E,
        PilotState::F => g::PilotState::F,
    }
}

const fn charging(state: ChargingState) -> g::ChargingState {
    match state {
        ChargingState::Idle => g::ChargingState::Idle,
        ChargingState::EvConnected => g::ChargingState::EvConnected,
        ChargingState::Charging => g::ChargingState::Charging,
        ChargingState::SuspendedEv => g::ChargingState::SuspendedEv,
        ChargingState::SuspendedEvse => g::ChargingState::SuspendedEvse,
    }
}

fn fault(notice: FaultNotice) -> g::FaultNotice {
    g::FaultNotice {
        evse_id: notice.evse.map(|evse| evse.0.into()),
        id: notice.id.to_owned(),
        code: notice.code.to_owned(),
        vendor_code: notice.vendor_code.to_owned(),
        message: notice.message,
        active: notice.active,
        stops_transaction: notice.stops_transaction,
        kind: match notice.kind {
            NoticeKind::Error => g::NoticeKind::Error,
            NoticeKind::Informative => g::NoticeKind::Informative,
            NoticeKind::Usb => g::NoticeKind::Usb,
        },
        at: moment(notice.moment),
    }
}

fn meter(reading: MeterReading) -> g::MeterReading {
    g::MeterReading {
        evse_id: reading.evse.0.into(),
        at: moment(reading.moment),
        context: context(reading.context),
        samples: reading.samples.into_iter().map(sample).collect(),
    }
}

const fn context(context: ReadingContext) -> g::ReadingContext {
    match context {
        ReadingContext::TransactionBegin => g::ReadingContext::TransactionBegin,
        ReadingContext::TransactionEnd => g::ReadingContext::TransactionEnd,
        ReadingContext::SamplePeriodic => g::ReadingContext::SamplePeriodic,
        ReadingContext::SampleClock => g::ReadingContext::SampleClock,
        ReadingContext::Trigger => g::ReadingContext::Trigger,
        ReadingContext::InterruptionBegin => g::ReadingContext::InterruptionBegin,
        ReadingContext::InterruptionEnd => g::ReadingContext::InterruptionEnd,
        ReadingContext::Other => g::ReadingContext::Other,
    }
}

fn sample(sample: Sample) -> g::Sample {
    g::Sample {
        measurand: match sample.measurand {
            Measurand::EnergyImportWh => g::Measurand::EnergyImportRegisterWh,
            Measurand::EnergyExportWh => g::Measurand::EnergyExportRegisterWh,
            Measurand::PowerImportW => g::Measurand::PowerImportW,
            Measurand::PowerOfferedW => g::Measurand::PowerOfferedW,
            Measurand::CurrentImportMa => g::Measurand::CurrentImportMa,
            Measurand::CurrentOfferedMa => g::Measurand::CurrentOfferedMa,
            Measurand::VoltageMv => g::Measurand::VoltageMv,
            Measurand::FrequencyMhz => g::Measurand::FrequencyMhz,
            Measurand::TemperatureDc => g::Measurand::TemperatureDc,
            Measurand::SocPercent => g::Measurand::SocPercent,
        },
        phase: sample.phase.map(|phase| match phase {
            SamplePhase::L1 => g::Phase::L1,
            SamplePhase::L2 => g::Phase::L2,
            SamplePhase::L3 => g::Phase::L3,
            SamplePhase::N => g::Phase::N,
        }),
        value: sample.value,
    }
}

fn journal_entry(entry: JournalEntry) -> g::JournalEntry {
    g::JournalEntry {
        seq: entry.seq.0,
        at: moment(entry.moment),
        event: journal_event(entry.event),
    }
}

fn journal_event(event: JournalEvent) -> g::JournalEvent {
    match event {
        // The group stays in the station: no contract needs it.
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
        } => g::JournalEvent::Started(g::TransactionStarted {
            transaction: transaction.0,
            evse_id: evse.0.into(),
            connector_id: connector.0.into(),
            token: token(who),
            meter_start_wh: meter_start.get(),
            reservation,
            offline,
            silent,
        }),
        JournalEvent::TransactionMetered {
            transaction,
            reading,
        } => g::JournalEvent::Metered((transaction.0, meter(reading))),
        JournalEvent::TransactionEnded {
            transaction,
            evse,
            token: who,
            meter_stop,
            reason,
        } => g::JournalEvent::Ended(g::TransactionEnded {
            transaction: transaction.0,
            evse_id: evse.0.into(),
            token: who.map(token),
            meter_stop_wh: meter_stop.get(),
            reason: stop_reason(reason),
        }),
        JournalEvent::Security { text } => g::JournalEvent::Security(text),
    }
}

const fn stop_reason(reason: StopReason) -> g::StopReason {
    match reason {
        StopReason::Local => g::StopReason::Local,
        StopReason::EvDisconnected => g::StopReason::EvDisconnected,
        StopReason::Remote => g::StopReason::Remote,
        StopReason::Deauthorized => g::StopReason::Deauthorized,
        StopReason::EmergencyStop => g::StopReason::EmergencyStop,
        StopReason::HardReset => g::StopReason::HardReset,
        StopReason::SoftReset => g::StopReason::SoftReset,
        StopReason::PowerLoss => g::StopReason::PowerLoss,
        StopReason::Reboot => g::StopReason::Reboot,
        StopReason::UnlockCommand => g::StopReason::UnlockCommand,
        StopReason::Other => g::StopReason::Other,
    }
}
