//! Rust projects: which compiler makes WebAssembly here, and how it is called.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::kind::Project;
use super::process;

const TARGET: &str = "wasm32-unknown-unknown";
/// Forces a way, `rustup` or `debian`; the one that this variable has in the repository too.
const ROUTE_VARIABLE: &str = "PILOTWIRE_WASM_ROUTE";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/Cargo.toml";
const INSTALL: &str = "Rust for WebAssembly is missing. Do one of these and run the command again:\n  \
    rustup target add wasm32-unknown-unknown\n  \
    sudo apt-get install --no-install-recommends rustc-web rust-web-src   (Debian; with rustup's cargo)";

/// A way to compile.
enum Toolchain {
    /// The project's own toolchain has the target.
    Own,
    /// Debian's compiler, with std built from source.
    Debian {
        /// A linker for WebAssembly.
        linker: PathBuf,
    },
}

/// Compiles the project into a core module.
///
/// # Errors
/// There is no compiler for WebAssembly (the message says what to install), or the project does not compile.
pub fn compile(folder: &Path, project: &Project) -> Result<Vec<u8>> {
    let toolchain = find(folder)?;
    println!("   {}", toolchain.describe());
    let target_dir = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(set) => PathBuf::from(set),
        None => folder.join("target"),
    };
    let target_dir = std::path::absolute(target_dir)?;
    let mut cargo = Command::new(cargo());
    cargo.current_dir(folder);
    // These are for the machine's own code and would change the result.
    for variable in ["CARGO_BUILD_TARGET", "RUSTFLAGS", "RUSTC", "RUSTC_WRAPPER"] {
        cargo.env_remove(variable);
    }
    cargo.args(["build", "--release", "--lib", "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target_dir);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped_paths().join("\u{1f}"));
    toolchain.apply(&mut cargo);
    process::run(&mut cargo, "Install Rust with rustup.")?;
    let module = target_dir
        .join(TARGET)
        .join("release")
        .join(format!("{}.wasm", project.name.replace('-', "_")));
    std::fs::read(&module).with_context(|| {
        format!(
            "{} was not built: the package in Cargo.toml must be called {:?} as in plugin.toml, and be a cdylib",
            module.display(),
            project.name
        )
    })
}

impl Toolchain {
    fn describe(&self) -> &'static str {
        match self {
            Self::Own => "with your own toolchain",
            Self::Debian { .. } => {
                "with Debian's rustc, and std from Debian's sources (about a minute the first time)"
            }
        }
    }

    fn apply(&self, cargo: &mut Command) {
        match self {
            Self::Own => {}
            Self::Debian { linker } => {
                cargo.env("RUSTC", DEBIAN_RUSTC);
                // Debian's compiler is a release build; std from source needs switches that are not stable.
                cargo.env("RUSTC_BOOTSTRAP", "1");
                cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                cargo.arg("-Zbuild-std=std,panic_abort");
            }
        }
    }
}

/// The cargo that runs this program, if one does; Debian's lacks what builds std.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

fn find(folder: &Path) -> Result<Toolchain> {
    if !process::works(cargo(), "--version") {
        bail!("there is no cargo here: install Rust with rustup");
    }
    let sysroot = sysroot(folder);
    let own = sysroot.as_deref().is_some_and(has_target);
    let debian = Path::new(DEBIAN_RUSTC).exists() && Path::new(DEBIAN_STD).exists();
    let route = std::env::var(ROUTE_VARIABLE).ok();
    match (route.as_deref(), own, debian) {
        (None | Some("rustup"), true, _) => Ok(Toolchain::Own),
        (None | Some("debian"), _, true) => {
            let linker = linker(sysroot.as_deref())?;
            Ok(Toolchain::Debian { linker })
        }
        (None | Some("rustup" | "debian"), _, _) => bail!(INSTALL),
        (Some(other), _, _) => {
            bail!("{ROUTE_VARIABLE}={other}: it must be `rustup` or `debian`")
        }
    }
}

/// Where the compiler that cargo would use keeps its libraries.
fn sysroot(folder: &Path) -> Option<PathBuf> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "sysroot"]).current_dir(folder);
    process::capture(&mut rustc).map(|text| PathBuf::from(text.trim()))
}

fn has_target(sysroot: &Path) -> bool {
    let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    std::fs::read_dir(libraries).is_ok_and(|mut entries| entries.next().is_some())
}

/// The linker that comes with rustup's toolchain, or Debian's.
fn linker(sysroot: Option<&Path>) -> Result<PathBuf> {
    let hosts = sysroot
        .and_then(|root| std::fs::read_dir(root.join("lib/rustlib")).ok())
        .into_iter()
        .flatten()
        .flatten();
    hosts
        .map(|host| host.path().join("bin/rust-lld"))
        .chain(["/usr/bin/rust-lld", "/usr/bin/wasm-ld"].map(PathBuf::from))
        .find(|path| path.exists())
        .context("no linker for WebAssembly: install rust-lld (rustup) or lld (Debian)")
}

/// Folders of this machine must not end up in a component: it is the same wherever it is built. What is below the project
/// is named relative to it anyway.
fn remapped_paths() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    home.map(|home| format!("--remap-path-prefix={}=/cargo", home.display()))
        .into_iter()
        .collect()
}
