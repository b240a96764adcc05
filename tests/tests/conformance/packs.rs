//! Packs that change while the station runs: hot swap during a charge, free charging, several backends, and every way
//! back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{CARD, Case, OTHER_CARD, Operator, Peer, PeerKind, Setup};

fn plugin(status: &Value, name: &str) -> Value {
    let plugins = status["plugins"].as_array().cloned().unwrap_or_default();
    let found = plugins.into_iter().find(|plugin| plugin["name"] == name);
    found.unwrap_or_else(|| panic!("no plugin {name} in {status}"))
}

fn contactor_closed(status: &Value) -> bool {
    status["evses"][0]["contactor"] == "closed"
}

/// The case's pack with another setting of its adapter, so that the adapter has to be replaced.
fn changed(case: &Case, key: &str, value: &str) -> String {
    let text = case.station.pack_text();
    text + &format!("\n[plugin.settings]\n{key} = \"{value}\"\n")
}

fn free_pack(case: &Case, mode: &str) -> String {
    let free = format!(
        "\n[[plugin]]\nname = \"free-modes\"\nkind = \"free-charging\"\ngrants = {{ authorize = true }}\n\
         settings = {{ mode = \"{mode}\", fixed_tag = \"GRATIS\" }}\n"
    );
    case.station.pack_text() + &free
}

#[test]
fn adapter_is_replaced_during_a_charge_and_neither_contactor_nor_connection_nor_transaction_notice()
{
    let mut case = Setup::default().prepare();
    case.station.start();
    case.booted();
    let (_, transaction) = case.charging(1);
    case.forget();
    for round in 1..=5 {
        let text = changed(&case, "connection_timeout_s", &format!("{}", 30 + round));
        case.station.apply(&text);
        let status = case.station.shows("the swap", |status| {
            plugin(status, "backend-eflux")["swaps"] == round
        });
        assert!(contactor_closed(&status), "{status}");
        let last = case.station.trial_over();
        assert!(last.ends_with("stays"), "{last}");
    }
    case.no_call("BootNotification");
    let reconnects = case
        .peer
        .all(|event| event["event"] == "open" || event["event"] == "close");
    assert_eq!(reconnects, [""; 0], "the connection was kept");
    let starts = case.peer.all(|event| event["action"] == "StartTransaction");
    assert_eq!(starts, [""; 0]);
    case.station.swipe(1, CARD);
    let stop = case.call("StopTransaction");
    assert_eq!(stop.number("transactionId"), transaction);
    let status = case.station.status();
    let micros = plugin(&status, "backend-eflux")["swap_us"]
        .as_u64()
        .unwrap();
    println!("time without adapter at the last swap: {micros} µs");
}

#[test]
fn pack_whose_backend_never_accepts_the_station_is_taken_back() {
    let mut case = Setup::default().start();
    let (_, transaction) = case.charging(1);
    let text = "name = \"lost\"\nsummary = \"For tests.\"\n[health]\nwithin_s = 5\n\n[[plugin]]\n\
                name = \"backend-lms\"\nkind = \"backend\"\nrole = \"primary\"\n\
                grants = { \"net.connect\" = [\"ws://127.0.0.1:1/\"], authorize = true }\n\
                settings = { url = \"ws://127.0.0.1:1/\" }\n";
    case.station.apply(text);
    let refused = case
        .station
        .refused(&json!({"verb": "pack-apply", "text": text}));
    assert!(refused.contains("on trial"), "{refused}");
    let last = case.station.trial_over();
    assert!(last.contains("did not accept the station"), "{last}");
    let status = case.station.status();
    assert_eq!(status["pack"], "e-flux");
    assert!(contactor_closed(&status), "charging went on: {status}");
    case.station.shows("the old adapter is back", |status| {
        plugin(status, "backend-eflux")["registration"] == "registered"
    });
    case.station.swipe(1, CARD);
    let stop = case.call("StopTransaction");
    assert_eq!(stop.number("transactionId"), transaction);
}

