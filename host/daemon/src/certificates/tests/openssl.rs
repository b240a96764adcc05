//! A second opinion: the openssl program reads what we write, and we read what it writes.
//!
//! Without the program these tests say so and pass; CI installs it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Anchor, Authority, CENTRAL, ChainInstalled, State};
use crate::certificates::parse::Facts;
use crate::certificates::{CertificateUse, Installed, hash, parse};
use crate::net::tests::server::{Client, request};
use crate::net::{ConnectRequest, LinkEvent, LinkFailure, TlsStrictness};
use plugin_host::{CertificateHash, HashAlgorithm};

/// Whether the program is there.
fn available() -> bool {
    let found = Command::new("openssl")
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: the openssl program is not installed");
    }
    found
}

/// Runs it in a folder; both outputs in one text.
fn openssl(folder: &Path, line: &str) -> String {
    let output = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(output.status.success(), "openssl {line}: {text}");
    text
}

/// The words after `label:` in the program's text, lower-case.
fn field(text: &str, label: &str) -> String {
    // Long numbers go on in the next line.
    let text = text.replace("\\\n", "");
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(label))
        .unwrap_or_else(|| panic!("no {label:?} in {text}"));
    line.trim_start_matches(':').trim().to_lowercase()
}

fn root(folder: &Path, key: &str, name: &str) -> String {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey {key} -nodes -keyout {name}.key -out {name}.pem -subj /C=NL/O=Authority/CN={name} -days 30"
        ),
    );
    std::fs::read_to_string(folder.join(format!("{name}.pem"))).unwrap()
}

const KEYS: [(&str, &str); 3] = [
    ("rsa:2048", "rsa"),
    ("ec -pkeyopt ec_paramgen_curve:P-256", "p256"),
    ("ec -pkeyopt ec_paramgen_curve:P-384", "p384"),
];

#[test]
fn openssl_verifies_our_request_and_we_take_the_certificate_it_makes() {
    if !available() {
        return;
    }
    let state = State::new("openssl-csr");
    let store = state.open();
    for (key, name) in KEYS {
        let pem = root(&state.0, key, name);
        let now = crate::clock::system_wall();
        assert_eq!(store.install(CENTRAL, &pem, now), Installed::Accepted);
        let csr = store.create_csr("CP-0815", "Operator").unwrap();
        std::fs::write(state.0.join("station.csr"), &csr).unwrap();
        let text = openssl(&state.0, "req -verify -in station.csr -noout -text");
        for word in [
            "verify OK",
            "CN = CP-0815",
            "O = Operator",
            "NIST CURVE: P-256",
        ] {
            assert!(text.contains(word), "no {word:?} in {text}");
        }
        let extensions = "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n";
        std::fs::write(state.0.join("extensions"), extensions).unwrap();
        openssl(
            &state.0,
            &format!(
                "x509 -req -in station.csr -CA {name}.pem -CAkey {name}.key -days 10 -extfile extensions -out leaf.pem"
            ),
        );
        let leaf = std::fs::read_to_string(state.0.join("leaf.pem")).unwrap();
        let now = crate::clock::system_wall();
        openssl(
            &state.0,
            &format!(
                "x509 -req -in station.csr -CA {name}.pem -CAkey {name}.key -days 10 -out old.pem"
            ),
        );
        let old = std::fs::read_to_string(state.0.join("old.pem")).unwrap();
        let text = openssl(&state.0, "x509 -in old.pem -noout -text");
        // Newer programs make version 3 of this.
        if text.contains("Version: 1") {
            let rejected = store.install_chain(&old, now);
            assert!(
                matches!(&rejected, ChainInstalled::Rejected(why) if why.contains("version")),
                "{rejected:?}"
            );
        }
        assert_eq!(
            store.install_chain(&leaf, now),
            ChainInstalled::Accepted(Anchor::CentralSystemRoot)
        );
        let certificate = store.station_certificate(now).unwrap();
        let text = openssl(&state.0, "x509 -in leaf.pem -noout -serial -enddate");
        let serial = field(&text, "serial=");
        assert_eq!(certificate.serial_number, serial.trim_start_matches('0'));
        assert!(certificate.is_due(now.unwrap()));
    }
}

#[test]
fn hashes_of_certificates_are_those_of_openssl_ocsp() {
    if !available() {
        return;
    }
    let state = State::new("openssl-hash");
    let store = state.open();
    for (key, name) in KEYS {
        let pem = root(&state.0, key, name);
        let facts = Facts::of(&parse::certificates(&pem).unwrap()[0]).unwrap();
        for (algorithm, option) in [
            (HashAlgorithm::Sha256, "sha256"),
            (HashAlgorithm::Sha384, "sha384"),
            (HashAlgorithm::Sha512, "sha512"),
        ] {
            let text = openssl(
                &state.0,
                &format!(
                    "ocsp -{option} -issuer {name}.pem -cert {name}.pem -req_text -reqout out"
                ),
            );
            let theirs = CertificateHash {
                algorithm,
                issuer_name_hash: field(&text, "Issuer Name Hash"),
                issuer_key_hash: field(&text, "Issuer Key Hash"),
                serial_number: hash::hex_number(&field(&text, "Serial Number")),
            };
            let ours = hash::certificate_hash(algorithm, &facts, &facts.public_key);
            assert_eq!(ours, theirs, "{name}");
        }
        let now = crate::clock::system_wall();
        let used_for = CertificateUse::ManufacturerRoot;
        assert_eq!(store.install(used_for, &pem, now), Installed::Accepted);
    }
    assert_eq!(store.list(CertificateUse::ManufacturerRoot).len(), 3);
}

