//! Transactions that the backend is not to know of (free charging "with OCPP status notif"): it sees a connector that
//! is free or taken, and nothing else.

use super::*;

/// Everything sent so far, answered, by action.
fn actions(host: &mut Host) -> Vec<String> {
    let sent = host.answer_all(&json!({}));
    let action = |frame: &Value| frame[2].as_str().unwrap().to_owned();
    sent.iter().map(action).collect()
}

fn silent_start(host: &mut Host, transaction: u64, kind: TokenKind) {
    host.journal(JournalEvent::Started(TransactionStarted {
        transaction,
        evse_id: 1,
        connector_id: 1,
        token: Token { kind, ..card() },
        meter_start_wh: 1_000,
        reservation: None,
        offline: true,
        silent: true,
    }));
}

fn charging(transaction: Option<u64>) -> ConnectorStatus {
    ConnectorStatus {
        plugged: true,
        authorized: true,
        pilot: PilotState::C,
        charging: ChargingState::Charging,
        transaction,
        ..free(1)
    }
}

#[test]
fn silent_transaction_is_told_as_status_only_and_the_journal_goes_on() {
    // Without a card and with one.
    for kind in [TokenKind::Other, TokenKind::Rfid] {
        let mut host = Host::online(&[]);
        for (key, value) in [
            ("StopTxnSampledData", "Energy.Active.Import.Register"),
            ("MeterValuesAlignedData", "Energy.Active.Import.Register"),
        ] {
            let change = json!({"key": key, "value": value});
            host.call(key, "ChangeConfiguration", &change);
            host.taken_answer(key);
        }
        silent_start(&mut host, 1, kind);
        assert_eq!(host.cursor, 1);
        host.give(Input::Connector(charging(Some(1))));
        let told = host.answer("StatusNotification", &json!({}));
        assert_eq!(told["status"], "Charging");
        for context in [
            ReadingContext::TransactionBegin,
            ReadingContext::SamplePeriodic,
            ReadingContext::SampleClock,
            ReadingContext::TransactionEnd,
        ] {
            host.metered(1, context);
        }
        assert_eq!(host.cursor, 5);
        // A new instance knows as little.
        host.replace(true);
        assert!(!actions(&mut host).contains(&"StartTransaction".to_owned()));
        host.metered(1, ReadingContext::SamplePeriodic);
        host.ended(1);
        assert_eq!(host.cursor, 7);
        host.give(Input::Connector(ConnectorStatus {
            finishing: true,
            charging: ChargingState::EvConnected,
            pilot: PilotState::B,
            ..charging(None)
        }));
        host.give(Input::Connector(free(1)));
        let told = actions(&mut host);
        assert!(
            told.iter().all(|action| action == "StatusNotification"),
            "{told:?}"
        );
        assert!(host.outbox.is_empty());
        assert!(
            !host
                .store
                .keys()
                .any(|key| key.starts_with("tx/") || key.starts_with("rd/"))
        );
    }
}

#[test]
fn readings_asked_for_during_a_silent_transaction_belong_to_none() {
    let mut host = Host::online(&[]);
    silent_start(&mut host, 1, TokenKind::Other);
    host.give(Input::Connector(charging(Some(1))));
    host.answer("StatusNotification", &json!({}));
    let trigger = json!({"requestedMessage": "MeterValues", "connectorId": 1});
    host.call("t", "TriggerMessage", &trigger);
    let request_id = host.commands.iter().find_map(|command| match command {
        Command::ReadMeter(request) => Some(request.request_id),
        _ => None,
    });
    let reading = MeterReading {
        evse_id: 1,
        at: moment(host.now),
        context: ReadingContext::Trigger,
        samples: vec![Sample {
            measurand: Measurand::EnergyImportRegisterWh,
            phase: None,
            value: 2_000,
        }],
    };
    host.give(Input::Meter((request_id, reading)));
    let told = host.answer("MeterValues", &json!({}));
    assert_eq!(told.get("transactionId"), None);
}

#[test]
fn remote_stop_of_a_silent_transaction_is_rejected_whatever_number_is_guessed() {
    let mut host = Host::online(&[]);
    silent_start(&mut host, 1, TokenKind::Other);
    host.give(Input::Connector(charging(Some(1))));
    host.answer("StatusNotification", &json!({}));
    host.commands.clear();
    for number in [-1, 0, 1] {
        let id = format!("stop {number}");
        host.call(
            &id,
            "RemoteStopTransaction",
            &json!({"transactionId": number}),
        );
        assert_eq!(host.taken_answer(&id)[2]["status"], "Rejected");
    }
    let asked = |command: &Command| matches!(command, Command::RequestStop(_));
    assert!(!host.commands.iter().any(asked));
}

#[test]
fn transaction_after_a_silent_one_is_told_as_always() {
    let mut host = Host::online(&[]);
    silent_start(&mut host, 1, TokenKind::Rfid);
    host.ended(1);
    host.started(2);
    host.answer("StartTransaction", &start_answer(40, "Accepted"));
    host.ended(2);
    assert_eq!(
        host.answer("StopTransaction", &json!({}))["transactionId"],
        40
    );
    assert_eq!(host.cursor, 4);
}

#[test]
fn silent_transaction_does_not_wait_for_the_backend() {
    let mut host = Host::online(&[]);
    host.link_down();
    silent_start(&mut host, 1, TokenKind::Other);
    host.metered(1, ReadingContext::SamplePeriodic);
    host.ended(1);
    assert_eq!(host.cursor, 3);
    assert!(host.outbox.is_empty());
}
