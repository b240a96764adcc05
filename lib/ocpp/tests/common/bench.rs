//! A central system on a bench: a clock that is turned by hand and a charge point that is typed by hand.

use ocpp::v16::csms::{Csms, CsmsConfig, CsmsEvent};
use ocpp::v16::{
    AuthorizationStatus, ChargingProfile, ChargingProfileKind, ChargingProfilePurpose,
    ChargingRateUnit, ChargingSchedule, ChargingSchedulePeriod, Decimal, IdToken,
};
use serde_json::{Value, json};
use units::{Instant, Millis, Timestamp};

/// 2026-03-01T08:00:00Z
pub const WALL: i64 = 1_772_352_000_000;

pub struct Bench {
    pub csms: Csms,
    pub now: Instant,
    next: u32,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: CsmsConfig) -> Self {
        Self::on(Csms::new(
            config,
            Instant::ZERO,
            Timestamp::from_unix_millis(WALL),
        ))
    }

    pub fn on(csms: Csms) -> Self {
        Self {
            csms,
            now: Instant::ZERO,
            next: 0,
        }
    }

    pub fn pass(&mut self, span: Millis) {
        self.now = self.now.after(span);
    }

    pub fn wall_in(&self, seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(self.csms.wall(self.now).as_unix_millis() + seconds * 1_000)
    }

    /// Sends a request with a fresh id and returns the payload of its result.
    pub fn ask(&mut self, action: &str, payload: Value) -> Value {
        let answer = self.raw(action, payload);
        assert_eq!(answer[0], json!(3), "{answer}");
        answer[2].clone()
    }

    /// Sends a request with a fresh id and returns the frame it gets.
    pub fn raw(&mut self, action: &str, payload: Value) -> Value {
        self.next += 1;
        let id = format!("cp-{}", self.next);
        let text = json!([2, id, action, payload]).to_string();
        self.csms.handle_frame(self.now, &text);
        let answer = self.frame().expect("an answer");
        assert_eq!(answer[1], json!(id), "{answer}");
        answer
    }

    pub fn frame(&mut self) -> Option<Value> {
        let text = self.csms.poll_frame()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The call that goes out now, as action and payload; it is answered with a result.
    pub fn serve(&mut self, result: Value) -> (String, Value) {
        let call = self.frame().expect("a call");
        let text = json!([3, call[1], result]).to_string();
        self.csms.handle_frame(self.now, &text);
        (call[2].as_str().unwrap().into(), call[3].clone())
    }

    /// The call that goes out now is answered with an error.
    pub fn refuse(&mut self, code: &str) {
        let call = self.frame().expect("a call");
        let text = json!([4, call[1], code, "", {}]).to_string();
        self.csms.handle_frame(self.now, &text);
    }

    /// The call that goes out now is never answered.
    pub fn swallow(&mut self) -> Value {
        let call = self.frame().expect("a call");
        let due = self.csms.poll_timeout().expect("a time-out");
        self.now = due;
        self.csms.handle_timeout(due);
        call
    }

    pub fn events(&mut self) -> Vec<CsmsEvent> {
        core::iter::from_fn(|| self.csms.poll_event()).collect()
    }

    pub fn boot(&mut self) -> Value {
        self.ask(
            "BootNotification",
            json!({ "chargePointVendor": "P", "chargePointModel": "T" }),
        )
    }

    /// Starts a transaction and returns its number.
    pub fn start(&mut self, connector: i64, id_tag: &str, minute: u32) -> i64 {
        let answer = self.ask("StartTransaction", start(connector, id_tag, minute));
        answer["transactionId"].as_i64().unwrap()
    }
}

pub fn config() -> CsmsConfig {
    CsmsConfig::accepting(300)
        .with_token("CARD-1", AuthorizationStatus::Accepted)
        .with_token("CARD-2", AuthorizationStatus::Accepted)
}

pub fn tag(text: &str) -> IdToken {
    IdToken::new(text).unwrap()
}

pub fn start(connector: i64, id_tag: &str, minute: u32) -> Value {
    json!({ "connectorId": connector, "idTag": id_tag, "meterStart": 100,
            "timestamp": format!("2026-03-01T08:{minute:02}:00Z") })
}

pub fn stop(transaction_id: i64) -> Value {
    json!({ "transactionId": transaction_id, "meterStop": 900, "timestamp": "2026-03-01T09:00:00Z" })
}

pub fn profile(id: i64, purpose: ChargingProfilePurpose, stack_level: i64) -> ChargingProfile {
    ChargingProfile {
        charging_profile_id: id,
        transaction_id: None,
        stack_level,
        charging_profile_purpose: purpose,
        charging_profile_kind: ChargingProfileKind::Relative,
        recurrency_kind: None,
        valid_from: None,
        valid_to: None,
        charging_schedule: ChargingSchedule {
            duration: None,
            start_schedule: None,
            charging_rate_unit: ChargingRateUnit::Amperes,
            charging_schedule_period: vec![ChargingSchedulePeriod {
                start_period: 0,
                limit: Decimal::from_whole(16),
                number_phases: None,
            }],
            min_charging_rate: None,
        },
    }
}
