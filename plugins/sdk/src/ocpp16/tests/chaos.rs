//! Everything at once, in any order: calls, outcomes, reports, lost links, traps, restarts. Nothing panics, no call is
//! answered twice, and in the end everything durable has arrived.

use super::*;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let place = self.roll(u64::try_from(from.len()).unwrap());
        from[usize::try_from(place).unwrap()].clone()
    }
}

const STAGES: [TransferStage; 11] = [
    TransferStage::Running,
    TransferStage::Done,
    TransferStage::Failed,
    TransferStage::Verified,
    TransferStage::InvalidSignature,
    TransferStage::InvalidCertificate,
    TransferStage::Installing,
    TransferStage::Installed,
    TransferStage::InstallFailed,
    TransferStage::Restarting,
    TransferStage::Cancelled,
];

const OUTCOMES: [OutcomeKind; 5] = [
    OutcomeKind::Accepted,
    OutcomeKind::Rejected,
    OutcomeKind::NotSupported,
    OutcomeKind::Unknown,
    OutcomeKind::Failed,
];

/// What a backend may ask; the dates are around the test's time.
fn calls(second: u64) -> Vec<(&'static str, Value)> {
    let at = |seconds: u64| {
        let wall = WALL + i64::try_from(seconds * 1_000).unwrap();
        ocpp::v16::format_timestamp(Timestamp::from_unix_millis(wall))
    };
    let later = at(second + 40);
    let hash = json!({
        "hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "c",
    });
    let signed = |retrieve: &str, install: &str| {
        json!({"requestId": second, "firmware": {
            "location": "ftp://x/y", "retrieveDateTime": retrieve, "installDateTime": install,
            "signingCertificate": "c", "signature": "s",
        }})
    };
    let log = json!({"logType": "SecurityLog", "requestId": second, "log": {"remoteLocation": "ftp://x/"}});
    let trigger = |message: &str| json!({"requestedMessage": message});
    let key = |key: &str, value: &str| json!({"key": key, "value": value});
    vec![
        (
            "UpdateFirmware",
            json!({"location": "ftp://x/y", "retrieveDate": at(0)}),
        ),
        (
            "UpdateFirmware",
            json!({"location": "ftp://x/y", "retrieveDate": later}),
        ),
        ("SignedUpdateFirmware", signed(&at(0), &at(0))),
        ("SignedUpdateFirmware", signed(&later, &at(second + 80))),
        ("GetDiagnostics", json!({"location": "ftp://x/"})),
        ("GetLog", log),
        (
            "InstallCertificate",
            json!({"certificateType": "ManufacturerRootCertificate", "certificate": "c"}),
        ),
        ("DeleteCertificate", json!({"certificateHashData": hash})),
        (
            "GetInstalledCertificateIds",
            json!({"certificateType": "CentralSystemRootCertificate"}),
        ),
        ("CertificateSigned", json!({"certificateChain": "c"})),
        ("ChangeConfiguration", key("SecurityProfile", "2")),
        ("ChangeConfiguration", key("SecurityProfile", "0")),
        (
            "ChangeConfiguration",
            key("AuthorizationKey", "0123456789abcdef"),
        ),
        (
            "ChangeConfiguration",
            key("WebSocketPingInterval", &second.to_string()),
        ),
        ("GetConfiguration", json!({})),
        ("TriggerMessage", trigger("FirmwareStatusNotification")),
        ("TriggerMessage", trigger("DiagnosticsStatusNotification")),
        ("TriggerMessage", trigger("BootNotification")),
        (
            "ExtendedTriggerMessage",
            trigger("SignChargePointCertificate"),
        ),
        ("ExtendedTriggerMessage", trigger("LogStatusNotification")),
        (
            "ExtendedTriggerMessage",
            trigger("FirmwareStatusNotification"),
        ),
    ]
}

/// The numbers of requests that the station may answer or report on.
fn requests(host: &mut Host) -> Vec<u64> {
    host.commands
        .iter()
        .filter_map(|command| match command {
            Command::Upload(request) => Some(request.request_id),
            Command::DownloadFirmware(request) => Some(request.request_id),
            Command::InstallFirmware(request) => Some(*request),
            Command::ListCertificates(request) => Some(request.request_id),
            Command::InstallCertificate(request) => Some(request.request_id),
            Command::DeleteCertificate(request) => Some(request.request_id),
            Command::CreateCsr(request) => Some(request.request_id),
            Command::InstallChain(request) => Some(request.request_id),
            _ => None,
        })
        .collect()
}

