//! A thousand swaps of the real adapter in the built station while a car charges and readings are reported.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::peer::TlsPeer;
use super::station::{STEP, connector, median, permit_ma, status, until};
use crate::demo::station::Station;

/// An even number: each pack that is applied is taken back while it is on trial, which is a swap as well.
const SWAPS: u32 = 1_000;
const LOOK: Duration = Duration::from_millis(2);

/// What a thousand swaps did.
#[derive(Debug)]
pub struct Swaps {
    /// How many.
    pub count: u32,
    /// Time without adapter, median.
    pub median_ms: f64,
    /// Time without adapter that 1 of 100 exceeds.
    pub p99_ms: f64,
    /// Transaction messages meanwhile.
    pub told: usize,
    /// Entries of the journal that no message told.
    pub lost: usize,
    /// Messages that came more than once.
    pub doubled: usize,
    /// Commands to the contactor.
    pub contactor: usize,
}

/// Starts a charge, swaps, and compares what the central system heard with the journal. The charge goes on.
///
/// # Errors
/// When a swap does not happen or the charge ends.
pub fn measure(station: &Station, csms: &mut TlsPeer) -> Result<Swaps> {
    let mark = csms.mark();
    station.plug_in()?;
    until("the plug is seen", || {
        Ok(connector(station, "plugged")? == Some(true))
    })?;
    station.swipe()?;
    until("the contactor is closed", || {
        let evse = status(station)?;
        Ok(evse.pointer("/evses/0/contactor") == Some(&json!("closed")))
    })?;
    let before = contactor_commands(station)?;
    let mut samples = Vec::new();
    for round in 0..SWAPS / 2 {
        station.hot_swap()?;
        samples.push(swapped(station, 2 * round + 1)?);
        station.control(&json!({"verb": "pack-rollback"}))?;
        samples.push(swapped(station, 2 * round + 2)?);
    }
    if permit_ma(station)? == 0 {
        bail!("the charge was interrupted by a swap");
    }
    let contactor = contactor_commands(station)? - before;
    until("everything is told", || told(station))?;
    let ids: Vec<_> = csms
        .told_since(mark)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let (lost, doubled) = compare(&ids, 2)?;
    Ok(Swaps {
        count: SWAPS,
        median_ms: median(&mut samples),
        p99_ms: samples
            .get(samples.len() * 99 / 100)
            .copied()
            .unwrap_or(f64::NAN),
        told: ids.len(),
        lost,
        doubled,
        contactor,
    })
}

/// Entries without a message, and messages that came again. The adapter names each message after its entry: `j17`. So many
/// entries of a session have none: the readings beside start and end are in StartTransaction and StopTransaction.
pub fn compare(ids: &[String], unsent: usize) -> Result<(usize, usize)> {
    let position = |id: &String| id.strip_prefix('j')?.parse::<u64>().ok();
    let mut positions = ids
        .iter()
        .map(|id| position(id).with_context(|| format!("no message of the journal: {id}")))
        .collect::<Result<Vec<_>>>()?;
    if !positions.is_sorted() {
        bail!("the messages came in another order than they were written");
    }
    let all = positions.len();
    positions.dedup();
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else {
        bail!("not one transaction message was sent");
    };
    let expected = usize::try_from(last - first + 1)?.saturating_sub(unsent);
    Ok((
        expected.saturating_sub(positions.len()),
        all - positions.len(),
    ))
}

/// Whether every entry of the journal was taken and everything that came of it is confirmed.
pub fn told(station: &Station) -> Result<bool> {
    let adapter = adapter(station)?;
    let is_none = |key: &str| adapter.get(key).and_then(Value::as_u64) == Some(0);
    Ok(is_none("journal_lag") && is_none("outbox"))
}

/// What the station shows of its backend adapter.
pub fn adapter(station: &Station) -> Result<Value> {
    let list = station.control(&json!({"verb": "plugin-list"}))?;
    let plugins = list.get("plugins").and_then(Value::as_array);
    let is_adapter =
        |plugin: &&Value| plugin.get("kind").and_then(Value::as_str) == Some("backend");
    let adapter = plugins.into_iter().flatten().find(is_adapter);
    adapter.cloned().context("no adapter")
}

/// Waits until the adapter was replaced for this time; how long there was none, ms.
fn swapped(station: &Station, round: u32) -> Result<f64> {
    let start = Instant::now();
    loop {
        let adapter = adapter(station)?;
        let count = |key: &str| adapter.get(key).and_then(Value::as_f64);
        if count("swaps") == Some(f64::from(round)) {
            return Ok(count("swap_us").context("no time of the swap")? / 1e3);
        }
        if start.elapsed() > STEP {
            bail!("the adapter was not replaced for the {round}th time: {adapter}");
        }
        std::thread::sleep(LOOK);
    }
}

/// What the interlock has told the contactor so far, by the station's log.
fn contactor_commands(station: &Station) -> Result<usize> {
    let log = std::fs::read_to_string(station.folder().join("station.log"))?;
    let commands = log
        .lines()
        .filter(|line| line.contains("ContactorClose") || line.contains("ContactorOpen"));
    Ok(commands.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[&str]) -> Result<(usize, usize)> {
        compare(
            &ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(),
            0,
        )
    }

    #[test]
    fn entries_without_message_are_lost_and_repeated_ones_are_doubled() {
        assert_eq!(of(&["j4", "j5", "j6"]).unwrap(), (0, 0));
        assert_eq!(of(&["j4", "j6", "j8"]).unwrap(), (2, 0));
        assert_eq!(of(&["j4", "j5", "j5"]).unwrap(), (0, 1));
    }

    #[test]
    fn other_order_and_other_ids_are_no_result() {
        assert!(of(&["j5", "j4"]).is_err());
        assert!(of(&["4"]).is_err());
        assert!(of(&[]).is_err());
    }
}
