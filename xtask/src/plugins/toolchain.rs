//! Finds out how this machine can compile Rust for WebAssembly.
//!
//! Two routes. Where rustup can fetch the target, the project's own toolchain is used. Where it cannot, Debian's
//! `rustc-web` (a compiler) and `rust-web-src` (the sources of std that belong to it) do, and the ordinary cargo builds
//! std from these sources. `PILOTWIRE_WASM_ROUTE=rustup` or `=debian` forces one of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::TARGET;
use crate::shell;

/// Forces a route; for testing the one that this machine would not take.
const ROUTE_VARIABLE: &str = "PILOTWIRE_WASM_ROUTE";
/// How long rustup may take to fetch the target; it is about 20 MB. Without a network it fails much earlier.
const RUSTUP_PATIENCE: Duration = Duration::from_secs(180);
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/Cargo.toml";
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// A way to compile for WebAssembly.
pub enum Toolchain {
    /// The project's own toolchain has the target.
    Own,
    /// Debian's compiler with std built from source.
    Debian {
        /// A linker for WebAssembly.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// For the progress text.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Own => "compiled by the project's own toolchain",
            Self::Debian { .. } => {
                "compiled by Debian's rustc, with std built from Debian's sources (about a minute the first time)"
            }
        }
    }

    /// Makes a cargo command use it.
    pub fn apply(&self, cargo: &mut Command) {
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

/// Finds a way, installing what is missing where that is possible.
///
/// # Errors
/// When there is none; the message says what to install.
pub fn find() -> Result<Toolchain> {
    match std::env::var(ROUTE_VARIABLE).ok().as_deref() {
        None => {}
        Some("rustup") => {
            ensure!(
                own_toolchain_ready(),
                "the project's toolchain has no {TARGET} and cannot get it"
            );
            return Ok(Toolchain::Own);
        }
        Some("debian") => return debian(),
        Some(other) => bail!("{ROUTE_VARIABLE}={other}: it must be `rustup` or `debian`"),
    }
    if own_toolchain_ready() {
        return Ok(Toolchain::Own);
    }
    println!("   the project's toolchain cannot get {TARGET}; trying Debian's packages");
    debian()
}

fn own_toolchain_ready() -> bool {
    sysroot().is_some_and(|root| has_target(&root)) || fetch_target()
}

/// Where the compiler that cargo would use keeps its libraries.
fn sysroot() -> Option<PathBuf> {
    let mut rustc = Command::new("rustc");
    rustc
        .args(["--print", "sysroot"])
        .current_dir(shell::root());
    let text = shell::capture("folder of the toolchain", &mut rustc).ok()?;
    Some(PathBuf::from(text.trim()))
}

fn has_target(sysroot: &Path) -> bool {
    let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    std::fs::read_dir(libraries).is_ok_and(|mut entries| entries.next().is_some())
}

fn fetch_target() -> bool {
    shell::step(&format!("plugins: asking rustup for {TARGET} (once)"));
    let child = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(shell::root())
        .stdin(Stdio::null())
        .spawn();
    let Ok(child) = child else {
        println!("   there is no rustup here");
        return false;
    };
    finished_well(child, RUSTUP_PATIENCE) && sysroot().is_some_and(|root| has_target(&root))
}

/// Waits for a process, not for ever.
fn finished_well(mut child: Child, patience: Duration) -> bool {
    let pause = Duration::from_millis(100);
    let mut waited = Duration::ZERO;
    while waited < patience {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(pause),
            Err(_) => return false,
        }
        waited = waited.saturating_add(pause);
    }
    println!(
        "   rustup took more than {} s; giving up on it",
        patience.as_secs()
    );
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn debian() -> Result<Toolchain> {
    if !debian_ready() {
        install_debian_packages()?;
        ensure!(
            debian_ready(),
            "the Debian packages are installed, but {DEBIAN_STD} is missing"
        );
    }
    Ok(Toolchain::Debian { linker: linker()? })
}

fn debian_ready() -> bool {
    Path::new(DEBIAN_RUSTC).exists() && Path::new(DEBIAN_STD).exists()
}

fn install_debian_packages() -> Result<()> {
    let advice = format!(
        "Plugins cannot be compiled here. Do one of these and run the command again:\n  \
         rustup target add {TARGET}\n  \
         sudo apt-get install --no-install-recommends {}",
        DEBIAN_PACKAGES.join(" ")
    );
    ensure!(shell::has("apt-get", "--version") && is_root(), "{advice}");
    println!(
        "   installing {} with apt-get",
        DEBIAN_PACKAGES.join(" and ")
    );
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(DEBIAN_PACKAGES)
        .env("DEBIAN_FRONTEND", "noninteractive");
    if shell::run("apt-get install", &mut install).is_ok() {
        return Ok(());
    }
    let mut update = Command::new("apt-get");
    shell::run("apt-get update", update.arg("update")).context(advice.clone())?;
    shell::run("apt-get install", &mut install).context(advice)
}

fn is_root() -> bool {
    let mut id = Command::new("id");
    shell::capture("user", id.arg("-u")).is_ok_and(|text| text.trim() == "0")
}

/// The linker that comes with rustup's toolchain, or Debian's.
fn linker() -> Result<PathBuf> {
    let own = sysroot().into_iter().flat_map(|root| {
        let hosts = std::fs::read_dir(root.join("lib/rustlib"))
            .into_iter()
            .flatten()
            .flatten();
        hosts
            .map(|host| host.path().join("bin/rust-lld"))
            .collect::<Vec<_>>()
    });
    own.chain(["/usr/bin/rust-lld", "/usr/bin/wasm-ld"].map(PathBuf::from))
        .find(|path| path.exists())
        .context("no linker for WebAssembly: install rust-lld (rustup) or lld (Debian)")
}
