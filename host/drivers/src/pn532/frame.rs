//! Frames of the PN532 on a serial line: how they are written, and how they are found again in whatever arrives.
//!
//! `00 00 FF LEN LCS data… DCS 00`: LEN + LCS and the sum of data and DCS are 0 modulo 256. The zeros at both ends are
//! optional on the way in. docs/spec/readers.md shows each by example.

/// Longest data of a frame.
pub const PAYLOAD_BYTES_MAX: usize = 255;
/// "The frame came through", in both directions; from the host it also ends a command that is under way.
pub const ACK: [u8; 6] = [0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00];
/// "Say that again."
pub const NACK: [u8; 6] = [0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00];
/// The only data of the frame that says "I did not understand the command".
const ERROR: u8 = 0x7F;

/// What can arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The command came through.
    Ack,
    /// The command did not come through.
    Nack,
    /// The command came through and makes no sense.
    Error,
    /// Data: who speaks (D4 host, D5 reader), and what.
    Data(Vec<u8>),
}

/// A frame with this data; `None` if there is none or too much of it.
#[must_use]
pub fn encode(data: &[u8]) -> Option<Vec<u8>> {
    let len = u8::try_from(data.len()).ok().filter(|len| *len > 0)?;
    let sum = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let mut frame = Vec::with_capacity(data.len().saturating_add(7));
    frame.extend_from_slice(&[0x00, 0x00, 0xFF, len, len.wrapping_neg()]);
    frame.extend_from_slice(data);
    frame.extend_from_slice(&[sum.wrapping_neg(), 0x00]);
    Some(frame)
}

/// Finds frames in a stream of bytes.
///
/// It keeps no more than one frame that is not complete yet, and gives up a beginning that turns out to be none without
/// losing what came behind it.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    garbage: usize,
    damaged: bool,
}

/// What a run of bytes that begins with a start code is.
enum Parsed {
    Incomplete,
    No { damaged: bool },
    Yes { bytes: usize, frame: Frame },
}

impl Decoder {
    /// Takes the next byte. [`Decoder::next_frame`] must be called until it gives nothing before the next one.
    pub fn push(&mut self, byte: u8) {
        self.buffer.push(byte);
    }

    /// The next frame that is complete.
    pub fn next_frame(&mut self) -> Option<Frame> {
        loop {
            let start = start_of(&self.buffer);
            self.drop_front(start);
            match parse(&self.buffer) {
                Parsed::Incomplete => return None,
                Parsed::No { damaged } => {
                    self.damaged |= damaged;
                    self.drop_front(1);
                }
                Parsed::Yes { bytes, frame } => {
                    self.drop_front(bytes);
                    self.garbage = 0;
                    return Some(frame);
                }
            }
        }
    }

    /// Forgets what arrived: after a silence, a half frame is half of nothing.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.damaged = false;
    }

    /// A frame with a wrong sum came by since the last call.
    pub fn take_damaged(&mut self) -> bool {
        core::mem::take(&mut self.damaged)
    }

    /// Bytes that made no frame since the last one that did.
    #[must_use]
    pub const fn garbage(&self) -> usize {
        self.garbage
    }

    /// No more garbage is held against the line.
    pub const fn forgive(&mut self) {
        self.garbage = 0;
    }

    /// Bytes that wait for the rest of their frame.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    fn drop_front(&mut self, bytes: usize) {
        let bytes = bytes.min(self.buffer.len());
        self.buffer.drain(..bytes);
        self.garbage = self.garbage.saturating_add(bytes);
    }
}

/// Where a start code begins, or could begin with the last byte.
fn start_of(buffer: &[u8]) -> usize {
    let found = buffer.windows(2).position(|pair| pair == [0x00, 0xFF]);
    match (found, buffer.last()) {
        (Some(at), _) => at,
        (None, Some(0x00)) => buffer.len().saturating_sub(1),
        (None, _) => buffer.len(),
    }
}

fn parse(buffer: &[u8]) -> Parsed {
    let no = Parsed::No { damaged: false };
    let (len, lcs, rest) = match buffer {
        [0x00, 0xFF, len, lcs, rest @ ..] => (*len, *lcs, rest),
        _ => return Parsed::Incomplete,
    };
    match (len, lcs) {
        (0x00, 0xFF) => Parsed::Yes {
            bytes: 4,
            frame: Frame::Ack,
        },
        (0xFF, 0x00) => Parsed::Yes {
            bytes: 4,
            frame: Frame::Nack,
        },
        // Extended frames (FF FF) are for more data than any answer here has.
        (len, lcs) if len == 0 || len.wrapping_add(lcs) != 0 => no,
        (len, _) => {
            let len = usize::from(len);
            let Some(data_and_sum) = rest.get(..=len) else {
                return Parsed::Incomplete;
            };
            let sum = data_and_sum
                .iter()
                .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            match data_and_sum.split_last() {
                Some((_, data)) if sum == 0 => Parsed::Yes {
                    bytes: len.saturating_add(5),
                    frame: if data == [ERROR] {
                        Frame::Error
                    } else {
                        Frame::Data(data.to_vec())
                    },
                },
                _ => Parsed::No { damaged: true },
            }
        }
    }
}
