//! The jobs: from a request to its last report.

use std::path::PathBuf;

use super::archive;
use super::firmware::{self, IMAGE, Installation, Staged};
use super::place::Place;
use super::places::Task;
use super::signature::{Signer, Untrusted};
use super::transfer::{self, End, Line, Order, Plan};
use super::{Document, FirmwareJob, Report, Shared, Stage, UploadJob, bounded};

/// Says how far a job is.
struct Teller<'a> {
    shared: &'a Shared,
    task: &'a Task,
}

impl Teller<'_> {
    fn say(&self, stage: Stage, detail: &str) {
        let who = &self.task.who;
        let detail = bounded(detail);
        tracing::info!(
            adapter = who.adapter,
            request = who.request,
            job = who.what,
            ?stage,
            detail
        );
        (self.shared.reports)(Report {
            request: who.request,
            adapter: who.adapter.clone(),
            stage,
            detail,
        });
    }

    /// The end of a transfer that did not succeed.
    fn ended(&self, end: End) {
        match end {
            End::Done | End::Told(Order::Stop | Order::Go) => {}
            End::Failed(why) => self.say(Stage::Failed, &why),
            End::Told(Order::Cancel) => self.say(Stage::Cancelled, ""),
        }
    }
}

/// A file that is gone when the job is.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// Packs and sends.
pub fn upload(shared: &Shared, task: &Task, place: &Place, job: UploadJob) {
    let teller = Teller { shared, task };
    let folder = shared.settings.state_dir.join("upload");
    let file = Temporary(folder.join("file"));
    let written = std::fs::create_dir_all(&folder).and_then(|()| match job.document {
        Document::Diagnostics(snapshot) => archive::write(&file.0, snapshot, &shared.clock),
        Document::Text(text) => std::fs::write(&file.0, text),
    });
    if let Err(error) = written {
        return teller.say(
            Stage::Failed,
            &format!("what is to be sent cannot be written ({error}); check the disk"),
        );
    }
    let line = Line {
        settings: &shared.settings,
        allowed: &job.allowed,
        progress: &task.progress,
    };
    let plan = Plan::new(job.retries, job.retry_interval_s);
    let end = transfer::attempts(
        plan,
        &mut task.orders.clone(),
        |words| teller.say(Stage::Running, &words),
        async || transfer::upload(&line, place, &file.0).await,
    );
    match end {
        End::Done => teller.say(Stage::Done, place.shown()),
        end => teller.ended(end),
    }
}

/// Fetches, checks and keeps.
pub fn download(shared: &Shared, task: &Task, place: &Place, job: &FirmwareJob) {
    let teller = Teller { shared, task };
    let store = &shared.store;
    store.forget(&job.adapter);
    store.discard();
    let now = shared.clock.moment().wall;
    // Before the download: whom nobody trusts need not send anything.
    let signer = job.signature.as_ref().map(|signature| {
        Signer::check(
            &signature.certificate_pem,
            &signature.signature_base64,
            &job.roots,
            now,
        )
    });
    let signer = match signer.transpose() {
        Ok(signer) => signer,
        Err(why) => return untrusted(&teller, why),
    };
    let line = Line {
        settings: &shared.settings,
        allowed: &job.allowed,
        progress: &task.progress,
    };
    let plan = Plan::new(job.retries, job.retry_interval_s);
    let limit = shared.settings.firmware.max_image_bytes;
    let end = transfer::attempts(
        plan,
        &mut task.orders.clone(),
        |words| teller.say(Stage::Running, &words),
        async || transfer::download(&line, place, store.folder(), IMAGE, limit).await,
    );
    match end {
        End::Done => keep(&teller, signer.as_ref()),
        end => teller.ended(end),
    }
}

/// The image is there: is it the one that was signed?
fn keep(teller: &Teller<'_>, signer: Option<&Signer>) {
    let Teller { shared, task } = teller;
    let store = &shared.store;
    let (sha256, size) = match firmware::hash(&store.image(), &task.orders) {
        Ok(Some(found)) => found,
        Ok(None) => return teller.ended(End::Told(*task.orders.borrow())),
        Err(why) => return teller.say(Stage::Failed, &why),
    };
    if let Some(Err(why)) = signer.map(|signer| signer.has_signed(&sha256)) {
        store.discard();
        teller.say(Stage::Done, "");
        return untrusted(teller, why);
    }
    let staged = Staged {
        adapter: task.who.adapter.clone(),
        request: task.who.request,
        sha256: firmware::hex(&sha256),
        size,
        verified: signer.is_some(),
    };
    if let Err(why) = store.stage(&staged) {
        return teller.say(Stage::Failed, &why);
    }
    teller.say(
        Stage::Done,
        &format!("{size} bytes, SHA-256 {}", staged.sha256),
    );
    if signer.is_some() {
        teller.say(Stage::Verified, "");
    }
}

fn untrusted(teller: &Teller<'_>, why: Untrusted) {
    match why {
        Untrusted::Certificate(why) => teller.say(Stage::InvalidCertificate, &why),
        Untrusted::Signature(why) => teller.say(Stage::InvalidSignature, &why),
    }
}

/// Puts a kept image into place.
pub fn install(shared: &Shared, task: &Task, staged: &Staged, version_before: &str) {
    let teller = Teller { shared, task };
    let installation = Installation {
        store: &shared.store,
        config: &shared.settings.firmware,
        clock: &shared.clock,
        staged,
        version_before,
        orders: &task.orders,
    };
    installation.run(|stage, detail| teller.say(stage, detail));
}
