//! One upload and one firmware job at a time, each on its own thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::watch;

use super::transfer::{Order, Progress};
use super::{Refused, Running};

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Diagnostics and security log.
    Upload,
    /// Download and installation.
    Firmware,
}

/// Whose job it is.
#[derive(Debug, Clone)]
pub struct Who {
    /// The adapter.
    pub adapter: String,
    /// Its number.
    pub request: u64,
    /// "upload", "download" or "install".
    pub what: &'static str,
}

impl Who {
    /// A job's owner.
    pub fn new(adapter: &str, request: u64, what: &'static str) -> Self {
        Self {
            adapter: adapter.to_owned(),
            request,
            what,
        }
    }
}

/// What a job's thread is given.
pub struct Task {
    /// Whose.
    pub who: Who,
    /// What it is told.
    pub orders: watch::Receiver<Order>,
    /// Where it says how far it is.
    pub progress: Arc<Progress>,
}

struct Active {
    serial: u64,
    who: Who,
    orders: watch::Sender<Order>,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Active {
    /// An installation goes to its end: half an image is worse than none.
    fn can_be_cancelled(&self) -> bool {
        self.who.what != "install"
    }
}

#[derive(Default)]
struct Table {
    next: u64,
    upload: Option<Active>,
    firmware: Option<Active>,
}

impl Table {
    fn place(&mut self, kind: Kind) -> &mut Option<Active> {
        match kind {
            Kind::Upload => &mut self.upload,
            Kind::Firmware => &mut self.firmware,
        }
    }
}

/// The two places. The lock is held for a few instructions only, never while a job does something.
#[derive(Default)]
pub struct Places(Mutex<Table>);

impl Places {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a job; an older one of the same adapter is cancelled and waited for, on the new one's thread.
    pub fn begin(
        self: &Arc<Self>,
        kind: Kind,
        who: Who,
        job: impl FnOnce(Task) + Send + 'static,
    ) -> Result<(), Refused> {
        let mut table = self.table();
        let serial = table.next;
        table.next += 1;
        let place = table.place(kind);
        if let Some(active) = place.as_ref()
            && (active.who.adapter != who.adapter || !active.can_be_cancelled())
        {
            return Err(Refused::Busy);
        }
        let before = place.take().and_then(|active| {
            active.orders.send_replace(Order::Cancel);
            active.thread
        });
        let (orders, told) = watch::channel(Order::Go);
        let progress = Arc::new(Progress::default());
        let task = Task {
            who: who.clone(),
            orders: told,
            progress: Arc::clone(&progress),
        };
        let places = Arc::clone(self);
        let thread = std::thread::Builder::new()
            .name(format!("file-{}", who.what))
            .spawn(move || {
                if let Some(before) = before {
                    // Its last report goes out before our first.
                    let _ended = before.join();
                }
                let leave = Leave {
                    places,
                    kind,
                    serial,
                };
                job(task);
                drop(leave);
            });
        let thread = thread.map_err(|_| Refused::Machine)?;
        *place = Some(Active {
            serial,
            who,
            orders,
            progress,
            thread: Some(thread),
        });
        Ok(())
    }

    /// Somebody's job runs there.
    pub fn is_taken(&self, kind: Kind) -> bool {
        self.table().place(kind).is_some()
    }

    /// Cancels a job.
    pub fn cancel(&self, adapter: &str, request: u64) -> bool {
        let table = self.table();
        let found = [&table.upload, &table.firmware]
            .into_iter()
            .flatten()
            .find(|active| {
                active.who.adapter == adapter
                    && active.who.request == request
                    && active.can_be_cancelled()
            });
        found.is_some_and(|active| {
            active.orders.send_replace(Order::Cancel);
            true
        })
    }

    /// What runs.
    pub fn running(&self) -> Vec<Running> {
        let table = self.table();
        [&table.upload, &table.firmware]
            .into_iter()
            .flatten()
            .map(|active| Running {
                adapter: active.who.adapter.clone(),
                request: active.who.request,
                kind: active.who.what,
                moved: active.progress.moved(),
                total: active.progress.total(),
            })
            .collect()
    }

    /// Stops everything, and waits for it.
    pub fn stop(&self) {
        let mut threads = Vec::new();
        {
            let mut table = self.table();
            for kind in [Kind::Upload, Kind::Firmware] {
                let place = table.place(kind);
                if let Some(active) = place.as_mut() {
                    active.orders.send_replace(Order::Stop);
                    threads.extend(active.thread.take());
                }
            }
        }
        for thread in threads {
            let _ended = thread.join();
        }
    }
}

/// Frees a job's place, also if the job panics.
struct Leave {
    places: Arc<Places>,
    kind: Kind,
    serial: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut table = self.places.table();
        let place = table.place(self.kind);
        if place
            .as_ref()
            .is_some_and(|active| active.serial == self.serial)
        {
            *place = None;
        }
    }
}
