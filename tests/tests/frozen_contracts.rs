//! Last version's plugins keep working: components built from a contract that has since changed run in today's host.
//!
//! The components in `tests/frozen` were built once, from the contracts in `wit/frozen` (and from those that have not
//! changed since), and are never built again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod guests;

use guests::{ask, authorizer, now, setting};
use plugin_host::{
    AuthorizerInput, BackendCommand, BackendInput, BackendPlugin, BackendStart, DisplayPlugin,
    Engine, EngineConfig, Grant, Grants, Limits, LinkUp, Loaded, PluginKind, Stage,
};
use station::{Decision, Outcome, RequestId};

fn frozen(kind: PluginKind, name: &str, file: &str) -> Loaded {
    let path = format!("{}/frozen/{file}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    let engine = Engine::new(EngineConfig::STATION).unwrap();
    engine.load(kind, name, &bytes, None).unwrap()
}

fn whitelist() -> plugin_host::AuthorizerPlugin {
    let loaded = frozen(
        PluginKind::Authorizer,
        "auth-local-whitelist",
        "auth-local-whitelist-0.1.wasm",
    );
    let mut grants = Grants::none();
    grants.allow(Grant::Authorize);
    let settings = vec![setting("entries", "04A1B2C3")];
    authorizer(&loaded, Limits::DEFAULT, &grants, settings)
}

#[test]
fn authorizer_of_the_first_contract_still_judges() {
    let mut plugin = whitelist();
    let answer = plugin.handle(now(), ask(1, "04A1B2C3")).unwrap();
    assert_eq!(answer.verdict.unwrap().decision, Decision::Accepted);
    let answer = plugin.handle(now(), ask(2, "04A1B2C4")).unwrap();
    assert_eq!(answer.verdict.unwrap().decision, Decision::NoOpinion);
    let change = AuthorizerInput::SettingChanged(setting("entries", "11223344"));
    plugin.handle(now(), change).unwrap();
    let answer = plugin.handle(now(), ask(3, "04A1B2C3")).unwrap();
    assert_eq!(answer.verdict.unwrap().decision, Decision::NoOpinion);
}

#[test]
fn authorizer_of_the_first_contract_never_hears_what_it_has_no_word_for() {
    let mut plugin = whitelist();
    let AuthorizerInput::Authorize { request, .. } = ask(1, "04A1B2C3") else {
        panic!("it is a question");
    };
    let later = AuthorizerInput::Authorize {
        request,
        stage: Stage::Unanswered,
        secure: true,
    };
    for input in [later, AuthorizerInput::Busy(true), AuthorizerInput::Timer] {
        assert!(!plugin.hears(&input), "{input:?}");
        let answer = plugin.handle(now(), input).unwrap();
        assert_eq!(answer.verdict, None, "and it accepts nobody by it");
    }
    assert!(!plugin.is_dead());
}

#[test]
fn language_of_the_first_contract_still_speaks() {
    let loaded = frozen(PluginKind::Display, "lang-en", "lang-en-0.1.wasm");
    let mut plugin = DisplayPlugin::instantiate(&loaded, Limits::DEFAULT).unwrap();
    let rendered = plugin.render(now(), "indication.charging", &[]).unwrap();
    assert_eq!(rendered.unwrap().text, "Charging");
    assert_eq!(plugin.render(now(), "no.such-message", &[]).unwrap(), None);
}

/// What an adapter of the first contract is told when it starts.
fn start() -> BackendStart {
    guests::backend_start(vec![
        setting("url", "ws://127.0.0.1:9/ocpp"),
        setting("identity", "PW-1"),
    ])
}

#[test]
fn backend_of_the_first_contract_still_connects_boots_and_answers() {
    let loaded = frozen(
        PluginKind::Backend,
        "backend-eflux",
        "backend-eflux-0.1.wasm",
    );
    let mut plugin =
        BackendPlugin::instantiate(&loaded, Limits::DEFAULT, &guests::all_grants()).unwrap();
    let commands = plugin.start(now(), start()).unwrap();
    assert!(
        commands
            .iter()
            .any(|c| matches!(c, BackendCommand::Connect(_))),
        "{commands:?}"
    );
    let up = BackendInput::LinkUp(LinkUp {
        subprotocol: Some("ocpp1.6".to_owned()),
        secure: false,
    });
    let commands = plugin.handle(now(), up).unwrap();
    let boot = |command: &BackendCommand| matches!(command, BackendCommand::Send(text) if text.contains("BootNotification"));
    assert!(commands.iter().any(boot), "{commands:?}");
    // It has a word for this outcome in today's contract only; it does not hear it and lives on.
    let outcome = BackendInput::Outcome {
        request: RequestId(1),
        outcome: Outcome::Occupied,
        detail: String::new(),
    };
    assert_eq!(plugin.handle(now(), outcome).unwrap(), []);
    assert!(!plugin.is_dead());
}
