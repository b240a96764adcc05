//! Embeds what a new project needs, so that it builds anywhere: templates, contracts, and the SDK's sources.
#![allow(
    clippy::panic,
    reason = "a build script that cannot read its sources has nothing else to do"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Folders and files that are embedded, relative to the repository.
const EMBEDDED: [&str; 9] = [
    "host/plugin-tools/templates",
    "wit",
    "plugins/Cargo.lock",
    "plugins/sdk/Cargo.toml",
    "plugins/sdk/src",
    "lib/units/Cargo.toml",
    "lib/units/src",
    "lib/ocpp/Cargo.toml",
    "lib/ocpp/src",
];

fn main() {
    let variable = |name: &str| match std::env::var_os(name) {
        Some(value) => PathBuf::from(value),
        None => panic!("cargo sets {name}"),
    };
    let root = variable("CARGO_MANIFEST_DIR").join("../..");
    let mut files = Vec::new();
    for name in EMBEDDED {
        println!("cargo::rerun-if-changed={}", root.join(name).display());
        collect(&root, Path::new(name), &mut files);
    }
    files.sort();
    let mut code = String::from("/// Path in the repository, and content.\n");
    code += "pub static FILES: &[(&str, &[u8])] = &[\n";
    for file in files {
        let path = root.join(&file);
        let path = path.canonicalize().unwrap_or(path);
        // Writing into a String does not fail.
        let _ = writeln!(code, "    ({file:?}, include_bytes!({path:?})),");
    }
    code += "];\n";
    let out = variable("OUT_DIR").join("embedded.rs");
    if let Err(error) = std::fs::write(&out, code) {
        panic!("{}: {error}", out.display());
    }
}

fn collect(root: &Path, name: &Path, files: &mut Vec<String>) {
    let path = root.join(name);
    if path.is_file() {
        files.push(name.display().to_string());
        return;
    }
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    for entry in entries {
        match entry {
            Ok(entry) => collect(root, &name.join(entry.file_name()), files),
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
}
