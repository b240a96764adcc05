//! A backend adapter that misbehaves in the way its setting `do` names, at `start` (`start:<way>`) or at every input.
//!
//! Besides the ways of `test_guests::misbehave`: `accept-all` (accepts every token, known request or not), `wrong-id`
//! (accepts a request nobody made), `huge` (10 MB to send), `flood` (10,000 commands), `ungranted-url`, `bad-url`,
//! `bad-evse`, `bad-clock`, `bad-timeout`, `everything` (one of each command that needs a grant), `empty-key`,
//! `advance-ahead` (beyond what it was given), `store-hoard` (300 KiB), `half-commit` (a good and a bad half).

use sdk::backend::{
    AvailabilityRequest, BackendAdapter, Command, ConnectRequest, DurableFrame, Input,
    ReadMeterRequest, ReadingContext, ResetKind, ResetRequest, SettingRequest, StartContext,
    StartRequest, StopRequest, UnlockRequest,
};
use sdk::{Decision, Manifest, Moment, Setting, StoreWrite, Token, TokenKind, Verdict};

/// The plugin.
pub struct Hostile {
    how: String,
}

impl BackendAdapter for Hostile {
    fn describe() -> Manifest {
        test_guests::manifest("hostile-backend")
    }

    fn start(_now: Moment, context: StartContext) -> (Self, Vec<Command>) {
        let how = context
            .settings
            .into_iter()
            .find(|s| s.key == "do")
            .map(|s| s.value);
        let how = how.unwrap_or_default();
        if let Some(how) = how.strip_prefix("start:") {
            test_guests::misbehave(how);
            let mut hostile = Self {
                how: how.to_owned(),
            };
            let commands = hostile.answer(None);
            return (hostile, commands);
        }
        (Self { how }, Vec::new())
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
            "store-hoard" => vec![Command::Store(StoreWrite {
                key: "hoard".to_owned(),
                value: Some(vec![0; 300 << 10]),
            })],
            "half-commit" => vec![
                Command::Enqueue(DurableFrame {
                    id: "1".to_owned(),
                    text: "[]".to_owned(),
                }),
                Command::Dequeue(String::new()),
            ],
            "everything" => everything(),
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
    ]
}

sdk::export_backend!(Hostile);
