//! A simulated station that runs a project's pack.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::programs::{Project, run};

/// A busy machine compiles a plugin that long.
const PATIENCE: Duration = Duration::from_secs(90);

/// Lines of the log that may wait for a test. More are dropped: the station must not wait for its test.
const LINES: usize = 10_000;

/// How often a station is asked for its status; each time takes tens of milliseconds.
const QUESTIONS: u32 = 1_000;

/// A running station.
pub struct Station<'a> {
    project: &'a Project,
    child: Child,
    log: Receiver<String>,
}

impl<'a> Station<'a> {
    /// Starts one and waits until it can be plugged into.
    pub fn start(project: &'a Project) -> Self {
        let mut command = project.command("pilotwire");
        command.args(["run", "--config", "station.toml"]);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = sync_channel(LINES);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.try_send(line);
            }
        });
        let station = Self {
            project,
            child,
            log,
        };
        station.wait_for("ready to plug");
        station
    }

    /// Waits for a line of its log.
    pub fn wait_for(&self, text: &str) {
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return,
                Ok(_) => {}
                Err(error) => panic!("the log has no line {text:?}: {error}"),
            }
        }
    }

    /// Asks for its status until this is in it.
    pub fn shows(&self, text: &str) {
        let mut answers = (0..QUESTIONS).map(|_| self.pilotwire("status --json"));
        assert!(
            answers.any(|status| status.contains(text)),
            "it does not show {text:?}"
        );
    }

    /// Runs `pilotwire` against it.
    pub fn pilotwire(&self, arguments: &str) -> String {
        run(self.project.command("pilotwire").args(arguments.split(' ')))
    }
}

impl Drop for Station<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
