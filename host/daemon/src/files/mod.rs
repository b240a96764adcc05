//! Files to and from the station: diagnostics up, firmware down, and firmware into place.
//!
//! Duty: the host half of OCPP's file transfers. It speaks HTTP and FTP, with and without TLS, so that no plugin needs
//! a socket; it keeps what was downloaded over restarts, checks signatures, and calls the program that installs. What
//! the messages of OCPP make of it is the adapters' business; who may ask for it is decided by grants before.
//!
//! ```text
//!  adapter threads ──upload, download_firmware, install_firmware, cancel──▶ Files (two places: one upload, one firmware)
//!        ▲                                                                    │ a thread per job
//!        └───────────── Report { request, adapter, stage, detail } ◀──────────┘
//! ```
//!
//! A job's reports come in order, and its last one is one of done (uploads), done, verified or invalid (downloads),
//! failed, cancelled, install-failed, restarting. After the restart `confirm` leads to installed or install-failed.

mod config;
pub mod limits;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use url::Url;

pub use config::{FirmwareConfig, FirmwareTable};

use crate::clock::WallClock;
use crate::net::TlsStrictness;
use limits::{DETAIL_CHARS, STALL};

/// How far a job is. The names are those of `transfer-stage` in the backend contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Begun; comes again at each further attempt.
    Running,
    /// Uploaded, or downloaded and kept.
    Done,
    /// Every attempt failed.
    Failed,
    /// The signature of the downloaded image is good.
    Verified,
    /// It is not.
    InvalidSignature,
    /// The signer's certificate is not to be trusted.
    InvalidCertificate,
    /// The installer runs.
    Installing,
    /// The new firmware runs.
    Installed,
    /// It does not.
    InstallFailed,
    /// The installer is done; the station has to restart.
    Restarting,
    /// Replaced by a newer request, or taken back.
    Cancelled,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// Which request.
    pub request: u64,
    /// Who made it.
    pub adapter: String,
    /// How far it is.
    pub stage: Stage,
    /// For people; never holds a password.
    pub detail: String,
}

/// Takes reports. Called on the jobs' threads; must not wait long.
pub type ReportSink = Arc<dyn Fn(Report) + Send + Sync>;

/// May this URL be spoken to? Asked for the request's URL and for every redirect, without user and password.
pub type UrlCheck = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Files for a diagnostics archive: names with `/`, and contents.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The first are kept if it is too much.
    pub files: Vec<(String, Vec<u8>)>,
}

/// What is uploaded.
#[derive(Debug, Clone)]
pub enum Document {
    /// Packed into a `.tar.gz`.
    Diagnostics(Snapshot),
    /// Sent as it is; see `diagnostics::security_log`.
    Text(String),
}

/// An upload that an adapter asks for.
#[derive(Clone)]
pub struct UploadJob {
    /// Who asks.
    pub adapter: String,
    /// The adapter's number.
    pub request: u64,
    /// Directory (ends with `/`) or file; http, https, ftp or ftps.
    pub url: String,
    /// Name in the directory.
    pub file_name: String,
    /// What.
    pub document: Document,
    /// Further attempts.
    pub retries: u32,
    /// Pause before each, s.
    pub retry_interval_s: u32,
    /// The grant `net.transfer`.
    pub allowed: UrlCheck,
}

/// What SignedUpdateFirmware carries.
#[derive(Debug, Clone)]
pub struct FirmwareSignature {
    /// The signer's certificate, and those between it and the root if there are any.
    pub certificate_pem: String,
    /// Over the file's SHA-256.
    pub signature_base64: String,
}

/// A download that an adapter asks for.
#[derive(Clone)]
pub struct FirmwareJob {
    /// Who asks.
    pub adapter: String,
    /// The adapter's number.
    pub request: u64,
    /// A file; http, https, ftp or ftps.
    pub url: String,
    /// Further attempts.
    pub retries: u32,
    /// Pause before each, s.
    pub retry_interval_s: u32,
    /// The signature, if the request has one.
    pub signature: Option<FirmwareSignature>,
    /// The installed manufacturer roots.
    pub roots: Vec<CertificateDer<'static>>,
    /// The grant `net.transfer`.
    pub allowed: UrlCheck,
}

