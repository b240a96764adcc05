//! The station's program as a child process with an empty state folder, and its control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::operator::{CARD, IDENTITY, Operator};
use crate::shell;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Lines of its log shown when something went wrong.
const LOG_LINES: usize = 30;

/// How a station is started.
pub struct Launch<'a> {
    /// Part of its folder's name.
    pub name: &'a str,
    /// The program.
    pub program: PathBuf,
    /// Whose pack and adapter.
    pub operator: Operator,
    /// Scheme, host and port of its central system; the operator's path comes behind.
    pub base: String,
    /// Authority to trust, for `wss`.
    pub authority: Option<PathBuf>,
    /// A card that the station may accept by itself.
    pub whitelist: Option<&'a str>,
}

/// The running station.
pub struct Station {
    child: Child,
    program: PathBuf,
    folder: PathBuf,
}

impl Station {
    /// Writes a configuration and starts the program.
    ///
    /// # Errors
    /// When files cannot be written or the program cannot be started.
    pub fn start(launch: &Launch<'_>) -> Result<Self> {
        let name = format!("pilotwire-{}-{}", launch.name, std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("state")).context("no folder for the state")?;
        std::fs::write(folder.join("station.toml"), configuration(launch, &folder)?)?;
        let child = spawn(&launch.program, &folder, None)?;
        Ok(Self {
            child,
            program: launch.program.clone(),
            folder,
        })
    }

    /// Puts the running pack in force again with another deadline for its adapter, so that the adapter has to be replaced.
    ///
    /// # Errors
    /// The station refuses, for example because a pack is on trial already.
    pub fn hot_swap(&self) -> Result<()> {
        const KEY: &str = "call_deadline_ms = ";
        let running = self.control(&json!({"verb": "pack-status"}))?;
        let text = running.get("text").and_then(Value::as_str);
        let text = text.context("the station has no pack")?;
        let (before, rest) = text.split_once(KEY).context("no deadline in the pack")?;
        let (deadline, after) = rest.split_once('\n').context("no deadline in the pack")?;
        let next = deadline.trim().parse::<u32>()?.saturating_add(1);
        let changed = format!("{before}{KEY}{next}\n{after}");
        self.control(&json!({"verb": "pack-apply", "text": changed}))
            .map(drop)
    }

    /// Ends the program and starts it again with the same state; `ready` is where it says that it is ready.
    ///
    /// # Errors
    /// As [`Station::start`].
    pub fn restart(&mut self, ready: &Path) -> Result<()> {
        self.end();
        self.child = spawn(&self.program, &self.folder, Some(ready))?;
        Ok(())
    }

    /// Process number of the program.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its configuration, state and log are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The end of its log.
    pub fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("station.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let end = lines.iter().skip(lines.len().saturating_sub(LOG_LINES));
        let mut text = "end of the station's log:".to_owned();
        for line in end {
            text += "\n  ";
            text += line;
        }
        text
    }

    /// One request over the control socket.
    ///
    /// # Errors
    /// When the socket is not there (yet), or the answer is not `ok`.
    pub fn control(&self, request: &Value) -> Result<Value> {
        let path = self.folder.join("state/control.sock");
        let stream = UnixStream::connect(&path).context("the control socket is not open")?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        writeln!(&stream, "{request}")?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).context("the control socket's answer")?;
        if answer.get("ok") != Some(&Value::Bool(true)) {
            bail!("{request} was answered {answer}");
        }
        Ok(answer)
    }

    /// What the station shows of itself; `None` while it is starting.
    pub fn status(&self) -> Option<Value> {
        self.control(&json!({"verb": "status"})).ok()
    }

    /// Does something to the simulated world of EVSE 1.
    ///
    /// # Errors
    /// As [`Station::control`].
    pub fn sim(&self, what: &str, details: &[(&str, &str)]) -> Result<()> {
        let mut request = json!({"verb": "sim", "do": what, "evse": 1});
        if let Some(fields) = request.as_object_mut() {
            fields.extend(
                details
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), json!(value))),
            );
        }
        self.control(&request).map(drop)
    }

    /// A car is plugged in.
    ///
    /// # Errors
    /// As [`Station::control`].
    pub fn plug_in(&self) -> Result<()> {
        self.sim("plug-in", &[])
    }

    /// The demonstration's card is held to the reader.
    ///
    /// # Errors
    /// As [`Station::control`].
    pub fn swipe(&self) -> Result<()> {
        self.sim("swipe", &[("uid", CARD)])
    }

    /// The cable is pulled.
    ///
    /// # Errors
    /// As [`Station::control`].
    pub fn unplug(&self) -> Result<()> {
        self.sim("unplug", &[])
    }

    /// Asks the program to end, and makes it end if it does not; [`Station::restart`] starts it again.
    pub fn end(&mut self) {
        let asked = self.control(&json!({"verb": "shutdown"})).is_ok();
        for _ in 0..if asked { 50 } else { 0 } {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Failing to end a child that is gone already is no failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.end();
        // Left-overs in the temporary folder are no failure either.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(program: &Path, folder: &Path, ready: Option<&Path>) -> Result<Child> {
    let log = folder.join("station.log");
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)?;
    let mut command = Command::new(program);
    command
        .args(["run", "--config"])
        .arg(folder.join("station.toml"));
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.env_remove("RUST_BACKTRACE");
    if let Some(ready) = ready {
        command.env("NOTIFY_SOCKET", ready);
    }
    command
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

fn configuration(launch: &Launch<'_>, folder: &Path) -> Result<String> {
    let root = shell::root();
    // The pack for trying out has a local list in front of the E-Flux adapter.
    let pack = if launch.whitelist.is_some() {
        "demo"
    } else {
        launch.operator.pack()
    };
    let adapter = launch.operator.adapter();
    let mut text = format!(
        "# Written by `cargo xtask`: a station with a simulated board, its operator's host replaced by loopback.\n\
         board = \"simulated\"\nidentity = \"{IDENTITY}\"\nstate_dir = {:?}\npack = {:?}\ncomponents = {:?}\n\n\
         [api]\nlisten = \"127.0.0.1:0\"\n\n{}",
        folder.join("state"),
        root.join(format!("policies/{pack}.toml")),
        root.join("target/components"),
        crate::plugins::publisher_table()?,
    );
    if let Some(authority) = &launch.authority {
        text += &format!("\n[tls]\nca = {authority:?}\n");
    }
    text += "\n[settings]\nmeter_sample_interval_s = 2\n";
    if let Some(card) = launch.whitelist {
        text += &format!("\n[plugin.auth-local-whitelist.settings]\nentries = {card:?}\n");
    }
    let base = &launch.base;
    text += &format!("\n[plugin.{adapter}]\nconnect = [\"{base}/\"]\n");
    text += &format!(
        "\n[plugin.{adapter}.settings]\nurl = \"{base}{}\"\n",
        launch.operator.path()
    );
    Ok(text)
}
