//! Transfers over FTP.

use super::ftp_server::{FtpServer, Habits};
use super::*;

fn server(habits: Habits) -> FtpServer {
    let server = FtpServer::new(habits, None);
    server.put("d/fw.bin", &image(200_000));
    server
}

#[test]
fn broken_ftp_download_goes_on_where_it_ended() {
    let server = server(Habits {
        broken: vec![70_000],
        ..Habits::default()
    });
    let folder = Folder::new();
    let url = server.url("ftp", "/d/fw.bin");
    let why = words(fetch(&folder, &url));
    assert!(why.contains("426"), "{why}");
    fetch(&folder, &url).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), image(200_000));
    let heard = server.heard();
    assert!(heard.contains(&"REST 70000".to_owned()), "{heard:?}");
    assert!(heard.contains(&"USER anonymous".to_owned()));
    assert_eq!(heard.last().unwrap(), "QUIT");
}

#[test]
fn ftp_file_is_fetched_from_its_beginning_if_it_may_have_changed_or_rest_is_unknown() {
    for (habits, newer) in [
        (Habits::default(), true),
        (
            Habits {
                no_rest: true,
                ..Habits::default()
            },
            false,
        ),
        (
            Habits {
                no_mdtm: true,
                ..Habits::default()
            },
            false,
        ),
    ] {
        let server = server(Habits {
            broken: vec![70_000],
            ..habits
        });
        let folder = Folder::new();
        let url = server.url("ftp", "/d/fw.bin");
        fetch(&folder, &url).unwrap_err();
        let mut file = image(200_000);
        if newer {
            file.reverse();
            server.put("d/fw.bin", &file);
            server.state.lock().unwrap().time = "20261121110000".to_owned();
        }
        fetch(&folder, &url).unwrap();
        assert_eq!(folder.read("firmware/image").unwrap(), file);
    }
}

#[test]
fn data_connection_goes_to_the_server_whatever_address_it_names() {
    let server = server(Habits {
        no_epsv: true,
        other_address: true,
        ..Habits::default()
    });
    let folder = Folder::new();
    fetch(&folder, &server.url("ftp", "/d/fw.bin")).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), image(200_000));
}

#[test]
fn ftp_file_shorter_than_its_size_fails() {
    let server = server(Habits {
        too_large: 5,
        ..Habits::default()
    });
    let folder = Folder::new();
    let why = words(fetch(&folder, &server.url("ftp", "/d/fw.bin")));
    assert!(why.contains("200000 of 200005 bytes"), "{why}");
    assert!(folder.read("firmware/image").is_none());
}

#[test]
fn ftp_file_above_the_limit_is_refused_for_good() {
    let server = server(Habits::default());
    let folder = Folder::new();
    let url = server.url("ftp", "/d/fw.bin");
    let why = words(attempt(&settings(&folder), &everywhere(), &url, 1_000));
    assert!(
        why.starts_with("final: ") && why.contains("larger"),
        "{why}"
    );
    let heard = server.heard();
    assert!(
        !heard.iter().any(|line| line.starts_with("RETR")),
        "{heard:?}"
    );
}

#[test]
fn login_comes_from_the_url_and_its_password_is_never_repeated() {
    let server = server(Habits {
        login: Some(("us er", "ge:heim")),
        ..Habits::default()
    });
    let folder = Folder::new();
    let url = server.url("ftp", "/d/fw.bin");
    fetch(&folder, &url.replace("//", "//us%20er:ge%3Aheim@")).unwrap();
    let why = words(fetch(&folder, &url.replace("//", "//us%20er:falsch@")));
    assert!(why.contains("530 \"*** is wrong\""), "{why}");
}

#[test]
fn upload_is_stored_under_its_name_and_a_full_server_says_so() {
    let server = server(Habits::default());
    let rig = Rig::new();
    let text = "line\n".repeat(50_000);
    rig.files
        .upload(upload(3, &server.url("ftp", "/logs/"), &text))
        .unwrap();
    assert_eq!(rig.outcome().1.stage, Stage::Done);
    assert_eq!(
        server.state.lock().unwrap().files["logs/log.txt"],
        text.as_bytes()
    );
    let full = FtpServer::new(
        Habits {
            full: true,
            ..Habits::default()
        },
        None,
    );
    rig.idle();
    rig.files
        .upload(upload(4, &full.url("ftp", "/logs/"), &text))
        .unwrap();
    let (_, report) = rig.outcome();
    assert_eq!(report.stage, Stage::Failed);
    assert!(report.detail.contains("452"), "{}", report.detail);
}

#[test]
fn what_is_no_ftp_server_is_left_soon() {
    let folder = Folder::new();
    for (greeting, expected) in [
        ("SSH-2.0-OpenSSH\r\n", "no FTP server"),
        ("421 too many\r\n", "421"),
        ("", "nothing moved"),
        ("220-and", "nothing moved"),
    ] {
        let server = server(Habits {
            greeting: Some(greeting.to_owned()),
            ..Habits::default()
        });
        let why = words(fetch(&folder, &server.url("ftp", "/d/fw.bin")));
        assert!(why.contains(expected), "{greeting:?}: {why}");
    }
    let endless = server(Habits {
        greeting: Some("220-x\r\n".repeat(5_000)),
        ..Habits::default()
    });
    let why = words(fetch(&folder, &endless.url("ftp", "/d/fw.bin")));
    assert!(why.contains("more than 64 lines"), "{why}");
}
