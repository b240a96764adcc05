//! Which packs break a rule, and what a difference looks like.

use std::path::Path;

use super::*;

fn pack(plugins: &str) -> Pack {
    let text = format!("name = \"test\"\nsummary = \"For tests.\"\n{plugins}");
    crate::pack::parse(Path::new("test.toml"), &text, &Default::default()).unwrap()
}

const BACKEND: &str = r#"
[[plugin]]
name = "backend-eflux"
kind = "backend"
grants = { "net.connect" = ["ws://127.0.0.1:1/"], "authorize" = true }
"#;

fn authorizer(name: &str, settings: &str) -> String {
    format!(
        "[[plugin]]\nname = \"{name}\"\nkind = \"authorizer\"\ngrants = {{ \"authorize\" = true }}\nsettings = {{ {settings} }}\n"
    )
}

fn free(mode: &str) -> String {
    format!(
        "[[plugin]]\nname = \"free-modes\"\nkind = \"free-charging\"\ngrants = {{ \"authorize\" = true }}\nsettings = {{ mode = \"{mode}\" }}\n"
    )
}

fn errors(plugins: &str) -> Vec<String> {
    let findings = check(&pack(plugins));
    let errors = findings.into_iter().filter(|finding| finding.is_error);
    errors.map(|finding| finding.text).collect()
}

// acceptance: P107
#[test]
fn if_in_doubt_must_be_off_without_a_backend() {
    for mode in ["on", "immediately"] {
        let doubt = authorizer("auth-if-in-doubt", &format!("mode = \"{mode}\""));
        let found = errors(&doubt);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("charge for ever"), "{found:?}");
        assert_eq!(errors(&format!("{BACKEND}{doubt}")), [""; 0]);
    }
    assert_eq!(
        errors(&authorizer("auth-if-in-doubt", "mode = \"off\"")),
        [""; 0]
    );
}

// acceptance: P134
#[test]
fn ocpp_whitelist_must_be_off_without_a_backend() {
    let cache = authorizer("auth-ocpp-cache", "");
    assert!(errors(&cache)[0].contains("auth-ocpp-cache without a backend"));
    assert_eq!(errors(&format!("{BACKEND}{cache}")), [""; 0]);
}

// acceptance: P115
#[test]
fn only_the_free_mode_without_ocpp_works_without_a_backend() {
    assert_eq!(errors(&free("no-ocpp")), [""; 0]);
    for mode in [
        "status-without-auth",
        "status-with-auth",
        "full-fixed-with-auth",
        "full-fixed-without-auth",
        "full-any",
    ] {
        assert!(errors(&free(mode))[0].contains("needs a backend"), "{mode}");
        assert_eq!(
            errors(&format!("{BACKEND}{}", free(mode))),
            [""; 0],
            "{mode}"
        );
    }
}

#[test]
fn menu_card_and_copy_protection_come_before_everybody_else() {
    let list = authorizer("auth-local-whitelist", "");
    let master = authorizer("auth-master-card", "");
    let secure = authorizer("auth-secure-rfid", "");
    assert_eq!(errors(&format!("{secure}{master}{list}")), [""; 0]);
    assert!(errors(&format!("{list}{master}"))[0].contains("auth-master-card has to be the first"));
    assert!(errors(&format!("{list}{secure}"))[0].contains("auth-secure-rfid has to be the first"));
}

#[test]
fn plugin_without_the_grant_that_makes_it_useful_is_an_error() {
    let text = BACKEND.replace("\"net.connect\" = [\"ws://127.0.0.1:1/\"], ", "");
    assert!(errors(&text)[0].contains("cannot reach its backend"));
    let text = authorizer("auth-local-whitelist", "").replace("= true", "= false");
    assert!(errors(&text)[0].contains("nothing that it says counts"));
}

#[test]
fn observer_that_may_command_is_pointed_out() {
    let text = BACKEND.replace(
        "kind = \"backend\"",
        "kind = \"backend\"\nrole = \"observer\"",
    );
    let findings = check(&pack(&text));
    assert!(
        findings.iter().any(|f| f.text.contains("is an observer")),
        "{findings:?}"
    );
    assert!(findings.iter().all(|finding| !finding.is_error));
}

#[test]
fn every_shipped_pack_keeps_every_rule() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let pack = crate::pack::parse(&path, &text, &Default::default()).unwrap();
        let findings = check(&pack);
        assert!(
            findings.iter().all(|finding| !finding.is_error),
            "{}: {findings:?}",
            path.display()
        );
        seen += 1;
    }
    assert!(seen >= 7, "{seen} packs");
}

#[test]
fn difference_names_plugins_grants_settings_and_order_but_no_password() {
    let old = pack(&format!(
        "{BACKEND}{}",
        authorizer("auth-a", "list = \"x\"")
    ));
    let changed = BACKEND.replace(
        ", \"authorize\" = true }",
        " }\nsettings = { basic_auth_password = \"secret\" }",
    );
    let new = pack(&format!(
        "[settings]\nauthorize_for_stop = true\n{}{}{changed}",
        authorizer("auth-b", ""),
        authorizer("auth-a", "list = \"y\"")
    ));
    assert_eq!(
        differences(&old, &new),
        [
            "+ auth-b (authorizer)",
            "~ auth-a: list x → y",
            "- backend-eflux: grant authorize",
            "~ backend-eflux: basic_auth_password – → ***",
            "~ order: auth-a, backend-eflux",
            "~ setting authorize_for_stop: – → true",
        ]
    );
    assert_eq!(differences(&old, &old), [""; 0]);
}
