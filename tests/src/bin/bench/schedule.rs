//! `GetCompositeSchedule` of a hundred profiles, inside the component.

use std::path::Path;
use std::time::Instant;

use plugin_host::{
    BackendCommand, BackendInput, BackendPlugin, BackendRole, BackendStart, Engine, EngineConfig,
    EvseInfo, Grants, Limits, LinkUp, PluginKind, Setting,
};
use serde_json::{Value, json};
use station::{BootReason, EvseId, JournalSeq, Moment};
use units::{Milliamps, Timestamp};

use crate::{percentile, report};

const ADAPTER: &str = "backend-lms";
const PROFILES: u32 = 100;
const PERIODS: u32 = 24;
const ASKED: usize = 300;
/// 2026-01-05T00:00:00Z, a Monday.
const BEGIN_MS: i64 = 1_767_571_200_000;

type Failure = Box<dyn std::error::Error>;

/// A running adapter and its backend's side of the link.
struct Link {
    plugin: BackendPlugin,
    now_ms: u64,
    ids: u32,
}

impl Link {
    fn moment(&self) -> Moment {
        let wall = BEGIN_MS.saturating_add_unsigned(self.now_ms);
        Moment {
            at: units::Instant::from_millis(self.now_ms),
            wall: Some(Timestamp::from_unix_millis(wall)),
        }
    }

    fn give(&mut self, input: BackendInput) -> Result<Vec<Value>, Failure> {
        self.now_ms = self.now_ms.saturating_add(1_000);
        let commands = self.plugin.handle(self.moment(), input)?;
        commands
            .into_iter()
            .filter_map(|command| match command {
                BackendCommand::Send(text) => Some(text),
                _ => None,
            })
            .map(|text| Ok(serde_json::from_str(&text)?))
            .collect()
    }

    /// A call of the backend; how long the component took for it, ms, and its answer.
    fn call(&mut self, action: &str, body: &Value) -> Result<(f64, Value), Failure> {
        self.ids = self.ids.saturating_add(1);
        let id = self.ids.to_string();
        let frame = BackendInput::Frame(json!([2, id, action, body]).to_string());
        let begin = Instant::now();
        let sent = self.give(frame)?;
        let ms = begin.elapsed().as_secs_f64() * 1_000.0;
        let answer = sent
            .into_iter()
            .find(|frame| frame.get(0) == Some(&json!(3)) && frame.get(1) == Some(&json!(id)))
            .and_then(|frame| frame.get(2).cloned())
            .ok_or_else(|| format!("{action} is not answered"))?;
        Ok((ms, answer))
    }
}

fn start(components: &Path) -> Result<Link, Failure> {
    let file = components.join(format!("{ADAPTER}.wasm"));
    let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let engine = Engine::new(EngineConfig::STATION)?;
    let loaded = engine.load(PluginKind::Backend, ADAPTER, &bytes, None)?;
    let plugin = BackendPlugin::instantiate(&loaded, Limits::DEFAULT, &Grants::none())?;
    let mut link = Link {
        plugin,
        now_ms: 0,
        ids: 0,
    };
    let url = Setting {
        key: "url".to_owned(),
        value: "ws://127.0.0.1:9/ocpp".to_owned(),
    };
    let evse = EvseInfo {
        evse: EvseId(1),
        connectors: 1,
        fixed_cable: false,
        max_current: Milliamps::from_amps(32),
        phases: 3,
    };
    let context = BackendStart {
        identity: "CP1".to_owned(),
        role: BackendRole::Primary,
        settings: vec![url],
        store: Vec::new(),
        outbox: Vec::new(),
        cursor: JournalSeq(0),
        station: station::Identity::default(),
        evses: vec![evse],
        connectors: Vec::new(),
        transactions: Vec::new(),
        faults: Vec::new(),
        link: None,
        boot_reason: BootReason::PowerUp,
        boot_count: 1,
        installation: None,
        client_certificate: false,
    };
    link.plugin.start(link.moment(), context)?;
    let up = LinkUp {
        subprotocol: Some("ocpp1.6".to_owned()),
        secure: false,
    };
    let sent = link.give(BackendInput::LinkUp(up))?;
    let boot = sent.first().and_then(|frame| frame.get(1)).cloned();
    let answer = json!([3, boot, {
        "status": "Accepted", "interval": 3_600, "currentTime": "2026-01-05T00:00:01Z",
    }]);
    link.give(BackendInput::Frame(answer.to_string()))?;
    Ok(link)
}

/// Each holds for a part of the day only, so that the schedule goes back and forth between them.
fn profile(number: u32) -> Value {
    let periods: Vec<Value> = (0..PERIODS)
        .map(|period| {
            let limit = 6 + (number * 7 + period * 5) % 26;
            json!({"startPeriod": period * 600 + number, "limit": limit})
        })
        .collect();
    let kind = match number % 2 {
        0 => "Absolute",
        _ => "Recurring",
    };
    let mut profile = json!({
        "chargingProfileId": number,
        "stackLevel": number,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": kind,
        "chargingSchedule": {
            "duration": 14_400 - number * 60,
            "startSchedule": format!("2026-01-05T{:02}:{:02}:00Z", number % 24, number % 60),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": with_first_at_zero(periods),
        },
    });
    if kind == "Recurring"
        && let Some(profile) = profile.as_object_mut()
    {
        profile.insert("recurrencyKind".to_owned(), json!("Daily"));
    }
    profile
}

fn with_first_at_zero(mut periods: Vec<Value>) -> Vec<Value> {
    if let Some(first) = periods.first_mut().and_then(Value::as_object_mut) {
        first.insert("startPeriod".to_owned(), json!(0));
    }
    periods
}

/// Installs the profiles and asks for a day of them, again and again.
pub fn measure(components: &Path) -> Result<(), Failure> {
    let mut link = start(components)?;
    for number in 0..PROFILES {
        let body = json!({"connectorId": 1, "csChargingProfiles": profile(number)});
        let (_, answer) = link.call("SetChargingProfile", &body)?;
        if answer != json!({"status": "Accepted"}) {
            return Err(format!("profile {number}: {answer}").into());
        }
    }
    let body = json!({"connectorId": 1, "duration": 86_400, "chargingRateUnit": "A"});
    let mut samples = Vec::with_capacity(ASKED);
    let mut periods = 0;
    for _ in 0..ASKED {
        let (ms, answer) = link.call("GetCompositeSchedule", &body)?;
        let list = answer.pointer("/chargingSchedule/chargingSchedulePeriod");
        periods = list.and_then(Value::as_array).map_or(0, Vec::len);
        if periods == 0 {
            return Err(format!("no schedule: {answer}").into());
        }
        samples.push(ms);
    }
    let p99 = percentile(&mut samples, 0.99);
    report("composite_schedule_ms", p99, "ms", ASKED);
    report("composite_schedule_periods", periods as f64, "", 1);
    Ok(())
}
