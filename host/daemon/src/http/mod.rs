//! HTTP for backend adapters: requests to servers, and a small server for those who call the station.
//!
//! Duty: carry requests, answers and calls, all bounded in size, number and time. What they mean is for the guests; a
//! protocol is not known here.
//!
//! ```text
//!   adapter ◀─▶ HttpPort, which holds both:
//!   adapter ─▶ Client::spawn ─▶ task: connection (kept or new) → request → answer ─▶ HttpEvent::Answered
//!   callers ─▶ Server: allowed? → TLS → head, body ─▶ HttpEvent::Called ─▶ adapter ─▶ Server::answer
//! ```

mod address;
mod client;
pub mod limits;
mod port;
mod server;

#[cfg(test)]
mod tests;

pub use address::{Allowed, own_addresses};
pub use client::{Client, HttpFailure, HttpRequest, HttpResponse};
pub use port::{HttpPort, HttpSetup};
pub use server::{Called, Listen, Server};

/// Header fields in order; names in any case.
pub type Headers = Vec<(String, String)>;

/// What an adapter is told.
#[derive(Debug)]
pub enum HttpEvent {
    /// A request ended.
    Answered {
        /// As given to [`Client::spawn`].
        request_id: u64,
        /// The answer, whatever its status, or why there is none.
        result: Result<HttpResponse, HttpFailure>,
    },
    /// Somebody calls; answer with [`Server::answer`].
    Called(Called),
    /// A server stands, or does not.
    Listened(Box<port::Listened>),
}
