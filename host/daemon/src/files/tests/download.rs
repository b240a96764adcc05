//! Downloads over HTTP.

use proptest::prelude::*;

use super::http_server::{Answer, HttpServer, status, to};
use super::*;
use crate::files::content_range::ContentRange;
use crate::files::transfer::Plan;

#[test]
fn broken_download_goes_on_where_it_ended_after_a_restart_of_the_station() {
    let file = image(300_000);
    let server = HttpServer::new(&file, [Answer::Broken(100_000)]);
    let folder = Folder::new();
    let url = server.url("/fw.bin");
    assert!(words(fetch(&folder, &url)).starts_with("again: "));
    assert_eq!(folder.read("firmware/part").unwrap().len(), 100_000);
    fetch(&folder, &url).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), file);
    assert!(folder.read("firmware/part").is_none());
    let asked = server.asked();
    assert_eq!(asked[1].header("range"), Some("bytes=100000-"));
    assert_eq!(asked[1].header("if-range"), Some("\"v1\""));
}

#[test]
fn file_that_changed_meanwhile_is_fetched_from_its_beginning() {
    let server = HttpServer::new(&image(50_000), [Answer::Broken(20_000)]);
    let folder = Folder::new();
    let url = server.url("/fw.bin");
    fetch(&folder, &url).unwrap_err();
    let other: Vec<u8> = image(60_000).into_iter().rev().collect();
    server.change(&other, Some("\"v2\""), None);
    fetch(&folder, &url).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), other);
}

#[test]
fn last_modified_is_proof_enough_and_a_weak_tag_or_nothing_is_not() {
    for (etag, modified, resumed) in [
        (None, Some("Sat, 21 Nov 2026 10:00:00 GMT"), true),
        (Some("W/\"v1\""), None, false),
        (None, None, false),
    ] {
        let file = image(50_000);
        let server = HttpServer::new(&file, [Answer::Broken(20_000)]);
        server.change(&file, etag, modified);
        let folder = Folder::new();
        fetch(&folder, &server.url("/fw.bin")).unwrap_err();
        fetch(&folder, &server.url("/fw.bin")).unwrap();
        assert_eq!(folder.read("firmware/image").unwrap(), file);
        assert_eq!(server.asked()[1].header("range").is_some(), resumed);
    }
}

#[test]
fn server_without_ranges_sends_everything_again() {
    let file = image(50_000);
    let server = HttpServer::new(&file, [Answer::Broken(20_000), Answer::Whole]);
    let folder = Folder::new();
    fetch(&folder, &server.url("/fw.bin")).unwrap_err();
    fetch(&folder, &server.url("/fw.bin")).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), file);
}

#[test]
fn part_of_another_url_is_not_continued() {
    let file = image(50_000);
    let server = HttpServer::new(&file, [Answer::Broken(20_000)]);
    let folder = Folder::new();
    fetch(&folder, &server.url("/old.bin")).unwrap_err();
    fetch(&folder, &server.url("/new.bin")).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), file);
    assert_eq!(server.asked()[1].header("range"), None);
}

#[test]
fn bytes_that_a_power_cut_left_in_doubt_are_cut_off() {
    let file = image(50_000);
    let server = HttpServer::new(&file, [Answer::Broken(20_000)]);
    let folder = Folder::new();
    let url = server.url("/fw.bin");
    fetch(&folder, &url).unwrap_err();
    // More bytes than the note vouches for: nobody knows what they are.
    let mut part = folder.read("firmware/part").unwrap();
    part.extend([0; 5_000]);
    folder.write("firmware/part", &part);
    fetch(&folder, &url).unwrap();
    assert_eq!(server.asked()[1].header("range"), Some("bytes=20000-"));
    assert_eq!(folder.read("firmware/image").unwrap(), file);
}

