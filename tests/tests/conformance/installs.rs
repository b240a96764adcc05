//! Components from elsewhere: `plugin install` with a URL or from a registry, by the two built programs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::{Setup, root};

/// Serves the built components on loopback, whole; one request per connection.
fn serve(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream, &folder);
        }
    });
    port
}

fn answer(mut stream: TcpStream, folder: &Path) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")
    };
    let sent = match std::fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(body) => [head("200 OK", body.len()).into_bytes(), body].concat(),
        Err(_) => head("404 Not Found", 0).into_bytes(),
    };
    let _gone = stream.write_all(&sent);
}

#[test]
fn plugin_is_installed_from_a_url_verified_and_put_in_force_during_a_charge() {
    let mut case = Setup::default().prepare();
    case.station.own_components(&[]);
    case.station.start();
    case.booted();
    case.charging(1);
    let port = serve(root().join("target/components"));
    let installed = case.station.component("auth-open-hours.wasm");
    std::fs::remove_file(&installed).ok();
    let url = |name: &str| PathBuf::from(format!("http://127.0.0.1:{port}/{name}"));
    let missing = case.station.install(&url("auth-nothing.wasm")).unwrap_err();
    assert!(missing.contains("404"), "{missing}");
    assert!(missing.contains("nothing was installed"), "{missing}");
    let said = case.station.install(&url("auth-open-hours.wasm")).unwrap();
    assert!(said.contains("1/1 checked: auth-open-hours"), "{said}");
    let built = std::fs::read(root().join("target/components/auth-open-hours.wasm")).unwrap();
    assert_eq!(std::fs::read(&installed).unwrap(), built);
    let hours = "\n[[plugin]]\nname = \"auth-open-hours\"\nkind = \"authorizer\"\ngrants = { authorize = true }\n";
    case.station.apply(&(case.station.pack_text() + hours));
    let status = case.station.shows("the new authorizer", |status| {
        status["plugins"].to_string().contains("auth-open-hours")
    });
    assert_eq!(status["evses"][0]["contactor"], "closed");
}

#[test]
fn component_that_was_changed_on_its_way_is_not_installed() {
    let case = Setup::default().prepare();
    case.station.own_components(&[]);
    let installed = case.station.component("auth-open-hours.wasm");
    let folder = installed.with_file_name("changed");
    std::fs::create_dir_all(&folder).unwrap();
    let mut bytes = std::fs::read(&installed).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(folder.join("auth-open-hours.wasm"), bytes).unwrap();
    let signature = installed.with_extension("sig");
    std::fs::copy(&signature, folder.join("auth-open-hours.sig")).unwrap();
    std::fs::remove_file(&installed).unwrap();
    let port = serve(folder);
    let url = PathBuf::from(format!("http://127.0.0.1:{port}/auth-open-hours.wasm"));
    let refused = case.station.install(&url).unwrap_err();
    assert!(refused.contains("nothing was installed"), "{refused}");
    assert!(!installed.exists());
}

/// Debian's `docker-registry` on a free port.
struct Registry {
    child: Child,
    folder: PathBuf,
    /// `127.0.0.1:port`
    host: String,
}

impl Registry {
    fn start(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("config.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
            folder.join("data").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config);
        command.env("OTEL_TRACES_EXPORTER", "none");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("docker-registry does not start ({error}): apt-get install docker-registry")
        });
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("listening on ")?;
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
            Some(rest[..end.unwrap_or(rest.len())].to_owned())
        });
        // What it says later is read, or it would wait for its reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            folder,
            host: listening.unwrap(),
        }
    }

    fn target(&self) -> String {
        format!("oci://{}/acme/auth-open-hours:0.1.0", self.host)
    }

    /// Puts a built component there; answers the source that pins it.
    fn push(&self, component: &Path, more: &[&str]) -> PathBuf {
        let test = std::env::current_exe().unwrap();
        let tools = test.ancestors().nth(2).unwrap().join("pilotwire-plugin");
        let mut push = Command::new(tools);
        push.arg("push")
            .arg(component)
            .arg(self.target())
            .args(more);
        let output = push.env("DOCKER_CONFIG", &self.folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    }

    /// Changes one byte of every large blob it keeps: the component.
    fn tamper(&self) {
        let blobs = self.folder.join("data/docker/registry/v2/blobs/sha256");
        let below = |folder: &Path| {
            let entries = std::fs::read_dir(folder).unwrap();
            entries
                .map(|entry| entry.unwrap().path())
                .collect::<Vec<_>>()
        };
        for blob in below(&blobs).iter().flat_map(|prefix| below(prefix)) {
            let data = blob.join("data");
            let mut bytes = std::fs::read(&data).unwrap();
            if bytes.starts_with(b"\0asm") {
                *bytes.last_mut().unwrap() ^= 1;
                std::fs::write(&data, bytes).unwrap();
            }
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[test]
fn plugin_is_installed_from_a_registry_verified_and_put_in_force_during_a_charge() {
    let mut case = Setup::default().prepare();
    case.station.own_components(&[]);
    case.station.start();
    case.booted();
    case.charging(1);
    let installed = case.station.component("auth-open-hours.wasm");
    std::fs::remove_file(&installed).ok();
    let registry = Registry::start(installed.with_file_name("registry"));
    let built = root().join("target/components/auth-open-hours.wasm");
    let source = registry.push(&built, &[]);
    let pinned = source.to_str().unwrap();
    let (_, digest) = pinned.split_once("@sha256:").unwrap();
    assert_eq!(digest.len(), 64, "{pinned}");

    // A tag can be moved; the refusal says what it stands for now.
    let tag = PathBuf::from(registry.target());
    let refused = case.station.install(&tag).unwrap_err();
    assert!(refused.contains(digest), "{refused}");
    let other = PathBuf::from(pinned.replace(digest, &"0".repeat(64)));
    let refused = case.station.install(&other).unwrap_err();
    assert!(refused.contains("nothing was installed"), "{refused}");
    assert!(!installed.exists());

    let said = case.station.install(&source).unwrap();
    assert!(said.contains("1/1 checked: auth-open-hours"), "{said}");
    assert_eq!(
        std::fs::read(&installed).unwrap(),
        std::fs::read(built).unwrap()
    );
    let hours = "\n[[plugin]]\nname = \"auth-open-hours\"\nkind = \"authorizer\"\ngrants = { authorize = true }\n";
    case.station.apply(&(case.station.pack_text() + hours));
    let status = case.station.shows("the new authorizer", |status| {
        status["plugins"].to_string().contains("auth-open-hours")
    });
    assert_eq!(status["evses"][0]["contactor"], "closed");
}

#[test]
fn component_that_nobody_signed_or_that_the_registry_changed_is_not_installed() {
    let case = Setup::default().prepare();
    case.station.own_components(&[]);
    let installed = case.station.component("auth-open-hours.wasm");
    std::fs::remove_file(&installed).unwrap();
    let registry = Registry::start(installed.with_file_name("registry"));
    let built = root().join("target/components/auth-open-hours.wasm");
    let unsigned = registry.push(&built, &["--unsigned"]);
    let refused = case.station.install(&unsigned).unwrap_err();
    assert!(refused.contains("nothing was installed"), "{refused}");
    let signed = registry.push(&built, &[]);
    assert_ne!(signed, unsigned);
    registry.tamper();
    let refused = case.station.install(&signed).unwrap_err();
    assert!(refused.contains("digest"), "{refused}");
    assert!(refused.contains("nothing was installed"), "{refused}");
    assert!(!installed.exists());
}
