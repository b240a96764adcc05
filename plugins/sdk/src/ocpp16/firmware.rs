//! Firmware updates: UpdateFirmware, and SignedUpdateFirmware of the security whitepaper.
//!
//! ```text
//!  Scheduled ─retrieve date─▶ Downloading ─done, verified─▶ Ready ─install date, no transaction─▶ Installing ─▶ restart
//! ```
//!
//! The update is in the store, so it goes on after a trap, a swap or a restart. Its end is told once: telling and
//! forgetting are one commit.

use ocpp::rpc::{CallError, ErrorCode, MessageId};
use ocpp::v16::{
    FirmwareStatus, FirmwareStatusNotificationRequest, Response, SignedFirmwareStatus,
    SignedFirmwareStatusNotificationRequest, SignedUpdateFirmwareRequest,
    SignedUpdateFirmwareResponse, UpdateFirmwareRequest, UpdateFirmwareResponse,
    UpdateFirmwareStatus,
};
use serde_json::{Value, json};
use units::{Instant, Millis, Timestamp};

use super::limits::{
    ANSWER_WAIT_S, INSTALL_RETRY_S, INSTALLED_WAIT_S, TRANSFER_RETRIES, TRANSFER_RETRY_S,
    WAIT_MAX_S,
};
use super::{Ocpp16, Operator, Waiting};
use crate::backend::{
    Command, FirmwareRequest, FirmwareSignature, Outcome, OutcomeKind, TransferReport,
    TransferStage,
};
use crate::{Level, StoreEntry, StoreWrite, log};

/// Store key of the update.
const KEY: &str = "fw";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Waits for its retrieve date.
    Scheduled,
    Downloading,
    /// Downloaded and good; waits for its install date and the end of transactions.
    Ready,
    Installing,
}

const STEPS: [(Step, &str); 4] = [
    (Step::Scheduled, "scheduled"),
    (Step::Downloading, "downloading"),
    (Step::Ready, "ready"),
    (Step::Installing, "installing"),
];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    /// The backend's number; only a signed update has one.
    number: Option<i64>,
    /// Ours, towards the station.
    request: u64,
    url: String,
    retries: u32,
    retry_interval_s: u32,
    retrieve: Timestamp,
    install: Option<Timestamp>,
    /// Until the image is verified.
    signature: Option<FirmwareSignature>,
    step: Step,
    /// What was told last.
    told: Option<SignedFirmwareStatus>,
    /// Start of the station in which the step was reached.
    boot: u64,
}

/// The update, if there is one.
#[derive(Debug, Default)]
pub struct Firmware {
    job: Option<Job>,
    /// When the station is told again to install, or, after a restart, when it must have said what became of that.
    retry_at: Option<Instant>,
}

impl Firmware {
    pub fn read(store: &[StoreEntry]) -> Self {
        let stored = store.iter().find(|entry| entry.key == KEY);
        // An update that makes no sense is none; the backend hears nothing of it and asks.
        let job = stored.and_then(|entry| parse(&entry.value));
        Self {
            job,
            retry_at: None,
        }
    }

