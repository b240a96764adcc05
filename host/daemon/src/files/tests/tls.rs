//! HTTPS and FTPS: the same certificates and the same strictness as the station's links.

use std::net::TcpStream;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::ftp_server::{FtpServer, Habits};
use super::http_server::{Answer, HttpServer, Stream, to};
use super::*;

struct Tls {
    config: Arc<ServerConfig>,
    ca: String,
}

/// A server's certificate for 127.0.0.1, and the authority's.
fn tls() -> Tls {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Tls {
        config: Arc::new(config),
        ca: authority.pem(),
    }
}

fn https(
    tls: &Tls,
    file: &[u8],
    answers: impl IntoIterator<Item = Answer>,
) -> (HttpServer, String) {
    let config = Arc::clone(&tls.config);
    let server = HttpServer::wrapped(file, answers, move |tcp: TcpStream| {
        let connection = ServerConnection::new(Arc::clone(&config)).ok()?;
        Some(Box::new(StreamOwned::new(connection, tcp)) as Box<dyn Stream>)
    });
    let url = server.url("/fw.bin").replace("http:", "https:");
    (server, url)
}

fn trusting(folder: &Folder, tls: &Tls) -> Settings {
    let mut settings = settings(folder);
    settings.ca_file = Some(folder.write("ca.pem", &tls.ca));
    settings
}

#[test]
fn https_download_needs_a_trusted_certificate() {
    let tls = tls();
    let file = image(100_000);
    let (_server, url) = https(&tls, &file, []);
    let folder = Folder::new();
    let why = words(fetch(&folder, &url));
    assert!(why.contains("certificate"), "{why}");
    let lax = Settings {
        strictness: TlsStrictness::EncryptOnly,
        ..settings(&folder)
    };
    attempt(&lax, &everywhere(), &url, 1 << 20).unwrap();
    attempt(&trusting(&folder, &tls), &everywhere(), &url, 1 << 20).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), file);
}

#[test]
fn redirect_from_http_to_https_is_followed_and_back_it_is_not() {
    let tls = tls();
    let file = image(1_000);
    let (_secure, secure_url) = https(&tls, &file, []);
    let plain = HttpServer::new(&file, [to(&secure_url)]);
    let folder = Folder::new();
    let settings = trusting(&folder, &tls);
    attempt(&settings, &everywhere(), &plain.url("/f"), 1 << 20).unwrap();
    let (_down, down_url) = https(&tls, &file, [to(&plain.url("/f"))]);
    let why = words(attempt(&settings, &everywhere(), &down_url, 1 << 20));
    assert!(
        why.starts_with("final: ") && why.contains("not secured"),
        "{why}"
    );
}

#[test]
fn ftps_secures_commands_and_data_both_ways() {
    let tls = tls();
    let habits = Habits {
        broken: vec![70_000],
        login: Some(("u", "p")),
        ..Habits::default()
    };
    let server = FtpServer::new(habits, Some(Arc::clone(&tls.config)));
    server.put("fw.bin", &image(200_000));
    let url = server.url("ftps", "/fw.bin").replace("//", "//u:p@");
    let folder = Folder::new();
    let settings = trusting(&folder, &tls);
    attempt(&settings, &everywhere(), &url, 1 << 20).unwrap_err();
    attempt(&settings, &everywhere(), &url, 1 << 20).unwrap();
    assert_eq!(folder.read("firmware/image").unwrap(), image(200_000));
    let ca = tls.ca.clone();
    let rig = Rig::with(folder, |settings| {
        settings.ca_file = Some(settings.state_dir.join("ca.pem"));
    });
    rig.folder.write("ca.pem", ca);
    let target = server.url("ftps", "/logs/").replace("//", "//u:p@");
    let text = "x".repeat(100_000);
    rig.files.upload(upload(1, &target, &text)).unwrap();
    let (_, report) = rig.outcome();
    assert_eq!(report.stage, Stage::Done, "{}", report.detail);
    let state = server.state.lock().unwrap();
    assert_eq!(state.files["logs/log.txt"], text.as_bytes());
    assert_eq!(state.plain_data, 0);
    // Servers that want it take no other data connection: whoever resumes is who sent the commands.
    assert_eq!((state.secure_data, state.resumed_data), (3, 3));
    // The password only after TLS.
    let place = |line: &str| state.heard.iter().position(|heard| heard == line).unwrap();
    assert!(place("AUTH TLS") < place("PASS p"));
}

#[test]
fn ftps_never_falls_back_to_plain() {
    let server = FtpServer::new(Habits::default(), None);
    server.put("fw.bin", b"x");
    let folder = Folder::new();
    let why = words(fetch(&folder, &server.url("ftps", "/fw.bin")));
    assert!(why.contains("AUTH TLS"), "{why}");
    assert!(!server.heard().iter().any(|line| line.starts_with("USER")));
    let tls = tls();
    let untrusted = FtpServer::new(Habits::default(), Some(Arc::clone(&tls.config)));
    let why = words(fetch(&folder, &untrusted.url("ftps", "/fw.bin")));
    assert!(why.contains("certificate"), "{why}");
}

#[test]
fn words_between_auth_and_tls_end_the_session() {
    let tls = tls();
    let habits = Habits {
        after_auth: "230 logged in already\r\n",
        ..Habits::default()
    };
    let server = FtpServer::new(habits, Some(Arc::clone(&tls.config)));
    let folder = Folder::new();
    let result = attempt(
        &trusting(&folder, &tls),
        &everywhere(),
        &server.url("ftps", "/f"),
        9,
    );
    let why = words(result);
    assert!(why.contains("between AUTH and TLS"), "{why}");
}
