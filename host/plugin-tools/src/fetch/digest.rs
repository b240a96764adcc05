//! SHA-256 digests as sources and registries write them.

use std::fmt;
use std::io::{self, Read};

use anyhow::{Result, bail};
use sha2::{Digest as _, Sha256};

use super::limits::CHUNK_BYTES;

/// The SHA-256 of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of everything a reader gives.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK_BYTES]);
        loop {
            let read = reader.read(&mut chunk)?;
            if read == 0 {
                return Ok(Self(hash.finalize().into()));
            }
            hash.update(chunk.get(..read).unwrap_or_default());
        }
    }

    /// From 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_hex(text: &str) -> Result<Self> {
        let lower = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(lower) {
            bail!("a SHA-256 digest is 64 lower-case hexadecimal digits, not {text:?}");
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2).unwrap_or_default(), 16)?;
        }
        Ok(Self(bytes))
    }

    /// From `sha256:` and 64 digits.
    ///
    /// # Errors
    /// Anything else; other algorithms too.
    pub fn parse(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("sha256", hex)) => Self::from_hex(hex),
            Some((other, _)) => bail!("{other} digests are not supported; use the sha256 one"),
            None => bail!("{text:?} is no digest; write sha256: and 64 hexadecimal digits"),
        }
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_reads_what_it_writes_and_nothing_else() {
        let digest = Digest::of(b"abc");
        assert_eq!(
            digest.to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(Digest::parse(&digest.to_string()).unwrap(), digest);
        assert_eq!(Digest::of_reader(&b"abc"[..]).unwrap(), digest);
        for wrong in [
            "",
            "sha256:",
            "sha256:12",
            &digest.hex(),
            &format!("sha512:{}", digest.hex()),
            &digest.to_string().to_uppercase(),
            &format!("sha256:+{}", &digest.hex()[1..]),
        ] {
            assert!(Digest::parse(wrong).is_err(), "{wrong}");
        }
    }
}