#[test]
fn pack_with_a_plugin_that_dies_is_taken_back_and_the_old_one_never_stopped() {
    for how in ["start:panic", "start:loop", "start:memory"] {
        let case = Setup::default().prepare();
        case.station.own_components(&["hostile-backend"]);
        let mut case = case;
        case.station.start();
        case.booted();
        case.charging(1);
        case.forget();
        let hostile = format!(
            "\n[[plugin]]\nname = \"hostile-backend\"\nkind = \"backend\"\nrole = \"observer\"\n\
             grants = {{ \"net.connect\" = [\"ws://127.0.0.1:1/\"] }}\nsettings = {{ do = \"{how}\" }}\n\
             limits = {{ call_deadline_ms = 50, memory_mib = 4 }}\n"
        );
        case.station.apply(&(case.station.pack_text() + &hostile));
        let last = case.station.trial_over();
        assert!(last.contains("hostile-backend failed"), "{how}: {last}");
        let status = case.station.status();
        assert!(contactor_closed(&status), "{how}");
        let names: Vec<&Value> = status["plugins"]
            .as_array()
            .unwrap()
            .iter()
            .map(|plugin| &plugin["name"])
            .collect();
        assert_eq!(names, ["backend-eflux"], "{how}");
        case.no_call("BootNotification");
    }
}

#[test]
fn pack_with_a_missing_or_foreign_component_changes_nothing() {
    let case = Setup::default().start();
    let apply = |plugin: &str, kind: &str| {
        let text = case.station.pack_text()
            + &format!("\n[[plugin]]\nname = \"{plugin}\"\nkind = \"{kind}\"\n");
        case.station
            .refused(&json!({"verb": "pack-apply", "text": text}))
    };
    assert!(apply("ext-missing", "authorizer").contains("cannot be read"));
    let wrong = apply("backend-lms", "authorizer");
    assert!(
        wrong.contains("backend-lms") && wrong.contains("authorizer"),
        "{wrong}"
    );
    let nonsense = case
        .station
        .refused(&json!({"verb": "pack-apply", "text": "name = 1"}));
    assert!(nonsense.contains("expected a string"), "{nonsense}");
    assert_eq!(case.station.status()["pack"], "e-flux");
    assert_eq!(case.station.status()["pack_last_change"], "");
}

#[test]
fn person_goes_back_to_the_pack_before() {
    let case = Setup::default().start();
    let none = case.station.refused(&json!({"verb": "pack-rollback"}));
    assert!(none.contains("no earlier pack"), "{none}");
    let text = case
        .station
        .pack_text()
        .replace("name = \"e-flux\"", "name = \"second\"");
    case.station.apply(&text);
    assert_eq!(case.station.trial_over(), "second stays");
    case.station.control(&json!({"verb": "pack-rollback"}));
    assert_eq!(case.station.trial_over(), "e-flux stays");
    assert_eq!(case.station.status()["pack"], "e-flux");
}

#[test]
fn applied_pack_survives_a_restart_but_one_on_trial_does_not() {
    let case = Setup::default().start();
    let second = case
        .station
        .pack_text()
        .replace("name = \"e-flux\"", "name = \"second\"");
    case.station.apply(&second);
    assert_eq!(case.station.trial_over(), "second stays");
    case.station.power_off();
    case.station.start();
    assert_eq!(case.station.status()["pack"], "second");
    let third = second.replace("name = \"second\"", "name = \"third\"");
    case.station.apply(&third);
    case.station.power_off();
    case.station.start();
    assert_eq!(case.station.status()["pack"], "second");
    assert_eq!(case.station.status()["pack_on_trial"], false);
}

// acceptance: P116, P124, P125, P126
#[test]
fn free_mode_with_status_only_charges_at_plug_in_and_reports_no_transaction() {
    let mut case = Setup::default().start();
    case.station.apply(&free_pack(&case, "status-without-auth"));
    case.station.trial_over();
    case.station.plug_in(1);
    case.status(1, "Charging");
    case.station.shows("power", contactor_closed);
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": 1}),
        "Rejected",
    );
    case.ask_for(
        "RemoteStartTransaction",
        json!({"connectorId": 2, "idTag": "ABC"}),
        "Rejected",
    );
    case.station.ev_unplug(1);
    case.station.unplug(1);
    case.station.shows("a free EVSE", |status| {
        status["evses"][0]["indication"] == "available"
    });
    case.status(1, "Available");
    case.no_call("StartTransaction");
    case.no_call("StopTransaction");
    case.no_call("Authorize");
}

