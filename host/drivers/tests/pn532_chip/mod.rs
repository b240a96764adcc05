//! A PN532 as far as a card reader needs it: asleep until woken, deaf until set up, with cards in its field and faults.
#![allow(dead_code, reason = "each test file uses a part of it")]

/// A card in the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCard {
    pub atqa: u16,
    pub sak: u8,
    pub uid: Vec<u8>,
    /// ATS without its length; empty: it sends none.
    pub ats: Vec<u8>,
    /// Makes up the last three bytes of its number each time.
    pub random: bool,
}

impl TestCard {
    pub fn new(uid: &[u8], atqa: u16, sak: u8, ats: &[u8]) -> Self {
        Self {
            atqa,
            sak,
            uid: uid.to_vec(),
            ats: ats.to_vec(),
            random: false,
        }
    }

    /// MIFARE Ultralight with the manual's example number.
    pub fn example() -> Self {
        Self::new(
            &[0x04, 0x56, 0x7D, 0xAA, 0x5F, 0x35, 0x80],
            0x0044,
            0x00,
            &[],
        )
    }

    /// MIFARE Classic 1K.
    pub fn classic() -> Self {
        Self::new(&[0x0A, 0x0E, 0x9B, 0x83], 0x0004, 0x08, &[])
    }

    /// A phone.
    pub fn phone() -> Self {
        Self {
            random: true,
            ..Self::new(&[0x08, 0, 0, 0], 0x0004, 0x20, &[0x78, 0x80, 0x70, 0x02])
        }
    }
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Hears and says nothing.
    Silent,
    /// Does not acknowledge this many commands, and ignores them.
    LoseCommands(u32),
    /// Sends this many answers with a wrong sum.
    DamageReplies(u32),
    /// Keeps this many answers for itself.
    LoseReplies(u32),
    /// Says that it does not understand this many commands.
    Refuse(u32),
    /// Asks for this many commands again.
    Nack(u32),
    /// Another chip of the family.
    OtherChip,
    /// Sends back what it gets.
    Echo,
    /// Answers every byte with bytes that mean nothing.
    Garbage,
}

/// The chip.
#[derive(Debug)]
pub struct Chip {
    pub cards: Vec<TestCard>,
    pub fault: Fault,
    /// How long a command takes, ms.
    pub delay_ms: u64,
    /// Instead of an answer to a look.
    pub look_reply: Option<Vec<u8>>,
    /// The first bytes of every command it heard.
    pub heard: Vec<Vec<u8>>,
    /// Aborts it was sent.
    pub aborts: usize,
    awake: bool,
    normal: bool,
    buffer: Vec<u8>,
    last_reply: Vec<u8>,
    random: u32,
}

/// What it sends, and how many ms after it was asked.
pub type Sent = Vec<(u64, Vec<u8>)>;

const ACK: &[u8] = &[0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00];
const NACK: &[u8] = &[0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00];
const ERROR: &[u8] = &[0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00];

impl Chip {
    pub fn new() -> Self {
        Self {
            cards: Vec::new(),
            fault: Fault::None,
            delay_ms: 3,
            look_reply: None,
            heard: Vec::new(),
            aborts: 0,
            awake: false,
            normal: false,
            buffer: Vec::new(),
            last_reply: Vec::new(),
            random: 1,
        }
    }

    /// Loses its supply and gets it back.
    pub fn power_cycle(&mut self) {
        self.awake = false;
        self.normal = false;
        self.buffer.clear();
    }

    pub fn looks(&self) -> usize {
        self.heard.iter().filter(|c| c[0] == 0x4A).count()
    }

    pub fn receive(&mut self, bytes: &[u8]) -> Sent {
        match self.fault {
            Fault::Silent => return Vec::new(),
            Fault::Echo => return vec![(1, bytes.to_vec())],
            Fault::Garbage => {
                let noise = bytes.iter().map(|b| b.wrapping_mul(31) | 1).collect();
                return vec![(1, noise)];
            }
            _ => {}
        }
        self.buffer.extend_from_slice(bytes);
        if !self.awake {
            match self.buffer.windows(3).position(|w| w == [0x55, 0x55, 0]) {
                Some(at) => {
                    self.awake = true;
                    self.buffer.drain(..at + 3);
                }
                None => {
                    self.buffer.clear();
                    return Vec::new();
                }
            }
        }
        let mut sent = Vec::new();
        while let Some(frame) = self.next_frame() {
            sent.extend(self.answer(&frame));
        }
        sent
    }

