//! Files, firmware and security events, as the station's thread has to do with them.

use std::sync::Arc;

use plugin_host::{
    BackendInput, Document, FileCommand, TransferReport, TransferStage, limits::MAX_TEXT_CHARS,
};
use serde_json::json;
use station::{BootReason, Event, Outcome, Request, RequestId, Requester, ResetKind};
use units::Timestamp;

use crate::adapter::AdapterHandle;
use crate::certificates::CertificateUse;
use crate::files::diagnostics::{self, Line, Parts, SecurityEvent, Span};
use crate::files::{
    self, FirmwareJob, FirmwareSignature, Refused, Report, Snapshot, Stage, UploadJob,
};
use crate::journal::{Past, StoreError};
use crate::limits::CLOCK_STEP_MS;
use crate::messages::{FileRequest, ToAdapter};
use crate::station_thread::Core;

/// Requests of the station to itself; nobody waits for their answers.
const OWN_REQUEST: RequestId = RequestId(0);

impl Core {
    /// A line for the journal and the security log: `Kind` or `Kind: detail`.
    pub(crate) fn security(&mut self, text: &str) {
        let text: String = text.chars().take(MAX_TEXT_CHARS).collect();
        tracing::warn!("security: {text}");
        let now = self.clock.now();
        self.station.handle_event(now, Event::Security { text });
    }

    /// The wall clock is about to be set.
    pub(crate) fn report_clock_step(&mut self, wall: Timestamp) {
        let Some(before) = self.wall.moment().wall else {
            return;
        };
        let step = wall
            .as_unix_millis()
            .saturating_sub(before.as_unix_millis());
        if step.unsigned_abs() >= CLOCK_STEP_MS {
            self.security(&format!("SettingSystemTime: by {step} ms"));
        }
    }

    pub(crate) fn file(&mut self, asked: FileRequest) {
        let FileRequest {
            adapter,
            request,
            command,
            grants,
        } = asked;
        let allowed: files::UrlCheck = Arc::new(move |url: &str| grants.covers_transfer(url));
        let result = match command {
            FileCommand::Upload {
                document,
                url,
                file_name,
                from,
                to,
                retries,
                retry_interval_s,
            } => {
                let document = match document {
                    Document::Diagnostics => {
                        files::Document::Diagnostics(self.diagnostics(Span { from, to }))
                    }
                    Document::SecurityLog => {
                        files::Document::Text(self.security_log(Span { from, to }))
                    }
                };
                self.files.upload(UploadJob {
                    adapter: adapter.clone(),
                    request: request.0,
                    url,
                    file_name,
                    document,
                    retries,
                    retry_interval_s,
                    allowed,
                })
            }
            FileCommand::Download {
                url,
                retries,
                retry_interval_s,
                signature,
            } => self.files.download_firmware(FirmwareJob {
                adapter: adapter.clone(),
                request: request.0,
                url,
                retries,
                retry_interval_s,
                signature: signature.map(|signature| FirmwareSignature {
                    certificate_pem: signature.certificate_pem,
                    signature_base64: signature.signature_base64,
                }),
                roots: self
                    .seed
                    .certificates
                    .anchors(CertificateUse::ManufacturerRoot),
                allowed,
            }),
            FileCommand::Install => {
                let version = self.station.identity().firmware.clone();
                self.files.install_firmware(&adapter, request.0, &version)
            }
            FileCommand::Cancel => {
                let _there_may_be_none = self.files.cancel(&adapter, request.0);
                return;
            }
        };
        let (outcome, detail) = match result {
            Ok(()) => (Outcome::Accepted, String::new()),
            Err(refused) => {
                tracing::warn!(plugin = adapter, "files: {refused}");
                (outcome_of(refused), refused.to_string())
            }
        };
        let answer = BackendInput::Outcome {
            request,
            outcome,
            detail,
        };
        self.tell_named(&adapter, ToAdapter::Input(answer));
    }

