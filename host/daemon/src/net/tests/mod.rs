//! The link against real sockets on loopback.

mod link;
mod secure;
mod server;
