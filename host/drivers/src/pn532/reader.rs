//! The reader as the station sees it, and the thread that talks to it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use units::{Instant, Millis};

use super::card::CardKind;
use super::machine::{Event, Failure, Firmware, Pn532};
use super::port::Port;
use crate::limits::{PN532_CARDS, PN532_READ_BYTES, PN532_SEND_BYTES};
use crate::reader::{CardReader, CardSeen, ReaderError};

/// The thread looks up at least this often.
const WAIT_MAX: Millis = Millis::new(50);
/// A thread that has not looked up for so long hangs in the kernel; its reader is silent.
const HUNG: Millis = Millis::new(3_000);

/// Something for the log. It never holds a card's number: that names a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The reader works.
    Ready(Firmware),
    /// A card was read.
    Read {
        /// What it may be.
        kind: CardKind,
        /// Its number is another one each time.
        random: bool,
    },
    /// Several cards were held up at once; none was taken.
    Several,
    /// A card could not be read.
    Unreadable,
    /// The line cannot be opened.
    CannotOpen(String),
    /// The reader failed; it is tried again.
    Failed(Failure),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(Firmware { version, revision }) => {
                write!(f, "the PN532 works (firmware {version}.{revision})")
            }
            Self::Read {
                kind,
                random: false,
            } => write!(f, "a card was read: {kind}"),
            Self::Read { kind, random: true } => write!(
                f,
                "a card was read: {kind}; its number is another one each time, so no list can know it"
            ),
            Self::Several => f.write_str("several cards were held up at once, none was taken"),
            Self::Unreadable => f.write_str("a card could not be read"),
            Self::CannotOpen(error) => write!(f, "the reader's line cannot be opened: {error}"),
            Self::Failed(Failure::Line) => f.write_str("the reader's line is gone"),
            Self::Failed(Failure::Silent(question)) => {
                write!(f, "the PN532 does not answer ({question:?})")
            }
            Self::Failed(Failure::Refused(question)) => {
                write!(f, "the PN532 refuses a command ({question:?})")
            }
            Self::Failed(Failure::OtherChip) => {
                f.write_str("what answers is no PN532 that reads cards of type A")
            }
            Self::Failed(Failure::Garbage) => {
                f.write_str("what arrives is nothing that a PN532 sends")
            }
        }
    }
}

#[derive(Debug)]
struct Shared {
    silent: AtomicBool,
    /// When the thread looked up last, in ms.
    alive: AtomicU64,
}

/// A PN532 on a serial line.
///
/// Dropping it ends its thread within [a moment](WAIT_MAX); nothing waits for that.
#[derive(Debug)]
pub struct Pn532Reader {
    shared: Arc<Shared>,
    cards: Receiver<CardSeen>,
    /// Nothing is ever sent; the thread ends when it is gone.
    _running: SyncSender<()>,
}

impl Pn532Reader {
    /// Starts the thread that opens `device` and reads cards. A device that is missing is waited for.
    ///
    /// `clock` must be the one whose time [`CardReader::poll`] is given. `note` is called on the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        device: PathBuf,
        clock: impl Fn() -> Instant + Send + 'static,
        note: impl FnMut(&Note) + Send + 'static,
    ) -> io::Result<Self> {
        let now = clock();
        let shared = Arc::new(Shared {
            silent: AtomicBool::new(false),
            alive: AtomicU64::new(now.as_millis()),
        });
        let (sender, cards) = sync_channel(PN532_CARDS);
        let (running, stop) = sync_channel(0);
        let worker = Worker {
            device,
            clock,
            note,
            shared: Arc::clone(&shared),
            cards: sender,
            stop,
            machine: Pn532::new(now),
            port: None,
            to_send: Vec::new(),
            open_error: None,
        };
        std::thread::Builder::new()
            .name("card-reader".to_owned())
            .spawn(move || worker.run())?;
        Ok(Self {
            shared,
            cards,
            _running: running,
        })
    }
}

impl CardReader for Pn532Reader {
    fn poll(&mut self, now: Instant) -> Result<Option<CardSeen>, ReaderError> {
        let alive = Instant::from_millis(self.shared.alive.load(Relaxed));
        let silent = self.shared.silent.load(Relaxed) || now.since(alive) > HUNG;
        match self.cards.try_recv() {
            Ok(_) if silent => {
                // Who held up a card before the reader failed has long gone.
                while self.cards.try_recv().is_ok() {}
                Err(ReaderError::Silent)
            }
            Ok(card) => Ok(Some(card)),
            Err(TryRecvError::Empty) if !silent => Ok(None),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => Err(ReaderError::Silent),
        }
    }
}

