//! Builds every plugin of `plugins/` as a WebAssembly component, and checks what it imports.
//!
//! `plugins/<kind>-<name>` becomes `target/components/<kind>-<name>.wasm`; the examples of `plugins/test-guests` become
//! `target/components/test/<name>.wasm`. A component that imports anything but its world's imports, or exports another
//! contract than its kind's, is an error: a plugin has no way around the contracts.

mod sign;
mod toolchain;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{CrateType, MetadataCommand};
use sha2::{Digest, Sha256};

use crate::shell;
use toolchain::Toolchain;

const TARGET: &str = "wasm32-unknown-unknown";

/// Prefix of a plugin's folder, folder of its contract in `wit/`, exported interface.
const KINDS: &[(&str, &str, &str)] = &[
    ("auth", "authorizer", "judge"),
    ("backend", "backend", "adapter"),
    ("free", "free-charging", "mode"),
    ("lang", "display", "language"),
];

/// Imports that every world has (`types` carries no function).
const HOST_INTERFACES: &[&str] = &["types", "log"];

/// One component to make.
struct Guest {
    name: String,
    /// Version of its package, which is what it says of itself.
    version: String,
    /// Core module, as cargo leaves it.
    module: PathBuf,
    /// Where the component goes.
    component: PathBuf,
    is_test_guest: bool,
}

/// Builds every plugin of `plugins/` into `target/components`.
///
/// # Errors
/// When there is no way to compile for WebAssembly (the message says what to install), when a plugin does not build, or
/// when a component's imports are not its world's.
pub fn run() -> Result<()> {
    build_into(&shell::root().join("target/plugins"), &components_dir())
}

/// The `[[publisher]]` table that lets a station run what this checkout built.
///
/// # Errors
/// Nothing was built yet.
pub fn publisher_table() -> Result<String> {
    let path = components_dir().join(sign::PUBLIC_KEY);
    std::fs::read_to_string(&path)
        .with_context(|| format!("{}: `cargo xtask plugins` makes it", path.display()))
}

/// Builds everything a second time in an empty folder and compares.
///
/// # Errors
/// When a component differs between the two builds.
pub fn check_reproducible() -> Result<()> {
    run()?;
    let scratch = shell::root().join("target/plugins-again");
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch).context("cannot empty target/plugins-again")?;
    }
    build_into(&scratch.join("build"), &scratch.join("components"))?;
    for guest in guests(&scratch.join("build"), &scratch.join("components"))? {
        let relative = guest.component.strip_prefix(scratch.join("components"))?;
        let first = std::fs::read(components_dir().join(relative))?;
        let second = std::fs::read(&guest.component)?;
        ensure!(
            first == second,
            "{}: two builds gave different components",
            guest.name
        );
    }
    std::fs::remove_dir_all(&scratch).context("cannot remove target/plugins-again")?;
    println!("two clean builds gave the same bytes");
    Ok(())
}

fn components_dir() -> PathBuf {
    shell::root().join("target/components")
}

fn build_into(build_dir: &Path, components: &Path) -> Result<()> {
    let toolchain = toolchain::find()?;
    shell::step(&format!("plugins: {}", toolchain.describe()));
    compile(&toolchain, build_dir)?;
    let guests = guests(build_dir, components)?;
    let publisher = sign::Publisher::of_this_checkout()?;
    let mut kept = BTreeSet::new();
    for guest in &guests {
        let bytes = componentise(guest)
            .with_context(|| format!("plugin {} is not a valid component", guest.name))?;
        let changed = write_if_changed(&guest.component, &bytes)?;
        let signature = publisher.sign(&guest.name, &guest.version, &bytes);
        write_if_changed(&sign::path_of(&guest.component), signature.as_bytes())?;
        println!(
            "   {:<24} {:>4} KiB  {}  {}",
            guest.name,
            bytes.len().div_ceil(1024),
            short_hash(&bytes),
            if changed { "new" } else { "unchanged" },
        );
        kept.insert(guest.component.clone());
    }
    remove_others(components, &kept)?;
    remove_others(&components.join("test"), &kept)
}

/// Compiles the whole plugin workspace in one go, so that a std that has to be built is built once.
fn compile(toolchain: &Toolchain, build_dir: &Path) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.current_dir(shell::root().join("plugins"));
    // The outer build's settings are for the host and would change the result.
    for variable in [
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET",
        "RUSTFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
    ] {
        cargo.env_remove(variable);
    }
    cargo.args([
        "build",
        "--release",
        "--workspace",
        "--lib",
        "--examples",
        "--target",
        TARGET,
    ]);
    cargo.arg("--target-dir").arg(build_dir);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped_paths().join("\u{1f}"));
    toolchain.apply(&mut cargo);
    shell::run("compiling the plugins for WebAssembly", &mut cargo)
}

