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

mod archive;
mod config;
mod content_range;
pub mod diagnostics;
mod firmware;
mod ftp;
mod ftp_reply;
mod http;
mod installer;
mod jobs;
pub mod limits;
mod partial;
mod place;
mod places;
mod rsa;
mod signature;
mod state;
mod transfer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use url::Url;

pub use config::{FirmwareConfig, FirmwareTable};

use crate::certificates::CertificateStore;
use crate::clock::WallClock;
use crate::net::TlsStrictness;
use limits::{DETAIL_CHARS, MAX_PEM_BYTES, STALL};
use place::Place;
use places::{Kind, Places, Who};

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

/// How files are moved on this station. Not `Debug`: the proxy's URL may hold a password.
#[derive(Clone)]
pub struct Settings {
    /// Where images and partial files are kept, in `firmware` and `upload` below it.
    pub state_dir: PathBuf,
    /// How strictly servers' certificates are checked.
    pub strictness: TlsStrictness,
    /// Authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// The station's certificates: its central-system roots are trusted too.
    pub certificates: Option<CertificateStore>,
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
        certificates: Option<CertificateStore>,
        proxy: Option<Url>,
        firmware: FirmwareConfig,
    ) -> Self {
        Self {
            state_dir,
            strictness,
            ca_file,
            certificates,
            proxy,
            firmware,
            stall: STALL,
        }
    }
}

/// The transfers of this process. Copies share the two places.
#[derive(Clone)]
pub struct Files {
    shared: Arc<Shared>,
    places: Arc<Places>,
}

/// What every job's thread needs.
struct Shared {
    settings: Settings,
    clock: WallClock,
    reports: ReportSink,
    store: firmware::Store,
}

/// A job that runs, for the status.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Running {
    /// Who asked for it.
    pub adapter: String,
    /// The adapter's number.
    pub request: u64,
    /// "upload", "download" or "install".
    pub kind: &'static str,
    /// Bytes moved.
    pub moved: u64,
    /// Of how many; 0 = nobody knows.
    pub total: u64,
}

impl Files {
    /// Nothing is begun. Call [`Files::confirm`] once when the station has started.
    #[must_use]
    pub fn new(settings: Settings, clock: WallClock, reports: ReportSink) -> Self {
        let store = firmware::Store::new(&settings.state_dir);
        Self {
            shared: Arc::new(Shared {
                settings,
                clock,
                reports,
                store,
            }),
            places: Arc::default(),
        }
    }

    /// Begins an upload; an older one of the same adapter is cancelled.
    ///
    /// # Errors
    /// [`Refused`]; nothing is begun then.
    pub fn upload(&self, job: UploadJob) -> Result<(), Refused> {
        let place = Place::parse(&job.url)?.with_file(&job.file_name)?;
        granted(&job.allowed, &place)?;
        let shared = Arc::clone(&self.shared);
        let who = Who::new(&job.adapter, job.request, "upload");
        self.places.begin(Kind::Upload, who, move |task| {
            jobs::upload(&shared, &task, &place, job);
        })
    }

