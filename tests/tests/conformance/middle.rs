//! What begins in the middle of a session: another backend, limits that the display explains, an update.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{CARD, Peer, PeerKind, Seen, Setup};

#[test]
fn backend_added_during_a_charge_hears_of_its_start_and_of_its_end() {
    let mut case = Setup::default().start();
    let (started, transaction) = case.charging(1);
    let mut second = Peer::start(PeerKind::Python, None);
    second.command(json!({"do": "answer", "action": "StartTransaction",
        "payload": {"transactionId": 777, "idTagInfo": {"status": "Accepted"}}}));
    let port = second.port();
    let observer = format!(
        "\n[[plugin]]\nname = \"backend-lms\"\nkind = \"backend\"\nrole = \"observer\"\n\
         grants = {{ \"net.connect\" = [\"ws://127.0.0.1:{port}/\"], \"settings.read\" = [\"*\"] }}\n\
         settings = {{ url = \"ws://127.0.0.1:{port}\", reconnect_base_s = 1, reconnect_max_s = 2 }}\n"
    );
    case.station.apply(&(case.station.pack_text() + &observer));
    let call = |peer: &mut Peer, action: &str| -> Seen {
        peer.expect(action, Duration::from_secs(20), |event| {
            event["event"] == "call" && event["action"] == action
        })
    };
    let heard = call(&mut second, "StartTransaction");
    for key in ["connectorId", "meterStart"] {
        assert_eq!(heard.payload()[key], started.payload()[key], "{key}");
    }
    let last = case.station.trial_over();
    assert!(last.ends_with("stays"), "{last}");
    case.station.swipe(1, CARD);
    assert_eq!(
        case.call("StopTransaction").number("transactionId"),
        transaction
    );
    assert_eq!(
        call(&mut second, "StopTransaction").number("transactionId"),
        777
    );
}

fn authentication(status: &Value, evse: usize) -> &Value {
    &status["evses"][evse]["transaction"]["authentication"]
}

// acceptance: T41, T42
#[test]
fn session_says_whether_a_card_was_held_to_the_reader_or_nobody_was_asked() {
    let mut case = Setup::default().start();
    case.charging(1);
    case.station
        .shows("a card", |status| authentication(status, 0) == "rfid");
    let free = "\n[[plugin]]\nname = \"free-modes\"\nkind = \"free-charging\"\ngrants = { authorize = true }\n\
                settings = { mode = \"full-fixed-without-auth\", fixed_tag = \"GRATIS\" }\n";
    case.station.apply(&(case.station.pack_text() + free));
    case.station.plug_in(2);
    let start = case.call("StartTransaction");
    assert_eq!(start.text("idTag"), "GRATIS");
    case.station
        .shows("nobody", |status| authentication(status, 1) == "anonymous");
    case.station.shows("still the card", |status| {
        authentication(status, 0) == "rfid"
    });
}

#[test]
fn display_says_how_much_and_why_not_more_in_each_language() {
    let mut case = Setup::default()
        .setting("operator_current_limit_a", 10)
        .start();
    let language = |tag: &str| format!("\n[[plugin]]\nname = \"lang-{tag}\"\nkind = \"display\"\n");
    let text = case.station.pack_text() + &language("en") + &language("de");
    case.station.apply(&text);
    case.charging(1);
    let says = |status: &Value, language: &str, words: &str| {
        let texts = status["evses"][0]["texts"].as_array().cloned();
        let mut texts = texts.unwrap_or_default().into_iter();
        let own = texts.find(|text| text["language"] == language);
        own.is_some_and(|text| text["lines"].to_string().contains(words))
    };
    case.station.shows("English", |status| {
        says(status, "en", "Limited to 10 A: the operator") && says(status, "en", "kWh charged")
    });
    case.station.shows("German", |status| {
        says(status, "de", "10 A: ") && !says(status, "de", "limit.") && says(status, "de", "kWh")
    });
}

#[test]
fn update_is_announced_by_the_stations_own_updater_and_keeps_people_out() {
    let mut case = Setup::default().start();
    let ask = |state: &str| json!({"verb": "request", "what": "update", "state": state});
    case.station.control(&ask("begin"));
    case.station.shows("the update", |status| {
        status["evses"][0]["indication"] == "update"
    });
    case.station.plug_in(1);
    case.station.swipe(1, CARD);
    case.no_call("Authorize");
    let wrong = case.station.refused(&ask("now"));
    assert!(wrong.contains("begin or end"), "{wrong}");
    case.station.control(&ask("end"));
    case.station.swipe(1, CARD);
    case.call("StartTransaction");
    let busy = case.station.refused(&ask("begin"));
    assert!(busy.contains("somebody charges"), "{busy}");
}

#[test]
fn setting_that_a_plugin_does_not_have_is_refused_and_everything_stays() {
    let mut case = Setup::default().start();
    let text = case.station.pack_text() + "\n[plugin.settings]\nkeep_alive = 5\n";
    case.station.apply(&text);
    let last = case.station.trial_over();
    assert!(last.contains("it has no setting `keep_alive`"), "{last}");
    case.charging(1);
}
