//! What the authorizers with a list of cards share. Not a plugin itself.
//!
//! [`ListFormat`] and [`Entry`] read and write UIDs the way people and other systems spell them; [`Slots`] keeps a bounded
//! list in the plugin's store and writes only what changed; [`words`] and [`flag`] read requests and settings.
#![warn(missing_docs)]

mod entry;
mod items;
mod slots;
mod text;
mod uid;

pub use entry::{Entry, EntryKind, parse_import, parse_list};
pub use slots::{Line, Slots};
pub use text::{SEPARATOR, flag, quoted, seconds, spec, words};
pub use uid::{ListFormat, canonical_mac, canonical_uid, is_random, uid_from_decimal};

/// Most entries of a list. Larger: judging and listing take longer than a call may.
pub const MAX_ENTRIES: usize = 1_000;
