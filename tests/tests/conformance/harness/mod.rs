//! What a conformance case needs: one built station, one central system, and words to expect things with.

mod authority;
mod files;
mod peer;
mod process;
mod record;
mod selftest;
mod station;
mod tls;
mod warm;

use std::time::Duration;

use serde_json::{Value, json};

pub use authority::{Authority, Pair};
pub use files::FileServer;
pub use peer::{Peer, PeerKind};
pub use process::{end, root};
pub use station::{IDENTITY, Operator, Station};
pub use tls::Certificates;

/// How long the station may take for something that needs no timer: generous, because all cores may be busy.
pub const SOON: Duration = Duration::from_secs(20);
/// How long it may take where the interlock waits before it trusts a healed fault.
pub const LEISURE: Duration = Duration::from_secs(50);
/// How long to watch for something that must not happen.
pub const QUIET: Duration = Duration::from_millis(1500);

/// Card that the central system accepts unless a case says otherwise.
pub const CARD: &str = "04A1B2C3";
/// Another card.
pub const OTHER_CARD: &str = "04D4E5F6";

/// How a case begins.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Whose adapter and pack.
    pub operator: Operator,
    /// Which central system.
    pub peer: PeerKind,
    /// Over TLS, with a certificate authority made for this case.
    pub tls: bool,
    /// Adapter settings beside the URL.
    pub adapter: Vec<(&'static str, String)>,
    /// Station settings of the configuration file.
    pub settings: Vec<(&'static str, Value)>,
    /// The connectors have their own cable.
    pub fixed_cable: bool,
    /// The script that installs firmware.
    pub installer: Option<&'static str>,
    /// An authority that the station trusts instead of the public ones.
    pub trust: Option<std::path::PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            operator: Operator::EFlux,
            peer: PeerKind::Python,
            tls: false,
            adapter: Vec::new(),
            settings: Vec::new(),
            fixed_cable: false,
            installer: None,
            trust: None,
        }
    }
}

impl Setup {
    /// Another operator's station.
    pub fn of(operator: Operator) -> Self {
        Self {
            operator,
            ..Self::default()
        }
    }

    /// The same, over TLS.
    pub fn over_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// With one setting of the adapter.
    pub fn adapter(mut self, key: &'static str, value: &str) -> Self {
        self.adapter.push((key, value.to_owned()));
        self
    }

    /// A connector counts as occupied as soon as a plug or a card is there: what the compliancy list expects wherever a
    /// `Preparing` comes before the other of the two. Cases without this run on the adapter's default and must not
    /// depend on it.
    pub fn on_either(self) -> Self {
        self.adapter("status_strategy", "occupied-on-authorized")
    }

    /// A connector counts as occupied when plug and card are there.
    pub fn on_both(self) -> Self {
        self.adapter("status_strategy", "occupied-on-charging")
    }

    /// With one station setting.
    pub fn setting(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.settings.push((key, value.into()));
        self
    }

    /// With a script that installs firmware.
    pub fn installer(mut self, script: &'static str) -> Self {
        self.installer = Some(script);
        self
    }

    /// With an authority that the station trusts instead of the public ones.
    pub fn trusting(mut self, authority: &Authority) -> Self {
        self.trust = Some(authority.file());
        self
    }

    /// Starts the central system, not yet the station: boot cases prepare answers first.
    pub fn prepare(self) -> Case {
        let certificates = self.tls.then(Certificates::create);
        let peer = Peer::start(self.peer, certificates.as_ref());
        let station = Station::prepare(&self, peer.port(), certificates.as_ref());
        Case {
            station,
            peer,
            certificates,
            tolerated: Vec::new(),
        }
    }

    /// Starts both and waits until the station is registered and every connector is reported as available.
    pub fn start(self) -> Case {
        let mut case = self.prepare();
        case.station.start();
        case.booted();
        case
    }
}

/// Something that was seen, with its place in the order of things.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Position among all events.
    pub at: usize,
    /// The whole event.
    pub event: Value,
}

