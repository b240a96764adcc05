//! The built station over OCPP-S between a central system that npm's `soap` makes from the service description and a
//! client that Python's `zeep` makes from the other one.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Certificates, IDENTITY, LEISURE, SOON, Station, root};

/// Version of OCPP-S.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V15,
    V16,
}

impl Version {
    pub const BOTH: [Self; 2] = [Self::V15, Self::V16];

    pub fn name(self) -> &'static str {
        match self {
            Self::V15 => "1.5",
            Self::V16 => "1.6",
        }
    }

    fn descriptions(self) -> [&'static str; 2] {
        match self {
            Self::V15 => [
                "ocpp_centralsystemservice_1.5_final.wsdl",
                "ocpp_chargepointservice_1.5_final.wsdl",
            ],
            Self::V16 => [
                "OCPP_CentralSystemService_1.6.wsdl",
                "OCPP_ChargePointService_1.6.wsdl",
            ],
        }
    }
}

/// The service descriptions of central system and charge point; they are not ours to ship.
fn descriptions(version: Version) -> Option<[PathBuf; 2]> {
    let folder = std::env::var_os("PILOTWIRE_OCPP_WSDL")
        .map_or_else(|| root().join("../shared/data/ocpp-wsdl"), PathBuf::from);
    let files = version.descriptions().map(|name| folder.join(name));
    if files.iter().all(|file| file.is_file()) {
        return Some(files);
    }
    println!(
        "skipped: {} has no OCPP-S service descriptions; point PILOTWIRE_OCPP_WSDL at them",
        folder.display()
    );
    None
}

fn installed(path: &str) -> PathBuf {
    let path = root().join("target").join(path);
    assert!(
        path.exists(),
        "{} is missing; `cargo xtask test` installs it",
        path.display()
    );
    path
}

