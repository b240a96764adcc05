//! The link against real sockets on loopback.

mod link;
mod secure;
pub(crate) mod server;
