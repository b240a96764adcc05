//! One session, step by step, and the judgement of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ocpp::v16::{AuthorizationStatus, ChargePointStatus, Reason};
use serde_json::json;

use super::csms::{CentralSystem, Snapshot};
use super::operator::Operator;
use super::station::Station;

/// Bound of each step; starting includes the first compilation of the components.
const STEP: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
/// Energy that must have been reported before the session is ended: the demonstration is about a charge, not a click.
const ENOUGH_WH: i64 = 5;
/// EVSE of the session.
const CONNECTOR: i64 = 1;

/// Walks through plug in, card, charge, stop, unplug; tells `say`.
///
/// # Errors
/// When a step does not come within its bound, or the station cannot be reached.
pub fn walk(csms: &CentralSystem, station: &Station, mut say: impl FnMut(&str)) -> Result<()> {
    say("start: waiting for the station to register");
    until(csms, "the station registers", |seen| {
        seen.registered && last_status(seen) == Some(ChargePointStatus::Available)
    })?;
    say("plug in");
    wait_for_control(station)?;
    station.plug_in()?;
    until(csms, "Preparing", |seen| {
        last_status(seen) == Some(ChargePointStatus::Preparing)
    })?;
    say("card: the adapter asks the central system");
    station.swipe()?;
    until(csms, "Authorize", |seen| !seen.asked.is_empty())?;
    until(csms, "StartTransaction", |seen| !seen.sessions.is_empty())?;
    say("authorised, transaction started");
    until(csms, "Charging", |seen| {
        last_status(seen) == Some(ChargePointStatus::Charging)
    })?;
    say("charging");
    until(csms, "some energy", |seen| {
        seen.sessions
            .first()
            .is_some_and(|session| session.energy_wh() >= ENOUGH_WH)
    })?;
    say("card again: stop");
    station.swipe()?;
    until(csms, "StopTransaction", |seen| {
        seen.sessions
            .first()
            .is_some_and(|session| session.end.is_some())
    })?;
    until(csms, "Finishing", |seen| {
        last_status(seen) == Some(ChargePointStatus::Finishing)
    })?;
    say("unplug");
    unplug_when_released(station)?;
    until(csms, "Available", |seen| {
        last_status(seen) == Some(ChargePointStatus::Available)
    })?;
    say("back to standby");
    Ok(())
}

/// Judges what the central system saw of one whole session.
pub fn findings(operator: Operator, seen: &Snapshot) -> Vec<String> {
    let mut findings: Vec<String> = seen
        .oddities
        .iter()
        .map(|oddity| format!("the central system saw: {oddity}"))
        .collect();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            findings.push(what);
        }
    };
    let tag = operator.tag();
    expect(
        seen.sessions.len() == 1,
        format!("{} sessions instead of 1", seen.sessions.len()),
    );
    expect(
        seen.asked.iter().all(|asked| *asked == tag),
        format!("cards {:?}", seen.asked),
    );
    if let Some(session) = seen.sessions.first() {
        expect(
            session.verdict == AuthorizationStatus::Accepted,
            "card not accepted".to_owned(),
        );
        expect(
            session.id_tag.as_str() == tag,
            format!("billed to {}", session.id_tag.as_str()),
        );
        expect(
            session.connector_id == CONNECTOR,
            "billed at another connector".to_owned(),
        );
        expect(session.readings > 0, "no readings in between".to_owned());
        let energy = session.energy_wh();
        expect(
            energy >= ENOUGH_WH,
            format!("{energy} Wh billed, at least {ENOUGH_WH} charged"),
        );
        match &session.end {
            Some(end) => {
                expect(
                    end.reason == Reason::Local,
                    format!("ended by {:?}", end.reason),
                );
                expect(
                    end.at > session.started_at,
                    "ended before it began".to_owned(),
                );
                let last = session.last_register_wh.unwrap_or(session.meter_start_wh);
                expect(end.meter_stop_wh >= last, "the register fell".to_owned());
            }
            None => expect(false, "the session was never ended".to_owned()),
        }
    }
    let expected = [
        ChargePointStatus::Available,
        ChargePointStatus::Preparing,
        ChargePointStatus::Charging,
        ChargePointStatus::Finishing,
        ChargePointStatus::Available,
    ];
    let reported: Vec<_> = seen
        .statuses
        .iter()
        .filter(|(at, _)| *at == CONNECTOR)
        .map(|(_, status)| *status)
        .collect();
    let mut rest = reported.iter();
    let in_order = expected
        .iter()
        .all(|expected| rest.any(|status| status == expected));
    expect(in_order, format!("statuses {reported:?}"));
    findings
}

fn last_status(seen: &Snapshot) -> Option<ChargePointStatus> {
    seen.statuses
        .iter()
        .rev()
        .find(|(at, _)| *at == CONNECTOR)
        .map(|(_, status)| *status)
}

fn until(csms: &CentralSystem, what: &str, reached: impl Fn(&Snapshot) -> bool) -> Result<()> {
    let start = Instant::now();
    while !reached(&csms.snapshot()) {
        if start.elapsed() > STEP {
            bail!("waited {} s in vain for: {what}", STEP.as_secs());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// The lock needs a moment to let go of the plug.
fn unplug_when_released(station: &Station) -> Result<()> {
    let start = Instant::now();
    loop {
        match station.unplug() {
            Ok(()) => return Ok(()),
            Err(error) if start.elapsed() > STEP => return Err(error).context("the plug is held"),
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

fn wait_for_control(station: &Station) -> Result<()> {
    let start = Instant::now();
    loop {
        match station.control(&json!({"verb": "status"})) {
            Ok(_) => return Ok(()),
            Err(error) if start.elapsed() > STEP => return Err(error).context("control socket"),
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}
