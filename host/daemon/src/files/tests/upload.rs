//! Uploads over HTTP, as jobs with their reports.

use super::http_server::{Answer, HttpServer, status, to};
use super::*;

#[test]
fn upload_puts_the_file_into_the_directory_under_its_encoded_name() {
    let server = HttpServer::new(b"", [Answer::Take, Answer::Take]);
    let rig = Rig::new();
    let mut job = upload(7, &server.url("/in/box/?k=v"), "hello");
    job.file_name = "a b.txt".to_owned();
    rig.files.upload(job).unwrap();
    assert_eq!(rig.outcome().1.stage, Stage::Done);
    let exact = upload(8, &server.url("/in/exact"), &"x".repeat(200_000));
    rig.idle();
    rig.files.upload(exact).unwrap();
    let (running, report) = rig.outcome();
    assert_eq!((running, report.request, report.stage), (1, 8, Stage::Done));
    let asked = server.asked();
    assert_eq!(asked[0].line, "PUT /in/box/a%20b.txt?k=v HTTP/1.1");
    assert_eq!(asked[0].body, b"hello");
    assert_eq!(asked[0].header("content-length"), Some("5"));
    assert_eq!(asked[1].line, "PUT /in/exact HTTP/1.1");
    assert_eq!(asked[1].body.len(), 200_000);
    rig.idle();
    assert!(rig.folder.read("upload/file").is_none());
}

#[test]
fn upload_follows_a_redirect_with_its_body_but_never_becomes_a_get() {
    let target = HttpServer::new(b"", [Answer::Take]);
    let see_other = Answer::Raw(
        "HTTP/1.1 303 See Other\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n".to_owned(),
    );
    let server = HttpServer::new(b"", [to(&target.url("/there")), see_other]);
    let rig = Rig::new();
    rig.files
        .upload(upload(1, &server.url("/f"), "hello"))
        .unwrap();
    assert_eq!(rig.outcome().1.stage, Stage::Done);
    assert_eq!(target.asked()[0].body, b"hello");
    rig.idle();
    rig.files
        .upload(upload(2, &server.url("/f"), "hello"))
        .unwrap();
    let (_, report) = rig.outcome();
    assert_eq!(report.stage, Stage::Failed);
    assert!(report.detail.contains("303"), "{}", report.detail);
}

#[test]
fn upload_that_nobody_takes_fails_in_bounded_time() {
    let server = HttpServer::new(b"", [Answer::TakeSlowly]);
    let rig = Rig::new();
    let text = "x".repeat(12 << 20);
    rig.files
        .upload(upload(1, &server.url("/f"), &text))
        .unwrap();
    let (_, report) = rig.outcome();
    assert_eq!(report.stage, Stage::Failed);
    assert!(report.detail.contains("nothing moved"), "{}", report.detail);
}

#[test]
fn failed_upload_is_tried_again_as_often_as_asked_and_each_attempt_is_reported() {
    let server = HttpServer::new(b"", [status("500 No"), Answer::Take]);
    let rig = Rig::new();
    let mut job = upload(1, &server.url("/f"), "hello");
    job.retries = 2;
    rig.files.upload(job).unwrap();
    let (running, report) = rig.outcome();
    assert_eq!((running, report.stage), (2, Stage::Done));
}

#[test]
fn what_cannot_be_asked_for_is_refused_at_once() {
    let rig = Rig::new();
    let refused = |change: &dyn Fn(&mut UploadJob)| {
        let mut job = upload(1, "http://127.0.0.1:1/d/", "");
        change(&mut job);
        rig.files.upload(job).unwrap_err()
    };
    assert_eq!(
        refused(&|job| job.url = "file:///etc/".to_owned()),
        Refused::Url
    );
    assert_eq!(
        refused(&|job| job.file_name = "../x".to_owned()),
        Refused::FileName
    );
    assert_eq!(
        refused(&|job| job.allowed = Arc::new(|_| false)),
        Refused::Url
    );
    assert!(rig.reports.try_recv().is_err());
}

#[test]
fn grant_is_asked_without_user_and_password() {
    let server = HttpServer::new(b"", [Answer::Take]);
    let rig = Rig::new();
    let url = server.url("/d/");
    let mut job = upload(1, &url.replace("//", "//user:geheim@"), "");
    job.allowed = Arc::new(move |asked| asked == format!("{url}log.txt"));
    rig.files.upload(job).unwrap();
    let (_, report) = rig.outcome();
    assert_eq!(report.stage, Stage::Done);
    assert!(!report.detail.contains("geheim"));
}
