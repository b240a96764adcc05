//! Links with the store's certificates, against real TLS servers on loopback.

use std::sync::Arc;

use futures_util::StreamExt as _;
use rcgen::{DnType, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use super::{Authority, CENTRAL, MANUFACTURER, NOW, State, certify, install};
use crate::certificates::parse::Facts;
use crate::certificates::{CertificateStore, ChainInstalled, Deleted};
use crate::net::tests::server::{Answer, Client, PemFile, listen, request, upgrade};
use crate::net::{ConnectRequest, LinkEvent, LinkFailure};

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Either version alone.
static ONE_VERSION: [&[&SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];

/// A server with this identity that wants clients of `clients`.
struct Backend {
    identity: Identity,
    clients: Option<CertificateDer<'static>>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Backend {
    fn new(identity: Identity) -> Self {
        Self {
            identity,
            clients: None,
            versions: rustls::ALL_VERSIONS,
        }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .unwrap();
        let builder = match &self.clients {
            Some(root) => {
                let mut roots = RootCertStore::empty();
                roots.add(root.clone()).unwrap();
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let (chain, key) = &self.identity;
        let config = builder.with_single_cert(chain.clone(), key.clone_key());
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

/// How it went: up, or why not; and the certificates that the server saw.
struct Outcome {
    link: Result<(), (LinkFailure, String)>,
    shown: Vec<CertificateDer<'static>>,
}

impl Outcome {
    fn failure(&self) -> LinkFailure {
        self.link.as_ref().expect_err("the link must not be up").0
    }
}

async fn attempt(
    store: &CertificateStore,
    backend: &Backend,
    change: impl FnOnce(&mut ConnectRequest),
) -> Outcome {
    let (listener, address) = listen().await;
    let acceptor = backend.acceptor();
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let wire = acceptor.accept(tcp).await.ok()?;
        let shown = wire.get_ref().1.peer_certificates().map(<[_]>::to_vec);
        let (mut socket, _) = upgrade(Box::new(wire), Answer::ocpp16()).await?;
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
        Some(shown.unwrap_or_default())
    });
    let mut wanted = request(&format!("wss://localhost:{}/1.6/x", address.port()));
    wanted.certificates = Some(store.clone());
    change(&mut wanted);
    let mut client = Client::new(wanted);
    let link = match client.event().await {
        LinkEvent::Up { secure, .. } => {
            assert!(secure);
            Ok(())
        }
        LinkEvent::Down { failure, detail } => Err((failure, detail)),
        frame @ LinkEvent::Frame(_) => panic!("{frame:?}"),
    };
    drop(client);
    Outcome {
        link,
        shown: server.await.unwrap().unwrap_or_default(),
    }
}

fn same(_: &mut ConnectRequest) {}

fn with_certificate(request: &mut ConnectRequest) {
    request.client_certificate = true;
}

#[tokio::test]
async fn installed_central_system_root_is_trusted_besides_the_configured_file() {
    let state = State::new("links-trust");
    let store = state.open();
    let (configured, installed) = (Authority::new("configured"), Authority::new("installed"));
    install(&store, CENTRAL, &installed);
    let file = PemFile::new("links-trust", &configured.pem);
    for root in [&configured, &installed] {
        let backend = Backend::new(root.issue(&["localhost"], |_| {}));
        let outcome = attempt(&store, &backend, |request| {
            request.ca_file = Some(file.0.clone());
        })
        .await;
        assert_eq!(outcome.link, Ok(()));
    }
    let backend = Backend::new(installed.issue(&["localhost"], |_| {}));
    assert_eq!(attempt(&store, &backend, same).await.link, Ok(()));
}

#[tokio::test]
async fn deleted_root_and_manufacturer_root_are_not_trusted() {
    let state = State::new("links-deleted");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    install(&store, MANUFACTURER, &Authority::new("maker"));
    let backend = Backend::new(root.issue(&["localhost"], |_| {}));
    assert_eq!(attempt(&store, &backend, same).await.link, Ok(()));
    let hash = store.list(CENTRAL).pop().unwrap();
    assert_eq!(store.delete(&hash, false), Deleted::Accepted);
    install(&store, MANUFACTURER, &root);
    assert_eq!(
        attempt(&store, &backend, same).await.failure(),
        LinkFailure::Certificate
    );
}

#[tokio::test]
async fn backend_of_another_authority_expired_or_of_another_name_is_refused_as_its_certificate() {
    let state = State::new("links-refused");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    for identity in [
        Authority::new("root").issue(&["localhost"], |_| {}),
        root.issue(&["localhost"], |params| {
            params.not_after = date_time_ymd(2025, 1, 1);
        }),
        root.issue(&["backend.invalid"], |_| {}),
    ] {
        let outcome = attempt(&store, &Backend::new(identity), same).await;
        assert_eq!(outcome.failure(), LinkFailure::Certificate);
    }
}

#[tokio::test]
async fn common_name_is_the_backends_name_only_without_alternative_names() {
    let state = State::new("links-common-name");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    for (common_name, names, up) in [
        ("LocalHost", [].as_slice(), true),
        ("backend.invalid", &[], false),
        ("*", &[], false),
        ("localhost", &["backend.invalid"], false),
    ] {
        let backend = Backend::new(root.issue(names, |params| {
            params
                .distinguished_name
                .push(DnType::CommonName, common_name);
        }));
        let outcome = attempt(&store, &backend, same).await;
        assert_eq!(outcome.link.is_ok(), up, "{common_name} {names:?}");
        if !up {
            assert_eq!(outcome.failure(), LinkFailure::Certificate);
        }
    }
}

#[tokio::test]
async fn station_shows_its_certificate_to_a_backend_that_wants_one() {
    let state = State::new("links-mutual");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    certify(&store, &root);
    let mut backend = Backend::new(root.issue(&["localhost"], |_| {}));
    backend.clients = Some(root.der.clone());
    for versions in ONE_VERSION {
        backend.versions = versions;
        let outcome = attempt(&store, &backend, with_certificate).await;
        assert_eq!(outcome.link, Ok(()));
        let shown = Facts::of(&outcome.shown[0]).unwrap();
        assert_eq!(shown.common_names, ["CP-0815"]);
        assert_eq!(shown.organizations, ["Operator"]);
    }
}

#[tokio::test]
async fn station_shows_nothing_unless_it_is_asked_to() {
    let state = State::new("links-silent");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    certify(&store, &root);
    let mut backend = Backend::new(root.issue(&["localhost"], |_| {}));
    backend.clients = Some(root.der.clone());
    for versions in ONE_VERSION {
        backend.versions = versions;
        let outcome = attempt(&store, &backend, same).await;
        assert_eq!(outcome.shown, []);
        let (failure, detail) = outcome.link.unwrap_err();
        assert_eq!(failure, LinkFailure::Tls);
        assert!(detail.contains("a certificate of the station"), "{detail}");
    }
}

#[tokio::test]
async fn backend_that_refuses_the_stations_certificate_is_told_apart() {
    let state = State::new("links-expired");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let csr = store.create_csr("CP", "Operator").unwrap();
    let expired = root.sign_with(&csr, |params| params.not_after = date_time_ymd(2025, 1, 1));
    let kept = store.install_chain(&expired, None);
    assert!(matches!(kept, ChainInstalled::Accepted(_)), "{kept:?}");
    let mut backend = Backend::new(root.issue(&["localhost"], |_| {}));
    backend.clients = Some(root.der.clone());
    for versions in ONE_VERSION {
        backend.versions = versions;
        let outcome = attempt(&store, &backend, with_certificate).await;
        let (failure, detail) = outcome.link.unwrap_err();
        assert_eq!(failure, LinkFailure::Tls);
        assert!(detail.contains("certificate of the station"), "{detail}");
    }
}

#[tokio::test]
async fn renewed_certificate_is_shown_with_the_next_connection() {
    let state = State::new("links-renewed");
    let store = state.open();
    let root = Authority::new("root");
    install(&store, CENTRAL, &root);
    let mut backend = Backend::new(root.issue(&["localhost"], |_| {}));
    backend.clients = Some(root.der.clone());
    let mut shown = Vec::new();
    for _ in 0..2 {
        certify(&store, &root);
        let outcome = attempt(&store, &backend, with_certificate).await;
        assert_eq!(outcome.link, Ok(()));
        shown.push(Facts::of(&outcome.shown[0]).unwrap().serial);
        let current = store.station_certificate(Some(NOW)).unwrap();
        assert_eq!(shown.last(), Some(&current.serial_number));
    }
    assert_ne!(shown[0], shown[1]);
}

#[tokio::test]
async fn station_without_a_certificate_does_not_connect_where_it_must_show_one() {
    let state = State::new("links-none");
    let store = state.open();
    let mut wanted = request("wss://127.0.0.1:9/x");
    wanted.certificates = Some(store.clone());
    wanted.client_certificate = true;
    let (failure, detail) = Client::new(wanted).down().await;
    assert_eq!(failure, LinkFailure::Configuration);
    assert!(detail.contains("no certificate to show"), "{detail}");
}

#[tokio::test]
async fn only_the_suites_of_the_whitepaper_and_of_tls_1_3_are_offered() {
    use rustls::CipherSuite as Suite;
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let acceptor = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), tcp);
        let hello = acceptor.await.unwrap();
        hello.client_hello().cipher_suites().to_vec()
    });
    Client::new(request(&format!("wss://{address}/x")))
        .down()
        .await;
    let offered = server.await.unwrap();
    let allowed = [
        Suite::TLS13_AES_256_GCM_SHA384,
        Suite::TLS13_AES_128_GCM_SHA256,
        Suite::TLS13_CHACHA20_POLY1305_SHA256,
        Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ];
    assert!(allowed.iter().all(|suite| offered.contains(suite)));
    let others: Vec<_> = offered
        .into_iter()
        .filter(|suite| !allowed.contains(suite))
        .collect();
    assert_eq!(others, [Suite::TLS_EMPTY_RENEGOTIATION_INFO_SCSV]);
}

