//! Language: English texts of the station's indications, signals and faults.
//!
//! Message ids are `indication.*`, `signal.*` and `fault.*` (fault id of the registry, with the argument `active`).
//! An id that is not in the table is not rendered; the host then shows its own words.
#![warn(missing_docs)]

use sdk::language::{Language, Message, Rendered};
use sdk::{Manifest, Moment};

/// Id and text. Arguments are put in for `{name}`.
const TEXTS: &[(&str, &str)] = &[
    (
        "fault.RCMB_DEVICE",
        "Residual current sensor failed: service needed",
    ),
    ("fault.CONTACTOR", "Switch does not answer: service needed"),
    (
        "fault.VENTILATION",
        "The vehicle needs ventilation: it cannot charge here",
    ),
    ("fault.BOARD", "Board does not answer: service needed"),
    ("fault.INTERLOCK", "Safety check failed: service needed"),
    ("fault.UNREG", "Not registered with the operator"),
    ("fault.FLASH", "Software update failed: service needed"),
    ("indication.boot", "Starting, please wait"),
    (
        "indication.available",
        "Ready: plug in or hold your card to the reader",
    ),
    ("indication.reserved", "Reserved"),
    ("indication.authorising", "Checking your card, please wait"),
    (
        "indication.authorised-waiting",
        "Card accepted: plug in your vehicle",
    ),
    ("indication.preparing", "Preparing to charge"),
    (
        "indication.suspended-ev",
        "Connected: your vehicle is not drawing current",
    ),
    (
        "indication.suspended-evse",
        "Connected: no current available right now",
    ),
    ("indication.charging", "Charging"),
    ("indication.finishing", "Finished: you may unplug"),
    ("indication.fault", "Out of order"),
    ("indication.unavailable", "Out of service"),
    ("indication.update", "Software update, please wait"),
    ("signal.accepted", "Card accepted"),
    ("signal.rejected", "Card not accepted"),
    ("signal.card-seen", "Reading card"),
    (
        "fault.RCMB",
        "Residual current detected: unplug your vehicle",
    ),
    (
        "fault.RCD",
        "Residual current device tripped: service needed",
    ),
    ("fault.PE", "Protective earth missing: unplug your vehicle"),
    (
        "fault.M3_SIGNAL",
        "The vehicle signals an error: unplug and try again",
    ),
    (
        "fault.M3_DIODE",
        "Vehicle check failed: unplug your vehicle",
    ),
    ("fault.PP", "Cable not recognised: unplug and plug in again"),
    ("fault.MCB2", "Circuit breaker tripped: service needed"),
    (
        "fault.MCBS",
        "Circuit breaker of the domestic socket tripped: service needed",
    ),
    ("fault.OC", "Too much current drawn: unplug your vehicle"),
    (
        "fault.OV",
        "Mains voltage too high: charging resumes when it is normal",
    ),
    (
        "fault.UV",
        "Mains voltage too low: charging resumes when it is normal",
    ),
    ("fault.PHASE", "A phase of the mains is missing"),
    ("fault.SPD", "Surge protection used up: service needed"),
    ("fault.WELD", "Switch stuck: do not use, service needed"),
    ("fault.BACKEND", "No connection to the operator"),
    ("fault.LOCK_FAIL", "Plug not locked: push it in fully"),
    ("fault.LOCK_STUCK", "Plug lock stuck: service needed"),
    ("fault.LOCK_MISS", "Plug lock not found: service needed"),
    (
        "fault.METER_OCPP",
        "Energy meter does not answer: service needed",
    ),
    ("fault.METER_EXT", "Supply meter does not answer"),
    ("fault.CANBUS", "Internal connection disturbed"),
    ("fault.READER", "Card reader does not answer"),
    (
        "fault.TEMP_RELAY",
        "Station too hot: charging resumes when it has cooled",
    ),
    (
        "fault.TEMP_PLUG",
        "Plug too hot: charging resumes when it has cooled",
    ),
    ("fault.FAN", "Fan blocked"),
    (
        "fault.HW_CFG",
        "Hardware and software do not fit: service needed",
    ),
    ("fault.HW", "Hardware failure: service needed"),
    ("fault.WIFI", "Wi-Fi failure"),
    ("fault.TILT", "The station was tilted: service needed"),
    ("fault.OVERLOAD", "Overload"),
    ("fault.WIRING", "Wiring error: service needed"),
    ("fault.USB", "USB failure"),
    (
        "fault.UNLOCKED_WHILE_CHARGING",
        "Plug unlocked while charging: unplug your vehicle",
    ),
];

/// English.
#[derive(Debug)]
pub struct English;

impl Language for English {
    fn describe() -> Manifest {
        Manifest {
            name: "lang-en".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "English texts of the station".to_owned(),
            capabilities: Vec::new(),
            settings: Vec::new(),
        }
    }

    fn render(_now: Moment, message: &Message) -> Option<Rendered> {
        let (_, text) = TEXTS.iter().find(|(id, _)| *id == message.id)?;
        let mut text = (*text).to_owned();
        for argument in &message.arguments {
            text = text.replace(&format!("{{{}}}", argument.name), &argument.value);
        }
        if message.id.starts_with("fault.") && message.argument("active") == Some("false") {
            text = format!("Resolved: {text}");
        }
        Some(Rendered {
            language: "en".to_owned(),
            text,
        })
    }
}

sdk::export_language!(English);

#[cfg(test)]
mod tests {
    use super::*;
    use sdk::language::Argument;
    use std::collections::BTreeSet;

    fn render(id: &str, arguments: &[(&str, &str)]) -> Option<String> {
        let arguments = arguments
            .iter()
            .map(|(name, value)| Argument {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        let now = Moment {
            at: units::Instant::ZERO,
            wall: None,
        };
        English::render(
            now,
            &Message {
                id: id.to_owned(),
                arguments,
            },
        )
        .map(|r| r.text)
    }

    #[test]
    fn known_id_is_rendered_and_unknown_id_is_left_to_the_host() {
        assert_eq!(
            render("indication.charging", &[]).as_deref(),
            Some("Charging")
        );
        assert_eq!(render("indication.nonsense", &[]), None);
        assert_eq!(render("", &[]), None);
    }

    #[test]
    fn resolved_fault_says_so() {
        let fault = render("fault.WELD", &[("active", "true")]).unwrap();
        assert_eq!(
            render("fault.WELD", &[("active", "false")]).unwrap(),
            format!("Resolved: {fault}")
        );
    }

    #[test]
    fn ids_are_unique_and_texts_fit_a_display_line() {
        let ids: BTreeSet<_> = TEXTS.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), TEXTS.len());
        assert!(TEXTS.iter().all(|(_, text)| text.chars().count() <= 64));
    }
}
