//! The built station as a child process, restarted when it asks for it, driven over its control socket.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Certificates, PeerKind, SOON, Setup, process, record, warm};

/// A station that ends more often than this in one case has a defect.
const MAX_RESTARTS: u32 = 5;
const POLL: Duration = Duration::from_millis(20);
/// Lines of its log shown when a case fails.
const SHOWN_LINES: usize = 60;

/// Identity at the central system; the blank shows whether it is encoded.
pub const IDENTITY: &str = "PW TEST-1";
const IDENTITY_ENCODED: &str = "PW%20TEST-1";

/// An operator: pack, adapter, and the shape of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// E-Flux by Road.
    EFlux,
    /// TotalEnergies.
    Total,
    /// Last Mile Solutions.
    Lms,
}

impl Operator {
    /// Name of its policy pack.
    pub fn pack(self) -> &'static str {
        match self {
            Self::EFlux => "e-flux",
            Self::Total => "total",
            Self::Lms => "lms",
        }
    }

    /// Name of its adapter.
    pub fn adapter(self) -> &'static str {
        match self {
            Self::EFlux => "backend-eflux",
            Self::Total => "backend-total",
            Self::Lms => "backend-lms",
        }
    }

    /// Path of its URL, without the identity.
    pub fn path(self) -> &'static str {
        match self {
            Self::EFlux => "/1.6/powerstation",
            Self::Total => "/ocpp/WebSocket",
            Self::Lms => "",
        }
    }

    /// Path that the station must ask for.
    pub fn whole_path(self) -> String {
        format!("{}/{IDENTITY_ENCODED}", self.path())
    }

    /// A card number as this operator wants it.
    pub fn tag(self, card: &str) -> String {
        match self {
            Self::Total => card.to_ascii_uppercase(),
            Self::EFlux | Self::Lms => card.to_ascii_lowercase(),
        }
    }
}

/// One station with its own state folder.
pub struct Station {
    folder: PathBuf,
    operator: Operator,
    /// Adapter and peer in the table of cases.
    shown_as: (&'static str, &'static str),
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    child: Option<Child>,
    starts: u32,
}

impl Station {
    /// Writes its configuration; does not start it.
    pub fn prepare(setup: &Setup, port: u16, certificates: Option<&Certificates>) -> Self {
        compile_once(setup);
        let folder = scratch("station");
        let text = configuration(setup, port, certificates, &folder);
        std::fs::write(folder.join("station.toml"), text).unwrap();
        copy_compiled(&shared_compiled(), &folder.join("state/compiled"));
        Self {
            folder,
            operator: setup.operator,
            shown_as: (setup.operator.adapter(), shown(setup)),
            running: Arc::default(),
        }
    }

    /// Takes the case's authority out of the configuration.
    pub fn distrust(&self) {
        let path = self.folder.join("station.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with("ca = "));
        std::fs::write(path, kept.collect::<Vec<_>>().join("\n")).unwrap();
    }

    /// Gives it a folder of components of its own, with these built test guests beside the real ones.
    pub fn own_components(&self, guests: &[&str]) {
        let built = process::root().join("target/components");
        let own = self.folder.join("components");
        std::fs::create_dir_all(&own).unwrap();
        let real = std::fs::read_dir(&built)
            .unwrap()
            .map(|e| e.unwrap().path());
        let guests = guests
            .iter()
            .map(|name| built.join(format!("test/{name}.wasm")));
        let is_component = |path: &PathBuf| path.extension().is_some_and(|end| end == "wasm");
        for file in real.filter(is_component).chain(guests) {
            for file in [file.clone(), file.with_extension("sig")] {
                std::fs::copy(&file, own.join(file.file_name().unwrap()))
                    .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            }
        }
        let path = self.folder.join("station.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(
            &path,
            text.replace(&format!("{built:?}"), &format!("{own:?}")),
        )
        .unwrap();
    }

    /// Installs components with the program itself; what it said, on either channel.
    pub fn install(&self, source: &std::path::Path) -> Result<String, String> {
        let config = self.folder.join("station.toml");
        let arguments = ["plugin", "install", "--config"].map(Into::into);
        said(arguments.into_iter().chain([config, source.to_owned()]))
    }

    /// Runs the program beside the station, as a person would; what it said.
    pub fn cli<'a>(&self, arguments: impl Iterator<Item = &'a str>) -> Result<String, String> {
        let mut arguments: Vec<PathBuf> = arguments.map(Into::into).collect();
        arguments.push("--state-dir".into());
        arguments.push(self.folder.join("state"));
        said(arguments.into_iter())
    }

