//! Fuzz target; what it does is in `soap_entry.rs`.
#![no_main]

#[path = "../soap_entry.rs"]
mod soap_entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| soap_entry::soap(data));
