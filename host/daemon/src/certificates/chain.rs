//! Whether a chain may become the station's own.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use units::Timestamp;

use super::limits::{CHAIN_CERTIFICATES, CHAIN_PEM_BYTES};
use super::parse::{self, Facts, Requested};
use super::types::Anchor;

/// A chain that was read: its certificates and what the first one says.
pub struct Chain {
    pub certificates: Vec<CertificateDer<'static>>,
    pub leaf: Facts,
}

/// Reads a chain.
///
/// # Errors
/// For people.
pub fn read(pem: &str) -> Result<Chain, String> {
    if pem.len() > CHAIN_PEM_BYTES {
        return Err(format!("the chain is longer than {CHAIN_PEM_BYTES} bytes"));
    }
    let certificates = parse::certificates(pem)?;
    if certificates.len() > CHAIN_CERTIFICATES {
        return Err(format!(
            "the chain has more than {CHAIN_CERTIFICATES} certificates"
        ));
    }
    let leaf = certificates.first().ok_or("the chain is empty")?;
    let leaf = Facts::of(leaf)?;
    Ok(Chain { certificates, leaf })
}

/// Checks the names and the use of the leaf.
///
/// # Errors
/// For people.
pub fn check_leaf(leaf: &Facts, expected: &Requested) -> Result<(), String> {
    if leaf.common_names != expected.common_names {
        return Err(format!(
            "its common name is {:?}, asked for was {:?}",
            leaf.common_names.join(", "),
            expected.common_names.join(", ")
        ));
    }
    if leaf.organizations != expected.organizations {
        return Err(format!(
            "its organisation is {:?}, asked for was {:?}",
            leaf.organizations.join(", "),
            expected.organizations.join(", ")
        ));
    }
    if leaf.is_authority.is_ok() {
        return Err("it is a CA's certificate, not a station's".to_owned());
    }
    if !leaf.is_client {
        return Err("it may not be used by a TLS client (extended key usage)".to_owned());
    }
    Ok(())
}

/// Checks the signatures, up to a root.
///
/// Rule: as soon as a central-system root is installed, the chain must lead to a central-system or manufacturer root. Before,
/// nobody can say whose chain is right: then only its own links are checked, and the answer says so.
///
/// # Errors
/// For people.
pub fn check_signatures(
    chain: &Chain,
    central_system: &[CertificateDer<'static>],
    manufacturer: &[CertificateDer<'static>],
    at: Timestamp,
) -> Result<Anchor, String> {
    let Some((leaf, others)) = chain.certificates.split_first() else {
        return Err("the chain is empty".to_owned());
    };
    let anchored = [
        (central_system, Anchor::CentralSystemRoot),
        (manufacturer, Anchor::ManufacturerRoot),
    ];
    let mut why = None;
    for (roots, anchor) in anchored {
        match leads_to(leaf, others, roots, at) {
            Ok(true) => return Ok(anchor),
            Ok(false) => {}
            // What the first root store says is nearer to what was meant.
            Err(error) => why = why.or(Some(error)),
        }
    }
    if !central_system.is_empty() {
        let why = why.unwrap_or_default();
        return Err(format!("it leads to no root that is installed ({why})"));
    }
    if let Some((last, between)) = others.split_last() {
        leads_to(leaf, between, std::slice::from_ref(last), at)
            .map_err(|why| format!("the chain does not hold together ({why})"))?;
    }
    Ok(Anchor::Unverified)
}

/// Whether the leaf is signed by one of the roots; `false` if there are none.
fn leads_to(
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    roots: &[CertificateDer<'static>],
    at: Timestamp,
) -> Result<bool, String> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store
            .add(root.clone())
            .map_err(|error| format!("{error}"))?;
    }
    if store.is_empty() {
        return Ok(false);
    }
    let provider = crate::net::provider();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| error.to_string())?;
    let seconds = u64::try_from(at.as_unix_millis().div_euclid(1_000)).unwrap_or(0);
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    verifier
        .verify_client_cert(leaf, others, at)
        .map(|_| true)
        .map_err(|error| error.to_string())
}
