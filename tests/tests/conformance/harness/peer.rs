//! A central system as a child process, directed by JSON lines.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Certificates, SOON, Seen, process};

/// Bound of the events that wait for a test to look at them.
const MAX_EVENTS_WAITING: usize = 200_000;
/// Events shown when a case fails.
const SHOWN_EVENTS: usize = 80;

/// Which central system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerKind {
    /// Python `ocpp` and `websockets`; can misbehave on command.
    Python,
    /// npm `ocpp-rpc` in strict mode; only plain, only well-behaved.
    Node,
}

/// The running central system and everything it reported.
pub struct Peer {
    child: Child,
    input: ChildStdin,
    events: Receiver<Value>,
    log: Vec<Value>,
    seen: BTreeSet<usize>,
    from: usize,
    next_id: u64,
    port: u16,
    kind: PeerKind,
    judged: bool,
}

impl Peer {
    /// Starts it and waits until it listens.
    pub fn start(kind: PeerKind, certificates: Option<&Certificates>) -> Self {
        let mut command = command(kind, certificates);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("peer {kind:?}: {error}"));
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, events) = sync_channel(MAX_EVENTS_WAITING);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line)
                    .unwrap_or_else(|_| json!({"event": "mistake", "what": line}));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let mut peer = Self {
            child,
            input,
            events,
            log: Vec::new(),
            seen: BTreeSet::new(),
            from: 0,
            next_id: 1,
            port: 0,
            kind,
            judged: false,
        };
        let listening = peer.expect("listening", SOON, |event| event["event"] == "listening");
        peer.port = listening.event["port"]
            .as_u64()
            .unwrap()
            .try_into()
            .unwrap();
        peer
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Gives it a command.
    pub fn command(&mut self, command: Value) {
        writeln!(self.input, "{command}").expect("the peer is gone");
        self.input.flush().expect("the peer is gone");
    }

    /// Sends a call to the station and returns its message id.
    pub fn send_call(&mut self, action: &str, payload: Value, unchecked: bool) -> String {
        let id = format!("peer-{}", self.next_id);
        self.next_id += 1;
        self.command(json!({
            "do": "call", "id": id, "action": action, "payload": payload, "unchecked": unchecked
        }));
        id
    }

    /// Stops listening and closes the connection.
    pub fn offline(&mut self) {
        self.command(json!({"do": "offline"}));
        self.expect("offline", SOON, |event| event["event"] == "offline");
    }

    /// Listens again, on the same port.
    pub fn online(&mut self) {
        self.command(json!({"do": "online"}));
        self.expect("listening", SOON, |event| event["event"] == "listening");
    }

    /// Listens again, on the same port, with another certificate.
    pub fn online_with(&mut self, certificates: &Certificates) {
        self.online_as(json!({"cert": certificates.chain(), "key": certificates.key()}));
    }

    /// Listens again, on the same port, with other options of TLS (the peer's README).
    pub fn online_as(&mut self, mut options: Value) {
        options["do"] = "online".into();
        self.command(options);
        self.expect("listening", SOON, |event| event["event"] == "listening");
    }

    /// The next unseen event that fits; the case fails if there is none in time.
    pub fn expect(&mut self, what: &str, within: Duration, fits: impl Fn(&Value) -> bool) -> Seen {
        let start = Instant::now();
        let mut next = self.from;
        loop {
            while next < self.log.len() {
                if !self.seen.contains(&next) && fits(&self.log[next]) {
                    self.seen.insert(next);
                    return Seen {
                        at: next,
                        event: self.log[next].clone(),
                    };
                }
                next += 1;
            }
            let left = within.saturating_sub(start.elapsed());
            assert!(self.read(left), "not seen within {within:?}: {what}");
        }
    }

    /// Asserts that nothing unseen fits, now or for a while.
    pub fn refuse(&mut self, what: &str, how_long: Duration, refused: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        let mut next = self.from;
        loop {
            while next < self.log.len() {
                let event = &self.log[next];
                assert!(
                    self.seen.contains(&next) || !refused(event),
                    "unwanted {what}: {event}"
                );
                next += 1;
            }
            if !self.read(how_long.saturating_sub(start.elapsed())) {
                return;
            }
        }
    }

    /// Everything that fits, seen or not, since the last [`Peer::forget`].
    pub fn all(&mut self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        while self.read(Duration::ZERO) {}
        self.log[self.from..]
            .iter()
            .filter(|event| fits(event))
            .cloned()
            .collect()
    }

    /// Takes everything that was reported out of memory, except what the station did wrong.
    pub fn take(&mut self) -> Vec<Value> {
        while self.read(Duration::ZERO) {}
        let taken = std::mem::take(&mut self.log);
        let wrong = |event: &&Value| event["event"] == "violation" || event["event"] == "mistake";
        self.log = taken.iter().filter(wrong).cloned().collect();
        self.from = self.log.len();
        self.seen.clear();
        taken
    }

    /// Forgets everything up to now.
    pub fn forget(&mut self) {
        while self.read(Duration::ZERO) {}
        self.from = self.log.len();
    }

    /// Violations by the station and mistakes of the test, without the tolerated ones.
    pub fn wrongs(&mut self, tolerated: &[&str]) -> Vec<Value> {
        self.judged = true;
        self.all_were_checked();
        let is_wrong = |event: &&Value| {
            let text = event["what"].as_str().unwrap_or_default();
            (event["event"] == "violation" || event["event"] == "mistake")
                && !tolerated.iter().any(|tolerated| text.contains(tolerated))
        };
        self.log.iter().filter(is_wrong).cloned().collect()
    }

    /// Every frame in both directions was held against its schema, or is known to have none or to break it.
    fn all_were_checked(&mut self) {
        if self.kind == PeerKind::Python {
            self.command(json!({"do": "count"}));
            let frames = self.expect("frames", SOON, |event| event["event"] == "frames");
            let count = |key: &str| frames.event[key].as_u64().unwrap_or(0);
            let sum = |keys: &[&str]| keys.iter().map(|key| count(key)).sum::<u64>();
            let received = ["received-checked", "received-errors", "received-refused"];
            assert_eq!(count("received"), sum(&received), "{}", frames.event);
            let sent = ["sent-checked", "sent-errors", "sent-again", "sent-wrong"];
            assert_eq!(count("sent"), sum(&sent), "{}", frames.event);
        }
        while self.read(Duration::ZERO) {}
    }

    /// Shows the last events on standard error.
    pub fn report(&mut self) {
        while self.read(Duration::ZERO) {}
        eprintln!("--- last events of the central system:");
        for event in self.log.iter().rev().take(SHOWN_EVENTS).rev() {
            eprintln!("{event}");
        }
    }

    fn read(&mut self, wait: Duration) -> bool {
        match self.events.recv_timeout(wait) {
            Ok(event) => {
                self.log.push(event);
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                assert!(std::thread::panicking(), "the central system died");
                false
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !self.judged && !std::thread::panicking() {
            let wrong = self.wrongs(&[]);
            assert!(wrong.is_empty(), "the peer objects: {wrong:#?}");
        }
        process::end(&mut self.child);
    }
}

fn command(kind: PeerKind, certificates: Option<&Certificates>) -> Command {
    let target = process::root().join("target");
    let folder = process::root().join("tests/conformance");
    match kind {
        PeerKind::Python => {
            let mut command = Command::new(installed(&target.join("conformance-venv/bin/python")));
            command.arg("-u").arg(folder.join("peer/peer.py"));
            if let Some(certificates) = certificates {
                command.arg("--cert").arg(certificates.chain());
                command.arg("--key").arg(certificates.key());
            }
            command
        }
        PeerKind::Node => {
            assert!(certificates.is_none(), "the npm peer is plain only");
            let modules = installed(&target.join("conformance-npm/node_modules"));
            let mut command = Command::new("node");
            command
                .arg(folder.join("peer-npm/peer.js"))
                .env("NODE_PATH", modules);
            command
        }
    }
}

fn installed(path: &Path) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing; `cargo xtask test` installs it",
        path.display()
    );
    path.to_path_buf()
}
