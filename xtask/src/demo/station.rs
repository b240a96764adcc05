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

/// The running station.
pub struct Station {
    child: Child,
    folder: PathBuf,
}

impl Station {
    /// Writes a configuration and starts the program.
    ///
    /// # Errors
    /// When files cannot be written or the program cannot be started.
    pub fn start(operator: Operator, port: u16) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("pilotwire-demo-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("state")).context("no folder for the state")?;
        let config = folder.join("station.toml");
        std::fs::write(&config, configuration(operator, port, &folder))?;
        let log = std::fs::File::create(folder.join("station.log"))?;
        let program = shell::target().join("debug/pilotwire");
        let child = Command::new(&program)
            .args(["run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, folder })
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

    /// The program has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        let asked = self.control(&json!({"verb": "shutdown"})).is_ok();
        for _ in 0..if asked { 50 } else { 0 } {
            if self.has_ended() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Failing to end a child that is gone already is no failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn configuration(operator: Operator, port: u16, folder: &Path) -> String {
    let root = shell::root();
    format!(
        "# Written by `cargo xtask demo`: a station with a simulated board, its operator's host replaced by loopback.\n\
         board = \"simulated\"\nidentity = \"{IDENTITY}\"\nstate_dir = {:?}\npack = {:?}\ncomponents = {:?}\n\n\
         [api]\nlisten = \"127.0.0.1:0\"\n\n[settings]\nmeter_sample_interval_s = 2\n\n\
         [plugin.{adapter}]\nconnect = [\"ws://127.0.0.1:{port}/\"]\n\n\
         [plugin.{adapter}.settings]\nurl = \"{}\"\n",
        folder.join("state"),
        root.join(format!("policies/{}.toml", operator.pack())),
        root.join("target/components"),
        operator.url(port),
        adapter = operator.adapter(),
    )
}
