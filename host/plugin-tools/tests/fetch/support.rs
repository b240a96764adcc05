//! A web server whose answers a test writes byte by byte, and the program under test.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pilotwire-fetch-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _left_over = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Names of everything in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = fs::remove_dir_all(&self.0);
    }
}

/// How the program ended.
#[derive(Debug)]
pub struct Run {
    pub ok: bool,
    pub out: String,
    pub err: String,
}

impl Run {
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.ok, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn refused(self, reason: &str) -> Self {
        assert!(!self.ok, "it should have been refused: {self:#?}");
        assert!(
            self.err.contains(reason),
            "{reason:?} is missing: {self:#?}"
        );
        self
    }
}

/// The program, with an environment of its own.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilotwire-plugin"));
    command.args(arguments).stdin(Stdio::null());
    command.env_clear().env("HOME", "/nonexistent");
    command
}

pub fn finish(mut command: Command) -> Run {
    let output = command.output().unwrap();
    Run {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn fetch(source: &str, into: &Folder, more: &[&str]) -> Run {
    let mut command = program(&["fetch", source, "--into", into.0.to_str().unwrap()]);
    command.args(more);
    finish(command)
}

/// What a server was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// First byte of a range that was asked for.
    pub fn from(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

/// A server on loopback; it closes every connection after its answer.
pub struct Server {
    pub url: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub fn requests(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .map(|asked| asked.path)
            .collect()
    }
}

/// What writes answers: the request, how many came before it for the same path, and where to.
pub trait Answers: Fn(&Asked, usize, &mut dyn Write) + Send + Sync + 'static {}
impl<T: Fn(&Asked, usize, &mut dyn Write) + Send + Sync + 'static> Answers for T {}

/// A server without TLS.
pub fn plain(answers: impl Answers) -> Server {
    serve(None, "http", answers)
}

/// A certificate authority with a server that has its certificate for 127.0.0.1; its root goes to a file.
pub fn secure(root: &Path, answers: impl Answers) -> Server {
    let (pem, config) = identity();
    fs::write(root, pem).unwrap();
    serve(Some(config), "https", answers)
}

fn identity() -> (String, Arc<ServerConfig>) {
    let (root, certificate, key) = certificates();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (root, Arc::new(config))
}

/// The root in PEM form, and a certificate for 127.0.0.1 with its key.
pub fn certificates() -> (String, rcgen::Certificate, rcgen::KeyPair) {
    let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_key = rcgen::KeyPair::generate().unwrap();
    let root = parameters.self_signed(&root_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, root_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, &issuer).unwrap();
    (root.pem(), certificate, key)
}

fn serve(tls: Option<Arc<ServerConfig>>, scheme: &str, answers: impl Answers) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::<Asked>::new()));
    let (log, answers) = (Arc::clone(&asked), Arc::new(answers));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, log, answers) = (stream.unwrap(), Arc::clone(&log), Arc::clone(&answers));
            let tls = tls.clone();
            std::thread::spawn(move || match tls {
                None => {
                    one(&stream, &log, &*answers);
                    let _gone = stream.shutdown(Shutdown::Both);
                }
                Some(config) => {
                    let connection = ServerConnection::new(config).unwrap();
                    let mut stream = StreamOwned::new(connection, stream);
                    one(&mut stream, &log, &*answers);
                    stream.conn.send_close_notify();
                    let _gone = stream.flush();
                }
            });
        }
    });
    Server { url, asked }
}

fn one(mut stream: impl Read + Write, log: &Mutex<Vec<Asked>>, answers: &dyn Answers) {
    let Some(asked) = read(&mut stream) else {
        return;
    };
    let before = {
        let mut log = log.lock().unwrap();
        let same = log.iter().filter(|other| other.path == asked.path).count();
        log.push(asked.clone());
        same
    };
    answers(&asked, before, &mut stream);
    let _gone = stream.flush();
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (key, value) = line.split_once(": ")?;
            Some((key.to_lowercase(), value.to_owned()))
        })
        .collect();
    Some(Asked {
        path: first.split(' ').nth(1)?.to_owned(),
        headers,
    })
}

/// Writes an answer with a length.
pub fn answer(out: &mut dyn Write, status: &str, headers: &str, body: &[u8]) {
    head(
        out,
        status,
        &format!("{headers}Content-Length: {}\r\n", body.len()),
    );
    let _gone = out.write_all(body);
}

/// Writes the head of an answer only.
pub fn head(out: &mut dyn Write, status: &str, headers: &str) {
    let text = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
    let _gone = out.write_all(text.as_bytes());
}

/// Serves a file with entity tag and ranges, as an ordinary web server does; `most` bytes at once, then it breaks off.
pub fn file(asked: &Asked, out: &mut dyn Write, bytes: &[u8], tag: &str, most: usize) {
    let unchanged = asked.header("if-range").is_none_or(|known| known == tag);
    let from = asked.from().filter(|_| unchanged).unwrap_or(0);
    let total = bytes.len();
    if from >= total {
        let headers = format!("Content-Range: bytes */{total}\r\n");
        return answer(out, "416 Range Not Satisfiable", &headers, b"");
    }
    let rest = &bytes[from..];
    let length = format!("ETag: {tag}\r\nContent-Length: {}\r\n", rest.len());
    if from > 0 {
        let range = format!(
            "{length}Content-Range: bytes {from}-{}/{total}\r\n",
            total - 1
        );
        head(out, "206 Partial Content", &range);
    } else {
        head(out, "200 OK", &length);
    }
    let _gone = out.write_all(&rest[..rest.len().min(most)]);
}

/// Something that begins like a component, and no two stretches of which are alike.
pub fn component(bytes: usize, seed: u8) -> Vec<u8> {
    let mut made = b"\0asm\x0d\0\x01\0".to_vec();
    let mut state = u32::from(seed) + 1;
    while made.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        made.push((state >> 24) as u8);
    }
    made
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
