//! Rules that a pack can break although every word in it is right: the installation rules of the manuals, and what would
//! not do what its author thinks. And what one pack changes of another.

use std::collections::BTreeSet;
use std::fmt;

use plugin_host::{BackendRole, Grant, PluginKind};

use crate::pack::{Pack, PluginPolicy};

/// Something to say about a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The pack must not be applied like this.
    pub is_error: bool,
    /// What, why, and what to do.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_error { "error" } else { "advice" };
        write!(f, "{word}: {}", self.text)
    }
}

/// Checks a pack against all rules.
#[must_use]
pub fn check(pack: &Pack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut error = |text: String| {
        findings.push(Finding {
            is_error: true,
            text,
        });
    };
    let backends = of(pack, PluginKind::Backend);
    let primary = backends.iter().any(|p| p.role == BackendRole::Primary);
    if let Some(doubt) = named(pack, "auth-if-in-doubt")
        && backends.is_empty()
        && setting(doubt, "mode") != "off"
    {
        error(
            "auth-if-in-doubt without a backend lets everybody charge for ever, because nobody checks later; set its `mode` \
             to \"off\", or add a backend (Powerstation TWO §5.1)"
                .to_owned(),
        );
    }
    if named(pack, "auth-ocpp-cache").is_some() && backends.is_empty() {
        error(
            "auth-ocpp-cache without a backend never learns a card and never forgets one; remove it, or add a backend \
             (Powerstation TWO §5.4)"
                .to_owned(),
        );
    }
    let free = of(pack, PluginKind::FreeCharging);
    if free.len() > 1 {
        error(format!(
            "{} free-charging plugins; only one can be in force",
            free.len()
        ));
    }
    if let Some(modes) = named(pack, "free-modes") {
        let mode = setting(modes, "mode");
        if backends.is_empty() && mode != "no-ocpp" {
            error(format!(
                "free charging mode {mode:?} needs a backend to report to; without one only \"no-ocpp\" is possible \
                 (Powerstation TWO §5.2)"
            ));
        }
    }
    let master = pack
        .plugins
        .iter()
        .position(|p| p.name == "auth-master-card");
    let first_authorizer = pack
        .plugins
        .iter()
        .position(|p| p.kind == PluginKind::Authorizer && p.name != "auth-secure-rfid");
    if master.is_some() && master != first_authorizer {
        error(
            "auth-master-card has to be the first authorizer: whoever is asked before it may accept or refuse the MASTER card"
                .to_owned(),
        );
    }
    let secure = pack
        .plugins
        .iter()
        .position(|p| p.name == "auth-secure-rfid");
    let first = pack
        .plugins
        .iter()
        .position(|p| p.kind == PluginKind::Authorizer);
    if secure.is_some() && secure != first {
        error(
            "auth-secure-rfid has to be the first authorizer: whoever is asked before it accepts copies of cards".to_owned(),
        );
    }
    for plugin in &pack.plugins {
        let judges = matches!(
            plugin.kind,
            PluginKind::Authorizer | PluginKind::FreeCharging
        );
        if judges && !plugin.grants.has(Grant::Authorize) {
            error(format!(
                "{} is not granted `authorize`; nothing that it says counts",
                plugin.name
            ));
        }
        let reaches = plugin.grants.has(Grant::NetConnect) || plugin.grants.has(Grant::NetHttp);
        if plugin.kind == PluginKind::Backend && !reaches {
            error(format!(
                "{} is granted neither `net.connect` nor `net.http`; it cannot reach its backend",
                plugin.name
            ));
        }
    }
    findings.extend(advice(pack, primary, &free));
    findings
}

fn advice(pack: &Pack, primary: bool, free: &[&PluginPolicy]) -> Vec<Finding> {
    let mut texts = Vec::new();
    let judges = pack
        .plugins
        .iter()
        .any(|p| p.kind == PluginKind::Authorizer);
    if !primary && !judges && free.is_empty() {
        texts.push(
            "nobody in this pack can accept a card; the station charges no vehicle".to_owned(),
        );
    }
    if !free.is_empty() && judges {
        texts.push(
            "while the free-charging mode is in force, no list and no backend is asked".to_owned(),
        );
    }
    if setting_of(pack, "free-modes", "mode").as_deref() == Some("no-ocpp") && primary {
        texts.push("in mode no-ocpp the backend hears nothing; nobody can see from afar whether the station is in use".to_owned());
    }
    for plugin in &pack.plugins {
        let observer = plugin.kind == PluginKind::Backend && plugin.role == BackendRole::Observer;
        for grant in [
            Grant::Authorize,
            Grant::StationStart,
            Grant::StationStop,
            Grant::StationUnlock,
            Grant::StationReset,
            Grant::StationAvailability,
            Grant::SettingsWrite,
            Grant::ClockSet,
        ] {
            if observer && plugin.grants.has(grant) {
                texts.push(format!(
                    "{} is an observer and is granted `{grant}`; an observer usually only reports",
                    plugin.name
                ));
            }
        }
    }
    let advice = |text| Finding {
        is_error: false,
        text,
    };
    texts.into_iter().map(advice).collect()
}

