//! `new`: writes a project that builds, tests and runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::embedded;
use super::kind::{Kind, Language, PROJECT_FILE, check_name};

/// Where the templates are in the repository.
const TEMPLATES: &str = "host/plugin-tools/templates";
/// Where the SDK is in a Rust project.
const SDK: &str = "pilotwire";

/// What to make.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Kind of the plugin.
    #[arg(long)]
    kind: Kind,
    /// Language.
    #[arg(long, default_value = "rust")]
    lang: Language,
    /// Name of the plugin, as policy packs will spell it: lower-case letters, digits, hyphens.
    name: String,
    /// Folder of the project; must not exist or be empty. Without it, a folder of the plugin's name.
    #[arg(long)]
    into: Option<PathBuf>,
}

/// Writes the project and says what to do with it.
///
/// # Errors
/// The name is none, or the folder is not empty or cannot be written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let (kind, language, name) = (arguments.kind, arguments.lang, arguments.name.as_str());
    check_name(name)?;
    let files = files(kind, language, name)?;
    let folder = match &arguments.into {
        Some(folder) => folder.clone(),
        None => PathBuf::from(name),
    };
    make_empty(&folder)?;
    for (path, content) in &files {
        write(&folder.join(path), content)?;
    }
    println!(
        "{}: {name}, kind {}, in {}; {} files",
        folder.display(),
        kind.name(),
        language.title(),
        files.len()
    );
    println!("README.md there says how to test, build and try it. It begins with:");
    println!("  cd {}", folder.display());
    println!("  {}", first_command(language));
    Ok(())
}

fn first_command(language: Language) -> &'static str {
    match language {
        Language::Rust => "cargo test",
        Language::Js => "npm install",
        Language::Python => {
            "python3 -m venv .venv && .venv/bin/pip install --requirement requirements.txt"
        }
        Language::C => "make test",
    }
}

/// Every file of a project with its content.
fn files(kind: Kind, language: Language, name: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let fill = |content: &[u8]| fill(content, kind, language, name);
    let mut files = Vec::new();
    let lang = language.name();
    for folder in [
        format!("{TEMPLATES}/{lang}/common"),
        format!("{TEMPLATES}/{lang}/{}", kind.name()),
        format!("{TEMPLATES}/try/{}", example(kind, language)),
    ] {
        for (path, content) in embedded::below(&folder) {
            let path = path.strip_suffix(".in").unwrap_or(path);
            let path = if path == "gitignore" {
                ".gitignore"
            } else {
                path
            };
            files.push((path.to_owned(), fill(content)));
        }
    }
    files.push((
        "station.toml".to_owned(),
        fill(template("try/station.toml.in")?),
    ));
    let mut readme = template(&format!("readme/{lang}.md"))?.to_vec();
    readme.extend_from_slice(template(&format!(
        "readme/try-{}.md",
        example(kind, language)
    ))?);
    files.push(("README.md".to_owned(), fill(&readme)));
    files.push((PROJECT_FILE.to_owned(), fill(template("project.toml.in")?)));
    if (kind, language) == (Kind::Backend, Language::C) {
        // Python comes with clang on every machine; a server in C would be longer than the plugin.
        let receiver = template("python/backend/receiver.py")?;
        files.push(("receiver.py".to_owned(), receiver.to_vec()));
    }
    match language {
        Language::Rust => sdk(&mut files)?,
        Language::Js | Language::Python | Language::C => contracts(kind, &mut files)?,
    }
    files.sort();
    Ok(files)
}

/// What a project shows. A backend in Rust speaks OCPP with the SDK; the others have a small protocol of their own.
fn example(kind: Kind, language: Language) -> &'static str {
    match (kind, language) {
        (Kind::Backend, Language::Js | Language::Python | Language::C) => "reporter",
        _ => kind.name(),
    }
}

