//! What the transport says to the host and hears from it, in the words of the backend contract.

use crate::backend::LinkDown;

/// A request to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Correlates the request with its answer.
    pub request_id: u64,
    /// For example `POST`.
    pub method: String,
    /// Where.
    pub url: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Seconds for all of it.
    pub timeout_s: u32,
}

/// The end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Which request.
    pub request_id: u64,
    /// 0 = no answer.
    pub status: u32,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Why there is no answer.
    pub failure: Option<LinkDown>,
}

/// TLS of the station's own server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerTls {
    /// Plain HTTP.
    None,
    /// Encryption; callers show no certificate.
    EncryptOnly,
    /// Callers show a certificate; its time and its name are not looked at.
    ExpiredAndAnyHost,
    /// Its name is not looked at.
    AnyHost,
    /// Its time is not looked at.
    Expired,
    /// Everything is looked at.
    Normal,
}

/// What to listen for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenRequest {
    /// Port.
    pub port: u32,
    /// TLS.
    pub tls: ServerTls,
    /// Addresses and networks that may call; empty = all.
    pub allowed: Vec<String>,
    /// URL of the backend; the address towards it is told first.
    pub towards: String,
}

/// The server listens, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Port; 0 = it does not listen.
    pub port: u32,
    /// The station's own addresses, the one towards the backend first.
    pub addresses: Vec<String>,
    /// For people.
    pub detail: String,
}

/// Somebody calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// Name of the call for its answer.
    pub call_id: u64,
    /// Who.
    pub peer: String,
    /// For example `POST`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// Which call.
    pub call_id: u64,
    /// HTTP status.
    pub status: u32,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}
