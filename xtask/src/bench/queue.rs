//! A station that was offline for a long time: 100,000 transaction messages in its journal, and the way out of it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::peer::TlsPeer;
use super::station::{resident, until};
use super::swaps::{compare, told};
use crate::demo::station::Station;
use crate::{peers, shell};

/// Messages that wait.
const MESSAGES: u32 = 100_000;
/// Of them committed one by one, with a clock beside.
const TIMED: u32 = 2_000;
/// How long the drain is watched unless somebody wants to see all of it.
const WATCHED: Duration = Duration::from_secs(20);
/// A whole drain takes at most this long.
const WHOLE: Duration = Duration::from_secs(1_800);
/// Time for the station to come to rest before its memory is read.
const SETTLE: Duration = Duration::from_secs(5);
const SCRIPT: &str = include_str!("queue.py");

/// What was measured.
#[derive(Debug)]
pub struct Queue {
    /// Messages that waited.
    pub messages: u32,
    /// To write one, on the disk when it returns.
    pub append_ms: f64,
    /// Of the database, each.
    pub bytes: f64,
    /// Resident memory of the station while they wait.
    pub resident_mib: f64,
    /// Messages that arrived while the drain was watched.
    pub drained: usize,
    /// For each of them.
    pub drain_ms: f64,
    /// Missing or repeated among them.
    pub wrong: usize,
}

/// Measures with a station whose charge is under way.
///
/// # Errors
/// When the station does not start with such a journal, or messages come in another order.
pub fn measure(
    station: &mut Station,
    csms: &mut TlsPeer,
    folder: &Path,
    whole: bool,
) -> Result<Queue> {
    until("everything is told", || told(station))?;
    csms.offline(true)?;
    station.end();
    let (append_ms, bytes) = fill(&station.folder().join("state/station.db"))?;
    // Nobody listens there: what the station says to a service manager is of no interest here.
    let nobody = folder.join("nobody.sock");
    station.restart(&nobody)?;
    until("the station answers", || Ok(station.status().is_some()))?;
    std::thread::sleep(SETTLE);
    let resident_mib = resident(station.id())?;
    csms.offline(false)?;
    let mark = csms.mark();
    // It would wait for its next attempt; started again, it tries at once.
    station.restart(&nobody)?;
    until("the first message", || {
        Ok(!csms.told_since(mark).is_empty())
    })?;
    let begin = Instant::now();
    let first = csms.told_since(mark).len();
    let mut settled = begin;
    while begin.elapsed() < if whole { WHOLE } else { WATCHED } {
        std::thread::sleep(Duration::from_millis(500));
        if told(station)? {
            break;
        }
        settled = Instant::now();
    }
    let ids = csms.told_since(mark);
    let ids: Vec<_> = ids.into_iter().map(|(id, _)| id).collect();
    let (lost, doubled) = compare(&ids, 0)?;
    if whole && ids.len() < usize::try_from(MESSAGES)? {
        bail!("only {} of {MESSAGES} messages arrived", ids.len());
    }
    let drained = ids.len() - first;
    let took = settled.duration_since(begin).as_secs_f64() * 1e3;
    Ok(Queue {
        messages: MESSAGES,
        append_ms,
        bytes,
        resident_mib,
        drained,
        drain_ms: took / f64::from(u32::try_from(drained)?),
        wrong: lost + doubled,
    })
}

/// Repeats the last reading of the charge in the database of a station that does not run. Time and bytes for each.
fn fill(database: &Path) -> Result<(f64, f64)> {
    let mut program = Command::new(peers::python_folder().join("bin/python"));
    program.args(["-c", SCRIPT]).arg(database);
    program.args([MESSAGES.to_string(), TIMED.to_string()]);
    let said = shell::capture("a journal of 100,000 messages", &mut program)?;
    let said: Value = serde_json::from_str(said.trim()).context("the script's answer")?;
    let number = |key: &str| {
        let number = said.get(key).and_then(Value::as_f64);
        number.with_context(|| format!("no {key}"))
    };
    Ok((number("append_ms")?, number("bytes")?))
}
