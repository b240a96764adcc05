//! What the reader found: one card, several, or something that makes no sense; and what kind of card it may be.
//!
//! A kind is information for people who support the station. It decides nothing: a UID can be copied onto another card,
//! and newer cards let their issuer choose every value that a kind is told by.

use core::fmt;

use crate::limits::MAX_UID_BYTES;
use crate::reader::CardUid;

/// Byte that marks a UID as continued; some firmware leaves it in.
const CASCADE_TAG: u8 = 0x88;
/// SAK bit: the card speaks ISO/IEC 14443-4 and sent an ATS.
const SAK_ISO_14443_4: u8 = 0x20;

/// A card as it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Its UID.
    pub uid: CardUid,
    /// ATQA (SENS_RES), most significant byte first.
    pub atqa: u16,
    /// SAK (SEL_RES).
    pub sak: u8,
    /// What it may be.
    pub kind: CardKind,
}

/// What one look at the field showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// No card.
    Nothing,
    /// One card.
    One(Card),
    /// More than one card: nobody can say which one is meant.
    Several,
}

/// An answer that describes no card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Reads the answer to InListPassiveTarget, from the number of targets on.
///
/// # Errors
/// [`Malformed`] if it describes no card.
pub fn parse_sight(body: &[u8]) -> Result<Sight, Malformed> {
    let (count, rest) = body.split_first().ok_or(Malformed)?;
    match count {
        0 => Ok(Sight::Nothing),
        1 => parse_card(rest).map(Sight::One),
        // What stands behind the first one is of no use.
        2 => Ok(Sight::Several),
        _ => Err(Malformed),
    }
}

/// `Tg SENS_RES(2) SEL_RES length UID… [length of ATS with itself, ATS…]`.
fn parse_card(target: &[u8]) -> Result<Card, Malformed> {
    let [_, atqa_high, atqa_low, sak, len, rest @ ..] = target else {
        return Err(Malformed);
    };
    let (uid, rest) = rest.split_at_checked(usize::from(*len)).ok_or(Malformed)?;
    let ats = match rest {
        [len, ats @ ..] if sak & SAK_ISO_14443_4 != 0 => {
            let len = usize::from(*len).saturating_sub(1);
            ats.get(..len).ok_or(Malformed)?
        }
        _ => &[],
    };
    let uid = parse_uid(uid)?;
    let atqa = u16::from_be_bytes([*atqa_high, *atqa_low]);
    Ok(Card {
        uid,
        atqa,
        sak: *sak,
        kind: CardKind::classify(&uid, *sak, ats),
    })
}

/// A UID, with cascade tags taken out.
fn parse_uid(raw: &[u8]) -> Result<CardUid, Malformed> {
    let uid = match raw {
        [CASCADE_TAG, uid @ ..] if uid.len() == 7 => CardUid::try_from_bytes(uid),
        [CASCADE_TAG, a, b, c, CASCADE_TAG, rest @ ..] if rest.len() == 7 => {
            let mut uid = Vec::with_capacity(MAX_UID_BYTES);
            uid.extend_from_slice(&[*a, *b, *c]);
            uid.extend_from_slice(rest);
            CardUid::try_from_bytes(&uid)
        }
        uid => CardUid::try_from_bytes(uid),
    };
    uid.map_err(|_| Malformed)
}

/// A card of the manual's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// MIFARE Classic 1K.
    Classic1k,
    /// MIFARE Classic 4K.
    Classic4k,
    /// MIFARE Ultralight.
    Ultralight,
    /// MIFARE Ultralight C.
    UltralightC,
    /// MIFARE Plus S.
    PlusS,
    /// MIFARE Plus X.
    PlusX,
    /// MIFARE Plus SE.
    PlusSe,
    /// MIFARE Plus EV2.
    PlusEv2,
    /// MIFARE DESFire.
    Desfire,
    /// MIFARE DESFire EV1.
    DesfireEv1,
    /// MIFARE DESFire EV2.
    DesfireEv2,
    /// MIFARE DESFire EV3.
    DesfireEv3,
    /// MIFARE 2GO: a card in a phone.
    Mifare2Go,
    /// SmartMX.
    SmartMx,
}

impl Product {
    /// The whole list.
    pub const ALL: [Self; 14] = [
        Self::Classic1k,
        Self::Classic4k,
        Self::Ultralight,
        Self::UltralightC,
        Self::PlusS,
        Self::PlusX,
        Self::PlusSe,
        Self::PlusEv2,
        Self::Desfire,
        Self::DesfireEv1,
        Self::DesfireEv2,
        Self::DesfireEv3,
        Self::Mifare2Go,
        Self::SmartMx,
    ];
}

