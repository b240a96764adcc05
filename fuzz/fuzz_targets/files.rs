//! What servers answer, what signers call a key, and what must not be in diagnostics.
#![no_main]
#![allow(dead_code, reason = "the station uses the rest")]

use libfuzzer_sys::fuzz_target;

#[path = "../../host/daemon/src/files/content_range.rs"]
mod content_range;
#[path = "../../host/daemon/src/files/diagnostics.rs"]
mod diagnostics;
#[path = "../../host/daemon/src/files/ftp_reply.rs"]
mod ftp_reply;
#[path = "../../host/daemon/src/files/limits.rs"]
mod limits;
#[path = "../../host/daemon/src/files/rsa.rs"]
mod rsa;

/// What `diagnostics` makes of its parts.
pub struct Snapshot {
    pub files: Vec<(String, Vec<u8>)>,
}

fuzz_target!(|data: &[u8]| {
    let mut replies = ftp_reply::Replies::default();
    for part in data.chunks(7) {
        replies.feed(part);
        while let Ok(Some(reply)) = replies.next() {
            assert!((100..600).contains(&reply.code));
            let _ = ftp_reply::pasv_port(&reply.text);
            let _ = ftp_reply::epsv_port(&reply.text);
            let _ = ftp_reply::modified(&reply.text);
        }
    }
    if let Some(key) = rsa::PublicKey::from_der(data) {
        assert!(!key.verify_pkcs1_sha256(&[0; 32], &[0; 256]));
        assert!(!key.verify_pss_sha256(&[0; 32], &[0; 256]));
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(range) = content_range::ContentRange::parse(text) {
        assert!(range.first <= range.last && range.total.is_none_or(|total| range.last < total));
    }
    let _ = diagnostics::without_secrets(text);
    let json = serde_json::json!({ "password": text, "key": "AuthorizationKey", "value": text });
    let shown = diagnostics::without_secrets(&json.to_string());
    assert_eq!(
        shown,
        r#"{"key":"AuthorizationKey","password":"***","value":"***"}"#
    );
});
