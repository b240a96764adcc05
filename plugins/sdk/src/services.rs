//! What an adapter can ask of the host beside its link: files and firmware, certificates, HTTP. Mirrors
//! `wit/backend/backend.wit`; [`crate::backend`] has it all.

use units::Timestamp;

use crate::backend::LinkDown;

/// Headers of HTTP, in order.
pub type Headers = Vec<(String, String)>;

/// Stages of a transfer or an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransferStage {
    /// Begun; said again at each further attempt.
    Running,
    /// Uploaded, or downloaded and kept.
    Done,
    /// All attempts failed.
    Failed,
    /// The downloaded image's signature is good; follows `Done`.
    Verified,
    /// The image does not match its signature.
    InvalidSignature,
    /// The certificate of the signature is not to be trusted.
    InvalidCertificate,
    /// Being installed.
    Installing,
    /// Installed; the station restarts to use it.
    Restarting,
    /// The station runs what was installed.
    Installed,
    /// Not installed.
    InstallFailed,
    /// Cancelled, or replaced by a newer request.
    Cancelled,
}

/// How a transfer or an installation goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferReport {
    /// The request that began it.
    pub request_id: u64,
    /// How far.
    pub stage: TransferStage,
    /// For people.
    pub detail: String,
}

/// What can be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// Everything that helps to find a fault.
    Diagnostics,
    /// The security log.
    SecurityLog,
}

/// Bring a document to the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRequest {
    /// Correlates the request with its outcome and reports; chosen by the adapter.
    pub request_id: u64,
    /// What.
    pub document: Document,
    /// File or, with a `/` at its end, directory; `http`, `https`, `ftp` or `ftps`; may hold user and password.
    pub url: String,
    /// Name of the file in a directory.
    pub file_name: String,
    /// Only what happened from here.
    pub from_wall_ms: Option<Timestamp>,
    /// Only what happened up to here.
    pub to_wall_ms: Option<Timestamp>,
    /// Further attempts after a failure.
    pub retries: u32,
    /// Pause before each, s.
    pub retry_interval_s: u32,
}

/// Who signed an image, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareSignature {
    /// Certificate of the signer.
    pub certificate_pem: String,
    /// The signature.
    pub signature_base64: String,
}

/// Get an image and keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareRequest {
    /// Correlates the request with its outcome and reports; chosen by the adapter.
    pub request_id: u64,
    /// Where it is.
    pub url: String,
    /// Further attempts after a failure.
    pub retries: u32,
    /// Pause before each, s.
    pub retry_interval_s: u32,
    /// With it the image is verified before it may be installed.
    pub signature: Option<FirmwareSignature>,
}

/// What a root certificate vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateUse {
    /// Servers of backends.
    CentralSystemRoot,
    /// Firmware.
    ManufacturerRoot,
}

/// Hash of a [`CertificateHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Names a certificate as OCSP does (RFC 6960); numbers in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateHash {
    /// Of the two hashes.
    pub algorithm: HashAlgorithm,
    /// Of the issuer's name.
    pub issuer_name_hash: String,
    /// Of the issuer's public key.
    pub issuer_key_hash: String,
    /// Serial number.
    pub serial_number: String,
}

/// Name the installed roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificatesRequest {
    /// Correlates the request with its answer; chosen by the adapter.
    pub request_id: u64,
    /// Which.
    pub kind: CertificateUse,
}

/// Trust a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallCertificateRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// For what.
    pub kind: CertificateUse,
    /// The certificate.
    pub pem: String,
}

/// Trust a root no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteCertificateRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// Which.
    pub certificate: CertificateHash,
}

/// Make a key and a request for its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsrRequest {
    /// Correlates the request with its outcome and answer; chosen by the adapter.
    pub request_id: u64,
    /// CN.
    pub common_name: String,
    /// O.
    pub organization: String,
}

/// The certificate that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallChainRequest {
    /// Correlates the request with its outcome; chosen by the adapter.
    pub request_id: u64,
    /// The station's own certificate first, then those between it and a root.
    pub pem: String,
}

/// Ask an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Correlates the request with its response; chosen by the adapter.
    pub request_id: u64,
    /// `GET`, `POST` or `PUT`.
    pub method: String,
    /// Where.
    pub url: String,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: String,
    /// Give up after this long, s.
    pub timeout_s: u32,
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Which request.
    pub request_id: u64,
    /// 0 = no answer; `failure` says why.
    pub status: u32,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: String,
    /// Why there is no answer.
    pub failure: Option<LinkDown>,
}

/// How a server treats the certificates of those who call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerTls {
    /// Plain HTTP.
    None,
    /// Encrypts; nobody need show a certificate.
    EncryptOnly,
    /// Neither time nor host is checked.
    ExpiredAndAnyHost,
    /// The host is not checked.
    AnyHost,
    /// The time is not checked.
    Expired,
    /// Everything is checked.
    Normal,
}

/// Listen for calls; replaces the listener before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenRequest {
    /// Port.
    pub port: u32,
    /// TLS.
    pub tls: ServerTls,
    /// IP addresses or networks that may call; empty = all.
    pub allowed: Vec<String>,
    /// The address towards this URL's host is the first of the station's addresses.
    pub towards: Option<String>,
}

/// How it stands with the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// 0 = not, or no longer; `detail` says why.
    pub port: u32,
    /// The station's own addresses, the one towards the backend first.
    pub addresses: Vec<String>,
    /// For people.
    pub detail: String,
}

/// Somebody calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// Correlates the call with its answer.
    pub call_id: u64,
    /// Address of who calls.
    pub peer: String,
    /// Method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: String,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// Which call.
    pub call_id: u64,
    /// Status.
    pub status: u32,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: String,
}
