//! The design's numbers, each beside its bound, measured side by side in one run.
//!
//! In-process numbers come from the `bench` program of the tests' crate; numbers of the whole station are taken here, on
//! the optimised program with a simulated board. Output is a Markdown table. A miss is shown as a miss and does not fail
//! the command: the numbers of a loaded machine are not a defect, hiding them would be.

mod peer;
mod queue;
mod station;
mod swaps;

use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::{peers, plugins, shell};

/// Arguments of `cargo xtask bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Leave out the numbers of the whole station.
    #[arg(long, conflicts_with = "station_only")]
    pub calls_only: bool,
    /// Only the numbers of the whole station.
    #[arg(long)]
    pub station_only: bool,
    /// Wait until all of the 100,000 messages of the offline queue have arrived: some minutes more.
    #[arg(long)]
    pub whole_queue: bool,
}

/// One number, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// A value in the row's unit.
    Value(f64),
    /// Not measured, because.
    Missing(String),
}

/// Which side of the bound is good.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    None,
}

/// A line of the table.
struct Row {
    what: &'static str,
    measured: Measured,
    unit: &'static str,
    bound: Bound,
    note: String,
}

/// Measures and prints the table.
///
/// # Errors
/// When something cannot be built or started.
pub fn run(arguments: &BenchArguments) -> Result<()> {
    plugins::run()?;
    println!("note: an optimised build of the host takes some minutes the first time");
    let build = ["build", "--release", "--locked", "--package", "pilotwire"];
    shell::run(
        "optimised build of the station's program",
        shell::cargo().args(build),
    )?;
    let build = [
        "build",
        "--release",
        "--locked",
        "--package",
        "pilotwire-tests",
        "--bin",
        "bench",
    ];
    shell::run(
        "optimised build of the measuring program",
        shell::cargo().args(build),
    )?;
    let mut rows = Vec::new();
    if !arguments.station_only {
        let reports = in_process()?;
        rows.extend(call_rows(&reports));
        rows.extend(instance_rows(&reports));
    }
    if !arguments.calls_only {
        peers::install()?;
        rows.extend(station_rows(arguments.whole_queue));
    }
    println!("\n{}", render(&rows));
    Ok(())
}

/// What the measuring program reports: name and value or reason.
fn in_process() -> Result<Vec<(String, Measured)>> {
    let mut program = Command::new(shell::target().join("release/bench"));
    program.arg(shell::root().join("target/components"));
    let text = shell::capture(
        "instances, guest calls, rivals, interlock under load (a minute)",
        &mut program,
    )?;
    text.lines().map(parse).collect()
}

