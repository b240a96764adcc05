//! Diagnostics and logs: GetDiagnostics, and GetLog of the security whitepaper. One upload at a time; a newer request
//! replaces it.

use ocpp::rpc::MessageId;
use ocpp::v16::{
    CiString, DiagnosticsStatus, DiagnosticsStatusNotificationRequest, GetDiagnosticsRequest,
    GetDiagnosticsResponse, GetLogRequest, GetLogResponse, LogStatus, LogStatusNotificationRequest,
    LogType, Response, UploadLogStatus, format_timestamp,
};
use serde_json::{Value, json};
use units::Timestamp;

use super::firmware::attempts;
use super::{Ocpp16, Operator, Waiting};
use crate::backend::{
    Command, Document, Outcome, OutcomeKind, TransferReport, TransferStage, UploadRequest,
};
use crate::{StoreEntry, StoreWrite};

/// Store key of the upload under way.
const KEY: &str = "upload";

/// The upload under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// Ours, towards the station.
    request: u64,
    /// The backend's number; only a GetLog has one.
    number: Option<i64>,
    /// Start of the station in which it was asked for; it does not outlive it.
    boot: u64,
    /// Uploading has been told.
    told: bool,
}

impl Upload {
    pub fn read(store: &[StoreEntry]) -> Option<Self> {
        let stored = store.iter().find(|entry| entry.key == KEY)?;
        let value: Value = serde_json::from_slice(&stored.value).ok()?;
        Some(Self {
            request: value.get("request")?.as_u64()?,
            number: value.get("number").and_then(Value::as_i64),
            boot: value.get("boot")?.as_u64()?,
            told: true,
        })
    }
}

/// What the backend asked for, in the words of both messages.
struct Asked<'a> {
    document: Document,
    location: &'a str,
    number: Option<i64>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    retries: Option<i64>,
    retry_interval: Option<i64>,
}

/// The name of a file: identity, document, time, without anything a file system or a server might stumble over.
fn file_name(identity: &str, document: Document, wall: Option<Timestamp>, request: u64) -> String {
    let plain = |text: &str| -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        text.chars().map(plain).take(100).collect()
    };
    // To the second: 2027-01-15T08-00-00.
    let time = wall.map_or(request.to_string(), |wall| {
        plain(format_timestamp(wall).get(..19).unwrap_or_default())
    });
    let (word, ending) = match document {
        Document::Diagnostics => ("diagnostics", "tar.gz"),
        Document::SecurityLog => ("security-log", "txt"),
    };
    format!("{}_{word}_{time}.{ending}", plain(identity))
}

const fn log_status(number: i64, status: UploadLogStatus) -> LogStatusNotificationRequest {
    LogStatusNotificationRequest {
        status,
        request_id: Some(number),
    }
}

impl<O: Operator> Ocpp16<O> {
    pub(super) fn get_diagnostics(&mut self, id: &MessageId, request: &GetDiagnosticsRequest) {
        if !self.may_command() {
            return self.answer_diagnostics(id, None);
        }
        let asked = Asked {
            document: Document::Diagnostics,
            location: &request.location,
            number: None,
            from: request.start_time,
            to: request.stop_time,
            retries: request.retries,
            retry_interval: request.retry_interval,
        };
        self.upload(&asked, |name, _| Waiting::Diagnostics(id.clone(), name));
    }

    pub(super) fn get_log(&mut self, id: &MessageId, request: &GetLogRequest) {
        if !self.may_command() {
            return self.answer_log(id, LogStatus::Rejected, None);
        }
        let asked = Asked {
            document: match request.log_type {
                LogType::DiagnosticsLog => Document::Diagnostics,
                LogType::SecurityLog => Document::SecurityLog,
            },
            location: request.log.remote_location.as_str(),
            number: Some(request.request_id),
            from: request.log.oldest_timestamp,
            to: request.log.latest_timestamp,
            retries: request.retries,
            retry_interval: request.retry_interval,
        };
        self.upload(&asked, |name, replaces| {
            let good = if replaces {
                LogStatus::AcceptedCanceled
            } else {
                LogStatus::Accepted
            };
            Waiting::Log(id.clone(), name, good)
        });
    }

    /// Asks the station for an upload. It becomes the one under way when the station has begun it.
    fn upload(&mut self, asked: &Asked<'_>, waiting: impl FnOnce(String, bool) -> Waiting) {
        let (retries, retry_interval_s) = attempts(asked.retries, asked.retry_interval);
        let (document, number) = (asked.document, asked.number);
        let serial = self.next_request;
        let name = file_name(&self.settings.identity, document, self.now.wall, serial);
        let waiting = waiting(name.clone(), self.upload.is_some());
        let (url, from, to) = (asked.location.to_owned(), asked.from, asked.to);
        let boot = self.boot_count;
        let mut request = None;
        self.ask_station(waiting, |request_id| {
            request = Some(request_id);
            Command::Upload(UploadRequest {
                request_id,
                document,
                url,
                file_name: name,
                from_wall_ms: from,
                to_wall_ms: to,
                retries,
                retry_interval_s,
            })
        });
        self.upload_asked = request.map(|request| Upload {
            request,
            number,
            boot,
            told: false,
        });
    }

