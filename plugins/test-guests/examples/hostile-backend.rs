//! A backend adapter that misbehaves in the way its setting `do` names, at `start` (`start:<way>`) or at every input.
//!
//! Besides the ways of `test_guests::misbehave`: `accept-all` (accepts every token, known request or not), `wrong-id`
//! (accepts a request nobody made), `huge` (10 MB to send), `flood` (10,000 commands), `ungranted-url`, `bad-url`,
//! `bad-evse`, `bad-clock`, `bad-timeout`, `everything` (one of each command that needs a grant), `empty-key`,
//! `advance-ahead` (beyond what it was given), `store-hoard` (300 KiB), `half-commit` (a good and a bad half), `moody` (accepts every other
//! time), `send-flood` and `request-flood` (100 of them at every input), `outbox-flood` (200 frames at every input), `durable-flood` (120
//! frames once, all sent at once), `wake-flood` (wants to be woken at once, always), `store-flood` (10,000 writes), `path-key` and `nul-key` (store
//! keys like paths, and with a NUL), `path-setting` and `nul-setting` (the same with keys of settings), `denied-hosts` and `denied-services` (URLs that read as
//! granted, headers and names that lead elsewhere), `lies` (ids that do not exist, or are others'), `bad-limit`, `restore-trap` (crashes if anything of it was kept), and the strings of
//! `test_guests::bad_string` as a frame.

use sdk::backend::{
    AvailabilityRequest, BackendAdapter, CancelReservationRequest, Command, ConnectRequest,
    DurableFrame, Input, Limit, ReadMeterRequest, ReadingContext, ReserveRequest, ResetKind,
    ResetRequest, SettingRequest, StartContext, StartRequest, StopRequest, UnlockRequest,
};
use sdk::{Decision, Manifest, Moment, Setting, StoreWrite, Token, TokenKind, Verdict};

/// The plugin.
pub struct Hostile {
    how: String,
    /// Inputs it was given.
    turn: u64,
}

impl BackendAdapter for Hostile {
    fn describe() -> Manifest {
        test_guests::manifest("hostile-backend")
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Vec<Command>) {
        let mut settings = context.settings.into_iter();
        let how = settings.find(|s| s.key == "do").map(|s| s.value);
        let how = how.unwrap_or_default();
        if how == "restore-trap" && !(context.store.is_empty() && context.outbox.is_empty()) {
            test_guests::misbehave("trap");
        }
        if let Some(how) = how.strip_prefix("start:") {
            test_guests::misbehave(how);
            let mut hostile = Self {
                how: how.to_owned(),
                turn: 0,
            };
            let commands = hostile.answer(None);
            return (hostile, commands);
        }
        (Self { how, turn: 0 }, Vec::new())
    }

    fn handle(&mut self, _now: Moment, input: Input) -> Vec<Command> {
        if let Input::SettingChanged(Setting { key, value }) = &input
            && key == "do"
        {
            self.how.clone_from(value);
        }
        test_guests::misbehave(&self.how);
        let asked = match input {
            Input::Authorize(request) => Some(request.request_id),
            _ => None,
        };
        self.answer(asked)
    }
}

impl Hostile {
    fn answer(&mut self, asked: Option<u64>) -> Vec<Command> {
        self.turn = self.turn.wrapping_add(1);
        if let Some(text) = test_guests::bad_string(&self.how) {
            return vec![Command::Send(text)];
        }
        match self.how.as_str() {
            "moody" => {
                let accepts = self.turn.is_multiple_of(2);
                let decision = if accepts {
                    Decision::Accepted
                } else {
                    Decision::Blocked
                };
                vec![Command::Verdict(Verdict::bare(
                    asked.unwrap_or(1),
                    decision,
                ))]
            }
            "bad-limit" => {
                let mut verdict = Verdict::bare(asked.unwrap_or(1), Decision::Accepted);
                verdict.limit_ma = Some(u32::MAX);
                vec![Command::Verdict(verdict)]
            }
            "send-flood" => vec![Command::Send("flood".to_owned()); 100],
            "request-flood" => vec![read_meter(1); 100],
            "wake-flood" => vec![Command::WakeAt(Some(units::Instant::ZERO))],
            "outbox-flood" | "durable-flood" if self.how == "outbox-flood" || self.turn == 1 => {
                self.frames()
            }
            "restore-trap" => vec![store("half", 1)],
            "path-key" => vec![store("../../../etc/passwd", 16)],
            "nul-key" => vec![store("list\0.wasm", 16)],
            "store-flood" => vec![store("k", 1); 10_000],
            "path-setting" => vec![setting("../../../etc/passwd", "x")],
            "nul-setting" => vec![setting("phases\0", "1")],
            "denied-hosts" => denied_hosts(),
            "denied-services" => test_guests::services::denied(),
            "lies" => lies(),
            _ => self.answer_in_other_ways(asked),
        }
    }

