//! Certificates of the station: what it trusts, and what it shows of itself.
//!
//! Duty: keep central-system and manufacturer roots and the station's own certificate with its key under
//! `<state_dir>/certificates/`, and make TLS configurations of a server from them ([`server`]). Links take what they
//! need through [`crate::net`]. Deliberately not here: OCPP (guests speak it), security events (the caller reports
//! what [`ChainInstalled::Rejected`] says), revocation lists and OCSP (no backend of ours uses them).
//!
//! The station's key is made here and never leaves: nothing but TLS gets it.
//!
//! ```text
//! certificates/central-system/<SHA-256 of the certificate>.pem
//! certificates/manufacturer/<SHA-256 of the certificate>.pem
//! certificates/station/pending.pem     key and signing request, waiting for a chain
//! certificates/station/next.pem        key and chain that begins later
//! certificates/station/current.pem     key and chain
//! certificates/station/server.pem      key and self-signed certificate, for a server without anything better
//! ```

mod chain;
mod files;
mod hash;
pub mod limits;
mod parse;
pub mod server;
mod station;
mod store;
mod types;

#[cfg(test)]
mod tests;

pub(crate) use parse::is_common_name;
pub use store::CertificateStore;
pub use types::{Anchor, CertificateUse, ChainInstalled, Damage, Deleted, Installed};