#[test]
fn damaged_or_wrong_note_about_a_part_is_not_trusted() {
    let longer =
        r#"{"url":"URL","version":{"etag":"\"v1\"","modified":null,"total":50000},"kept":20001}"#;
    for note in ["", "{\"url\":", longer] {
        let file = image(50_000);
        let server = HttpServer::new(&file, [Answer::Broken(20_000)]);
        let folder = Folder::new();
        let url = server.url("/fw.bin");
        fetch(&folder, &url).unwrap_err();
        folder.write("firmware/part.json", note.replace("URL", &url));
        fetch(&folder, &url).unwrap();
        assert_eq!(server.asked()[1].header("range"), None);
        assert_eq!(folder.read("firmware/image").unwrap(), file);
    }
}

#[test]
fn range_that_does_not_exist_any_more_begins_anew_in_the_same_attempt() {
    let file = image(50_000);
    let server = HttpServer::new(&file, [Answer::Broken(40_000), status("416 No")]);
    let folder = Folder::new();
    fetch(&folder, &server.url("/fw.bin")).unwrap_err();
    fetch(&folder, &server.url("/fw.bin")).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), file);
}

#[test]
fn part_that_was_not_asked_for_is_refused() {
    let raw = |range: &str, length: usize| {
        Answer::Raw(format!(
            "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Length: {length}\r\n{range}\r\n{}",
            "x".repeat(length)
        ))
    };
    for answer in [
        raw("Content-Range: bytes 10000-49999/50000\r\n", 40_000),
        raw("Content-Range: bytes 20000-49999/50001\r\n", 30_000),
        raw("Content-Range: bytes 20000-49998/50000\r\n", 29_999),
        raw("Content-Range: bytes 20000-59999/60000\r\n", 40_000),
        raw("Content-Range: lines 1-2/3\r\n", 2),
        raw("", 5),
    ] {
        let server = HttpServer::new(&image(50_000), [Answer::Broken(20_000), answer]);
        let folder = Folder::new();
        fetch(&folder, &server.url("/fw.bin")).unwrap_err();
        let why = words(fetch(&folder, &server.url("/fw.bin")));
        assert!(why.contains("another part"), "{why}");
        fetch(&folder, &server.url("/fw.bin")).unwrap();
        assert_eq!(folder.read("firmware/image").unwrap(), image(50_000));
    }
}

#[test]
fn length_that_is_not_kept_fails() {
    let folder = Folder::new();
    let short = Answer::Raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".to_owned());
    let none = Answer::Raw("HTTP/1.1 200 OK\r\n\r\nwho knows where this ends".to_owned());
    let packed = Answer::Raw(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx".to_owned(),
    );
    let noise = Answer::Raw("\u{1}\u{2} no HTTP at all\r\n\r\n".to_owned());
    let server = HttpServer::new(b"", [short, none, packed, noise]);
    for expected in [
        "connection broke",
        "how long",
        "packed (gzip)",
        "no proper HTTP",
    ] {
        let why = words(fetch(&folder, &server.url("/fw.bin")));
        assert!(why.contains(expected), "{expected}: {why}");
        assert!(folder.read("firmware/image").is_none());
    }
}

#[test]
fn chunked_file_without_length_is_taken_whole() {
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let server = HttpServer::new(b"", [Answer::Raw(chunked.to_owned())]);
    let folder = Folder::new();
    fetch(&folder, &server.url("/fw.bin")).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), b"abcde");
}

#[test]
fn endless_and_oversized_files_end_at_the_limit_for_good() {
    let folder = Folder::new();
    let server = HttpServer::new(&image(50_000), [Answer::Endless]);
    for _ in 0..2 {
        let why = words(attempt(
            &settings(&folder),
            &everywhere(),
            &server.url("/f"),
            40_000,
        ));
        assert!(
            why.starts_with("final: ") && why.contains("larger"),
            "{why}"
        );
        assert!(folder.read("firmware/image").is_none());
    }
    assert!(folder.read("firmware/part").unwrap().len() <= 40_000);
}

#[test]
fn file_that_the_disk_cannot_hold_is_refused_before_its_first_byte() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1_u64 << 50);
    let server = HttpServer::new(b"", [Answer::Raw(head)]);
    let folder = Folder::new();
    let result = attempt(
        &settings(&folder),
        &everywhere(),
        &server.url("/f"),
        1 << 60,
    );
    let why = words(result);
    assert!(
        why.starts_with("final: ") && why.contains("make room"),
        "{why}"
    );
}

