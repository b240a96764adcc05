//! Card numbers and MAC addresses: how they are spelt elsewhere, and the one way they are kept here.
//!
//! Kept are upper-case hexadecimal digits in the order in which the card sends its bytes ("air order").

/// Shortest UID in hexadecimal digits (4 bytes: a single-size UID).
const MIN_UID_DIGITS: usize = 8;
/// Longest UID in hexadecimal digits (10 bytes: a triple-size UID).
const MAX_UID_DIGITS: usize = 20;
/// Bytes that a UID can have.
const UID_BYTES: [usize; 3] = [4, 7, 10];
/// Hexadecimal digits of a MAC address.
const MAC_DIGITS: usize = 12;

/// How a list of cards is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// Letters count in either case, bytes in air order.
    Any,
    /// Lower case only, air order.
    Lower,
    /// Upper case only, air order.
    Upper,
    /// Lower case only, bytes reversed.
    LowerReversed,
    /// Upper case only, bytes reversed.
    UpperReversed,
}

impl ListFormat {
    /// The names as a setting spells them.
    pub const NAMES: &'static str = "any, lower, upper, lower-reversed, upper-reversed";

    /// The format with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "any" => Some(Self::Any),
            "lower" => Some(Self::Lower),
            "upper" => Some(Self::Upper),
            "lower-reversed" => Some(Self::LowerReversed),
            "upper-reversed" => Some(Self::UpperReversed),
            _ => None,
        }
    }

    /// The UID as a reader presents it. Phones print it byte by byte (`04:56:7D:AA`); that is understood too.
    ///
    /// # Errors
    /// The text is no UID in this format; the sentence says why.
    pub fn read(self, text: &str) -> Result<String, &'static str> {
        let joined = joined_bytes(text);
        let text = joined.as_deref().unwrap_or(text);
        let uid = canonical_uid(text).ok_or(
            "a card number has 8 to 20 hexadecimal digits, two for each byte, and nothing else",
        )?;
        let (lower, upper) = (
            text.bytes().any(|b| b.is_ascii_lowercase()),
            text.bytes().any(|b| b.is_ascii_uppercase()),
        );
        match self {
            Self::Lower | Self::LowerReversed if upper => {
                Err("the list is written in lower case (setting `list_format`)")
            }
            Self::Upper | Self::UpperReversed if lower => {
                Err("the list is written in upper case (setting `list_format`)")
            }
            Self::LowerReversed | Self::UpperReversed => Ok(reverse_bytes(&uid)),
            Self::Any | Self::Lower | Self::Upper => Ok(uid),
        }
    }

    /// A UID from the reader as this list writes it.
    #[must_use]
    pub fn write(self, uid: &str) -> String {
        match self {
            Self::Any | Self::Upper => uid.to_owned(),
            Self::Lower => uid.to_ascii_lowercase(),
            Self::UpperReversed => reverse_bytes(uid),
            Self::LowerReversed => reverse_bytes(uid).to_ascii_lowercase(),
        }
    }
}

/// The UID in upper case, if the text can be one.
#[must_use]
pub fn canonical_uid(text: &str) -> Option<String> {
    let possible = (MIN_UID_DIGITS..=MAX_UID_DIGITS).contains(&text.len())
        && text.len().is_multiple_of(2)
        && text.bytes().all(|b| b.is_ascii_hexdigit());
    possible.then(|| text.to_ascii_uppercase())
}

/// The digits of a UID that is written byte by byte with colons, dashes or blanks between, as phones print it.
fn joined_bytes(text: &str) -> Option<String> {
    let separator = text
        .chars()
        .nth(2)
        .filter(|c| matches!(c, ':' | '-' | ' '))?;
    let bytes: Vec<&str> = text.split(separator).collect();
    let possible = UID_BYTES.contains(&bytes.len()) && bytes.iter().all(|byte| is_byte(byte));
    possible.then(|| bytes.concat())
}

