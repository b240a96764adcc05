//! The detached signature of a component: what is signed, how it is written down, how it is checked.
//!
//! A signature file is seven short lines of text (docs/spec/signature.md). Ed25519 over name, version, publisher, key id
//! and the component's SHA-256, under a context of its own. Nothing here reads files or knows who is trusted. `cargo
//! xtask plugins`, which signs what it builds, uses this very file; so it has no dependency on the rest of the crate.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// First line of a signature file.
const FORMAT: &str = "pilotwire-signature 1";
/// What every signed message begins with: a signature made for something else never fits.
const CONTEXT: &str = "pilotwire component signature 1";
/// First line of a key file.
const KEY_FORMAT: &str = "pilotwire-publisher-key 1";
/// Longest signature file. Larger: nothing that belongs into one.
pub const MAX_SIGNATURE_BYTES: usize = 2_048;
/// Longest name, version or publisher in one.
const MAX_FIELD_CHARS: usize = 64;
/// Bytes of a key id: enough to tell a publisher's keys apart; who signed is never decided by it.
const KEY_ID_BYTES: usize = 8;

/// What a signature file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureFile {
    /// The plugin.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Who signed.
    pub publisher: String,
    /// With which of the publisher's keys ([`key_id`]).
    pub key_id: String,
    /// SHA-256 of the component.
    pub sha256: [u8; 32],
    /// Ed25519.
    signature: [u8; 64],
}

/// Why a text is no signature or key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Longer than any.
    #[error("it is longer than {MAX_SIGNATURE_BYTES} bytes")]
    TooLong,
    /// Not text.
    #[error("it is not text")]
    NotText,
    /// Another format.
    #[error("its first line is not `{0}`")]
    Format(&'static str),
    /// A line is missing, or not what belongs there.
    #[error("line {line} has to be `{key}: …`")]
    Line {
        /// From 1.
        line: usize,
        /// What belongs there.
        key: &'static str,
    },
    /// A value is not what it should be.
    #[error("`{0}` is malformed")]
    Value(&'static str),
    /// The end is missing.
    #[error("its last line has no end; the file was cut")]
    Cut,
    /// More than belongs into it.
    #[error("there is more after the last line")]
    Trailing,
}

impl SignatureFile {
    /// Signs a component.
    #[must_use]
    pub fn sign(
        key: &SigningKey,
        publisher: &str,
        name: &str,
        version: &str,
        component: &[u8],
    ) -> Self {
        let mut file = Self {
            name: name.to_owned(),
            version: version.to_owned(),
            publisher: publisher.to_owned(),
            key_id: key_id(&key.verifying_key()),
            sha256: Sha256::digest(component).into(),
            signature: [0; 64],
        };
        file.signature = key.sign(file.message().as_bytes()).to_bytes();
        file
    }

    /// Whether this key signed what the file says.
    #[must_use]
    pub fn is_by(&self, key: &VerifyingKey) -> bool {
        let signature = Signature::from_bytes(&self.signature);
        let fits = key.verify_strict(self.message().as_bytes(), &signature);
        fits.is_ok() && self.key_id == key_id(key)
    }

    /// What is signed.
    fn message(&self) -> String {
        // Every field is one line without line breaks (`plain`), so no two sets of fields give the same message.
        format!(
            "{CONTEXT}\n{}\n{}\n{}\n{}\n{}\n",
            self.name,
            self.version,
            self.publisher,
            self.key_id,
            to_hex(&self.sha256)
        )
    }

    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "{FORMAT}\nname: {}\nversion: {}\npublisher: {}\nkey: {}\nsha256: {}\nsignature: {}\n",
            self.name,
            self.version,
            self.publisher,
            self.key_id,
            to_hex(&self.sha256),
            to_hex(&self.signature),
        )
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`SignatureError`] for the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        if bytes.len() > MAX_SIGNATURE_BYTES {
            return Err(SignatureError::TooLong);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| SignatureError::NotText)?;
        // Not `lines()`: there is one way to write a file, and a cut one is noticed.
        let mut lines = text.split('\n');
        if lines.next() != Some(FORMAT) {
            return Err(SignatureError::Format(FORMAT));
        }
        let mut number = 1;
        let mut field = |key: &'static str| {
            number += 1;
            let line = lines.next().and_then(|line| line.strip_prefix(key));
            let value = line.and_then(|rest| rest.strip_prefix(": "));
            value.ok_or(SignatureError::Line { line: number, key })
        };
        let file = Self {
            name: plain(field("name")?, "name")?,
            version: plain(field("version")?, "version")?,
            publisher: plain(field("publisher")?, "publisher")?,
            key_id: from_hex::<KEY_ID_BYTES>(field("key")?)
                .map(|id| to_hex(&id))
                .ok_or(SignatureError::Value("key"))?,
            sha256: from_hex(field("sha256")?).ok_or(SignatureError::Value("sha256"))?,
            signature: from_hex(field("signature")?).ok_or(SignatureError::Value("signature"))?,
        };
        match (lines.next(), lines.next()) {
            (Some(""), None) => Ok(file),
            (None, _) => Err(SignatureError::Cut),
            (Some(_), _) => Err(SignatureError::Trailing),
        }
    }
}

/// Visible ASCII without blanks at the ends.
fn plain(text: &str, what: &'static str) -> Result<String, SignatureError> {
    let good = |c: char| c.is_ascii_graphic() || c == ' ';
    let fits = !text.is_empty() && text.len() <= MAX_FIELD_CHARS && text.trim() == text;
    match fits && text.chars().all(good) {
        true => Ok(text.to_owned()),
        false => Err(SignatureError::Value(what)),
    }
}

/// A publisher's private key from the text of its file.
///
/// # Errors
/// [`SignatureError`] for the first thing that is wrong.
pub fn parse_private_key(text: &str) -> Result<SigningKey, SignatureError> {
    let mut lines = text.lines();
    if lines.next() != Some(KEY_FORMAT) {
        return Err(SignatureError::Format(KEY_FORMAT));
    }
    let line = lines.next().and_then(|line| line.strip_prefix("private: "));
    let line = line.ok_or(SignatureError::Line {
        line: 2,
        key: "private",
    })?;
    let seed = from_hex(line).ok_or(SignatureError::Value("private"))?;
    Ok(SigningKey::from_bytes(&seed))
}

/// Text of a private key's file.
#[must_use]
pub fn private_key_text(seed: &[u8; 32]) -> String {
    format!("{KEY_FORMAT}\nprivate: {}\n", to_hex(seed))
}

/// A publisher's public key, as packs and configurations write it.
#[must_use]
pub fn public_key_text(key: &SigningKey) -> String {
    to_hex(key.verifying_key().as_bytes())
}

/// Tells keys of one publisher apart: the beginning of the public key's SHA-256.
#[must_use]
pub fn key_id(key: &VerifyingKey) -> String {
    let hash = Sha256::digest(key.as_bytes());
    hash.iter()
        .take(KEY_ID_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Reads a public key.
#[must_use]
pub fn parse_public_key(text: &str) -> Option<VerifyingKey> {
    let key = VerifyingKey::from_bytes(&from_hex(text)?).ok()?;
    // A key of small order signs everything.
    (!key.is_weak()).then_some(key)
}

/// Lower-case hexadecimal.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly `N` bytes in lower-case hexadecimal.
#[must_use]
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != N * 2 || !text.as_bytes().iter().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = core::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}
