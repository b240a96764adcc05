//! The line between the station and its central system, and the central system at its end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use drivers::sim::Rng;
use ocpp::v16::AuthorizationStatus;
use ocpp::v16::csms::{Csms, CsmsConfig};
use sdk::backend::{Input, LinkDown, LinkFailure, LinkUp};
use units::{Instant, Millis, Timestamp};

/// Wall-clock time at the simulation's beginning: 2026-01-01T00:00:00Z.
pub const WALL_START_MS: i64 = 1_767_225_600_000;
/// The card the central system accepts.
pub const GOOD_CARD: &str = "0A0E9B83";
/// Another card it accepts.
pub const OTHER_CARD: &str = "04AABBCCDDEE80";
/// A card it knows and has blocked.
pub const BLOCKED_CARD: &str = "DEADBEEF";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Down,
    Dialling { until: Instant },
    Up,
}

/// A central system in bad order: what it does to one frame in so many is drawn from the seed.
#[derive(Debug)]
pub struct Rude {
    rng: Rng,
    /// Calls it has refused once; a station gives up what is refused again and again.
    refused: BTreeSet<String>,
}

/// What happens to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// It is lost, or never answered.
    Lost,
    /// The connection closes after it.
    Closes,
    /// A call is answered with an error.
    Refused,
    Doubled,
    Slow,
}

/// How long a slow answer takes.
const SLOW: Millis = Millis::from_secs(8);

impl Rude {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed ^ 0x2DE),
            refused: BTreeSet::new(),
        }
    }

    fn up(&mut self, text: &str) -> Fate {
        match self.rng.below(120) {
            0 => Fate::Lost,
            1 => Fate::Closes,
            2 if text.starts_with("[2,") && self.refused.insert(text.to_owned()) => Fate::Refused,
            _ => Fate::Fine,
        }
    }

    fn down(&mut self) -> Fate {
        match self.rng.below(80) {
            0 => Fate::Lost,
            1..=4 => Fate::Doubled,
            5..=7 => Fate::Slow,
            _ => Fate::Fine,
        }
    }
}

/// Line and central system.
#[derive(Debug)]
pub struct Network {
    /// The central system misbehaves.
    pub rude: Option<Rude>,
    pub csms: Csms,
    line: Line,
    reachable: bool,
    latency: Millis,
    up_queue: VecDeque<(Instant, String)>,
    down_queue: VecDeque<(Instant, String)>,
    inputs: VecDeque<Input>,
    ledger: Ledger,
    /// Frames the central system has received.
    pub delivered: u64,
    /// A rule that the station has broken on the line.
    pub violation: Option<String>,
}

/// Which message ids have carried which transaction messages.
#[derive(Debug, Default)]
struct Ledger {
    by_id: BTreeMap<String, String>,
    by_content: BTreeMap<String, String>,
    /// Highest journal position that has reached the central system.
    arrived: u64,
}

impl Ledger {
    /// Notes a frame of the station; answers what is wrong with it.
    fn note(&mut self, text: &str) -> Option<String> {
        let frame: serde_json::Value = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => return Some(format!("the station sent no JSON ({error}): {text}")),
        };
        if frame.get(0).and_then(serde_json::Value::as_u64) != Some(2) {
            return None;
        }
        let (Some(id), Some(action)) = (frame[1].as_str(), frame[2].as_str()) else {
            return Some(format!("the station sent a broken call: {text}"));
        };
        let in_transaction = match action {
            "StartTransaction" | "StopTransaction" => true,
            "MeterValues" => frame[3].get("transactionId").is_some(),
            _ => false,
        };
        if !in_transaction {
            return None;
        }
        let content = format!("{action} {}", frame[3]);
        let known_id = self
            .by_content
            .entry(content.clone())
            .or_insert_with(|| id.to_owned());
        if known_id != id {
            return Some(format!(
                "a message went out under the ids {known_id} and {id}: {content}"
            ));
        }
        let known = self
            .by_id
            .entry(id.to_owned())
            .or_insert_with(|| content.clone());
        (*known != content).then(|| format!("id {id} carried {known} and then {content}"))
    }
}

impl Ledger {
    /// A frame reaches the central system. What is new comes in the journal's order; repetitions are older.
    fn arrives(&mut self, text: &str) -> Option<String> {
        let frame: serde_json::Value = serde_json::from_str(text).ok()?;
        let id = frame[1]
            .as_str()
            .filter(|id| self.by_id.contains_key(*id))?;
        let digits: String = id
            .strip_prefix('j')?
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let seq: u64 = digits.parse().ok()?;
        let before = self.arrived;
        self.arrived = before.max(seq);
        (seq < before).then(|| format!("message {id} arrives after that of journal {before}"))
    }
}