/// Folders of this machine must not end up in a component: it is the same wherever it is built.
fn remapped_paths() -> Vec<String> {
    let mut flags = vec![format!(
        "--remap-path-prefix={}=/pilotwire",
        shell::root().display()
    )];
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    if let Some(home) = cargo_home {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    }
    flags
}

/// Everything in the plugin workspace that is compiled to a `cdylib`.
fn guests(build_dir: &Path, components: &Path) -> Result<Vec<Guest>> {
    let metadata = MetadataCommand::new()
        .manifest_path(shell::root().join("plugins/Cargo.toml"))
        .no_deps()
        .exec()
        .context("cannot read plugins/Cargo.toml")?;
    let release = build_dir.join(TARGET).join("release");
    let mut guests = Vec::new();
    for package in metadata.workspace_packages() {
        for target in &package.targets {
            if !target.crate_types.contains(&CrateType::CDyLib) {
                continue;
            }
            let is_test_guest = target.is_example();
            let (name, folder, output) = if is_test_guest {
                (
                    target.name.clone(),
                    release.join("examples"),
                    components.join("test"),
                )
            } else {
                (
                    package.name.to_string(),
                    release.clone(),
                    components.to_path_buf(),
                )
            };
            guests.push(Guest {
                module: folder.join(format!("{}.wasm", target.name.replace('-', "_"))),
                component: output.join(format!("{name}.wasm")),
                version: package.version.to_string(),
                name,
                is_test_guest,
            });
        }
    }
    guests.sort_by(|a, b| (a.is_test_guest, &a.name).cmp(&(b.is_test_guest, &b.name)));
    Ok(guests)
}

fn componentise(guest: &Guest) -> Result<Vec<u8>> {
    let module = std::fs::read(&guest.module)
        .with_context(|| format!("{} was not built", guest.module.display()))?;
    let bytes = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .context("not a module with a contract; is the export_*! macro missing?")?
        .encode()?;
    check_contract(guest, &bytes)?;
    Ok(bytes)
}

fn check_contract(guest: &Guest, component: &[u8]) -> Result<()> {
    let decoded = wit_component::decode(component)?;
    let wit_component::DecodedWasm::Component(resolve, world) = &decoded else {
        bail!("it is a WIT package, not a component");
    };
    let world = resolve.worlds.get(*world).context("it has no world")?;
    let names = |items: Vec<_>| -> BTreeSet<String> {
        items
            .into_iter()
            .map(|key| resolve.name_world_key(key))
            .collect()
    };
    let imports = names(world.imports.keys().collect());
    let exports = names(world.exports.keys().collect());
    let host = package_version("host")?;
    let allowed: BTreeSet<String> = HOST_INTERFACES
        .iter()
        .map(|name| format!("pilotwire:host/{name}{host}"))
        .collect();
    ensure!(
        imports == allowed,
        "it imports {imports:?}; its world imports {allowed:?}. Remove the dependency that wants more"
    );
    let mut possible = BTreeSet::new();
    for (prefix, folder, interface) in KINDS {
        if guest.is_test_guest || guest.name.starts_with(&format!("{prefix}-")) {
            possible.insert(format!(
                "pilotwire:{folder}/{interface}{}",
                package_version(folder)?
            ));
        }
    }
    ensure!(
        exports.len() == 1 && exports.is_subset(&possible),
        "it exports {exports:?}; its folder's prefix says it should export {possible:?}"
    );
    Ok(())
}

/// Version of a contract as its WIT file says it, with the `@`.
fn package_version(folder: &str) -> Result<String> {
    let path = shell::root().join(format!("wit/{folder}/{folder}.wit"));
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("package "))
        .with_context(|| format!("{}: no package line", path.display()))?;
    let (_, version) = line
        .trim_end_matches(';')
        .split_once('@')
        .with_context(|| format!("{}: the package has no version", path.display()))?;
    Ok(format!("@{version}"))
}

/// Writes under another name first, so that a reader never sees half a component.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&unfinished, bytes)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// A component whose plugin is gone must not be loaded by a test or a demo.
fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "wasm") && !kept.contains(&path) {
            std::fs::remove_file(&path)?;
            let _may_have_none = std::fs::remove_file(sign::path_of(&path));
            println!("   {} removed: its plugin is gone", path.display());
        }
    }
    Ok(())
}

fn short_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
