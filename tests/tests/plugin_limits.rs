//! Limits and grants of well-behaved and greedy plugins, and the first plugins of the project in their sandbox.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod guests;

use guests::{
    ENGINE, all_grants, ask, authorizer, backend_start, component, hostile_backend, load, now,
    setting,
};
use plugin_host::{
    AuthorizerInput, AuthorizerPlugin, BackendCommand, BackendInput, BackendPlugin, DisplayPlugin,
    Grant, Grants, Limits, LoadError, PluginError, PluginKind, RefusalReason,
};
use station::{Decision, Outcome, RequestId};

fn everything(grants: &Grants) -> Vec<BackendCommand> {
    let mut plugin = hostile_backend("everything", Limits::DEFAULT, grants);
    // The verdict among them answers this request.
    let input = BackendInput::Authorize(guests::question(1, "04A1B2C3"));
    plugin.handle(now(), input).unwrap()
}

#[test]
fn without_grants_every_command_is_refused_by_name() {
    let commands = everything(&Grants::none());
    let texts: Vec<String> = commands
        .iter()
        .map(|command| match command {
            BackendCommand::Refused(refusal) => refusal.to_string(),
            other => panic!("not refused: {other:?}"),
        })
        .collect();
    let expected = [
        ("connect", "net.connect"),
        ("request-start", "station.start"),
        ("request-stop", "station.stop"),
        ("unlock", "station.unlock"),
        ("reset", "station.reset"),
        ("set-availability", "station.availability"),
        ("set-setting", "settings.write"),
        ("read-meter", "meter.read"),
        ("set-clock", "clock.set"),
        ("verdict", "authorize"),
        ("transaction-verdict", "authorize"),
        ("limit", "station.limit"),
        ("reserve", "station.reserve"),
        ("cancel-reservation", "station.reserve"),
        ("upload", "diagnostics.read"),
        ("download-firmware", "firmware.update"),
        ("install-firmware", "firmware.update"),
        ("list-certificates", "certificates"),
        ("install-certificate", "certificates"),
        ("delete-certificate", "certificates"),
        ("create-csr", "certificates"),
        ("install-chain", "certificates"),
        ("security-event", "certificates"),
        ("http-request", "net.http"),
        ("listen", "net.listen"),
        ("http-answer", "net.listen"),
    ]
    .map(|(command, grant)| {
        format!("plugin hostile-backend: `{command}` refused: the grant `{grant}` is missing")
    });
    assert_eq!(texts, expected);
}

#[test]
fn with_all_grants_nothing_is_refused() {
    let commands = everything(&all_grants());
    assert_eq!(commands.len(), 26);
    for command in commands {
        assert!(
            !matches!(command, BackendCommand::Refused(_)),
            "{command:?}"
        );
    }
}

#[test]
fn each_grant_opens_only_its_own_commands() {
    for grant in Grant::ALL {
        let mut grants = Grants::none();
        match grant {
            Grant::NetConnect => grants.allow_for(grant, ["ws://127.0.0.1:9/"]),
            Grant::SettingsWrite | Grant::SettingsRead => grants.allow_for(grant, ["*"]),
            Grant::NetTransfer | Grant::NetHttp => grants.allow_for(grant, ["http://127.0.0.1:9/"]),
            Grant::NetListen => grants.allow_for(grant, ["9"]),
            _ => grants.allow(grant),
        };
        let open = everything(&grants)
            .iter()
            .filter(|command| !matches!(command, BackendCommand::Refused(_)))
            .count();
        let expected = match grant {
            // A verdict and a later verdict on a transaction.
            Grant::Authorize => 2,
            // To make and to cancel.
            Grant::StationReserve => 2,
            // Five about certificates, and the events about security.
            Grant::Certificates => 6,
            // To listen and to answer.
            Grant::NetListen => 2,
            // Either needs the other to move a file.
            Grant::DiagnosticsRead | Grant::NetTransfer => 0,
            // Opens inputs, not commands.
            Grant::SettingsRead | Grant::AuthorizeOpinions => 0,
            _ => 1,
        };
        assert_eq!(open, expected, "{grant}");
    }
}

