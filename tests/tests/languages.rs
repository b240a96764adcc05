//! The shipped languages as the host runs them: each knows everything that the station can say.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod guests;

use guests::{load, now};
use plugin_host::{DisplayPlugin, Limits, PluginKind};
use station::{Indication, Signal};

const TAGS: [&str; 7] = ["de", "en", "es", "fr", "it", "nl", "sv"];

const INDICATIONS: [Indication; 13] = [
    Indication::Boot,
    Indication::Available,
    Indication::Reserved,
    Indication::Authorising,
    Indication::AuthorisedWaiting,
    Indication::Preparing,
    Indication::SuspendedEv,
    Indication::SuspendedEvse,
    Indication::Charging,
    Indication::Finishing,
    Indication::Fault,
    Indication::Unavailable,
    Indication::Update,
];

/// Its place in the list. A new variant does not compile until somebody gives it one.
const fn place(indication: Indication) -> usize {
    match indication {
        Indication::Boot => 0,
        Indication::Available => 1,
        Indication::Reserved => 2,
        Indication::Authorising => 3,
        Indication::AuthorisedWaiting => 4,
        Indication::Preparing => 5,
        Indication::SuspendedEv => 6,
        Indication::SuspendedEvse => 7,
        Indication::Charging => 8,
        Indication::Finishing => 9,
        Indication::Fault => 10,
        Indication::Unavailable => 11,
        Indication::Update => 12,
    }
}

/// `SuspendedEv` → `suspended-ev`.
fn word(indication: Indication) -> String {
    assert_eq!(INDICATIONS[place(indication)], indication);
    let mut word = String::new();
    for c in format!("{indication:?}").chars() {
        if c.is_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.extend(c.to_lowercase());
    }
    word
}

fn ids() -> Vec<String> {
    let mut ids: Vec<String> = INDICATIONS
        .into_iter()
        .map(|indication| format!("indication.{}", word(indication)))
        .collect();
    for signal in [Signal::Accepted, Signal::Rejected, Signal::CardSeen] {
        let word = match signal {
            Signal::Accepted => "accepted",
            Signal::Rejected => "rejected",
            Signal::CardSeen => "card-seen",
        };
        ids.push(format!("signal.{word}"));
    }
    for fault in station::faults::REGISTRY {
        ids.push(format!("fault.{}", fault.id));
        ids.push(format!("fault.{}.action", fault.id));
    }
    ids
}

#[test]
fn every_language_says_everything_that_the_station_can_say() {
    for tag in TAGS {
        let name = format!("lang-{tag}");
        let loaded = load(PluginKind::Display, &name);
        let mut plugin = DisplayPlugin::instantiate(&loaded, Limits::DEFAULT).unwrap();
        for id in ids() {
            let rendered = plugin.render(now(), &id, &[]).unwrap();
            let rendered = rendered.unwrap_or_else(|| panic!("{name} does not know {id}"));
            assert_eq!(rendered.language, tag);
        }
        let unknown = plugin.render(now(), "no.such-message", &[]).unwrap();
        assert_eq!(unknown, None, "the host shows its own words then");
        let kwh = plugin.render(now(), "session.energy", &[("kwh", "7.5")]);
        assert!(kwh.unwrap().unwrap().text.contains("7.5 kWh"), "{name}");
    }
}
