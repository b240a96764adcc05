//! Bridge of backend adapters.

use super::{Convert, convert};
use crate::backend as s;
use bindings::exports::pilotwire::backend::adapter as g;

pub mod bindings {
    crate::__wasm::bindings! {
        world: "pilotwire:backend/backend",
        path: ["../../wit/host", "../../wit/backend"],
        pub_export_macro: true,
        default_bindings_module: "sdk::__wasm::backend::bindings",
        with: {
            "pilotwire:host/types@0.1.0": crate::__wasm::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::__wasm::host::pilotwire::host::log,
        },
    }
}

pub fn describe<T: s::BackendAdapter>() -> super::host::pilotwire::host::types::Manifest {
    super::log_panics();
    T::describe().convert()
}

pub fn start<T: s::BackendAdapter>(
    now: g::Moment,
    context: g::StartContext,
    slot: &mut Option<T>,
) -> Vec<g::Command> {
    super::log_panics();
    let (plugin, commands) = T::start(now.convert(), context.convert());
    *slot = Some(plugin);
    commands.convert()
}

pub fn handle<T: s::BackendAdapter>(
    now: g::Moment,
    input: g::Input,
    slot: &mut Option<T>,
) -> Vec<g::Command> {
    match slot {
        Some(plugin) => plugin.handle(now.convert(), input.convert()).convert(),
        None => Vec::new(),
    }
}

/// Exports of one backend adapter; used by `export_backend!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __backend_glue {
    ($plugin:ty, $slot:ident) => {
        use $crate::__wasm::backend as bridge;
        use bridge::bindings::exports::pilotwire::backend::adapter as contract;

        struct Component;

        impl contract::Guest for Component {
            fn describe() -> contract::Manifest {
                bridge::describe::<$plugin>()
            }
            fn start(
                now: contract::Moment,
                context: contract::StartContext,
            ) -> Vec<contract::Command> {
                $slot.with_borrow_mut(|slot| bridge::start(now, context, slot))
            }
            fn handle(now: contract::Moment, input: contract::Input) -> Vec<contract::Command> {
                $slot.with_borrow_mut(|slot| bridge::handle(now, input, slot))
            }
        }

        bridge::bindings::export!(Component with_types_in $crate::__wasm::backend::bindings);
    };
}

