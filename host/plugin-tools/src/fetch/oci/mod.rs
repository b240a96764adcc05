//! Components in OCI registries: the layout of the WebAssembly community, and the signature in an annotation.

pub mod fetch;
mod layout;
mod login;
pub mod push;
mod registry;
