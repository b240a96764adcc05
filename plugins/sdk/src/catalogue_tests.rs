//! What a catalogue may say, and that every shipped one says everything that the English one says.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;

fn argument(name: &str, value: &str) -> Argument {
    Argument {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn shipped() -> BTreeMap<String, Catalogue> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut catalogues = BTreeMap::new();
    for entry in std::fs::read_dir(plugins).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if let Some(tag) = name.strip_prefix("lang-") {
            let text = std::fs::read_to_string(path.join("texts.ftl")).unwrap();
            let catalogue = Catalogue::parse(&text).unwrap_or_else(|e| panic!("{tag}: {e}"));
            catalogues.insert(tag.to_owned(), catalogue);
        }
    }
    catalogues
}

#[test]
fn every_language_has_every_text_with_the_same_values_and_none_is_empty_or_too_long() {
    let catalogues = shipped();
    let tags: Vec<&str> = catalogues.keys().map(String::as_str).collect();
    assert_eq!(tags, ["de", "en", "es", "fr", "it", "nl", "sv"]);
    let english: Vec<_> = catalogues["en"].ids().collect();
    assert!(english.len() > 100);
    for (tag, catalogue) in &catalogues {
        assert_eq!(catalogue.ids().collect::<Vec<_>>(), english, "{tag}");
        for (id, _) in catalogue.ids() {
            let text = catalogue.text(id, &[]).unwrap();
            let chars = text.chars().count();
            assert!((1..=MAX_TEXT_CHARS).contains(&chars), "{tag} {id}: {text}");
            assert_eq!(text.trim(), text, "{tag} {id}");
            assert!(!text.chars().any(char::is_control), "{tag} {id}");
        }
    }
}

#[test]
fn no_language_was_forgotten_in_english() {
    let catalogues = shipped();
    let same = |tag: &str| {
        let own = &catalogues[tag];
        let texts = own.ids().map(|(id, _)| id.to_owned());
        let same = texts.filter(|id| own.text(id, &[]) == catalogues["en"].text(id, &[]));
        same.count()
    };
    for tag in ["de", "es", "fr", "it", "nl", "sv"] {
        // "Station 1" and the like are the same in some languages.
        assert!(same(tag) <= 3, "{tag}: {} texts are English", same(tag));
    }
}

#[test]
fn values_are_put_in_and_a_missing_one_is_shown_by_its_name() {
    let catalogue = Catalogue::parse("a-b = { $kwh } kWh\n    .action = do { $it }\n").unwrap();
    assert_eq!(
        catalogue.text("a.b", &[argument("kwh", "1.5")]).as_deref(),
        Some("1.5 kWh")
    );
    assert_eq!(catalogue.text("a.b", &[]).as_deref(), Some("kwh kWh"));
    assert_eq!(catalogue.text("a.b.action", &[]).as_deref(), Some("do it"));
    assert_eq!(catalogue.text("a.c", &[]), None);
    assert_eq!(catalogue.text("", &[]), None);
}

#[test]
fn resolved_fault_says_so() {
    let catalogue = &shipped()["de"];
    let message = |active: &str| Message {
        id: "fault.USB".to_owned(),
        arguments: vec![argument("active", active)],
    };
    let text = |active| catalogue.render("de", &message(active)).unwrap().text;
    assert_eq!(text("true"), "USB-Fehler");
    assert_eq!(text("false"), "Behoben: USB-Fehler");
}

#[test]
fn what_the_station_does_not_need_of_fluent_is_a_mistake() {
    for text in [
        "a = { $n ->\n   *[other] x\n }\n",
        "a = { b }\n",
        "-term = x\n",
        "a =\n    .action = x\n",
        "a = x\na = y\n",
        "= x\n",
    ] {
        assert!(Catalogue::parse(text).is_err(), "{text}");
    }
}