impl Network {
    pub fn new(latency: Millis) -> Self {
        let config = CsmsConfig::accepting(300)
            .with_token(GOOD_CARD, AuthorizationStatus::Accepted)
            .with_token(&GOOD_CARD.to_lowercase(), AuthorizationStatus::Accepted)
            .with_token(OTHER_CARD, AuthorizationStatus::Accepted)
            .with_token(&OTHER_CARD.to_lowercase(), AuthorizationStatus::Accepted)
            .with_token(BLOCKED_CARD, AuthorizationStatus::Blocked)
            .with_token(&BLOCKED_CARD.to_lowercase(), AuthorizationStatus::Blocked);
        let wall = Timestamp::from_unix_millis(WALL_START_MS);
        Self {
            rude: None,
            csms: Csms::new(config, Instant::ZERO, wall),
            line: Line::Down,
            reachable: true,
            latency,
            up_queue: VecDeque::new(),
            down_queue: VecDeque::new(),
            inputs: VecDeque::new(),
            ledger: Ledger::default(),
            delivered: 0,
            violation: None,
        }
    }

    pub fn is_up(&self) -> bool {
        self.line == Line::Up
    }

    /// The uplink fails or comes back. What is on its way is lost.
    pub fn set_reachable(&mut self, reachable: bool) {
        self.reachable = reachable;
        if !reachable && self.line != Line::Down {
            self.drop_line();
            self.tell_down(LinkFailure::Network, "the uplink failed");
        }
    }

    /// The station has lost power or its software: the line goes, and nobody is there to be told.
    pub fn cut(&mut self) {
        self.drop_line();
        self.inputs.clear();
    }

    fn drop_line(&mut self) {
        if self.line == Line::Up {
            self.csms.handle_disconnected();
        }
        self.line = Line::Down;
        self.up_queue.clear();
        self.down_queue.clear();
    }

    fn tell_down(&mut self, failure: LinkFailure, detail: &str) {
        self.inputs.push_back(Input::LinkDown(LinkDown {
            failure,
            detail: detail.to_owned(),
        }));
    }

    pub fn connect(&mut self, now: Instant) {
        self.drop_line();
        if self.reachable {
            let until = now.after(Millis::new(self.latency.get() * 3));
            self.line = Line::Dialling { until };
        } else {
            self.tell_down(LinkFailure::Network, "nobody answers");
        }
    }

    pub fn disconnect(&mut self) {
        if self.line != Line::Down {
            self.drop_line();
            self.tell_down(LinkFailure::Closed, "closed as asked");
        }
    }

    /// A frame of the station.
    pub fn send(&mut self, now: Instant, text: String) -> Result<(), String> {
        if self.line != Line::Up {
            return Ok(());
        }
        if let Some(wrong) = self.ledger.note(&text) {
            return Err(wrong);
        }
        self.up_queue.push_back((now.after(self.latency), text));
        Ok(())
    }

    /// A text that no central system in its senses would send.
    pub fn inject(&mut self, now: Instant, text: &str) {
        if self.line == Line::Up {
            self.down_queue.push_back((now, text.to_owned()));
        }
    }

    fn refuse(&mut self, now: Instant, text: &str) {
        let call: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let error = serde_json::json!([4, call[1], "InternalError", "in bad order", {}]);
        self.answer(now, error.to_string());
    }

    fn answer(&mut self, now: Instant, text: String) {
        let due = now.after(self.latency);
        match self.rude.as_mut().map_or(Fate::Fine, Rude::down) {
            Fate::Lost => {}
            Fate::Doubled => {
                self.down_queue.push_back((due, text.clone()));
                self.down_queue.push_back((due, text));
            }
            Fate::Slow => self.down_queue.push_back((now.after(SLOW), text)),
            _ => self.down_queue.push_back((due, text)),
        }
    }

    /// Moves what is due; gives what the adapter is to be told.
    pub fn poll(&mut self, now: Instant) -> Option<Input> {
        if let Line::Dialling { until } = self.line
            && until <= now
        {
            self.line = Line::Up;
            let up = LinkUp {
                subprotocol: Some("ocpp1.6".to_owned()),
                secure: false,
            };
            self.inputs.push_back(Input::LinkUp(up));
        }
        while let Some((_, text)) = self.up_queue.pop_front_if(|(due, _)| *due <= now) {
            self.delivered += 1;
            if let Some(wrong) = self.ledger.arrives(&text) {
                self.violation.get_or_insert(wrong);
            }
            let fate = self.rude.as_mut().map_or(Fate::Fine, |r| r.up(&text));
            match fate {
                Fate::Lost => {}
                Fate::Refused => self.refuse(now, &text),
                _ => self.csms.handle_frame(now, &text),
            }
            if fate == Fate::Closes {
                self.drop_line();
                self.tell_down(LinkFailure::Closed, "the central system closes");
            }
        }
        if self.csms.poll_timeout().is_some_and(|due| due <= now) {
            self.csms.handle_timeout(now);
        }
        while let Some(text) = self.csms.poll_frame() {
            if self.line == Line::Up {
                self.answer(now, text);
            }
        }
        if let Some(input) = self.inputs.pop_front() {
            return Some(input);
        }
        self.down_queue
            .pop_front_if(|(due, _)| *due <= now)
            .map(|(_, text)| Input::Frame(text))
    }
}
