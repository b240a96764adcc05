//! What the tests of the plugin host share: the engine, the built components, questions and start contexts.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::PathBuf;
use std::sync::LazyLock;

use plugin_host::{
    AuthorizeRequest, AuthorizerInput, AuthorizerPlugin, AuthorizerStart, BackendPlugin,
    BackendRole, BackendStart, Engine, EngineConfig, EvseInfo, Grant, Grants, Limits, Loaded,
    PluginKind, Setting,
};
use station::{
    AuthorizePurpose, BootReason, EvseId, IdToken, JournalSeq, Moment, RequestId, TokenKind,
};
use units::{Instant, Milliamps, Timestamp};

/// One engine for all tests of a binary, as a station has one.
pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(EngineConfig::STATION).unwrap());

/// The bytes of a built component.
pub fn component(path: &str) -> Vec<u8> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../target/components")
        .join(path)
        .with_extension("wasm");
    std::fs::read(&file)
        .unwrap_or_else(|e| panic!("{}: {e}; run `cargo xtask plugins` first", file.display()))
}

/// A component, loaded under its file name.
pub fn load(kind: PluginKind, path: &str) -> Loaded {
    let name = path.rsplit('/').next().unwrap();
    ENGINE.load(kind, name, &component(path), None).unwrap()
}

pub fn now() -> Moment {
    at(1_000)
}

pub fn at(ms: u64) -> Moment {
    Moment {
        at: Instant::from_millis(ms),
        wall: Some(Timestamp::from_unix_millis(1_800_000_000_000)),
    }
}

pub fn all_grants() -> Grants {
    let mut grants = Grants::none();
    for grant in Grant::ALL {
        grants.allow(grant);
    }
    grants.allow_for(Grant::NetConnect, ["ws://127.0.0.1:9/"]);
    grants.allow_for(Grant::SettingsWrite, ["*"]);
    grants.allow_for(Grant::SettingsRead, ["*"]);
    grants.allow_for(Grant::NetTransfer, ["http://127.0.0.1:9/"]);
    grants.allow_for(Grant::NetHttp, ["http://127.0.0.1:9/"]);
    grants.allow_for(Grant::NetListen, ["9"]);
    grants
}

pub fn setting(key: &str, value: &str) -> Setting {
    Setting {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

pub fn question(request: u64, uid: &str) -> AuthorizeRequest {
    AuthorizeRequest {
        request: RequestId(request),
        evse: Some(EvseId(1)),
        token: IdToken {
            value: uid.to_owned(),
            kind: TokenKind::Rfid,
        },
        purpose: AuthorizePurpose::Start,
        group: None,
    }
}

pub fn ask(request: u64, uid: &str) -> AuthorizerInput {
    AuthorizerInput::question(question(request, uid))
}

/// An authorizer with these settings, started.
pub fn authorizer(
    loaded: &Loaded,
    limits: Limits,
    grants: &Grants,
    settings: Vec<Setting>,
) -> AuthorizerPlugin {
    let mut plugin = AuthorizerPlugin::instantiate(loaded, limits, grants).unwrap();
    let start = AuthorizerStart {
        settings,
        ..AuthorizerStart::default()
    };
    plugin.start(now(), start).unwrap();
    plugin
}

pub fn backend_start(settings: Vec<Setting>) -> BackendStart {
    let evse = EvseInfo {
        evse: EvseId(1),
        connectors: 1,
        fixed_cable: false,
        max_current: Milliamps::new(32_000),
        phases: 3,
    };
    BackendStart {
        identity: "CP1".to_owned(),
        role: BackendRole::Primary,
        settings,
        store: Vec::new(),
        outbox: Vec::new(),
        cursor: JournalSeq(4),
        station: station::Identity::default(),
        evses: vec![evse],
        connectors: Vec::new(),
        transactions: Vec::new(),
        faults: Vec::new(),
        link: None,
        boot_reason: BootReason::PowerUp,
        boot_count: 1,
        installation: None,
        client_certificate: false,
    }
}

/// A hostile backend adapter that misbehaves in this way, started.
pub fn hostile_backend(how: &str, limits: Limits, grants: &Grants) -> BackendPlugin {
    static LOADED: LazyLock<Loaded> =
        LazyLock::new(|| load(PluginKind::Backend, "test/hostile-backend"));
    let mut plugin = BackendPlugin::instantiate(&LOADED, limits, grants).unwrap();
    plugin
        .start(now(), backend_start(vec![setting("do", how)]))
        .unwrap();
    plugin
}

/// A hostile authorizer that misbehaves in this way, started.
pub fn hostile_authorizer(how: &str, limits: Limits) -> AuthorizerPlugin {
    static LOADED: LazyLock<Loaded> =
        LazyLock::new(|| load(PluginKind::Authorizer, "test/hostile-authorizer"));
    authorizer(&LOADED, limits, &all_grants(), vec![setting("do", how)])
}