impl Seen {
    /// The payload of the frame.
    pub fn payload(&self) -> &Value {
        &self.event["payload"]
    }

    /// A text of the payload.
    pub fn text(&self, key: &str) -> &str {
        self.payload()[key]
            .as_str()
            .unwrap_or_else(|| panic!("no text {key} in {}", self.event))
    }

    /// A number of the payload.
    pub fn number(&self, key: &str) -> i64 {
        self.payload()[key]
            .as_i64()
            .unwrap_or_else(|| panic!("no number {key} in {}", self.event))
    }

    /// Message id.
    pub fn id(&self) -> &str {
        self.event["id"].as_str().unwrap_or_default()
    }
}

/// Asserts that things were seen in this order.
pub fn in_order(seen: &[&Seen]) {
    for pair in seen.windows(2) {
        assert!(
            pair[0].at < pair[1].at,
            "wrong order: {} before {}",
            pair[1].event,
            pair[0].event
        );
    }
}

/// One running case.
pub struct Case {
    /// The station under test.
    pub station: Station,
    /// The central system.
    pub peer: Peer,
    /// What the central system shows over TLS.
    pub certificates: Option<Certificates>,
    tolerated: Vec<&'static str>,
}

impl Case {
    /// Waits for a new connection.
    pub fn opened(&mut self) -> Seen {
        self.peer
            .expect("a connection", LEISURE, |event| event["event"] == "open")
    }

    /// Waits for the whole boot sequence.
    pub fn booted(&mut self) {
        self.call("BootNotification");
        for connector in 0..=2 {
            self.status(connector, "Available");
        }
    }

    /// The next unseen call of this action.
    pub fn call(&mut self, action: &str) -> Seen {
        self.call_where(action, |_| true)
    }

    /// The next unseen call of this action whose payload fits.
    pub fn call_where(&mut self, action: &str, fits: impl Fn(&Value) -> bool) -> Seen {
        self.call_within(action, SOON, fits)
    }