    /// Strict: a host's frame has its preamble, its sums and its end.
    fn next_frame(&mut self) -> Option<Vec<u8>> {
        let at = self
            .buffer
            .windows(3)
            .position(|w| w == [0x00, 0x00, 0xFF])?;
        self.buffer.drain(..at);
        let length = match *self.buffer.get(3)? {
            0x00 | 0xFF => 6,
            len => usize::from(len) + 7,
        };
        if self.buffer.len() < length {
            return None;
        }
        Some(self.buffer.drain(..length).collect())
    }

    fn answer(&mut self, frame: &[u8]) -> Sent {
        if frame == ACK {
            self.aborts += 1;
            return Vec::new();
        }
        if frame == NACK {
            return vec![(1, self.last_reply.clone())];
        }
        let data = &frame[5..frame.len() - 2];
        let sum = frame[5..frame.len() - 1]
            .iter()
            .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        assert_eq!(frame[3].wrapping_add(frame[4]), 0, "length: {frame:02X?}");
        assert_eq!(sum, 0, "sum: {frame:02X?}");
        assert_eq!(data[0], 0xD4);
        self.heard.push(data[1..].to_vec());
        if !self.normal && data[1] != 0x14 {
            return Vec::new();
        }
        if let Some(sent) = self.misbehave() {
            return sent;
        }
        let Some(reply) = self.reply(&data[1..]) else {
            return vec![(1, ERROR.to_vec())];
        };
        self.last_reply = framed(&reply);
        let mut sent = vec![(1, ACK.to_vec())];
        match &mut self.fault {
            Fault::LoseReplies(n) if *n > 0 => *n -= 1,
            Fault::DamageReplies(n) if *n > 0 => {
                *n -= 1;
                let mut damaged = self.last_reply.clone();
                damaged[6] ^= 0x10;
                sent.push((1 + self.delay_ms, damaged));
            }
            _ => sent.push((1 + self.delay_ms, self.last_reply.clone())),
        }
        sent
    }

    fn misbehave(&mut self) -> Option<Sent> {
        match &mut self.fault {
            Fault::LoseCommands(n) if *n > 0 => {
                *n -= 1;
                Some(Vec::new())
            }
            Fault::Refuse(n) if *n > 0 => {
                *n -= 1;
                Some(vec![(1, ERROR.to_vec())])
            }
            Fault::Nack(n) if *n > 0 => {
                *n -= 1;
                Some(vec![(1, NACK.to_vec())])
            }
            _ => None,
        }
    }

    fn reply(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        match command {
            [0x14, 0x01, ..] => {
                self.normal = true;
                Some(vec![0x15])
            }
            [0x02] if self.fault == Fault::OtherChip => Some(vec![0x03, 0x33, 0x01, 0x06, 0x07]),
            [0x02] => Some(vec![0x03, 0x32, 0x01, 0x06, 0x07]),
            [0x32, 0x05, _, _, _] | [0x32, 0x01, _] => Some(vec![0x33]),
            [0x4A, most, 0x00] => {
                let mut reply = vec![0x4B];
                if let Some(body) = &self.look_reply {
                    reply.extend_from_slice(body);
                    return Some(reply);
                }
                let cards: Vec<_> = self
                    .cards
                    .iter()
                    .take(usize::from(*most))
                    .cloned()
                    .collect();
                reply.push(u8::try_from(cards.len()).unwrap());
                for (place, card) in cards.iter().enumerate() {
                    reply.push(u8::try_from(place + 1).unwrap());
                    self.describe(card, &mut reply);
                }
                Some(reply)
            }
            _ => None,
        }
    }

    fn describe(&mut self, card: &TestCard, reply: &mut Vec<u8>) {
        let mut uid = card.uid.clone();
        if card.random {
            self.random = self
                .random
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            uid[1..].copy_from_slice(&self.random.to_be_bytes()[..3]);
        }
        reply.extend_from_slice(&card.atqa.to_be_bytes());
        reply.push(card.sak);
        reply.push(u8::try_from(uid.len()).unwrap());
        reply.extend_from_slice(&uid);
        if !card.ats.is_empty() {
            reply.push(u8::try_from(card.ats.len() + 1).unwrap());
            reply.extend_from_slice(&card.ats);
        }
    }
}

fn framed(reply: &[u8]) -> Vec<u8> {
    let len = u8::try_from(reply.len() + 1).unwrap();
    let mut frame = vec![0x00, 0x00, 0xFF, len, len.wrapping_neg(), 0xD5];
    frame.extend_from_slice(reply);
    let sum = reply.iter().fold(0xD5_u8, |sum, b| sum.wrapping_add(*b));
    frame.extend_from_slice(&[sum.wrapping_neg(), 0x00]);
    frame
}
