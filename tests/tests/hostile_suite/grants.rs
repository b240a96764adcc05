//! Every grant needs both: the manifest must ask for it, and the pack must give it.

use plugin_host::{
    AuthorizerInput, BackendCommand, BackendInput, BackendPlugin, Grant, Grants, Limits, PluginKind,
};
use station::{Decision, IdToken, TokenKind, Verdict};

use crate::guests::{
    ENGINE, all_grants, ask, authorizer, backend_start, component, now, question, setting,
};

/// How a grant shows.
#[derive(Clone, Copy)]
enum Opens {
    /// This command of a backend adapter.
    Command(&'static str),
    /// What a plugin hears.
    Input,
}

const TABLE: [(Grant, Opens); 20] = [
    (Grant::NetConnect, Opens::Command("connect")),
    (Grant::StationStart, Opens::Command("request-start")),
    (Grant::StationStop, Opens::Command("request-stop")),
    (Grant::StationUnlock, Opens::Command("unlock")),
    (Grant::StationReset, Opens::Command("reset")),
    (
        Grant::StationAvailability,
        Opens::Command("set-availability"),
    ),
    (Grant::SettingsWrite, Opens::Command("set-setting")),
    (Grant::SettingsRead, Opens::Input),
    (Grant::ClockSet, Opens::Command("set-clock")),
    (Grant::MeterRead, Opens::Command("read-meter")),
    (Grant::Authorize, Opens::Command("verdict")),
    (Grant::AuthorizeOpinions, Opens::Input),
    (Grant::StationLimit, Opens::Command("limit")),
    (Grant::StationReserve, Opens::Command("reserve")),
    (Grant::DiagnosticsRead, Opens::Command("upload")),
    (Grant::FirmwareUpdate, Opens::Command("install-firmware")),
    (Grant::NetTransfer, Opens::Command("download-firmware")),
    (Grant::Certificates, Opens::Command("create-csr")),
    (Grant::NetHttp, Opens::Command("http-request")),
    (Grant::NetListen, Opens::Command("listen")),
];

/// A component with one capability of its manifest misspelt, so that it does not ask for this grant.
fn not_requesting(path: &str, grant: Grant) -> Vec<u8> {
    let mut bytes = component(path);
    let name = grant.name().as_bytes();
    let list = b"net.connectstation.start";
    let begin = bytes
        .windows(list.len())
        .position(|window| window == list)
        .expect("the capabilities are constants side by side");
    let place = bytes[begin..]
        .windows(name.len())
        .position(|window| window == name)
        .unwrap();
    bytes[begin + place] = b'x';
    bytes
}

/// The texts of the refusals of this command.
fn refused(bytes: &[u8], grants: &Grants, command: &str) -> Vec<String> {
    let loaded = ENGINE
        .load(PluginKind::Backend, "hostile-backend", bytes, None)
        .unwrap();
    let mut plugin = BackendPlugin::instantiate(&loaded, Limits::DEFAULT, grants).unwrap();
    let start = backend_start(vec![setting("do", "everything")]);
    plugin.start(now(), start).unwrap();
    let commands = plugin
        .handle(now(), BackendInput::Authorize(question(1, "04A1B2C3")))
        .unwrap();
    let text = |given: &BackendCommand| match given {
        BackendCommand::Refused(refusal) if refusal.command == command => Some(refusal.to_string()),
        _ => None,
    };
    commands.iter().filter_map(text).collect()
}

fn all_but(grant: Grant) -> Grants {
    let mut grants = Grants::none();
    for other in Grant::ALL.into_iter().filter(|other| *other != grant) {
        match other {
            Grant::NetConnect => grants.allow_for(other, ["ws://127.0.0.1:9/"]),
            Grant::SettingsWrite | Grant::SettingsRead => grants.allow_for(other, ["*"]),
            Grant::NetTransfer | Grant::NetHttp => grants.allow_for(other, ["http://127.0.0.1:9/"]),
            Grant::NetListen => grants.allow_for(other, ["9"]),
            _ => grants.allow(other),
        };
    }
    grants
}

#[test]
fn hostile_adapter_gets_a_command_only_if_its_manifest_asks_and_the_pack_gives() {
    const PATH: &str = "test/hostile-backend";
    let asking = component(PATH);
    for (grant, opens) in TABLE {
        let Opens::Command(command) = opens else {
            continue;
        };
        let expected =
            format!("plugin hostile-backend: `{command}` refused: the grant `{grant}` is missing");
        assert_eq!(
            refused(&asking, &all_grants(), command),
            [""; 0],
            "{grant}: both"
        );
        assert_eq!(
            refused(&asking, &all_but(grant), command),
            [expected.as_str()],
            "{grant}: not given"
        );
        let silent = not_requesting(PATH, grant);
        assert_eq!(
            refused(&silent, &all_grants(), command),
            [expected.as_str()],
            "{grant}: not asked for"
        );
        assert_eq!(
            refused(&silent, &all_but(grant), command),
            [expected.as_str()],
            "{grant}: neither"
        );
    }
}

#[test]
fn every_grant_is_in_the_table_of_hostile_adapters() {
    assert_eq!(TABLE.map(|(grant, _)| grant), Grant::ALL);
}

/// The keys that a hostile authorizer was shown.
fn shown(bytes: &[u8], grants: &Grants) -> String {
    let loaded = ENGINE
        .load(PluginKind::Authorizer, "hostile-authorizer", bytes, None)
        .unwrap();
    let settings = vec![
        setting("do", "tell-settings"),
        setting("wifi_password", "secret"),
    ];
    let mut plugin = authorizer(&loaded, Limits::DEFAULT, grants, settings);
    let change = AuthorizerInput::SettingChanged(setting("phases", "3"));
    assert_eq!(
        plugin.hears(&change),
        grants.has(Grant::SettingsRead) && plugin.grants().has(Grant::SettingsRead)
    );
    plugin.handle(now(), change).unwrap();
    let answer = plugin.handle(now(), ask(1, "X")).unwrap();
    answer.verdict.unwrap().reason.unwrap()
}

#[test]
fn hostile_authorizer_sees_settings_only_if_its_manifest_asks_and_the_pack_gives() {
    const PATH: &str = "test/hostile-authorizer";
    let (asking, silent) = (component(PATH), not_requesting(PATH, Grant::SettingsRead));
    assert_eq!(shown(&asking, &all_grants()), "do wifi_password phases");
    assert_eq!(shown(&asking, &all_but(Grant::SettingsRead)), "do");
    assert_eq!(shown(&silent, &all_grants()), "do");
}

fn opinion() -> AuthorizerInput {
    AuthorizerInput::BackendOpinion {
        token: IdToken {
            value: "04A1B2C3".to_owned(),
            kind: TokenKind::Rfid,
        },
        verdict: Verdict {
            decision: Decision::Accepted,
            group: None,
            expires: None,
            limit: None,
            reason: None,
            offline: false,
            source: "backend".to_owned(),
        },
    }
}

#[test]
fn hostile_authorizer_hears_opinions_only_if_its_manifest_asks_and_the_pack_gives() {
    const PATH: &str = "test/hostile-authorizer";
    let hears = |bytes: &[u8], grants: &Grants| {
        let loaded = ENGINE
            .load(PluginKind::Authorizer, "hostile-authorizer", bytes, None)
            .unwrap();
        authorizer(&loaded, Limits::DEFAULT, grants, Vec::new()).hears(&opinion())
    };
    let asking = component(PATH);
    // Its name begins with another grant's; the longer one is misspelt at its end.
    let mut silent = asking.clone();
    let name = Grant::AuthorizeOpinions.name().as_bytes();
    let place = silent.windows(name.len()).position(|window| window == name);
    silent[place.unwrap() + name.len() - 1] = b'x';
    assert!(hears(&asking, &all_grants()));
    assert!(!hears(&asking, &all_but(Grant::AuthorizeOpinions)));
    assert!(!hears(&silent, &all_grants()));
}

#[test]
fn hostile_authorizer_accepts_only_if_the_manifest_asks_and_the_pack_gives() {
    let authorizer_path = "test/hostile-authorizer";
    let silent = not_requesting(authorizer_path, Grant::Authorize);
    let asking = component(authorizer_path);
    for (bytes, grants, expected) in [
        (&asking, all_grants(), Decision::Accepted),
        (&asking, all_but(Grant::Authorize), Decision::NoOpinion),
        (&silent, all_grants(), Decision::NoOpinion),
    ] {
        let loaded = ENGINE
            .load(PluginKind::Authorizer, "hostile-authorizer", bytes, None)
            .unwrap();
        let mut plugin = authorizer(&loaded, Limits::DEFAULT, &grants, Vec::new());
        let verdict = plugin.handle(now(), ask(1, "X")).unwrap().verdict.unwrap();
        assert_eq!(verdict.decision, expected);
    }
}