// acceptance: P119, P121, P124, P125
#[test]
fn free_mode_with_a_fixed_tag_reports_transactions_that_the_backend_may_stop() {
    let mut case = Setup::default().start();
    case.station
        .apply(&free_pack(&case, "full-fixed-without-auth"));
    case.station.trial_over();
    case.station.plug_in(1);
    let started = case.call("StartTransaction");
    assert_eq!(started.text("idTag"), "GRATIS");
    let transaction = case.transaction_of(&started);
    case.status(1, "Charging");
    case.ask_for(
        "RemoteStopTransaction",
        json!({"transactionId": transaction}),
        "Accepted",
    );
    let stop = case.call("StopTransaction");
    assert_eq!(stop.number("transactionId"), transaction);
    assert_eq!(stop.text("reason"), "Remote");
    case.no_call("Authorize");
}

// acceptance: P117, P118, P120, P122
#[test]
fn free_mode_with_auth_takes_any_card_and_the_same_card_stops() {
    for (mode, reported) in [
        ("status-with-auth", None),
        ("full-fixed-with-auth", Some("GRATIS".to_owned())),
        ("full-any", Some(Operator::EFlux.tag(OTHER_CARD))),
    ] {
        let mut case = Setup::default().start();
        case.answer_cards("Invalid");
        case.station.apply(&free_pack(&case, mode));
        case.station.trial_over();
        case.station.plug_in(1);
        case.station.swipe(1, OTHER_CARD);
        case.station.shows("power", contactor_closed);
        if let Some(tag) = &reported {
            let started = case.call("StartTransaction");
            assert_eq!(started.text("idTag"), tag, "{mode}");
        }
        case.station.swipe(1, CARD);
        std::thread::sleep(Duration::from_millis(300));
        assert!(contactor_closed(&case.station.status()), "{mode}");
        case.station.swipe(1, OTHER_CARD);
        case.station
            .shows("no power", |status| !contactor_closed(status));
        match reported {
            Some(_) => drop(case.call("StopTransaction")),
            None => case.no_call("StartTransaction"),
        }
        case.no_call("Authorize");
    }
}

// acceptance: P115, P123
#[test]
fn free_mode_without_ocpp_says_nothing_about_its_sessions() {
    let mut case = Setup::default().start();
    case.station.apply(&free_pack(&case, "no-ocpp"));
    case.station.trial_over();
    case.forget();
    case.station.plug_in(1);
    case.station.shows("power", contactor_closed);
    case.station.ev_unplug(1);
    case.station.unplug(1);
    case.no_call("StatusNotification");
    case.no_call("StartTransaction");
    // Once the mode is off, the backend hears how things stand.
    case.station.plug_in(1);
    case.station.shows("power", contactor_closed);
    case.no_call("StatusNotification");
    case.station.apply(&case.station.pack_text());
    case.status(1, "Charging");
    case.no_call("StartTransaction");
}

// acceptance: P114, T121, T122
#[test]
fn free_charging_is_switched_on_and_off_while_the_station_runs() {
    let mut case = Setup::default().start();
    case.answer_cards("Invalid");
    case.station.apply(&free_pack(&case, "full-any"));
    case.station.trial_over();
    assert_eq!(case.station.status()["free_charging"], true);
    case.station.apply(&case.station.pack_text());
    case.station.trial_over();
    assert_eq!(case.station.status()["free_charging"], false);
    case.station.plug_in(1);
    case.station.swipe(1, OTHER_CARD);
    case.call("Authorize");
    case.no_call("StartTransaction");
}

