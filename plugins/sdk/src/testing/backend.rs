//! The bench of backend adapters: plays the host.

use std::collections::BTreeMap;

use units::{Instant, Millis, Timestamp};

use crate::backend::{
    BackendAdapter, BootReason, ChargingState, Command, ConnectorStatus, DurableFrame, Input,
    JournalEntry, JournalEvent, LinkDown, LinkFailure, LinkUp, PilotState, Role, StartContext,
};
use crate::{EvseInfo, Moment, Setting, StationInfo, StoreEntry};

/// Commands that one call may answer with.
const MAX_COMMANDS: usize = 256;
/// Key-value store of a plugin, bytes.
const MAX_STORE_BYTES: usize = 512 * 1024;
/// Wall clock at monotonic zero: 2027-01-15T08:00:00Z.
const WALL_AT_ZERO: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);

/// One adapter on the bench. What is durable survives [`replace`](Self::replace); the rest is for the test to look at.
#[derive(Debug)]
pub struct BackendBench<A> {
    /// The instance.
    pub plugin: A,
    /// What the next instance is told, except for what the bench keeps itself.
    pub context: StartContext,
    /// Key-value store.
    pub store: BTreeMap<String, Vec<u8>>,
    /// Frames enqueued and not dequeued.
    pub outbox: Vec<DurableFrame>,
    /// Journal entries up to this one were taken.
    pub cursor: u64,
    /// Monotonic time.
    pub at: Instant,
    /// Wall clock at monotonic zero; `None` while nobody has told the station the time.
    pub wall_at_zero: Option<Timestamp>,
    /// Frames sent, oldest first; the test takes them out.
    pub sent: Vec<String>,
    /// Every other command, oldest first; the test takes them out.
    pub commands: Vec<Command>,
    /// When the plugin wants to be woken.
    pub wake_at: Option<Instant>,
    /// Bytes written to store and outbox, for those who care about the flash.
    pub written: usize,
}

/// A station with this many EVSEs of one connector, nothing plugged, no link, and these settings.
#[must_use]
pub fn start_context(evses: u32, settings: &[(&str, &str)]) -> StartContext {
    let evse = |evse_id| EvseInfo {
        evse_id,
        connectors: 1,
        fixed_cable: false,
        max_current_ma: 32_000,
        phases: 3,
    };
    let setting = |(key, value): &(&str, &str)| Setting {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    };
    StartContext {
        identity: "PW 1".to_owned(),
        role: Role::Primary,
        settings: settings.iter().map(setting).collect(),
        store: Vec::new(),
        outbox: Vec::new(),
        cursor: 0,
        station: StationInfo {
            vendor: "Pilotwire".to_owned(),
            model: "Reference AC".to_owned(),
            serial: "S1".to_owned(),
            firmware: "0.1.0".to_owned(),
            iccid: None,
            imsi: None,
            meter_type: None,
            meter_serial: None,
            evses: (1..=evses).map(evse).collect(),
        },
        connectors: (1..=evses).map(connector).collect(),
        transactions: Vec::new(),
        faults: Vec::new(),
        link: None,
        boot_reason: BootReason::PowerUp,
        boot_count: 1,
        installation: None,
        client_certificate: false,
    }
}

/// A connector that nobody uses.
#[must_use]
pub fn connector(evse_id: u32) -> ConnectorStatus {
    ConnectorStatus {
        evse_id,
        connector_id: 1,
        operative: true,
        plugged: false,
        authorized: false,
        pilot: PilotState::A,
        charging: ChargingState::Idle,
        finishing: false,
        reserved: false,
        transaction: None,
        fault: None,
        at: Moment {
            at: Instant::ZERO,
            wall: Some(WALL_AT_ZERO),
        },
    }
}