/// Answers every call sent, and notes every answer of the adapter.
fn backend(host: &mut Host, dice: &mut Dice, answers: &mut Vec<String>) {
    for frame in std::mem::take(&mut host.sent) {
        let id = frame[1].as_str().unwrap().to_owned();
        if frame[0] != 2 {
            answers.push(id);
        } else if dice.roll(10) == 0 {
            let refusal = json!([4, id, "GenericError", "", {}]);
            host.give(Input::Frame(refusal.to_string()));
        } else if frame[2] == "BootNotification" {
            let status = dice.pick(&["Accepted", "Accepted", "Accepted", "Pending"]);
            let answer =
                json!({"status": status, "currentTime": "2027-01-15T08:00:00Z", "interval": 30});
            host.result(&id, &answer);
        } else if frame[2] == "Heartbeat" {
            host.result(&id, &json!({"currentTime": "2027-01-15T08:00:00Z"}));
        } else if frame[2] == "SignCertificate" {
            host.result(&id, &json!({"status": "Accepted"}));
        } else {
            host.result(&id, &json!({}));
        }
    }
}

fn step(host: &mut Host, dice: &mut Dice, number: u64, up: &mut bool, station: &mut Vec<u64>) {
    station.extend(requests(host));
    host.commands.clear();
    match dice.roll(12) {
        0..=2 if *up => {
            let (action, payload) = dice.pick(&calls(host.now / 1_000));
            host.call(&format!("c{number}"), action, &payload);
        }
        3 | 4 if !station.is_empty() => {
            let request = dice.pick(station);
            let kind = dice.pick(&OUTCOMES);
            host.outcome_of(request, kind, "why");
        }
        5 | 6 if !station.is_empty() => {
            let request = dice.pick(station);
            let stage = dice.pick(&STAGES);
            host.report(request, stage);
        }
        7 if !station.is_empty() => {
            let request = dice.pick(station);
            host.give(Input::Certificates((request, Vec::new())));
            host.give(Input::Csr((request, "csr".to_owned())));
        }
        8 if host.outbox.is_empty() => {
            host.journal(JournalEvent::Security("StartupOfTheDevice".to_owned()));
        }
        9 if *up => {
            *up = false;
            host.link_down();
        }
        0..=2 | 9 => {
            *up = true;
            host.link_up();
        }
        10 => {
            host.now += 1;
            host.boot_count += dice.roll(2);
            host.sent.clear();
            *up = false;
            host.replace(false);
        }
        _ => host.wait(dice.pick(&[1, 500, 5_000, 45_000])),
    }
}

#[test]
fn whatever_comes_in_whatever_order_nothing_panics_and_what_is_durable_arrives() {
    let mut answered = 0;
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut host = Host::with(&[
            ("security_events", "true"),
            ("basic_auth_password", "0123456789abcdef"),
            ("public_trust", "false"),
        ]);
        let (mut up, mut station, mut answers) = (false, Vec::new(), Vec::new());
        for number in 0..250 {
            step(&mut host, &mut dice, number, &mut up, &mut station);
            if dice.roll(3) > 0 && up {
                backend(&mut host, &mut dice, &mut answers);
            }
            assert!(host.outbox.len() <= DURABLE_NOTICES + 1, "seed {seed}");
        }
        if !up {
            host.link_up();
        }
        for _ in 0..200 {
            backend(&mut host, &mut dice, &mut answers);
            if host.outbox.is_empty() && host.adapter.is_online() {
                break;
            }
            host.wait(10_000);
        }
        assert!(host.outbox.is_empty(), "seed {seed}: {:?}", host.outbox);
        let total = answers.len();
        answers.sort();
        answers.dedup();
        assert_eq!(answers.len(), total, "seed {seed}: answered twice");
        answered += total;
        let stored: usize = host.store.values().map(Vec::len).sum();
        assert!(stored < 4_096, "seed {seed}: {stored} bytes are left");
    }
    assert!(
        answered > 60 * 20,
        "only {answered}: too quiet to show anything"
    );
}
