//! What the hostile guests share: ways to misbehave that do not depend on the plugin kind.

pub mod services;

use sdk::{Manifest, SettingSpec};

/// Long enough to be a constant of the compiled component, where the tests of garbled manifests find it.
const SUMMARY: &str =
    "A guest of the host's tests; never shipped, never trusted, and garbled in places";

/// A manifest that asks for everything.
#[must_use]
pub fn manifest(name: &str) -> Manifest {
    let capabilities = [
        "net.connect",
        "station.start",
        "station.stop",
        "station.unlock",
        "station.reset",
        "station.availability",
        "settings.write",
        "settings.read",
        "clock.set",
        "meter.read",
        "authorize",
        "authorize.opinions",
        "station.limit",
        "station.reserve",
        "diagnostics.read",
        "firmware.update",
        "net.transfer",
        "certificates",
        "net.http",
        "net.listen",
    ];
    Manifest {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: SUMMARY.to_owned(),
        capabilities: capabilities.map(str::to_owned).to_vec(),
        settings: vec![SettingSpec {
            key: "do".to_owned(),
            default_value: String::new(),
            summary: "How to misbehave; empty = not at all".to_owned(),
        }],
    }
}

/// Misbehaves in the named way; returns if the name is not one of its own.
///
/// `panic`, `trap` (unreachable instruction), `loop`, `recursion`, `memory` (allocates until it is refused),
/// `log-flood` (logs for ever), `log-forge` (a log line that looks like several, and like another plugin's), `log-bytes` (a log line
/// that is no text), `slow` (answers, but much too late).
#[allow(clippy::panic, reason = "a guest that panics is what the test wants")]
pub fn misbehave(how: &str) {
    match how {
        "panic" => panic!("on purpose"),
        "trap" => trap(),
        "loop" => spin(),
        "recursion" => {
            std::hint::black_box(recurse(1));
        }
        "memory" => hoard(),
        "log-flood" => loop {
            sdk::log(sdk::Level::Info, &"flood ".repeat(1_000));
        },
        "log-forge" => sdk::log(
            sdk::Level::Info,
            "well\n2026-01-01T00:00:00Z ERROR interlock: contactor welded\u{1b}[2J",
        ),
        "log-bytes" => sdk::log(sdk::Level::Info, &bytes_that_are_no_text()),
        "slow" => {
            for n in 0..50_000_000_000_u64 {
                std::hint::black_box(n);
            }
        }
        _ => {}
    }
}

/// A string that is none, if `how` asks for one: `bad-bytes` (not UTF-8), `bad-pointer` (outside the memory), `bad-length` (longer
/// than the memory).
#[must_use]
#[allow(
    unsafe_code,
    reason = "what no safe guest can hand over is what the test wants"
)]
pub fn bad_string(how: &str) -> Option<String> {
    const LENGTH: usize = 64;
    const FAR: usize = 0x7fff_0000;
    match how {
        "bad-bytes" => Some(bytes_that_are_no_text()),
        "bad-pointer" => {
            let far = std::ptr::without_provenance_mut(FAR);
            // SAFETY: none; nobody reads or frees it before the host does, and the host must notice.
            Some(unsafe { String::from_raw_parts(far, LENGTH, LENGTH) })
        }
        "bad-length" => {
            let near = std::ptr::without_provenance_mut(LENGTH);
            // SAFETY: as above.
            Some(unsafe { String::from_raw_parts(near, FAR, FAR) })
        }
        _ => None,
    }
}

/// A lone continuation byte, an overlong slash and half a surrogate pair, each again and again.
#[allow(
    unsafe_code,
    reason = "what no safe guest can hand over is what the test wants"
)]
fn bytes_that_are_no_text() -> String {
    let bytes = [0x80, 0xc0, 0xaf, 0xed, 0xa0, 0x80].repeat(8);
    // SAFETY: none; nobody reads it before the host does, and the host must notice.
    unsafe { String::from_utf8_unchecked(bytes) }
}

fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
}

fn spin() {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}

#[allow(
    unconditional_recursion,
    reason = "deep recursion is what the test wants"
)]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box([depth; 8]);
    recurse(depth.wrapping_add(1)).wrapping_add(std::hint::black_box(depth))
}

fn hoard() {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    loop {
        blocks.push(vec![1; 1 << 20]);
        std::hint::black_box(&blocks);
    }
}
