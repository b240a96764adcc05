//! The security whitepaper: certificates, logs, signed firmware, security events.

use super::{GenericStatus, TriggerMessageStatus};
use crate::v16::types::{CiString, Open};
use crate::wire::at_least_one_if_present;
use alloc::vec::Vec;
use units::Timestamp;

wire_struct! {
    /// Delivers a signed certificate.
    pub struct CertificateSignedRequest {
        /// The chain in PEM, own certificate first.
        certificate_chain: CiString<10000> = "certificateChain";
    }
}

wire_struct! {
    /// Answers a signed certificate.
    pub struct CertificateSignedResponse {
        /// Rejected if it does not verify.
        status: GenericStatus = "status";
    }
}

wire_enum! {
    /// Hash used to name a certificate.
    pub enum HashAlgorithm {
        /// SHA-256.
        Sha256 = "SHA256",
        /// SHA-384.
        Sha384 = "SHA384",
        /// SHA-512.
        Sha512 = "SHA512",
    }
}

wire_struct! {
    /// Names a certificate by hashes.
    pub struct CertificateHashData {
        /// The hash used.
        hash_algorithm: HashAlgorithm = "hashAlgorithm";
        /// Hash of the issuer's name.
        issuer_name_hash: CiString<128> = "issuerNameHash";
        /// Hash of the issuer's key.
        issuer_key_hash: CiString<128> = "issuerKeyHash";
        /// The serial number in hexadecimal.
        serial_number: CiString<40> = "serialNumber";
    }
}

wire_struct! {
    /// Removes a root certificate.
    pub struct DeleteCertificateRequest {
        /// The certificate.
        certificate_hash_data: CertificateHashData = "certificateHashData";
    }
}

wire_enum! {
    /// Whether a certificate was removed.
    pub enum DeleteCertificateStatus {
        /// Removed.
        Accepted = "Accepted",
        /// Could not be removed.
        Failed = "Failed",
        /// No such certificate.
        NotFound = "NotFound",
    }
}

wire_struct! {
    /// Answers the removal of a certificate.
    pub struct DeleteCertificateResponse {
        /// The outcome.
        status: DeleteCertificateStatus = "status";
    }
}

wire_enum! {
    /// Message the central system can ask for with the whitepaper's trigger.
    pub enum ExtendedMessageTrigger {
        /// A boot notification.
        BootNotification = "BootNotification",
        /// The state of a log upload.
        LogStatusNotification = "LogStatusNotification",
        /// The state of a firmware update.
        FirmwareStatusNotification = "FirmwareStatusNotification",
        /// A heartbeat.
        Heartbeat = "Heartbeat",
        /// Meter readings.
        MeterValues = "MeterValues",
        /// A request for a new certificate.
        SignChargePointCertificate = "SignChargePointCertificate",
        /// Connector status.
        StatusNotification = "StatusNotification",
    }
}

wire_struct! {
    /// Asks for a message.
    pub struct ExtendedTriggerMessageRequest {
        /// The message. An unlisted word decodes, because the answer `NotImplemented` exists for it.
        requested_message: Open<ExtendedMessageTrigger> = "requestedMessage";
        /// The connector it should be about.
        connector_id: Option<i64> = "connectorId";
    }
}

wire_struct! {
    /// Answers the request for a message.
    pub struct ExtendedTriggerMessageResponse {
        /// The outcome.
        status: TriggerMessageStatus = "status";
    }
}

wire_enum! {
    /// Kind of root certificate.
    pub enum CertificateUse {
        /// Verifies the central system.
        CentralSystemRootCertificate = "CentralSystemRootCertificate",
        /// Verifies firmware.
        ManufacturerRootCertificate = "ManufacturerRootCertificate",
    }
}

wire_struct! {
    /// Asks which root certificates are installed.
    pub struct GetInstalledCertificateIdsRequest {
        /// Of which kind.
        certificate_type: CertificateUse = "certificateType";
    }
}

