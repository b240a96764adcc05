//! Uploads and updates that were asked for, and how far they are.

use crate::v16::{
    CiString, DiagnosticsStatus, FirmwareStatus, LogType, SignedFirmwareStatus, UploadLogStatus,
};
use alloc::collections::{BTreeMap, BTreeSet};
use units::Timestamp;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobKind {
    /// Diagnostics are uploaded (GetDiagnostics).
    Diagnostics,
    /// Firmware is updated without a signature (UpdateFirmware).
    Firmware,
    /// A log is uploaded (GetLog).
    Log(LogType),
    /// Signed firmware is installed (SignedUpdateFirmware).
    SignedFirmware,
}

/// The latest report on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobReport {
    /// Of [`JobKind::Diagnostics`].
    Diagnostics(DiagnosticsStatus),
    /// Of [`JobKind::Firmware`].
    Firmware(FirmwareStatus),
    /// Of [`JobKind::Log`].
    Log(UploadLogStatus),
    /// Of [`JobKind::SignedFirmware`].
    SignedFirmware(SignedFirmwareStatus),
}

impl JobReport {
    /// What the report means; `None` for idle, which only says that nothing is under way.
    const fn phase(self) -> Option<JobPhase> {
        match self {
            Self::Diagnostics(status) => match status {
                DiagnosticsStatus::Idle => None,
                DiagnosticsStatus::Uploading => Some(JobPhase::Running),
                DiagnosticsStatus::Uploaded => Some(JobPhase::Done),
                DiagnosticsStatus::UploadFailed => Some(JobPhase::Failed),
            },
            Self::Firmware(status) => match status {
                FirmwareStatus::Idle => None,
                FirmwareStatus::Downloading
                | FirmwareStatus::Downloaded
                | FirmwareStatus::Installing => Some(JobPhase::Running),
                FirmwareStatus::Installed => Some(JobPhase::Done),
                FirmwareStatus::DownloadFailed | FirmwareStatus::InstallationFailed => {
                    Some(JobPhase::Failed)
                }
            },
            Self::Log(status) => match status {
                UploadLogStatus::Idle => None,
                UploadLogStatus::Uploading => Some(JobPhase::Running),
                UploadLogStatus::Uploaded => Some(JobPhase::Done),
                UploadLogStatus::BadMessage
                | UploadLogStatus::NotSupportedOperation
                | UploadLogStatus::PermissionDenied
                | UploadLogStatus::UploadFailure => Some(JobPhase::Failed),
            },
            Self::SignedFirmware(status) => match status {
                SignedFirmwareStatus::Idle => None,
                SignedFirmwareStatus::DownloadScheduled
                | SignedFirmwareStatus::DownloadPaused
                | SignedFirmwareStatus::Downloading
                | SignedFirmwareStatus::Downloaded
                | SignedFirmwareStatus::SignatureVerified
                | SignedFirmwareStatus::InstallScheduled
                | SignedFirmwareStatus::Installing
                | SignedFirmwareStatus::InstallRebooting => Some(JobPhase::Running),
                SignedFirmwareStatus::Installed => Some(JobPhase::Done),
                SignedFirmwareStatus::DownloadFailed
                | SignedFirmwareStatus::InstallationFailed
                | SignedFirmwareStatus::InstallVerificationFailed
                | SignedFirmwareStatus::InvalidSignature => Some(JobPhase::Failed),
            },
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobPhase {
    /// Asked for, not answered yet.
    Asked,
    /// The answer was lost; it may begin.
    Doubtful,
    /// Taken, not begun.
    Taken,
    /// Not taken, or there is nothing to upload.
    Refused,
    /// Under way.
    Running,
    /// Done.
    Done,
    /// Failed, or given up: the charge point says it is idle although the job had begun.
    Failed,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What is being done.
    pub kind: JobKind,
    /// Number that its reports carry; jobs without signatures have none.
    pub request_id: Option<i64>,
    /// Where it stands.
    pub phase: JobPhase,
    /// The latest report on it.
    pub report: Option<JobReport>,
    /// Name of the file that is uploaded.
    pub file_name: Option<CiString<255>>,
    /// When something about it last changed.
    pub changed_at: Timestamp,
}

impl Job {
    pub(super) const fn asked(kind: JobKind, request_id: Option<i64>, at: Timestamp) -> Self {
        Self {
            kind,
            request_id,
            phase: JobPhase::Asked,
            report: None,
            file_name: None,
            changed_at: at,
        }
    }
}

/// The latest job of each kind.
#[derive(Debug, Default)]
pub struct JobBook {
    jobs: BTreeMap<JobKind, Job>,
    /// Kinds whose latest job was asked for by a call that is not over.
    open: BTreeSet<JobKind>,
    last_id: i64,
}

impl JobBook {
    /// The latest job of a kind.
    #[must_use]
    pub fn job(&self, kind: JobKind) -> Option<&Job> {
        self.jobs.get(&kind)
    }

    /// The latest job of every kind that was ever asked for.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    /// The highest request number given so far.
    #[must_use]
    pub const fn last_id(&self) -> i64 {
        self.last_id
    }

    /// A request number that was not given before. Charge points keep these in 32 bits.
    pub(super) fn fresh_id(&mut self) -> i64 {
        self.last_id = if self.last_id >= i64::from(i32::MAX) {
            1
        } else {
            self.last_id.saturating_add(1).max(1)
        };
        self.last_id
    }

    /// True while the call that asks for a job of this kind is not over.
    pub(super) fn is_open(&self, kind: JobKind) -> bool {
        self.open.contains(&kind)
    }

    /// Puts a job in that a call asks for.
    pub(super) fn ask(&mut self, job: Job) {
        self.open.insert(job.kind);
        self.put(job);
    }

    /// The call that asked for a job is over; the job as it is now.
    pub(super) fn close(&mut self, kind: JobKind) -> Option<&mut Job> {
        self.open.remove(&kind);
        self.jobs.get_mut(&kind)
    }

    /// Puts a job in, in place of the one of its kind.
    pub(super) fn put(&mut self, job: Job) {
        self.last_id = self.last_id.max(job.request_id.unwrap_or(0));
        self.jobs.insert(job.kind, job);
    }

    /// Enters a report; the job it is about, if there is one.
    ///
    /// A report that names a request of another job than the latest changes nothing.
    pub(super) fn report(
        &mut self,
        report: JobReport,
        request_id: Option<i64>,
        at: Timestamp,
    ) -> Option<Job> {
        let kind = match report {
            JobReport::Diagnostics(_) => JobKind::Diagnostics,
            JobReport::Firmware(_) => JobKind::Firmware,
            JobReport::SignedFirmware(_) => JobKind::SignedFirmware,
            JobReport::Log(_) => self.log_of(request_id)?,
        };
        let job = self.jobs.get_mut(&kind)?;
        if request_id.is_some() && request_id != job.request_id {
            return None;
        }
        match report.phase() {
            Some(phase) => job.phase = phase,
            None if job.phase == JobPhase::Running => job.phase = JobPhase::Failed,
            None => {}
        }
        job.report = Some(report);
        job.changed_at = at;
        Some(job.clone())
    }

    /// Which log a report is about: the one with the number, or the one that changed last.
    fn log_of(&self, request_id: Option<i64>) -> Option<JobKind> {
        let logs = || {
            self.jobs
                .values()
                .filter(|job| matches!(job.kind, JobKind::Log(_)))
        };
        match request_id {
            Some(id) => logs().find(|job| job.request_id == Some(id)),
            None => logs().max_by_key(|job| job.changed_at),
        }
        .map(|job| job.kind)
    }

    pub(super) fn restore(&mut self, last_id: i64, jobs: impl IntoIterator<Item = Job>) {
        for mut job in jobs {
            if job.phase == JobPhase::Asked {
                job.phase = JobPhase::Doubtful;
            }
            self.put(job);
        }
        self.last_id = self.last_id.max(last_id);
    }
}