#[test]
fn three_backends_hear_of_a_transaction_each_under_its_own_id_and_losing_one_delays_no_other() {
    let mut case = Setup::default().prepare();
    let mut second = Peer::start(PeerKind::Python, None);
    let mut third = Peer::start(PeerKind::Python, None);
    case.station.start();
    case.booted();
    let observer = |name: &str, port: u16| {
        format!(
            "\n[[plugin]]\nname = \"{name}\"\nkind = \"backend\"\nrole = \"observer\"\n\
             grants = {{ \"net.connect\" = [\"ws://127.0.0.1:{port}/\"], \"settings.read\" = [\"*\"] }}\n\
             settings = {{ url = \"ws://127.0.0.1:{port}\", reconnect_base_s = 1, reconnect_max_s = 2 }}\n"
        )
    };
    let text = case.station.pack_text()
        + &observer("backend-lms", second.port())
        + &observer("backend-total", third.port());
    case.station.apply(&text);
    let last = case.station.trial_over();
    assert!(last.ends_with("stays"), "{last}");
    for name in ["backend-lms", "backend-total"] {
        case.station.shows(name, |status| {
            plugin(status, name)["registration"] == "registered"
        });
    }
    // Another central system counts its transactions differently, and one is away.
    second.command(json!({"do": "answer", "action": "StartTransaction",
        "payload": {"transactionId": 777, "idTagInfo": {"status": "Accepted"}}}));
    third.offline();
    let (_, transaction) = case.charging(1);
    case.station.swipe(1, CARD);
    let stop = case.call("StopTransaction");
    assert_eq!(stop.number("transactionId"), transaction);
    let call = |peer: &mut Peer, action: &str| {
        peer.expect(action, Duration::from_secs(20), |event| {
            event["event"] == "call" && event["action"] == action
        })
    };
    call(&mut second, "StartTransaction");
    assert_eq!(
        call(&mut second, "StopTransaction").number("transactionId"),
        777
    );
    // An observer may not command.
    let id = second.send_call(
        "RemoteStartTransaction",
        json!({"connectorId": 2, "idTag": "ABC"}),
        false,
    );
    let answer = second.expect("answer", Duration::from_secs(20), |event| {
        event["id"] == id && event["event"] == "result"
    });
    assert_eq!(answer.event["payload"]["status"], "Rejected");
    third.online();
    let start = call(&mut third, "StartTransaction");
    let stop = call(&mut third, "StopTransaction");
    assert!(start.at < stop.at);
}

// acceptance: C176, C177
#[test]
fn language_is_swapped_without_touching_anything_else() {
    let mut case = Setup::default().start();
    let language = "\n[[plugin]]\nname = \"lang-en\"\nkind = \"display\"\n";
    let text = case.station.pack_text() + language;
    case.charging(1);
    case.forget();
    let before = plugin(&case.station.status(), "backend-eflux");
    case.station.apply(&text);
    case.station.trial_over();
    let status = case.station.shows("the display speaks", |status| {
        status["evses"][0]["texts"][0]["lines"][0] == "Charging"
    });
    assert!(contactor_closed(&status));
    let after = plugin(&status, "backend-eflux");
    assert_eq!(before["swaps"], after["swaps"]);
    case.no_call("BootNotification");
    case.station.swipe(1, CARD);
    case.call("StopTransaction");
}

#[test]
fn operator_is_changed_while_the_station_runs() {
    let mut case = Setup::of(Operator::EFlux).start();
    let port = case.peer.port();
    let text = format!(
        "name = \"moved\"\nsummary = \"For tests.\"\n\n[[plugin]]\nname = \"backend-total\"\nkind = \"backend\"\n\
         grants = {{ \"net.connect\" = [\"ws://127.0.0.1:{port}/\"], authorize = true, \"clock.set\" = true }}\n\
         settings = {{ url = \"ws://127.0.0.1:{port}/ocpp/WebSocket\" }}\n"
    );
    case.station.apply(&text);
    assert_eq!(case.station.trial_over(), "moved stays");
    case.booted();
    case.station.plug_in(1);
    case.station.swipe(1, CARD);
    let authorize = case.call("Authorize");
    assert_eq!(authorize.text("idTag"), Operator::Total.tag(CARD));
    case.call("StartTransaction");
}

