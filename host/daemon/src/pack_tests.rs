//! What a policy pack may say, and how a wrong one is refused.

use super::*;

const GOOD: &str = r#"
name = "test"
summary = "For tests."

[[plugin]]
name = "backend-eflux"
kind = "backend"
role = "primary"
grants = { "net.connect" = ["ws://127.0.0.1:1/"], "authorize" = true, "station.reset" = false }
limits = { memory_mib = 4 }
settings = { keep_alive_s = 30 }
"#;

fn read_text(text: &str) -> Result<Pack, ConfigError> {
    parse(Path::new("test.toml"), text, &BTreeMap::new())
}

#[test]
fn plugin_has_only_the_grants_that_its_pack_gives() {
    let pack = read_text(GOOD).unwrap();
    let plugin = &pack.plugins[0];
    assert_eq!(
        plugin.grants.names().collect::<Vec<_>>(),
        ["net.connect", "authorize"]
    );
    assert!(plugin.grants.covers_url("ws://127.0.0.1:1/x"));
    assert!(!plugin.grants.covers_url("ws://127.0.0.1:2/x"));
    assert_eq!(plugin.limits.memory_mib, 4);
    assert_eq!(plugin.settings["keep_alive_s"], "30");
}

#[test]
fn configuration_may_add_urls_and_settings_but_only_for_plugins_of_the_pack() {
    let given = PluginOverride {
        connect: vec![
            "ws://127.0.0.1:2/".to_owned(),
            "http://127.0.0.1:3/".to_owned(),
        ],
        settings: BTreeMap::from([("url".to_owned(), "ws://127.0.0.1:2/x".to_owned())]),
    };
    let overrides = BTreeMap::from([("backend-eflux".to_owned(), given.clone())]);
    let pack = parse(Path::new("test.toml"), GOOD, &overrides).unwrap();
    assert!(pack.plugins[0].grants.covers_url("ws://127.0.0.1:2/x"));
    assert!(pack.plugins[0].grants.covers_http("http://127.0.0.1:3/x"));
    assert!(!pack.plugins[0].grants.covers_http("http://127.0.0.1:2/x"));
    assert_eq!(pack.plugins[0].settings["url"], "ws://127.0.0.1:2/x");
    let stray = BTreeMap::from([("backend-other".to_owned(), given)]);
    let path = Path::new("test.toml");
    // A pack that is applied later may have other plugins than the one that the configuration was written for.
    let pack = parse(path, GOOD, &stray).unwrap();
    let error = check_overrides(path, GOOD, &pack, &stray)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`plugin.backend-other`") && error.contains("backend-eflux"),
        "{error}"
    );
}

#[test]
fn wrong_words_are_refused_with_the_right_ones() {
    for (from, to, remedy) in [
        (
            "kind = \"backend\"",
            "kind = \"toaster\"",
            "choose backend, authorizer",
        ),
        (
            "role = \"primary\"",
            "role = \"boss\"",
            "choose primary or observer",
        ),
        (
            "\"authorize\" = true",
            "\"authorise\" = true",
            "the grants are",
        ),
        (
            "\"authorize\" = true",
            "\"authorize\" = 1",
            "write true, or a list",
        ),
        (
            "name = \"backend-eflux\"",
            "name = \"../x\"",
            "lower-case letters",
        ),
        ("limits = {", "limit = {", "did you mean `limits`?"),
    ] {
        let error = read_text(&GOOD.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.contains(remedy), "{to}: {error}");
    }
}

#[test]
fn two_primaries_and_two_plugins_of_one_name_are_refused() {
    let plugin = &GOOD[GOOD.find("[[plugin]]").unwrap()..];
    let error = read_text(&format!("{GOOD}{plugin}"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("stands twice"), "{error}");
    let second = plugin.replace("backend-eflux", "backend-total");
    let error = read_text(&format!("{GOOD}{second}"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("only one may command"), "{error}");
}

#[test]
fn every_shipped_pack_is_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let pack = read(&path, &BTreeMap::new()).unwrap();
        assert_eq!(
            Some(pack.name.as_str()),
            path.file_stem().and_then(|stem| stem.to_str())
        );
        seen += 1;
    }
    assert!(seen >= 7, "{seen} packs");
}
