//! HTTP of adapters against real sockets on loopback.
