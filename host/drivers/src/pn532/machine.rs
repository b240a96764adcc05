//! The protocol of the PN532, without I/O and without a clock.
//!
//! Wake it, set it up, look for cards, look again. Every command is acknowledged and answered in time or tried again;
//! after three tries the line is given up, and whoever does the I/O opens it anew when [`Pn532::wants_line`] says so.

use std::collections::VecDeque;

use units::{Instant, Millis};

use super::card::{Card, parse_sight};
use super::frame::{ACK, Decoder, Frame, NACK, encode};
use super::presence::{Presence, Report};
use crate::limits::{PN532_EVENTS, PN532_GARBAGE_BYTES};

/// Wakes the reader from the sleep it falls into by itself; the zeros are the time it needs.
pub const WAKE_UP: [u8; 16] = [0x55, 0x55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The reader acknowledges within 15 ms; an adapter and a busy machine take their share.
const ACK_TIME: Millis = Millis::new(100);
/// A look takes as long as its retries, about 150 ms without a card.
const REPLY_TIME: Millis = Millis::new(1_000);
/// Rest between ending a command and the next one.
const PAUSE: Millis = Millis::new(20);
/// From the end of a look to the next one.
const LOOK_PERIOD: Millis = Millis::new(100);
/// How often a command is tried.
const TRIES: u8 = 3;
/// Wait after the first failure; doubled with each further one.
const BACK_OFF: Millis = Millis::new(250);
/// Longest wait between two attempts.
const BACK_OFF_MAX: Millis = Millis::new(10_000);
/// From so many failures in a row the reader counts as silent; one may be a glitch.
const SILENT_FAILURES: u8 = 2;

const HOST: u8 = 0xD4;
const READER: u8 = 0xD5;
const PN532_CHIP: u8 = 0x32;
/// Bit of the firmware's answer: cards of type A are supported.
const TYPE_A: u8 = 0x01;

/// What the reader is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// SAMConfiguration: normal mode. It comes first, because a reader that has just got power hears nothing else.
    Normal,
    /// GetFirmwareVersion.
    Firmware,
    /// RFConfiguration: how often a card is called before a look ends.
    Retries,
    /// InListPassiveTarget: up to two cards of type A.
    Look,
    /// RFConfiguration: field off, so that a card that stays answers the next look from its beginning.
    FieldOff,
}

impl Question {
    const fn command(self) -> &'static [u8] {
        match self {
            Self::Normal => &[HOST, 0x14, 0x01, 0x14, 0x00],
            Self::Firmware => &[HOST, 0x02],
            Self::Retries => &[HOST, 0x32, 0x05, 0xFF, 0x01, 0x10],
            Self::Look => &[HOST, 0x4A, 0x02, 0x00],
            Self::FieldOff => &[HOST, 0x32, 0x01, 0x00],
        }
    }

    const fn reply_code(self) -> u8 {
        match self {
            Self::Normal => 0x15,
            Self::Firmware => 0x03,
            Self::Retries | Self::FieldOff => 0x33,
            Self::Look => 0x4B,
        }
    }
}

/// What the reader says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Firmware {
    /// Version of the firmware.
    pub version: u8,
    /// Revision of the firmware.
    pub revision: u8,
}

/// Why the line was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The line could not be opened, or was lost.
    Line,
    /// A command was not acknowledged, or not answered.
    Silent(Question),
    /// A command was refused.
    Refused(Question),
    /// What answers is no PN532 that reads cards of type A.
    OtherChip,
    /// What arrives makes no sense.
    Garbage,
}

/// What the protocol has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The reader works.
    Ready(Firmware),
    /// A card was held up.
    Card(Card),
    /// Several cards were held up at once; none was taken.
    Several,
    /// A card was held up and could not be read.
    Unreadable,
    /// The reader failed and is tried again later.
    Failed(Failure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The command was sent.
    Ack,
    /// It was acknowledged.
    Reply,
    /// It was ended and is sent again after a rest.
    Pause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No line until then.
    Down { until: Instant },
    /// A question is out.
    Asking {
        question: Question,
        stage: Stage,
        tries: u8,
        deadline: Instant,
    },
    /// Until the next look.
    Resting { until: Instant },
}

/// The protocol's state.
#[derive(Debug)]
pub struct Pn532 {
    state: State,
    decoder: Decoder,
    presence: Presence,
    send: Vec<u8>,
    events: VecDeque<Event>,
    firmware: Option<Firmware>,
    announced: bool,
    failures: u8,
}