/// What a card may be, told by SAK and ATS as far as that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardKind {
    /// Answers as MIFARE Classic 1K.
    Classic1k,
    /// Answers as MIFARE Classic 4K.
    Classic4k,
    /// A card without SAK bits: MIFARE Ultralight and everything made like it.
    Ultralight,
    /// MIFARE Plus in security level 2.
    PlusLevel2,
    /// MIFARE Plus S in security level 3.
    PlusS,
    /// MIFARE Plus X in security level 3, or a later generation that answers alike.
    PlusX,
    /// MIFARE Plus SE in security level 3.
    PlusSe,
    /// MIFARE DESFire of any generation.
    Desfire,
    /// SmartMX with a MIFARE Classic in it.
    SmartMxClassic,
    /// Speaks ISO/IEC 14443-4; nothing more can be said.
    Iso14443Part4,
    /// Speaks ISO/IEC 14443-4 under a number that it makes up each time: a phone, mostly.
    RandomUid,
    /// None of the others.
    Other,
}

/// Historical bytes of the ATS by which MIFARE Plus and DESFire are told (docs/spec/readers.md).
const HISTORICAL: &[(&[u8], CardKind)] = &[
    (&[0xC1, 0x05, 0x2F, 0x2F, 0x00, 0x35, 0xC7], CardKind::PlusS),
    (&[0xC1, 0x05, 0x2F, 0x2F, 0x01, 0xBC, 0xD6], CardKind::PlusX),
    (
        &[0xC1, 0x05, 0x21, 0x30, 0x00, 0xF6, 0xD1],
        CardKind::PlusSe,
    ),
    (
        &[0xC1, 0x05, 0x21, 0x30, 0x10, 0xF6, 0xD1],
        CardKind::PlusSe,
    ),
    (
        &[0xC1, 0x05, 0x21, 0x30, 0x00, 0x77, 0xC1],
        CardKind::PlusSe,
    ),
    (&[0x80], CardKind::Desfire),
];

impl CardKind {
    fn classify(uid: &CardUid, sak: u8, ats: &[u8]) -> Self {
        match sak {
            0x00 => Self::Ultralight,
            0x08 | 0x88 => Self::Classic1k,
            0x18 => Self::Classic4k,
            0x10 | 0x11 => Self::PlusLevel2,
            0x28 | 0x38 => Self::SmartMxClassic,
            0x20 => {
                let historical = historical_bytes(ats);
                let told = HISTORICAL
                    .iter()
                    .find(|(bytes, _)| *bytes == historical)
                    .map(|(_, kind)| *kind);
                match told {
                    Some(kind) => kind,
                    None if uid.is_random() => Self::RandomUid,
                    None => Self::Iso14443Part4,
                }
            }
            _ => Self::Other,
        }
    }

    /// The products of the manual's list that answer like this. More than one: they cannot be told apart.
    #[must_use]
    pub const fn candidates(self) -> &'static [Product] {
        use Product as P;
        match self {
            Self::Classic1k => &[P::Classic1k, P::PlusS, P::PlusX, P::PlusSe, P::PlusEv2],
            Self::Classic4k => &[P::Classic4k, P::PlusS, P::PlusX, P::PlusEv2],
            Self::Ultralight => &[P::Ultralight, P::UltralightC],
            Self::PlusLevel2 => &[P::PlusX],
            Self::PlusS => &[P::PlusS],
            Self::PlusX => &[P::PlusX, P::PlusEv2],
            Self::PlusSe => &[P::PlusSe],
            Self::Desfire => &[
                P::Desfire,
                P::DesfireEv1,
                P::DesfireEv2,
                P::DesfireEv3,
                P::Mifare2Go,
            ],
            Self::SmartMxClassic => &[P::SmartMx],
            Self::Iso14443Part4 => &[P::SmartMx, P::PlusEv2, P::DesfireEv3, P::Mifare2Go],
            Self::RandomUid => &[P::Mifare2Go, P::SmartMx, P::PlusEv2, P::DesfireEv3],
            Self::Other => &[],
        }
    }
}

impl fmt::Display for CardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classic1k => "MIFARE Classic 1K, or MIFARE Plus in security level 1",
            Self::Classic4k => "MIFARE Classic 4K, or MIFARE Plus in security level 1",
            Self::Ultralight => "MIFARE Ultralight, Ultralight C or NTAG",
            Self::PlusLevel2 => "MIFARE Plus in security level 2",
            Self::PlusS => "MIFARE Plus S",
            Self::PlusX => "MIFARE Plus X, or a later MIFARE Plus",
            Self::PlusSe => "MIFARE Plus SE",
            Self::Desfire => "MIFARE DESFire of any generation, or MIFARE 2GO",
            Self::SmartMxClassic => "SmartMX with MIFARE Classic",
            Self::Iso14443Part4 => "a card of ISO/IEC 14443-4, such as SmartMX or MIFARE 2GO",
            Self::RandomUid => "a phone or card with a random number, such as MIFARE 2GO",
            Self::Other => "a card of no known kind",
        })
    }
}

/// The ATS (without its length) without interface bytes.
fn historical_bytes(ats: &[u8]) -> &[u8] {
    let Some((format, rest)) = ats.split_first() else {
        return &[];
    };
    // Bits 4 to 6 of the format byte announce TA, TB and TC.
    let interface = (format & 0x70).count_ones();
    let interface = usize::try_from(interface).unwrap_or(usize::MAX);
    rest.get(interface..).unwrap_or(&[])
}
