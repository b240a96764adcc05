//! What the hostile guests share: ways to misbehave that do not depend on the plugin kind.

use sdk::{Manifest, SettingSpec};

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
    ];
    Manifest {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: "A guest of the host's tests".to_owned(),
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
/// `log-flood` (logs for ever).
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
        _ => {}
    }
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
