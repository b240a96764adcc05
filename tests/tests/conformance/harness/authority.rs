//! Certificate authorities, servers, signers and signed firmware, all made by `openssl`: nothing of ours.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::station::scratch;

/// A root with its key, and everything that it signed.
pub struct Authority {
    folder: PathBuf,
}

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Pair {
    /// PEM, leaf first.
    pub chain: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// Runs `openssl` in a folder; what it wrote.
fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    output.stdout
}

const EC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

impl Authority {
    /// A new root with this common name.
    pub fn new(name: &str) -> Self {
        let folder = scratch("authority");
        let subject = format!("/O=Pilotwire tests/CN={name}");
        let mut arguments = vec!["req", "-x509", "-nodes", "-sha256", "-days", "30"];
        arguments.extend(EC);
        arguments.extend(["-subj", &subject, "-keyout", "ca.key", "-out", "ca.pem"]);
        arguments.extend(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
        openssl(&folder, &arguments);
        Self { folder }
    }

    /// The root as a file.
    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The root as a text.
    pub fn pem(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn sign(&self, request: &str, out: &str, extensions: &str, days: &str) {
        std::fs::write(self.folder.join("ext"), extensions).unwrap();
        let mut arguments = vec!["x509", "-req", "-sha256", "-in", request, "-out", out];
        arguments.extend(["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]);
        arguments.extend(["-extfile", "ext", "-days", days]);
        openssl(&self.folder, &arguments);
    }

    fn pair(&self, name: &str, kind: &[&str], extensions: &str, days: &str) -> Pair {
        let (key, request, out) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.pem"),
        );
        let subject = format!("/O=Pilotwire tests/CN={name}");
        let mut arguments = vec!["req", "-nodes", "-sha256"];
        arguments.extend(kind);
        arguments.extend(["-subj", &subject, "-keyout", &key, "-out", &request]);
        openssl(&self.folder, &arguments);
        self.sign(&request, &out, extensions, days);
        Pair {
            chain: self.folder.join(out),
            key: self.folder.join(key),
        }
    }

    /// A central system on loopback.
    pub fn server(&self, name: &str) -> Pair {
        self.pair(name, &EC, "subjectAltName=IP:127.0.0.1\n", "30")
    }

    /// The same with an RSA key.
    pub fn rsa_server(&self, name: &str) -> Pair {
        let kind = ["-newkey", "rsa:2048"];
        self.pair(name, &kind, "subjectAltName=IP:127.0.0.1\n", "30")
    }

    /// A central system somewhere else.
    pub fn server_elsewhere(&self, name: &str) -> Pair {
        self.pair(name, &EC, "subjectAltName=DNS:elsewhere.example\n", "30")
    }

    /// A central system whose certificate ended yesterday.
    pub fn expired_server(&self, name: &str) -> Pair {
        self.pair(name, &EC, "subjectAltName=IP:127.0.0.1\n", "-1")
    }

    /// Somebody who signs firmware.
    pub fn signer(&self, name: &str) -> Pair {
        let extensions = "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n";
        self.pair(name, &EC, extensions, "30")
    }

    /// Signs the request of a station.
    pub fn station(&self, csr: &str) -> String {
        std::fs::write(self.folder.join("station.csr"), csr).unwrap();
        let extensions = "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n";
        self.sign("station.csr", "station.pem", extensions, "30");
        std::fs::read_to_string(self.folder.join("station.pem")).unwrap()
    }

    /// A station's certificate for a key that is not the station's.
    pub fn foreign_station(&self, name: &str) -> String {
        let pair = self.pair(name, &EC, "extendedKeyUsage=clientAuth\n", "30");
        std::fs::read_to_string(pair.chain).unwrap()
    }

    /// Hash data of the root, as OCPP has it.
    pub fn hash(&self) -> Value {
        let mut arguments = vec!["ocsp", "-sha256", "-issuer", "ca.pem", "-cert", "ca.pem"];
        arguments.extend(["-req_text", "-reqout", "request.der"]);
        let text = String::from_utf8(openssl(&self.folder, &arguments)).unwrap();
        let after = |what: &str| {
            let line = text.lines().find(|line| line.contains(what)).unwrap();
            let value = line.split_once(": ").unwrap().1.trim().to_ascii_lowercase();
            value.to_owned()
        };
        let serial = after("Serial Number");
        json!({
            "hashAlgorithm": "SHA256", "issuerNameHash": after("Issuer Name Hash"),
            "issuerKeyHash": after("Issuer Key Hash"), "serialNumber": serial.trim_start_matches('0'),
        })
    }
}

impl Pair {
    /// Options of the peer that make it show this.
    pub fn options(&self) -> Value {
        json!({"cert": self.chain, "key": self.key})
    }

    /// A server at this port that speaks TLS 1.1 and nothing newer, and says so to whoever comes.
    pub fn old_server(&self, port: u16) -> Child {
        let mut command = Command::new("openssl");
        command.args([
            "s_server",
            "-quiet",
            "-tls1_1",
            "-cipher",
            "ALL:@SECLEVEL=0",
        ]);
        command.args(["-accept", &format!("127.0.0.1:{port}")]);
        command.arg("-cert").arg(&self.chain);
        command.arg("-key").arg(&self.key);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// The certificate as a text.
    pub fn pem(&self) -> String {
        std::fs::read_to_string(&self.chain).unwrap()
    }

    /// Signature over the SHA-256 of an image, in Base64.
    pub fn signature(&self, image: &[u8]) -> String {
        let folder = self.key.parent().unwrap();
        std::fs::write(folder.join("image"), image).unwrap();
        let key = self.key.to_string_lossy();
        let sign = [
            "dgst",
            "-sha256",
            "-sign",
            &*key,
            "-out",
            "image.sig",
            "image",
        ];
        openssl(folder, &sign);
        let text = openssl(folder, &["base64", "-A", "-in", "image.sig"]);
        String::from_utf8(text).unwrap().trim().to_owned()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