    /// What `--set` says at every start.
    pub fn set_at_start(&self, set: &[&str]) {
        std::fs::write(self.folder.join("set"), set.join("\n")).unwrap();
    }

    /// Replays a recording against a component that was built; what the program said.
    pub fn replay(recording: &std::path::Path, component: &str) -> Result<String, String> {
        let component = process::root().join("target/components").join(component);
        let arguments = ["plugin", "replay"].map(Into::into);
        said(
            arguments
                .into_iter()
                .chain([recording.to_owned(), component]),
        )
    }

    /// A file of its own components.
    pub fn component(&self, file: &str) -> PathBuf {
        self.folder.join("components").join(file)
    }

    /// Text of its pack.
    pub fn pack_text(&self) -> String {
        let path = process::root().join(format!("policies/{}.toml", self.operator.pack()));
        std::fs::read_to_string(path).unwrap()
    }

    /// Puts a pack in force; the answer must be `ok`.
    pub fn apply(&self, text: &str) {
        self.control(&json!({"verb": "pack-apply", "text": text}));
    }

    /// A request that must be refused; returns why.
    pub fn refused(&self, request: &Value) -> String {
        let answer = self.try_control(request).unwrap();
        assert_eq!(answer["ok"], false, "{request} was answered {answer}");
        answer["error"].as_str().unwrap().to_owned()
    }

    /// Waits until no pack is on trial, and returns how it went.
    pub fn trial_over(&self) -> String {
        let over = self.shows("the end of the trial", |status| {
            status["pack_on_trial"] == false
        });
        over["pack_last_change"].as_str().unwrap().to_owned()
    }