#[test]
fn component_that_nobody_trusted_signed_is_refused_and_the_old_one_keeps_running() {
    let mut case = Setup::default().prepare();
    case.station.own_components(&[]);
    case.station.start();
    case.booted();
    case.charging(1);
    let pack = free_pack(&case, "full-any");
    let apply = |case: &Case, text: &str| {
        case.station
            .refused(&json!({"verb": "pack-apply", "text": text}))
    };
    let component = case.station.component("free-modes.wasm");
    let signature = case.station.component("free-modes.sig");
    let (good, signed) = (
        std::fs::read(&component).unwrap(),
        std::fs::read_to_string(&signature).unwrap(),
    );
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&component, &changed).unwrap();
    assert!(apply(&case, &pack).contains("not the ones that development signed"));
    std::fs::write(&component, &good[..good.len() / 2]).unwrap();
    assert!(apply(&case, &pack).contains("download it again"));
    std::fs::write(&component, &good).unwrap();
    std::fs::remove_file(&signature).unwrap();
    assert!(apply(&case, &pack).contains("it is not signed"));
    std::fs::write(&signature, signed.replace("development", "somebody")).unwrap();
    assert!(apply(&case, &pack).contains("not trusted here"));
    std::fs::write(&signature, signed.replace("free-modes", "auth-x")).unwrap();
    assert!(apply(&case, &pack).contains("no key of development that is trusted"));
    std::fs::write(&signature, "nonsense").unwrap();
    assert!(apply(&case, &pack).contains("signature file cannot be used"));
    std::fs::write(&signature, &signed).unwrap();
    let revoked = format!("{pack}\n[[revoked]]\nplugin = \"free-modes\"\nversions = \"<99\"\n");
    assert!(apply(&case, &revoked).contains("is revoked"));
    let pinned = pack.replace(
        "kind = \"free-charging\"",
        "kind = \"free-charging\"\nversion = \"9.9.9\"",
    );
    assert!(apply(&case, &pinned).contains("the pack wants version 9.9.9"));
    let status = case.station.status();
    assert!(contactor_closed(&status));
    assert_eq!(status["pack_last_change"], "", "nothing was even tried");
    assert_eq!(
        plugin(&status, "backend-eflux")["origin"],
        "signed by development"
    );
    case.station.apply(&pack);
    assert!(case.station.trial_over().ends_with("stays"));
}

#[test]
fn station_in_development_mode_says_so() {
    let station = crate::harness::Station::prepare_hostile("nothing", CARD);
    station.start();
    let status = station.shows("its plugins", |status| {
        let plugins = status["plugins"].as_array();
        plugins.is_some_and(|plugins| plugins.len() == 2)
    });
    assert_eq!(status["development"], true);
    let origin = plugin(&status, "auth-local-whitelist")["origin"].clone();
    assert_eq!(origin, "NOT SIGNED (development mode)");
    let case = Setup::default().start();
    assert_eq!(case.station.status()["development"], false);
}