/// Why a request was not begun. No report follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another adapter's job, an installation, or an installed firmware that waits for the restart.
    #[error("another transfer or an installation is on its way; ask again when it is over")]
    Busy,
    /// The URL.
    #[error(
        "the URL must be http, https, ftp or ftps, with a host, at most 2,048 characters long, and granted by `net.transfer`"
    )]
    Url,
    /// The file's name.
    #[error("the file name must be 1 to 255 characters without `/`, control characters or `..`")]
    FileName,
    /// Certificate or signature is too long.
    #[error("the certificate or the signature is too long")]
    Signature,
    /// `[firmware] require_signature` and none given.
    #[error(
        "this station takes only signed firmware (`[firmware] require_signature`); use SignedUpdateFirmware"
    )]
    SignatureRequired,
    /// There is no installer.
    #[error(
        "firmware updates are not supported on this station: `[firmware] installer` is not set"
    )]
    NotSupported,
    /// There is no image of this request.
    #[error("no downloaded and accepted image belongs to this request")]
    Unknown,
    /// The machine has no thread for it.
    #[error("the machine cannot run another job now")]
    Machine,
}

/// How files are moved on this station.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where images and partial files are kept, in `firmware` and `upload` below it.
    pub state_dir: PathBuf,
    /// How strictly servers' certificates are checked.
    pub strictness: TlsStrictness,
    /// Authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// HTTP proxy for http and https.
    pub proxy: Option<Url>,
    /// `[firmware]`.
    pub firmware: FirmwareConfig,
    /// An attempt without progress for this long has failed; [`STALL`] except in tests.
    pub stall: Duration,
}

impl Settings {
    /// Settings with the usual stall time.
    #[must_use]
    pub fn new(
        state_dir: PathBuf,
        strictness: TlsStrictness,
        ca_file: Option<PathBuf>,
        proxy: Option<Url>,
        firmware: FirmwareConfig,
    ) -> Self {
        Self {
            state_dir,
            strictness,
            ca_file,
            proxy,
            firmware,
            stall: STALL,
        }
    }
}

/// A job's place in the table.
struct Active {
    serial: u64,
    adapter: String,
    request: u64,
    /// An installation is not: half an image is worse than none.
    cancellable: bool,
    cancel: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Places {
    next: u64,
    upload: Option<Active>,
    firmware: Option<Active>,
}

/// The transfers of this process. Copies share the two places.
#[derive(Clone)]
pub struct Files {
    settings: Arc<Settings>,
    clock: WallClock,
    reports: ReportSink,
    places: Arc<Mutex<Places>>,
}

impl Files {
    /// Nothing is begun. Call [`Files::confirm`] once when the station has started.
    #[must_use]
    pub fn new(settings: Settings, clock: WallClock, reports: ReportSink) -> Self {
        Self {
            settings: Arc::new(settings),
            clock,
            reports,
            places: Arc::default(),
        }
    }

    /// Begins an upload; an older one of the same adapter is cancelled.
    ///
    /// # Errors
    /// [`Refused`]; nothing is begun then.
    pub fn upload(&self, job: UploadJob) -> Result<(), Refused> {
        let _ = job;
        Err(Refused::Machine)
    }

    /// Begins a download; an older one of the same adapter is cancelled.
    ///
    /// # Errors
    /// [`Refused`]; nothing is begun then.
    pub fn download_firmware(&self, job: FirmwareJob) -> Result<(), Refused> {
        let _ = job;
        Err(Refused::NotSupported)
    }

    /// Installs what this request downloaded. `version_before` is what runs now.
    ///
    /// Ends with `restarting`, on which the caller restarts the station, or `install-failed`.
    ///
    /// # Errors
    /// [`Refused`]; nothing is begun then.
    pub fn install_firmware(
        &self,
        adapter: &str,
        request: u64,
        version_before: &str,
    ) -> Result<(), Refused> {
        let _ = (adapter, request, version_before);
        Err(Refused::NotSupported)
    }

    /// Cancels a job of this adapter; its `cancelled` follows. `false`: there is none, or it is an installation.
    pub fn cancel(&self, adapter: &str, request: u64) -> bool {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        [&places.upload, &places.firmware]
            .into_iter()
            .flatten()
            .filter(|active| active.adapter == adapter && active.request == request)
            .any(|active| active.cancellable && active.cancel.send(true).is_ok())
    }

    /// After a start: asks the installer what became of an installation that ended in a restart.
    ///
    /// Returns at once; the report comes when the installer has answered (within a minute). Nothing to ask: no report.
    pub fn confirm(&self) {}

    /// What became of the last installation that this adapter asked for and a restart ended, until it asks for the next.
    ///
    /// `None` too while the installer has not said it yet ([`Files::confirm`]).
    #[must_use]
    pub fn last_installation(&self, adapter: &str) -> Option<Report> {
        let _ = adapter;
        None
    }

    /// Ends all transfers without reports, for the daemon's shutdown; what was downloaded so far is kept. An
    /// installation is left alone.
    pub fn stop(&self) {}
}

/// Cuts a text to what a report holds.
fn bounded(text: &str) -> String {
    text.chars().take(DETAIL_CHARS).collect()
}
