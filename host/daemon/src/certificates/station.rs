//! The station's own key and certificate.
//!
//! Key and chain are one file, so that one rename changes both. States of the files:
//!
//! ```text
//!  create_csr ─▶ pending ──chain──▶ current          the old one is replaced
//!                   │──chain that begins later──▶ next ──its time has come──▶ current
//!  a chain for the current key (renewed without a new request) replaces current alone
//!  a chain for pending that becomes current ends an older next
//! ```

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use units::Timestamp;

use super::chain::{self, Chain};
use super::files;
use super::limits::NAME_CHARS;
use super::parse::{self, Facts, KeyFile, Requested};
use super::types::{ChainInstalled, Damage};

/// Which of the station's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Waits for a chain.
    Pending,
    /// Has a chain that begins later.
    Next,
    /// In use.
    Current,
    /// Self-signed.
    Server,
}

impl Slot {
    const ALL: [Self; 4] = [Self::Pending, Self::Next, Self::Current, Self::Server];

    const fn file(self) -> &'static str {
        match self {
            Self::Pending => "pending.pem",
            Self::Next => "next.pem",
            Self::Current => "current.pem",
            Self::Server => "server.pem",
        }
    }

    /// What has served its purpose once a chain for the key of `from` is in `to`.
    const fn done_after(from: Self, to: Self) -> &'static [Self] {
        match (from, to) {
            // What the station asked for last counts: an older chain must not replace it later.
            (Self::Pending, Self::Current) => &[Self::Pending, Self::Next],
            (Self::Pending, _) => &[Self::Pending],
            (Self::Next, Self::Current) => &[Self::Next],
            (Self::Next | Self::Current | Self::Server, _) => &[],
        }
    }
}

/// The folder of the station's own files.
pub struct Station {
    folder: PathBuf,
}

impl Station {
    /// A view of the folder.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes the folder, finishes what was interrupted, and tells what is damaged.
    pub fn open(&self) -> io::Result<Vec<Damage>> {
        files::create_folder(&self.folder)?;
        files::tidy(&self.folder);
        let mut damaged = Vec::new();
        for slot in Slot::ALL {
            if let Err(reason) = self.read(slot).and_then(|file| usable(slot, file)) {
                let path = self.path(slot);
                damaged.push(Damage { path, reason });
            }
        }
        // The power failed between the chain that was kept and the request that it answered.
        let answered = self.expected(Slot::Pending).is_some_and(|pending| {
            [Slot::Current, Slot::Next].into_iter().any(|slot| {
                self.facts(slot)
                    .is_some_and(|facts| facts.public_key == pending.public_key)
            })
        });
        if answered {
            files::remove(&self.path(Slot::Pending))?;
        }
        Ok(damaged)
    }

    /// A new key and the request for its certificate.
    pub fn create_csr(&self, common_name: &str, organization: &str) -> Result<String, String> {
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, checked("common name", common_name)?);
        if !organization.is_empty() {
            name.push(
                DnType::OrganizationName,
                checked("organisation", organization)?,
            );
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        let failed = |error: rcgen::Error| format!("no request can be made: {error}");
        let key = KeyPair::generate().map_err(failed)?;
        let request = params.serialize_request(&key).map_err(failed)?;
        let request = pem("CERTIFICATE REQUEST", request.der());
        let text = format!("{}{request}", pem("PRIVATE KEY", key.serialized_der()));
        files::write(&self.path(Slot::Pending), &text)
            .map_err(|error| format!("the new key cannot be written: {error}"))?;
        Ok(request)
    }

