//! C projects: bindings are made from the contract, clang compiles, a linker for WebAssembly links.
//!
//! Freestanding: no C library, hence no WASI. The project brings the few functions that the bindings need.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use wit_bindgen_core::{Files, wit_parser};

use super::kind::Project;
use super::process;

const INSTALL: &str = "clang (14 or newer) and LLVM's linker for WebAssembly make plugins in C: on Debian and Ubuntu \
    `apt-get install clang lld`";
/// Where intermediate files go, in the project.
const OBJECTS: &str = "build/c";

/// Compiles the project into a core module.
///
/// # Errors
/// clang or the linker are missing (the message says what to install), or the project does not compile.
pub fn compile(folder: &Path, project: &Project) -> Result<Vec<u8>> {
    let clang = clang()?;
    let (linker, flavor) = linker()?;
    let objects = folder.join(OBJECTS);
    let bindings = bindings(folder, project, &objects)?;
    let mut compiled = Vec::new();
    for (number, source) in sources(folder)?
        .into_iter()
        .chain([bindings.source])
        .enumerate()
    {
        // Numbered, so that no file of the project is taken for one of the bindings.
        let object = objects.join(format!("{number}.o"));
        let mut command = Command::new(&clang);
        command.args([
            "--target=wasm32-unknown-unknown",
            "-std=c11",
            "-Oz",
            "-flto",
        ]);
        command.args(["-ffreestanding", "-nostdlib", "-Wall", "-Wextra"]);
        // Everything that the bindings include is the project's own, and is told from the machine's headers by its folder.
        command.arg("-I").arg(folder.join("src/libc"));
        command.arg("-I").arg(folder.join("src"));
        command.arg("-I").arg(&objects);
        command.arg("-c").arg(&source).arg("-o").arg(&object);
        process::run(&mut command, INSTALL)?;
        compiled.push(object);
    }
    let module = objects.join("module.wasm");
    let mut command = Command::new(&linker);
    command.args(flavor);
    command.args(["--no-entry", "--gc-sections", "--strip-debug", "-O2"]);
    command.args(["--lto-O2", "-z", "stack-size=65536", "--stack-first"]);
    command.args(&compiled).arg(&bindings.contract);
    command.arg("-o").arg(&module);
    process::run(&mut command, INSTALL)?;
    std::fs::read(&module).with_context(|| format!("{} was not written", module.display()))
}

/// The generated bindings.
struct Bindings {
    source: PathBuf,
    /// Object with the contract, which makes the module one that becomes a component.
    contract: PathBuf,
}

fn bindings(folder: &Path, project: &Project, objects: &Path) -> Result<Bindings> {
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve
        .push_dir(folder.join("wit"))
        .context("the contract in wit/ cannot be read")?;
    let world = resolve.select_world(&[package], Some(project.kind.name()))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)
        .context("no bindings for C")?;
    std::fs::create_dir_all(objects)
        .with_context(|| format!("cannot make the folder {}", objects.display()))?;
    let (mut source, mut contract) = (None, None);
    for (name, content) in files.iter() {
        let path = objects.join(name);
        std::fs::write(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
        match path.extension().and_then(|end| end.to_str()) {
            Some("c") => source = Some(path),
            Some("o") => contract = Some(path),
            _ => {}
        }
    }
    Ok(Bindings {
        source: source.context("no bindings for C")?,
        contract: contract.context("no object with the contract")?,
    })
}

/// The project's own sources, in order, so that two builds are the same.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder.join("src");
    let entries = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut sources: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "c"))
        .collect();
    sources.sort();
    Ok(sources)
}

/// A clang that knows WebAssembly; Apple's does not.
fn clang() -> Result<PathBuf> {
    for clang in ["clang", "rust-clang"].map(PathBuf::from) {
        let targets = process::capture(Command::new(&clang).arg("--print-targets"));
        if targets.is_some_and(|targets| targets.contains("wasm32")) {
            return Ok(clang);
        }
    }
    bail!("there is no clang that compiles for WebAssembly. {INSTALL}")
}

/// A linker, and the arguments that make it one for WebAssembly.
fn linker() -> Result<(PathBuf, &'static [&'static str])> {
    let linker = PathBuf::from("wasm-ld");
    if process::works(&linker, "--version") {
        return Ok((linker, &[]));
    }
    let lld = PathBuf::from("rust-lld");
    let version = Command::new(&lld)
        .args(["-flavor", "wasm", "--version"])
        .output();
    if version.is_ok_and(|output| output.status.success()) {
        return Ok((lld, &["-flavor", "wasm"]));
    }
    bail!("there is no linker for WebAssembly. {INSTALL}")
}
