//! Archives, read back by the `tar` that people have.

use std::process::Command;

use flate2::read::GzDecoder;

use super::http_server::{Answer, HttpServer};
use super::*;
use crate::files::archive;
use crate::files::limits::{ARCHIVE_BYTES, ARCHIVE_FILES};

/// Packs, unpacks with `tar`, and reads every file.
fn unpacked(files: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let folder = Folder::new();
    let packed = archive::pack(Vec::new(), Snapshot { files }, 1_795_273_871).unwrap();
    folder.write("a.tar.gz", &packed);
    let mut all = Vec::new();
    std::io::Read::read_to_end(&mut GzDecoder::new(packed.as_slice()), &mut all).unwrap();
    assert!(all.len() <= ARCHIVE_BYTES + (ARCHIVE_FILES + 4) * 1_024);
    let tar = |arguments: &[&str]| {
        let output = Command::new("tar")
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let names = tar(&["tzf", "a.tar.gz"]);
    std::fs::create_dir(folder.path().join("out")).unwrap();
    tar(&["xzf", "a.tar.gz", "-C", "out"]);
    names
        .lines()
        .map(|name| {
            (
                name.to_owned(),
                folder.read(&format!("out/{name}")).unwrap(),
            )
        })
        .collect()
}

fn file(name: &str, contents: &[u8]) -> (String, Vec<u8>) {
    (name.to_owned(), contents.to_vec())
}

#[test]
fn archive_holds_every_file_as_it_is() {
    let files = vec![
        file("status.json", b"{}"),
        file("frames/backend-eflux.txt", &image(100_000)),
        file("empty.txt", b""),
        file("block.bin", &[7; 512]),
    ];
    assert_eq!(unpacked(files.clone()), files);
}

#[test]
fn archive_that_would_be_too_large_says_what_is_missing() {
    let first = vec![b'a'; ARCHIVE_BYTES - 100];
    let mut log = vec![b'o'; 1_000];
    log.extend([b'n'; 100]);
    let found = unpacked(vec![
        file("first", &first),
        file("log.txt", &log),
        file("more", b"x"),
    ]);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["first", "log.txt", "CUT.txt"]);
    // The newest stays.
    assert_eq!(found[1].1, vec![b'n'; 100]);
    let cut = String::from_utf8_lossy(&found[2].1);
    assert!(
        cut.contains("log.txt: the first 1000 of 1100 bytes") && cut.contains("more"),
        "{cut}"
    );
    let many = (0..400)
        .map(|number| file(&number.to_string(), b"x"))
        .collect();
    assert_eq!(unpacked(many).len(), ARCHIVE_FILES + 1);
}

#[test]
fn names_stay_inside_the_folder_that_somebody_unpacks_into() {
    let long = "n".repeat(101);
    let found = unpacked(vec![
        file("../../etc/passwd", b"1"),
        file("/abs\\olute", b"2"),
        file(&long, b"3"),
        file("..", b"4"),
        file("ümläut\n.txt", b"5"),
    ]);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["etc/passwd", "abs/olute", "file-2", "file-3", "_ml_ut_.txt"]
    );
}

#[test]
fn diagnostics_are_uploaded_as_an_archive() {
    let server = HttpServer::new(b"", [Answer::Take]);
    let rig = Rig::new();
    let mut job = upload(1, &server.url("/d/"), "");
    job.file_name = "diag.tar.gz".to_owned();
    job.document = Document::Diagnostics(Snapshot {
        files: vec![file("status.json", b"{\"a\":1}")],
    });
    rig.files.upload(job).unwrap();
    assert_eq!(rig.outcome().1.stage, Stage::Done);
    let body = server.asked().remove(0).body;
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut GzDecoder::new(body.as_slice()), &mut text).unwrap();
    assert!(String::from_utf8_lossy(&text).contains("{\"a\":1}"));
}