    /// An upload that the station has begun is the one under way, also if the backend is gone and needs no answer.
    pub(super) fn upload_begun(&mut self, outcome: &Outcome) {
        let asked = self
            .upload_asked
            .take_if(|asked| asked.request == outcome.request_id);
        if let Some(begun) = asked.filter(|_| outcome.kind == OutcomeKind::Accepted) {
            self.upload = Some(begun);
            self.keep_upload();
        }
    }

    /// The answer to the call that asked for an upload.
    pub(super) fn upload_outcome(&mut self, waiting: &Waiting, begun: bool) {
        match waiting {
            Waiting::Diagnostics(id, name) => {
                self.answer_diagnostics(id, begun.then_some(name.as_str()));
            }
            Waiting::Log(id, name, good) if begun => self.answer_log(id, *good, Some(name)),
            Waiting::Log(id, _, _) => self.answer_log(id, LogStatus::Rejected, None),
            _ => {}
        }
    }

    fn answer_diagnostics(&mut self, id: &MessageId, name: Option<&str>) {
        let file_name = name.map(CiString::truncated);
        self.answer(id, &Response::from(GetDiagnosticsResponse { file_name }));
    }

    fn answer_log(&mut self, id: &MessageId, status: LogStatus, name: Option<&str>) {
        let filename = name.map(CiString::truncated);
        self.answer(id, &Response::from(GetLogResponse { status, filename }));
    }

    fn keep_upload(&mut self) {
        let text = |upload: Upload| json!({ "request": upload.request, "number": upload.number, "boot": upload.boot });
        let value = self
            .upload
            .map(|upload| text(upload).to_string().into_bytes());
        self.write([StoreWrite {
            key: KEY.to_owned(),
            value,
        }]);
    }

    pub(super) fn upload_report(&mut self, report: &TransferReport) {
        let upload = self.upload;
        let Some(upload) = upload.filter(|upload| upload.request == report.request_id) else {
            return;
        };
        match report.stage {
            TransferStage::Running if upload.told => {}
            TransferStage::Running => {
                self.upload = Some(Upload {
                    told: true,
                    ..upload
                });
                self.tell_upload(upload, DiagnosticsStatus::Uploading, &report.detail);
            }
            TransferStage::Done => self.end_upload(upload, DiagnosticsStatus::Uploaded, ""),
            TransferStage::Cancelled => {
                self.upload = None;
                self.keep_upload();
            }
            TransferStage::Failed
            | TransferStage::Verified
            | TransferStage::InvalidSignature
            | TransferStage::InvalidCertificate
            | TransferStage::Installing
            | TransferStage::Installed
            | TransferStage::InstallFailed
            | TransferStage::Restarting => {
                self.end_upload(upload, DiagnosticsStatus::UploadFailed, &report.detail);
            }
        }
    }

    /// Tells the end, and forgets the upload in the same commit.
    fn end_upload(&mut self, upload: Upload, status: DiagnosticsStatus, detail: &str) {
        if !upload.told {
            self.tell_upload(upload, DiagnosticsStatus::Uploading, "");
        }
        self.tell_upload(upload, status, detail);
        self.upload = None;
        self.keep_upload();
    }

    fn tell_upload(&mut self, upload: Upload, status: DiagnosticsStatus, detail: &str) {
        let request = match upload.number {
            None => DiagnosticsStatusNotificationRequest { status }.into(),
            Some(number) => log_status(number, in_words_of_logs(status, detail)).into(),
        };
        self.enqueue_notice(&request);
    }

    /// After a trigger.
    pub(super) fn tell_diagnostics_again(&mut self) {
        let under_way = self.upload.is_some_and(|upload| upload.number.is_none());
        let status = if under_way {
            DiagnosticsStatus::Uploading
        } else {
            DiagnosticsStatus::Idle
        };
        self.say(DiagnosticsStatusNotificationRequest { status });
    }

    /// After the whitepaper's trigger.
    pub(super) fn tell_log_again(&mut self) {
        let number = self.upload.and_then(|upload| upload.number);
        self.say(match number {
            Some(number) => log_status(number, UploadLogStatus::Uploading),
            None => LogStatusNotificationRequest {
                status: UploadLogStatus::Idle,
                request_id: None,
            },
        });
    }

    /// An upload does not outlive the start of the station in which it was asked for.
    pub(super) fn resume_upload(&mut self) {
        if let Some(upload) = self.upload.filter(|upload| upload.boot != self.boot_count) {
            let why = "the station restarted";
            self.end_upload(upload, DiagnosticsStatus::UploadFailed, why);
        }
    }
}

/// The whitepaper's words for how an upload ended. The detail is for people; the three that it names are told apart.
fn in_words_of_logs(status: DiagnosticsStatus, detail: &str) -> UploadLogStatus {
    let refused = ["401", "403", "530", "550", "553"];
    match status {
        DiagnosticsStatus::Idle => UploadLogStatus::Idle,
        DiagnosticsStatus::Uploading => UploadLogStatus::Uploading,
        DiagnosticsStatus::Uploaded => UploadLogStatus::Uploaded,
        DiagnosticsStatus::UploadFailed => {
            let words = || detail.split(|c: char| !c.is_ascii_alphanumeric());
            if words().any(|word| refused.contains(&word)) {
                UploadLogStatus::PermissionDenied
            } else {
                UploadLogStatus::UploadFailure
            }
        }
    }
}
