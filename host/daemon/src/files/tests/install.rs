//! Installation by a program, the restart in the middle, and what is kept about it.

use super::http_server::HttpServer;
use super::*;

/// A station with an image fetched as request 1, and an installer that does what this text says.
fn fetched(script: &str) -> Rig {
    let server = HttpServer::new(b"the image", []);
    let folder = Folder::new();
    let installer = folder.program(script);
    let rig = Rig::with(folder, |settings| settings.firmware.installer = installer);
    rig.files
        .download_firmware(firmware(1, &server.url("/f")))
        .unwrap();
    assert_eq!(rig.outcome().1.stage, Stage::Done);
    rig.idle();
    rig
}

fn again(rig: Rig) -> Rig {
    let installer = vec![
        "/bin/sh".to_owned(),
        rig.folder
            .path()
            .join("installer.sh")
            .to_string_lossy()
            .into_owned(),
    ];
    rig.restarted(|settings| settings.firmware.installer = installer)
}

/// Writes down how it is called and what the image holds.
const GOOD: &str = r#"echo "$@" >> "$(dirname "$0")/calls"; [ "$1" = install ] && cat "$2" > "$(dirname "$0")/seen"; exit 0"#;

#[test]
fn installation_ends_with_a_restart_and_the_installer_confirms_it_afterwards() {
    let rig = fetched(GOOD);
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.stages(2), [Stage::Installing, Stage::Restarting]);
    rig.idle();
    assert_eq!(rig.folder.read("seen").unwrap(), b"the image");
    assert_eq!(rig.files.last_installation("a"), None);
    // Until the restart nothing else is installed or fetched.
    assert_eq!(
        rig.files.install_firmware("a", 1, "1.0"),
        Err(Refused::Busy)
    );
    let next = firmware(2, "http://127.0.0.1:1/f");
    assert_eq!(rig.files.download_firmware(next), Err(Refused::Busy));
    let rig = again(rig);
    rig.files.confirm();
    let report = rig.next();
    assert_eq!((report.request, report.stage), (1, Stage::Installed));
    let calls = String::from_utf8(rig.folder.read("calls").unwrap()).unwrap();
    let image = rig.folder.path().join("firmware/image");
    assert_eq!(
        calls,
        format!("install {} 1.0\nconfirm 1.0\n", image.display())
    );
    // The same at every start, for who asked, until the next request.
    let rig = again(rig);
    rig.files.confirm();
    assert_eq!(
        rig.files.last_installation("a").unwrap().stage,
        Stage::Installed
    );
    assert_eq!(rig.files.last_installation("b"), None);
    assert!(rig.reports.try_recv().is_err());
    let server = HttpServer::new(b"next", []);
    rig.files
        .download_firmware(firmware(2, &server.url("/f")))
        .unwrap();
    assert_eq!(rig.outcome().1.stage, Stage::Done);
    assert_eq!(rig.files.last_installation("a"), None);
}

#[test]
fn installer_that_fails_is_quoted_and_no_restart_follows() {
    let rig = fetched("echo beginning; echo 'slot B is not bootable' >&2; exit 3");
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.next().stage, Stage::Installing);
    let report = rig.next();
    assert_eq!(report.stage, Stage::InstallFailed);
    assert_eq!(report.detail, "slot B is not bootable");
    let rig = again(rig);
    rig.files.confirm();
    assert_eq!(rig.files.last_installation("a"), None);
    // The image is still there for another try.
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.next().stage, Stage::Installing);
}

#[test]
fn new_firmware_that_is_not_confirmed_has_failed() {
    let rig = fetched(r#"[ "$1" = install ] || { echo "the old slot is running"; exit 1; }"#);
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.stages(2), [Stage::Installing, Stage::Restarting]);
    let rig = again(rig);
    rig.files.confirm();
    let report = rig.next();
    assert_eq!(report.stage, Stage::InstallFailed);
    assert_eq!(report.detail, "the old slot is running");
    assert_eq!(rig.files.last_installation("a"), Some(report));
}

#[test]
fn installer_may_restart_the_machine_and_tell_that_it_has_not_happened_yet() {
    let rig = fetched(
        r#"echo "$1" >> "$(dirname "$0")/calls"; [ "$1" = confirm ] && { echo "still the old system"; exit 75; }; exit 0"#,
    );
    assert!(!rig.files.restart_by_installer());
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.stages(2), [Stage::Installing, Stage::Restarting]);
    assert!(rig.files.restart_by_installer());
    let mut rig = rig;
    for _ in 0..3 {
        rig = again(rig);
        rig.files.confirm();
        let report = rig.next();
        assert_eq!(
            (report.stage, report.detail.as_str()),
            (Stage::Restarting, "still the old system")
        );
        assert_eq!(rig.files.last_installation("a"), None);
    }
    // Not for ever.
    rig = again(rig);
    rig.files.confirm();
    assert_eq!(rig.next().stage, Stage::InstallFailed);
    assert!(!rig.files.restart_by_installer());
    let calls = String::from_utf8(rig.folder.read("calls").unwrap()).unwrap();
    assert_eq!(
        calls,
        "install\nrestart\nconfirm\nconfirm\nconfirm\nconfirm\n"
    );
}

#[test]
fn installer_that_leaves_the_restart_to_the_station_is_believed() {
    let rig = fetched(r#"[ "$1" != restart ]"#);
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.stages(2), [Stage::Installing, Stage::Restarting]);
    assert!(!rig.files.restart_by_installer());
    let rig = again(rig);
    rig.files.confirm();
    assert_eq!(rig.next().stage, Stage::Installed);
}

