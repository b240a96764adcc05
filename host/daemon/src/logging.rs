//! Structured logs on standard error, with a bound on lines per second.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::clock::Clock;
use crate::config::LogFormat;
use crate::limits::LOG_LINES_PER_SECOND;

/// Lines that were left out because there were too many.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Lines left out since the start.
pub fn dropped_lines() -> u64 {
    DROPPED.load(Relaxed)
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
    // A second start in one process (tests) keeps the first.
    let _already = tracing_subscriber::registry()
        .with(layer.with_filter(rate))
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
