//! Plugin projects: `pilotwire plugin new` makes one, its own tests run, `pilotwire plugin build` makes a component of it, and
//! the host runs that component. In every language, with the tools that the project pins.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod projects {
    //! What the tests share.
    pub mod kit;
    pub mod programs;
    pub mod receiver;
    pub mod reporter;
    pub mod station;
    pub mod tutorial;
}

mod guests;

use guests::{backend_start, now, question, setting};
use plugin_host::{
    BackendCommand, BackendPlugin, DisplayPlugin, FreeChargingPlugin, Grant, Grants, PluginKind,
    Reporting,
};
use projects::kit::Judge;
use projects::programs::{Project, command, root, run, scratch, text};
use projects::receiver::a_station_reports_everything_once;
use projects::reporter::Reporter;
use projects::station::Station;
use projects::tutorial;
use station::Decision;

/// Where `cargo xtask test` puts what projects pin.
const NODE_MODULES: &str = "projects-npm/node_modules";
const PYTHON: &str = "projects-venv";

#[test]
fn authorizer_in_rust_is_made_tested_built_and_judges() {
    let project = Project::new("authorizer", "rust", "auth-in-rust");
    let said = run(project.command("cargo").args(["test", "--quiet"]));
    assert!(said.contains("3 passed"), "{said}");
    let component = project.build();
    Judge::load(&project, &component).examine();
    // Whatever is in it, this machine's folders are not.
    let folder = project.folder.to_str().unwrap().as_bytes();
    assert!(!component.windows(folder.len()).any(|part| part == folder));
}

#[test]
fn authorizer_in_javascript_is_made_tested_built_and_judges() {
    let project = in_javascript("authorizer", "auth-in-js", 3);
    let component = project.build();
    Judge::load(&project, &component).examine();
    a_station_charges_the_listed_card_and_no_other(&project);
}

#[test]
fn authorizer_in_python_is_made_tested_built_and_judges() {
    let project = in_python("authorizer", "auth-in-python", 4);
    let component = project.build();
    Judge::load(&project, &component).examine();
}

#[test]
fn authorizer_in_c_is_made_tested_built_and_judges() {
    let project = in_c("authorizer", "auth-in-c");
    let component = project.build();
    Judge::load(&project, &component).examine();
    let again = project.build();
    assert_eq!(component, again, "two builds gave different components");
}

/// A project in JavaScript whose so many tests pass.
fn in_javascript(kind: &str, name: &'static str, tests: u32) -> Project {
    let project = Project::new(kind, "js", name).installed(NODE_MODULES, "node_modules");
    let said = run(project.command("npm").args(["test"]));
    let passed = format!("pass {tests}\n");
    assert!(said.contains(&passed) && said.contains("fail 0"), "{said}");
    project
}

/// A project in Python whose so many tests pass.
fn in_python(kind: &str, name: &'static str, tests: u32) -> Project {
    let project = Project::new(kind, "python", name).installed(PYTHON, ".venv");
    let mut unittest = project.command(".venv/bin/python");
    unittest.args(["-m", "unittest", "discover", "--start-directory", "tests"]);
    let said = run(&mut unittest);
    let ran = format!("Ran {tests} tests");
    assert!(said.contains(&ran) && said.contains("OK"), "{said}");
    project
}

/// A project in C whose tests pass.
fn in_c(kind: &str, name: &'static str) -> Project {
    let project = Project::new(kind, "c", name);
    let said = run(project.command("make").arg("test"));
    assert!(said.contains("ok: all rules hold"), "{said}");
    project
}

/// Under the project's own pack; its list has two cards.
fn a_station_charges_the_listed_card_and_no_other(project: &Project) {
    a_pack_is_good(project);
    let station = Station::start(project);
    assert!(station.pilotwire("plugin list").contains("running"));
    station.pilotwire("sim plug-in");
    station.pilotwire("sim swipe uid=DEADBEEF");
    station.pilotwire("sim swipe --evse 2 uid=DEADBEEF");
    station.pilotwire("sim swipe uid=04A1B2C3");
    station.wait_for("ContactorClose");
    let status = station.pilotwire("status");
    assert!(
        status.contains("transaction 1 · token 04A1B2C3"),
        "{status}"
    );
    assert!(!status.contains("DEADBEEF"), "{status}");
}