#[test]
fn power_cut_during_the_installation_is_a_failure_without_asking_the_installer() {
    let rig = fetched(GOOD);
    rig.folder.write(
        "firmware/pending.json",
        r#"{"adapter":"a","request":1,"stage":"installing","detail":"","version_before":"1.0","at_wall_ms":null}"#,
    );
    let rig = again(rig);
    rig.files.confirm();
    let report = rig.next();
    assert_eq!((report.request, report.stage), (1, Stage::InstallFailed));
    assert!(rig.folder.read("calls").is_none());
}

#[test]
fn damaged_state_is_as_if_it_were_not_there() {
    for damage in ["", "{", "[1]", "{\"adapter\":7}", "\u{0}\u{0}\u{0}"] {
        let rig = fetched(GOOD);
        rig.folder.write("firmware/pending.json", damage);
        rig.folder.write("firmware/staged.json", damage);
        let rig = again(rig);
        rig.files.confirm();
        assert_eq!(rig.files.last_installation("a"), None);
        assert_eq!(
            rig.files.install_firmware("a", 1, "1.0"),
            Err(Refused::Unknown)
        );
    }
}

#[test]
fn installer_that_takes_too_long_is_ended_with_all_its_children() {
    let rig = fetched("echo started; sleep 600 & sleep 600");
    let folder = rig.folder.path().join("installer.sh");
    let installer = vec!["/bin/sh".to_owned(), folder.to_string_lossy().into_owned()];
    let rig = rig.restarted(|settings| {
        settings.firmware.installer = installer;
        settings.firmware.install_timeout = Duration::from_millis(300);
    });
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.next().stage, Stage::Installing);
    // Not cancellable: half an image is worse than none.
    assert!(!rig.files.cancel("a", 1));
    let report = rig.next();
    assert_eq!(report.stage, Stage::InstallFailed);
    assert!(
        report.detail.contains("took longer") && report.detail.contains("started"),
        "{}",
        report.detail
    );
}

#[test]
fn station_that_stops_ends_the_installer_and_tells_at_the_next_start() {
    let rig = fetched(r#"echo $$ > "$(dirname "$0")/pid"; sleep 600"#);
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.next().stage, Stage::Installing);
    let pid = || {
        String::from_utf8(rig.folder.read("pid")?)
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    };
    let pid = loop {
        if let Some(pid) = pid() {
            break pid;
        }
        std::thread::yield_now();
    };
    let rig = again(rig);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    rig.files.confirm();
    let report = rig.next();
    assert_eq!((report.request, report.stage), (1, Stage::InstallFailed));
}

#[test]
fn installer_that_talks_without_end_or_lines_is_heard_within_bounds() {
    let rig = fetched(
        "head -c 3000000 /dev/zero | tr '\\0' x; yes | head -n 20000; echo; printf 'last\\033[0m word'; exit 1",
    );
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.next().stage, Stage::Installing);
    let report = rig.next();
    assert_eq!(report.stage, Stage::InstallFailed);
    assert_eq!(report.detail, "last[0m word");
}

#[test]
fn installer_that_leaves_a_child_behind_does_not_hold_up_the_station() {
    let rig = fetched("sleep 30 & exit 0");
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.stages(2), [Stage::Installing, Stage::Restarting]);
}

#[test]
fn installer_that_is_not_there_fails_with_words() {
    let rig = fetched(GOOD).restarted(|settings| {
        settings.firmware.installer = vec!["/nowhere/installer".to_owned()];
    });
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.next().stage, Stage::Installing);
    let report = rig.next();
    assert_eq!(report.stage, Stage::InstallFailed);
    assert!(
        report.detail.contains("/nowhere/installer"),
        "{}",
        report.detail
    );
}

#[test]
fn station_without_installer_supports_no_firmware_at_all() {
    let rig = Rig::with(Folder::new(), |settings| {
        settings.firmware.installer.clear()
    });
    let url = "http://127.0.0.1:1/f";
    assert_eq!(
        rig.files.download_firmware(firmware(1, url)),
        Err(Refused::NotSupported)
    );
    assert_eq!(
        rig.files.install_firmware("a", 1, "1.0"),
        Err(Refused::NotSupported)
    );
    assert!(
        Refused::NotSupported
            .to_string()
            .contains("not supported on this station")
    );
}

#[test]
fn only_the_image_that_was_fetched_by_this_request_is_installed() {
    let rig = fetched(GOOD);
    assert_eq!(
        rig.files.install_firmware("a", 2, "1.0"),
        Err(Refused::Unknown)
    );
    assert_eq!(
        rig.files.install_firmware("b", 1, "1.0"),
        Err(Refused::Unknown)
    );
    rig.folder.write("firmware/image", "another image");
    rig.files.install_firmware("a", 1, "1.0").unwrap();
    assert_eq!(rig.stages(2), [Stage::Installing, Stage::InstallFailed]);
    assert!(rig.folder.read("calls").is_none());
}

#[test]
fn unsigned_firmware_is_neither_fetched_nor_installed_where_signatures_are_required() {
    let rig = fetched(GOOD);
    let installer = vec!["/bin/true".to_owned()];
    let rig = rig.restarted(|settings| {
        settings.firmware.installer = installer;
        settings.firmware.require_signature = true;
    });
    // Fetched while that was still allowed.
    assert_eq!(
        rig.files.install_firmware("a", 1, "1.0"),
        Err(Refused::SignatureRequired)
    );
    let unsigned = firmware(2, "http://127.0.0.1:1/f");
    assert_eq!(
        rig.files.download_firmware(unsigned),
        Err(Refused::SignatureRequired)
    );
}
