//! Components of OCI registries, against Debian's `docker-registry` on loopback.

use std::fs;
use std::io::{BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::*;

const MIB: usize = 1 << 20;
const SIGNATURE: &[u8] = b"pilotwire-signature 1\nname: auth-x\n";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// `publisher` with the password `open sesame`, bcrypt.
const LOGINS: &str = "publisher:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n";

/// A registry of its own for one test, on a free port.
struct Registry {
    child: Child,
    folder: Folder,
    /// `127.0.0.1:port`
    host: String,
    log: Arc<Mutex<String>>,
}

impl Registry {
    fn start() -> Self {
        Self::with("", "")
    }

    fn with(tls: &str, auth: &str) -> Self {
        let folder = Folder::new();
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n{tls}{auth}",
            folder.file("data").display()
        );
        fs::write(folder.file("config.yml"), config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(folder.file("config.yml"));
        command.env("OTEL_TRACES_EXPORTER", "none");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("docker-registry does not start ({error}): apt-get install docker-registry")
        });
        let log = Arc::new(Mutex::new(String::new()));
        let (send, listening) = std::sync::mpsc::sync_channel(1);
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in streams {
            let (log, send) = (Arc::clone(&log), send.clone());
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if let Some((_, rest)) = line.split_once("listening on ") {
                        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
                        let _once = send.try_send(rest[..end.unwrap_or(rest.len())].to_owned());
                    }
                    let mut log = log.lock().unwrap();
                    log.push_str(&line);
                    log.push('\n');
                }
            });
        }
        drop(send);
        let host = listening.recv().unwrap_or_else(|_| {
            panic!("docker-registry ended: {}", log.lock().unwrap());
        });
        Self {
            child,
            folder,
            host,
            log,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/acme/{path}", self.host)
    }

    /// Puts a blob there without our own program; answers its descriptor.
    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = format!("sha256:{}", sha256(bytes));
        let begun = ureq::post(self.url("auth-x/blobs/uploads/"))
            .send_empty()
            .unwrap();
        let place = begun.headers()["location"].to_str().unwrap();
        ureq::put(format!("{place}&digest={digest}"))
            .send(bytes)
            .unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// Puts a manifest there; answers the source that pins it.
    fn manifest(&self, media_type: &str, manifest: &Value) -> String {
        let bytes = serde_json::to_vec(manifest).unwrap();
        let digest = format!("sha256:{}", sha256(&bytes));
        let put = ureq::put(self.url(&format!("auth-x/manifests/{digest}")));
        put.content_type(media_type).send(&bytes).unwrap();
        format!("oci://{}/acme/auth-x@{digest}", self.host)
    }

    /// The manifest of a pushed component.
    fn pushed(&self, source: &str) -> Value {
        let (_, digest) = source.split_once('@').unwrap();
        let get = ureq::get(self.url(&format!("auth-x/manifests/{digest}")));
        let mut answer = get.header("Accept", MANIFEST).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// The file in which the registry keeps a blob.
    fn stored(&self, digest: &Value) -> PathBuf {
        let hex = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
        let blobs = self.folder.file("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    fn target(&self) -> String {
        format!("oci://{}/acme/auth-x:1.0.0", self.host)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A component without any interface, made large by a custom section, and its signature.
fn publisher(bytes: usize) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let mut made = b"\0asm\x0d\0\x01\0".to_vec();
    let payload = &component(bytes, 3)[8..];
    let mut size = payload.len() + 2;
    made.push(0);
    loop {
        let more = size > 0x7f;
        made.push((size & 0x7f) as u8 | if more { 0x80 } else { 0 });
        size >>= 7;
        if !more {
            break;
        }
    }
    made.extend(b"\x01x");
    made.extend(payload);
    fs::write(folder.file("auth-x.wasm"), &made).unwrap();
    fs::write(folder.file("auth-x.sig"), SIGNATURE).unwrap();
    (folder, made)
}

fn push(from: &Folder, target: &str, more: &[&str]) -> Run {
    let mut command = program(&["push", from.file("auth-x.wasm").to_str().unwrap(), target]);
    command.args(more);
    finish(command)
}

fn got(into: &Folder) -> Vec<u8> {
    fs::read(into.file("auth-x.wasm")).unwrap()
}

#[test]
fn pushed_component_comes_back_with_its_signature() {
    let (registry, into) = (Registry::start(), Folder::new());
    let (from, bytes) = publisher(MIB);
    let source = push(&from, &registry.target(), &[]).succeeded().out;
    assert!(
        source.starts_with(&format!("{}@sha256:", registry.target())),
        "{source}"
    );
    let run = fetch(source.trim(), &into, &[]).succeeded();
    assert_eq!(run.out.trim(), into.file("auth-x.wasm").to_str().unwrap());
    assert!(run.err.contains("auth-x.wasm: 100 %"), "{}", run.err);
    assert_eq!(got(&into), bytes);
    assert_eq!(fs::read(into.file("auth-x.sig")).unwrap(), SIGNATURE);
    assert_eq!(into.names(), ["auth-x.sig", "auth-x.wasm"]);

    // The same component is the same artefact, and what is here is not fetched again.
    assert_eq!(push(&from, &registry.target(), &[]).succeeded().out, source);
    assert!(
        fetch(source.trim(), &into, &[])
            .succeeded()
            .err
            .contains("here already")
    );
}

#[test]
fn registry_over_tls_needs_a_trusted_certificate() {
    let (certificates_, into) = (Folder::new(), Folder::new());
    let (root, certificate, key) = certificates();
    let write = |name: &str, text: String| {
        fs::write(certificates_.file(name), text).unwrap();
        certificates_.file(name).to_str().unwrap().to_owned()
    };
    let root = write("root.pem", root);
    let certificate = write("certificate.pem", certificate.pem());
    let key = write("key.pem", key.serialize_pem());
    let tls = format!("  tls:\n    certificate: {certificate}\n    key: {key}\n");
    let registry = Registry::with(&tls, "");
    let (from, bytes) = publisher(MIB);
    let source = push(&from, &registry.target(), &["--ca", &root])
        .succeeded()
        .out;
    fetch(source.trim(), &into, &["--ca", &root]).succeeded();
    assert_eq!(got(&into), bytes);
    let other = write("other.pem", crate::support::certificates().0);
    let run = fetch(source.trim(), &into, &["--ca", &other]);
    run.refused("the certificate of 127.0.0.1 is not trusted");
}

#[test]
fn tag_without_digest_is_refused_with_the_digest_to_pin() {
    let (registry, into) = (Registry::start(), Folder::new());
    let (from, bytes) = publisher(1_000);
    let source = push(&from, &registry.target(), &[]).succeeded().out;
    let run = fetch(&registry.target(), &into, &[]);
    let run = run.refused("a tag can be moved to another component, so the digest has to be given");
    assert!(run.err.contains(source.trim()), "{}", run.err);
    assert!(into.names().is_empty());
    let said = run.err.split_whitespace().last().unwrap().to_owned();
    fetch(&said, &into, &[]).succeeded();
    assert_eq!(got(&into), bytes);
    let run = fetch(&registry.target().replace("1.0.0", "2.0.0"), &into, &[]);
    run.refused("the digest of the tag 2.0.0 cannot be had");
}

#[test]
fn layer_is_gone_on_with_by_its_range() {
    let (registry, into) = (Registry::start(), Folder::new());
    let (from, bytes) = publisher(MIB);
    let source = push(&from, &registry.target(), &[]).succeeded().out;
    fs::write(into.file("auth-x.wasm.part"), &bytes[..700_000]).unwrap();
    let about = format!("pilotwire-fetch 1\nsha256:{}\n\n", sha256(&bytes));
    fs::write(into.file("auth-x.wasm.part.from"), about).unwrap();
    let run = fetch(source.trim(), &into, &[]).succeeded();
    assert!(run.err.contains("going on after 684 KiB"), "{}", run.err);
    assert_eq!(got(&into), bytes);
    let written = (bytes.len() - 700_000).to_string();
    let log = registry.log.lock().unwrap();
    let partial = log
        .lines()
        .any(|line| line.contains("206") && line.contains(&written));
    assert!(partial, "no partial answer of {written} bytes: {log}");
}

#[test]
fn layer_that_is_not_what_the_manifest_says_is_refused() {
    let (registry, into) = (Registry::start(), Folder::new());
    let (from, mut bytes) = publisher(5_000);
    let source = push(&from, &registry.target(), &[]).succeeded().out;
    let manifest = registry.pushed(source.trim());
    let layer = registry.stored(&manifest["layers"][0]["digest"]);
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&layer, &bytes).unwrap();
    fetch(source.trim(), &into, &[]).refused("the digest is wrong");
    fs::write(&layer, &bytes[..4_000]).unwrap();
    let reason = format!("4000 bytes where the manifest says {}", bytes.len());
    fetch(source.trim(), &into, &[]).refused(&reason);
    let config = registry.stored(&manifest["config"]["digest"]);
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("wasip2", "wasip1")).unwrap();
    fetch(source.trim(), &into, &[]).refused("the digest of the configuration is wrong");
    assert!(into.names().is_empty(), "{:?}", into.names());
    let none = format!("{}@sha256:{}", registry.target(), "0".repeat(64));
    fetch(&none, &into, &[]).refused("there is no such file");
}