impl Pn532 {
    /// A reader that wants its line at once.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            state: State::Down { until: now },
            decoder: Decoder::default(),
            presence: Presence::default(),
            send: Vec::new(),
            events: VecDeque::new(),
            firmware: None,
            announced: false,
            failures: 0,
        }
    }

    /// There is no line, and it is time to open one.
    #[must_use]
    pub fn wants_line(&self, now: Instant) -> bool {
        matches!(self.state, State::Down { until } if now >= until)
    }

    /// There is no line, or it must be closed.
    #[must_use]
    pub const fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    /// The reader does not answer, and that is no glitch.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.failures >= SILENT_FAILURES
    }

    /// When [`Pn532::handle_timeout`] or [`Pn532::wants_line`] has something to say.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        match self.state {
            State::Down { until } | State::Resting { until } => until,
            State::Asking { deadline, .. } => deadline,
        }
    }

    /// Bytes that wait for the rest of their frame.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.decoder.waiting()
    }

    /// The line is open.
    pub fn handle_line_up(&mut self, now: Instant) {
        self.decoder.clear();
        self.decoder.forgive();
        self.send.clear();
        self.firmware = None;
        self.announced = false;
        self.ask(now, Question::Normal, 1);
    }

    /// The line could not be opened, or is gone.
    pub fn handle_line_lost(&mut self, now: Instant) {
        self.give_up(now, Failure::Line);
    }

    /// Bytes arrived.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        for byte in bytes {
            if self.is_down() {
                return;
            }
            self.decoder.push(*byte);
            while let Some(frame) = self.decoder.next_frame() {
                self.handle_frame(now, &frame);
            }
        }
        if self.decoder.garbage() > PN532_GARBAGE_BYTES {
            self.give_up(now, Failure::Garbage);
        } else if self.decoder.take_damaged() {
            self.handle_damaged(now);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Resting { until } if now >= until => self.ask(now, Question::Look, 1),
            State::Asking {
                question,
                stage,
                tries,
                deadline,
            } if now >= deadline => match stage {
                Stage::Pause => self.ask(now, question, tries.saturating_add(1)),
                Stage::Ack | Stage::Reply => {
                    self.try_again(now, question, tries, Failure::Silent(question));
                }
            },
            State::Down { .. } | State::Asking { .. } | State::Resting { .. } => {}
        }
    }

    /// Bytes to send, in order.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.send)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn ask(&mut self, now: Instant, question: Question, tries: u8) {
        // Half a frame from before would only swallow the beginning of the answer.
        self.decoder.clear();
        if question == Question::Normal {
            self.send.extend_from_slice(&WAKE_UP);
        }
        self.send
            .extend(encode(question.command()).unwrap_or_default());
        self.state = State::Asking {
            question,
            stage: Stage::Ack,
            tries,
            deadline: now.after(ACK_TIME),
        };
    }

    fn try_again(&mut self, now: Instant, question: Question, tries: u8, failure: Failure) {
        if tries >= TRIES {
            self.give_up(now, failure);
            return;
        }
        // An acknowledgement from the host ends whatever the reader is still doing.
        self.send.extend_from_slice(&ACK);
        self.state = State::Asking {
            question,
            stage: Stage::Pause,
            tries,
            deadline: now.after(PAUSE),
        };
    }

    fn give_up(&mut self, now: Instant, failure: Failure) {
        let doublings = u32::from(self.failures).min(16);
        let wait = BACK_OFF.get().saturating_mul(1 << doublings);
        self.failures = self.failures.saturating_add(1);
        self.send.clear();
        self.decoder.clear();
        self.state = State::Down {
            until: now.after(Millis::new(wait.min(BACK_OFF_MAX.get()))),
        };
        self.tell(Event::Failed(failure));
    }

    fn handle_frame(&mut self, now: Instant, frame: &Frame) {
        let State::Asking {
            question,
            stage,
            tries,
            ..
        } = self.state
        else {
            return;
        };
        match frame {
            Frame::Ack if stage == Stage::Ack => {
                self.state = State::Asking {
                    question,
                    stage: Stage::Reply,
                    tries,
                    deadline: now.after(REPLY_TIME),
                };
            }
            Frame::Nack | Frame::Error if stage != Stage::Pause => {
                self.try_again(now, question, tries, Failure::Refused(question));
            }
            // An answer whose acknowledgement was lost is an answer all the same.
            Frame::Data(data) if stage != Stage::Pause => {
                if let [READER, code, body @ ..] = data.as_slice()
                    && *code == question.reply_code()
                {
                    self.handle_reply(now, question, body);
                }
            }
            // Late answers, and our own words on a line that echoes.
            Frame::Ack | Frame::Nack | Frame::Error | Frame::Data(_) => {}
        }
    }

    /// An answer came with a wrong sum: the reader still has it.
    fn handle_damaged(&mut self, now: Instant) {
        if let State::Asking {
            question,
            stage: Stage::Reply,
            tries,
            ..
        } = self.state
            && tries < TRIES
        {
            self.send.extend_from_slice(&NACK);
            self.state = State::Asking {
                question,
                stage: Stage::Reply,
                tries: tries.saturating_add(1),
                deadline: now.after(REPLY_TIME),
            };
        }
    }

    fn handle_reply(&mut self, now: Instant, question: Question, body: &[u8]) {
        match question {
            Question::Normal => self.ask(now, Question::Firmware, 1),
            Question::Firmware => match body {
                [PN532_CHIP, version, revision, support, ..] if support & TYPE_A != 0 => {
                    self.firmware = Some(Firmware {
                        version: *version,
                        revision: *revision,
                    });
                    self.ask(now, Question::Retries, 1);
                }
                _ => self.give_up(now, Failure::OtherChip),
            },
            Question::Retries => self.ask(now, Question::Look, 1),
            Question::Look => {
                self.handle_look(now, body);
                self.ask(now, Question::FieldOff, 1);
            }
            Question::FieldOff => {
                self.state = State::Resting {
                    until: now.after(LOOK_PERIOD),
                };
            }
        }
    }

    fn handle_look(&mut self, now: Instant, body: &[u8]) {
        self.failures = 0;
        if !self.announced
            && let Some(firmware) = self.firmware
        {
            self.announced = true;
            self.tell(Event::Ready(firmware));
        }
        match self.presence.see(now, parse_sight(body)) {
            Some(Report::Card(card)) => self.tell(Event::Card(card)),
            Some(Report::Several) => self.tell(Event::Several),
            Some(Report::Unreadable) => self.tell(Event::Unreadable),
            None => {}
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= PN532_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}
