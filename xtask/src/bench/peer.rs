//! The conformance tests' central system, over TLS, with its own answers; everything that it sees is kept.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::station::STEP;
use crate::{peers, shell};

const LOOK: Duration = Duration::from_millis(5);

/// A running central system.
pub struct TlsPeer {
    child: Child,
    to: ChildStdin,
    events: Arc<Mutex<Vec<Value>>>,
    /// Events before this were looked at.
    from: usize,
    /// Where it listens.
    pub port: u64,
}

impl TlsPeer {
    /// Starts it with the certificate in this folder.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(folder: &Path) -> Result<Self> {
        let program: PathBuf = peers::python_folder().join("bin/python");
        let mut child = Command::new(program)
            .arg("-u")
            .arg(shell::root().join("tests/conformance/peer/peer.py"))
            .arg("--cert")
            .arg(folder.join("server.pem"))
            .arg("--key")
            .arg(folder.join("server.key"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the conformance peer")?;
        let output = child.stdout.take().context("no output of the peer")?;
        let to = child.stdin.take().context("no input of the peer")?;
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        // Ends with the peer. Nobody waits for it: a peer with a full pipe would stand still.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::Null);
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.push(event);
            }
        });
        let mut peer = Self {
            child,
            to,
            events,
            from: 0,
            port: 0,
        };
        let listening = peer.wait_for(|event| event.get("port").is_some())?;
        let port = listening.get("port").and_then(Value::as_u64);
        peer.port = port.context("no port")?;
        Ok(peer)
    }

    /// Drops the connection and refuses new ones, or takes them again.
    ///
    /// # Errors
    /// When it has ended.
    pub fn offline(&mut self, offline: bool) -> Result<()> {
        let what = if offline { "offline" } else { "online" };
        writeln!(self.to, "{}", json!({ "do": what })).context("the central system ended")
    }

    /// Waits for a call of this action after what was looked at.
    ///
    /// # Errors
    /// When none comes.
    pub fn wait_for_call(&mut self, action: &str) -> Result<()> {
        let is_it = |event: &Value| event.get("action").and_then(Value::as_str) == Some(action);
        self.wait_for(is_it).map(drop)
    }

    /// How much it has seen so far.
    pub fn mark(&self) -> usize {
        let events = self.events.lock();
        events.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The station's transaction messages since a mark, in order: message id and payload.
    pub fn told_since(&self, mark: usize) -> Vec<(String, Value)> {
        let events = self.events.lock();
        let events = events.unwrap_or_else(PoisonError::into_inner);
        let text = |event: &Value, key: &str| {
            let text = event.get(key).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let told = events.iter().skip(mark).filter(|event| {
            let action = text(event, "action");
            text(event, "event") == "call"
                && ["StartTransaction", "StopTransaction", "MeterValues"].contains(&&*action)
        });
        told.map(|event| {
            let payload = event.get("payload").cloned().unwrap_or_default();
            (text(event, "id"), payload)
        })
        .collect()
    }

    fn wait_for(&mut self, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let start = Instant::now();
        while start.elapsed() < STEP {
            let events = Arc::clone(&self.events);
            let events = events.lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(event) = events.get(self.from) {
                self.from += 1;
                if fits(event) {
                    return Ok(event.clone());
                }
            }
            drop(events);
            std::thread::sleep(LOOK);
        }
        bail!("the central system waits in vain");
    }
}

impl Drop for TlsPeer {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
