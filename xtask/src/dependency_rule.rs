//! The table of imports in ARCHITECTURE.md, checked over what cargo resolves.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::shell;

/// Our crates that each of our crates may import in normal and build dependencies.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("ocpp", &["units"]),
    ("interlock", &["units"]),
    ("station", &["units", "interlock"]),
    ("drivers", &["units", "interlock"]),
    ("plugin-host", &["units", "station"]),
    (
        "pilotwire",
        &["units", "interlock", "station", "drivers", "plugin-host"],
    ),
    ("pilotwire-plugin", &[]),
    ("xtask", &["units", "ocpp"]),
];

/// Foreign crates that exactly these crates may import; tests may use all of them.
const OWNERS: &[(&str, &[&str])] = &[
    ("tokio-modbus", &["drivers"]),
    ("socketcan", &["drivers"]),
    ("rustix", &["drivers", "pilotwire"]),
    ("wasmtime", &["plugin-host"]),
    ("ed25519-dalek", &["plugin-host", "xtask"]),
    ("hmac", &["plugin-host"]),
    ("tokio", &["pilotwire", "xtask"]),
    ("tokio-tungstenite", &["pilotwire", "xtask"]),
    ("rustls", &["pilotwire", "pilotwire-plugin"]),
    ("ureq", &["pilotwire-plugin"]),
    ("rusqlite", &["pilotwire"]),
    ("axum", &["pilotwire"]),
    ("wit-bindgen-c", &["pilotwire-plugin"]),
    ("wit-bindgen-core", &["pilotwire-plugin"]),
    ("wit-component", &["pilotwire-plugin", "xtask"]),
    ("wit-parser", &["pilotwire-plugin"]),
    ("toml", &["pilotwire", "pilotwire-plugin", "xtask"]),
    (
        "anyhow",
        &["pilotwire", "pilotwire-plugin", "plugin-host", "xtask"],
    ),
    ("rust-ocpp", &["ocpp"]),
];

/// Crates that import nothing foreign at all, or only what is listed.
const FOREIGN: &[(&str, &[&str])] = &[("units", &[]), ("interlock", &[]), ("station", &[])];

/// May import everything and is imported by nobody.
const TESTS: &str = "pilotwire-tests";

fn metadata(manifest: &str) -> Metadata {
    let mut command = MetadataCommand::new();
    command
        .manifest_path(shell::root().join(manifest))
        .no_deps();
    command.exec().unwrap()
}

fn imports(package: &Package, ours: bool) -> impl Iterator<Item = &str> {
    package
        .dependencies
        .iter()
        .filter(move |dependency| dependency.path.is_some() == ours)
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| dependency.name.as_str())
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let table: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    for package in metadata("Cargo.toml").packages {
        let name = package.name.as_str();
        if name == TESTS {
            continue;
        }
        let allowed = table
            .get(name)
            .unwrap_or_else(|| panic!("{name} is new: give it a line in the dependency rule"));
        for import in imports(&package, true) {
            assert!(
                allowed.contains(&import),
                "{name} imports {import}, which the table in ARCHITECTURE.md does not allow"
            );
        }
    }
}

#[test]
fn foreign_crates_stay_with_their_owner() {
    let table: BTreeMap<_, _> = OWNERS.iter().copied().collect();
    for package in metadata("Cargo.toml").packages {
        let name = package.name.as_str();
        if name == TESTS {
            continue;
        }
        for import in imports(&package, false) {
            if let Some(owners) = table.get(import) {
                assert!(
                    owners.contains(&name),
                    "{name} imports {import}; its owners: {owners:?}"
                );
            }
        }
    }
}

#[test]
fn deciding_crates_import_nothing_foreign() {
    let table: BTreeMap<_, _> = FOREIGN.iter().copied().collect();
    for package in metadata("Cargo.toml").packages {
        let Some(allowed) = table.get(package.name.as_str()) else {
            continue;
        };
        for import in imports(&package, false) {
            assert!(
                allowed.contains(&import),
                "{} imports {import}",
                package.name
            );
        }
    }
}

#[test]
fn nothing_imports_the_tests() {
    for package in metadata("Cargo.toml").packages {
        assert!(imports(&package, true).all(|import| import != TESTS));
    }
}

#[test]
fn plugins_import_no_host_crate() {
    let host = shell::root().join("host");
    for package in metadata("plugins/Cargo.toml").packages {
        for dependency in &package.dependencies {
            let Some(path) = &dependency.path else {
                continue;
            };
            assert!(
                !path.as_std_path().starts_with(&host),
                "plugin {} imports {}, which belongs to the host",
                package.name,
                dependency.name
            );
        }
    }
}