// acceptance: J1, J2, J3, J4, J5, J6, J7, J8
#[test]
fn master_card_adds_and_removes_cards_at_a_station_without_operator_and_the_ring_shows_it() {
    const MASTER: &str = "04AABBCC";
    let case = Setup::default().prepare();
    case.station.start();
    case.station
        .shows("a station", |status| status["evses"].is_array());
    let home = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/home.toml"),
    );
    let home = home.unwrap().replace(
        "master = \"\"",
        &format!("master = \"{MASTER}\"\nmenu_timeout_s = 5"),
    );
    case.station.apply(&home);
    assert_eq!(case.station.trial_over(), "home stays");
    let ring = |status: &Value| status["evses"][0]["shows"]["ring"].clone();
    let notice = |word: &str| {
        let word = Value::from(word);
        case.station
            .shows(&format!("notice {word}"), |status| status["notice"] == word);
    };
    case.station
        .shows("green", |status| ring(status) == "green");
    case.station.swipe(1, MASTER);
    notice("adding");
    case.station
        .shows("flashing white", |status| ring(status) == "white");
    for card in [CARD, OTHER_CARD] {
        case.station.swipe(1, card);
        case.station.shows("the card is listed", |_| {
            let request =
                json!({"verb": "plugin-request", "name": "auth-master-card", "words": ["list"]});
            let reply = case.station.control(&request);
            reply["reply"]
                .as_str()
                .is_some_and(|list| list.contains(card))
        });
    }
    case.station.swipe(1, MASTER);
    notice("removing");
    case.station
        .shows("flashing red", |status| ring(status) == "red");
    case.station.swipe(1, OTHER_CARD);
    notice("done");
    case.station
        .shows("fixed green", |status| ring(status) == "green");
    notice("removing");
    case.station.swipe(1, MASTER);
    case.station
        .shows("no menu", |status| status["notice"].is_null());
    // The card that was added charges; the one that was removed and the MASTER card do not.
    case.station.plug_in(1);
    for card in [OTHER_CARD, MASTER] {
        case.station.swipe(1, card);
        std::thread::sleep(Duration::from_millis(500));
        assert!(
            case.station.status()["evses"][0]["transaction"].is_null(),
            "{card}"
        );
    }
    case.station
        .shows("the menu times out", |status| status["notice"].is_null());
    case.station.swipe(1, CARD);
    case.station.shows("power", contactor_closed);
}

// acceptance: P11, P141, P143
#[test]
fn station_without_backend_learns_a_card_at_its_reader_and_charges_it() {
    let case = Setup::default().prepare();
    case.station.start();
    case.station
        .shows("a station", |status| status["evses"].is_array());
    case.station.apply(
        "name = \"list\"\nsummary = \"For tests.\"\n[health]\nbackend = \"any\"\n\n[[plugin]]\n\
         name = \"auth-local-whitelist\"\nkind = \"authorizer\"\ngrants = { authorize = true }\n",
    );
    assert_eq!(case.station.trial_over(), "list stays");
    let ask = |words: &[&str]| {
        let request =
            json!({"verb": "plugin-request", "name": "auth-local-whitelist", "words": words});
        case.station.control(&request)["reply"].to_string()
    };
    ask(&["learn", "on"]);
    case.station
        .shows("learning", |status| status["notice"] == "adding");
    case.station.swipe(1, CARD);
    case.station
        .shows("the card is listed", |_| ask(&["list"]).contains(CARD));
    ask(&["learn", "off"]);
    case.station
        .shows("no menu", |status| status["notice"].is_null());
    case.station.plug_in(1);
    case.station.swipe(1, OTHER_CARD);
    std::thread::sleep(Duration::from_millis(500));
    assert!(case.station.status()["evses"][0]["transaction"].is_null());
    case.station.swipe(1, CARD);
    case.station.shows("power", contactor_closed);
    case.station.swipe(1, CARD);
    case.station
        .shows("no power", |status| !contactor_closed(status));
}

#[test]
fn new_version_of_an_adapter_is_installed_and_applied_during_a_charge() {
    let mut case = Setup::default().prepare();
    case.station.own_components(&[]);
    case.station.start();
    case.booted();
    case.charging(1);
    case.forget();
    // A component that nobody signed is not even copied.
    let built = case.station.component("backend-eflux.wasm");
    let folder = built.parent().unwrap().with_file_name("delivered");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(&built, folder.join("backend-eflux.wasm")).unwrap();
    let refused = case.station.install(&folder).unwrap_err();
    assert!(
        refused.contains("it is not signed") && refused.contains("nothing was installed"),
        "{refused}"
    );
    std::fs::copy(
        built.with_extension("sig"),
        folder.join("backend-eflux.sig"),
    )
    .unwrap();
    let said = case.station.install(&folder).unwrap();
    assert!(
        said.contains("1/1 checked: backend-eflux") && said.contains("signed by development"),
        "{said}"
    );
    case.station
        .apply(&changed(&case, "connection_timeout_s", "31"));
    assert!(case.station.trial_over().ends_with("stays"));
    let status = case.station.status();
    assert!(contactor_closed(&status));
    assert_eq!(plugin(&status, "backend-eflux")["swaps"], 1);
    case.no_call("BootNotification");
}
