//! The driver of the PN532 on a real terminal line, with a chip at the other end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; their failure is the test's failure"
)]

mod pn532_chip;

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Wall};

use drivers::pn532::{Failure, Note, Pn532Reader};
use drivers::{CardReader, CardSeen, ReaderError};
use pn532_chip::{Chip, Fault, TestCard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use units::Instant;

/// Nothing here takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

#[allow(clippy::disallowed_methods, reason = "a test's clock")]
fn wall() -> Wall {
    Wall::now()
}

/// The chip's end of the line, on a thread of its own.
struct Plugged {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

struct Bench {
    begin: Wall,
    device: PathBuf,
    chip: Arc<Mutex<Chip>>,
    plugged: Option<Plugged>,
    reader: Option<Pn532Reader>,
    notes: Receiver<Note>,
    note_sender: SyncSender<Note>,
}

impl Bench {
    /// The name makes the device's own.
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let device = folder.join(format!("pn532-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&device);
        let (note_sender, notes) = sync_channel(1_000);
        Self {
            begin: wall(),
            device,
            chip: Arc::new(Mutex::new(Chip::new())),
            plugged: None,
            reader: None,
            notes,
            note_sender,
        }
    }

    /// A bench with a reader that works.
    fn ready(name: &str) -> Self {
        let mut bench = Self::new(name);
        bench.plug();
        bench.start();
        bench.wait_note(|note| matches!(note, Note::Ready(_)));
        bench
    }

    fn start(&mut self) {
        let begin = self.begin;
        let notes = self.note_sender.clone();
        let reader = Pn532Reader::start(
            self.device.clone(),
            move || Instant::from_millis(begin.elapsed().as_millis().try_into().unwrap()),
            move |note| {
                let _ = notes.try_send(note.clone());
            },
        );
        self.reader = Some(reader.unwrap());
    }

    fn chip<T>(&self, with: impl FnOnce(&mut Chip) -> T) -> T {
        with(&mut self.chip.lock().unwrap())
    }

    fn plug(&mut self) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        symlink(name.to_str().unwrap(), &self.device).unwrap();
        let (stop, stopped) = sync_channel(0);
        let chip = Arc::clone(&self.chip);
        let thread = std::thread::spawn(move || serve(&master, &chip, &stopped));
        self.plugged = Some(Plugged { stop, thread });
    }

    /// Pulls the adapter out: its device goes, and so does the line that the driver holds.
    fn unplug(&mut self) {
        std::fs::remove_file(&self.device).unwrap();
        let Plugged { stop, thread } = self.plugged.take().unwrap();
        drop(stop);
        thread.join().unwrap();
        self.chip(Chip::power_cycle);
    }

    fn poll(&mut self) -> Result<Option<CardSeen>, ReaderError> {
        let now = Instant::from_millis(self.begin.elapsed().as_millis().try_into().unwrap());
        let before = wall();
        let seen = self.reader.as_mut().unwrap().poll(now);
        assert!(before.elapsed() < Duration::from_secs(1), "poll waited");
        seen
    }

    /// Asks as the station does until the answer is the wanted one. Cards that come before are an error.
    fn wait_poll(&mut self, wanted: &Result<Option<CardSeen>, ReaderError>) {
        let begin = wall();
        loop {
            let seen = self.poll();
            if seen == *wanted {
                return;
            }
            assert!(!matches!(seen, Ok(Some(_))), "{seen:?}");
            assert!(begin.elapsed() < PATIENCE, "not {wanted:?}");
            std::thread::yield_now();
        }
    }

    fn wait_card(&mut self, card: &TestCard) {
        let uid = drivers::CardUid::try_from_bytes(&card.uid).unwrap();
        self.wait_poll(&Ok(Some(CardSeen::Uid(uid))));
    }

    fn wait_note(&self, wanted: impl Fn(&Note) -> bool) -> Note {
        loop {
            let note = self.notes.recv_timeout(PATIENCE).expect("a note");
            if wanted(&note) {
                return note;
            }
        }
    }

    /// Waits until the chip was asked for cards so many times more.
    fn wait_looks(&self, more: usize) {
        let begin = wall();
        let target = self.chip(|chip| chip.looks()) + more;
        while self.chip(|chip| chip.looks()) < target {
            assert!(begin.elapsed() < PATIENCE, "no more looks");
            std::thread::yield_now();
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.reader = None;
        if self.plugged.is_some() {
            self.unplug();
        }
    }
}

/// Plays the chip until told to stop.
fn serve(master: &OwnedFd, chip: &Mutex<Chip>, stopped: &Receiver<()>) {
    let begin = wall();
    let mut due: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut buffer = [0; 256];
    while stopped.try_recv() != Err(TryRecvError::Disconnected) {
        let now = u64::try_from(begin.elapsed().as_millis()).unwrap();
        let (ready, later) = due.drain(..).partition(|(at, _)| *at <= now);
        due = later;
        let ready: Vec<(u64, Vec<u8>)> = ready;
        for (_, bytes) in ready {
            for piece in bytes.chunks(5) {
                // Nobody may have the line open.
                let _ = rustix::io::write(master, piece);
            }
        }
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: 1_000_000,
        };
        let mut polled = [PollFd::from_borrowed_fd(master.as_fd(), PollFlags::IN)];
        poll(&mut polled, Some(&timeout)).unwrap();
        if !polled[0].revents().contains(PollFlags::IN) {
            std::thread::yield_now();
            continue;
        }
        if let Ok(n) = rustix::io::read(master, &mut buffer) {
            let sent = chip.lock().unwrap().receive(&buffer[..n]);
            due.extend(sent.into_iter().map(|(wait, bytes)| (now + wait, bytes)));
        }
    }
}

#[test]
fn card_is_read_over_a_real_line_once_while_it_stays() {
    let mut bench = Bench::ready("card");
    let card = TestCard::example();
    bench.chip(|chip| chip.cards = vec![card.clone()]);
    bench.wait_card(&card);
    bench.wait_looks(20);
    assert_eq!(bench.poll(), Ok(None));
    let note = bench.wait_note(|note| matches!(note, Note::Read { .. }));
    assert!(!note.to_string().contains("04567DAA5F3580"));
}

#[test]
fn card_that_takes_another_ones_place_is_read_over_a_real_line() {
    let mut bench = Bench::ready("change");
    for card in [
        TestCard::example(),
        TestCard::classic(),
        TestCard::example(),
    ] {
        bench.chip(|chip| chip.cards = vec![card.clone()]);
        bench.wait_card(&card);
    }
}

#[test]
fn two_cards_at_once_are_unreadable() {
    let mut bench = Bench::ready("two");
    bench.chip(|chip| chip.cards = vec![TestCard::example(), TestCard::classic()]);
    bench.wait_poll(&Ok(Some(CardSeen::Unreadable)));
    bench.wait_note(|note| *note == Note::Several);
}

#[test]
fn phone_is_read_and_its_number_marked_as_random() {
    let mut bench = Bench::ready("phone");
    bench.chip(|chip| chip.cards = vec![TestCard::phone()]);
    let note = bench.wait_note(|note| matches!(note, Note::Read { .. }));
    assert!(matches!(note, Note::Read { random: true, .. }));
    assert!(note.to_string().contains("no list can know it"));
    // The note is told a moment before the card is handed over.
    let begin = wall();
    let seen = loop {
        match bench.poll().unwrap() {
            Some(seen) => break seen,
            None => assert!(begin.elapsed() < PATIENCE),
        }
    };
    assert!(matches!(seen, CardSeen::Uid(uid) if uid.is_random()));
}

#[test]
fn unplugged_reader_is_silent_until_it_comes_back_and_forgets_no_card_on_it() {
    let mut bench = Bench::ready("unplugged");
    let card = TestCard::example();
    bench.chip(|chip| chip.cards = vec![card.clone()]);
    bench.wait_card(&card);
    bench.unplug();
    bench.wait_poll(&Err(ReaderError::Silent));
    bench.wait_note(|note| *note == Note::Failed(Failure::Line));
    bench.wait_note(|note| matches!(note, Note::CannotOpen(_)));
    bench.plug();
    bench.wait_poll(&Ok(None));
    bench.wait_looks(5);
    assert_eq!(bench.poll(), Ok(None), "the card lay there all the time");
    bench.chip(|chip| chip.cards = vec![TestCard::classic()]);
    bench.wait_card(&TestCard::classic());
}

#[test]
fn reader_that_is_missing_at_the_start_is_waited_for_and_the_reason_told_once() {
    let mut bench = Bench::new("missing");
    bench.start();
    bench.wait_poll(&Err(ReaderError::Silent));
    bench.plug();
    bench.wait_poll(&Ok(None));
    let reasons = bench.notes.try_iter();
    let reasons: Vec<_> = reasons
        .filter(|note| matches!(note, Note::CannotOpen(_)))
        .collect();
    assert_eq!(reasons.len(), 1);
}

#[test]
fn what_is_no_serial_line_is_not_read() {
    let mut bench = Bench::new("file");
    std::fs::write(&bench.device, "no line").unwrap();
    bench.start();
    bench.wait_note(|note| matches!(note, Note::CannotOpen(_)));
    bench.wait_poll(&Err(ReaderError::Silent));
    assert_eq!(std::fs::read(&bench.device).unwrap(), b"no line");
    std::fs::remove_file(&bench.device).unwrap();
}

#[test]
fn device_that_answers_garbage_is_silent_and_a_reader_in_its_place_works() {
    let mut bench = Bench::new("garbage");
    bench.chip(|chip| chip.fault = Fault::Garbage);
    bench.plug();
    bench.start();
    bench.wait_poll(&Err(ReaderError::Silent));
    bench.chip(|chip| chip.fault = Fault::None);
    bench.wait_poll(&Ok(None));
    bench.chip(|chip| chip.cards = vec![TestCard::classic()]);
    bench.wait_card(&TestCard::classic());
}

#[test]
fn slow_device_is_read_and_the_station_does_not_wait_for_it() {
    let mut bench = Bench::ready("slow");
    bench.chip(|chip| {
        chip.delay_ms = 700;
        chip.cards = vec![TestCard::classic()];
    });
    // `poll` fails the test if it ever waits.
    bench.wait_card(&TestCard::classic());
    assert_eq!(bench.poll(), Ok(None));
}

#[test]
fn dropped_reader_lets_go_of_its_line() {
    let mut bench = Bench::ready("dropped");
    bench.reader = None;
    // The thread owns a sender of notes; when it ends, ours is the only one left.
    let begin = wall();
    let (own, _) = sync_channel(1);
    bench.note_sender = own;
    while bench.notes.recv_timeout(PATIENCE).is_ok() {}
    assert!(begin.elapsed() < PATIENCE / 2);
    bench.start();
}

#[test]
fn cards_that_nobody_asked_for_before_the_reader_failed_are_forgotten() {
    let mut bench = Bench::ready("forgotten");
    bench.chip(|chip| chip.cards = vec![TestCard::classic()]);
    bench.wait_note(|note| matches!(note, Note::Read { .. }));
    // The next look comes after the card was handed over.
    bench.wait_looks(2);
    bench.chip(|chip| {
        chip.cards.clear();
        chip.fault = Fault::Silent;
    });
    bench.wait_note(|note| matches!(note, Note::Failed(_)));
    bench.wait_note(|note| matches!(note, Note::Failed(_)));
    // Told just before the second failure: the reader is silent, and what it knew is gone.
    bench.wait_poll(&Err(ReaderError::Silent));
    bench.chip(|chip| chip.fault = Fault::None);
    bench.wait_poll(&Ok(None));
}
