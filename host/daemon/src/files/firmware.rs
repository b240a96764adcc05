//! Firmware in the state folder: what was downloaded, what is being installed, what became of it.
//!
//! ```text
//!  part, part.json ──download──▶ image, staged.json ──install──▶ pending.json: installing → restarting
//!                                                       after the restart, confirm: installed | install-failed
//! ```
//!
//! Every file is written whole or not at all; a damaged one counts as absent. An image is only ever installed if
//! `staged.json` vouches for it: who asked, its SHA-256, and whether a signature was checked.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use units::Timestamp;

use super::limits::{CALL_TIMEOUT, CHUNK_BYTES, MAX_RESTARTS};
use super::transfer::Order;
use super::{FirmwareConfig, Report, Stage, bounded, installer, state};
use crate::clock::WallClock;

/// Exit status of `confirm` that says: the machine has not been restarted yet (`EX_TEMPFAIL`).
const NOT_YET: i32 = 75;

/// Name of a complete image.
pub const IMAGE: &str = "image";

/// An image that may be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// Who asked for it.
    pub adapter: String,
    /// With which request.
    pub request: u64,
    /// Of the file, hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Its signature was checked.
    pub verified: bool,
}

/// An installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Who asked for it.
    pub adapter: String,
    /// With which request.
    pub request: u64,
    /// Installing, restarting, installed or install-failed.
    pub stage: Stage,
    /// For people.
    pub detail: String,
    /// What ran before.
    pub version_before: String,
    /// Restarts that were asked for and did not lead into the new firmware.
    #[serde(default)]
    pub restarts: u32,
    /// When this was written, Unix milliseconds; nothing if the station did not know the time.
    pub at_wall_ms: Option<i64>,
}

/// The firmware folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// In the state folder.
    pub fn new(state_dir: &Path) -> Self {
        Self {
            folder: state_dir.join("firmware"),
        }
    }

    /// Where everything is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The image's file.
    pub fn image(&self) -> PathBuf {
        self.folder.join(IMAGE)
    }

    /// What may be installed.
    pub fn staged(&self) -> Option<Staged> {
        state::read(&self.folder.join("staged.json"))
    }

    /// Vouches for the image.
    pub fn stage(&self, staged: &Staged) -> Result<(), String> {
        state::write(&self.folder.join("staged.json"), staged)
            .map_err(|error| self.unwritable(&error))
    }

    /// No image is there any more.
    pub fn discard(&self) {
        let _gone = std::fs::remove_file(self.folder.join("staged.json"));
        let _gone = std::fs::remove_file(self.image());
    }

    /// The installation under way, or the outcome of the last.
    pub fn pending(&self) -> Option<Pending> {
        state::read(&self.folder.join("pending.json"))
    }

    /// Notes how far an installation is.
    pub fn note(&self, pending: &Pending) -> Result<(), String> {
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| state::write(&self.folder.join("pending.json"), pending))
            .map_err(|error| self.unwritable(&error))
    }

    /// Forgets the outcome of an installation that this adapter asked for.
    pub fn forget(&self, adapter: &str) {
        if self
            .pending()
            .is_some_and(|pending| pending.adapter == adapter)
        {
            let _gone = std::fs::remove_file(self.folder.join("pending.json"));
        }
    }

    /// An installation that has not ended.
    pub fn is_installing(&self) -> bool {
        self.pending()
            .is_some_and(|pending| matches!(pending.stage, Stage::Installing | Stage::Restarting))
    }

    fn unwritable(&self, error: &std::io::Error) -> String {
        format!(
            "{} cannot be written ({error}); check disk and permissions",
            self.folder.display()
        )
    }
}

/// SHA-256 and size of a file; nothing if somebody ordered to stop.
pub fn hash(
    path: &Path,
    orders: &watch::Receiver<Order>,
) -> Result<Option<([u8; 32], u64)>, String> {
    let unreadable = |error: std::io::Error| format!("the image cannot be read: {error}");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut hash = Sha256::new();
    let mut size = 0;
    loop {
        if *orders.borrow() != Order::Go {
            return Ok(None);
        }
        let count = file.read(&mut chunk).map_err(unreadable)?;
        if count == 0 {
            return Ok(Some((hash.finalize().into(), size)));
        }
        hash.update(chunk.get(..count).unwrap_or_default());
        size += u64::try_from(count).unwrap_or(0);
    }
}

/// Lower-case digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// An installation from its beginning to the restart.
pub struct Installation<'a> {
    pub store: &'a Store,
    pub config: &'a FirmwareConfig,
    pub clock: &'a WallClock,
    pub staged: &'a Staged,
    pub version_before: &'a str,
    pub orders: &'a watch::Receiver<Order>,
}

