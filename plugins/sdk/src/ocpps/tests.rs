//! The transport against a scripted host.
