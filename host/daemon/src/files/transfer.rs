//! Attempts: one after the other until one succeeds, none is left, or somebody cancels.

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch;

use super::limits::{
    ATTEMPT_LIMIT, MAX_RETRIES, MAX_RETRY_INTERVAL_S, MIN_RETRY_INTERVAL_S, PROGRESS_STEP_PERCENT,
};
use super::partial::Partial;
use super::place::{Place, Scheme};
use super::{Settings, UrlCheck, ftp, http};

/// Why an attempt failed, in words.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The next attempt may do better.
    Again(String),
    /// Another attempt would fail the same way.
    Final(String),
}

/// What a job's thread is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Go on.
    Go,
    /// Stop and say so.
    Cancel,
    /// Stop without a word: the daemon ends.
    Stop,
}

/// How a job's transfers ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Well.
    Done,
    /// Badly.
    Failed(String),
    /// As ordered.
    Told(Order),
}

/// How far a transfer is; read by others.
#[derive(Debug, Default)]
pub struct Progress {
    moved: AtomicU64,
    total: AtomicU64,
    said: AtomicU64,
}

impl Progress {
    /// Bytes moved in this attempt, with those that were there before.
    pub fn moved(&self) -> u64 {
        self.moved.load(Relaxed)
    }

    /// Bytes of the whole, 0 if nobody knows.
    pub fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    /// Notes how far it is, and writes it into the log now and then.
    pub fn at(&self, moved: u64, total: u64, place: &Place) {
        self.moved.store(moved, Relaxed);
        self.total.store(total, Relaxed);
        let step = |moved: u64| {
            let percent = moved.saturating_mul(100).checked_div(total).unwrap_or(0);
            percent / PROGRESS_STEP_PERCENT
        };
        if step(moved) != self.said.swap(step(moved), Relaxed) {
            tracing::info!(url = place.shown(), moved, total, "transfer");
        }
    }
}

/// What one attempt needs.
pub struct Line<'a> {
    pub settings: &'a Settings,
    pub allowed: &'a UrlCheck,
    pub progress: &'a Progress,
}

impl Line<'_> {
    /// Waits for a step of a transfer, but not forever.
    pub async fn within<T>(
        &self,
        what: &str,
        step: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let stall = self.settings.stall;
        tokio::time::timeout(stall, step)
            .await
            .unwrap_or_else(|_| Err(stalled(what, stall)))
    }

    /// Waits for something that moves bytes on its own, as long as it does.
    pub async fn while_moving<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        /// Looks per stall time: the real limit is at most a quarter longer.
        const LOOKS: u32 = 4;
        let mut work = std::pin::pin!(work);
        let mut last = self.progress.moved();
        let mut still = 0;
        loop {
            if let Ok(end) = tokio::time::timeout(self.settings.stall / LOOKS, &mut work).await {
                return end;
            }
            let moved = self.progress.moved();
            still = if moved == last { still + 1 } else { 0 };
            last = moved;
            if still >= LOOKS {
                return Err(stalled(what, self.settings.stall));
            }
        }
    }
}

fn stalled(what: &str, stall: Duration) -> Failure {
    Failure::Again(format!(
        "nothing moved for {} s ({what}); check the server and the uplink",
        stall.as_secs()
    ))
}

/// How often, and with which pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    retries: u32,
    interval: Duration,
}

impl Plan {
    /// What is out of range becomes the nearest value in it.
    pub fn new(retries: u32, retry_interval_s: u32) -> Self {
        let interval = retry_interval_s.clamp(MIN_RETRY_INTERVAL_S, MAX_RETRY_INTERVAL_S);
        Self {
            retries: retries.min(MAX_RETRIES),
            interval: Duration::from_secs(u64::from(interval)),
        }
    }

    #[cfg(test)]
    pub fn parts(self) -> (u32, u64) {
        (self.retries, self.interval.as_secs())
    }
}

/// Makes attempts on this thread until the end. `running` hears of each before it begins.
pub fn attempts(
    plan: Plan,
    orders: &mut watch::Receiver<Order>,
    running: impl Fn(String),
    attempt: impl AsyncFn() -> Result<(), Failure>,
) -> End {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return End::Failed(format!("no transfer can run here: {error}")),
    };
    let end = runtime.block_on(async {
        tokio::select! {
            biased;
            order = ordered(orders) => End::Told(order),
            end = all(plan, &running, &attempt) => end,
        }
    });
    // A name that is still being looked up must not hold up whoever cancelled.
    runtime.shutdown_background();
    end
}

/// Waits for the order to stop.
async fn ordered(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.wait_for(|order| *order != Order::Go).await {
        Ok(order) => *order,
        Err(_) => Order::Stop,
    }
}

async fn all(
    plan: Plan,
    running: &impl Fn(String),
    attempt: &impl AsyncFn() -> Result<(), Failure>,
) -> End {
    let of = plan.retries + 1;
    let mut last = String::new();
    for number in 1..=of {
        running(match number {
            1 => format!("attempt 1 of {of}"),
            _ => format!("attempt {number} of {of}; before: {last}"),
        });
        let ended = tokio::time::timeout(ATTEMPT_LIMIT, attempt()).await;
        match ended.unwrap_or_else(|_| Err(Failure::Again("it took too long".to_owned()))) {
            Ok(()) => return End::Done,
            Err(Failure::Final(why)) => return End::Failed(why),
            Err(Failure::Again(why)) => last = why,
        }
        if number < of {
            tracing::warn!(
                attempt = number,
                of,
                why = last,
                "transfer failed; another attempt follows"
            );
            tokio::time::sleep(plan.interval).await;
        }
    }
    match of {
        1 => End::Failed(last),
        _ => End::Failed(format!("{of} attempts failed; the last: {last}")),
    }
}

/// One attempt to fetch a file into a folder, under this name.
pub async fn download(
    line: &Line<'_>,
    place: &Place,
    folder: &Path,
    name: &str,
    limit: u64,
) -> Result<(), Failure> {
    let mut partial = Partial::open(folder, place.shown(), limit)?;
    match place.scheme() {
        Scheme::Http | Scheme::Https => http::download(line, place, &mut partial).await?,
        Scheme::Ftp | Scheme::Ftps => ftp::download(line, place, &mut partial).await?,
    }
    partial.complete(name)
}

/// One attempt to bring a file to its place.
pub async fn upload(line: &Line<'_>, place: &Place, file: &Path) -> Result<(), Failure> {
    match place.scheme() {
        Scheme::Http | Scheme::Https => http::upload(line, place, file).await,
        Scheme::Ftp | Scheme::Ftps => ftp::upload(line, place, file).await,
    }
}