fn template(path: &str) -> Result<&'static [u8]> {
    embedded::file(&format!("{TEMPLATES}/{path}"))
        .with_context(|| format!("the template {path} is not in this program"))
}

/// Puts name, kind and bounds where a template wants them.
fn fill(content: &[u8], kind: Kind, language: Language, name: &str) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(content) else {
        return content.to_vec();
    };
    let bounds = language.bounds();
    let features = match kind {
        Kind::Backend => ", features = [\"ocpp16\"]",
        Kind::Authorizer | Kind::FreeCharging | Kind::Display => "",
    };
    let (receiver, run_receiver) = match language {
        Language::Js => ("receiver.js", "node receiver.js"),
        Language::Rust | Language::Python | Language::C => ("receiver.py", "python3 receiver.py"),
    };
    text.replace("{{name}}", name)
        .replace("{{receiver}}", receiver)
        .replace("{{run_receiver}}", run_receiver)
        .replace("{{kind}}", kind.name())
        .replace("{{language}}", language.name())
        .replace("{{memory_mib}}", &bounds.memory_mib.to_string())
        .replace("{{call_deadline_ms}}", &bounds.call_deadline_ms.to_string())
        .replace("{{features}}", features)
        .replace("{{source}}", source(kind, language))
        .into_bytes()
}

/// The file that says what a plugin does, for its README.
fn source(kind: Kind, language: Language) -> &'static str {
    match (language, kind) {
        (Language::Rust, _) => "src/lib.rs",
        (Language::Js, Kind::Backend) => "src/reporter.js",
        (Language::Js, Kind::FreeCharging) => "src/mode.js",
        (Language::Js, Kind::Display) => "src/language.js",
        (Language::Js, Kind::Authorizer) => "src/authorizer.js",
        (Language::Python, Kind::Backend) => "src/reporter.py",
        (Language::Python, Kind::FreeCharging) => "src/mode.py",
        (Language::Python, Kind::Display) => "src/texts.py",
        (Language::Python, Kind::Authorizer) => "src/cards.py",
        (Language::C, Kind::Backend) => "src/reporter.c",
        (Language::C, Kind::FreeCharging) => "src/mode.c",
        (Language::C, Kind::Display) => "src/texts.c",
        (Language::C, Kind::Authorizer) => "src/cards.c",
    }
}

/// The SDK, what it stands on, and the contracts, laid out as in the repository.
fn sdk(files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for folder in ["plugins/sdk", "lib/units", "lib/ocpp"] {
        for (path, content) in embedded::below(folder) {
            let content = match path {
                "Cargo.toml" => manifest_for_users(content),
                _ => content.to_vec(),
            };
            files.push((format!("{SDK}/{folder}/{path}"), content));
        }
    }
    for kind in ["host", "backend", "authorizer", "free-charging", "display"] {
        let path = format!("wit/{kind}/{kind}.wit");
        files.push((format!("{SDK}/{path}"), wit(&path)?.to_vec()));
    }
    // The template's own name, where it would be taken for a manifest of the project.
    for (path, _) in files
        .iter_mut()
        .filter(|(path, _)| path == "pilotwire.toml")
    {
        *path = format!("{SDK}/Cargo.toml");
    }
    let lock = embedded::file("plugins/Cargo.lock").context("no Cargo.lock in this program")?;
    // Cargo drops what a project does not need and keeps the versions of the rest.
    files.push(("Cargo.lock".to_owned(), lock.to_vec()));
    Ok(())
}

