//! The table of messages in `docs/spec` is what the code says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests; their failure is the test's failure"
)]

use ocpp::v16::{Action, Initiator, Profile};
use ocpp::wire::Field;
use std::fmt::Write as _;
use std::path::Path;

const HEAD: &str = "# Messages of OCPP 1.6\n\n\
    Generated from `lib/ocpp/src/v16`; `BLESS=1 cargo nextest run -p ocpp` rewrites it. `lib/ocpp` reads and writes every one of them, requests and \
    answers;\nwhat the station does with each is a matter of its adapter.\n\n\
    Sent by: CP the charge point, CS the central system. A field in brackets may be left out.\n";

fn heading(profile: Profile) -> &'static str {
    match profile {
        Profile::Core => "Core",
        Profile::FirmwareManagement => "Firmware Management",
        Profile::LocalAuthListManagement => "Local Auth List Management",
        Profile::Reservation => "Reservation",
        Profile::RemoteTrigger => "Remote Trigger",
        Profile::SmartCharging => "Smart Charging",
        Profile::Security => "Security whitepaper",
    }
}

fn fields(list: &[Field]) -> String {
    if list.is_empty() {
        return "–".into();
    }
    let names: Vec<String> = list
        .iter()
        .map(|field| {
            if field.required {
                format!("`{}`", field.name)
            } else {
                format!("[`{}`]", field.name)
            }
        })
        .collect();
    names.join(", ")
}

fn table() -> String {
    let mut text = String::from(HEAD);
    for profile in [
        Profile::Core,
        Profile::FirmwareManagement,
        Profile::LocalAuthListManagement,
        Profile::Reservation,
        Profile::RemoteTrigger,
        Profile::SmartCharging,
        Profile::Security,
    ] {
        let title = heading(profile);
        write!(
            text,
            "\n## {title}\n\n| action | sent by | request | answer |\n|---|---|---|---|\n"
        )
        .unwrap();
        for action in Action::ALL.iter().filter(|a| a.profile() == profile) {
            let sender = match action.initiator() {
                Initiator::ChargePoint => "CP",
                Initiator::CentralSystem => "CS",
                Initiator::Either => "both",
            };
            let (request, response) = (action.request_fields(), action.response_fields());
            writeln!(
                text,
                "| {action} | {sender} | {} | {} |",
                fields(request),
                fields(response)
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn the_table_in_docs_spec_ocpp16_messages_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/ocpp16-messages.md");
    let text = table();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        file == text,
        "{} is not what the code says; run with BLESS=1",
        path.display()
    );
}

#[test]
fn the_table_names_every_action_once() {
    let text = table();
    for action in Action::ALL {
        assert_eq!(text.matches(&format!("| {action} |")).count(), 1);
    }
}
