//! Fuzz target: signature files. Whatever parses is written exactly as it came: there is one way to write a signature.
#![no_main]

#[path = "../../host/plugin-host/src/signature.rs"]
#[allow(dead_code, reason = "the parser is a part of it")]
mod signature;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(file) = signature::SignatureFile::parse(data) {
        assert_eq!(file.to_text().as_bytes(), data);
    }
});
