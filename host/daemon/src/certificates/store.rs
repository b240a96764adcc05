//! The store: roots in folders, one file each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use units::Timestamp;

use super::files;
use super::hash::{self, certificate_hash};
use super::limits::{CLOCK_TOLERANCE_MS, ROOT_PEM_BYTES, ROOTS_PER_USE};
use super::parse::{self, Facts};
use super::station::{Slot, Station};
use super::types::{
    CertificateHash, CertificateUse, ChainInstalled, Damage, Deleted, HashAlgorithm, Installed,
    StationCertificate,
};

/// The station's certificates. Copies are handles of the same store; every call reads and writes the files.
///
/// Calls block for as long as the disk takes.
#[derive(Debug, Clone)]
pub struct CertificateStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// Held while files are changed: what is decided from them must still be true when they are written.
    writing: Mutex<()>,
}

/// A root that was read.
struct Root {
    path: PathBuf,
    der: CertificateDer<'static>,
    facts: Facts,
}

impl CertificateStore {
    /// Opens the store of a station; makes its folders, finishes what was interrupted, and tells what is damaged.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub fn open(state_dir: &Path) -> io::Result<(Self, Vec<Damage>)> {
        let folder = state_dir.join("certificates");
        let store = Self {
            inner: Arc::new(Inner {
                folder,
                writing: Mutex::new(()),
            }),
        };
        let mut damaged = Vec::new();
        for used_for in CertificateUse::ALL {
            let folder = store.folder(used_for);
            files::create_folder(&folder)?;
            files::tidy(&folder);
            for path in files::list(&folder) {
                if let Err(reason) = read_root(&path) {
                    damaged.push(Damage { path, reason });
                }
            }
        }
        damaged.extend(store.station().open()?);
        Ok((store, damaged))
    }

    /// Keeps a root. The same one again changes nothing.
    #[must_use]
    pub fn install(
        &self,
        used_for: CertificateUse,
        pem: &str,
        now: Option<Timestamp>,
    ) -> Installed {
        let der = match check_root(pem, now) {
            Ok(der) => der,
            Err(reason) => return Installed::Rejected(reason),
        };
        let _writing = self.writing();
        let roots = self.roots(used_for);
        if roots.iter().any(|root| root.der == der) {
            return Installed::Accepted;
        }
        if roots.len() >= ROOTS_PER_USE {
            return Installed::Rejected(format!(
                "{ROOTS_PER_USE} certificates of this use are installed; delete one first"
            ));
        }
        let path = self
            .folder(used_for)
            .join(format!("{}.pem", hash::sha256(&der)));
        match files::write(&path, &super::station::pem("CERTIFICATE", &der)) {
            Ok(()) => Installed::Accepted,
            Err(error) => Installed::Failed(format!("it cannot be written: {error}")),
        }
    }

    /// The roots of one use, by SHA-256.
    #[must_use]
    pub fn list(&self, used_for: CertificateUse) -> Vec<CertificateHash> {
        self.roots(used_for)
            .iter()
            .map(|root| root.hash(HashAlgorithm::Sha256))
            .collect()
    }

    /// Deletes a root; `in_use`: a link with TLS is configured, so that the last central-system root must stay.
    #[must_use]
    pub fn delete(&self, wanted: &CertificateHash, in_use: bool) -> Deleted {
        let _writing = self.writing();
        let mut found = Vec::new();
        for used_for in CertificateUse::ALL {
            let (hit, kept): (Vec<_>, Vec<_>) = self
                .roots(used_for)
                .into_iter()
                .partition(|root| hash::same(&root.hash(wanted.algorithm), wanted));
            let last = !hit.is_empty() && kept.is_empty();
            if last && in_use && used_for == CertificateUse::CentralSystemRoot {
                return Deleted::Failed(
                    "it is the last central-system root, and the link needs one".to_owned(),
                );
            }
            found.extend(hit);
        }
        if found.is_empty() {
            return if self.is_own(wanted) {
                Deleted::Failed("it is the station's own certificate".to_owned())
            } else {
                Deleted::NotFound
            };
        }
        for root in found {
            if let Err(error) = files::remove(&root.path) {
                return Deleted::Failed(format!("its file cannot be removed: {error}"));
            }
        }
        Deleted::Accepted
    }

    /// A signing request for a new key, PKCS#10 in PEM form. The key waits for its chain; a second call replaces it.
    ///
    /// # Errors
    /// For people.
    pub fn create_csr(&self, common_name: &str, organization: &str) -> Result<String, String> {
        let _writing = self.writing();
        self.station().create_csr(common_name, organization)
    }

    /// Keeps the chain that answers a signing request, leaf first. On anything but success the old one stays.
    #[must_use]
    pub fn install_chain(&self, pem: &str, now: Option<Timestamp>) -> ChainInstalled {
        let _writing = self.writing();
        self.station().install_chain(
            pem,
            &self.anchors(CertificateUse::CentralSystemRoot),
            &self.anchors(CertificateUse::ManufacturerRoot),
            now,
        )
    }

    /// Facts of the station's certificate; `None` if it has none.
    #[must_use]
    pub fn station_certificate(&self, now: Option<Timestamp>) -> Option<StationCertificate> {
        let _writing = self.writing();
        let station = self.station();
        station.promote(now);
        station.facts(Slot::Current).map(|facts| facts.station())
    }

    /// What TLS shows of the station; `None` if it has no certificate. Only for TLS.
    pub(crate) fn identity(&self) -> Option<Arc<CertifiedKey>> {
        let _writing = self.writing();
        let station = self.station();
        station.promote(crate::clock::system_wall());
        station.identity(Slot::Current)
    }

    /// What a TLS server of the station shows: its certificate, or a self-signed one that is made when it is first needed.
    /// Only for TLS.
    pub(crate) fn server_identity(&self) -> Result<Arc<CertifiedKey>, String> {
        if let Some(identity) = self.identity() {
            return Ok(identity);
        }
        let _writing = self.writing();
        self.station().self_signed()
    }

    /// The roots of one use that can be read.
    pub(crate) fn anchors(&self, used_for: CertificateUse) -> Vec<CertificateDer<'static>> {
        self.roots(used_for)
            .into_iter()
            .map(|root| root.der)
            .collect()
    }

    /// Whether this names the station's own certificate, as far as its issuer's key is known.
    fn is_own(&self, wanted: &CertificateHash) -> bool {
        let Some((leaf, issuers)) = self.station().chain_facts(Slot::Current) else {
            return false;
        };
        let mut authorities = issuers;
        for used_for in CertificateUse::ALL {
            authorities.extend(self.roots(used_for).into_iter().map(|root| root.facts));
        }
        authorities
            .iter()
            .filter(|authority| authority.subject == leaf.issuer)
            .any(|authority| {
                let own = certificate_hash(wanted.algorithm, &leaf, &authority.public_key);
                hash::same(&own, wanted)
            })
    }

    fn roots(&self, used_for: CertificateUse) -> Vec<Root> {
        files::list(&self.folder(used_for))
            .into_iter()
            .filter_map(|path| match read_root(&path) {
                Ok((der, facts)) => Some(Root { path, der, facts }),
                Err(reason) => {
                    tracing::debug!(path = %path.display(), "passed over: {reason}");
                    None
                }
            })
            .collect()
    }

    fn station(&self) -> Station {
        Station::new(self.inner.folder.join("station"))
    }

    fn folder(&self, used_for: CertificateUse) -> PathBuf {
        self.inner.folder.join(used_for.folder())
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        // It guards files, which are whole at any time; a thread that panicked has broken nothing.
        self.inner
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Root {
    fn hash(&self, algorithm: HashAlgorithm) -> CertificateHash {
        certificate_hash(algorithm, &self.facts, &self.facts.public_key)
    }
}

/// Checks what an operator wants trusted.
fn check_root(pem: &str, now: Option<Timestamp>) -> Result<CertificateDer<'static>, String> {
    if pem.len() > ROOT_PEM_BYTES {
        return Err(format!("it is longer than {ROOT_PEM_BYTES} bytes"));
    }
    let certificates = parse::certificates(pem)?;
    let [der] = certificates.as_slice() else {
        return Err("it holds more than one certificate".to_owned());
    };
    let facts = Facts::of(der)?;
    check_authority(der, &facts)?;
    if let Some(now) = now {
        let late = now.as_unix_millis().saturating_add(CLOCK_TOLERANCE_MS);
        facts.check_time(now.max(facts.not_before.min(Timestamp::from_unix_millis(late))))?;
    }
    Ok(der.clone())
}

fn check_authority(der: &CertificateDer<'static>, facts: &Facts) -> Result<(), String> {
    facts.is_authority?;
    if !facts.is_self_signed {
        return Err("it is no root: another authority has signed it, or it is forged".to_owned());
    }
    rustls::RootCertStore::empty()
        .add(der.clone())
        .map_err(|error| format!("TLS cannot use it ({error})"))
}

fn read_root(path: &Path) -> Result<(CertificateDer<'static>, Facts), String> {
    let bytes = files::read(path)
        .map_err(|error| error.to_string())?
        .ok_or("it is gone")?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is no text")?;
    let certificates = parse::certificates(text)?;
    let [der] = certificates.as_slice() else {
        return Err("it holds more than one certificate".to_owned());
    };
    let facts = Facts::of(der)?;
    check_authority(der, &facts)?;
    Ok((der.clone(), facts))
}