fn parse(line: &str) -> Result<(String, Measured)> {
    let line: Value =
        serde_json::from_str(line).with_context(|| format!("not a report: {line}"))?;
    let text = |key| {
        line.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let measured = match line.get("value").and_then(Value::as_f64) {
        Some(value) => Measured::Value(value),
        None => Measured::Missing(text("missing")),
    };
    Ok((text("what"), measured))
}

fn find(reports: &[(String, Measured)], what: &str) -> Measured {
    let found = reports.iter().find(|(name, _)| name == what);
    found.map_or_else(
        || Measured::Missing("not reported".to_owned()),
        |(_, measured)| measured.clone(),
    )
}

fn ratio(of: &Measured, to: &Measured) -> Measured {
    match (of, to) {
        (Measured::Value(of), Measured::Value(to)) => Measured::Value(of / to),
        (Measured::Missing(why), _) | (_, Measured::Missing(why)) => Measured::Missing(why.clone()),
    }
}

fn call_rows(reports: &[(String, Measured)]) -> Vec<Row> {
    let guest = find(reports, "guest_call_us");
    let child = find(reports, "child_round_trip_us");
    let mqtt = find(reports, "mqtt_round_trip_us");
    let (by_child, by_mqtt) = (ratio(&child, &guest), ratio(&mqtt, &guest));
    let row = |what, measured, unit, bound, note: &str| Row {
        what,
        measured,
        unit,
        bound,
        note: note.to_owned(),
    };
    vec![
        row(
            "residual current at the board → contactor-open command, hostile plugins on every core, p99.9",
            find(reports, "interlock_fault_p999_ms"),
            "ms",
            Bound::AtMost(10.0),
            "with the wait for the next tick",
        ),
        row(
            "the same, worst",
            find(reports, "interlock_fault_max_ms"),
            "ms",
            Bound::AtMost(30.0),
            "the standard allows 100 ms",
        ),
        row(
            "car goes from C to B → contactor-open command, same load, p99.9",
            find(reports, "interlock_left_p999_ms"),
            "ms",
            Bound::AtMost(60.0),
            "50 ms of it are the pilot's own filter (docs/adr/0014)",
        ),
        row(
            "the same, worst",
            find(reports, "interlock_left_max_ms"),
            "ms",
            Bound::AtMost(80.0),
            "the standard allows 100 ms",
        ),
        row(
            "worst tick: due time → end of step",
            find(reports, "interlock_tick_worst_ms"),
            "ms",
            Bound::None,
            "SCHED_FIFO where it may, as in the daemon",
        ),
        row(
            "runaway guest stopped, beyond its deadline, worst",
            find(reports, "runaway_over_deadline_ms"),
            "ms",
            Bound::AtMost(5.0),
            "",
        ),
        row(
            "composite schedule of 100 charging profiles for a day, in the component, p99",
            find(reports, "composite_schedule_ms"),
            "ms",
            Bound::AtMost(5.0),
            &match find(reports, "composite_schedule_periods") {
                Measured::Value(periods) => format!("300 times; an answer of {periods:.0} periods"),
                Measured::Missing(_) => "300 times".to_owned(),
            },
        ),
        row(
            "authorize call into a component, warm, median",
            guest,
            "µs",
            Bound::AtMost(3.0),
            "",
        ),
        row(
            "the same as JSON to a child process, median",
            child,
            "µs",
            Bound::None,
            "",
        ),
        row(
            "… times slower than the component",
            by_child,
            "×",
            Bound::AtLeast(8.0),
            "",
        ),
        row(
            "the same over MQTT, QoS 0, median",
            mqtt,
            "µs",
            Bound::None,
            "",
        ),
        row(
            "… times slower than the component",
            by_mqtt,
            "×",
            Bound::AtLeast(100.0),
            "",
        ),
    ]
}

/// What an instance costs, beside a process.
fn instance_rows(reports: &[(String, Measured)]) -> Vec<Row> {
    let number = |what: &str| find(reports, what);
    let row = |what, measured, unit, bound, note: &str| Row {
        what,
        measured,
        unit,
        bound,
        note: note.to_owned(),
    };
    let less = "… times the memory of the instance";
    vec![
        row(
            "memory of one instance, started, idle",
            number("instance_idle_kib"),
            "KiB",
            Bound::AtMost(64.0),
            "auth-local-whitelist, mean of 50",
        ),
        row(
            "the same after a call",
            number("instance_used_kib"),
            "KiB",
            Bound::None,
            "",
        ),
        row(
            "another component, idle",
            number("other_instance_idle_kib"),
            "KiB",
            Bound::AtMost(64.0),
            "auth-open-hours, mean of 50",
        ),
        row(
            "the same after a call",
            number("other_instance_used_kib"),
            "KiB",
            Bound::None,
            "",
        ),
        row(
            "a child process that waits for the same question as JSON",
            number("child_idle_kib"),
            "KiB",
            Bound::None,
            "its share of what 50 of them have in common",
        ),
        row(
            less,
            ratio(&number("child_idle_kib"), &number("instance_idle_kib")),
            "×",
            Bound::None,
            "",
        ),
        row(
            "the child process after a question",
            number("child_used_kib"),
            "KiB",
            Bound::None,
            "",
        ),
        row(
            less,
            ratio(&number("child_used_kib"), &number("instance_used_kib")),
            "×",
            Bound::None,
            "",
        ),
        row(
            "signed component → first answer, cold, median",
            number("install_cold_ms"),
            "ms",
            Bound::None,
            "verified, compiled on one core, started; once in a component's life",
        ),
        row(
            "the same from what the station compiled before, median",
            number("install_warm_ms"),
            "ms",
            Bound::None,
            "verified again",
        ),
        row(
            "start of a child process → first answer as JSON, median",
            number("child_start_ms"),
            "ms",
            Bound::None,
            "nothing verified",
        ),
        row(
            "… times the warm component",
            ratio(&number("child_start_ms"), &number("install_warm_ms")),
            "×",
            Bound::None,
            "",
        ),
    ]
}

fn station_rows(whole_queue: bool) -> Vec<Row> {
    shell::step("the whole station");
    let (numbers, note) = match station::measure(whole_queue) {
        Ok(numbers) => {
            let note = format!("{} plugins, compiled beforehand", numbers.plugins);
            (Ok(numbers), note)
        }
        Err(error) => (Err(format!("{error:#}")), String::new()),
    };
    let mut rows = start_rows(&numbers, &note);
    rows.extend(swap_rows(&numbers));
    rows.extend(queue_rows(&numbers));
    rows
}

/// Numbers of the station, or why there are none.
type Outcome = Result<station::Numbers, String>;

fn station_row(
    numbers: &Outcome,
    what: &'static str,
    pick: fn(&station::Numbers) -> f64,
    (unit, bound): (&'static str, Bound),
    note: &str,
) -> Row {
    let measured = match numbers {
        Ok(numbers) => Measured::Value(pick(numbers)),
        Err(why) => Measured::Missing(why.clone()),
    };
    Row {
        what,
        measured,
        unit,
        bound,
        note: note.to_owned(),
    }
}

fn start_rows(numbers: &Outcome, plugins: &str) -> Vec<Row> {
    vec![
        station_row(
            numbers,
            "start → ready to plug, median",
            |numbers| numbers.start_ms,
            ("ms", Bound::AtMost(100.0)),
            plugins,
        ),
        station_row(
            numbers,
            "resident memory, backend connected over TLS",
            |numbers| numbers.resident_mib,
            ("MiB", Bound::AtMost(24.0)),
            plugins,
        ),
        station_row(
            numbers,
            "swipe (locally authorised) → permit issued, worst",
            |numbers| numbers.swipe_ms,
            ("ms", Bound::AtMost(20.0)),
            "seen through the control socket",
        ),
        station_row(
            numbers,
            "written to the disk by one session of half a minute",
            |numbers| numbers.session_kib,
            ("KiB", Bound::AtMost(64.0)),
            "as the kernel counts it, in pages of 4 KiB; a meter value every 2 s",
        ),
    ]
}

fn swap_rows(numbers: &Outcome) -> Vec<Row> {
    let swaps = numbers.as_ref().ok().map(|numbers| &numbers.swaps);
    let run = swaps.map_or_else(String::new, |swaps| {
        format!(
            "{} swaps, compiled beforehand, connection kept; {} messages",
            swaps.count, swaps.told
        )
    });
    let row = |what, pick, bound, note: &str| station_row(numbers, what, pick, bound, note);
    vec![
        row(
            "backend adapter replaced during a charge: time without adapter, median",
            |numbers| numbers.swaps.median_ms,
            ("ms", Bound::AtMost(5.0)),
            &run,
        ),
        row(
            "the same, p99",
            |numbers| numbers.swaps.p99_ms,
            ("ms", Bound::AtMost(5.0)),
            "",
        ),
        row(
            "transaction messages lost by the swaps",
            |numbers| f64::from(u32::try_from(numbers.swaps.lost).unwrap_or(u32::MAX)),
            ("", Bound::AtMost(0.0)),
            "",
        ),
        row(
            "transaction messages doubled by the swaps",
            |numbers| f64::from(u32::try_from(numbers.swaps.doubled).unwrap_or(u32::MAX)),
            ("", Bound::AtMost(0.0)),
            "",
        ),
        row(
            "commands to the contactor during the swaps",
            |numbers| f64::from(u32::try_from(numbers.swaps.contactor).unwrap_or(u32::MAX)),
            ("", Bound::AtMost(0.0)),
            "",
        ),
    ]
}

fn queue_rows(numbers: &Outcome) -> Vec<Row> {
    let queue = numbers.as_ref().ok().map(|numbers| &numbers.queue);
    let waiting = queue.map_or_else(String::new, |queue| format!("{} messages", queue.messages));
    let drained = queue.map_or_else(String::new, |queue| {
        format!("{} messages over TLS, in order", queue.drained)
    });
    let row = |what, pick, bound, note: &str| station_row(numbers, what, pick, bound, note);
    vec![
        row(
            "offline queue: to append a message, on the disk",
            |numbers| numbers.queue.append_ms,
            ("ms", Bound::None),
            "the same commit from a script",
        ),
        row(
            "offline queue: size on the disk, each message",
            |numbers| numbers.queue.bytes,
            ("B", Bound::None),
            &waiting,
        ),
        row(
            "offline queue: resident memory of the station that holds it",
            |numbers| numbers.queue.resident_mib,
            ("MiB", Bound::AtMost(24.0)),
            &waiting,
        ),
        row(
            "offline queue: to deliver a message and have it confirmed",
            |numbers| numbers.queue.drain_ms,
            ("ms", Bound::None),
            &drained,
        ),
        row(
            "offline queue: messages missing or repeated",
            |numbers| f64::from(u32::try_from(numbers.queue.wrong).unwrap_or(u32::MAX)),
            ("", Bound::AtMost(0.0)),
            "",
        ),
    ]
}

fn render(rows: &[Row]) -> String {
    let mut text = String::from("| what | measured | bound | |\n|---|---:|---:|---|\n");
    for row in rows {
        let (measured, held) = match &row.measured {
            Measured::Value(value) => (format!("{value:.2} {}", row.unit), row.bound.holds(*value)),
            Measured::Missing(why) => (why.clone(), None),
        };
        let verdict = match held {
            Some(true) => "holds",
            Some(false) => "**MISS**",
            None => "",
        };
        let note = if row.note.is_empty() {
            String::new()
        } else {
            format!(" ({})", row.note)
        };
        let bound = row.bound.text(row.unit);
        text += &format!(
            "| {}{note} | {measured} | {bound} | {verdict} |\n",
            row.what
        );
    }
    text
}

impl Bound {
    fn holds(self, value: f64) -> Option<bool> {
        match self {
            Self::AtMost(bound) => Some(value <= bound),
            Self::AtLeast(bound) => Some(value >= bound),
            Self::None => None,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {bound} {unit}"),
            Self::AtLeast(bound) => format!("≥ {bound} {unit}"),
            Self::None => "–".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(measured: Measured, bound: Bound) -> String {
        render(&[Row {
            what: "x",
            measured,
            unit: "ms",
            bound,
            note: String::new(),
        }])
    }

    #[test]
    fn a_number_beyond_its_bound_is_shown_as_a_miss() {
        assert!(row(Measured::Value(10.1), Bound::AtMost(10.0)).contains("**MISS**"));
        assert!(row(Measured::Value(7.9), Bound::AtLeast(8.0)).contains("**MISS**"));
        assert!(row(Measured::Value(10.0), Bound::AtMost(10.0)).contains("holds"));
    }

    #[test]
    fn a_number_that_is_missing_neither_holds_nor_misses() {
        let text = row(
            Measured::Missing("no broker".to_owned()),
            Bound::AtMost(1.0),
        );
        assert!(text.contains("no broker") && !text.contains("holds") && !text.contains("MISS"));
    }

    #[test]
    fn a_missing_rival_makes_no_ratio() {
        let missing = Measured::Missing("no broker".to_owned());
        assert_eq!(ratio(&missing, &Measured::Value(2.0)), missing);
        assert_eq!(
            ratio(&Measured::Value(9.0), &Measured::Value(2.0)),
            Measured::Value(4.5)
        );
    }
}