    /// 200 frames, the first five of them sent too, or 120 that are all sent.
    fn frames(&self) -> Vec<Command> {
        let (frames, sent) = if self.how == "outbox-flood" {
            (200, 5)
        } else {
            (120, 120)
        };
        let frame = |n: u64| DurableFrame {
            id: format!("{}-{n}", self.turn),
            text: format!("frame {}-{n}", self.turn),
        };
        let enqueue = (0..frames).map(|n| Command::Enqueue(frame(n)));
        let send = (0..sent).map(|n| Command::Send(frame(n).text));
        enqueue.chain(send).collect()
    }

    fn answer_in_other_ways(&mut self, asked: Option<u64>) -> Vec<Command> {
        match self.how.as_str() {
            "accept-all" => {
                vec![Command::Verdict(Verdict::bare(
                    asked.unwrap_or(1),
                    Decision::Accepted,
                ))]
            }
            "wrong-id" => vec![Command::Verdict(Verdict::bare(
                u64::MAX,
                Decision::Accepted,
            ))],
            "huge" => vec![Command::Send("x".repeat(10_000_000))],
            "huge-frame" => vec![Command::Enqueue(DurableFrame {
                id: "1".to_owned(),
                text: "x".repeat(10_000_000),
            })],
            "flood" => vec![Command::Send(String::new()); 10_000],
            "ungranted-url" => vec![connect("ws://192.0.2.1/anything", 60)],
            "bad-url" => vec![connect("file:///etc/passwd", 60)],
            "bad-timeout" => vec![connect("ws://127.0.0.1:9/", u32::MAX)],
            "bad-evse" => vec![start(u32::MAX)],
            "bad-clock" => vec![Command::SetClock(units::Timestamp::from_unix_millis(
                i64::MIN,
            ))],
            "empty-key" => {
                vec![Command::Store(StoreWrite {
                    key: String::new(),
                    value: Some(Vec::new()),
                })]
            }
            "advance-ahead" => vec![Command::Advance(u64::MAX)],
            "store-hoard" => vec![store("hoard", 300 << 10)],
            "half-commit" => vec![
                Command::Enqueue(DurableFrame {
                    id: "1".to_owned(),
                    text: "[]".to_owned(),
                }),
                Command::Dequeue(String::new()),
            ],
            "everything" => [everything(), test_guests::services::everything()].concat(),
            _ => Vec::new(),
        }
    }
}

fn connect(url: &str, timeout_s: u32) -> Command {
    Command::Connect(ConnectRequest {
        url: url.to_owned(),
        subprotocols: vec!["ocpp1.6".to_owned()],
        basic_auth: None,
        keep_alive_s: 30,
        timeout_s,
        client_certificate: None,
    })
}

fn start(evse_id: u32) -> Command {
    Command::RequestStart(StartRequest {
        request_id: 1,
        evse_id: Some(evse_id),
        token: Token {
            value: "04A1B2C3".to_owned(),
            kind: TokenKind::Central,
        },
        authorize_first: false,
    })
}

fn store(key: &str, bytes: usize) -> Command {
    Command::Store(StoreWrite {
        key: key.to_owned(),
        value: Some(vec![0; bytes]),
    })
}

