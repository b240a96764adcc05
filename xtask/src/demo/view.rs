//! The live terminal view and its keys.

use std::time::Duration;

use anyhow::Result;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};
use ratatui::{DefaultTerminal, Frame};
use serde_json::{Value, json};

use super::csms::{CentralSystem, Snapshot};
use super::operator::Operator;
use super::station::Station;

const REFRESH: Duration = Duration::from_millis(150);
/// Fault that `f` injects: it heals by itself when cleared.
const FAULT: &str = "over-voltage";
const KEYS: &str = "p plug in   s swipe card   u unplug   f fault   c clear   k kill the adapter   h hot swap   q quit";

/// Shows the station until `q`; the keys act on it. Sessions made by hand are not judged.
///
/// # Errors
/// When the terminal fails.
pub fn run(operator: Operator, csms: &CentralSystem, station: &Station) -> Result<()> {
    let mut terminal = ratatui::try_init()?;
    let outcome = watch(&mut terminal, operator, csms, station);
    ratatui::restore();
    outcome
}

fn watch(
    terminal: &mut DefaultTerminal,
    operator: Operator,
    csms: &CentralSystem,
    station: &Station,
) -> Result<()> {
    let mut said = "the station starts; press p, then s".to_owned();
    loop {
        let (seen, status) = (csms.snapshot(), station.status());
        terminal.draw(|frame| draw(frame, operator, &seen, status.as_ref(), &said))?;
        if !event::poll(REFRESH)? {
            continue;
        }
        let Event::Key(key) = event::read()? else {
            continue;
        };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        let (what, done) = match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
            KeyCode::Char('p') => ("car plugged in", station.plug_in()),
            KeyCode::Char('s') => ("card held to the reader", station.swipe()),
            KeyCode::Char('u') => ("cable pulled", station.unplug()),
            KeyCode::Char('f') => (
                "fault: over-voltage",
                station.sim("fault", &[("name", FAULT)]),
            ),
            KeyCode::Char('c') => ("fault cleared", station.sim("clear", &[])),
            KeyCode::Char('h') => (
                "hot swap: another instance of the adapter takes over; the pack is on trial for some seconds",
                station.hot_swap(),
            ),
            KeyCode::Char('k') => {
                let restart = json!({"verb": "plugin-restart", "name": operator.adapter()});
                (
                    "adapter killed; the host builds a new one",
                    station.control(&restart).map(drop),
                )
            }
            _ => continue,
        };
        said = match done {
            Ok(()) => what.to_owned(),
            Err(error) => format!("{error:#}"),
        };
    }
}

fn draw(
    frame: &mut Frame,
    operator: Operator,
    seen: &Snapshot,
    status: Option<&Value>,
    said: &str,
) {
    let [head, station, frames, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(14),
        Constraint::Min(5),
        Constraint::Length(3),
    ])
    .areas(frame.area());
    let link = match (seen.connected, seen.registered) {
        (true, true) => "registered",
        (true, false) => "connected",
        (false, _) => "not connected",
    };
    let title = format!(
        "Pilotwire · {} · {} · {link}",
        operator.pack(),
        operator.adapter()
    );
    frame.render_widget(
        Paragraph::new(said.to_owned()).block(Block::bordered().title(title)),
        head,
    );
    let lines = match status {
        Some(status) => station_lines(status),
        None => vec![Line::from("starting…")],
    };
    let wrapped = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(wrapped.block(Block::bordered().title("station")), station);
    let room = usize::from(frames.height.saturating_sub(2));
    let skip = seen.frames.len().saturating_sub(room);
    let lines: Vec<Line> = seen
        .frames
        .iter()
        .skip(skip)
        .map(|frame| match frame.inbound {
            true => Line::styled(format!("→ {}", frame.text), Style::new().fg(Color::Green)),
            false => Line::styled(format!("← {}", frame.text), Style::new().fg(Color::Cyan)),
        })
        .collect();
    let block = Block::bordered().title("frames: → from the station, ← from the central system");
    frame.render_widget(Paragraph::new(lines).block(block), frames);
    let keys = Paragraph::new(KEYS).style(Style::new().add_modifier(Modifier::BOLD));
    frame.render_widget(keys.block(Block::bordered()), foot);
}