struct Worker<C, N> {
    device: PathBuf,
    clock: C,
    note: N,
    shared: Arc<Shared>,
    cards: SyncSender<CardSeen>,
    stop: Receiver<()>,
    machine: Pn532,
    port: Option<Port>,
    to_send: Vec<u8>,
    /// The reason that was told last, so that it is told once.
    open_error: Option<String>,
}

impl<C: Fn() -> Instant, N: FnMut(&Note)> Worker<C, N> {
    fn run(mut self) {
        while self.stop.try_recv() != Err(TryRecvError::Disconnected) {
            let now = (self.clock)();
            self.shared.alive.store(now.as_millis(), Relaxed);
            if self.machine.is_down() {
                self.port = None;
                self.to_send.clear();
            }
            if self.machine.wants_line(now) {
                self.open();
            }
            self.machine.handle_timeout(now);
            if self.port.is_some() {
                self.exchange();
            } else if self.rest(now) {
                return;
            }
            self.tell();
        }
    }

    fn open(&mut self) {
        let opened = Port::open(&self.device);
        let now = (self.clock)();
        match opened {
            Ok(port) => {
                self.port = Some(port);
                self.open_error = None;
                self.machine.handle_line_up(now);
            }
            Err(error) => {
                let error = io::Error::from(error).to_string();
                if self.open_error.as_ref() != Some(&error) {
                    (self.note)(&Note::CannotOpen(error.clone()));
                    self.open_error = Some(error);
                }
                self.machine.handle_line_lost(now);
            }
        }
    }

    /// Waits without a line. True: the reader is not wanted any longer.
    fn rest(&self, now: Instant) -> bool {
        let span = self.span(now);
        let waited = self.stop.recv_timeout(Duration::from_millis(span.get()));
        waited == Err(RecvTimeoutError::Disconnected)
    }

    /// Sends what is to be sent and takes what has arrived.
    fn exchange(&mut self) {
        let bytes = self.machine.take_bytes();
        if self.to_send.len().saturating_add(bytes.len()) <= PN532_SEND_BYTES {
            self.to_send.extend(bytes);
        }
        let Some(port) = &self.port else { return };
        let mut buffer = [0; PN532_READ_BYTES];
        let span = self.span((self.clock)());
        let result = port
            .write(&self.to_send)
            .and_then(|sent| {
                self.to_send.drain(..sent.min(self.to_send.len()));
                port.wait(span, !self.to_send.is_empty())
            })
            .and_then(|()| port.read(&mut buffer));
        let now = (self.clock)();
        match result {
            Ok(bytes) => self.machine.handle_bytes(now, bytes),
            Err(_) => self.machine.handle_line_lost(now),
        }
    }

    fn span(&self, now: Instant) -> Millis {
        // One millisecond more than nothing, so that a deadline that has just come does not turn into a busy loop.
        let until = self.machine.deadline().since(now);
        until.min(WAIT_MAX).max(Millis::new(1))
    }

    fn tell(&mut self) {
        self.shared.silent.store(self.machine.is_silent(), Relaxed);
        while let Some(event) = self.machine.poll_event() {
            let (note, seen) = match event {
                Event::Ready(firmware) => (Note::Ready(firmware), None),
                Event::Card(card) => {
                    let note = Note::Read {
                        kind: card.kind,
                        random: card.uid.is_random(),
                    };
                    (note, Some(CardSeen::Uid(card.uid)))
                }
                Event::Several => (Note::Several, Some(CardSeen::Unreadable)),
                Event::Unreadable => (Note::Unreadable, Some(CardSeen::Unreadable)),
                // Why it cannot be opened has been told.
                Event::Failed(Failure::Line) if self.open_error.is_some() => continue,
                Event::Failed(failure) => (Note::Failed(failure), None),
            };
            (self.note)(&note);
            if let Some(seen) = seen {
                // A full queue means that nobody asks; a card from then is of no use later.
                let _ = self.cards.try_send(seen);
            }
        }
    }
}
