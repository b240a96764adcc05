//! RSA signatures over a hash that is known: RFC 8017, verification only.
//!
//! The libraries that are in the station already want the whole signed message in memory, and an image may be larger than
//! that memory. Here is the little that is left: one exponentiation with public numbers (nothing in here is secret, so
//! no side channel matters) and the two encodings, of which both are compared as a whole.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use sha2::{Digest as _, Sha256};
use x509_parser::der_parser::ber::BerObjectContent;
use x509_parser::der_parser::der::parse_der;

/// Sizes of moduli that are taken, bytes.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// Longest public exponent, bytes. Real ones are 65,537 or 3.
const EXPONENT_BYTES: usize = 4;
/// SHA-256 in a DigestInfo: RFC 8017, section 9.2, note 1.
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
const HASH_BYTES: usize = 32;

/// Somebody's key.
pub struct PublicKey {
    modulus: Odd<BoxedUint>,
    exponent: BoxedUint,
    /// Of the modulus.
    bytes: usize,
    bits: usize,
}

impl PublicKey {
    /// Reads `RSAPublicKey`; `None` if it is none or its size is not taken.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let (rest, object) = parse_der(der).ok()?;
        let BerObjectContent::Sequence(parts) = object.content else {
            return None;
        };
        let [modulus, exponent] = parts.as_slice() else {
            return None;
        };
        let modulus = without_zeros(modulus.as_slice().ok()?);
        let exponent = without_zeros(exponent.as_slice().ok()?);
        let leading = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        let taken = rest.is_empty()
            && MODULUS_BYTES.contains(&modulus.len())
            && exponent.len() <= EXPONENT_BYTES
            && odd(exponent)
            && exponent != [1];
        if !taken {
            return None;
        }
        let number = BoxedUint::from_be_slice_vartime(modulus);
        Some(Self {
            modulus: Odd::new(number).into_option()?,
            exponent: BoxedUint::from_be_slice_vartime(exponent),
            bytes: modulus.len(),
            bits: modulus.len() * 8 - leading,
        })
    }

    /// RSASSA-PKCS1-v1_5: the one encoding that there can be is made and compared.
    pub fn verify_pkcs1_sha256(&self, hash: &[u8; HASH_BYTES], signature: &[u8]) -> bool {
        let Some(encoded) = self.open(signature) else {
            return false;
        };
        let mut expected = vec![0, 1];
        expected.resize(self.bytes - DIGEST_INFO.len() - HASH_BYTES - 1, 0xff);
        expected.push(0);
        expected.extend_from_slice(&DIGEST_INFO);
        expected.extend_from_slice(hash);
        encoded == expected
    }

    /// RSASSA-PSS with SHA-256 and MGF1 of it; the salt may have any length, because tools differ.
    pub fn verify_pss_sha256(&self, hash: &[u8; HASH_BYTES], signature: &[u8]) -> bool {
        self.pss(hash, signature).unwrap_or(false)
    }

    fn pss(&self, hash: &[u8; HASH_BYTES], signature: &[u8]) -> Option<bool> {
        let opened = self.open(signature)?;
        // The encoding has one bit less than the modulus, which may be a whole byte.
        let bits = self.bits - 1;
        let length = bits.div_ceil(8);
        let (above, encoded) = opened.split_at_checked(self.bytes - length)?;
        let (masked, rest) = encoded.split_at_checked(length.checked_sub(HASH_BYTES + 1)?)?;
        let (inner, trailer) = rest.split_at_checked(HASH_BYTES)?;
        let unused = u32::try_from(length * 8 - bits).ok()?;
        let mask = 0xff_u8.checked_shr(unused)?;
        if above.iter().any(|byte| *byte != 0) || trailer != [0xbc] || masked.first()? & !mask != 0
        {
            return Some(false);
        }
        let mut block: Vec<u8> = masked
            .iter()
            .zip(mgf1(inner, masked.len()))
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        *block.first_mut()? &= mask;
        let zeros = block.iter().position(|byte| *byte != 0)?;
        let (one, salt) = block.split_at(zeros).1.split_first()?;
        if *one != 1 {
            return Some(false);
        }
        let again = Sha256::new()
            .chain_update([0; 8])
            .chain_update(hash)
            .chain_update(salt)
            .finalize();
        Some(again.as_slice() == inner)
    }

    /// The signature to the power of the public exponent, as long as the modulus.
    fn open(&self, signature: &[u8]) -> Option<Vec<u8>> {
        if signature.len() != self.bytes {
            return None;
        }
        let precision = self.modulus.bits_precision();
        let number = BoxedUint::from_be_slice(signature, precision).ok()?;
        if number >= *self.modulus.as_ref() {
            return None;
        }
        let params = BoxedMontyParams::new_vartime(self.modulus.clone());
        let power = BoxedMontyForm::new(number, &params).pow(&self.exponent);
        let bytes = power.retrieve().to_be_bytes();
        let surplus = bytes.len().checked_sub(self.bytes)?;
        let (above, bytes) = bytes.split_at_checked(surplus)?;
        above.iter().all(|byte| *byte == 0).then(|| bytes.to_vec())
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.split_at(zeros).1
}

/// A mask of this length from a seed.
fn mgf1(seed: &[u8], length: usize) -> Vec<u8> {
    let mut mask = Vec::with_capacity(length + HASH_BYTES);
    let mut counter = 0_u32;
    while mask.len() < length {
        let block = Sha256::new()
            .chain_update(seed)
            .chain_update(counter.to_be_bytes())
            .finalize();
        mask.extend_from_slice(&block);
        counter += 1;
    }
    mask.truncate(length);
    mask
}