#[test]
fn url_outside_the_granted_prefixes_is_refused_with_the_url() {
    let mut plugin = hostile_backend("ungranted-url", Limits::DEFAULT, &all_grants());
    let commands = plugin.handle(now(), BackendInput::Timer).unwrap();
    let [BackendCommand::Refused(refusal)] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    assert_eq!(refusal.grant(), Some(Grant::NetConnect));
    assert_eq!(
        refusal.to_string(),
        "plugin hostile-backend: `connect` refused: the grant `net.connect` does not cover \
         ws://192.0.2.1/anything"
    );
}

#[test]
fn setting_outside_the_granted_keys_is_refused_with_the_key_and_answered() {
    let mut grants = Grants::none();
    grants.allow_for(Grant::SettingsWrite, ["meter_sample_interval_s"]);
    let refusal = everything(&grants)
        .into_iter()
        .find_map(|command| match command {
            BackendCommand::Refused(r) if r.command == "set-setting" => Some(r),
            _ => None,
        })
        .unwrap();
    assert_eq!(refusal.reason, RefusalReason::Grant(Grant::SettingsWrite));
    assert_eq!(
        (refusal.request, refusal.outcome()),
        (Some(RequestId(6)), Outcome::Rejected)
    );
    assert_eq!(
        refusal.to_string(),
        "plugin hostile-backend: `set-setting` refused: the grant `settings.write` does not cover \
         the setting `installation_current_limit_a`"
    );
}

#[test]
fn grants_that_the_manifest_does_not_ask_for_are_taken_away() {
    let loaded = load(PluginKind::Authorizer, "auth-local-whitelist");
    let plugin = AuthorizerPlugin::instantiate(&loaded, Limits::DEFAULT, &all_grants()).unwrap();
    assert_eq!(plugin.grants().names().collect::<Vec<_>>(), ["authorize"]);
}

#[test]
fn setting_without_the_read_grant_is_kept_from_the_plugin() {
    let loaded = load(PluginKind::Authorizer, "test/hostile-authorizer");
    let seen = |readable: &[&str]| {
        let mut grants = Grants::none();
        grants.allow(Grant::Authorize);
        grants.allow_for(Grant::SettingsRead, readable.iter().copied());
        let settings = vec![
            setting("do", "tell-settings"),
            setting("phases", "3"),
            setting("wifi_password", "secret"),
        ];
        let mut plugin = authorizer(&loaded, Limits::DEFAULT, &grants, settings);
        let change = AuthorizerInput::SettingChanged(setting("basic_auth_password", "secret"));
        plugin.handle(now(), change).unwrap();
        plugin
            .handle(now(), ask(1, "X"))
            .unwrap()
            .verdict
            .unwrap()
            .reason
            .unwrap()
    };
    assert_eq!(seen(&[]), "do", "its own setting needs no grant");
    assert_eq!(seen(&["phases"]), "do phases");
    assert_eq!(seen(&["*"]), "do phases wifi_password basic_auth_password");
}

#[test]
fn memory_ceiling_below_a_plugins_first_page_stops_it_at_once() {
    let loaded = load(PluginKind::Authorizer, "test/echo-authorizer");
    let limits = Limits {
        memory_mib: 1,
        ..Limits::DEFAULT
    };
    let error = AuthorizerPlugin::instantiate(&loaded, limits, &all_grants()).unwrap_err();
    assert_eq!(error, PluginError::Memory { limit_mib: 1 });
}

#[test]
fn command_limit_of_the_policy_pack_counts() {
    let limits = Limits {
        output_commands: 10,
        ..Limits::DEFAULT
    };
    let mut plugin = hostile_backend("everything", limits, &all_grants());
    let error = plugin.handle(now(), BackendInput::Timer).unwrap_err();
    assert_eq!(
        error,
        PluginError::Output("26 commands, allowed are 10".to_owned())
    );
    assert!(plugin.is_dead());
}

