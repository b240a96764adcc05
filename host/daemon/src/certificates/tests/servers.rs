//! The six modes of a server, against callers of all kinds.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Authority, CENTRAL, MANUFACTURER, State, certify, install};
use crate::certificates::CertificateStore;
use crate::certificates::server::{ServerTls, TlsServer};
use crate::net::tests::server::PemFile;
use crate::net::{ClientTls, TlsStrictness, Trust, provider};

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const BACKEND: &str = "backend.example";

/// A caller that believes every server and shows this.
fn client(identity: Option<Identity>) -> ClientConfig {
    let trust = Trust {
        strictness: TlsStrictness::EncryptOnly,
        ..Trust::default()
    };
    let mut config = ClientTls::new(&trust).unwrap().config;
    if let Some((chain, key)) = identity {
        let identity = CertifiedKey::from_der(chain, key, &provider()).unwrap();
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity));
    }
    config
}

/// One handshake: the certificate that the server showed, if it took the caller.
async fn handshake(
    tls: &TlsServer,
    caller: IpAddr,
    client: ClientConfig,
) -> Option<CertificateDer<'static>> {
    let acceptor = TlsAcceptor::from(tls.config(caller).unwrap());
    let connector = TlsConnector::from(Arc::new(client));
    let (near, far) = tokio::io::duplex(16_384);
    let name = ServerName::try_from("station.invalid").unwrap();
    let (server, client) = tokio::join!(acceptor.accept(near), connector.connect(name, far));
    server.ok()?;
    let client = client.ok()?;
    Some(client.get_ref().1.peer_certificates()?[0].clone())
}

fn tls(mode: ServerTls, store: &CertificateStore) -> TlsServer {
    TlsServer::new(mode, store.clone(), Some(BACKEND.to_owned())).unwrap()
}

/// What the five modes with TLS make of a caller, in the order of `ServerTls::ALL`.
async fn check(store: &CertificateStore, what: &str, identity: Option<Identity>, taken: [bool; 5]) {
    let modes = ServerTls::ALL.into_iter().skip(1);
    for ((mode, name), taken) in modes.zip(taken) {
        let identity = identity
            .as_ref()
            .map(|(chain, key)| (chain.clone(), key.clone_key()));
        let shown = handshake(&tls(mode, store), CALLER, client(identity)).await;
        assert_eq!(shown.is_some(), taken, "{what} at {name}");
    }
}

// acceptance: P74
#[tokio::test]
async fn each_mode_checks_what_its_name_says_of_a_caller() {
    let state = State::new("servers-modes");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let address = CALLER.to_string();
    let at = |name: &str| Some(root.issue(&[name], |_| {}));
    let old = |name: &str| {
        Some(root.issue(&[name], |params| {
            params.not_after = date_time_ymd(2025, 1, 1);
        }))
    };
    let stranger = Some(Authority::new("root").issue(&[&address], |_| {}));
    let server_only = Some(root.issue(&[&address], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }));
    let (yes, no) = (true, false);
    check(&store, "nobody", None, [yes, no, no, no, no]).await;
    check(&store, "its address", at(&address), [yes; 5]).await;
    check(&store, "the backend", at(BACKEND), [yes; 5]).await;
    check(
        &store,
        "other address",
        at("192.0.2.8"),
        [yes, yes, yes, no, no],
    )
    .await;
    check(
        &store,
        "other name",
        at("else.example"),
        [yes, yes, yes, no, no],
    )
    .await;
    check(&store, "expired", old(&address), [yes, yes, no, yes, no]).await;
    check(
        &store,
        "expired other",
        old("else.example"),
        [yes, yes, no, no, no],
    )
    .await;
    check(&store, "stranger", stranger, [yes, no, no, no, no]).await;
    check(
        &store,
        "server's certificate",
        server_only,
        [yes, no, no, no, no],
    )
    .await;
}