    /// Starts the program and keeps it running, as a service manager would.
    pub fn start(&self) {
        let mut running = self.running.lock().unwrap();
        assert!(running.child.is_none(), "the station runs already");
        running.child = Some(self.spawn());
        running.starts = 1;
        drop(running);
        let (shared, folder) = (Arc::clone(&self.running), self.folder.clone());
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(POLL);
                let mut running = shared.lock().unwrap();
                let Some(child) = running.child.as_mut() else {
                    return;
                };
                if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                    if running.starts > MAX_RESTARTS {
                        return;
                    }
                    running.child = Some(spawn(&folder));
                    running.starts += 1;
                }
            }
        });
    }

    /// Power goes away without a warning: nothing is written, nothing is said.
    pub fn power_off(&self) {
        let mut running = self.running.lock().unwrap();
        let mut child = running.child.take().expect("the station does not run");
        process::end(&mut child);
    }

    /// Puts finished sessions into the journal of a station that does not run; how many messages they make.
    pub fn fill_queue(&self, sessions: u64, readings: u64) -> u64 {
        let python = process::root().join("target/conformance-venv/bin/python");
        let output = Command::new(python)
            .arg(process::root().join("tests/conformance/peer/fill_queue.py"))
            .arg(self.folder.join("state/station.db"))
            .args([sessions.to_string(), readings.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    /// Whose station it is.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// One request over the control socket; the answer must be `ok`.
    pub fn control(&self, request: &Value) -> Value {
        let answer = self.try_control(request).unwrap_or_else(|error| {
            panic!("control socket: {error}, for {request}");
        });
        assert_eq!(answer["ok"], true, "{request} was answered {answer}");
        answer
    }

    fn try_control(&self, request: &Value) -> std::io::Result<Value> {
        let path = self.folder.join("state/control.sock");
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(&path) {
                Ok(stream) => break stream,
                Err(error) if start.elapsed() > SOON => return Err(error),
                Err(_) => std::thread::sleep(POLL),
            }
        };
        stream.set_read_timeout(Some(SOON))?;
        let mut line = String::new();
        writeln!(&stream, "{request}")?;
        BufReader::new(&stream).read_line(&mut line)?;
        serde_json::from_str(&line).map_err(std::io::Error::other)
    }

    /// What the station shows of itself.
    pub fn status(&self) -> Value {
        self.control(&json!({"verb": "status"}))
    }

    /// Does something to the simulated world.
    pub fn sim(&self, what: &str, mut details: Value) {
        details["verb"] = "sim".into();
        details["do"] = what.into();
        self.control(&details);
    }

    /// The same, where it may be impossible just now.
    pub fn try_sim(&self, what: &str, mut details: Value) -> bool {
        details["verb"] = "sim".into();
        details["do"] = what.into();
        self.try_control(&details)
            .is_ok_and(|answer| answer["ok"] == true)
    }

    /// Waits until the status satisfies a condition.
    pub fn shows(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let status = self.status();
            if fits(&status) {
                return status;
            }
            assert!(
                start.elapsed() < SOON,
                "the station never shows: {what}; it shows {status}"
            );
            std::thread::sleep(2 * POLL);
        }
    }

    /// Writes the configuration of a station without a central system: a local list with one card, and a backend
    /// adapter that misbehaves at every input.
    pub fn prepare_hostile(what: &str, card: &str) -> Self {
        let folder = scratch("hostile");
        let built = process::root().join("target/components");
        for file in ["auth-local-whitelist.wasm", "test/hostile-backend.wasm"] {
            let from = built.join(file);
            let to = folder.join(from.file_name().unwrap());
            std::fs::copy(&from, to).unwrap_or_else(|e| {
                panic!("{}: {e}; `cargo xtask plugins` builds it", from.display())
            });
        }
        let pack = format!(
            "name = \"hostile\"\nsummary = \"For tests.\"\n\n[[plugin]]\nname = \"auth-local-whitelist\"\n\
             kind = \"authorizer\"\ngrants = {{ authorize = true }}\nsettings = {{ entries = {card:?} }}\n\n\
             [[plugin]]\nname = \"hostile-backend\"\nkind = \"backend\"\ngrants = {{ authorize = true }}\n\
             settings = {{ do = {what:?} }}\nlimits = {{ call_deadline_ms = 50 }}\n"
        );
        std::fs::write(folder.join("pack.toml"), pack).unwrap();
        let text = format!(
            "board = \"simulated\"\nidentity = \"HOSTILE\"\nstate_dir = \"state\"\npack = \"pack.toml\"\n\
             development = true\ncomponents = {folder:?}\n\n[settings]\nlock_only_if_authorized = false\n"
        );
        std::fs::write(folder.join("station.toml"), text).unwrap();
        let operator = Operator::EFlux;
        Self {
            folder,
            operator,
            shown_as: ("hostile-backend", "none"),
            running: Arc::default(),
        }
    }

    /// Writes the configuration of a station with this pack, and this text behind the rest; does not start it.
    pub fn prepare_pack(shown_as: (&'static str, &'static str), pack: &str, more: &str) -> Self {
        let folder = scratch("station");
        std::fs::write(folder.join("pack.toml"), pack).unwrap();
        let text = format!(
            "board = \"simulated\"\nidentity = \"{IDENTITY}\"\nstate_dir = {:?}\npack = {:?}\ncomponents = {:?}\n\n\
             [api]\nlisten = \"127.0.0.1:0\"\n{}\n{more}",
            folder.join("state"),
            folder.join("pack.toml"),
            process::root().join("target/components"),
            publisher(),
        );
        std::fs::write(folder.join("station.toml"), text).unwrap();
        copy_compiled(&shared_compiled(), &folder.join("state/compiled"));
        Self {
            folder,
            operator: Operator::EFlux,
            shown_as,
            running: Arc::default(),
        }
    }

    /// A cable with a car at its end.
    pub fn plug_in(&self, evse: u8) {
        self.sim("plug-in", json!({"evse": evse}));
    }

    /// A car that never asks for energy by itself: the pilot stays in B.
    pub fn plug_in_asleep(&self, evse: u8) {
        self.sim("plug-in", json!({"evse": evse, "ev": "deep-sleeper"}));
    }

    /// The cable leaves the station (and the car), as soon as the lock lets go of it.
    pub fn unplug(&self, evse: u8) {
        let request = json!({"verb": "sim", "do": "unplug", "evse": evse});
        let start = Instant::now();
        loop {
            let answer = self.try_control(&request).expect("control socket");
            if answer["ok"] == true {
                if self.cable_comes_out(evse) {
                    return;
                }
                // The lock closed between the look and the pull.
                continue;
            }
            let held = answer["error"]
                .as_str()
                .is_some_and(|error| error.contains("lock holds"));
            assert!(
                held && start.elapsed() < SOON,
                "unplug was answered {answer}"
            );
            std::thread::sleep(POLL);
        }
    }

    fn cable_comes_out(&self, evse: u8) -> bool {
        (0..10).any(|_| {
            std::thread::sleep(POLL);
            let vehicle = &self.status()["evses"][usize::from(evse) - 1]["vehicle"];
            vehicle["cable"] == false
        })
    }

    /// The cable leaves the car and stays in the station.
    pub fn ev_unplug(&self, evse: u8) {
        self.sim("ev-unplug", json!({"evse": evse}));
    }

    /// A card is held to the reader.
    pub fn swipe(&self, evse: u8, card: &str) {
        self.sim("swipe", json!({"evse": evse, "uid": card}));
    }

    /// A fault of the simulated hardware.
    pub fn fault(&self, evse: u8, name: &str) {
        self.sim("fault", json!({"evse": evse, "name": name}));
    }

    /// The fault goes.
    pub fn clear(&self, evse: u8, name: &str) {
        self.sim("clear", json!({"evse": evse, "name": name}));
    }

    /// A file of its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("station.log")).unwrap_or_default()
    }

    /// Shows the end of its log on standard error.
    pub fn report(&self) {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        eprintln!("--- end of the station's log:");
        for line in lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES)) {
            eprintln!("{line}");
        }
    }

    fn spawn(&self) -> Child {
        spawn(&self.folder)
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        record::write(self.shown_as.0, self.shown_as.1);
        // A panic of the supervising thread must not hide the case's own.
        if let Ok(mut running) = self.running.lock()
            && let Some(mut child) = running.child.take()
        {
            process::end(&mut child);
        }
        if !std::thread::panicking() {
            copy_compiled(&self.folder.join("state/compiled"), &shared_compiled());
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn shown(setup: &Setup) -> &'static str {
    match (setup.peer, setup.tls) {
        (PeerKind::Python, false) => "Python",
        (PeerKind::Python, true) => "Python, TLS",
        (PeerKind::Node, _) => "npm",
    }
}

fn spawn(folder: &std::path::Path) -> Child {
    let log = log_file(folder);
    let set = std::fs::read_to_string(folder.join("set")).unwrap_or_default();
    Command::new(program())
        .args(["run", "--config"])
        .arg(folder.join("station.toml"))
        .args(set.lines().flat_map(|set| ["--set", set]))
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program().display()))
}

