//! Firmware management profile: updates and diagnostics without signatures.

use crate::v16::types::CiString;
use alloc::string::String;
use units::Timestamp;

wire_enum! {
    /// How far an upload of diagnostics is.
    pub enum DiagnosticsStatus {
        /// Nothing to do; only after a trigger.
        Idle = "Idle",
        /// Done.
        Uploaded = "Uploaded",
        /// Failed.
        UploadFailed = "UploadFailed",
        /// Under way.
        Uploading = "Uploading",
    }
}

wire_struct! {
    /// Reports on an upload of diagnostics.
    pub struct DiagnosticsStatusNotificationRequest {
        /// How far it is.
        status: DiagnosticsStatus = "status";
    }
}

wire_struct! {
    /// Answers a report on diagnostics.
    pub struct DiagnosticsStatusNotificationResponse {}
}

wire_enum! {
    /// How far a firmware update is.
    pub enum FirmwareStatus {
        /// The file is here.
        Downloaded = "Downloaded",
        /// The file could not be fetched.
        DownloadFailed = "DownloadFailed",
        /// The file is being fetched.
        Downloading = "Downloading",
        /// Nothing to do; only after a trigger.
        Idle = "Idle",
        /// The firmware could not be installed.
        InstallationFailed = "InstallationFailed",
        /// The firmware is being installed.
        Installing = "Installing",
        /// The firmware is installed.
        Installed = "Installed",
    }
}

wire_struct! {
    /// Reports on a firmware update.
    pub struct FirmwareStatusNotificationRequest {
        /// How far it is.
        status: FirmwareStatus = "status";
    }
}

wire_struct! {
    /// Answers a report on firmware.
    pub struct FirmwareStatusNotificationResponse {}
}

wire_struct! {
    /// Asks for diagnostics to be uploaded.
    pub struct GetDiagnosticsRequest {
        /// Directory to upload to, as a URI.
        location: String = "location";
        /// How often to try.
        retries: Option<i64> = "retries";
        /// Seconds between tries.
        retry_interval: Option<i64> = "retryInterval";
        /// Oldest entry wanted.
        start_time: Option<Timestamp> = "startTime";
        /// Newest entry wanted.
        stop_time: Option<Timestamp> = "stopTime";
    }
}

wire_struct! {
    /// Answers the request for diagnostics.
    pub struct GetDiagnosticsResponse {
        /// Name of the file that will be uploaded; absent if there is none.
        file_name: Option<CiString<255>> = "fileName";
    }
}

wire_struct! {
    /// Asks for a firmware update.
    pub struct UpdateFirmwareRequest {
        /// Where the file is, as a URI.
        location: String = "location";
        /// How often to try.
        retries: Option<i64> = "retries";
        /// From when on to fetch it.
        retrieve_date: Timestamp = "retrieveDate";
        /// Seconds between tries.
        retry_interval: Option<i64> = "retryInterval";
    }
}

wire_struct! {
    /// Answers the request for a firmware update.
    pub struct UpdateFirmwareResponse {}
}