// acceptance: P74
#[test]
fn plain_http_has_no_tls_and_every_mode_has_its_name() {
    let state = State::new("servers-plain");
    assert!(TlsServer::new(ServerTls::None, state.open(), None).is_none());
    let names = ServerTls::ALL.map(|(_, name)| name);
    assert_eq!(
        names,
        [
            "none",
            "encrypt-only",
            "expired-and-any-host",
            "any-host",
            "expired",
            "normal"
        ]
    );
}

#[tokio::test]
async fn caller_over_ipv6_with_an_ipv4_address_is_known_by_it() {
    let state = State::new("servers-mapped");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let identity = root.issue(&["192.0.2.7"], |_| {});
    let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
    let server = tls(ServerTls::Normal, &store);
    assert!(
        handshake(&server, mapped, client(Some(identity)))
            .await
            .is_some()
    );
}

#[tokio::test]
async fn authorities_of_the_configured_file_vouch_for_callers_too() {
    let state = State::new("servers-file");
    let store = state.open();
    let (configured, installed) = (Authority::new("configured"), Authority::new("installed"));
    install(&store, CENTRAL, &installed);
    let file = PemFile::new("servers-file", &configured.pem);
    let server = tls(ServerTls::AnyHost, &store).trusting(Some(file.0.clone()));
    for (root, taken) in [
        (&configured, true),
        (&installed, true),
        (&Authority::new("stranger"), false),
    ] {
        let identity = root.issue(&["caller"], |_| {});
        let shown = handshake(&server, CALLER, client(Some(identity))).await;
        assert_eq!(shown.is_some(), taken);
    }
    let missing = tls(ServerTls::AnyHost, &store).trusting(Some(state.0.join("missing.pem")));
    assert!(missing.check().unwrap_err().contains("missing.pem"));
}

#[test]
fn without_a_central_system_root_only_encryption_can_be_served() {
    let state = State::new("servers-no-root");
    let store = state.open();
    install(&store, MANUFACTURER, &Authority::new("maker"));
    for (mode, name) in ServerTls::ALL.into_iter().skip(1) {
        let checked = tls(mode, &store).check();
        if mode == ServerTls::EncryptOnly {
            assert_eq!(checked, Ok(()));
        } else {
            let reason = checked.unwrap_err();
            assert!(reason.contains("central-system root"), "{name}: {reason}");
        }
    }
}

#[tokio::test]
async fn server_shows_a_certificate_of_its_own_until_the_station_has_one() {
    let state = State::new("servers-identity");
    let store = state.open();
    let server = tls(ServerTls::EncryptOnly, &store);
    let first = handshake(&server, CALLER, client(None)).await.unwrap();
    let store = state.open();
    let server = tls(ServerTls::EncryptOnly, &store);
    assert_eq!(
        handshake(&server, CALLER, client(None)).await,
        Some(first.clone())
    );
    certify(&store, &Authority::new("root"));
    let shown = handshake(&server, CALLER, client(None)).await.unwrap();
    assert_eq!(Some(&shown), store.identity().unwrap().cert.first());
    assert_ne!(shown, first);
}

#[tokio::test]
async fn damaged_key_of_the_server_is_made_anew() {
    let state = State::new("servers-damaged");
    let store = state.open();
    let server = tls(ServerTls::EncryptOnly, &store);
    let first = handshake(&server, CALLER, client(None)).await.unwrap();
    std::fs::write(state.station("server.pem"), "-----BEGIN").unwrap();
    let second = handshake(&server, CALLER, client(None)).await.unwrap();
    assert_ne!(first, second);
}

#[test]
fn server_speaks_only_the_suites_of_the_whitepaper_and_of_tls_1_3() {
    let state = State::new("servers-suites");
    let server = tls(ServerTls::EncryptOnly, &state.open());
    let config = server.config(CALLER).unwrap();
    let suites = &config.crypto_provider().cipher_suites;
    assert_eq!(suites.len(), 7);
    for suite in suites {
        let name = format!("{:?}", suite.suite());
        let old = suite.tls13().is_none();
        assert!(
            !old || (name.starts_with("TLS_ECDHE_") && name.contains("_GCM_")),
            "{name}"
        );
    }
}