    /// See [`super::CertificateStore::install_chain`].
    pub fn install_chain(
        &self,
        text: &str,
        central_system: &[CertificateDer<'static>],
        manufacturer: &[CertificateDer<'static>],
        now: Option<Timestamp>,
    ) -> ChainInstalled {
        self.promote(now);
        let checked = chain::read(text).and_then(|chain| {
            let slot = self.slot_of(&chain)?;
            // Before its time a certificate is judged as of its beginning; without a clock likewise.
            let begin = chain.leaf.not_before;
            let at = now.map_or(begin, |now| now.max(begin));
            chain.leaf.check_time(at)?;
            let anchor = chain::check_signatures(&chain, central_system, manufacturer, at)?;
            Ok((chain, slot, anchor))
        });
        let (chain, slot, anchor) = match checked {
            Ok(checked) => checked,
            Err(reason) => return ChainInstalled::Rejected(reason),
        };
        let later = now.is_some_and(|now| now < chain.leaf.not_before);
        match self.keep(&chain, slot, later) {
            Ok(()) if later => ChainInstalled::AcceptedForLater(anchor, chain.leaf.not_before),
            Ok(()) => ChainInstalled::Accepted(anchor),
            Err(reason) => ChainInstalled::Failed(reason),
        }
    }

    /// Puts the next certificate to use if its time has come.
    pub fn promote(&self, now: Option<Timestamp>) {
        let (Some(now), Some(next)) = (now, self.facts(Slot::Next)) else {
            return;
        };
        if now < next.not_before {
            return;
        }
        match files::rename(&self.path(Slot::Next), &self.path(Slot::Current)) {
            Ok(()) => tracing::info!("the station's next certificate is in use"),
            Err(error) => tracing::warn!("the station's next certificate stays unused: {error}"),
        }
    }

    /// Facts of a slot's certificate.
    pub fn facts(&self, slot: Slot) -> Option<Facts> {
        self.chain_facts(slot).map(|(leaf, _)| leaf)
    }

    /// Facts of a slot's certificate and of those that came with it.
    pub fn chain_facts(&self, slot: Slot) -> Option<(Facts, Vec<Facts>)> {
        let file = self.read(slot).ok()??;
        let (leaf, others) = file.chain.split_first()?;
        let others = others.iter().filter_map(|der| Facts::of(der).ok());
        Some((Facts::of(leaf).ok()?, others.collect()))
    }

    /// What TLS shows.
    pub fn identity(&self, slot: Slot) -> Option<Arc<CertifiedKey>> {
        match self.read(slot).ok()?.map(certified)? {
            Ok(identity) => Some(Arc::new(identity)),
            Err(reason) => {
                tracing::warn!("the station's certificate cannot be used: {reason}");
                None
            }
        }
    }

    /// The self-signed certificate of a server; made if there is none that can be used.
    pub fn self_signed(&self) -> Result<Arc<CertifiedKey>, String> {
        if let Some(identity) = self.identity(Slot::Server) {
            return Ok(identity);
        }
        let failed = |error: rcgen::Error| format!("no certificate can be made: {error}");
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Pilotwire charging station");
        // The station may not know the time; nobody checks this one anyway.
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2120, 1, 1);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        let text = format!(
            "{}{}",
            pem("PRIVATE KEY", key.serialized_der()),
            pem("CERTIFICATE", certificate.der())
        );
        files::write(&self.path(Slot::Server), &text)
            .map_err(|error| format!("the server's key cannot be written: {error}"))?;
        self.identity(Slot::Server)
            .ok_or_else(|| "the server's certificate cannot be read back".to_owned())
    }

    /// The slot whose key the chain is for, after its names were checked.
    fn slot_of(&self, chain: &Chain) -> Result<Slot, String> {
        let mut any = false;
        for slot in [Slot::Pending, Slot::Next, Slot::Current] {
            let Some(expected) = self.expected(slot) else {
                continue;
            };
            any = true;
            if expected.public_key == chain.leaf.public_key {
                return chain::check_leaf(&chain.leaf, &expected).map(|()| slot);
            }
        }
        Err(if any {
            "it is for another key than the station's".to_owned()
        } else {
            "the station has asked for none".to_owned()
        })
    }

    /// Whom a chain for this slot must name.
    fn expected(&self, slot: Slot) -> Option<Requested> {
        let file = self.read(slot).ok()??;
        if let Some(request) = &file.request {
            return parse::request(request).ok();
        }
        let facts = Facts::of(file.chain.first()?).ok()?;
        Some(Requested {
            common_names: facts.common_names,
            organizations: facts.organizations,
            public_key: facts.public_key,
        })
    }

    fn keep(&self, chain: &Chain, slot: Slot, later: bool) -> Result<(), String> {
        let file = self.read(slot)?.ok_or("the key is gone")?;
        let mut text = pem("PRIVATE KEY", file.key.secret_der());
        for certificate in &chain.certificates {
            text.push_str(&pem("CERTIFICATE", certificate));
        }
        // A key that does not fit would take the station off its backend.
        certified(parse::key_file(text.as_bytes())?)?;
        let to = if later { Slot::Next } else { Slot::Current };
        files::write(&self.path(to), &text)
            .map_err(|error| format!("the certificate cannot be written: {error}"))?;
        for done in Slot::done_after(slot, to) {
            // If this fails the chain is kept all the same.
            if let Err(error) = files::remove(&self.path(*done)) {
                tracing::warn!("an old key of the station stays: {error}");
            }
        }
        Ok(())
    }

    fn read(&self, slot: Slot) -> Result<Option<KeyFile>, String> {
        match files::read(&self.path(slot)) {
            Ok(Some(bytes)) => parse::key_file(&bytes).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn path(&self, slot: Slot) -> PathBuf {
        self.folder.join(slot.file())
    }
}

/// Whether a file of this slot can be used for what it is there for.
fn usable(slot: Slot, file: Option<KeyFile>) -> Result<(), String> {
    let Some(file) = file else {
        return Ok(());
    };
    match slot {
        Slot::Pending => {
            let request = file.request.ok_or("no signing request is in it")?;
            parse::request(&request).map(|_| ())
        }
        Slot::Next | Slot::Current | Slot::Server => {
            let leaf = file.chain.first().ok_or("no certificate is in it")?;
            Facts::of(leaf)?;
            certified(file).map(|_| ())
        }
    }
}

/// Key and chain for TLS; they are checked to fit.
fn certified(file: KeyFile) -> Result<CertifiedKey, String> {
    CertifiedKey::from_der(file.chain, file.key, &crate::net::provider())
        .map_err(|error| error.to_string())
}

/// A name that X.520 allows and a page can show.
fn checked<'a>(what: &str, name: &'a str) -> Result<&'a str, String> {
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(format!(
            "the {what} must have 1 to {NAME_CHARS} characters and no control characters"
        ));
    }
    Ok(name)
}

/// PEM text of one object.
pub fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while let Some((line, more)) = rest.split_at_checked(64) {
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    if !rest.is_empty() {
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
