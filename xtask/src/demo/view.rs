//! The live terminal view and its keys.

use std::time::Duration;

use anyhow::Result;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Wrap};
use ratatui::{DefaultTerminal, Frame};
use serde_json::{Value, json};

use super::csms::{CentralSystem, Snapshot};
use super::operator::Operator;
use super::station::Station;

const REFRESH: Duration = Duration::from_millis(150);
/// Fault that `f` injects: it heals by itself when cleared.
const FAULT: &str = "over-voltage";
const KEYS: &str =
    "p plug in   s swipe card   u unplug   f fault   c clear   k kill the adapter   q quit";

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

/// The status answer as lines: one per scalar, nested objects on one line each.
fn station_lines(status: &Value) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let Some(fields) = status.as_object() else {
        return lines;
    };
    for (key, value) in fields {
        match value {
            Value::Array(items) => {
                for item in items {
                    lines.push(Line::from(format!("{key}: {}", flat(item))));
                }
            }
            other if key != "ok" => lines.push(Line::from(format!("{key}: {}", flat(other)))),
            _ => {}
        }
    }
    lines
}

fn flat(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let parts: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("{key} {}", flat(value)))
                .collect();
            parts.join(" · ")
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(flat).collect::<Vec<_>>().join(", ")
            )
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
