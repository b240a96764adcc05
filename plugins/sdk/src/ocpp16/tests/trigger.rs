//! Messages that the backend asks for.

use super::*;

fn trigger(host: &mut Host, action: &str, message: &str, connector: Option<i64>) -> String {
    let mut payload = json!({"requestedMessage": message});
    if let Some(connector) = connector {
        payload["connectorId"] = json!(connector);
    }
    let id = format!("{action} {message} {connector:?} {}", host.sent.len());
    host.call(&id, action, &payload);
    let first = host.sent.first().unwrap();
    assert_eq!(
        (&first[0], &first[1]),
        (&json!(3), &json!(id)),
        "the answer first"
    );
    host.taken_answer(&id)[2]["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn read_meter(host: &mut Host, evse: u32) {
    let request = host.asked(|command| match command {
        Command::ReadMeter(request) => Some(request.clone()),
        _ => None,
    });
    let request = request.unwrap();
    assert_eq!(
        (request.evse_id, request.context),
        (evse, ReadingContext::Trigger)
    );
    let reading = MeterReading {
        evse_id: evse,
        at: moment(host.now),
        context: ReadingContext::Trigger,
        samples: vec![Sample {
            measurand: Measurand::EnergyImportRegisterWh,
            phase: None,
            value: 5,
        }],
    };
    host.give(Input::Meter((Some(request.request_id), reading)));
}

#[test]
fn tc_054_every_message_of_trigger_message_comes_after_the_answer() {
    for (message, action, status) in [
        ("BootNotification", "BootNotification", Value::Null),
        ("Heartbeat", "Heartbeat", Value::Null),
        (
            "DiagnosticsStatusNotification",
            "DiagnosticsStatusNotification",
            json!("Idle"),
        ),
        (
            "FirmwareStatusNotification",
            "FirmwareStatusNotification",
            json!("Idle"),
        ),
    ] {
        let mut host = Host::online(&[]);
        assert_eq!(
            trigger(&mut host, "TriggerMessage", message, None),
            "Accepted"
        );
        assert_eq!(host.take(action).1["status"], status, "{message}");
    }
    let mut host = Host::online(&[]);
    let one = trigger(&mut host, "TriggerMessage", "StatusNotification", Some(1));
    assert_eq!(one, "Accepted");
    let told = host.answer_all(&json!({}));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0][3]["connectorId"], 1);
    trigger(&mut host, "TriggerMessage", "StatusNotification", None);
    assert_eq!(
        host.answer_all(&json!({})).len(),
        3,
        "the station and two connectors"
    );
    let meter = trigger(&mut host, "TriggerMessage", "MeterValues", Some(2));
    assert_eq!(meter, "Accepted");
    read_meter(&mut host, 2);
    let told = host.answer("MeterValues", &json!({}));
    assert_eq!(told["connectorId"], 2);
    let context = &told["meterValue"][0]["sampledValue"][0]["context"];
    assert_eq!(*context, "Trigger");
}

#[test]
fn tc_055_unknown_connector_is_rejected_and_an_unknown_message_not_implemented() {
    let mut host = Host::online(&[]);
    for action in ["TriggerMessage", "ExtendedTriggerMessage"] {
        for connector in [3, -1] {
            let status = trigger(&mut host, action, "MeterValues", Some(connector));
            assert_eq!(status, "Rejected");
        }
        let status = trigger(&mut host, action, "MakeCoffee", None);
        assert_eq!(status, "NotImplemented");
        let status = trigger(&mut host, action, "MakeCoffee", Some(99));
        assert_eq!(status, "NotImplemented");
    }
    // Each trigger has words that the other does not know.
    let status = trigger(&mut host, "TriggerMessage", "LogStatusNotification", None);
    assert_eq!(status, "NotImplemented");
    let message = "DiagnosticsStatusNotification";
    let status = trigger(&mut host, "ExtendedTriggerMessage", message, None);
    assert_eq!(status, "NotImplemented");
    assert!(host.sent.is_empty(), "{:?}", host.sent);
}

#[test]
fn every_message_of_the_extended_trigger_comes_after_the_answer() {
    let extended = "ExtendedTriggerMessage";
    for (message, action, payload) in [
        ("Heartbeat", "Heartbeat", json!({})),
        (
            "LogStatusNotification",
            "LogStatusNotification",
            json!({"status": "Idle"}),
        ),
        (
            "FirmwareStatusNotification",
            "SignedFirmwareStatusNotification",
            json!({"status": "Idle"}),
        ),
    ] {
        let mut host = Host::online(&[]);
        assert_eq!(trigger(&mut host, extended, message, None), "Accepted");
        assert_eq!(host.take(action).1, payload, "{message}");
    }
    let mut host = Host::online(&[]);
    assert_eq!(
        trigger(&mut host, extended, "BootNotification", None),
        "Accepted"
    );
    host.answer_boot("Accepted", 300);
    host.answer_all(&json!({}));
    assert_eq!(
        trigger(&mut host, extended, "StatusNotification", Some(0)),
        "Accepted"
    );
    assert_eq!(
        host.answer("StatusNotification", &json!({}))["connectorId"],
        0
    );
    assert_eq!(
        trigger(&mut host, extended, "MeterValues", Some(1)),
        "Accepted"
    );
    read_meter(&mut host, 1);
    assert!(host.has_sent("MeterValues"));
}

#[test]
fn what_is_under_way_is_told_with_its_number_when_asked() {
    let mut host = Host::online(&[]);
    let order =
        json!({"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": "ftp://x/"}});
    host.call("a", "GetLog", &order);
    let request = host.asked(|command| match command {
        Command::Upload(request) => Some(request.request_id),
        _ => None,
    });
    host.outcome_of(request.unwrap(), OutcomeKind::Accepted, "");
    host.taken_answer("a");
    trigger(
        &mut host,
        "ExtendedTriggerMessage",
        "LogStatusNotification",
        None,
    );
    let told = host.take("LogStatusNotification").1;
    assert_eq!(told, json!({"status": "Uploading", "requestId": 7}));

    let mut host = Host::online(&[]);
    let order = json!({"location": "ftp://x/y", "retrieveDate": "2027-01-15T08:00:00Z"});
    host.call("a", "UpdateFirmware", &order);
    let request = host.asked(|command| match command {
        Command::DownloadFirmware(request) => Some(request.request_id),
        _ => None,
    });
    host.report(request.unwrap(), TransferStage::Running);
    host.answer("FirmwareStatusNotification", &json!({}));
    host.taken_answer("a");
    for action in ["TriggerMessage", "ExtendedTriggerMessage"] {
        trigger(&mut host, action, "FirmwareStatusNotification", None);
        let told = host.answer("FirmwareStatusNotification", &json!({}));
        assert_eq!(told["status"], "Downloading", "{action}");
    }
}

#[test]
fn pending_backend_gets_what_it_triggers_and_nothing_else() {
    let mut host = Host::with(&[]);
    host.link_up();
    host.answer_boot("Pending", 600);
    host.sent.clear();
    let status = trigger(&mut host, "TriggerMessage", "StatusNotification", Some(1));
    assert_eq!(status, "Accepted");
    assert_eq!(host.answer_all(&json!({})).len(), 1);
    trigger(&mut host, "TriggerMessage", "MeterValues", Some(1));
    read_meter(&mut host, 1);
    host.answer("MeterValues", &json!({}));
    trigger(&mut host, "TriggerMessage", "BootNotification", None);
    assert!(host.has_sent("BootNotification"));
}
