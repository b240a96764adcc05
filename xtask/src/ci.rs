//! What CI runs, in the order in which it is cheapest to fail.

use std::process::Command;

use anyhow::Result;

use crate::{plugins, shell, test, tidy};

/// Format, house rules, plugins, lints of both workspaces, documentation, tests.
///
/// # Errors
/// At the first step that fails.
pub fn run() -> Result<()> {
    shell::run("format", shell::cargo().args(["fmt", "--all", "--check"]))?;
    shell::run(
        "format (plugins)",
        in_plugins().args(["fmt", "--all", "--check"]),
    )?;
    tidy::run(&tidy::TidyArguments::default())?;
    plugins::run()?;
    let lint = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    shell::run("lints", shell::cargo().args(lint))?;
    shell::run("lints (plugins)", in_plugins().args(lint))?;
    document("documentation", shell::cargo())?;
    document("documentation (plugins)", in_plugins())?;
    test::run(&test::TestArguments::default())
}

fn document(what: &str, mut cargo: Command) -> Result<()> {
    cargo.args([
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
    ]);
    cargo.env(
        "RUSTDOCFLAGS",
        "-D warnings -A rustdoc::private_intra_doc_links",
    );
    shell::run(what, &mut cargo)
}

/// Cargo in the plugins' workspace, compiling natively.
pub fn in_plugins() -> Command {
    let mut cargo = shell::cargo();
    cargo.current_dir(shell::root().join("plugins"));
    cargo.env("CARGO_TARGET_DIR", shell::root().join("target/plugins"));
    cargo
}