fn log_file(folder: &std::path::Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("station.log"))
        .unwrap()
}

/// See [`warm`]. The station that does it is told of a central system that is not there.
fn compile_once(setup: &Setup) {
    let plain = Setup {
        trust: None,
        installer: None,
        ..setup.clone()
    };
    let prepared = || {
        let folder = scratch("warm");
        let text = configuration(&plain, 1, None, &folder);
        std::fs::write(folder.join("station.toml"), text).unwrap();
        copy_compiled(&shared_compiled(), &folder.join("state/compiled"));
        folder
    };
    let keep = |folder: &std::path::Path| {
        copy_compiled(&folder.join("state/compiled"), &shared_compiled())
    };
    warm::once(
        setup.operator.pack(),
        &program(),
        &shared_compiled(),
        prepared,
        spawn,
        keep,
    );
}

/// Compiled plugins, kept from case to case: compiling them is the slowest part of a start, and the station checks what
/// it finds there.
fn shared_compiled() -> PathBuf {
    process::root().join("target/conformance-compiled")
}

/// Copies compiled plugins; another case may do the same at the same time, so files appear whole or not at all.
fn copy_compiled(from: &std::path::Path, to: &std::path::Path) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Ok(files) = std::fs::read_dir(from) else {
        return;
    };
    if !to.exists() {
        let _ = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(to);
    }
    for file in files.flatten() {
        let target = to.join(file.file_name());
        if target.exists() {
            continue;
        }
        // The station replaces such a file, it never writes into it: a second name is as good as a copy.
        if std::fs::hard_link(file.path(), &target).is_ok() {
            continue;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let partial = to.join(format!(".{}-{number}", std::process::id()));
        if std::fs::copy(file.path(), &partial).is_ok() {
            let _ = std::fs::rename(&partial, &target);
        }
    }
}