wire_enum! {
    /// Whether there are certificates of the kind.
    pub enum GetInstalledCertificateStatus {
        /// There are.
        Accepted = "Accepted",
        /// There are none.
        NotFound = "NotFound",
    }
}

wire_struct! {
    /// Answers which root certificates are installed.
    pub struct GetInstalledCertificateIdsResponse {
        /// Their names; at least one if present.
        certificate_hash_data: Option<Vec<CertificateHashData>> = "certificateHashData",
            check at_least_one_if_present;
        /// Whether there are any.
        status: GetInstalledCertificateStatus = "status";
    }
}

wire_struct! {
    /// Where a log goes and what it covers.
    pub struct LogParameters {
        /// Where to upload to, as a URI.
        remote_location: CiString<512> = "remoteLocation";
        /// Oldest entry wanted.
        oldest_timestamp: Option<Timestamp> = "oldestTimestamp";
        /// Newest entry wanted.
        latest_timestamp: Option<Timestamp> = "latestTimestamp";
    }
}

wire_enum! {
    /// Kind of log.
    pub enum LogType {
        /// Diagnostics.
        DiagnosticsLog = "DiagnosticsLog",
        /// Security events.
        SecurityLog = "SecurityLog",
    }
}

wire_struct! {
    /// Asks for a log to be uploaded.
    pub struct GetLogRequest {
        /// Where to and what.
        log: LogParameters = "log";
        /// Which log.
        log_type: LogType = "logType";
        /// Number that the reports on it carry.
        request_id: i64 = "requestId";
        /// How often to try.
        retries: Option<i64> = "retries";
        /// Seconds between tries.
        retry_interval: Option<i64> = "retryInterval";
    }
}

wire_enum! {
    /// Whether a log will be uploaded.
    pub enum LogStatus {
        /// It will.
        Accepted = "Accepted",
        /// It will not.
        Rejected = "Rejected",
        /// It will, and the upload under way is given up for it.
        AcceptedCanceled = "AcceptedCanceled",
    }
}

wire_struct! {
    /// Answers the request for a log.
    pub struct GetLogResponse {
        /// The outcome.
        status: LogStatus = "status";
        /// Name of the file that will be uploaded.
        filename: Option<CiString<255>> = "filename";
    }
}

wire_struct! {
    /// Installs a root certificate.
    pub struct InstallCertificateRequest {
        /// Its kind.
        certificate_type: CertificateUse = "certificateType";
        /// The certificate in PEM.
        certificate: CiString<5500> = "certificate";
    }
}

wire_enum! {
    /// Whether a root certificate was installed.
    pub enum InstallCertificateStatus {
        /// Installed.
        Accepted = "Accepted",
        /// Could not be stored.
        Failed = "Failed",
        /// Not acceptable.
        Rejected = "Rejected",
    }
}

wire_struct! {
    /// Answers the installation of a root certificate.
    pub struct InstallCertificateResponse {
        /// The outcome.
        status: InstallCertificateStatus = "status";
    }
}

wire_enum! {
    /// How far a log upload is.
    pub enum UploadLogStatus {
        /// The request was not understood by the receiver.
        BadMessage = "BadMessage",
        /// Nothing to do; only after a trigger.
        Idle = "Idle",
        /// The receiver's protocol is not spoken here.
        NotSupportedOperation = "NotSupportedOperation",
        /// The receiver refused.
        PermissionDenied = "PermissionDenied",
        /// Done.
        Uploaded = "Uploaded",
        /// Failed.
        UploadFailure = "UploadFailure",
        /// Under way.
        Uploading = "Uploading",
    }
}

wire_struct! {
    /// Reports on a log upload.
    pub struct LogStatusNotificationRequest {
        /// How far it is.
        status: UploadLogStatus = "status";
        /// The request's number; absent after a trigger without an upload.
        request_id: Option<i64> = "requestId";
    }
}

wire_struct! {
    /// Answers a report on a log upload.
    pub struct LogStatusNotificationResponse {}
}

