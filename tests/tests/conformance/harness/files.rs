//! File servers as a child process: HTTP and FTP over one folder.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use serde_json::{Value, json};

use super::station::scratch;
use super::{Pair, SOON, process};

/// Bound of the events that wait for a test to look at them.
const MAX_EVENTS_WAITING: usize = 10_000;

/// The running servers.
pub struct FileServer {
    child: Child,
    input: ChildStdin,
    events: Receiver<Value>,
    folder: PathBuf,
    scheme: &'static str,
    http: u16,
    ftp: u16,
}

impl FileServer {
    /// Starts them over an empty folder.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// The same, HTTP over TLS with this certificate.
    pub fn over_tls(pair: &Pair) -> Self {
        Self::start_with(Some(pair))
    }

    fn start_with(pair: Option<&Pair>) -> Self {
        let folder = scratch("files");
        let root = process::root();
        let mut command = Command::new(root.join("target/conformance-venv/bin/python"));
        if let Some(pair) = pair {
            command.env("FILES_CERT", &pair.chain);
            command.env("FILES_KEY", &pair.key);
        }
        let mut child = command
            .arg("-u")
            .arg(root.join("tests/conformance/peer/files.py"))
            .arg("--root")
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, events) = sync_channel(MAX_EVENTS_WAITING);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_default();
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let mut servers = Self {
            child,
            input,
            events,
            folder,
            scheme: if pair.is_some() { "https" } else { "http" },
            http: 0,
            ftp: 0,
        };
        let listening = servers.expect("listening");
        let port = |key: &str| u16::try_from(listening[key].as_u64().unwrap()).unwrap();
        (servers.http, servers.ftp) = (port("http"), port("ftp"));
        servers
    }

    /// URL of a file or folder over HTTP.
    pub fn http(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}/{path}", self.scheme, self.http)
    }

    /// URL of a file or folder over FTP, with user and password (which has a blank).
    pub fn ftp(&self, path: &str) -> String {
        format!("ftp://station:let-me%20in@127.0.0.1:{}/{path}", self.ftp)
    }

    /// The same with a wrong password.
    pub fn ftp_locked(&self, path: &str) -> String {
        format!("ftp://station:wrong@127.0.0.1:{}/{path}", self.ftp)
    }

    /// Puts a file there.
    pub fn put(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.join(name), content).unwrap();
    }

    /// A file that is there.
    pub fn get(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name))
            .unwrap_or_else(|error| panic!("{name} did not arrive: {error}"))
    }

    /// The next HTTP requests fail.
    pub fn fail(&mut self, status: u32, times: u32) {
        let command = json!({"do": "fail", "status": status, "times": times});
        writeln!(self.input, "{command}").unwrap();
        self.expect("failing");
    }

    /// Waits for an event and returns it.
    pub fn expect(&self, what: &str) -> Value {
        let start = Instant::now();
        loop {
            let left = SOON.saturating_sub(start.elapsed());
            let event = self
                .events
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("the file servers never say {what}"));
            if event["event"] == what {
                return event;
            }
        }
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        process::end(&mut self.child);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