/// The parts of the status answer that tell what a charge is doing.
fn station_lines(status: &Value) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for evse in items(status, "evses") {
        let vehicle = evse.get("vehicle").unwrap_or(&Value::Null);
        lines.push(Line::styled(
            format!(
                "EVSE {} · {} · pilot {} · contactor {} · lock {} · charging state {}",
                word(evse, "/evse"),
                word(evse, "/indication"),
                word(evse, "/pilot"),
                word(evse, "/contactor"),
                word(evse, "/lock"),
                word(evse, "/connector/charging"),
            ),
            Style::new().add_modifier(Modifier::BOLD),
        ));
        lines.push(lights(evse));
        lines.push(Line::from(format!(
            "  offered {} · permit {} · car {} draws {}",
            amps(evse.get("offered_ma")),
            amps(evse.get("permit_ma")),
            word(vehicle, "/ev"),
            amps(vehicle.get("current_ma")),
        )));
        let winner = word(evse, "/limited_by");
        let limits = items(evse, "limits").iter().map(|row| {
            let source = word(row, "/source");
            let mark = if source == winner { " ◀ wins" } else { "" };
            format!("{source} {}{mark}", amps(row.get("current_ma")))
        });
        lines.push(Line::from(format!(
            "  limits: {}",
            limits.collect::<Vec<_>>().join(" · ")
        )));
        if evse
            .get("transaction")
            .is_some_and(|transaction| !transaction.is_null())
        {
            lines.push(Line::from(format!(
                "  transaction {} · card {} · {} Wh",
                word(evse, "/transaction/id"),
                word(evse, "/transaction/token"),
                word(evse, "/transaction/energy_wh"),
            )));
        }
    }
    for plugin in items(status, "plugins") {
        let swaps = match plugin.get("swaps").and_then(Value::as_u64) {
            Some(count) if count > 0 => format!(
                " · {count} swaps, last {} µs without adapter",
                word(plugin, "/swap_us")
            ),
            Some(_) | None => String::new(),
        };
        lines.push(Line::from(format!(
            "plugin {} · {} · {} {} · {} calls · {} failures · outbox {}{swaps}",
            word(plugin, "/name"),
            word(plugin, "/state"),
            word(plugin, "/registration"),
            word(plugin, "/detail"),
            word(plugin, "/calls"),
            word(plugin, "/failures"),
            word(plugin, "/outbox"),
        )));
    }
    for fault in items(status, "faults") {
        let text = format!("fault {} · {}", word(fault, "/id"), word(fault, "/message"));
        lines.push(Line::styled(text, Style::new().fg(Color::Red)));
    }
    lines
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The value at a path, as a word; a dash if there is none.
fn word(value: &Value, path: &str) -> String {
    match value.pointer(path) {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Milliamperes, one value or one per phase, as amperes.
fn amps(value: Option<&Value>) -> String {
    let one = |value: &Value| value.as_f64().map(|ma| format!("{:.1}", ma / 1000.0));
    match value {
        Some(Value::Array(phases)) => {
            format!(
                "{} A",
                phases.iter().filter_map(one).collect::<Vec<_>>().join("/")
            )
        }
        Some(value) => one(value).map_or("–".to_owned(), |amps| format!("{amps} A")),
        None => "–".to_owned(),
    }
}

/// Belt, LEDs, buzzer and segment display of an EVSE, and what its display says in the language that has its turn.
fn lights(evse: &Value) -> Line<'static> {
    let lamp = |colour: &str, what: String| {
        let colour = match colour {
            "white" => Color::White,
            "red" => Color::Red,
            "green" => Color::Green,
            "blue" => Color::Blue,
            "yellow" => Color::Yellow,
            _ => Color::DarkGray,
        };
        Span::styled(what, Style::new().fg(colour))
    };
    let ring = word(evse, "/shows/ring");
    let belt = match evse.pointer("/shows/rotating") {
        Some(Value::Bool(true)) => "  ◜◝◞◟ ",
        _ => "  ●●●● ",
    };
    let mut spans = vec![lamp(&ring, belt.to_owned())];
    let leds = evse.pointer("/shows/leds").and_then(Value::as_object);
    for (name, colour) in leds.into_iter().flatten() {
        let colour = colour.as_str().unwrap_or("off");
        spans.push(lamp(colour, format!("● {name} ")));
    }
    if evse.pointer("/shows/buzzer") == Some(&Value::Bool(true)) {
        spans.push(Span::raw("♪ "));
    }
    let segments = evse.pointer("/shows/segments").and_then(Value::as_str);
    if let Some(segments) = segments.filter(|text| !text.is_empty()) {
        spans.push(Span::styled(
            format!("[{segments}] "),
            Style::new().fg(Color::LightRed),
        ));
    }
    let said = evse.pointer("/text_shown/lines").and_then(Value::as_array);
    let said = said.into_iter().flatten().filter_map(Value::as_str);
    spans.push(Span::raw(said.collect::<Vec<_>>().join(" · ")));
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_winning_limit_is_marked() {
        let status = json!({"evses": [{
            "evse": 1, "limited_by": "cable", "offered_ma": 20_000,
            "limits": [{"source": "cable", "current_ma": 20_000}, {"source": "hardware", "current_ma": 32_000}],
            "vehicle": {"ev": "Draw", "current_ma": [16_000, 16_000, 15_900]},
        }]});
        let text: Vec<String> = station_lines(&status)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            text.iter()
                .any(|line| line.contains("cable 20.0 A ◀ wins · hardware 32.0 A"))
        );
        assert!(
            text.iter()
                .any(|line| line.contains("offered 20.0 A") && line.contains("16.0/16.0/15.9 A"))
        );
    }

    #[test]
    fn a_station_that_says_nothing_yet_is_drawn_without_a_panic() {
        assert!(station_lines(&json!({})).is_empty());
        assert!(
            !station_lines(&json!({"evses": [{}], "plugins": [{}], "faults": [{}]})).is_empty()
        );
    }
}
