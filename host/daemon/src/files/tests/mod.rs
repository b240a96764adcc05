//! Transfers over real sockets on loopback, with servers that behave and servers that do not.

mod config;
mod diagnostics;
mod download;
mod ftp;
mod ftp_server;
mod http_server;
mod install;
mod jobs;
mod signature;
mod tls;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use units::{Instant, Timestamp};

use super::transfer::{Failure, Line, Progress};
use super::*;
use crate::clock::Clock;

/// Longest wait for something that comes soon.
const SOON: Duration = Duration::from_secs(20);
/// 2026-11-21, a time at which the tests' certificates are valid.
const NOW_MS: i64 = 1_795_273_871_000;

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let path = std::env::temp_dir().join(format!("files-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.0.join(name)).ok()
    }

    /// A program that does what this shell text says.
    fn program(&self, text: &str) -> Vec<String> {
        let path = self.write("installer.sh", format!("#!/bin/sh\n{text}\n"));
        vec!["/bin/sh".to_owned(), path.to_string_lossy().into_owned()]
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Settings whose stall time is short.
fn settings(folder: &Folder) -> Settings {
    let firmware = FirmwareConfig {
        installer: vec!["/bin/true".to_owned()],
        ..FirmwareConfig::default()
    };
    let mut settings = Settings::new(
        folder.path().to_owned(),
        TlsStrictness::Normal,
        None,
        None,
        None,
        firmware,
    );
    settings.stall = Duration::from_millis(400);
    settings
}

fn everywhere() -> UrlCheck {
    Arc::new(|_| true)
}

fn wall() -> WallClock {
    let wall = WallClock::unknown(Clock::start());
    wall.set(Instant::ZERO, Timestamp::from_unix_millis(NOW_MS));
    wall
}

/// A station's transfers, and what they report.
struct Rig {
    folder: Folder,
    files: Files,
    reports: Receiver<Report>,
}

impl Rig {
    fn new() -> Self {
        Self::with(Folder::new(), |_| {})
    }

    fn with(folder: Folder, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(&folder);
        change(&mut settings);
        let (say, reports) = sync_channel(1_024);
        let say = Mutex::new(say);
        let sink: ReportSink = Arc::new(move |report| say.lock().unwrap().send(report).unwrap());
        Self {
            files: Files::new(settings, wall(), sink),
            folder,
            reports,
        }
    }

    /// The station stops and starts again, with the same folder.
    fn restarted(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.files.stop();
        Self::with(self.folder, change)
    }

    fn next(&self) -> Report {
        self.reports.recv_timeout(SOON).unwrap()
    }

    /// The reports up to the first that is not `running`.
    fn outcome(&self) -> (usize, Report) {
        let mut running = 0;
        loop {
            let report = self.next();
            if report.stage != Stage::Running {
                return (running, report);
            }
            running += 1;
        }
    }

    fn stages(&self, count: usize) -> Vec<Stage> {
        (0..count).map(|_| self.next().stage).collect()
    }

    fn image(&self) -> Option<Vec<u8>> {
        self.folder.read("firmware/image")
    }

    fn idle(&self) {
        // The place is freed just after the last report.
        let until = Clock::start();
        while !self.files.running().is_empty() {
            assert!(until.micros() < 10_000_000, "a job does not end");
            std::thread::yield_now();
        }
    }
}

fn firmware(request: u64, url: &str) -> FirmwareJob {
    FirmwareJob {
        adapter: "a".to_owned(),
        request,
        url: url.to_owned(),
        retries: 0,
        retry_interval_s: 0,
        signature: None,
        roots: Vec::new(),
        allowed: everywhere(),
    }
}

fn upload(request: u64, url: &str, text: &str) -> UploadJob {
    UploadJob {
        adapter: "a".to_owned(),
        request,
        url: url.to_owned(),
        file_name: "log.txt".to_owned(),
        document: Document::Text(text.to_owned()),
        retries: 0,
        retry_interval_s: 0,
        allowed: everywhere(),
    }
}

/// Bytes that differ everywhere.
fn image(length: usize) -> Vec<u8> {
    (0..length)
        .map(|place| {
            u8::try_from(place * 31 % 251).unwrap() ^ u8::try_from(place / 251 % 256).unwrap()
        })
        .collect()
}

/// One attempt, without the thread and the retries around it.
fn attempt(settings: &Settings, allowed: &UrlCheck, url: &str, limit: u64) -> Result<(), Failure> {
    let progress = Progress::default();
    let line = Line {
        settings,
        allowed,
        progress: &progress,
    };
    let place = Place::parse(url).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = settings.state_dir.join("firmware");
    runtime.block_on(transfer::download(&line, &place, &folder, "image", limit))
}

/// As [`attempt`], with everything allowed and no limit worth mentioning.
fn fetch(folder: &Folder, url: &str) -> Result<(), Failure> {
    attempt(&settings(folder), &everywhere(), url, 1 << 30)
}

fn words(result: Result<(), Failure>) -> String {
    match result.unwrap_err() {
        Failure::Again(words) => format!("again: {words}"),
        Failure::Final(words) => format!("final: {words}"),
    }
}
