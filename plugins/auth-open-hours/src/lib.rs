//! Authorizer: charging starts during opening hours only. An example of what a third party would ship.
//!
//! `hours` says when it is open, `holidays` which days count as holidays, `timezone` what the clock on the wall shows there
//! (see [`hours`], [`holidays`] and [`zone`] for how they are written). Outside the hours every token is refused, and the
//! reason names the next opening; inside, others judge. Stopping is always possible, and a charge that runs is left alone.
//!
//! A setting that is not understood closes the station rather than opens it, and the reason says which. While nobody has
//! told the station the time, `when_clock_unknown` decides.
#![warn(missing_docs)]

pub mod calendar;
pub mod holidays;
pub mod hours;
pub mod schedule;
#[cfg(test)]
mod tests;
pub mod zone;

use auth_cards::{quoted, spec, words};
use sdk::authorizer::{Answer, Authorizer, Input, Question, StartContext};
use sdk::{AuthorizePurpose, Decision, Manifest, Moment, Setting, Verdict};
use units::Timestamp;

use calendar::Local;
use holidays::Holidays;
use hours::Hours;
use schedule::Schedule;
use zone::Zone;

/// The time zone if nobody says another: central Europe with its summer time.
const CENTRAL_EUROPE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// The door.
#[derive(Debug)]
pub struct OpenHours {
    hours: Result<Hours, String>,
    holidays: Result<Holidays, String>,
    zone: Result<Zone, String>,
    open_without_clock: bool,
}

/// What the door is just now.
enum Door {
    Open,
    Closed(String),
}

impl OpenHours {
    fn apply(&mut self, setting: &Setting) {
        let value = setting.value.as_str();
        match setting.key.as_str() {
            "hours" => self.hours = Hours::parse(value),
            "holidays" => self.holidays = Holidays::parse(value),
            "timezone" => self.zone = Zone::parse(value),
            "when_clock_unknown" => self.open_without_clock = value == "allow",
            _ => {}
        }
    }

    fn schedule(&self) -> Result<Schedule<'_>, String> {
        let understood = |name: &str, why: &String| {
            format!("closed: the setting `{name}` is not understood: {why}")
        };
        Ok(Schedule {
            hours: self
                .hours
                .as_ref()
                .map_err(|why| understood("hours", why))?,
            holidays: self
                .holidays
                .as_ref()
                .map_err(|why| understood("holidays", why))?,
            zone: self
                .zone
                .as_ref()
                .map_err(|why| understood("timezone", why))?,
        })
    }

    fn door(&self, wall: Option<Timestamp>) -> Door {
        let schedule = match self.schedule() {
            Ok(schedule) => schedule,
            Err(why) => return Door::Closed(why),
        };
        let Some(wall) = wall else {
            return if self.open_without_clock {
                Door::Open
            } else {
                Door::Closed("closed: the station does not know what time it is".to_owned())
            };
        };
        let now = wall.as_unix_millis().div_euclid(1_000);
        if schedule.is_open(now) {
            return Door::Open;
        }
        Door::Closed(match schedule.next_opening(now) {
            Some(at) => format!("closed; opens {}", local(schedule.zone, at)),
            None => "closed, and no opening within a year".to_owned(),
        })
    }

    fn judge(&self, now: Moment, question: &Question) -> Verdict {
        let request = &question.request;
        let mut verdict = Verdict::bare(request.request_id, Decision::NoOpinion);
        if request.purpose == AuthorizePurpose::Start
            && let Door::Closed(why) = self.door(now.wall)
        {
            verdict.decision = Decision::Invalid;
            verdict.reason = Some(why);
        }
        verdict
    }

    fn handle_request(&self, now: Moment, line: &[String]) -> Result<String, String> {
        let words: Vec<&str> = words(line).collect();
        match words.as_slice() {
            [] | ["help"] => Ok("help | status".to_owned()),
            ["status"] => Ok(match self.door(now.wall) {
                Door::Open => "open".to_owned(),
                Door::Closed(why) => why,
            }),
            [verb, ..] => Err(format!(
                "{} is not understood here; `help` tells the words",
                quoted(verb)
            )),
        }
    }
}

/// A moment as the clock on the wall shows it.
fn local(zone: &Zone, at: i64) -> String {
    let local = Local::of(at.saturating_add(zone.offset_at(at)));
    let (date, minutes) = (local.date(), local.minute_of_day());
    format!(
        "{} {:04}-{:02}-{:02} {:02}:{:02}",
        local.weekday().name(),
        date.year,
        date.month,
        date.day,
        minutes.div_euclid(60),
        minutes.rem_euclid(60)
    )
}

impl Authorizer for OpenHours {
    fn describe() -> Manifest {
        Manifest {
            name: "auth-open-hours".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Lets charging start during opening hours only".to_owned(),
            capabilities: vec!["authorize".to_owned()],
            settings: vec![
                spec(
                    "hours",
                    "24/7",
                    "When it is open, for example `Mo-Fr 07:00-12:00,13:00-19:00; Sa 09:00-13:00; PH off`",
                ),
                spec(
                    "holidays",
                    "",
                    "Days that count as PH, separated by commas: 2026-04-06, or 12-25 for every year",
                ),
                spec(
                    "timezone",
                    CENTRAL_EUROPE,
                    "POSIX TZ text, for example UTC0 or CET-1CEST,M3.5.0,M10.5.0/3",
                ),
                spec(
                    "when_clock_unknown",
                    "refuse",
                    "refuse or allow, while nobody has told the station the time",
                ),
            ],
        }
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Answer) {
        let mut plugin = Self {
            hours: Hours::parse("24/7"),
            holidays: Holidays::parse(""),
            zone: Zone::parse(CENTRAL_EUROPE),
            open_without_clock: false,
        };
        for setting in &context.settings {
            plugin.apply(setting);
        }
        (plugin, Answer::default())
    }

    fn handle(&mut self, now: Moment, input: Input) -> Answer {
        match input {
            Input::Authorize(question) => Answer::verdict(self.judge(now, &question)),
            Input::SettingChanged(setting) => {
                self.apply(&setting);
                Answer::default()
            }
            Input::Request(request) => Answer {
                reply: Some(self.handle_request(now, &request.words)),
                ..Answer::default()
            },
            Input::BackendConnected(_)
            | Input::Busy(_)
            | Input::Timer
            | Input::BackendOpinion(_) => Answer::default(),
        }
    }
}

sdk::export_authorizer!(OpenHours);
