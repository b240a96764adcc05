//! What an adapter can ask of the host beside its link: files and firmware, certificates, HTTP. Mirrors
//! `wit/backend/backend.wit`.

use station::RequestId;
use units::Timestamp;

use crate::backend::LinkDown;

/// Headers of HTTP, in order.
pub type Headers = Vec<(String, String)>;

/// How a transfer or an installation goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferReport {
    /// The adapter's request.
    pub request: RequestId,
    /// How far.
    pub stage: TransferStage,
    /// For people.
    pub detail: String,
}

/// Stages of a transfer or an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What can be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// Everything that helps to find a fault.
    Diagnostics,
    /// The security log.
    SecurityLog,
}

/// About files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileCommand {
    /// Bring a document to the backend.
    Upload {
        /// What.
        document: Document,
        /// File or, with a `/` at its end, directory; covered by the grant.
        url: String,
        /// Name of the file in a directory.
        file_name: String,
        /// Only what happened from here.
        from: Option<Timestamp>,
        /// Only what happened up to here.
        to: Option<Timestamp>,
        /// Further attempts.
        retries: u32,
        /// Pause before each, s.
        retry_interval_s: u32,
    },
    /// Get an image and keep it.
    Download {
        /// Covered by the grant.
        url: String,
        /// Further attempts.
        retries: u32,
        /// Pause before each, s.
        retry_interval_s: u32,
        /// With it the image is verified before it may be installed.
        signature: Option<FirmwareSignature>,
    },
    /// Install what was downloaded with this request.
    Install,
    /// Give the transfer up.
    Cancel,
}

/// Who signed an image, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareSignature {
    /// Certificate of the signer.
    pub certificate_pem: String,
    /// The signature.
    pub signature_base64: String,
}

/// What a root certificate vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateUse {
    /// Servers of backends.
    CentralSystemRoot,
    /// Firmware.
    ManufacturerRoot,
}

/// Hash of a [`CertificateHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// About certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateCommand {
    /// Name the installed roots.
    List(CertificateUse),
    /// Trust a root.
    Install(CertificateUse, String),
    /// Trust it no longer.
    Delete(CertificateHash),
    /// Make a key and ask for a certificate.
    CreateCsr {
        /// CN.
        common_name: String,
        /// O.
        organization: String,
    },
    /// The station's own certificate and those above it.
    InstallChain(String),
}

/// How a server treats the certificates of those who call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Where the station listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Port, covered by the grant.
    pub port: u16,
    /// TLS.
    pub tls: ServerTls,
    /// Addresses or networks that may call; empty = all.
    pub allowed: Vec<String>,
    /// The address towards this URL's host is the first of the station's addresses.
    pub towards: Option<String>,
}

/// About HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpCommand {
    /// Ask a server.
    Request(HttpRequest),
    /// Listen; replaces the listener before.
    Listen(Listen),
    /// Listen no longer.
    StopListening,
    /// Answer a call.
    Answer(HttpAnswer),
}

/// A request to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Correlates.
    pub request: RequestId,
    /// Method.
    pub method: String,
    /// Covered by the grant.
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
    pub request: RequestId,
    /// 0 = no answer; `failure` says why.
    pub status: u16,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: String,
    /// Why there is no answer.
    pub failure: Option<LinkDown>,
}

/// How it stands with the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// 0 = not, or no longer; `detail` says why.
    pub port: u16,
    /// The station's own addresses, the one towards the backend first.
    pub addresses: Vec<String>,
    /// For people.
    pub detail: String,
}

/// Somebody calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// Correlates.
    pub call: u64,
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
    pub call: u64,
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: String,
}