// Bindings to SDK.
convert!(record g::StartContext => s::StartContext {
    identity, role, settings, store, outbox, cursor, station, connectors, transactions, faults,
    link, boot_reason, boot_count, installation, client_certificate
});
convert!(record g::TransferReport => s::TransferReport { request_id, stage, detail });
convert!(enum g::TransferStage => s::TransferStage {
    Running, Done, Failed, Verified, InvalidSignature, InvalidCertificate, Installing, Restarting, Installed,
    InstallFailed, Cancelled
});
convert!(enum g::HashAlgorithm => s::HashAlgorithm { Sha256, Sha384, Sha512 });
convert!(record g::CertificateHash => s::CertificateHash {
    algorithm, issuer_name_hash, issuer_key_hash, serial_number
});
convert!(record g::HttpResponse => s::HttpResponse { request_id, status, headers, body, failure });
convert!(record g::Listening => s::Listening { port, addresses, detail });
convert!(record g::HttpCall => s::HttpCall { call_id, peer, method, path, headers, body });
convert!(enum g::Role => s::Role { Primary, Observer });
convert!(enum g::BootReason => s::BootReason {
    PowerUp, RemoteReset, ScheduledReset, Watchdog, FirmwareUpdate, Unknown
});
convert!(record g::DurableFrame => s::DurableFrame { id, text });
convert!(record g::LinkUp => s::LinkUp { subprotocol, secure });
convert!(enum g::LinkFailure => s::LinkFailure { Network, Tls, Refused, Protocol, Closed, Denied });
convert!(record g::LinkDown => s::LinkDown { failure, detail });
convert!(enum g::PilotState => s::PilotState { A, B, C, D, E, F });
convert!(enum g::ChargingState => s::ChargingState {
    Idle, EvConnected, Charging, SuspendedEv, SuspendedEvse
});
convert!(record g::ConnectorStatus => s::ConnectorStatus {
    evse_id, connector_id, operative, plugged, authorized, pilot, charging, finishing, reserved,
    transaction, fault, at
});
convert!(record g::FaultNotice => s::FaultNotice {
    evse_id, id, code, vendor_code, message, active, stops_transaction, kind, at
});
convert!(enum g::NoticeKind => s::NoticeKind { Error, Informative, Usb });
convert!(enum g::Measurand => s::Measurand {
    EnergyImportRegisterWh, EnergyExportRegisterWh, PowerImportW, PowerOfferedW,
    CurrentImportMa, CurrentOfferedMa, VoltageMv, FrequencyMhz, TemperatureDc, SocPercent
});
convert!(enum g::Phase => s::Phase { L1, L2, L3, N });
convert!(record g::Sample => s::Sample { measurand, phase, value });
convert!(enum g::ReadingContext => s::ReadingContext {
    TransactionBegin, TransactionEnd, SamplePeriodic, SampleClock, Trigger, InterruptionBegin,
    InterruptionEnd, Other
});
convert!(record g::MeterReading => s::MeterReading { evse_id, at, context, samples });
convert!(enum g::StopReason => s::StopReason {
    Local, EvDisconnected, Remote, Deauthorized, EmergencyStop, HardReset, SoftReset, PowerLoss,
    Reboot, UnlockCommand, Other
});
convert!(record g::TransactionStarted => s::TransactionStarted {
    transaction, evse_id, connector_id, token, meter_start_wh, reservation, offline, silent
});
convert!(record g::TransactionEnded => s::TransactionEnded {
    transaction, evse_id, token, meter_stop_wh, reason
});
convert!(record g::RunningTransaction => s::RunningTransaction {
    transaction, evse_id, connector_id, token, meter_start_wh, started, silent, start_seq
});
convert!(variant g::JournalEvent => s::JournalEvent {
    Started(v), Metered(v), Ended(v), Security(v)
});
convert!(record g::JournalEntry => s::JournalEntry { seq, at, event });
convert!(enum g::OutcomeKind => s::OutcomeKind {
    Accepted, Rejected, Scheduled, RestartRequired, Unknown, NotSupported, Failed, Occupied, Faulted,
    Unavailable
});
convert!(record g::Outcome => s::Outcome { request_id, kind, detail });
convert!(variant g::Input => s::Input {
    Timer, LinkUp(v), LinkDown(v), Frame(v), Journal(v), Connector(v), Fault(v), Meter(v),
    Authorize(v), Outcome(v), SettingChanged(v), Restarting(v), Transfer(v), Certificates(v), Csr(v),
    HttpResponse(v), Listening(v), HttpCall(v)
});
// SDK to bindings.
convert!(record s::DurableFrame => g::DurableFrame { id, text });
convert!(enum s::ReadingContext => g::ReadingContext {
    TransactionBegin, TransactionEnd, SamplePeriodic, SampleClock, Trigger, InterruptionBegin,
    InterruptionEnd, Other
});
convert!(record s::ConnectRequest => g::ConnectRequest {
    url, subprotocols, basic_auth, keep_alive_s, timeout_s, client_certificate
});
convert!(enum s::ResetKind => g::ResetKind { Soft, Hard });
convert!(record s::StartRequest => g::StartRequest { request_id, evse_id, token, authorize_first });
convert!(enum s::Registration => g::Registration {
    Offline, Connecting, Pending, Rejected, Registered
});
convert!(record s::AdapterState => g::AdapterState { registration, detail, last_error });
convert!(record s::UnlockRequest => g::UnlockRequest { request_id, evse_id, connector_id });
convert!(record s::ResetRequest => g::ResetRequest { request_id, kind });
convert!(record s::AvailabilityRequest => g::AvailabilityRequest {
    request_id, evse_id, operative
});
convert!(record s::SettingRequest => g::SettingRequest { request_id, key, value });
convert!(record s::StopRequest => g::StopRequest { request_id, transaction });
convert!(record s::ReadMeterRequest => g::ReadMeterRequest { request_id, evse_id, context });
convert!(record s::TransactionVerdict => g::TransactionVerdict { transaction, verdict, stop });
convert!(record s::Limit => g::Limit { evse_id, max_current_ma, phases });
convert!(record s::ReserveRequest => g::ReserveRequest {
    request_id, evse_id, reservation, token, group, expires_wall_ms
});
convert!(record s::CancelReservationRequest => g::CancelReservationRequest { request_id, reservation });
convert!(enum s::Document => g::Document { Diagnostics, SecurityLog });
convert!(record s::UploadRequest => g::UploadRequest {
    request_id, document, url, file_name, from_wall_ms, to_wall_ms, retries, retry_interval_s
});
convert!(record s::FirmwareSignature => g::FirmwareSignature { certificate_pem, signature_base64 });
convert!(record s::FirmwareRequest => g::FirmwareRequest {
    request_id, url, retries, retry_interval_s, signature
});
convert!(enum s::CertificateUse => g::CertificateUse { CentralSystemRoot, ManufacturerRoot });
convert!(enum s::HashAlgorithm => g::HashAlgorithm { Sha256, Sha384, Sha512 });
convert!(record s::CertificateHash => g::CertificateHash {
    algorithm, issuer_name_hash, issuer_key_hash, serial_number
});
convert!(record s::CertificatesRequest => g::CertificatesRequest { request_id, kind });
convert!(record s::InstallCertificateRequest => g::InstallCertificateRequest { request_id, kind, pem });
convert!(record s::DeleteCertificateRequest => g::DeleteCertificateRequest { request_id, certificate });
convert!(record s::CsrRequest => g::CsrRequest { request_id, common_name, organization });
convert!(record s::InstallChainRequest => g::InstallChainRequest { request_id, pem });
convert!(record s::HttpRequest => g::HttpRequest { request_id, method, url, headers, body, timeout_s });
convert!(enum s::ServerTls => g::ServerTls {
    None, EncryptOnly, ExpiredAndAnyHost, AnyHost, Expired, Normal
});
convert!(record s::ListenRequest => g::ListenRequest { port, tls, allowed, towards });
convert!(record s::HttpAnswer => g::HttpAnswer { call_id, status, headers, body });
convert!(variant s::Command => g::Command {
    Advance(v), Store(v), Enqueue(v), Dequeue(v), Connect(v), Disconnect(v), Send(v), WakeAt(v),
    SetClock(v), Verdict(v), TransactionVerdict(v), RequestStart(v), RequestStop(v), Unlock(v),
    Reset(v), SetAvailability(v), SetSetting(v), ReadMeter(v), Limit(v), Reserve(v),
    CancelReservation(v), State(v), Upload(v), DownloadFirmware(v), InstallFirmware(v), CancelTransfer(v),
    ListCertificates(v), InstallCertificate(v), DeleteCertificate(v), CreateCsr(v), InstallChain(v),
    SecurityEvent(v), HttpRequest(v), Listen(v), StopListening, HttpAnswer(v)
});