/// The station's program, built beside this test by `cargo xtask test`.
fn program() -> PathBuf {
    if let Some(set) = std::env::var_os("PILOTWIRE_PROGRAM") {
        return set.into();
    }
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join("pilotwire");
    assert!(
        built.exists(),
        "{} is missing; `cargo xtask test` builds it",
        built.display()
    );
    built
}

/// Runs the program; what it said on either channel, and whether it was content.
fn said(arguments: impl Iterator<Item = PathBuf>) -> Result<String, String> {
    let output = Command::new(program()).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = text(&output.stdout) + &text(&output.stderr);
    match output.status.success() {
        true => Ok(all),
        false => Err(all),
    }
}

/// A new folder for one case.
pub fn scratch(what: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!(
        "pilotwire-conformance-{}-{number}-{what}",
        std::process::id()
    );
    let folder = std::env::temp_dir().join(name);
    // A case that failed leaves its folder behind, and process numbers come round again.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("state")).unwrap();
    folder
}

/// The publisher that signed what this checkout built.
fn publisher() -> String {
    let path = process::root().join("target/components/publisher.pub");
    std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; `cargo xtask plugins` makes it", path.display()))
}

fn configuration(
    setup: &Setup,
    port: u16,
    certificates: Option<&Certificates>,
    folder: &std::path::Path,
) -> String {
    let root = process::root();
    let (operator, adapter) = (setup.operator, setup.operator.adapter());
    let scheme = if setup.tls { "wss" } else { "ws" };
    let base = format!("{scheme}://127.0.0.1:{port}");
    let mut text = format!(
        "board = \"simulated\"\nidentity = \"{IDENTITY}\"\nstate_dir = {:?}\npack = {:?}\ncomponents = {:?}\n\n\
         [api]\nlisten = \"127.0.0.1:0\"\n",
        folder.join("state"),
        root.join(format!("policies/{}.toml", operator.pack())),
        root.join("target/components"),
    );
    text += &publisher();
    let trust = certificates.map(Certificates::authority);
    if let Some(authority) = trust.or_else(|| setup.trust.clone()) {
        text += &format!("\n[tls]\nca = {authority:?}\n");
    }
    if let Some(script) = setup.installer {
        let path = folder.join("installer.sh");
        std::fs::write(&path, script).unwrap();
        text += &format!("\n[firmware]\ninstaller = [\"/bin/sh\", {path:?}]\n");
    }
    if setup.fixed_cable {
        let evse = "\n[[evse]]\nprofile = \"tethered-32a\"\nmax_current_a = 32\n";
        text += &evse.repeat(2);
    }
    text += "\n[settings]\n";
    for (key, value) in &setup.settings {
        text += &format!("{key} = {value}\n");
    }
    // Both schemes: a security profile may change it.
    text += &format!(
        "\n[plugin.{adapter}]\nconnect = [\"ws://127.0.0.1:{port}/\", \"wss://127.0.0.1:{port}/\"]\n"
    );
    text += &format!(
        "\n[plugin.{adapter}.settings]\nurl = \"{base}{}\"\n",
        operator.path()
    );
    text += "reconnect_base_s = \"1\"\nreconnect_max_s = \"2\"\n";
    // `PILOTWIRE_STATUS_STRATEGY` runs the cases that need no particular strategy on another than the default.
    let chosen = |(key, _): &(&str, String)| *key == "status_strategy";
    if !setup.adapter.iter().any(chosen)
        && let Ok(strategy) = std::env::var("PILOTWIRE_STATUS_STRATEGY")
    {
        text += &format!("status_strategy = {strategy:?}\n");
    }
    for (key, value) in &setup.adapter {
        text += &format!("{key} = {value:?}\n");
    }
    text
}