impl<A: BackendAdapter> BackendBench<A> {
    /// Starts an adapter at monotonic zero. The manifest's defaults stand where the context has no setting.
    #[must_use]
    pub fn new(mut context: StartContext) -> Self {
        for spec in A::describe().settings {
            if context.settings.iter().all(|other| other.key != spec.key) {
                context.settings.push(Setting {
                    key: spec.key,
                    value: spec.default_value,
                });
            }
        }
        let now = Moment {
            at: Instant::ZERO,
            wall: Some(WALL_AT_ZERO),
        };
        let (plugin, commands) = A::start(now, context.clone());
        let mut bench = Self {
            plugin,
            context,
            store: BTreeMap::new(),
            outbox: Vec::new(),
            cursor: 0,
            at: Instant::ZERO,
            wall_at_zero: Some(WALL_AT_ZERO),
            sent: Vec::new(),
            commands: Vec::new(),
            wake_at: None,
            written: 0,
        };
        bench.execute(commands);
        bench
    }

    /// The time as the plugin is told it.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let since = i64::try_from(self.at.as_millis()).unwrap();
        let wall = |zero: Timestamp| Timestamp::from_unix_millis(zero.as_unix_millis() + since);
        Moment {
            at: self.at,
            wall: self.wall_at_zero.map(wall),
        }
    }

    /// A new instance from what survives: after a power cut, a trap or a swap. The link stays if `link` says so.
    pub fn replace(&mut self, link: Option<LinkUp>) {
        let mut context = self.context.clone();
        let entry = |(key, value): (&String, &Vec<u8>)| StoreEntry {
            key: key.clone(),
            value: value.clone(),
        };
        context.store = self.store.iter().map(entry).collect();
        context.outbox.clone_from(&self.outbox);
        context.cursor = self.cursor;
        context.link = link;
        self.wake_at = None;
        let (plugin, commands) = A::start(self.moment(), context);
        self.plugin = plugin;
        self.execute(commands);
    }

    /// One input.
    pub fn give(&mut self, input: Input) {
        let commands = self.plugin.handle(self.moment(), input);
        self.execute(commands);
    }

    /// A journal entry, as the host hands it over: the next number.
    pub fn journal(&mut self, event: JournalEvent) {
        let entry = JournalEntry {
            seq: self.cursor + 1,
            at: self.moment(),
            event,
        };
        self.give(Input::Journal(entry));
    }

    /// The link is up.
    pub fn link_up(&mut self, subprotocol: Option<&str>) {
        self.give(Input::LinkUp(LinkUp {
            subprotocol: subprotocol.map(str::to_owned),
            secure: false,
        }));
    }

    /// The link broke.
    pub fn link_down(&mut self) {
        self.give(Input::LinkDown(LinkDown {
            failure: LinkFailure::Network,
            detail: "gone".to_owned(),
        }));
    }

    /// Time passes, and the timer rings whenever it is due.
    pub fn pass(&mut self, span: Millis) {
        let end = self.at.after(span);
        for _ in 0..10_000 {
            match self.wake_at.filter(|wake| *wake <= end) {
                Some(wake) => {
                    self.at = wake.max(self.at);
                    self.wake_at = None;
                    self.give(Input::Timer);
                }
                None => {
                    self.at = end;
                    return;
                }
            }
        }
        panic!("the plugin wakes for ever");
    }

    /// Does what the host does with commands, and fails where the host would refuse.
    pub fn execute(&mut self, commands: Vec<Command>) {
        assert!(
            commands.len() <= MAX_COMMANDS,
            "{} commands",
            commands.len()
        );
        for command in commands {
            match command {
                Command::Advance(seq) => self.cursor = self.cursor.max(seq),
                Command::Store(write) => {
                    assert!((1..=64).contains(&write.key.chars().count()));
                    self.written += write.key.len() + write.value.as_ref().map_or(0, Vec::len);
                    match write.value {
                        Some(value) => self.store.insert(write.key, value),
                        None => self.store.remove(&write.key),
                    };
                }
                Command::Enqueue(frame) => {
                    let twice = self.outbox.iter().any(|other| other.id == frame.id);
                    assert!(!twice, "id used twice: {}", frame.id);
                    self.written += frame.text.len();
                    self.outbox.push(frame);
                }
                Command::Dequeue(id) => self.outbox.retain(|frame| frame.id != id),
                Command::Send(text) => self.sent.push(text),
                Command::WakeAt(at) => {
                    let late = at.is_some_and(|at| at <= self.at);
                    assert!(!late, "woken for ever: {at:?} at {:?}", self.at);
                    self.wake_at = at;
                }
                other => self.commands.push(other),
            }
        }
        let bytes: usize = self.store.iter().map(|(k, v)| k.len() + v.len()).sum();
        assert!(bytes <= MAX_STORE_BYTES, "the store has {bytes} bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::TransactionEnded;
    use crate::{Manifest, StoreWrite};

    /// Sends one frame per transaction, and again after every link-up until it is confirmed.
    struct Postman {
        outbox: Vec<DurableFrame>,
    }

    impl BackendAdapter for Postman {
        fn describe() -> Manifest {
            Manifest {
                name: "backend-postman".to_owned(),
                version: "0.0.0".to_owned(),
                summary: "For tests.".to_owned(),
                capabilities: Vec::new(),
                settings: Vec::new(),
            }
        }

        fn start(_: Moment, context: StartContext) -> (Self, Vec<Command>) {
            let outbox = context.outbox;
            (Self { outbox }, Vec::new())
        }

        fn handle(&mut self, now: Moment, input: Input) -> Vec<Command> {
            match input {
                Input::Journal(entry) => {
                    let frame = DurableFrame {
                        id: format!("j{}", entry.seq),
                        text: format!("entry {}", entry.seq),
                    };
                    self.outbox.push(frame.clone());
                    let write = StoreWrite {
                        key: "last".to_owned(),
                        value: Some(entry.seq.to_string().into_bytes()),
                    };
                    vec![
                        Command::Advance(entry.seq),
                        Command::Store(write),
                        Command::Enqueue(frame),
                    ]
                }
                Input::LinkUp(_) => {
                    let frames = self
                        .outbox
                        .iter()
                        .map(|frame| Command::Send(frame.text.clone()));
                    let wake = Command::WakeAt(Some(now.at.after(Millis::new(1_000))));
                    frames.chain([wake]).collect()
                }
                Input::Frame(id) => {
                    self.outbox.retain(|frame| frame.id != id);
                    vec![Command::Dequeue(id)]
                }
                Input::Timer => vec![Command::Disconnect("bored".to_owned())],
                _ => Vec::new(),
            }
        }
    }

    #[test]
    fn what_is_durable_survives_an_instance_and_the_rest_is_there_to_look_at() {
        let mut bench = BackendBench::<Postman>::new(start_context(1, &[]));
        let ended = TransactionEnded {
            transaction: 1,
            evse_id: 1,
            token: None,
            meter_stop_wh: 5,
            reason: crate::backend::StopReason::Local,
        };
        bench.journal(JournalEvent::Ended(ended));
        assert_eq!((bench.cursor, bench.outbox.len()), (1, 1));
        assert_eq!(bench.store["last"], b"1");
        bench.replace(None);
        bench.link_up(None);
        assert_eq!(bench.sent, ["entry 1"]);
        bench.give(Input::Frame("j1".to_owned()));
        assert!(bench.outbox.is_empty());
        bench.pass(Millis::new(999));
        assert!(bench.commands.is_empty());
        bench.pass(Millis::new(1));
        assert_eq!(bench.commands, [Command::Disconnect("bored".to_owned())]);
    }

    #[test]
    fn bench_fails_where_the_host_would_refuse() {
        let twice = || {
            let mut bench = BackendBench::<Postman>::new(start_context(1, &[]));
            let frame = DurableFrame {
                id: "a".to_owned(),
                text: String::new(),
            };
            bench.execute(vec![
                Command::Enqueue(frame.clone()),
                Command::Enqueue(frame),
            ]);
        };
        let failed = std::panic::catch_unwind(twice).unwrap_err();
        match failed.downcast_ref::<String>() {
            Some(text) => assert!(text.contains("id used twice"), "{text}"),
            None => panic!("another failure"),
        }
    }
}
