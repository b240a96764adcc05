//! Transfers that break: what is tried again, what is gone on with, what begins again.

use std::fs;
use std::io::{Read as _, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::support::*;

const MIB: usize = 1 << 20;

/// A server that breaks off after so many bytes, whose file has this version at each request.
fn breaking(most: usize, version: fn(usize) -> u8) -> impl Answers {
    move |asked: &Asked, before: usize, out: &mut dyn Write| match asked.path.as_str() {
        "/auth-x.wasm" => {
            let version = version(before);
            let bytes = component(MIB, version);
            file(asked, out, &bytes, &format!("\"{version}\""), most);
        }
        _ => answer(out, "404 Not Found", "", b""),
    }
}

fn got(into: &Folder) -> Vec<u8> {
    fs::read(into.file("auth-x.wasm")).unwrap()
}

#[test]
fn broken_transfer_goes_on_where_it_broke() {
    let into = Folder::new();
    let server = plain(breaking(400_000, |_| 1));
    fetch(&format!("{}/auth-x.wasm", server.url), &into, &[]).succeeded();
    assert_eq!(got(&into), component(MIB, 1));
    let asked = server.requests();
    let from: Vec<_> = asked.iter().take(3).map(Asked::from).collect();
    assert_eq!(from, [None, Some(400_000), Some(800_000)]);
    assert_eq!(asked[1].header("if-range"), Some("\"1\""));
}

#[test]
fn file_that_changed_meanwhile_is_fetched_from_its_beginning() {
    let into = Folder::new();
    let server = plain(breaking(600_000, |before| if before == 0 { 1 } else { 2 }));
    let run = fetch(&format!("{}/auth-x.wasm", server.url), &into, &[]).succeeded();
    assert!(run.err.contains("the server begins again"), "{}", run.err);
    assert_eq!(got(&into), component(MIB, 2));
}

#[test]
fn interrupted_program_goes_on_at_the_next_run() {
    let into = Folder::new();
    let server = plain(|asked: &Asked, before: usize, out: &mut dyn Write| {
        if asked.path != "/auth-x.wasm" {
            return answer(out, "404 Not Found", "", b"");
        }
        let bytes = component(MIB, 1);
        if before > 0 {
            return file(asked, out, &bytes, "\"1\"", usize::MAX);
        }
        file(asked, out, &bytes, "\"1\"", 700_000);
        let _gone = out.flush();
        // Silent until the program has gone.
        loop {
            std::thread::park();
        }
    });
    let source = format!("{}/auth-x.wasm", server.url);
    let mut command = program(&["fetch", &source, "--into", into.0.to_str().unwrap()]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut errors = child.stderr.take().unwrap();
    let mut byte = [0];
    while !said.contains("60 %") && errors.read(&mut byte).unwrap() > 0 {
        said.push(char::from(byte[0]));
    }
    // As Ctrl-C does.
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert_eq!(into.names(), ["auth-x.wasm.part", "auth-x.wasm.part.from"]);
    let have = fs::metadata(into.file("auth-x.wasm.part")).unwrap().len();
    assert!(have >= 600_000, "{have}");

    let run = fetch(&source, &into, &[]).succeeded();
    assert!(run.err.contains("going on after"), "{}", run.err);
    assert_eq!(server.requests()[1].from(), Some(have as usize));
    assert_eq!(got(&into), component(MIB, 1));
    assert_eq!(into.names(), ["auth-x.wasm"]);
}

/// Leaves an unfinished file as an interrupted program does.
fn unfinished(into: &Folder, source: &str, tag: &str, bytes: &[u8]) {
    fs::write(into.file("auth-x.wasm.part"), bytes).unwrap();
    let about = format!("pilotwire-fetch 1\n{source}\n{tag}\n");
    fs::write(into.file("auth-x.wasm.part.from"), about).unwrap();
}

#[test]
fn unfinished_file_of_another_source_is_thrown_away() {
    let into = Folder::new();
    let server = plain(breaking(usize::MAX, |_| 1));
    unfinished(
        &into,
        "https://plugins.example/auth-x.wasm",
        "\"1\"",
        &[7; 1_000],
    );
    fetch(&format!("{}/auth-x.wasm", server.url), &into, &[]).succeeded();
    assert_eq!(server.requests()[0].from(), None);
    assert_eq!(got(&into), component(MIB, 1));
}

#[test]
fn spoilt_unfinished_file_is_noticed_and_fetched_again() {
    let into = Folder::new();
    let server = plain(breaking(usize::MAX, |_| 1));
    let source = format!("{}/auth-x.wasm", server.url);
    unfinished(&into, &source, "\"1\"", &[7; 1_000]);
    let pinned = format!("{source}#sha256={}", sha256(&component(MIB, 1)));
    let run = fetch(&pinned, &into, &[]).succeeded();
    assert!(run.err.contains("beginning again"), "{}", run.err);
    assert_eq!(got(&into), component(MIB, 1));
}

#[test]
fn whole_unfinished_file_needs_the_signature_only() {
    let into = Folder::new();
    let server = plain(breaking(usize::MAX, |_| 1));
    let source = format!("{}/auth-x.wasm", server.url);
    unfinished(&into, &source, "\"1\"", &component(MIB, 1));
    fetch(&source, &into, &[]).succeeded();
    assert_eq!(server.requests()[0].from(), Some(MIB));
    assert_eq!(got(&into), component(MIB, 1));
}

#[test]
fn file_without_anything_that_tells_versions_apart_begins_again() {
    let into = Folder::new();
    let server = plain(|asked: &Asked, before: usize, out: &mut dyn Write| {
        if asked.path != "/auth-x.wasm" {
            return answer(out, "404 Not Found", "", b"");
        }
        let bytes = component(MIB, before as u8);
        head(out, "200 OK", &format!("Content-Length: {MIB}\r\n"));
        let most = if before == 0 { 500_000 } else { MIB };
        let _gone = out.write_all(&bytes[..most]);
    });
    fetch(&format!("{}/auth-x.wasm", server.url), &into, &[]).succeeded();
    assert_eq!(server.requests()[1].from(), None);
    assert_eq!(got(&into), component(MIB, 1));
}

#[test]
fn truncated_component_is_given_up_after_some_tries_and_never_appears() {
    let into = Folder::new();
    let server = plain(|_: &Asked, _, out: &mut dyn Write| {
        head(out, "200 OK", "Content-Length: 5000\r\nETag: \"1\"\r\n");
        let _gone = out.write_all(&component(1_000, 1));
    });
    let run = fetch(&format!("{}/auth-x.wasm", server.url), &into, &[]);
    let run = run.refused("given up; run it again later, it goes on where it broke");
    assert!(run.err.contains("the connection broke"), "{}", run.err);
    assert_eq!(server.paths().len(), 4);
    assert_eq!(into.names(), ["auth-x.wasm.part", "auth-x.wasm.part.from"]);
}

#[test]
fn length_that_nobody_says_needs_a_digest() {
    let (into, bytes) = (Folder::new(), component(1_000, 1));
    let digest = sha256(&bytes);
    let server = plain(move |asked: &Asked, _, out: &mut dyn Write| {
        if asked.path.ends_with(".sig") {
            return answer(out, "404 Not Found", "", b"");
        }
        head(out, "200 OK", "");
        let _gone = out.write_all(&bytes);
    });
    let source = format!("{}/auth-x.wasm", server.url);
    fetch(&source, &into, &[]).refused("does not say how long the file is");
    fetch(&format!("{source}#sha256={digest}"), &into, &[]).succeeded();
}

#[test]
fn silent_server_is_given_up_after_the_time_that_was_given() {
    let into = Folder::new();
    let server = plain(|_: &Asked, _, out: &mut dyn Write| {
        head(out, "200 OK", "Content-Length: 5000\r\n");
        let _gone = out.flush();
        loop {
            std::thread::park();
        }
    });
    let source = format!("{}/auth-x.wasm", server.url);
    let run = fetch(&source, &into, &["--timeout", "1"]);
    let run = run.refused("the server takes too long; --timeout SECONDS waits longer");
    assert!(run.err.contains("again in 250 ms"), "{}", run.err);
    assert_eq!(server.paths().len(), 4);
}

#[test]
fn server_that_is_busy_is_asked_again() {
    let into = Folder::new();
    let server = plain(|asked: &Asked, before: usize, out: &mut dyn Write| {
        match (asked.path.as_str(), before) {
            (_, 0) => answer(out, "503 Service Unavailable", "", b""),
            ("/auth-x.wasm", _) => answer(out, "200 OK", "", &component(1_000, 1)),
            _ => answer(out, "200 OK", "", b"signature"),
        }
    });
    let source = format!("{}/auth-x.wasm", server.url);
    let run = fetch(&source, &into, &[]).succeeded();
    assert!(run.err.contains("cannot answer now (503"), "{}", run.err);
    assert_eq!(into.names(), ["auth-x.sig", "auth-x.wasm"]);
}

#[test]
fn server_that_is_not_there_is_given_up() {
    let into = Folder::new();
    // A port that was free a moment ago, and whose listener is gone.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let run = fetch(&format!("http://{address}/auth-x.wasm"), &into, &[]);
    let run = run.refused("given up; run it again later");
    assert!(
        run.err.contains("check the source and the network"),
        "{}",
        run.err
    );
    assert!(into.names().is_empty());
}

#[test]
fn signature_that_does_not_arrive_keeps_the_component_back() {
    let into = Folder::new();
    let server = plain(|asked: &Asked, before: usize, out: &mut dyn Write| {
        match (asked.path.as_str(), before) {
            ("/auth-x.wasm", _) => file(asked, out, &component(MIB, 1), "\"1\"", usize::MAX),
            (_, 0..4) => answer(out, "500 Internal Server Error", "", b""),
            _ => answer(out, "200 OK", "", b"signature"),
        }
    });
    let source = format!("{}/auth-x.wasm", server.url);
    fetch(&source, &into, &[]).refused("the signature did not arrive; run it again later");
    assert_eq!(into.names(), ["auth-x.wasm.part", "auth-x.wasm.part.from"]);
    fetch(&source, &into, &[]).succeeded();
    assert_eq!(into.names(), ["auth-x.sig", "auth-x.wasm"]);
    let resumed = server
        .requests()
        .into_iter()
        .rfind(|asked| asked.path == "/auth-x.wasm");
    assert_eq!(resumed.unwrap().from(), Some(MIB));
}

#[test]
fn two_programs_do_not_write_the_same_file() {
    let into = Folder::new();
    let part = into.file("auth-x.wasm.part");
    let held = fs::File::create(&part).unwrap();
    held.lock().unwrap();
    let server = plain(breaking(usize::MAX, |_| 1));
    let run = fetch(&format!("{}/auth-x.wasm", server.url), &into, &[]);
    run.refused("is being written by another `fetch`; wait until it has ended");
    assert!(server.paths().is_empty());
}