wire_struct! {
    /// Reports a security event.
    pub struct SecurityEventNotificationRequest {
        /// The event's name.
        kind: CiString<50> = "type";
        /// When it happened.
        timestamp: Timestamp = "timestamp";
        /// Further words.
        tech_info: Option<CiString<255>> = "techInfo";
    }
}

wire_struct! {
    /// Answers a security event.
    pub struct SecurityEventNotificationResponse {}
}

wire_struct! {
    /// Asks for a certificate to be signed.
    pub struct SignCertificateRequest {
        /// The signing request in PEM.
        csr: CiString<5500> = "csr";
    }
}

wire_struct! {
    /// Answers a signing request.
    pub struct SignCertificateResponse {
        /// Whether it will be passed on.
        status: GenericStatus = "status";
    }
}

wire_enum! {
    /// How far a signed firmware update is.
    pub enum SignedFirmwareStatus {
        /// The file is here.
        Downloaded = "Downloaded",
        /// The file could not be fetched.
        DownloadFailed = "DownloadFailed",
        /// The file is being fetched.
        Downloading = "Downloading",
        /// The file will be fetched later.
        DownloadScheduled = "DownloadScheduled",
        /// Fetching pauses.
        DownloadPaused = "DownloadPaused",
        /// Nothing to do; only after a trigger.
        Idle = "Idle",
        /// The firmware could not be installed.
        InstallationFailed = "InstallationFailed",
        /// The firmware is being installed.
        Installing = "Installing",
        /// The firmware is installed.
        Installed = "Installed",
        /// Restarting to install.
        InstallRebooting = "InstallRebooting",
        /// Will be installed later.
        InstallScheduled = "InstallScheduled",
        /// The installed firmware does not verify.
        InstallVerificationFailed = "InstallVerificationFailed",
        /// The file's signature does not verify.
        InvalidSignature = "InvalidSignature",
        /// The file's signature verifies.
        SignatureVerified = "SignatureVerified",
    }
}

wire_struct! {
    /// Reports on a signed firmware update.
    pub struct SignedFirmwareStatusNotificationRequest {
        /// How far it is.
        status: SignedFirmwareStatus = "status";
        /// The request's number; absent after a trigger without an update.
        request_id: Option<i64> = "requestId";
    }
}

wire_struct! {
    /// Answers a report on signed firmware.
    pub struct SignedFirmwareStatusNotificationResponse {}
}

wire_struct! {
    /// A firmware file and its signature.
    pub struct Firmware {
        /// Where the file is, as a URI.
        location: CiString<512> = "location";
        /// From when on to fetch it.
        retrieve_date_time: Timestamp = "retrieveDateTime";
        /// From when on to install it.
        install_date_time: Option<Timestamp> = "installDateTime";
        /// Certificate of the signer, in PEM.
        signing_certificate: CiString<5500> = "signingCertificate";
        /// The signature in Base64.
        signature: CiString<800> = "signature";
    }
}

wire_struct! {
    /// Asks for a signed firmware update.
    pub struct SignedUpdateFirmwareRequest {
        /// How often to try.
        retries: Option<i64> = "retries";
        /// Seconds between tries.
        retry_interval: Option<i64> = "retryInterval";
        /// Number that the reports on it carry.
        request_id: i64 = "requestId";
        /// The firmware.
        firmware: Firmware = "firmware";
    }
}

wire_enum! {
    /// Whether a signed firmware update will be done.
    pub enum UpdateFirmwareStatus {
        /// It will.
        Accepted = "Accepted",
        /// It will not.
        Rejected = "Rejected",
        /// It will, and the update under way is given up for it.
        AcceptedCanceled = "AcceptedCanceled",
        /// The signer's certificate does not verify.
        InvalidCertificate = "InvalidCertificate",
        /// The signer's certificate was revoked.
        RevokedCertificate = "RevokedCertificate",
    }
}

wire_struct! {
    /// Answers the request for a signed firmware update.
    pub struct SignedUpdateFirmwareResponse {
        /// The outcome.
        status: UpdateFirmwareStatus = "status";
    }
}