#[test]
fn other_kinds_in_rust_are_made_tested_built_and_run() {
    let component = |project: &Project| {
        run(project.command("cargo").args(["test", "--quiet"]));
        project.build()
    };
    let project = Project::new("free-charging", "rust", "free-in-rust");
    a_mode_lets_everybody_charge(&project, &component(&project));
    let project = Project::new("display", "rust", "lang-in-rust");
    a_language_speaks(&project, &component(&project));
    let project = Project::new("backend", "rust", "backend-in-rust");
    a_backend_connects(&project, &component(&project));
}

#[test]
fn other_kinds_in_javascript_are_made_tested_built_and_run() {
    let project = in_javascript("free-charging", "free-in-js", 3);
    a_mode_lets_everybody_charge(&project, &project.build());
    let project = in_javascript("display", "lang-in-js", 2);
    a_language_speaks(&project, &project.build());
}

#[test]
fn free_charging_in_python_is_made_tested_built_and_run() {
    let project = in_python("free-charging", "free-in-python", 3);
    a_mode_lets_everybody_charge(&project, &project.build());
}

#[test]
fn display_in_python_is_made_tested_built_and_run() {
    let project = in_python("display", "lang-in-python", 2);
    a_language_speaks(&project, &project.build());
}

#[test]
fn other_kinds_in_c_are_made_tested_built_and_run() {
    let project = in_c("free-charging", "free-in-c");
    a_mode_lets_everybody_charge(&project, &project.build());
    let project = in_c("display", "lang-in-c");
    a_language_speaks(&project, &project.build());
}

#[test]
fn backend_in_javascript_is_made_tested_built_and_reports_everything_once() {
    let project = in_javascript("backend", "backend-in-js", 6);
    a_reporter_reports(&project, &["node", "receiver.js"]);
}

#[test]
fn backend_in_python_is_made_tested_built_and_reports_everything_once() {
    let project = in_python("backend", "backend-in-python", 6);
    a_reporter_reports(&project, &["python3", "receiver.py"]);
}

#[test]
fn backend_in_c_is_made_tested_built_and_reports_everything_once() {
    let project = in_c("backend", "backend-in-c");
    a_reporter_reports(&project, &["python3", "receiver.py"]);
}

/// Driven call by call, and by a station that talks with the server of the project.
fn a_reporter_reports(project: &Project, receiver: &[&str]) {
    let component = project.build();
    Reporter::load(project, &component).examine();
    a_pack_is_good(project);
    a_station_reports_everything_once(project, receiver);
}

fn a_mode_lets_everybody_charge(project: &Project, component: &[u8]) {
    let loaded = project.loaded(PluginKind::FreeCharging, component);
    let mut grants = Grants::none();
    grants.allow(Grant::Authorize);
    let plugin = FreeChargingPlugin::instantiate(&loaded, project.limits(), &grants);
    let mut plugin = plugin.unwrap();
    let settings = |start| vec![setting("start", start), setting("report", "status")];
    let behaviour = plugin.start(now(), settings("card")).unwrap();
    assert_eq!(behaviour.reporting, Reporting::StatusOnly);
    assert_eq!(behaviour.start_on_plug, None);
    let verdict = plugin.authorize(now(), question(1, "04A1B2C3")).unwrap();
    assert_eq!(verdict.decision, Decision::Accepted);
    let behaviour = plugin.start(now(), settings("plug")).unwrap();
    assert_eq!(behaviour.start_on_plug.unwrap().value, "FREE");
    for start in ["whatever", "", "null"] {
        let behaviour = plugin.start(now(), settings(start)).unwrap();
        assert_eq!(behaviour.start_on_plug, None);
        let verdict = plugin.authorize(now(), question(2, "04A1B2C3")).unwrap();
        assert_eq!(verdict.decision, Decision::NoOpinion, "start = {start:?}");
    }
    a_pack_is_good(project);
    let station = Station::start(project);
    assert!(station.pilotwire("plugin list").contains("running"));
    station.pilotwire("sim plug-in");
    station.wait_for("ContactorClose");
}