#[test]
fn artefact_that_is_no_component_is_refused() {
    let (registry, into) = (Registry::start(), Folder::new());
    let one = registry.blob("application/wasm", &component(1_000, 1));
    let two = registry.blob("application/wasm", &component(1_000, 2));
    let layers = format!("sha256:{}", sha256(&component(1_000, 1)));
    let config = json!({
        "created": "1970-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2", "layerDigests": [layers],
    });
    let config = registry.blob(WASM_CONFIG, config.to_string().as_bytes());
    let artefact = |config: &Value, layers: &[&Value]| {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        registry.manifest(MANIFEST, &manifest)
    };
    // The layout as other tools write it, without a signature.
    let run = fetch(&artefact(&config, &[&one]), &into, &[]).succeeded();
    assert!(run.err.contains("warning: not signed"), "{}", run.err);
    assert_eq!(into.names(), ["auth-x.wasm"]);

    let refused = |source: String, reason: &str| {
        let into = Folder::new();
        fetch(&source, &into, &[]).refused(reason);
        assert!(into.names().is_empty(), "{:?}", into.names());
    };
    refused(artefact(&config, &[&one, &two]), "this artefact has 2");
    refused(artefact(&config, &[&two]), "is of another component");
    let image = registry.blob("application/vnd.oci.image.config.v1+json", b"{}");
    refused(
        artefact(&image, &[&one]),
        "this is no WebAssembly artefact: its configuration",
    );
    let tar = registry.blob("application/vnd.oci.image.layer.v1.tar", b"tar");
    refused(
        artefact(&config, &[&tar]),
        "this is no WebAssembly artefact: its layer",
    );
    let list = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": list, "manifests": [] });
    refused(
        registry.manifest(list, &index),
        "the digest is of a list of manifests",
    );
}

