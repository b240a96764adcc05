//! Structured logs on standard error, with a bound on lines per second; the newest lines stay in memory for diagnostics.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};
use units::{Instant, Timestamp};

use crate::clock::{Clock, WallClock};
use crate::config::LogFormat;
use crate::files::diagnostics::Line;
use crate::limits::{LOG_KEPT_BYTES, LOG_KEPT_LINE_BYTES, LOG_LINES_PER_SECOND};

/// Lines that were left out because there were too many.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Lines left out since the start.
pub fn dropped_lines() -> u64 {
    DROPPED.load(Relaxed)
}

/// The newest lines, oldest first.
static RECENT: Mutex<Recent> = Mutex::new(Recent::new());

/// The newest lines of the log, oldest first. Their times are told by the wall clock as it is known now, so that lines
/// from before it was known have one too.
pub fn recent(clock: &WallClock) -> Vec<Line> {
    let now = clock.moment();
    let wall = |at: Instant| {
        let age = i64::try_from(now.at.since(at).get()).ok()?;
        let ms = now.wall?.as_unix_millis().checked_sub(age)?;
        Some(Timestamp::from_unix_millis(ms))
    };
    let recent = recent_lines();
    let lines = recent.lines.iter();
    lines
        .map(|(at, text)| Line {
            at: wall(*at),
            text: text.clone(),
        })
        .collect()
}

fn recent_lines() -> MutexGuard<'static, Recent> {
    RECENT.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Recent {
    lines: VecDeque<(Instant, String)>,
    bytes: usize,
}

impl Recent {
    const fn new() -> Self {
        Self {
            lines: VecDeque::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, at: Instant, line: &[u8]) {
        let line = line.get(..LOG_KEPT_LINE_BYTES).unwrap_or(line);
        let line = String::from_utf8_lossy(line).trim_end().to_owned();
        self.bytes += line.len();
        self.lines.push_back((at, line));
        while self.bytes > LOG_KEPT_BYTES {
            let Some((_, oldest)) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= oldest.len();
        }
    }
}

/// Keeps lines; each comes in one piece.
#[derive(Clone, Copy)]
struct Keep(Clock);

impl io::Write for Keep {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        recent_lines().push(self.0.now(), line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Keep {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

/// Lets a bounded number of lines through per second; errors always.
struct RateLimit {
    clock: Clock,
    second: AtomicU64,
    lines: AtomicU64,
}

impl RateLimit {
    fn lets_through(&self, second: u64) -> bool {
        if self.second.swap(second, Relaxed) != second {
            self.lines.store(0, Relaxed);
        }
        let fits = self.lines.fetch_add(1, Relaxed) < LOG_LINES_PER_SECOND;
        if !fits {
            DROPPED.fetch_add(1, Relaxed);
        }
        fits
    }
}

impl<S: Subscriber> Filter<S> for RateLimit {
    fn enabled(&self, meta: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        *meta.level() == tracing::Level::ERROR
            || meta.is_span()
            || self.lets_through(self.clock.now().as_millis() / 1_000)
    }
}

/// The level holds for our own crates: a compiler that logs every pass would use up the bound on lines, and what the
/// station says would be left out.
fn directives(level: &str) -> String {
    format!("warn,pilotwire={level},plugin_host={level}")
}

/// Starts logging. `PILOTWIRE_LOG` wins over the configuration's level, and is taken as it stands.
pub fn start(clock: Clock, level: &str, format: LogFormat) {
    let directives = std::env::var("PILOTWIRE_LOG").unwrap_or_else(|_| directives(level));
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse_lossy(directives);
    let rate = RateLimit {
        clock,
        second: AtomicU64::new(0),
        lines: AtomicU64::new(0),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let layer = match format {
        LogFormat::Plain => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let kept = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .without_time()
        .with_writer(Keep(clock));
    // A second start in one process (tests) keeps the first.
    let _already = tracing_subscriber::registry()
        .with(layer.and_then(kept).with_filter(rate))
        .with(filter)
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_above_the_bound_are_left_out_until_the_next_second() {
        let rate = RateLimit {
            clock: Clock::start(),
            second: AtomicU64::new(0),
            lines: AtomicU64::new(0),
        };
        let through = (0..LOG_LINES_PER_SECOND * 2)
            .filter(|_| rate.lets_through(1))
            .count();
        assert_eq!(u64::try_from(through), Ok(LOG_LINES_PER_SECOND));
        assert!(rate.lets_through(2));
    }

    #[test]
    fn newest_lines_are_kept_within_their_bound() {
        let mut recent = Recent::new();
        for number in 0..10_000_u64 {
            recent.push(
                Instant::from_millis(number),
                format!("line {number}\n").as_bytes(),
            );
        }
        recent.push(Instant::from_millis(10_000), &[b'x'; 5_000]);
        assert!(recent.bytes <= LOG_KEPT_BYTES && recent.bytes > LOG_KEPT_BYTES / 2);
        let kept: usize = recent.lines.iter().map(|(_, line)| line.len()).sum();
        assert_eq!(kept, recent.bytes);
        assert_eq!(recent.lines.back().unwrap().1.len(), LOG_KEPT_LINE_BYTES);
        let newest = &recent.lines[recent.lines.len() - 2];
        assert_eq!(
            newest,
            &(Instant::from_millis(9_999), "line 9999".to_owned())
        );
    }

    #[test]
    fn kept_lines_hold_what_was_logged_with_the_time_that_is_known_now() {
        let clock = Clock::start();
        let kept = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .without_time()
            .with_writer(Keep(clock));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(kept), || {
            tracing::warn!(what = "marker-4711", "said");
        });
        let wall = WallClock::unknown(clock);
        let line = |wall: &WallClock| {
            let mut lines = recent(wall).into_iter();
            lines.rfind(|line| line.text.contains("marker-4711"))
        };
        assert_eq!(line(&wall).unwrap().at, None);
        wall.set(clock.now(), Timestamp::from_unix_millis(1_795_273_871_000));
        let line = line(&wall).unwrap();
        let age = 1_795_273_871_000 - line.at.unwrap().as_unix_millis();
        assert!((-1_000..60_000).contains(&age), "{age}");
        assert!(
            line.text.contains("WARN") && line.text.contains("said"),
            "{}",
            line.text
        );
    }

    #[test]
    fn level_of_the_configuration_does_not_open_the_gates_for_other_peoples_crates() {
        let filter = EnvFilter::builder().parse(directives("debug")).unwrap();
        let text = filter.to_string();
        assert!(text.contains("pilotwire=debug") && text.contains("plugin_host=debug"));
        // The highest level that any directive lets through is ours; everything unnamed ends at "warn".
        assert!(
            text.split(',').any(|directive| directive == "warn"),
            "{text}"
        );
    }
}
