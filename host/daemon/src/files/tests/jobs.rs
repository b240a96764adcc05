//! Who may have a job, and what becomes of it when another comes, or the station stops.

use super::http_server::{Answer, HttpServer, status};
use super::*;

fn rig() -> Rig {
    Rig::with(Folder::new(), |settings| {
        // What is waited for here never comes by itself.
        settings.stall = Duration::from_secs(600);
    })
}

#[test]
fn download_is_reported_from_begin_to_end_and_kept() {
    let file = image(100_000);
    let server = HttpServer::new(&file, []);
    let rig = rig();
    rig.files
        .download_firmware(firmware(5, &server.url("/fw.bin")))
        .unwrap();
    assert_eq!(rig.next().stage, Stage::Running);
    let done = rig.next();
    assert_eq!(
        (done.request, done.adapter.as_str(), done.stage),
        (5, "a", Stage::Done)
    );
    assert!(done.detail.contains("100000 bytes"), "{}", done.detail);
    assert_eq!(rig.image().unwrap(), file);
}

#[test]
fn newer_request_of_the_same_adapter_cancels_the_older() {
    let silent = HttpServer::new(b"x", [Answer::Silent(0)]);
    let good = HttpServer::new(&image(10), []);
    let rig = rig();
    rig.files
        .download_firmware(firmware(1, &silent.url("/f")))
        .unwrap();
    assert_eq!(rig.next().stage, Stage::Running);
    rig.files
        .download_firmware(firmware(2, &good.url("/f")))
        .unwrap();
    let cancelled = rig.next();
    assert_eq!((cancelled.request, cancelled.stage), (1, Stage::Cancelled));
    let (_, done) = rig.outcome();
    assert_eq!((done.request, done.stage), (2, Stage::Done));
    rig.idle();
    assert!(rig.reports.try_recv().is_err());
}

#[test]
fn request_of_another_adapter_is_refused_as_busy_but_an_upload_runs_beside_a_download() {
    let silent = HttpServer::new(b"x", (0..4).map(|_| Answer::Silent(0)));
    let rig = rig();
    rig.files
        .download_firmware(firmware(1, &silent.url("/f")))
        .unwrap();
    rig.files.upload(upload(2, &silent.url("/f"), "x")).unwrap();
    let mut other = firmware(3, &silent.url("/f"));
    other.adapter = "b".to_owned();
    assert_eq!(rig.files.download_firmware(other), Err(Refused::Busy));
    let mut other = upload(4, &silent.url("/f"), "x");
    other.adapter = "b".to_owned();
    assert_eq!(rig.files.upload(other), Err(Refused::Busy));
    let running = rig.files.running();
    let jobs: Vec<_> = running.iter().map(|job| (job.request, job.kind)).collect();
    assert_eq!(jobs, [(2, "upload"), (1, "download")]);
    assert!(!rig.files.cancel("b", 1));
    assert!(rig.files.cancel("a", 1) && rig.files.cancel("a", 2));
    let cancelled = |report: Report| report.stage == Stage::Cancelled;
    let mut found = 0;
    while found < 2 {
        found += usize::from(cancelled(rig.next()));
    }
}

#[test]
fn cancel_works_at_once_also_between_two_attempts() {
    let server = HttpServer::new(b"", [status("500 No")]);
    let rig = rig();
    let mut job = firmware(1, &server.url("/f"));
    (job.retries, job.retry_interval_s) = (1, 86_400);
    rig.files.download_firmware(job).unwrap();
    assert_eq!(rig.next().stage, Stage::Running);
    while server.asked().is_empty() {
        std::thread::yield_now();
    }
    assert!(rig.files.cancel("a", 1));
    assert_eq!(rig.next().stage, Stage::Cancelled);
    rig.idle();
    assert!(!rig.files.cancel("a", 1));
}

#[test]
fn station_that_stops_keeps_what_it_has_and_goes_on_after_the_restart() {
    let file = image(300_000);
    let server = HttpServer::new(&file, [Answer::Silent(120_000)]);
    let rig = rig();
    rig.files
        .download_firmware(firmware(1, &server.url("/f")))
        .unwrap();
    assert_eq!(rig.next().stage, Stage::Running);
    while rig
        .files
        .running()
        .first()
        .is_none_or(|job| job.moved < 120_000)
    {
        std::thread::yield_now();
    }
    let rig = rig.restarted(|_| {});
    rig.files
        .download_firmware(firmware(2, &server.url("/f")))
        .unwrap();
    assert_eq!(rig.outcome().1.stage, Stage::Done);
    assert_eq!(rig.image().unwrap(), file);
    assert_eq!(server.asked()[1].header("range"), Some("bytes=120000-"));
}

#[test]
fn download_that_fails_says_why_and_how_often_it_was_tried() {
    let server = HttpServer::new(b"", [status("404 Not Found"), status("503 Busy")]);
    let rig = rig();
    let mut job = firmware(1, &server.url("/f"));
    job.retries = 1;
    rig.files.download_firmware(job).unwrap();
    let (running, report) = rig.outcome();
    assert_eq!((running, report.stage), (2, Stage::Failed));
    assert!(
        report.detail.starts_with("2 attempts failed"),
        "{}",
        report.detail
    );
    assert!(report.detail.contains("503"), "{}", report.detail);
}

#[test]
fn directories_long_texts_and_foreign_protocols_are_no_firmware() {
    let rig = rig();
    let refused = |change: &dyn Fn(&mut FirmwareJob)| {
        let mut job = firmware(1, "http://127.0.0.1:1/f");
        change(&mut job);
        rig.files.download_firmware(job).unwrap_err()
    };
    assert_eq!(
        refused(&|job| job.url = "http://127.0.0.1:1/d/".to_owned()),
        Refused::Url
    );
    assert_eq!(
        refused(&|job| job.url = "sftp://h/f".to_owned()),
        Refused::Url
    );
    assert_eq!(
        refused(&|job| job.allowed = Arc::new(|_| false)),
        Refused::Url
    );
    let long = FirmwareSignature {
        certificate_pem: "x".repeat(MAX_PEM_BYTES),
        signature_base64: "x".to_owned(),
    };
    assert_eq!(
        refused(&|job| job.signature = Some(long.clone())),
        Refused::Signature
    );
}