/// A program that speaks lines of JSON.
struct Program {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the peer starts");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, from) = sync_channel(1_024);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(event) = serde_json::from_str(&line) else {
                    eprintln!("peer: {line}");
                    continue;
                };
                if tell.send(event).is_err() {
                    return;
                }
            }
        });
        Self {
            to: child.stdin.take().unwrap(),
            from,
            child,
        }
    }

    fn tell(&mut self, what: &Value) {
        writeln!(self.to, "{what}").unwrap();
    }

    fn hear(&mut self, within: Duration) -> Option<Value> {
        self.from.recv_timeout(within).ok()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a case begins.
pub struct Setup {
    pub version: Version,
    /// The central system speaks TLS.
    pub tls: bool,
    /// Adapter settings beside the URL.
    pub adapter: Vec<(&'static str, String)>,
    /// Further URLs that the adapter may ask.
    pub also: Vec<String>,
}

impl Setup {
    pub fn new(version: Version) -> Self {
        Self {
            version,
            tls: false,
            adapter: Vec::new(),
            also: Vec::new(),
        }
    }

    pub fn adapter(mut self, key: &'static str, value: &str) -> Self {
        self.adapter.push((key, value.to_owned()));
        self
    }

    /// The example pack with the test's own addresses.
    fn pack(&self, base: &str) -> String {
        let text = std::fs::read_to_string(root().join("policies/ocpp-s.toml")).unwrap();
        let mut granted = format!("\"{base}/\"");
        for url in &self.also {
            granted += &format!(", {url:?}");
        }
        let mut settings = format!(
            "url = \"{base}/cs\"\nserver_port = \"0\"\nreconnect_base_s = \"1\"\nreconnect_max_s = \"2\"\n"
        );
        let version = ("soap_version", self.version.name().to_owned());
        for (key, value) in self.adapter.iter().chain([&version]) {
            settings += &format!("{key} = {value:?}\n");
        }
        let (head, rest) = text.split_once("[plugin.settings]\n").unwrap();
        let (_, tail) = rest.split_once("\n[plugin.grants]\n").unwrap();
        let head = head.lines().filter(|line| !line.starts_with("indicator"));
        let head: Vec<&str> = head.collect();
        let tail = tail
            .replace("\"https://central-system.invalid/ocpp/\"", &granted)
            .replace("[\"8090\"]", "[\"0\"]");
        format!(
            "{}\n[plugin.settings]\n{settings}\n[plugin.grants]\n{tail}",
            head.join("\n")
        )
    }

    /// Starts the peers and prepares the station; `None` without the service descriptions.
    pub fn prepare(self) -> Option<Rig> {
        let [central, charge_point] = descriptions(self.version)?;
        let certificates = self.tls.then(Certificates::create);
        let modules = installed("soap-npm/node_modules");
        let mut command = Command::new("node");
        command.arg(root().join("tests/tests/soap/server.js"));
        command.arg(central).env("NODE_PATH", modules);
        if let Some(certificates) = &certificates {
            command.args([certificates.chain(), certificates.key()]);
        }
        let mut central = Program::start(&mut command);
        let port = central.hear(SOON).expect("the central system listens")["port"].clone();
        let scheme = if self.tls { "https" } else { "http" };
        let pack = self.pack(&format!("{scheme}://127.0.0.1:{port}"));
        let more = certificates.as_ref().map_or_else(String::new, |made| {
            format!("\n[tls]\nca = {:?}\n", made.authority())
        });
        let station = Station::prepare_pack(("backend-ocpp-s", "npm soap, zeep"), &pack, &more);
        let mut rig = Rig {
            station,
            version: self.version,
            pack,
            central,
            client: None,
            charge_point,
            heard: Vec::new(),
            from: 0,
            url: String::new(),
            certificates,
            uncalled: Vec::new(),
        };
        rig.usual_answers();
        Some(rig)
    }

    /// Starts everything and waits until the station is registered.
    pub fn start(self) -> Option<Rig> {
        let mut rig = self.prepare()?;
        rig.station.start();
        rig.booted();
        Some(rig)
    }
}

/// A running case.
pub struct Rig {
    pub station: Station,
    pub version: Version,
    /// Text of its pack.
    pub pack: String,
    central: Program,
    client: Option<Program>,
    charge_point: PathBuf,
    heard: Vec<Value>,
    from: usize,
    /// Where the station says that it can be called.
    pub url: String,
    pub certificates: Option<Certificates>,
    /// Operations that the description has and nobody has called yet.
    pub uncalled: Vec<String>,
}

impl Rig {
    fn usual_answers(&mut self) {
        let accepted = json!({"status": "Accepted"});
        let boot = match self.version {
            Version::V15 => "heartbeatInterval",
            Version::V16 => "interval",
        };
        self.answer("Authorize", &json!({"idTagInfo": accepted}));
        let answer = json!({"status": "Accepted", "currentTime": "@now", boot: 300});
        self.answer("BootNotification", &answer);
        self.answer("Heartbeat", &json!({"currentTime": "@now"}));
        let answer = json!({"transactionId": 77, "idTagInfo": accepted});
        self.answer("StartTransaction", &answer);
        self.answer("StopTransaction", &json!({"idTagInfo": accepted}));
    }

    /// From now on the central system answers so.
    pub fn answer(&mut self, operation: &str, answer: &Value) {
        self.tell_central(&json!({"operation": operation, "answer": answer}));
    }

    /// From now on the central system breaks the connection instead of an answer.
    pub fn hang_up_on(&mut self, operation: &str) {
        self.tell_central(&json!({"operation": operation, "hangup": true}));
    }

    fn tell_central(&mut self, what: &Value) {
        self.central.tell(what);
        let start = Instant::now();
        while start.elapsed() < SOON {
            match self.central.hear(SOON) {
                Some(event) if event["event"] == "told" => return,
                Some(event) => self.heard.push(event),
                None => break,
            }
        }
        panic!("the central system does not take {what}");
    }

    /// The next request that was not looked at yet and fits.
    pub fn request_where(&mut self, operation: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.request_within(operation, SOON, fits)
    }

    fn request_within(
        &mut self,
        operation: &str,
        within: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        let start = Instant::now();
        loop {
            let found = self.heard[self.from..].iter().position(|event| {
                event["event"] == "request" && event["operation"] == operation && fits(event)
            });
            if let Some(at) = found {
                self.from += at + 1;
                return self.heard[self.from - 1].clone();
            }
            if start.elapsed() > within {
                self.report();
                panic!("no {operation} within {within:?}");
            }
            self.heard
                .extend(self.central.hear(Duration::from_millis(100)));
        }
    }

    pub fn request(&mut self, operation: &str) -> Value {
        self.request_where(operation, |_| true)
    }

    /// The status of a connector arrives.
    pub fn status(&mut self, connector: i64, status: &str) -> Value {
        self.request_where("StatusNotification", |event| {
            event["args"]["connectorId"] == connector && event["args"]["status"] == status
        })
    }

    /// Everything of an operation that ever arrived.
    pub fn all(&mut self, event: &str, operation: &str) -> Vec<Value> {
        while let Some(event) = self.central.hear(Duration::from_millis(200)) {
            self.heard.push(event);
        }
        let fits = |seen: &&Value| seen["event"] == event && seen["operation"] == operation;
        self.heard.iter().filter(fits).cloned().collect()
    }

    /// Waits for the boot sequence and remembers where the station can be called.
    pub fn booted(&mut self) -> Value {
        // A new station compiles its plugin first, and others may do the same at the same time.
        let boot = self.request_within("BootNotification", LEISURE, |_| true);
        boot["headers"]["From"]["Address"]
            .as_str()
            .expect("an address of the station")
            .clone_into(&mut self.url);
        for connector in 0..=2 {
            self.status(connector, "Available");
        }
        self.station.shows("it is registered", |status| {
            status["plugins"][0]["registration"] == "registered"
        });
        boot
    }

    /// Lines to zeep with answers; it is started when it is first needed.
    pub fn converse(&mut self, told: &Value) -> Value {
        let client = match &mut self.client {
            Some(client) => client,
            none => {
                let (client, operations) = client(&self.charge_point);
                self.uncalled = operations;
                none.insert(client)
            }
        };
        self.uncalled
            .retain(|operation| told["operation"] != **operation);
        client.tell(told);
        client.hear(SOON).expect("zeep answers")
    }

    /// Calls an operation of the station's service.
    pub fn call(&mut self, operation: &str, arguments: Value) -> Value {
        let url = self.url.clone();
        self.converse(&json!({"url": url, "operation": operation, "arguments": arguments}))
    }

    /// Calls, and the answer's `status`, or what there is of it, is this.
    pub fn call_for(&mut self, operation: &str, arguments: Value, status: &str) {
        let answer = self.call(operation, arguments);
        let found = match &answer["answer"] {
            Value::Object(object) => object["status"].clone(),
            other => other.clone(),
        };
        assert_eq!(found, status, "{operation}: {answer}");
    }

    /// Shows what happened on standard error.
    pub fn report(&self) {
        eprintln!("--- last requests of the station:");
        for event in self.heard.iter().rev().take(20).rev() {
            eprintln!("{event}");
        }
        self.station.report();
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.report();
        }
    }
}

fn client(description: &Path) -> (Program, Vec<String>) {
    let mut command = Command::new(installed("soap-venv/bin/python"));
    command.arg(root().join("tests/tests/soap/client.py"));
    let mut client = Program::start(command.arg("converse").arg(description).arg(IDENTITY));
    let told = client.hear(SOON).expect("zeep has read the description");
    let operations = serde_json::from_value(told["operations"].clone()).unwrap();
    (client, operations)
}
