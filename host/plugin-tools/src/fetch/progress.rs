//! How far a download is: one line that changes on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};

/// Steps in which a file without terminal is told, percent.
const STEP_PERCENT: u64 = 10;
/// Steps if nobody knows how much there is, bytes.
const STEP_BYTES: u64 = 1 << 20;

/// Shows how far one file is, on standard error: standard output is for results.
#[derive(Debug)]
pub struct Progress {
    what: String,
    terminal: bool,
    shown: Option<u64>,
    open_line: bool,
}

impl Progress {
    /// Progress of a file.
    #[must_use]
    pub fn new(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            terminal: std::io::stderr().is_terminal(),
            shown: None,
            open_line: false,
        }
    }

    /// So much is here, of so much.
    pub fn at(&mut self, done: u64, total: Option<u64>) {
        let Some(text) = self.text(done, total) else {
            return;
        };
        if self.terminal {
            eprint!("\r\x1b[K{text}");
            let _best_effort = std::io::stderr().flush();
            self.open_line = true;
        } else {
            eprintln!("{text}");
        }
    }

    /// Something to say in between.
    pub fn say(&mut self, text: &str) {
        self.end();
        eprintln!("{text}");
    }

    /// Nothing follows on this line.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.open_line) {
            eprintln!();
        }
    }

    /// What to show, unless that is what stands there already.
    fn text(&mut self, done: u64, total: Option<u64>) -> Option<String> {
        let known = total.filter(|total| *total > 0);
        let step = match known {
            Some(total) => {
                let percent = done.saturating_mul(100) / total;
                percent / if self.terminal { 1 } else { STEP_PERCENT }
            }
            None => {
                done / if self.terminal {
                    STEP_BYTES / 16
                } else {
                    STEP_BYTES
                }
            }
        };
        if self.shown.replace(step) == Some(step) {
            return None;
        }
        let (what, have) = (&self.what, kib(done));
        Some(match known {
            Some(total) => {
                let percent = done.saturating_mul(100) / total;
                format!("{what}: {percent} %, {have} of {} KiB", kib(total))
            }
            None => format!("{what}: {have} KiB"),
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn kib(bytes: u64) -> u64 {
    bytes.div_ceil(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(terminal: bool, total: Option<u64>) -> Vec<String> {
        let mut progress = Progress::new("x");
        progress.terminal = terminal;
        let at = (0..=4_096).map(|n| n * 1_024);
        at.filter_map(|done| progress.text(done, total)).collect()
    }

    #[test]
    fn terminal_sees_every_percent_and_a_file_every_tenth() {
        assert_eq!(lines(true, Some(4 << 20)).len(), 101);
        let lines = lines(false, Some(4 << 20));
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[0], "x: 0 %, 0 of 4096 KiB");
        assert_eq!(lines[10], "x: 100 %, 4096 of 4096 KiB");
    }

    #[test]
    fn unknown_length_is_counted_in_steps() {
        let lines = lines(false, None);
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[4], "x: 4096 KiB");
    }
}