fn of(pack: &Pack, kind: PluginKind) -> Vec<&PluginPolicy> {
    pack.plugins.iter().filter(|p| p.kind == kind).collect()
}

fn named<'a>(pack: &'a Pack, name: &str) -> Option<&'a PluginPolicy> {
    pack.plugins.iter().find(|plugin| plugin.name == name)
}

fn setting(plugin: &PluginPolicy, key: &str) -> String {
    plugin.settings.get(key).cloned().unwrap_or_default()
}

fn setting_of(pack: &Pack, plugin: &str, key: &str) -> Option<String> {
    named(pack, plugin).map(|plugin| setting(plugin, key))
}

/// What changes from one pack to the other, line by line, for people.
#[must_use]
pub fn differences(old: &Pack, new: &Pack) -> Vec<String> {
    let mut lines = Vec::new();
    for plugin in &old.plugins {
        if named(new, &plugin.name).is_none() {
            lines.push(format!("- {} ({})", plugin.name, plugin.kind));
        }
    }
    for plugin in &new.plugins {
        match named(old, &plugin.name) {
            None => lines.push(format!("+ {} ({})", plugin.name, plugin.kind)),
            Some(before) => lines.extend(plugin_differences(before, plugin)),
        }
    }
    let order = |pack: &Pack, other: &Pack| -> Vec<String> {
        let both = |p: &&PluginPolicy| named(other, &p.name).is_some();
        let names = pack.plugins.iter().filter(both);
        names.map(|p| p.name.clone()).collect()
    };
    if order(old, new) != order(new, old) {
        lines.push(format!("~ order: {}", order(new, old).join(", ")));
    }
    let keys: BTreeSet<&String> = old
        .settings
        .iter()
        .chain(&new.settings)
        .map(|(k, _)| k)
        .collect();
    for key in keys {
        let of = |pack: &Pack| {
            let found = pack.settings.iter().find(|(other, _)| other == key);
            found.map_or("–".to_owned(), |(_, value)| value.clone())
        };
        if of(old) != of(new) {
            lines.push(format!("~ setting {key}: {} → {}", of(old), of(new)));
        }
    }
    if old.health != new.health {
        lines.push(format!(
            "~ health rule: {:?} → {:?}",
            old.health, new.health
        ));
    }
    lines
}

fn plugin_differences(old: &PluginPolicy, new: &PluginPolicy) -> Vec<String> {
    let name = &new.name;
    let mut lines = Vec::new();
    if old.role != new.role {
        lines.push(format!("~ {name}: role {:?} → {:?}", old.role, new.role));
    }
    let grants =
        |plugin: &PluginPolicy| -> BTreeSet<String> { plugin.grants.lines().into_iter().collect() };
    let (before, after) = (grants(old), grants(new));
    lines.extend(
        before
            .difference(&after)
            .map(|g| format!("- {name}: grant {g}")),
    );
    lines.extend(
        after
            .difference(&before)
            .map(|g| format!("+ {name}: grant {g}")),
    );
    if old.limits != new.limits {
        lines.push(format!(
            "~ {name}: limits {:?} → {:?}",
            old.limits, new.limits
        ));
    }
    let keys: BTreeSet<&String> = old.settings.keys().chain(new.settings.keys()).collect();
    for key in keys {
        let of = |plugin: &PluginPolicy| plugin.settings.get(key).cloned();
        if of(old) != of(new) {
            // Passwords are among the settings.
            let hidden = key.contains("password");
            let shown = |value: Option<String>| match value {
                None => "–".to_owned(),
                Some(_) if hidden => "***".to_owned(),
                Some(value) => value,
            };
            lines.push(format!(
                "~ {name}: {key} {} → {}",
                shown(of(old)),
                shown(of(new))
            ));
        }
    }
    lines
}

#[cfg(test)]
#[path = "pack_lint_tests.rs"]
mod tests;