/// Without our own tests, which need more than a plugin does, and without our lints.
fn manifest_for_users(content: &[u8]) -> Vec<u8> {
    let mut kept = String::new();
    let mut wanted = true;
    for line in String::from_utf8_lossy(content).lines() {
        if line.starts_with('[') {
            let ours_alone = ["[dev-dependencies]", "[lints]", "[[test]]", "[[bench]]"];
            wanted = !ours_alone.contains(&line);
        }
        if wanted {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept.into_bytes()
}

/// The kind's contract as other tools want it: its package on top, what it uses in `deps`.
fn contracts(kind: Kind, files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let name = kind.name();
    let own = wit(&format!("wit/{name}/{name}.wit"))?;
    files.push((format!("wit/{name}.wit"), own.to_vec()));
    let host = wit("wit/host/host.wit")?;
    files.push(("wit/deps/host/host.wit".to_owned(), host.to_vec()));
    Ok(())
}

fn wit(path: &str) -> Result<&'static [u8]> {
    embedded::file(path).with_context(|| format!("{path} is not in this program"))
}

fn make_empty(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    if entries.next().is_some() {
        bail!(
            "the folder {} is not empty; --into names another one",
            folder.display()
        );
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    fn text<'a>(files: &'a [(String, Vec<u8>)], path: &str) -> &'a str {
        let found = files.iter().find(|(known, _)| known == path);
        let (_, content) = found.unwrap_or_else(|| panic!("there is no {path}"));
        std::str::from_utf8(content).unwrap()
    }

    #[test]
    fn every_combination_is_a_whole_project_and_no_placeholder_is_left() {
        for language in Language::value_variants() {
            for kind in Kind::value_variants() {
                let files = files(*kind, *language, "my-plugin").unwrap();
                for (path, content) in &files {
                    assert!(!path.ends_with(".in") && !path.contains(".."), "{path}");
                    let left = String::from_utf8_lossy(content).contains("{{");
                    assert!(!left || path.starts_with("pilotwire/"), "{path}");
                }
                for path in ["plugin.toml", "pack.toml", "station.toml", ".gitignore"] {
                    assert!(!text(&files, path).is_empty());
                }
                text(&files, source(*kind, *language));
                let readme = text(&files, "README.md");
                for heading in ["# my-plugin", "## Test", "## Build", "## Try it"] {
                    assert!(readme.contains(heading), "{kind:?} {language:?}: {heading}");
                }
                assert!(text(&files, "pack.toml").contains("name = \"my-plugin\""));
            }
        }
    }

    #[test]
    fn sdk_of_a_project_takes_the_versions_of_this_repository() {
        let ours = concat!(
            include_str!("../../../../Cargo.toml"),
            include_str!("../../../../plugins/Cargo.toml")
        );
        let files = files(Kind::Backend, Language::Rust, "x").unwrap();
        let manifest = text(&files, "pilotwire/Cargo.toml");
        let wanted = manifest.lines().filter(|line| {
            !line.is_empty() && !line.starts_with(['#', '[', 'm']) && !line.contains("path =")
        });
        for line in wanted {
            assert!(ours.contains(line), "not in this repository: {line}");
        }
        let sdk = text(&files, "pilotwire/plugins/sdk/Cargo.toml");
        let ours_alone = |line: &str| matches!(line, "[lints]" | "[dev-dependencies]");
        assert!(!sdk.lines().any(ours_alone), "{sdk}");
        for folder in ["plugins/sdk", "lib/units", "lib/ocpp"] {
            let text = text(&files, &format!("pilotwire/{folder}/Cargo.toml"));
            let inherited = text
                .lines()
                .filter(|line| line.contains("workspace = true"));
            let short = text
                .lines()
                .filter(|line| line.ends_with(".workspace = true"));
            for line in inherited.chain(short) {
                let name = line.split([' ', '.']).next().unwrap_or_default();
                let key = format!("\n{name} = ");
                assert!(manifest.contains(&key), "{folder} inherits {name}");
            }
        }
    }

    #[test]
    fn folder_with_something_in_it_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("pilotwire-new-{}", std::process::id()));
        let file = folder.join("mine");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&file, "").unwrap();
        let error = make_empty(&folder).unwrap_err().to_string();
        assert!(error.contains("is not empty"), "{error}");
        std::fs::remove_file(&file).unwrap();
        make_empty(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