#[test]
fn server_that_falls_silent_is_given_up() {
    let server = HttpServer::new(&image(50_000), [Answer::Silent(10_000), Answer::Silent(0)]);
    let folder = Folder::new();
    let why = words(fetch(&folder, &server.url("/fw.bin")));
    assert!(why.contains("nothing moved"), "{why}");
    assert_eq!(folder.read("firmware/part").unwrap().len(), 10_000);
    fetch(&folder, &server.url("/fw.bin")).unwrap_err();
    fetch(&folder, &server.url("/fw.bin")).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), image(50_000));
}

#[test]
fn refusals_say_what_to_check() {
    let answers = ["404 Not Found", "401 Unauthorized", "500 Oops"].map(status);
    let server = HttpServer::new(b"", answers);
    let folder = Folder::new();
    let url = server.url("/fw.bin").replace("//", "//user:geheim@");
    for expected in ["404", "password in the URL", "500"] {
        let why = words(fetch(&folder, &url));
        assert!(
            why.starts_with("again: ") && why.contains(expected),
            "{why}"
        );
        assert!(!why.contains("geheim"), "{why}");
    }
    // user:geheim
    assert_eq!(
        server.asked()[0].header("authorization"),
        Some("Basic dXNlcjpnZWhlaW0=")
    );
    assert_eq!(server.asked()[0].line, "GET /fw.bin HTTP/1.1");
}

#[test]
fn redirects_are_followed_only_where_the_grant_and_the_protocol_allow() {
    let file = image(1_000);
    let other = HttpServer::new(&file, []);
    let folder = Folder::new();
    let reach = |location: &str, allowed: &UrlCheck| {
        let server = HttpServer::new(&file, [to(location)]);
        let url = server.url("/fw.bin?a=1").replace("//", "//user:geheim@");
        attempt(&settings(&folder), allowed, &url, 1 << 20)
    };
    reach(&other.url("/moved"), &everywhere()).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), file);
    assert_eq!(other.asked()[0].header("authorization"), None);
    let prefix = other.url("/granted/");
    let granted: UrlCheck = Arc::new(move |url| url.starts_with(&prefix));
    reach(&other.url("/granted/x"), &granted).unwrap();
    let why = words(reach(&other.url("/elsewhere"), &granted));
    assert!(
        why.starts_with("final: ") && why.contains("net.transfer"),
        "{why}"
    );
    for location in ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://"] {
        let why = words(reach(location, &everywhere()));
        assert!(why.starts_with("final: "), "{location}: {why}");
    }
    assert_eq!(other.asked().len(), 2);
}

#[test]
fn redirects_come_to_an_end() {
    let server = HttpServer::new(b"", (0..9).map(|_| to("/again")));
    let folder = Folder::new();
    let why = words(fetch(&folder, &server.url("/fw.bin")));
    assert!(
        why.starts_with("final: ") && why.contains("more than 4 times"),
        "{why}"
    );
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn attempts_and_pauses_stay_in_their_range() {
    assert_eq!(Plan::new(0, 0).parts(), (0, 1));
    assert_eq!(Plan::new(3, 30).parts(), (3, 30));
    assert_eq!(Plan::new(u32::MAX, u32::MAX).parts(), (10, 86_400));
}

proptest! {
    #[test]
    fn any_text_is_a_content_range_or_none(text in "(bytes |)[0-9*/ -]{0,24}|\\PC{0,30}") {
        if let Some(range) = ContentRange::parse(&text) {
            prop_assert!(range.first <= range.last);
            prop_assert!(range.total.is_none_or(|total| range.last < total));
        }
    }

    #[test]
    fn content_ranges_are_read_back(first in 0..1_000_000_u64, more in 0..1_000_u64, rest in 1..9_u64) {
        let last = first + more;
        let total = last + rest;
        let text = format!("bytes {first}-{last}/{total}");
        let expected = ContentRange { first, last, total: Some(total) };
        prop_assert_eq!(ContentRange::parse(&text), Some(expected));
    }
}