    /// How a transfer or an installation goes.
    pub(crate) fn file_report(&mut self, report: Report) {
        tracing::info!(plugin = report.adapter, stage = ?report.stage, "files: {}", report.detail);
        match report.stage {
            // Nobody begins to charge on a station that is about to restart.
            Stage::Installing => self.updating(true),
            Stage::InstallFailed => self.updating(false),
            Stage::Installed => self.security("FirmwareUpdated"),
            _ => {}
        }
        let restarts = report.stage == Stage::Restarting;
        let adapter = report.adapter.clone();
        let input = BackendInput::Transfer(told(report));
        self.tell_named(&adapter, ToAdapter::Input(input));
        if restarts {
            self.next_boot_reason = BootReason::FirmwareUpdate;
            self.own_request(Request::Reset {
                kind: ResetKind::Soft,
            });
        }
    }

    fn updating(&mut self, begins: bool) {
        self.own_request(Request::Update { begins });
    }

    pub(crate) fn own_request(&mut self, what: Request) {
        let now = self.clock.now();
        self.station.handle_event(
            now,
            Event::Request {
                from: Requester::Local,
                request: OWN_REQUEST,
                what,
            },
        );
    }

    /// What became of the installation that this adapter asked for and a restart ended.
    pub(crate) fn installation(&self, adapter: &str) -> Option<TransferReport> {
        self.files.last_installation(adapter).map(told)
    }

    fn diagnostics(&self, span: Span) -> Snapshot {
        let plugins = self.status().get("plugins").cloned().unwrap_or_default();
        let mut settings: Vec<(String, String)> = self
            .station
            .settings()
            .into_iter()
            .map(|view| (view.key, view.value))
            .collect();
        for plugin in &self.deployed.now.pack.plugins {
            let own = plugin.settings.iter();
            settings
                .extend(own.map(|(key, value)| (format!("{}.{key}", plugin.name), value.clone())));
        }
        let frames = |adapter: &AdapterHandle| {
            let frames = adapter.look(|view| view.frames.clone());
            let lines = frames.into_iter().map(|text| Line { at: None, text });
            (adapter.name.clone(), lines.collect())
        };
        let parts = Parts {
            status: self.status(),
            versions: json!({
                "pilotwire": env!("CARGO_PKG_VERSION"),
                "firmware": self.station.identity().firmware,
                "plugins": plugins,
            }),
            settings,
            faults: lines(self.store.fault_history()),
            log: crate::logging::recent(&self.wall),
            journal: lines(self.store.newest_entries()),
            frames: self.adapters.iter().map(frames).collect(),
        };
        diagnostics::snapshot(parts, span)
    }

    fn security_log(&self, span: Span) -> String {
        let events: Vec<SecurityEvent> = lines(self.store.security_log())
            .into_iter()
            .map(|line| {
                let (kind, detail) = line.text.split_once(": ").unwrap_or((&line.text, ""));
                SecurityEvent {
                    at: line.at,
                    kind: kind.to_owned(),
                    detail: detail.to_owned(),
                }
            })
            .collect();
        diagnostics::security_log(&events, span)
    }
}

/// What the database remembers; what it cannot tell is said instead.
fn lines(past: Result<Vec<Past>, StoreError>) -> Vec<Line> {
    let past = past.unwrap_or_else(|error| vec![(None, format!("cannot be read: {error}"))]);
    past.into_iter()
        .map(|(at, text)| Line { at, text })
        .collect()
}

fn outcome_of(refused: Refused) -> Outcome {
    match refused {
        Refused::Busy | Refused::Url | Refused::FileName | Refused::Signature => Outcome::Rejected,
        Refused::SignatureRequired => Outcome::Rejected,
        Refused::NotSupported => Outcome::NotSupported,
        Refused::Unknown => Outcome::Unknown,
        Refused::Machine => Outcome::Failed,
    }
}

fn told(report: Report) -> TransferReport {
    TransferReport {
        request: RequestId(report.request),
        stage: match report.stage {
            Stage::Running => TransferStage::Running,
            Stage::Done => TransferStage::Done,
            Stage::Failed => TransferStage::Failed,
            Stage::Verified => TransferStage::Verified,
            Stage::InvalidSignature => TransferStage::InvalidSignature,
            Stage::InvalidCertificate => TransferStage::InvalidCertificate,
            Stage::Installing => TransferStage::Installing,
            Stage::Installed => TransferStage::Installed,
            Stage::InstallFailed => TransferStage::InstallFailed,
            Stage::Restarting => TransferStage::Restarting,
            Stage::Cancelled => TransferStage::Cancelled,
        },
        detail: report.detail,
    }
}
