//! Fuzz target; what it does is in `smart_charging.rs` one level up.
#![no_main]

#[path = "../smart_charging.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::smart_charging(data));
