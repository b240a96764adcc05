//! The table of rules, the tests and SAFETY.md say the same.

use interlock::Trip;
use interlock::rules::RULES;

const SOURCES: [(&str, &str); 8] = [
    ("contactor", include_str!("contactor.rs")),
    ("lock", include_str!("lock.rs")),
    ("offer", include_str!("offer.rs")),
    ("opening", include_str!("opening.rs")),
    ("pilot", include_str!("pilot.rs")),
    ("residual", include_str!("residual.rs")),
    ("supply", include_str!("supply.rs")),
    ("wake", include_str!("wake.rs")),
];

const SAFETY: &str = include_str!("../../../../SAFETY.md");

/// The line of SAFETY.md for one rule.
fn row(rule: &interlock::rules::Rule) -> String {
    let limit = match rule.limit_ms {
        None => "–".to_owned(),
        Some(0) => "same step".to_owned(),
        Some(ms) => format!("{ms} ms"),
    };
    let trip = rule
        .trip
        .map_or_else(|| "–".to_owned(), |trip| format!("`{trip:?}`"));
    format!(
        "| {} | {} | {limit} | {trip} | {} | `{}` |",
        rule.hazard, rule.rule, rule.source, rule.test
    )
}

#[test]
fn every_rule_names_a_test_that_exists() {
    for rule in RULES {
        let (module, name) = rule.test.split_once("::").unwrap();
        let (_, source) = SOURCES.iter().find(|(known, _)| *known == module).unwrap();
        let declaration = format!("#[test]\nfn {name}()");
        assert!(
            source.contains(&declaration),
            "{} does not exist",
            rule.test
        );
    }
}

#[test]
fn every_trip_has_a_rule() {
    for trip in Trip::ALL {
        assert!(
            RULES.iter().any(|rule| rule.trip == Some(trip)),
            "{trip:?} has no rule"
        );
    }
}

#[test]
fn safety_md_has_every_rule_and_no_other() {
    let rows: Vec<String> = RULES.iter().map(row).collect();
    for line in &rows {
        assert!(
            SAFETY.contains(line.as_str()),
            "SAFETY.md lacks this line:\n{line}\nall rows:\n{}",
            rows.join("\n")
        );
    }
    let written = SAFETY
        .lines()
        .filter(|line| line.contains("::") && line.ends_with("` |"))
        .count();
    assert_eq!(
        written,
        RULES.len(),
        "SAFETY.md has a rule that the code does not have"
    );
}

#[test]
fn the_crate_is_no_std_without_alloc_and_depends_on_units_only() {
    const LIB: &str = include_str!("../../src/lib.rs");
    const MANIFEST: &str = include_str!("../../Cargo.toml");
    assert!(LIB.contains("#![no_std]") && LIB.contains("#![forbid(unsafe_code)]"));
    let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    for file in sources {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(
            !text.contains("extern crate") && !text.contains("std::") && !text.contains("alloc::")
        );
    }
    let (_, dependencies) = MANIFEST.split_once("[dependencies]").unwrap();
    let (dependencies, _) = dependencies.split_once("[dev-dependencies]").unwrap();
    let names: Vec<&str> = dependencies.split_whitespace().collect();
    assert_eq!(names, ["units.workspace", "=", "true"]);
}

#[test]
fn the_list_of_trips_is_in_the_order_of_their_bits() {
    for (bit, trip) in Trip::ALL.into_iter().enumerate() {
        assert_eq!(
            interlock::Trips::NONE.with(trip).bits(),
            1 << bit,
            "{trip:?}"
        );
    }
}
