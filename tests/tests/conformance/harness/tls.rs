//! A certificate authority and a server certificate, made for one case.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};

use super::station::scratch;

/// Files with an authority, and a server certificate for 127.0.0.1 that it signed.
#[derive(Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes a new authority and a certificate that is valid on loopback.
    pub fn create() -> Self {
        let folder = scratch("tls");
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(DnType::CommonName, "Conformance authority");
        let authority_key = KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let mut server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        server
            .subject_alt_names
            .push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        server
            .distinguished_name
            .push(DnType::CommonName, "Conformance central system");
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let certificate = server.signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.join("ca.pem"), authority_certificate.pem()).unwrap();
        std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
        Self { folder }
    }

    /// The authority, to be trusted by the station.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The server's certificate.
    pub fn chain(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    /// The server's key.
    pub fn key(&self) -> PathBuf {
        self.folder.join("server.key")
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let folder: &Path = &self.folder;
        let _ = std::fs::remove_dir_all(folder);
    }
}
