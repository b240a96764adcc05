//! The server that comes with a project's backend adapter, and a station that reports to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver as Channel, sync_channel};
use std::time::Duration;

use serde_json::Value;

use super::programs::Project;
use super::station::Station;

/// A busy machine needs that long for anything here.
const PATIENCE: Duration = Duration::from_secs(90);
/// Lines that may wait for a test.
const LINES: usize = 10_000;

/// The running server.
struct Receiver<'a> {
    project: &'a Project,
    words: &'a [&'a str],
    child: Child,
    lines: Channel<String>,
    port: String,
}

impl<'a> Receiver<'a> {
    /// Starts it at a port; 0 is a free one.
    fn start(project: &'a Project, words: &'a [&'a str], port: &str) -> Self {
        let mut command = project.command(words[0]);
        command.args(&words[1..]).arg(port);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            for line in out.map_while(Result::ok) {
                let _ = sender.try_send(line);
            }
        });
        let first = lines.recv_timeout(PATIENCE).unwrap();
        let (_, address) = first.split_once("ws://127.0.0.1:").unwrap();
        let (port, _) = address.split_once('/').unwrap();
        let port = port.to_owned();
        Self {
            project,
            words,
            child,
            lines,
            port,
        }
    }

    /// Ends it at once, as a crash would.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again at its port.
    fn again(&mut self) {
        self.kill();
        *self = Self::start(self.project, self.words, &self.port.clone());
    }

    /// The next message of this type.
    fn hears(&self, kind: &str) -> Value {
        let [message] = self.hears_all([kind]);
        message
    }

    /// The next message of each of these types, in whatever order they come.
    fn hears_all<const N: usize>(&self, kinds: [&str; N]) -> [Value; N] {
        let mut heard = [const { Value::Null }; N];
        while heard.iter().any(Value::is_null) {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("{kinds:?} are not all said: {error}"));
            let Ok(message) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            for (kind, heard) in kinds.iter().zip(&mut heard) {
                if heard.is_null() && message["type"] == *kind {
                    *heard = message.clone();
                }
            }
        }
        heard
    }

    /// Asks it to have a transaction ended.
    fn stop(&self, transaction: u64) {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", self.port)).unwrap();
        write!(
            stream,
            "GET /stop/{transaction} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
}

impl Drop for Receiver<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Two charges under the project's own pack; the server is away when the first one ends.
pub fn a_station_reports_everything_once(project: &Project, words: &[&str]) {
    let mut receiver = Receiver::start(project, words, "0");
    let pack = project.folder.join("pack.toml");
    let text = std::fs::read_to_string(&pack).unwrap();
    let here = format!("127.0.0.1:{}", receiver.port);
    std::fs::write(&pack, text.replace("127.0.0.1:9000", &here)).unwrap();
    let station = Station::start(project);
    assert_eq!(receiver.hears("hello")["station"], "TRY-1");
    assert_eq!(receiver.hears("status")["status"], "available");

    station.pilotwire("sim plug-in");
    station.pilotwire("sim swipe uid=DEADBEEF");
    assert_eq!(receiver.hears("card")["card"], "DEADBEEF");
    station.pilotwire("sim swipe uid=04A1B2C3");
    assert_eq!(receiver.hears("started")["transaction"], 1);
    station.wait_for("ContactorClose");
    receiver.kill();
    station.pilotwire("sim swipe uid=04A1B2C3");
    station.wait_for("ContactorOpen");
    receiver.again();
    assert_eq!(receiver.hears("ended")["reason"], "local");

    station.pilotwire("sim unplug");
    station.pilotwire("sim plug-in");
    station.pilotwire("sim swipe uid=04A1B2C3");
    assert_eq!(receiver.hears("started")["transaction"], 2);
    receiver.stop(2);
    let [done, ended] = receiver.hears_all(["done", "ended"]);
    assert_eq!(done["result"], "accepted");
    assert_eq!(ended["reason"], "remote");
    let received = received(project);
    let mut ids: Vec<_> = received
        .iter()
        .map(|entry| entry["id"].to_string())
        .collect();
    let told = received.iter().filter(|entry| entry["type"] != "energy");
    let told: Vec<_> = told
        .map(|entry| {
            (
                entry["type"].as_str().unwrap(),
                entry["transaction"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("started", 1), ("ended", 1), ("started", 2), ("ended", 2)]
    );
    ids.sort();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "something was written twice");
}

fn received(project: &Project) -> Vec<Value> {
    let text = std::fs::read_to_string(project.folder.join("received.jsonl")).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
