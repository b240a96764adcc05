//! The five levels of strictness against certificates that are expired, for another host, or of an unknown authority.

use super::server::{Answer, Client, PemFile, Pki, accept, listen, request};
use crate::net::{LinkEvent, LinkFailure, TlsStrictness};

/// Connects once and tells how it went.
async fn attempt(pki: &Pki, strictness: TlsStrictness, trust: bool) -> Result<(), LinkFailure> {
    let (listener, address) = listen().await;
    let acceptor = pki.acceptor.clone();
    let server =
        tokio::spawn(async move { accept(&listener, Some(acceptor), Answer::ocpp16()).await });
    let mut wanted = request(&format!("wss://localhost:{}/1.6/x", address.port()));
    wanted.strictness = strictness;
    wanted.ca_file = trust.then(|| pki.ca_file.0.clone());
    let mut client = Client::new(wanted);
    let outcome = match client.event().await {
        LinkEvent::Up {
            subprotocol,
            secure,
        } => {
            assert!(secure);
            assert_eq!(subprotocol.as_deref(), Some("ocpp1.6"));
            Ok(())
        }
        LinkEvent::Down { failure, detail } => {
            assert!(
                detail.contains("certificate") && detail.contains("check"),
                "{detail}"
            );
            Err(failure)
        }
        other @ LinkEvent::Frame(_) => panic!("{other:?}"),
    };
    drop(client);
    server.await.unwrap();
    outcome
}

const REFUSED: Result<(), LinkFailure> = Err(LinkFailure::Certificate);
const GOOD_YEARS: (i32, i32) = (2020, 2120);
const EXPIRED: (i32, i32) = (2010, 2020);
const FUTURE: (i32, i32) = (2110, 2120);

/// What each level must make of one certificate, in the order of `TlsStrictness::ALL`.
async fn check(pki: &Pki, trust: bool, expected: [Result<(), LinkFailure>; 5]) {
    for ((level, name), expected) in TlsStrictness::ALL.into_iter().zip(expected) {
        assert_eq!(attempt(pki, level, trust).await, expected, "{name}");
    }
}

// acceptance: P79, P86
#[tokio::test]
async fn good_certificate_is_accepted_at_every_level() {
    let pki = Pki::new("good", "localhost", GOOD_YEARS);
    check(&pki, true, [Ok(()); 5]).await;
}

// acceptance: P86
#[tokio::test]
async fn expired_certificate_is_refused_where_time_is_checked() {
    let pki = Pki::new("expired", "localhost", EXPIRED);
    check(&pki, true, [Ok(()), Ok(()), REFUSED, Ok(()), REFUSED]).await;
}

// acceptance: P86
#[tokio::test]
async fn certificate_of_the_future_is_refused_where_time_is_checked() {
    let pki = Pki::new("future", "localhost", FUTURE);
    check(&pki, true, [Ok(()), Ok(()), REFUSED, Ok(()), REFUSED]).await;
}

// acceptance: P86
#[tokio::test]
async fn certificate_for_another_host_is_refused_where_the_host_is_checked() {
    let pki = Pki::new("host", "backend.invalid", GOOD_YEARS);
    check(&pki, true, [Ok(()), Ok(()), Ok(()), REFUSED, REFUSED]).await;
}

// acceptance: P86
#[tokio::test]
async fn expired_certificate_for_another_host_needs_both_allowances() {
    let pki = Pki::new("both", "backend.invalid", EXPIRED);
    check(&pki, true, [Ok(()), Ok(()), REFUSED, REFUSED, REFUSED]).await;
}

// acceptance: P86
#[tokio::test]
async fn certificate_of_an_unknown_authority_is_refused_wherever_the_chain_is_checked() {
    let pki = Pki::new("unknown", "localhost", GOOD_YEARS);
    check(&pki, false, [Ok(()), REFUSED, REFUSED, REFUSED, REFUSED]).await;
}

// acceptance: P86
#[tokio::test]
async fn expired_certificate_of_an_unknown_authority_is_not_let_in_by_the_time_allowance() {
    let pki = Pki::new("unknown-expired", "localhost", EXPIRED);
    check(&pki, false, [Ok(()), REFUSED, REFUSED, REFUSED, REFUSED]).await;
}

// acceptance: P86
#[test]
fn default_strictness_checks_everything_and_names_are_read_back() {
    assert_eq!(TlsStrictness::default(), TlsStrictness::Normal);
    for (level, name) in TlsStrictness::ALL {
        assert_eq!(name.parse(), Ok(level));
        assert_eq!(level.to_string(), name);
    }
    assert!(
        "none"
            .parse::<TlsStrictness>()
            .unwrap_err()
            .contains("encrypt-only")
    );
}

#[tokio::test]
async fn ca_file_that_is_missing_empty_or_no_certificate_is_named_in_the_error() {
    let empty = PemFile::new("empty", "");
    let broken = PemFile::new(
        "broken",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let missing = std::env::temp_dir().join("pilotwire-net-no-such-file.pem");
    for path in [&empty.0, &broken.0, &missing] {
        let mut wanted = request("wss://127.0.0.1:9/x");
        wanted.ca_file = Some(path.clone());
        let (failure, detail) = Client::new(wanted).down().await;
        assert_eq!(failure, LinkFailure::Configuration);
        assert!(detail.contains(&path.display().to_string()), "{detail}");
    }
}

#[tokio::test]
async fn server_that_speaks_no_tls_is_reported_as_a_tls_failure() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        tcp
    });
    let (failure, detail) = Client::new(request(&format!("wss://{address}/x")))
        .down()
        .await;
    assert_eq!(failure, LinkFailure::Tls);
    assert!(detail.contains("check"), "{detail}");
    server.await.unwrap();
}
