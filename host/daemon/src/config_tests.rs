//! What a configuration may say, and how a wrong one is refused.

use super::*;

const FILE: &str = "station.toml";

fn example_with(from: &str, to: &str) -> String {
    assert!(EXAMPLE.contains(from), "{from}");
    EXAMPLE.replacen(from, to, 1)
}

fn refusal(text: &str) -> String {
    parse(Path::new(FILE), text, &[]).unwrap_err().to_string()
}

#[test]
fn example_is_a_good_configuration_with_two_evses() {
    let config = parse(Path::new(FILE), EXAMPLE, &[]).unwrap();
    assert_eq!(config.identity, "PW-0001");
    assert_eq!(config.station.evses.len(), 2);
    assert_eq!(config.strictness, TlsStrictness::Normal);
    assert_eq!(config.proxy, None);
}

#[test]
fn refusal_names_file_line_key_reason_and_remedy() {
    let text = refusal(&example_with(
        "board = \"simulated\"",
        "board = \"toaster\"",
    ));
    assert_eq!(
        text,
        "station.toml:4: `board`: there is no driver for board \"toaster\"; write board = \"simulated\", or build a \
         driver in (docs/spec/config.md)"
    );
}

#[test]
fn unknown_key_is_refused_with_the_nearest_known_one() {
    let text = refusal(&example_with("wall_clock", "wal_clock"));
    assert!(
        text.contains("station.toml:") && text.contains("did you mean `wall_clock`?"),
        "{text}"
    );
    let text = refusal(&example_with(
        "meter_sample_interval_s",
        "meter_sample_intervall_s",
    ));
    assert!(
        text.contains("did you mean `meter_sample_interval_s`?"),
        "{text}"
    );
}

#[test]
fn setting_out_of_range_is_refused_with_what_is_allowed() {
    let text = refusal(&example_with(
        "vehicle_connection_timeout_s = 45",
        "vehicle_connection_timeout_s = 0",
    ));
    assert!(
        text.contains("`vehicle_connection_timeout_s`") && text.contains("allowed is"),
        "{text}"
    );
}

#[test]
fn every_choice_is_refused_with_the_choices() {
    for (from, to, remedy) in [
        (
            "wall_clock = \"backend\"",
            "wall_clock = \"sundial\"",
            "system",
        ),
        (
            "strictness = \"normal\"",
            "strictness = \"lax\"",
            "encrypt-only, allow-expired-skip-host",
        ),
        ("level = \"info\"", "level = \"loud\"", "choose error"),
        (
            "format = \"plain\"",
            "format = \"xml\"",
            "choose plain or json",
        ),
        ("proxy = \"\"", "proxy = \"ftp://x\"", "http://host:port"),
        (
            "listen = \"127.0.0.1:8180\"",
            "listen = \"0.0.0.0:8180\"",
            "loopback",
        ),
        (
            "profile = \"socket-32a\"",
            "profile = \"toaster\"",
            "tethered-32a",
        ),
        ("max_current_a = 32", "max_current_a = 64", "write 6 to 32"),
        ("phases = 3", "phases = 2", "write 1 or 3"),
        (
            "identity = \"PW-0001\"",
            "identity = \"\"",
            "write the identity",
        ),
    ] {
        let text = refusal(&example_with(from, to));
        assert!(text.contains(remedy), "{to}: {text}");
    }
}

#[test]
fn broken_toml_and_a_missing_file_are_refused_with_advice() {
    assert!(refusal("board = ").contains("station.toml:1"));
    let text = read(Path::new("/nowhere/station.toml"), &[])
        .unwrap_err()
        .to_string();
    assert!(text.contains("config example"), "{text}");
}

#[test]
fn command_line_wins_over_the_file() {
    let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let given = [
        set("identity", "OTHER"),
        set("vendor", "Acme"),
        set("vehicle_connection_timeout_s", "90"),
        set("backend-eflux/keep_alive_s", "30"),
    ];
    let config = parse(Path::new(FILE), EXAMPLE, &given).unwrap();
    assert_eq!(config.identity, "OTHER");
    assert_eq!(config.station.identity.vendor, "Acme");
    let timeout = ("vehicle_connection_timeout_s".to_owned(), "90".to_owned());
    assert!(config.station.settings.contains(&timeout));
    assert_eq!(
        config.plugins["backend-eflux"].settings["keep_alive_s"],
        "30"
    );
    let error = parse(Path::new(FILE), EXAMPLE, &[set("no_such_key", "1")]).unwrap_err();
    assert!(
        error.to_string().contains("no setting of the station"),
        "{error}"
    );
}

// acceptance: J27
#[test]
fn station_without_the_parameters_of_its_platform_is_refused_by_name() {
    for key in ["identity", "pack"] {
        let start = EXAMPLE.find(&format!("\n{key} = ")).unwrap();
        let end = start + 1 + EXAMPLE[start + 1..].find('\n').unwrap();
        let text = refusal(&[&EXAMPLE[..start], &EXAMPLE[end..]].concat());
        assert!(text.contains(&format!("missing field `{key}`")), "{text}");
    }
}

#[test]
fn reader_is_simulated_unless_a_serial_line_is_named() {
    let config = parse(Path::new(FILE), EXAMPLE, &[]).unwrap();
    assert_eq!(config.readers, [const { ReaderConfig::Simulated }; 2]);
    let with = |reader: &str| example_with("reader = { kind = \"simulated\" }", reader);
    let text = with("reader = { kind = \"pn532\", device = \"/dev/ttyS0\" }");
    let config = parse(Path::new(FILE), &text, &[]).unwrap();
    assert_eq!(
        config.readers,
        [
            ReaderConfig::Pn532(PathBuf::from("/dev/ttyS0")),
            ReaderConfig::Simulated
        ]
    );
    let twice = text.replace(
        "phases = 3\n\n# Settings",
        "reader = { kind = \"pn532\", device = \"/dev/ttyS0\" }\n\n# Settings",
    );
    for (text, reason) in [
        (with("reader = { kind = \"pn532\" }"), "full path"),
        (
            with("reader = { kind = \"pn532\", device = \"ttyS0\" }"),
            "full path",
        ),
        (with("reader = { kind = \"nose\" }"), "\"nose\""),
        (
            with("reader = { kind = \"simulated\", device = \"/dev/ttyS0\" }"),
            "no device",
        ),
        (twice, "the same device"),
    ] {
        let refused = refusal(&text);
        assert!(
            refused.contains("`reader`") && refused.contains(reason),
            "{refused}"
        );
    }
    assert!(refusal(&with("reader = { kind = \"pn532\", port = 1 }")).contains("port"));
}