fn setting(key: &str, value: &str) -> Command {
    Command::SetSetting(SettingRequest {
        request_id: 1,
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

fn read_meter(evse_id: u32) -> Command {
    Command::ReadMeter(ReadMeterRequest {
        request_id: 8,
        evse_id,
        context: ReadingContext::Trigger,
    })
}

/// Some read like the granted `ws://127.0.0.1:9/`, some are nobody's business.
fn denied_hosts() -> Vec<Command> {
    [
        "ws://127.0.0.1:90/",
        "ws://127.0.0.1:9@192.0.2.1/",
        "ws://127.0.0.1:9\\@192.0.2.1/",
        "ws://127.0.0.1:9/../../etc/passwd",
        "ws://127.0.0.1:9/%2e%2E/x",
        "ws://127.0.0.1:9/\0",
        "wss://127.0.0.1:9/",
        "http://127.0.0.1:9/",
        "file:///etc/passwd",
        "ws://169.254.169.254/latest/meta-data",
        "ws://[::1]:9/",
        "",
    ]
    .map(|url| connect(url, 60))
    .to_vec()
}

/// The station has EVSEs 1 and 2, and no transaction of these numbers.
fn lies() -> Vec<Command> {
    vec![
        start(9),
        Command::RequestStop(StopRequest {
            request_id: 2,
            transaction: u64::MAX,
        }),
        Command::Unlock(UnlockRequest {
            request_id: 3,
            evse_id: 9,
            connector_id: 1,
        }),
        Command::Unlock(UnlockRequest {
            request_id: 4,
            evse_id: 1,
            connector_id: 77,
        }),
        Command::SetAvailability(AvailabilityRequest {
            request_id: 5,
            evse_id: Some(200),
            operative: false,
        }),
        setting("no_such_setting", "1"),
        setting("../../../etc/passwd", "x"),
        read_meter(9),
        read_meter(0),
        read_meter(u32::MAX),
        Command::Reserve(reserve(9)),
        Command::CancelReservation(CancelReservationRequest {
            request_id: 10,
            reservation: 424_242,
        }),
        Command::Limit(Limit {
            evse_id: Some(u32::MAX),
            max_current_ma: Some(u32::MAX),
            phases: Some(77),
        }),
        Command::Verdict(Verdict::bare(u64::MAX, Decision::Accepted)),
        Command::TransactionVerdict(sdk::backend::TransactionVerdict {
            transaction: 424_242,
            verdict: Verdict::bare(1, Decision::Invalid),
            stop: true,
        }),
    ]
}

fn everything() -> Vec<Command> {
    vec![
        connect("ws://127.0.0.1:9/", 60),
        start(1),
        Command::RequestStop(StopRequest {
            request_id: 2,
            transaction: 1,
        }),
        Command::Unlock(UnlockRequest {
            request_id: 3,
            evse_id: 1,
            connector_id: 1,
        }),
        Command::Reset(ResetRequest {
            request_id: 4,
            kind: ResetKind::Hard,
        }),
        Command::SetAvailability(AvailabilityRequest {
            request_id: 5,
            evse_id: None,
            operative: false,
        }),
        Command::SetSetting(SettingRequest {
            request_id: 6,
            key: "installation_current_limit_a".to_owned(),
            value: "63".to_owned(),
        }),
        Command::ReadMeter(ReadMeterRequest {
            request_id: 7,
            evse_id: 1,
            context: ReadingContext::Trigger,
        }),
        Command::SetClock(units::Timestamp::from_unix_millis(1_800_000_000_000)),
        Command::Verdict(Verdict::bare(1, Decision::Accepted)),
        Command::TransactionVerdict(sdk::backend::TransactionVerdict {
            transaction: 1,
            verdict: Verdict::bare(1, Decision::Invalid),
            stop: true,
        }),
        Command::Limit(Limit {
            evse_id: Some(1),
            max_current_ma: Some(6_000),
            phases: None,
        }),
        Command::Reserve(reserve(1)),
        Command::CancelReservation(CancelReservationRequest {
            request_id: 10,
            reservation: 1,
        }),
    ]
}

fn reserve(evse_id: u32) -> ReserveRequest {
    ReserveRequest {
        request_id: 9,
        evse_id: Some(evse_id),
        reservation: 1,
        token: Token {
            value: "04A1B2C3".to_owned(),
            kind: TokenKind::Central,
        },
        group: None,
        expires_wall_ms: units::Timestamp::from_unix_millis(1_800_000_000_000),
    }
}

sdk::export_backend!(Hostile);