fn a_language_speaks(project: &Project, component: &[u8]) {
    let loaded = project.loaded(PluginKind::Display, component);
    let mut plugin = DisplayPlugin::instantiate(&loaded, project.limits()).unwrap();
    let energy = plugin.render(now(), "session.energy", &[("kwh", "7.3")]);
    assert_eq!(energy.unwrap().unwrap().text, "7.3 kWh ŝargitaj");
    for unknown in ["fault.RCMB", "session.energy", ""] {
        assert_eq!(
            plugin.render(now(), unknown, &[]).unwrap(),
            None,
            "{unknown}"
        );
    }
    a_pack_is_good(project);
    Station::start(project).shows("Preta: enmetu la");
}

fn a_backend_connects(project: &Project, component: &[u8]) {
    const URL: &str = "ws://127.0.0.1:9000/ocpp";
    let loaded = project.loaded(PluginKind::Backend, component);
    let mut grants = Grants::none();
    grants.allow_for(Grant::NetConnect, [URL]);
    let plugin = BackendPlugin::instantiate(&loaded, project.limits(), &grants);
    let start = backend_start(vec![setting("url", URL)]);
    let commands = plugin.unwrap().start(now(), start).unwrap();
    let url = commands.iter().find_map(|command| match command {
        BackendCommand::Connect(request) => Some(request.url.as_str()),
        _ => None,
    });
    assert_eq!(url, Some("ws://127.0.0.1:9000/ocpp/CP1"), "{commands:?}");
    a_pack_is_good(project);
}

fn a_pack_is_good(project: &Project) {
    let said = run(project
        .command("pilotwire")
        .args(["pack", "check", "pack.toml"]));
    assert!(said.contains("good"), "{said}");
}

#[test]
fn what_cannot_be_made_is_refused_with_what_can() {
    let folder = scratch("refused");
    let refused = |arguments: &[&str]| {
        let mut new = command("pilotwire");
        new.current_dir(&folder).args(["plugin", "new"]);
        let output = new.args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        text(&output)
    };
    let said = refused(&["--kind", "portal", "portal-x"]);
    assert!(
        said.contains("backend, authorizer, free-charging, display"),
        "{said}"
    );
    let said = refused(&["--kind", "authorizer", "--lang", "cobol", "x"]);
    assert!(said.contains("rust, js, python, c"), "{said}");
    let said = refused(&["--kind", "authorizer", "Auth_X"]);
    assert!(said.contains("lower-case letters"), "{said}");
    std::fs::create_dir(folder.join("auth-x")).unwrap();
    std::fs::write(folder.join("auth-x/mine"), "").unwrap();
    let said = refused(&["--kind", "authorizer", "auth-x"]);
    assert!(said.contains("is not empty"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn missing_tool_is_named_with_what_to_install() {
    for (language, name, install) in [
        ("js", "auth-a", "npm install"),
        (
            "python",
            "auth-b",
            "pip install --requirement requirements.txt",
        ),
        ("c", "auth-c", "apt-get install clang lld"),
        ("rust", "auth-d", "install Rust with rustup"),
    ] {
        let project = Project::new("authorizer", language, name);
        let mut build = project.command("pilotwire-plugin");
        // Nothing is on the PATH but our own programs, and the project's tools are not installed.
        build.env("PATH", projects::programs::programs());
        build.env_remove("CARGO");
        let output = build.args(["build"]).output().unwrap();
        assert!(!output.status.success(), "{language}");
        let said = text(&output);
        assert!(said.contains(install), "{language}: {said}");
        assert!(
            !project
                .folder
                .join("build")
                .join(format!("{name}.wasm"))
                .exists()
        );
    }
}

#[test]
fn component_that_wants_more_than_its_contract_is_not_built() {
    let project = Project::new("authorizer", "c", "auth-greedy");
    let source = project.folder.join("src/greedy.c");
    let clock = "__attribute__((import_module(\"wasi:clocks/monotonic-clock@0.2.0\"), import_name(\"now\")))\n\
        unsigned long long now(void);\n\
        __attribute__((export_name(\"tick\"))) unsigned long long tick(void) { return now(); }\n";
    std::fs::write(source, clock).unwrap();
    let output = project
        .command("pilotwire-plugin")
        .arg("build")
        .output()
        .unwrap();
    let said = text(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("does not fit its contract"), "{said}");
    assert!(!project.folder.join("build/auth-greedy.wasm").exists());
}

#[test]
fn tutorial_is_followed_to_the_letter() {
    tutorial::follow(&root().join("docs/tutorial.md"));
}