#[test]
fn plugin_with_another_name_than_in_the_pack_is_not_started() {
    let bytes = component("test/echo-authorizer");
    let loaded = ENGINE
        .load(PluginKind::Authorizer, "auth-bank", &bytes, None)
        .unwrap();
    let error = AuthorizerPlugin::instantiate(&loaded, Limits::DEFAULT, &all_grants()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the plugin's answer breaks the contract: it calls itself `echo-authorizer`, the policy \
         pack calls it `auth-bank`"
    );
}

#[test]
fn component_of_another_kind_is_not_loaded() {
    let bytes = component("test/echo-authorizer");
    let error = ENGINE
        .load(PluginKind::Backend, "echo-authorizer", &bytes, None)
        .unwrap_err();
    assert!(matches!(error, LoadError::Contract { .. }), "{error}");
    let loaded = load(PluginKind::Authorizer, "test/echo-authorizer");
    let error = BackendPlugin::instantiate(&loaded, Limits::DEFAULT, &all_grants()).unwrap_err();
    assert_eq!(error.kind(), "garbage");
}

#[test]
fn journal_is_taken_only_as_far_as_it_was_handed_over() {
    let mut plugin = hostile_backend("advance-ahead", Limits::DEFAULT, &all_grants());
    let error = plugin.handle(now(), BackendInput::Timer).unwrap_err();
    assert!(
        error.to_string().contains("it has taken 4 and was given 4"),
        "{error}"
    );
    assert_eq!(backend_start(Vec::new()).cursor.0, 4);
}

// acceptance: J11
#[test]
fn card_is_checked_against_the_local_list_in_the_sandbox() {
    let loaded = load(PluginKind::Authorizer, "auth-local-whitelist");
    let mut grants = Grants::none();
    grants.allow(Grant::Authorize);
    let mut plugin = authorizer(
        &loaded,
        Limits::DEFAULT,
        &grants,
        vec![setting("entries", "04a1b2c3:11223344@2")],
    );
    let mut decide = |uid: &str| {
        let verdict = plugin.handle(now(), ask(7, uid)).unwrap().verdict.unwrap();
        assert_eq!(verdict.source, "auth-local-whitelist");
        verdict.decision
    };
    assert_eq!(decide("04A1B2C3"), Decision::Accepted);
    assert_eq!(
        decide("11223344"),
        Decision::Invalid,
        "listed for EVSE 2 only"
    );
    for unknown in [
        "DEADBEEF",
        "04A1B2C",
        "04A1B2C3 ",
        "",
        "04A1B2C3:11223344",
        "04A1B2C3@1",
    ] {
        assert_eq!(decide(unknown), Decision::NoOpinion, "{unknown:?}");
    }
}

#[test]
fn local_list_without_the_authorize_grant_accepts_nobody() {
    let loaded = load(PluginKind::Authorizer, "auth-local-whitelist");
    let settings = vec![setting("entries", "04A1B2C3")];
    let mut plugin = authorizer(&loaded, Limits::DEFAULT, &Grants::none(), settings);
    let verdict = plugin
        .handle(now(), ask(1, "04A1B2C3"))
        .unwrap()
        .verdict
        .unwrap();
    assert_eq!(verdict.decision, Decision::NoOpinion);
}

#[test]
fn english_texts_are_rendered_in_the_sandbox() {
    let loaded = load(PluginKind::Display, "lang-en");
    let mut plugin = DisplayPlugin::instantiate(&loaded, Limits::DEFAULT).unwrap();
    let charging = plugin
        .render(now(), "indication.charging", &[])
        .unwrap()
        .unwrap();
    assert_eq!(
        (charging.language.as_str(), charging.text.as_str()),
        ("en", "Charging")
    );
    assert_eq!(
        plugin.render(now(), "indication.nonsense", &[]).unwrap(),
        None
    );
}

#[test]
fn every_fault_and_indication_of_the_station_has_an_english_text() {
    let loaded = load(PluginKind::Display, "lang-en");
    let mut plugin = DisplayPlugin::instantiate(&loaded, Limits::DEFAULT).unwrap();
    for fault in station::faults::REGISTRY {
        let id = format!("fault.{}", fault.id);
        assert!(plugin.render(now(), &id, &[]).unwrap().is_some(), "{id}");
    }
}
