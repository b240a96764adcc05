//! Certificates, chains, signing requests and key files as foreigners might write them.
#![no_main]
#![allow(dead_code, reason = "the station uses the rest")]

use libfuzzer_sys::fuzz_target;

#[path = "../../host/daemon/src/certificates/hash.rs"]
mod hash;
#[path = "../../host/daemon/src/certificates/limits.rs"]
mod limits;
#[path = "../../host/daemon/src/certificates/parse.rs"]
mod parse;
#[path = "../../host/daemon/src/certificates/types.rs"]
mod types;

fuzz_target!(|data: &[u8]| {
    let _ = parse::Facts::of(data);
    let _ = parse::request(data);
    let _ = parse::key_file(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for der in parse::certificates(text).unwrap_or_default() {
        if let Ok(facts) = parse::Facts::of(&der) {
            let sha256 = types::HashAlgorithm::Sha256;
            let named = hash::certificate_hash(sha256, &facts, &facts.public_key);
            assert!(hash::same(&named, &named));
            assert!(named.serial_number == "0" || !named.serial_number.starts_with('0'));
            let _ = facts.station();
        }
    }
});
