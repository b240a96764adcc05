//! Card readers.

use core::fmt;

use units::Instant;

use crate::limits::MAX_UID_BYTES;

/// A reader of RFID cards.
pub trait CardReader: Send {
    /// The next card that was held up since the last call, if any. Returns at once.
    ///
    /// # Errors
    /// [`ReaderError`] while the reader is silent.
    fn poll(&mut self, now: Instant) -> Result<Option<CardSeen>, ReaderError>;
}

/// What a reader saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardSeen {
    /// A card with this UID.
    Uid(CardUid),
    /// A card with this UID that proved with a key to be no copy (DESFire EV2 and its like).
    ProvenUid(CardUid),
    /// A card that could not be read.
    Unreadable,
}

/// UID of a card in the order it came through the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CardUid {
    bytes: [u8; MAX_UID_BYTES],
    len: usize,
}

impl CardUid {
    /// Wraps the bytes of a UID.
    ///
    /// # Errors
    /// [`CardUidError::Length`] unless there are 4, 7 or 10 of them.
    pub fn try_from_bytes(uid: &[u8]) -> Result<Self, CardUidError> {
        if !matches!(uid.len(), 4 | 7 | 10) {
            return Err(CardUidError::Length(uid.len()));
        }
        let mut bytes = [0; MAX_UID_BYTES];
        for (to, from) in bytes.iter_mut().zip(uid) {
            *to = *from;
        }
        Ok(Self {
            bytes,
            len: uid.len(),
        })
    }

    /// Reads hexadecimal digits in either case; `:`, `-` and blanks between bytes are ignored.
    ///
    /// # Errors
    /// [`CardUidError`] if a character is no digit, or the length is not that of a UID.
    pub fn try_from_hex(text: &str) -> Result<Self, CardUidError> {
        let mut digits = Vec::with_capacity(MAX_UID_BYTES * 2);
        for c in text.chars().filter(|c| !matches!(c, ':' | '-' | ' ')) {
            let digit = c.to_digit(16).and_then(|d| u8::try_from(d).ok());
            digits.push(digit.ok_or(CardUidError::Digit(c))?);
            if digits.len() > MAX_UID_BYTES * 2 {
                return Err(CardUidError::Length(digits.len().div_ceil(2)));
            }
        }
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0_u8, |byte, digit| (byte << 4) | digit))
            .collect();
        if digits.len() % 2 == 1 {
            return Err(CardUidError::Length(bytes.len()));
        }
        Self::try_from_bytes(&bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// The card makes up another number each time it is held to a reader; it cannot be listed.
    ///
    /// Random identifiers have 4 bytes and begin with 08 (NXP AN10927).
    #[must_use]
    pub fn is_random(&self) -> bool {
        matches!(self.bytes(), [0x08, _, _, _])
    }
}

impl fmt::Display for CardUid {
    /// Upper-case hexadecimal in air order, as the station's tokens want it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// Why something is no UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardUidError {
    /// So many bytes; a UID has 4, 7 or 10 whole bytes.
    Length(usize),
    /// This character is no hexadecimal digit.
    Digit(char),
}

impl fmt::Display for CardUidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n) => {
                write!(
                    f,
                    "a card's UID has 4, 7 or 10 whole bytes (8, 14 or 20 digits), not {n}"
                )
            }
            Self::Digit(c) => write!(
                f,
                "{c:?} is no hexadecimal digit; a UID looks like 0A0E9B83"
            ),
        }
    }
}

impl std::error::Error for CardUidError {}

/// Why a reader gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderError {
    /// It does not answer.
    Silent,
}

impl fmt::Display for ReaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the card reader does not answer; check its cable and supply")
    }
}

impl std::error::Error for ReaderError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uid_of_four_bytes_is_shown_in_upper_case_air_order() {
        let uid = CardUid::try_from_hex("0a:0e:9b:83").unwrap();
        assert_eq!(uid.to_string(), "0A0E9B83");
        assert_eq!(uid.bytes(), [0x0a, 0x0e, 0x9b, 0x83]);
    }

    #[test]
    fn uid_of_four_bytes_that_begins_with_08_is_random() {
        assert!(CardUid::try_from_hex("08 A1 B2 C3").unwrap().is_random());
        assert!(!CardUid::try_from_hex("04A1B2C3").unwrap().is_random());
        assert!(!CardUid::try_from_hex("08A1B2C3D4E5F6").unwrap().is_random());
    }

    #[test]
    fn uid_of_a_wrong_length_or_with_a_wrong_digit_is_refused() {
        assert_eq!(
            CardUid::try_from_hex("0a0e9b"),
            Err(CardUidError::Length(3))
        );
        assert_eq!(
            CardUid::try_from_hex("0a0e9b8"),
            Err(CardUidError::Length(4))
        );
        assert_eq!(
            CardUid::try_from_hex("0a0e9b8g"),
            Err(CardUidError::Digit('g'))
        );
        assert!(CardUid::try_from_hex(&"0".repeat(1_000)).is_err());
    }
}