impl Installation<'_> {
    /// Installs; `report` hears of every stage.
    pub fn run(&self, report: impl Fn(Stage, &str)) {
        match self.install(&report) {
            Ok(()) => {
                self.store.discard();
                report(
                    Stage::Restarting,
                    "installed; the station restarts to use it",
                );
            }
            // The next start finds an installation that was not finished, and says so.
            Err(_) if *self.orders.borrow() == Order::Stop => {}
            Err(why) => {
                // No restart follows, so no start has to tell it again.
                self.store.forget(&self.staged.adapter);
                report(Stage::InstallFailed, &why);
            }
        }
    }

    fn install(&self, report: &impl Fn(Stage, &str)) -> Result<(), String> {
        // Before anything else: a power cut from here on is an installation that failed.
        self.note(Stage::Installing, "")?;
        report(Stage::Installing, "");
        let image = self.store.image();
        let Some((sha256, _)) = hash(&image, self.orders)? else {
            return Err("the station is stopping".to_owned());
        };
        if hex(&sha256) != self.staged.sha256 {
            self.store.discard();
            return Err("the image on the disk is not the one that was downloaded".to_owned());
        }
        let path = image.to_string_lossy();
        let arguments = ["install", path.as_ref(), self.version_before];
        let now = || self.clock.moment().at;
        let limit = self.config.install_timeout;
        let stopped = || *self.orders.borrow() == Order::Stop;
        installer::run(&self.config.installer, &arguments, limit, now, stopped)
            .map_err(|failed| failed.why)?;
        self.note(Stage::Restarting, "")
    }

    fn note(&self, stage: Stage, detail: &str) -> Result<(), String> {
        self.store.note(&Pending {
            adapter: self.staged.adapter.clone(),
            request: self.staged.request,
            stage,
            detail: bounded(detail),
            version_before: self.version_before.to_owned(),
            restarts: 0,
            at_wall_ms: self.clock.moment().wall.map(Timestamp::as_unix_millis),
        })
    }
}

/// After a start: what became of an installation that a restart ended. Asks the installer, which may take a while.
pub fn confirm(store: &Store, config: &FirmwareConfig, clock: &WallClock) -> Option<Report> {
    let mut pending = store.pending()?;
    let (stage, detail) = match pending.stage {
        Stage::Restarting => match call(config, clock, "confirm", &pending.version_before) {
            Ok(()) => (Stage::Installed, String::new()),
            Err(failed) if failed.code == Some(NOT_YET) && pending.restarts < MAX_RESTARTS => {
                pending.restarts += 1;
                (Stage::Restarting, failed.why)
            }
            Err(failed) => (Stage::InstallFailed, failed.why),
        },
        Stage::Installing => (
            Stage::InstallFailed,
            "the station was restarted in the middle of the installation".to_owned(),
        ),
        // The rest is told already, or is never written.
        Stage::Installed
        | Stage::InstallFailed
        | Stage::Running
        | Stage::Done
        | Stage::Failed
        | Stage::Verified
        | Stage::InvalidSignature
        | Stage::InvalidCertificate
        | Stage::Cancelled => return None,
    };
    pending.stage = stage;
    pending.detail = bounded(&detail);
    pending.at_wall_ms = clock.moment().wall.map(Timestamp::as_unix_millis);
    if let Err(why) = store.note(&pending) {
        tracing::error!(why, "the outcome of the installation cannot be kept");
    }
    Some(outcome(pending))
}

/// Has the installer restart the machine, if firmware waits for that. `false`: it does not, or nothing waits.
pub fn restart(store: &Store, config: &FirmwareConfig, clock: &WallClock) -> bool {
    let waits = store
        .pending()
        .filter(|pending| pending.stage == Stage::Restarting);
    let Some(pending) = waits else { return false };
    match call(config, clock, "restart", &pending.version_before) {
        Ok(()) => true,
        Err(failed) => {
            let why = failed.why;
            tracing::info!(why, "the installer leaves the restart to the station");
            false
        }
    }
}

fn call(
    config: &FirmwareConfig,
    clock: &WallClock,
    verb: &str,
    version_before: &str,
) -> Result<(), installer::Failed> {
    let now = || clock.moment().at;
    installer::run(
        &config.installer,
        &[verb, version_before],
        CALL_TIMEOUT,
        now,
        || false,
    )
}

/// What an outcome looks like to its adapter.
pub fn outcome(pending: Pending) -> Report {
    Report {
        request: pending.request,
        adapter: pending.adapter,
        stage: pending.stage,
        detail: pending.detail,
    }
}
