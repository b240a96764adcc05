//! Measures what can be measured in one process: instances, guest calls, their rivals, runaway guests, the interlock under
//! load.
//!
//! `cargo xtask bench` builds it optimised, runs it and puts its lines beside their bounds. One JSON object per line:
//! `{"what": …, "value": …, "unit": …, "samples": …}`, or `{"what": …, "missing": why}`.

#![allow(
    clippy::disallowed_methods,
    reason = "a measurement needs the machine's clock"
)]

mod calls;
mod instances;
mod interlock_load;
mod mqtt;
mod schedule;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

/// Argument that turns this program into the child process of the JSON comparison.
pub const CHILD: &str = "child";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next() {
        Some(word) if word == CHILD => calls::child(),
        Some(components) => match run(&PathBuf::from(components)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        None => {
            eprintln!("usage: bench FOLDER_OF_COMPONENTS; started by `cargo xtask bench`");
            ExitCode::FAILURE
        }
    }
}

fn run(components: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    // First: later rows leave memory behind that the allocator would hand out again.
    instances::measure(components)?;
    calls::guest(components)?;
    calls::child_process()?;
    match mqtt::round_trip() {
        Ok(()) => {}
        Err(why) => missing("mqtt_round_trip_us", &why),
    }
    schedule::measure(components)?;
    calls::runaway(components)?;
    interlock_load::measure(components)
}

/// Reports one number.
pub fn report(what: &str, value: f64, unit: &str, samples: usize) {
    say(&json!({"what": what, "value": value, "unit": unit, "samples": samples}));
}

/// Reports why a number is not there.
pub fn missing(what: &str, why: &str) {
    say(&json!({"what": what, "missing": why}));
}

fn say(line: &serde_json::Value) {
    let mut out = std::io::stdout().lock();
    // A closed pipe means that nobody listens any more.
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// The value below which this share of the samples lies. Sorts them.
pub fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    #[allow(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index below a few million samples"
    )]
    let index = (last as f64 * share).ceil() as usize;
    samples.get(index).copied().unwrap_or(f64::NAN)
}
