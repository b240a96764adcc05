//! Bindings for `wasm32`; being written.