#[tokio::test]
async fn backend_without_a_suite_in_common_is_told_apart() {
    let root = Authority::new("root");
    let (chain, key) = root.issue(&["localhost"], |_| {});
    let provider = rustls::crypto::CryptoProvider {
        cipher_suites: vec![
            rustls::crypto::ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        ..rustls::crypto::ring::default_provider()
    };
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        assert!(acceptor.accept(tcp).await.is_err());
    });
    let (failure, detail) = Client::new(request(&format!("wss://{address}/x")))
        .down()
        .await;
    assert_eq!(failure, LinkFailure::TlsCipherSuites);
    assert!(detail.contains("AES-GCM"), "{detail}");
    server.await.unwrap();
}

/// What a server says that knows nothing newer than TLS 1.1: a fatal alert, or its greeting.
fn old_servers() -> [Vec<u8>; 2] {
    let alert = vec![0x15, 0x03, 0x02, 0x00, 0x02, 0x02, 70];
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0x00, 0x00, 0x2F, 0x00]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x02, 0x00, length + 4, 0x02, 0x00, 0x00, length];
    record.extend(hello);
    [alert, record]
}

#[tokio::test]
async fn backend_of_an_old_tls_version_is_told_apart() {
    for bytes in old_servers() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(&bytes).await.unwrap();
            tcp
        });
        let (failure, detail) = Client::new(request(&format!("wss://{address}/x")))
            .down()
            .await;
        assert_eq!(failure, LinkFailure::TlsVersion, "{detail}");
        assert!(detail.contains("TLS 1.2 or 1.3"), "{detail}");
        server.await.unwrap();
    }
}
