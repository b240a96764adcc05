//! The store, TLS with it on loopback, and a second opinion by the openssl program.

mod links;
mod openssl;
mod random;
mod servers;
mod station;
mod store;

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use units::Timestamp;

use super::{Anchor, CertificateStore, CertificateUse, ChainInstalled, Installed};

const CENTRAL: CertificateUse = CertificateUse::CentralSystemRoot;
const MANUFACTURER: CertificateUse = CertificateUse::ManufacturerRoot;

/// 2026-06-01; certificates of the tests are valid from 2020 until 2120 unless they say otherwise.
const NOW: Timestamp = Timestamp::from_unix_millis(1_780_272_000_000);

/// A state folder that is removed when dropped.
struct State(PathBuf);

impl State {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("pilotwire-certs-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Opens the store; nothing may be damaged.
    fn open(&self) -> CertificateStore {
        let (store, damaged) = CertificateStore::open(&self.0).unwrap();
        assert_eq!(damaged, []);
        store
    }

    fn station(&self, file: &str) -> PathBuf {
        self.0.join("certificates/station").join(file)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The one `.pem` file of a folder.
fn only_file(folder: &Path) -> PathBuf {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1);
    files.pop().unwrap()
}

/// A certificate authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    /// A root, after `change` had a look at it.
    fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params(name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// An authority below this one.
    fn below(&self, name: &str) -> Self {
        let params = authority_params(name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Answers a signing request.
    fn sign(&self, csr: &str) -> String {
        self.sign_with(csr, |_| {})
    }

    /// Answers a signing request, after `change` had a look at the certificate.
    fn sign_with(&self, csr: &str, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut request = CertificateSigningRequestParams::from_pem(csr).unwrap();
        request.params.not_before = date_time_ymd(2020, 1, 1);
        request.params.not_after = date_time_ymd(2120, 1, 1);
        change(&mut request.params);
        request.signed_by(&self.issuer).unwrap().pem()
    }

    /// Key and certificate of somebody with these names in it.
    fn issue(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2120, 1, 1);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    params
}

/// Installs a root that is good.
fn install(store: &CertificateStore, used_for: CertificateUse, authority: &Authority) {
    let installed = store.install(used_for, &authority.pem, Some(NOW));
    assert_eq!(installed, Installed::Accepted);
}

/// Gives the station a certificate of this authority.
fn certify(store: &CertificateStore, authority: &Authority) {
    let csr = store.create_csr("CP-0815", "Operator").unwrap();
    let installed = store.install_chain(&authority.sign(&csr), Some(NOW));
    assert!(
        matches!(
            installed,
            ChainInstalled::Accepted(Anchor::CentralSystemRoot | Anchor::Unverified)
        ),
        "{installed:?}"
    );
}
