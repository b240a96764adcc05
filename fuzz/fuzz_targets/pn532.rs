//! Fuzz target; what it does is in `entry_pn532.rs`.
#![no_main]

#[path = "../entry_pn532.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::pn532(data));