    /// Begins a download; an older one of the same adapter is cancelled.
    ///
    /// # Errors
    /// [`Refused`]; nothing is begun then.
    pub fn download_firmware(&self, job: FirmwareJob) -> Result<(), Refused> {
        let config = &self.shared.settings.firmware;
        if config.installer.is_empty() {
            return Err(Refused::NotSupported);
        }
        let place = Place::parse(&job.url)?;
        if place.url().path().ends_with('/') {
            return Err(Refused::Url);
        }
        granted(&job.allowed, &place)?;
        match &job.signature {
            None if config.require_signature => return Err(Refused::SignatureRequired),
            Some(signature)
                if signature.certificate_pem.len() + signature.signature_base64.len()
                    > MAX_PEM_BYTES =>
            {
                return Err(Refused::Signature);
            }
            Some(_) | None => {}
        }
        if self.shared.store.is_installing() {
            return Err(Refused::Busy);
        }
        let shared = Arc::clone(&self.shared);
        let who = Who::new(&job.adapter, job.request, "download");
        self.places.begin(Kind::Firmware, who, move |task| {
            jobs::download(&shared, &task, &place, &job);
        })
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
        let config = &self.shared.settings.firmware;
        if config.installer.is_empty() {
            return Err(Refused::NotSupported);
        }
        if self.shared.store.is_installing() || self.places.is_taken(Kind::Firmware) {
            return Err(Refused::Busy);
        }
        let staged = self.shared.store.staged().ok_or(Refused::Unknown)?;
        if staged.adapter != adapter || staged.request != request {
            return Err(Refused::Unknown);
        }
        // It may have been fetched before the configuration began to ask for signatures.
        if config.require_signature && !staged.verified {
            return Err(Refused::SignatureRequired);
        }
        let shared = Arc::clone(&self.shared);
        let version_before = version_before.to_owned();
        let who = Who::new(adapter, request, "install");
        self.places.begin(Kind::Firmware, who, move |task| {
            jobs::install(&shared, &task, &staged, &version_before);
        })
    }

    /// Cancels a job of this adapter; its `cancelled` follows. `false`: there is none, or it is an installation.
    pub fn cancel(&self, adapter: &str, request: u64) -> bool {
        self.places.cancel(adapter, request)
    }

    /// After a start: asks the installer what became of an installation that ended in a restart.
    ///
    /// Returns at once; the report comes when the installer has answered (within a minute): installed, install-failed, or
    /// restarting again if the machine has not been restarted yet. Nothing to ask: no report.
    pub fn confirm(&self) {
        if !self.shared.store.is_installing() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let confirming = std::thread::Builder::new()
            .name("firmware-confirm".to_owned())
            .spawn(move || {
                let Shared {
                    settings, clock, ..
                } = &*shared;
                let outcome = firmware::confirm(&shared.store, &settings.firmware, clock);
                if let Some(report) = outcome {
                    tracing::info!(stage = ?report.stage, detail = report.detail, "firmware");
                    (shared.reports)(report);
                }
            });
        if let Err(error) = confirming {
            tracing::error!(%error, "nobody can ask what became of the installation");
        }
    }

    /// What became of the last installation that this adapter asked for and a restart ended, until it asks for the next.
    ///
    /// `None` too while the installer has not said it yet ([`Files::confirm`]).
    #[must_use]
    pub fn last_installation(&self, adapter: &str) -> Option<Report> {
        let pending = self.shared.store.pending()?;
        let ended = matches!(pending.stage, Stage::Installed | Stage::InstallFailed);
        (ended && pending.adapter == adapter).then(|| firmware::outcome(pending))
    }

    /// Call this where the program would replace itself: if firmware waits, its installer may restart the machine.
    ///
    /// Waits for the installer, a minute at most. `true`: the machine goes down, wait for it. `false`: restart as usual.
    #[must_use]
    pub fn restart_by_installer(&self) -> bool {
        let Shared {
            settings, clock, ..
        } = &*self.shared;
        firmware::restart(&self.shared.store, &settings.firmware, clock)
    }

    /// What runs now.
    #[must_use]
    pub fn running(&self) -> Vec<Running> {
        self.places.running()
    }

    /// Ends all jobs without reports, for the daemon's shutdown; what was downloaded so far is kept. An installer is ended
    /// too: nobody would watch it. The next start reports its installation as failed.
    pub fn stop(&self) {
        self.places.stop();
    }
}

/// The grant is for the place without user and password.
fn granted(allowed: &UrlCheck, place: &Place) -> Result<(), Refused> {
    if allowed(place.shown()) {
        Ok(())
    } else {
        Err(Refused::Url)
    }
}

/// Cuts a text to what a report holds.
fn bounded(text: &str) -> String {
    text.chars().take(DETAIL_CHARS).collect()
}
