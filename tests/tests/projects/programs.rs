//! Projects in folders of their own, and the programs that make, test and build them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use plugin_host::{Limits, Loaded, PluginKind};

use super::kit::ENGINE;

/// The repository's top folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Folder of the built programs `pilotwire` and `pilotwire-plugin`.
pub fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    for name in ["pilotwire", "pilotwire-plugin"] {
        assert!(
            profile.join(name).exists(),
            "{name} is not built; run `cargo build -p pilotwire -p pilotwire-plugin` first"
        );
    }
    profile.to_path_buf()
}

/// An empty folder outside the repository, so that nothing of it is found by accident.
pub fn scratch(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let id = std::process::id();
    let folder = std::env::temp_dir().join(format!("pilotwire-projects-{name}-{id}-{number}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A command whose output is taken, with our programs first on the PATH.
///
/// All Rust projects share one target folder, so that std and the SDK's dependencies are built once; their versions are the
/// plugins' own, so nothing is downloaded.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([programs()].into_iter().chain(std::env::split_paths(&path)));
    let mut command = Command::new(program);
    command.env("PATH", path.unwrap());
    command.env("CARGO_TARGET_DIR", root().join("target/projects"));
    command.env("CARGO_NET_OFFLINE", "true");
    command.env_remove("RUSTFLAGS").env_remove("VIRTUAL_ENV");
    command.env_remove("PILOTWIRE_STATE_DIR");
    command
}

/// Both streams as text.
pub fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// Runs a command that has to succeed.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = text(&output);
    assert!(output.status.success(), "{command:?}:\n{text}");
    text
}

/// A project that `pilotwire plugin new` made.
pub struct Project {
    pub name: &'static str,
    pub folder: PathBuf,
}

impl Project {
    /// Makes one through `pilotwire`, which hands on to `pilotwire-plugin`.
    pub fn new(kind: &str, language: &str, name: &'static str) -> Self {
        let folder = scratch(name);
        let mut new = command("pilotwire");
        new.args([
            "plugin", "new", "--kind", kind, "--lang", language, name, "--into",
        ]);
        run(new.arg(&folder));
        Self { name, folder }
    }

    /// Puts what README.md tells people to install into its place.
    pub fn installed(self, what: &str, at: &str) -> Self {
        let from = root().join("target").join(what);
        assert!(
            from.exists(),
            "{} is missing; `cargo xtask test` installs it",
            from.display()
        );
        std::os::unix::fs::symlink(from, self.folder.join(at)).unwrap();
        self
    }

    /// A command in the project's folder.
    pub fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command.current_dir(&self.folder);
        command
    }

    /// Builds it, and returns the component.
    pub fn build(&self) -> Vec<u8> {
        let said = run(self.command("pilotwire").args(["plugin", "build"]));
        let file = format!("build/{}.wasm", self.name);
        assert!(said.contains(&file) && said.contains("sha256"), "{said}");
        std::fs::read(self.folder.join(file)).unwrap()
    }

    /// Its component, compiled. A station of the project finds it compiled.
    pub fn loaded(&self, kind: PluginKind, component: &[u8]) -> Loaded {
        let compiled = self.folder.join("state/compiled");
        let loaded = ENGINE.load(kind, self.name, component, Some(&compiled));
        loaded.unwrap()
    }

    /// The bounds that its own pack gives it.
    pub fn limits(&self) -> Limits {
        let pack = self.toml("pack.toml");
        let limits = &pack["plugin"][0]["limits"];
        let bound = |key: &str| u32::try_from(limits[key].as_integer().unwrap()).unwrap();
        Limits {
            memory_mib: bound("memory_mib"),
            call_deadline_ms: bound("call_deadline_ms"),
            ..Limits::DEFAULT
        }
    }

    /// One file as TOML.
    pub fn toml(&self, file: &str) -> toml::Table {
        let text = std::fs::read_to_string(self.folder.join(file)).unwrap();
        toml::from_str(&text).unwrap()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