/// `openssl s_server`, ended when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Path, options: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(format!("s_server -accept 127.0.0.1:0 -www {options}").split_whitespace())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("ACCEPT") {
            line.clear();
            assert_ne!(
                output.read_line(&mut line).unwrap(),
                0,
                "it ended: {options}"
            );
        }
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        // What it says afterwards must go somewhere, or it stops.
        std::thread::spawn(move || {
            let _ = output.read_to_end(&mut Vec::new());
        });
        Self { child, port }
    }

    async fn outcome(&self, change: impl FnOnce(&mut ConnectRequest)) -> (LinkFailure, String) {
        let mut wanted = request(&format!("wss://localhost:{}/x", self.port));
        wanted.strictness = TlsStrictness::EncryptOnly;
        change(&mut wanted);
        let mut client = Client::new(wanted);
        match client.event().await {
            LinkEvent::Down { failure, detail } => (failure, detail),
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn openssl_servers_of_old_versions_and_other_suites_are_told_apart() {
    if !available() {
        return;
    }
    let state = State::new("openssl-servers");
    for (key, name) in KEYS {
        root(&state.0, key, name);
    }
    // A server that speaks TLS but no WebSocket refuses the upgrade; so far the link gets with each suite that is allowed.
    let spoken = LinkFailure::Refused;
    for (options, expected) in [
        (
            "-cert rsa.pem -key rsa.key -tls1_1 -cipher DEFAULT@SECLEVEL=0",
            LinkFailure::TlsVersion,
        ),
        (
            "-cert rsa.pem -key rsa.key -tls1 -cipher DEFAULT@SECLEVEL=0",
            LinkFailure::TlsVersion,
        ),
        (
            "-cert rsa.pem -key rsa.key -tls1_2 -cipher AES128-GCM-SHA256",
            LinkFailure::TlsCipherSuites,
        ),
        (
            "-cert rsa.pem -key rsa.key -tls1_2 -cipher ECDHE-RSA-AES128-SHA256",
            LinkFailure::TlsCipherSuites,
        ),
        (
            "-cert rsa.pem -key rsa.key -tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305",
            LinkFailure::TlsCipherSuites,
        ),
        (
            "-cert rsa.pem -key rsa.key -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256",
            spoken,
        ),
        (
            "-cert rsa.pem -key rsa.key -tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384",
            spoken,
        ),
        (
            "-cert p256.pem -key p256.key -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
            spoken,
        ),
        (
            "-cert p384.pem -key p384.key -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384",
            spoken,
        ),
        ("-cert p256.pem -key p256.key -tls1_3", spoken),
    ] {
        let (failure, detail) = Server::start(&state.0, options).outcome(|_| {}).await;
        assert_eq!(failure, expected, "{options}: {detail}");
    }
}

#[tokio::test]
async fn openssl_takes_the_stations_certificate_with_either_version_and_misses_it_otherwise() {
    if !available() {
        return;
    }
    let state = State::new("openssl-mutual");
    let store = state.open();
    let pem = root(&state.0, KEYS[1].0, "root");
    let stranger = Authority::new("stranger");
    let now = crate::clock::system_wall();
    assert_eq!(store.install(CENTRAL, &pem, now), Installed::Accepted);
    let csr = store.create_csr("CP-0815", "Operator").unwrap();
    std::fs::write(state.0.join("station.csr"), &csr).unwrap();
    std::fs::write(state.0.join("extensions"), "extendedKeyUsage=clientAuth\n").unwrap();
    openssl(
        &state.0,
        "x509 -req -in station.csr -CA root.pem -CAkey root.key -days 10 -extfile extensions -out leaf.pem",
    );
    std::fs::write(state.0.join("stranger.pem"), &stranger.pem).unwrap();
    let leaf = std::fs::read_to_string(state.0.join("leaf.pem")).unwrap();
    let installed = store.install_chain(&leaf, crate::clock::system_wall());
    let expected = ChainInstalled::Accepted(Anchor::CentralSystemRoot);
    assert_eq!(installed, expected);
    for version in ["-tls1_2", "-tls1_3"] {
        for (authority, shows, expected) in [
            ("root", true, LinkFailure::Refused),
            ("root", false, LinkFailure::Tls),
            ("stranger", true, LinkFailure::Tls),
        ] {
            let options = format!(
                "-cert root.pem -key root.key {version} -Verify 2 -verify_return_error -CAfile {authority}.pem"
            );
            let server = Server::start(&state.0, &options);
            let (failure, detail) = server
                .outcome(|request| {
                    request.certificates = Some(store.clone());
                    request.client_certificate = shows;
                })
                .await;
            assert_eq!(failure, expected, "{options}: {detail}");
            if failure == LinkFailure::Tls {
                assert!(detail.contains("certificate of the station"), "{detail}");
            }
        }
    }
}