#[test]
fn repository_that_names_no_plugin_is_refused() {
    let (registry, into) = (Registry::start(), Folder::new());
    for path in [
        "../../etc/x",
        "acme/..",
        "acme/%2e%2e",
        "acme/a_b",
        "acme/A",
    ] {
        let source = format!("oci://{}/{path}@sha256:{}", registry.host, "0".repeat(64));
        let run = fetch(&source, &into, &[]);
        let reason = match path {
            "acme/a_b" => "is no plugin name",
            _ => "is no repository",
        };
        run.refused(reason);
    }
    assert!(into.names().is_empty());
}

#[test]
fn registry_with_logins_takes_the_right_one_only() {
    let into = Folder::new();
    let logins = Folder::new();
    fs::write(logins.file("logins"), LOGINS).unwrap();
    let path = logins.file("logins");
    let auth = format!(
        "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
        path.display()
    );
    let registry = Registry::with("", &auth);
    let (from, bytes) = publisher(1_000);
    push(&from, &registry.target(), &[]).refused("wants a login: set PILOTWIRE_REGISTRY_USER");
    let as_publisher = |arguments: &[&str], password: &str| {
        let mut command = program(arguments);
        command.env("PILOTWIRE_REGISTRY_USER", "publisher");
        command.env("PILOTWIRE_REGISTRY_PASSWORD", password);
        finish(command)
    };
    let component = from.file("auth-x.wasm");
    let arguments = ["push", component.to_str().unwrap(), &registry.target()];
    as_publisher(&arguments, "guess").refused("this one may not (401");
    let source = as_publisher(&arguments, "open sesame").succeeded().out;

    let arguments = ["fetch", source.trim(), "--into", into.0.to_str().unwrap()];
    finish(program(&arguments)).refused("wants a login");
    let stored = json!({ "auths": { &registry.host: { "auth": "cHVibGlzaGVyOm9wZW4gc2VzYW1l" } } });
    fs::write(logins.file("config.json"), stored.to_string()).unwrap();
    let mut command = program(&arguments);
    command.env("DOCKER_CONFIG", &logins.0);
    finish(command).succeeded();
    assert_eq!(got(&into), bytes);
}

