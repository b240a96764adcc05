//! Transfers over real sockets on loopback.
