//! Recordings of a plugin in a running station, and their replay.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{CARD, Setup, Station};

/// Records the adapter over a whole charge; the file.
fn recorded_charge() -> PathBuf {
    let mut case = Setup::default()
        .adapter("basic_auth_password", "hush-hush")
        .start();
    let begun = case
        .station
        .control(&json!({ "verb": "plugin-record", "name": "backend-eflux", "seconds": 600 }));
    let file = PathBuf::from(begun["file"].as_str().unwrap());
    case.station.shows("the recording", |status| {
        let plugins = status["plugins"].as_array().cloned().unwrap_or_default();
        plugins
            .iter()
            .any(|plugin| plugin["recorded_calls"].as_u64() > Some(0))
    });
    let (_, transaction) = case.charging(1);
    case.station.swipe(1, CARD);
    let stop = case.call("StopTransaction");
    assert_eq!(stop.number("transactionId"), transaction);
    let request = json!({ "verb": "plugin-record", "name": "backend-eflux", "stop": true });
    let ended = case.station.control(&request);
    assert!(ended["calls"].as_u64().unwrap() > 10, "{ended}");
    let again = case.station.refused(&request);
    assert!(again.contains("not being recorded"), "{again}");
    let copy =
        std::env::temp_dir().join(format!("pilotwire-recording-{}.jsonl", std::process::id()));
    std::fs::copy(&file, &copy).unwrap();
    copy
}

#[test]
fn recording_of_a_charge_is_answered_alike_by_its_component_and_differences_are_shown() {
    let recording = recorded_charge();
    let text = std::fs::read_to_string(&recording).unwrap();
    assert!(!text.contains("hush-hush"), "passwords stay out");
    assert!(text.contains("StartTransaction") && text.contains("StopTransaction"));
    let same = Station::replay(&recording, "backend-eflux.wasm").unwrap();
    assert!(same.contains("as recorded"), "{same}");
    let told = text.replace("\\\"idTag\\\":\\\"04a1b2c3", "\\\"idTag\\\":\\\"04ffffff");
    assert_ne!(told, text);
    std::fs::write(&recording, told).unwrap();
    let other = Station::replay(&recording, "backend-eflux.wasm").unwrap_err();
    assert!(
        other.contains("calls otherwise than recorded") && other.contains("04ffffff"),
        "{other}"
    );
    let kind = Station::replay(&recording, "lang-de.wasm").unwrap_err();
    assert!(
        kind.contains("the component fulfils pilotwire:display@0.1.0"),
        "{kind}"
    );
    let mut lines: Vec<&str> = text.lines().collect();
    lines[3] = "{\"call\":";
    std::fs::write(&recording, lines.join("\n")).unwrap();
    let broken = Station::replay(&recording, "backend-eflux.wasm").unwrap_err();
    assert!(broken.contains("line 4 of the recording"), "{broken}");
    let mut other: Value = serde_json::from_str(lines[1]).unwrap();
    other["call"] = "shout".into();
    std::fs::write(&recording, format!("{}\n{other}", lines[0])).unwrap();
    let unknown = Station::replay(&recording, "backend-eflux.wasm").unwrap_err();
    assert!(unknown.contains("no call `shout`"), "{unknown}");
    std::fs::remove_file(&recording).unwrap();
}
