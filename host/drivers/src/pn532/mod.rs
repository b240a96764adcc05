//! The NXP PN532 on a serial line: the card reader of many charging stations.
//!
//! Duty: find cards of ISO/IEC 14443 type A and report each once while it is held to the reader.
//!
//! ```text
//!  Pn532Reader (CardReader) ◀─bounded queue─ its thread: Port (tty) ⇄ Pn532 (protocol, pure) ─▶ Presence (once per card)
//! ```
//!
//! [`Pn532`] does no I/O and takes `now` as an argument; [`Pn532Reader`] runs it on a thread of its own, because opening,
//! closing and setting up a serial line can take seconds when an adapter is pulled out, and the station's thread must
//! never wait. docs/spec/readers.md has the exchange, the times and the supported cards.

mod card;
mod frame;
mod machine;
mod port;
mod presence;
mod reader;

pub use card::{Card, CardKind, Malformed, Product, Sight, parse_sight};
pub use frame::{ACK, Decoder, Frame, NACK, PAYLOAD_BYTES_MAX, encode};
pub use machine::{Event, Failure, Firmware, Pn532, Question, WAKE_UP};
pub use presence::{Presence, Report};
pub use reader::{Note, Pn532Reader};