/// Two hexadecimal digits.
pub(crate) fn is_byte(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The MAC address as twelve upper-case digits; colons and dashes between the bytes do not count.
#[must_use]
pub fn canonical_mac(text: &str) -> Option<String> {
    // Two digits and a separator for each byte at most; a longer text is not looked at.
    if text.len() > MAC_DIGITS.saturating_mul(2) {
        return None;
    }
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect();
    let possible = digits.len() == MAC_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
    possible.then(|| digits.to_ascii_uppercase())
}

/// The card makes up another number each time it is held to a reader; it cannot be listed.
///
/// Source: NXP AN10927, random identifiers are 4 bytes and begin with 08.
#[must_use]
pub fn is_random(uid: &str) -> bool {
    uid.len() == MIN_UID_DIGITS && uid.starts_with("08")
}

/// The UID of a number in decimal digits as other systems print it: the card's bytes, least significant first.
///
/// The number of bytes is the smallest size of UID that holds the number.
#[must_use]
pub fn uid_from_decimal(text: &str) -> Option<String> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u128 = text.parse().ok()?;
    let bytes = UID_BYTES
        .into_iter()
        .find(|bytes| number < 1_u128 << (bytes.saturating_mul(8)))?;
    let little_endian = number.to_le_bytes();
    Some(
        little_endian
            .iter()
            .take(bytes)
            .map(|byte| format!("{byte:02X}"))
            .collect(),
    )
}

/// Reverses the order of the bytes of an even number of hexadecimal digits.
fn reverse_bytes(hex: &str) -> String {
    hex.as_bytes()
        .rchunks(2)
        .flat_map(|pair| pair.iter().map(|b| char::from(*b)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_format_writes_it_reads_again() {
        for name in ListFormat::NAMES.split(", ") {
            let format = ListFormat::parse(name).unwrap();
            for uid in ["0A0E9B83", "04567DAA5F3580", "0102030405060708090A"] {
                assert_eq!(format.read(&format.write(uid)).as_deref(), Ok(uid));
            }
        }
        assert_eq!(ListFormat::LowerReversed.write("0A0E9B83"), "839b0e0a");
        assert_eq!(ListFormat::UpperReversed.write("0A0E9B83"), "839B0E0A");
        assert_eq!(ListFormat::parse("Upper"), None);
    }

    #[test]
    fn decimal_number_is_the_cards_bytes_least_significant_first() {
        assert_eq!(uid_from_decimal("3536403172").as_deref(), Some("E43AC9D2"));
        assert_eq!(uid_from_decimal("1").as_deref(), Some("01000000"));
        assert_eq!(
            uid_from_decimal("36087482017469956").as_deref(),
            Some("04567DAA5F3580")
        );
        assert_eq!(uid_from_decimal("4294967296").map(|u| u.len()), Some(14));
        assert_eq!(
            uid_from_decimal("1208925819614629174706175").as_deref(),
            Some("FFFFFFFFFFFFFFFFFFFF")
        );
        for bad in [
            "",
            "-1",
            "+1",
            "12A4",
            "1208925819614629174706176",
            &"9".repeat(60),
        ] {
            assert_eq!(uid_from_decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn mac_addresses_are_one_whatever_stands_between_the_bytes() {
        for text in ["00:1a:2B:3c:4D:5e", "00-1A-2B-3C-4D-5E", "001a2b3c4d5e"] {
            assert_eq!(canonical_mac(text).as_deref(), Some("001A2B3C4D5E"));
        }
        for bad in [
            "",
            "001A2B3C4D5",
            "001A2B3C4D5E6F",
            "001A2B3C4D5G",
            &"-".repeat(4_000),
        ] {
            assert_eq!(canonical_mac(bad), None, "{bad}");
        }
    }

    #[test]
    fn four_bytes_beginning_with_08_are_a_random_number() {
        assert!(is_random("08A1B2C3"));
        assert!(!is_random("80A1B2C3"));
        assert!(
            !is_random("08A1B2C3D4E5F6"),
            "a double-size UID is the card's own"
        );
    }
}
