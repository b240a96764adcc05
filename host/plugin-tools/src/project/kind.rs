//! Which projects there are: kinds of plugins, languages, and their combinations.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

/// File in which a project says what it is.
pub const PROJECT_FILE: &str = "plugin.toml";

/// Kind of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Between the station and a central system.
    Backend,
    /// Judges cards.
    Authorizer,
    /// Who charges without being asked.
    FreeCharging,
    /// A language.
    Display,
}

/// Language of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
    /// JavaScript.
    Js,
    /// Python.
    Python,
    /// C, freestanding.
    C,
}

/// The bounds that a plugin of a language needs in its policy pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub memory_mib: u32,
    pub call_deadline_ms: u32,
}

impl Kind {
    /// As a policy pack writes it; also the folder of its contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Authorizer => "authorizer",
            Self::FreeCharging => "free-charging",
            Self::Display => "display",
        }
    }
}

impl Language {
    /// As on the command line and in `plugin.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Js => "JavaScript",
            Self::Python => "Python",
            Self::C => "C",
        }
    }

    /// Interpreters need more room than compiled code, and a busy machine more time for them.
    pub fn bounds(self) -> Bounds {
        match self {
            Self::Rust | Self::C => Bounds {
                memory_mib: 16,
                call_deadline_ms: 100,
            },
            Self::Js => Bounds {
                memory_mib: 16,
                call_deadline_ms: 200,
            },
            Self::Python => Bounds {
                memory_mib: 64,
                call_deadline_ms: 500,
            },
        }
    }
}

/// What a project says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Project {
    pub name: String,
    pub kind: Kind,
    pub language: Language,
}

impl Project {
    /// Reads `plugin.toml`.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(PROJECT_FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "{} cannot be read; is this a project that `pilotwire plugin new` made?",
                path.display()
            )
        })?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = toml::from_str(text)?;
        let word = |key: &str| {
            let value = table.get(key).and_then(toml::Value::as_str);
            value.with_context(|| format!("`{key}` is missing"))
        };
        let name = word("name")?.to_owned();
        check_name(&name)?;
        Ok(Self {
            name,
            kind: choice("kind", word("kind")?)?,
            language: choice("language", word("language")?)?,
        })
    }
}

fn choice<T: ValueEnum>(key: &str, word: &str) -> Result<T> {
    let Ok(value) = T::from_str(word, false) else {
        let values = T::value_variants().iter();
        let names: Vec<_> = values
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| value.get_name().to_owned())
            .collect();
        bail!("`{key}` = {word:?}: it is one of {}", names.join(", "));
    };
    Ok(value)
}

/// Names that the Rust of a project would take for something else.
const TAKEN: [&str; 7] = ["sdk", "units", "ocpp", "std", "core", "alloc", "test"];

/// The rule of policy packs, so that the name can stand in one.
pub fn check_name(name: &str) -> Result<()> {
    let letters = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if !letters || !begins || name.len() > 64 || name.ends_with('-') {
        bail!(
            "{name:?} is no name of a plugin: lower-case letters, digits and hyphens, a letter first, \
             for example auth-door"
        );
    }
    if TAKEN.contains(&name) {
        bail!("{name:?} is taken by a library; take one like auth-{name}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_says_what_it_is_or_what_is_wrong() {
        let project = Project::parse("name = \"auth-x\"\nkind = \"authorizer\"\nlanguage = \"js\"");
        let project = project.unwrap();
        assert_eq!(
            (project.kind, project.language),
            (Kind::Authorizer, Language::Js)
        );
        let error = |text: &str| Project::parse(text).unwrap_err().to_string();
        assert_eq!(error("name = \"auth-x\""), "`kind` is missing");
        let text = "name = \"auth-x\"\nkind = \"authorizer\"\nlanguage = \"cobol\"";
        assert_eq!(
            error(text),
            "`language` = \"cobol\": it is one of rust, js, python, c"
        );
    }

    #[test]
    fn name_is_one_that_a_policy_pack_takes() {
        for good in ["auth-door", "x1", "backend-a-b"] {
            check_name(good).unwrap();
        }
        for bad in [
            "", "Auth", "1x", "a_b", "-a", "a-", "a/b", "..", "sdk", "café",
        ] {
            check_name(bad).unwrap_err();
        }
    }
}