    /// When something is due that only time brings. `idle`: no transaction runs.
    pub fn next_due(&self, now: Instant, wall: Option<Timestamp>, idle: bool) -> Option<Instant> {
        let job = self.job.as_ref()?;
        let at = |time: Timestamp| {
            let wait = time.as_unix_millis().saturating_sub(wall?.as_unix_millis());
            let wait = u64::try_from(wait).unwrap_or(0);
            // The wall clock may be set in between: look again now and then.
            Some(now.after(Millis::new(wait.clamp(1, u64::from(WAIT_MAX_S) * 1_000))))
        };
        match job.step {
            Step::Scheduled => at(job.retrieve),
            Step::Ready => {
                let waits = job.install.filter(|install| wall < Some(*install));
                match waits {
                    Some(install) => at(install),
                    None => self.retry_at.filter(|_| idle),
                }
            }
            Step::Installing => self.retry_at,
            Step::Downloading => None,
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Job> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let count = |key: &str| value.get(key)?.as_u64();
    let small = |key: &str| u32::try_from(count(key)?).ok();
    let time = |key: &str| Some(Timestamp::from_unix_millis(value.get(key)?.as_i64()?));
    let step = text("step")?;
    let signature = text("certificate").and_then(|certificate_pem| {
        let signature_base64 = text("signature")?;
        Some(FirmwareSignature {
            certificate_pem,
            signature_base64,
        })
    });
    Some(Job {
        number: value.get("number").and_then(Value::as_i64),
        request: count("request")?,
        url: text("url")?,
        retries: small("retries")?,
        retry_interval_s: small("interval")?,
        retrieve: time("retrieve")?,
        install: time("install"),
        signature,
        step: STEPS.iter().find(|(_, word)| *word == step)?.0,
        told: text("told").and_then(|word| SignedFirmwareStatus::from_word(&word)),
        boot: count("boot")?,
    })
}

fn written(job: Option<&Job>) -> StoreWrite {
    let text = |job: &Job| {
        let word = STEPS.iter().find(|(step, _)| *step == job.step);
        let signature = job.signature.as_ref();
        json!({
            "number": job.number, "request": job.request, "url": job.url, "retries": job.retries,
            "interval": job.retry_interval_s, "retrieve": job.retrieve.as_unix_millis(),
            "install": job.install.map(Timestamp::as_unix_millis),
            "certificate": signature.map(|s| &s.certificate_pem),
            "signature": signature.map(|s| &s.signature_base64),
            "step": word.map(|(_, word)| word), "told": job.told.map(SignedFirmwareStatus::as_str),
            "boot": job.boot,
        })
    };
    StoreWrite {
        key: KEY.to_owned(),
        value: job.map(|job| text(job).to_string().into_bytes()),
    }
}

/// Attempts and pauses as a message gives them, or what is usual.
pub(super) fn attempts(retries: Option<i64>, interval: Option<i64>) -> (u32, u32) {
    let number = |given: Option<i64>, usual: u32| match given {
        None => usual,
        Some(given) => u32::try_from(given.max(0)).unwrap_or(WAIT_MAX_S),
    };
    let interval = number(interval, TRANSFER_RETRY_S).min(WAIT_MAX_S);
    (number(retries, TRANSFER_RETRIES).min(100), interval)
}

/// The words of the unsigned update; the signed one has more.
const fn unsigned(status: SignedFirmwareStatus) -> Option<FirmwareStatus> {
    Some(match status {
        SignedFirmwareStatus::Downloaded => FirmwareStatus::Downloaded,
        SignedFirmwareStatus::DownloadFailed => FirmwareStatus::DownloadFailed,
        SignedFirmwareStatus::Downloading => FirmwareStatus::Downloading,
        SignedFirmwareStatus::Idle => FirmwareStatus::Idle,
        SignedFirmwareStatus::InstallationFailed
        | SignedFirmwareStatus::InstallVerificationFailed
        | SignedFirmwareStatus::InvalidSignature => FirmwareStatus::InstallationFailed,
        SignedFirmwareStatus::Installing => FirmwareStatus::Installing,
        SignedFirmwareStatus::Installed => FirmwareStatus::Installed,
        SignedFirmwareStatus::DownloadScheduled
        | SignedFirmwareStatus::DownloadPaused
        | SignedFirmwareStatus::InstallRebooting
        | SignedFirmwareStatus::InstallScheduled
        | SignedFirmwareStatus::SignatureVerified => return None,
    })
}

impl<O: Operator> Ocpp16<O> {
    pub(super) fn update_firmware(&mut self, id: &MessageId, request: &UpdateFirmwareRequest) {
        if !self.may_command() {
            return self.answer_not_supported(id, "UpdateFirmware for an observer");
        }
        if self.is_installing() {
            let busy = "a firmware is being installed; ask again after the restart";
            return self.answer_error(id, CallError::new(ErrorCode::InternalError, busy));
        }
        self.answer(id, &Response::from(UpdateFirmwareResponse {}));
        let (retries, retry_interval_s) = attempts(request.retries, request.retry_interval);
        self.begin_update(Job {
            number: None,
            request: 0,
            url: request.location.clone(),
            retries,
            retry_interval_s,
            retrieve: request.retrieve_date,
            install: None,
            signature: None,
            step: Step::Scheduled,
            told: None,
            boot: self.boot_count,
        });
    }

    pub(super) fn signed_update_firmware(
        &mut self,
        id: &MessageId,
        request: &SignedUpdateFirmwareRequest,
    ) {
        if !self.may_command() || self.is_installing() {
            return self.answer_signed_update(id, UpdateFirmwareStatus::Rejected);
        }
        let replaces = self.firmware.job.is_some();
        let firmware = &request.firmware;
        let (retries, retry_interval_s) = attempts(request.retries, request.retry_interval);
        self.begin_update(Job {
            number: Some(request.request_id),
            request: 0,
            url: firmware.location.as_str().to_owned(),
            retries,
            retry_interval_s,
            retrieve: firmware.retrieve_date_time,
            install: firmware.install_date_time,
            signature: Some(FirmwareSignature {
                certificate_pem: firmware.signing_certificate.as_str().to_owned(),
                signature_base64: firmware.signature.as_str().to_owned(),
            }),
            step: Step::Scheduled,
            told: None,
            boot: self.boot_count,
        });
        let good = if replaces {
            UpdateFirmwareStatus::AcceptedCanceled
        } else {
            UpdateFirmwareStatus::Accepted
        };
        match &self.firmware.job {
            // The station looks at the certificate first; the answer says whether it is good.
            Some(job) if job.step == Step::Downloading => {
                let due = self.now.at.after(Millis::from_secs(ANSWER_WAIT_S));
                let waiting = Waiting::SignedUpdate(id.clone(), good);
                self.waiting.insert(job.request, (waiting, due));
            }
            Some(_) | None => self.answer_signed_update(id, good),
        }
    }

    pub(super) fn answer_signed_update(&mut self, id: &MessageId, status: UpdateFirmwareStatus) {
        self.answer(id, &Response::from(SignedUpdateFirmwareResponse { status }));
    }

    fn is_installing(&self) -> bool {
        let job = self.firmware.job.as_ref();
        job.is_some_and(|job| job.step == Step::Installing)
    }

    fn begin_update(&mut self, job: Job) {
        if let Some(old) = self.firmware.job.take() {
            log(Level::Warn, "a firmware update is replaced by a newer one");
            if old.step != Step::Scheduled {
                self.command(Command::CancelTransfer(old.request));
            }
            // Its answer is not open any longer either.
            if let Some((Waiting::SignedUpdate(id, good), _)) = self.waiting.remove(&old.request) {
                self.answer_signed_update(&id, good);
            }
        }
        self.firmware.retry_at = None;
        let later = self.now.wall.is_none_or(|wall| wall < job.retrieve);
        let signed = job.number.is_some();
        self.firmware.job = Some(job);
        if later {
            self.keep_update();
            if signed {
                self.tell_firmware(SignedFirmwareStatus::DownloadScheduled);
            }
        } else {
            self.download();
        }
    }

    /// Writes the update as it is.
    fn keep_update(&mut self) {
        if let Some(job) = &mut self.firmware.job {
            job.boot = self.boot_count;
        }
        let write = written(self.firmware.job.as_ref());
        self.write([write]);
    }

    fn download(&mut self) {
        let request_id = self.request_id();
        let Some(job) = &mut self.firmware.job else {
            return;
        };
        job.step = Step::Downloading;
        job.request = request_id;
        let request = FirmwareRequest {
            request_id,
            url: job.url.clone(),
            retries: job.retries,
            retry_interval_s: job.retry_interval_s,
            signature: job.signature.clone(),
        };
        self.keep_update();
        self.command(Command::DownloadFirmware(request));
    }

    /// What time brings: the retrieve date, the install date, the end of transactions.
    pub(super) fn firmware_if_due(&mut self) {
        let wall = self.now.wall;
        let Some(job) = &self.firmware.job else {
            return;
        };
        match job.step {
            Step::Scheduled if wall.is_some_and(|wall| wall >= job.retrieve) => self.download(),
            Step::Ready => self.install_if_due(),
            Step::Installing if self.firmware.retry_at.is_some_and(|at| at <= self.now.at) => {
                log(Level::Error, "nobody knows what became of the installation");
                self.end_update(SignedFirmwareStatus::InstallationFailed);
            }
            Step::Scheduled | Step::Downloading | Step::Installing => {}
        }
    }

    fn install_if_due(&mut self) {
        let Some(job) = &self.firmware.job else {
            return;
        };
        if job
            .install
            .is_some_and(|install| self.now.wall < Some(install))
        {
            return self.tell_firmware(SignedFirmwareStatus::InstallScheduled);
        }
        let early = self.firmware.retry_at.is_some_and(|at| at > self.now.at);
        if early || !self.statuses.is_idle() {
            return;
        }
        self.firmware.retry_at = None;
        let request = job.request;
        if let Some(job) = &mut self.firmware.job {
            job.step = Step::Installing;
        }
        self.keep_update();
        self.command(Command::InstallFirmware(request));
    }

    /// What the station said to a request of ours; answers whether it was one of the update's.
    pub(super) fn firmware_outcome(&mut self, outcome: &Outcome) -> bool {
        let job = self.firmware.job.as_mut();
        let Some(job) = job.filter(|job| job.request == outcome.request_id) else {
            return false;
        };
        if outcome.kind == OutcomeKind::Accepted {
            return true;
        }
        let why = format!("firmware update: {}", outcome.detail);
        log(Level::Warn, &why);
        match job.step {
            Step::Downloading => match self.waiting.remove(&outcome.request_id) {
                Some((Waiting::SignedUpdate(id, _), _)) => {
                    self.forget_update();
                    self.answer_signed_update(&id, UpdateFirmwareStatus::Rejected);
                }
                _ => self.end_update(SignedFirmwareStatus::DownloadFailed),
            },
            Step::Installing if outcome.kind == OutcomeKind::Rejected => {
                job.step = Step::Ready;
                self.keep_update();
                let retry = self.now.at.after(Millis::from_secs(INSTALL_RETRY_S));
                self.firmware.retry_at = Some(retry);
            }
            Step::Installing => self.end_update(SignedFirmwareStatus::InstallationFailed),
            Step::Scheduled | Step::Ready => {}
        }
        true
    }

    pub(super) fn firmware_report(&mut self, report: &TransferReport) {
        let signed = match &self.firmware.job {
            Some(job) if job.request == report.request_id => job.number.is_some(),
            Some(_) | None => return,
        };
        if let Some((Waiting::SignedUpdate(id, good), _)) = self.waiting.remove(&report.request_id)
        {
            if report.stage == TransferStage::InvalidCertificate {
                self.forget_update();
                self.bad_signer(&report.detail);
                let status = UpdateFirmwareStatus::InvalidCertificate;
                return self.answer_signed_update(&id, status);
            }
            self.answer_signed_update(&id, good);
        }
        match report.stage {
            TransferStage::Running => self.tell_firmware(SignedFirmwareStatus::Downloading),
            TransferStage::Done => {
                self.tell_firmware(SignedFirmwareStatus::Downloaded);
                if !signed {
                    self.ready();
                }
            }
            TransferStage::Verified => {
                self.tell_firmware(SignedFirmwareStatus::Downloaded);
                self.tell_firmware(SignedFirmwareStatus::SignatureVerified);
                self.ready();
            }
            TransferStage::Failed => self.end_update(SignedFirmwareStatus::DownloadFailed),
            TransferStage::InvalidSignature => {
                self.end_update(SignedFirmwareStatus::InvalidSignature);
                let event = format!("InvalidFirmwareSignature: {}", report.detail);
                self.security_event(&event);
            }
            TransferStage::InvalidCertificate => {
                self.end_update(SignedFirmwareStatus::InvalidSignature);
                self.bad_signer(&report.detail);
            }
            TransferStage::Installing => {
                self.under_installation();
                self.tell_firmware(SignedFirmwareStatus::Installing);
            }
            TransferStage::Restarting => {
                self.under_installation();
                self.tell_firmware(SignedFirmwareStatus::Installing);
                self.tell_firmware(SignedFirmwareStatus::InstallRebooting);
            }
            TransferStage::Installed => self.end_update(SignedFirmwareStatus::Installed),
            TransferStage::InstallFailed => {
                self.end_update(SignedFirmwareStatus::InstallationFailed);
            }
            TransferStage::Cancelled => self.forget_update(),
        }
    }

    fn bad_signer(&mut self, detail: &str) {
        self.security_event(&format!("InvalidFirmwareSigningCertificate: {detail}"));
    }

    fn ready(&mut self) {
        if let Some(job) = &mut self.firmware.job {
            job.step = Step::Ready;
            job.signature = None;
        }
        self.keep_update();
        self.install_if_due();
    }

    /// It installs, whoever remembers having asked for it.
    fn under_installation(&mut self) {
        self.firmware.retry_at = None;
        let ready = self
            .firmware
            .job
            .as_mut()
            .filter(|job| job.step == Step::Ready);
        if let Some(job) = ready {
            job.step = Step::Installing;
            self.keep_update();
        }
    }

    fn forget_update(&mut self) {
        self.firmware = Firmware::default();
        self.write([written(None)]);
    }

    /// Tells the end, and forgets the update in the same commit.
    fn end_update(&mut self, status: SignedFirmwareStatus) {
        self.tell_firmware(status);
        self.forget_update();
    }

    /// Tells how far it is, unless that was told last.
    fn tell_firmware(&mut self, status: SignedFirmwareStatus) {
        let Some(job) = &mut self.firmware.job else {
            return;
        };
        let number = job.number;
        if job.told == Some(status) || (number.is_none() && unsigned(status).is_none()) {
            return;
        }
        job.told = Some(status);
        self.keep_update();
        match number {
            Some(_) => self.enqueue_notice(&signed_message(status, number).into()),
            None => {
                if let Some(status) = unsigned(status) {
                    self.enqueue_notice(&FirmwareStatusNotificationRequest { status }.into());
                }
            }
        }
    }

    /// After a trigger.
    pub(super) fn tell_firmware_again(&mut self) {
        let told = self.firmware.job.as_ref().and_then(|job| job.told);
        let status = told.and_then(unsigned).unwrap_or(FirmwareStatus::Idle);
        self.say(FirmwareStatusNotificationRequest { status });
    }

    /// After the whitepaper's trigger. An unsigned update under way is told in its own words.
    pub(super) fn tell_signed_firmware_again(&mut self) {
        match &self.firmware.job {
            Some(job) if job.number.is_none() => self.tell_firmware_again(),
            Some(job) => {
                let status = job.told.unwrap_or(SignedFirmwareStatus::Idle);
                let message = signed_message(status, job.number);
                self.say(message);
            }
            None => self.say(signed_message(SignedFirmwareStatus::Idle, None)),
        }
    }

    /// Takes an update up again after a trap, a swap or a restart.
    pub(super) fn resume_update(&mut self, installation: Option<&TransferReport>) {
        let Some(job) = &mut self.firmware.job else {
            return;
        };
        let restarted = job.boot != self.boot_count;
        match job.step {
            // What is downloaded already is kept by the station.
            Step::Downloading => self.download(),
            Step::Installing if restarted => {
                let report = installation.filter(|report| report.request_id == job.request);
                match report.cloned() {
                    Some(report) => self.firmware_report(&report),
                    // The station is still finding out.
                    None => {
                        let wait = Millis::from_secs(INSTALLED_WAIT_S);
                        self.firmware.retry_at = Some(self.now.at.after(wait));
                    }
                }
            }
            // The report may have come while nobody listened: a station that still installs says that it is busy.
            Step::Installing => {
                job.step = Step::Ready;
                let retry = self.now.at.after(Millis::from_secs(INSTALL_RETRY_S));
                self.firmware.retry_at = Some(retry);
            }
            Step::Scheduled | Step::Ready => {}
        }
    }
}

const fn signed_message(
    status: SignedFirmwareStatus,
    request_id: Option<i64>,
) -> SignedFirmwareStatusNotificationRequest {
    SignedFirmwareStatusNotificationRequest { status, request_id }
}