    /// The same with its own bound.
    pub fn call_within(
        &mut self,
        action: &str,
        within: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Seen {
        self.peer
            .expect(&format!("call {action}"), within, |event| {
                event["event"] == "call" && event["action"] == action && fits(&event["payload"])
            })
    }

    /// The next StatusNotification of this connector with this status.
    pub fn status(&mut self, connector: i64, status: &str) -> Seen {
        self.peer.expect(
            &format!("status {status} of connector {connector}"),
            SOON,
            |event| {
                event["action"] == "StatusNotification"
                    && event["event"] == "call"
                    && event["payload"]["connectorId"] == connector
                    && event["payload"]["status"] == status
            },
        )
    }

    /// The same for a status that comes only after the interlock has made sure for half a minute.
    pub fn status_at_leisure(&mut self, connector: i64, status: &str) -> Seen {
        self.call_within("StatusNotification", LEISURE, |payload| {
            payload["connectorId"] == connector && payload["status"] == status
        })
    }

    /// Asserts that no unseen call of this action exists or comes for a while.
    pub fn no_call(&mut self, action: &str) {
        self.no_call_for(action, QUIET);
    }

    /// The same for a given time.
    pub fn no_call_for(&mut self, action: &str, how_long: Duration) {
        self.peer
            .refuse(&format!("call {action}"), how_long, |event| {
                event["event"] == "call" && event["action"] == action
            });
    }

    /// Asserts that this connector does not report this status for a while.
    pub fn no_status(&mut self, connector: i64, status: &str) {
        self.peer
            .refuse(&format!("status {status} of {connector}"), QUIET, |event| {
                event["action"] == "StatusNotification"
                    && event["event"] == "call"
                    && event["payload"]["connectorId"] == connector
                    && event["payload"]["status"] == status
            });
    }

    /// Forgets everything seen up to now.
    pub fn forget(&mut self) {
        self.peer.forget();
    }

    /// Sends a call to the station and returns the payload of its answer.
    pub fn ask(&mut self, action: &str, payload: Value) -> Value {
        let id = self.peer.send_call(action, payload, false);
        let answer = self
            .peer
            .expect(&format!("answer to {action}"), SOON, |event| {
                event["id"] == id && (event["event"] == "result" || event["event"] == "error")
            });
        assert_eq!(
            answer.event["event"], "result",
            "{action}: {}",
            answer.event
        );
        answer.event["payload"].clone()
    }

    /// Sends a call and asserts the status of its answer.
    pub fn ask_for(&mut self, action: &str, payload: Value, status: &str) {
        let answer = self.ask(action, payload.clone());
        assert_eq!(
            answer["status"], status,
            "{action} {payload} was answered {answer}"
        );
    }

    /// Sends a call that breaks the schema, and returns the code of the error it gets.
    pub fn ask_wrongly(&mut self, action: &str, payload: Value) -> String {
        let id = self.peer.send_call(action, payload, true);
        let answer = self
            .peer
            .expect(&format!("answer to wrong {action}"), SOON, |event| {
                event["id"] == id && (event["event"] == "result" || event["event"] == "error")
            });
        answer.event["code"]
            .as_str()
            .unwrap_or("accepted")
            .to_owned()
    }

    /// ChangeConfiguration that must be accepted.
    pub fn configure(&mut self, key: &str, value: &str) {
        self.ask_for(
            "ChangeConfiguration",
            json!({"key": key, "value": value}),
            "Accepted",
        );
    }

    /// One configuration value.
    pub fn configured(&mut self, key: &str) -> String {
        let answer = self.ask("GetConfiguration", json!({"key": [key]}));
        let value = &answer["configurationKey"][0]["value"];
        value
            .as_str()
            .unwrap_or_else(|| panic!("{key}: {answer}"))
            .to_owned()
    }

    /// From now on the central system answers this action so.
    pub fn answer(&mut self, action: &str, payload: Value) {
        self.peer
            .command(json!({"do": "answer", "action": action, "payload": payload}));
    }

    /// From now on every card has this status.
    pub fn answer_cards(&mut self, status: &str) {
        self.answer("Authorize", json!({"idTagInfo": {"status": status}}));
    }

    /// Plugs in and waits until the station has noticed, whatever it tells the central system of it.
    pub fn plugged(&mut self, connector: u8) {
        self.station.plug_in(connector);
        self.station.shows("the plug", |status| {
            status["evses"][usize::from(connector) - 1]["connector"]["plugged"] == true
        });
    }

    /// Plug first, then card, until the station reports charging. Returns StartTransaction and its transaction id.
    pub fn charging(&mut self, connector: u8) -> (Seen, i64) {
        self.plugged(connector);
        self.station.swipe(connector, CARD);
        let started = self.call("StartTransaction");
        let transaction = self.transaction_of(&started);
        self.status(connector.into(), "Charging");
        (started, transaction)
    }

    /// The transaction id that the central system gave to this StartTransaction.
    pub fn transaction_of(&mut self, started: &Seen) -> i64 {
        let id = started.id().to_owned();
        let told = self
            .peer
            .expect("answer to StartTransaction", SOON, |event| {
                event["event"] == "answered"
                    && event["id"] == *id
                    && event["payload"]["transactionId"].is_i64()
            });
        told.number("transactionId")
    }

    /// The station's text of a card number, as the operator wants it.
    pub fn tag(&self, card: &str) -> String {
        self.station.operator().tag(card)
    }

    /// This case provokes violations whose text contains this; they do not fail it.
    pub fn tolerate(&mut self, what: &'static str) {
        self.tolerated.push(what);
    }

    /// Waits until the control socket's status satisfies a condition.
    pub fn station_shows(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.station.shows(what, fits)
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.peer.report();
            self.station.report();
            return;
        }
        let wrong = self.peer.wrongs(&self.tolerated);
        if !wrong.is_empty() {
            self.peer.report();
            panic!("the peer objects: {wrong:#?}");
        }
    }
}