#[test]
fn token_is_got_where_the_registry_says_and_stays_with_it() {
    let (into, bytes) = (Folder::new(), component(1_000, 1));
    let storage = plain({
        let bytes = bytes.clone();
        move |asked: &Asked, _, out: &mut dyn Write| match asked.header("authorization") {
            None => answer(out, "200 OK", "", &bytes),
            Some(_) => answer(out, "400 Bad Request", "", b"a token that is not for us"),
        }
    });
    let (layer, config, manifest) = artefact(&bytes);
    let pin = format!("sha256:{}", sha256(manifest.as_bytes()));
    let location = format!("Location: {}/object\r\n", storage.url);
    let server = plain(move |asked: &Asked, _, out: &mut dyn Write| {
        let path = asked.path.as_str();
        if path == "/token?service=test&scope=repository%3Aauth-x%3Apull" {
            return answer(out, "200 OK", "", b"{\"token\":\"secret\"}");
        }
        if asked.header("authorization") != Some("Bearer secret") {
            let host = asked.header("host").unwrap();
            let challenge = format!(
                "WWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"test\",scope=\"repository:auth-x:pull\"\r\n"
            );
            return answer(out, "401 Unauthorized", &challenge, b"");
        }
        match path {
            _ if path.contains("/manifests/") => answer(out, "200 OK", "", manifest.as_bytes()),
            _ if path.ends_with(&layer) => answer(out, "307 Temporary Redirect", &location, b""),
            _ => answer(out, "200 OK", "", config.as_bytes()),
        }
    });
    let host = server.url.strip_prefix("http://").unwrap();
    let wrong = format!("oci://{host}/auth-x@sha256:{}", "0".repeat(64));
    fetch(&wrong, &into, &[]).refused("the digest of the manifest is wrong");
    fetch(&format!("oci://{host}/auth-x@{pin}"), &into, &[]).succeeded();
    assert_eq!(got(&into), bytes);
    assert_eq!(storage.paths(), ["/object"]);
}

/// Digest of the layer, configuration and manifest of a component.
fn artefact(bytes: &[u8]) -> (String, String, String) {
    let layer = format!("sha256:{}", sha256(bytes));
    let config = json!({
        "created": "1970-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2", "layerDigests": [layer],
    })
    .to_string();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {
            "mediaType": WASM_CONFIG, "size": config.len(),
            "digest": format!("sha256:{}", sha256(config.as_bytes())),
        },
        "layers": [{ "mediaType": "application/wasm", "digest": layer, "size": bytes.len() }],
    });
    (layer, config, manifest.to_string())
}

#[test]
fn push_refuses_what_no_station_would_take() {
    let from = publisher(1_000).0;
    let target = "oci://127.0.0.1:9/acme/auth-x:1.0.0";
    push(&from, "https://plugins.example/auth-x.wasm", &[]).refused("a push goes to a registry");
    push(&from, "oci://127.0.0.1:9/acme/other", &[]).refused("would become other.wasm");
    let pinned = format!("{target}@sha256:{}", "0".repeat(64));
    push(&from, &pinned, &[]).refused("leave out the digest");
    fs::remove_file(from.file("auth-x.sig")).unwrap();
    push(&from, target, &[]).refused("`pilotwire plugin sign` makes it, --unsigned goes without");
    fs::write(from.file("auth-x.wasm"), "no component").unwrap();
    push(&from, target, &["--unsigned"]).refused("is no component");
    let large = fs::File::create(from.file("auth-x.wasm")).unwrap();
    large.set_len(33 << 20).unwrap();
    push(&from, target, &["--unsigned"]).refused("is larger than 33554432 bytes");
}

#[test]
fn unsigned_component_is_pushed_on_request_only() {
    let (registry, into) = (Registry::start(), Folder::new());
    let from = publisher(1_000).0;
    let source = push(&from, &registry.target(), &["--unsigned"])
        .succeeded()
        .out;
    let run = fetch(source.trim(), &into, &[]).succeeded();
    assert!(run.err.contains("warning: not signed"), "{}", run.err);
    assert!(!Path::new(&into.file("auth-x.sig")).exists());
}
