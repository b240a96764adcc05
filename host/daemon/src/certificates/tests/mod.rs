//! Tests of the store, of TLS with it, and against the openssl program.
