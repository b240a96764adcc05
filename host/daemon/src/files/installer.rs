//! The program that puts firmware into place: called, watched, ended if it takes too long.

use std::io::{PipeReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use units::Instant;

use super::limits::{INSTALLER_LAST_WORDS, INSTALLER_LINE_BYTES, INSTALLER_LINES, INSTALLER_POLL};

/// Lines that may wait for the log; then the installer waits.
const LINES_WAITING: usize = 64;

/// Why the installer did not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its exit status, if it came to one.
    pub code: Option<i32>,
    /// In words: its last line if it said something.
    pub why: String,
}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self { code: None, why }
    }
}

/// Runs `program arguments…` and waits for it.
///
/// Its output goes to the log line by line. `now` is the monotonic clock; `stopped` says that nobody waits any more: then
/// it is ended too, because nobody would watch it.
///
/// # Errors
/// [`Failed`].
pub fn run(
    program: &[String],
    arguments: &[&str],
    limit: Duration,
    now: impl Fn() -> Instant,
    stopped: impl Fn() -> bool,
) -> Result<(), Failed> {
    let (mut child, lines) = start(program, arguments)?;
    let mut told = Told::default();
    let until = now().as_millis().saturating_add(millis(limit));
    loop {
        let silent = told.wait(&lines, INSTALLER_POLL);
        match child.try_wait() {
            Ok(Some(status)) => {
                told.rest(&lines);
                return match status.success() {
                    true => Ok(()),
                    false => Err(Failed {
                        code: status.code(),
                        why: told.or(&format!("the installer ended with {status}")),
                    }),
                };
            }
            Ok(None) => {}
            Err(error) => {
                end(&mut child);
                return Err(format!("the installer cannot be watched: {error}").into());
            }
        }
        if stopped() {
            end(&mut child);
            return Err("the station stopped".to_owned().into());
        }
        if now().as_millis() >= until {
            end(&mut child);
            told.rest(&lines);
            let long = limit.as_secs();
            let long = format!("the installer took longer than {long} s and was ended");
            let why = match told.last {
                Some(last) => format!("{long}; it said: {last}"),
                None => long,
            };
            return Err(why.into());
        }
        if silent {
            // It has closed its output and goes on: nothing more to read, only to wait.
            std::thread::sleep(INSTALLER_POLL);
        }
    }
}

/// The running program, and the lines that it writes.
fn start(program: &[String], arguments: &[&str]) -> Result<(Child, Receiver<String>), String> {
    let (Some(name), Some(first)) = (program.first(), program.get(1..)) else {
        return Err("`[firmware] installer` is not set".to_owned());
    };
    let cannot = |error: std::io::Error| format!("the installer {name} cannot be started: {error}");
    let (output, input) = std::io::pipe().map_err(cannot)?;
    let second = input.try_clone().map_err(cannot)?;
    let mut command = Command::new(name);
    command
        .args(first)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(input)
        .stderr(second)
        // Its children end with it.
        .process_group(0);
    let mut child = command.spawn().map_err(cannot)?;
    // Our copies of the pipe's end must go, or its end would never come.
    drop(command);
    let (say, lines) = sync_channel(LINES_WAITING);
    let reader = std::thread::Builder::new()
        .name("installer-output".to_owned())
        .spawn(move || read(output, &say));
    if let Err(error) = reader {
        end(&mut child);
        return Err(cannot(error));
    }
    Ok((child, lines))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let killed = group.map(|group| kill_process_group(group, Signal::KILL));
    if !matches!(killed, Some(Ok(()))) {
        let _gone = child.kill();
    }
    let _reaped = child.wait();
}

/// What the installer has said.
#[derive(Default)]
struct Told {
    lines: usize,
    last: Option<String>,
}

impl Told {
    /// Waits for a line; `true`: there will be none any more.
    fn wait(&mut self, lines: &Receiver<String>, time: Duration) -> bool {
        match lines.recv_timeout(time) {
            Ok(line) => {
                self.take(line);
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        }
    }

    fn rest(&mut self, lines: &Receiver<String>) {
        while let Ok(line) = lines.recv_timeout(INSTALLER_LAST_WORDS) {
            self.take(line);
        }
    }

    fn take(&mut self, line: String) {
        self.lines += 1;
        if self.lines <= INSTALLER_LINES {
            tracing::info!(line, "installer");
        }
        self.last = Some(line);
    }

    fn or(self, otherwise: &str) -> String {
        self.last.unwrap_or_else(|| otherwise.to_owned())
    }
}

/// Cuts the output into lines and those into their first bytes. Ends when the pipe or the receiver does.
fn read(mut output: PipeReader, say: &SyncSender<String>) {
    let mut chunk = [0; 4_096];
    let mut line = Vec::new();
    loop {
        let count = match output.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        for byte in chunk.iter().take(count) {
            if !matches!(byte, b'\n' | b'\r') {
                if line.len() < INSTALLER_LINE_BYTES {
                    line.push(*byte);
                }
            } else if !tell(&mut line, say) {
                return;
            }
        }
    }
    tell(&mut line, say);
}

fn tell(line: &mut Vec<u8>, say: &SyncSender<String>) -> bool {
    let bytes = std::mem::take(line);
    let text = String::from_utf8_lossy(&bytes);
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    text.is_empty() || say.send(text).is_ok()
}
