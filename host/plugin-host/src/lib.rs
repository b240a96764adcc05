//! The plugin host: loads, limits, calls and supervises WebAssembly plugins.
//!
//! Duty: the only crate that knows the contracts of `wit/`. What a guest hands over is checked here, once, and leaves in
//! the station's types; what a guest may not do leaves as a refusal. Synchronous, no sockets, no files but the cache of
//! compiled plugins; the daemon executes what a plugin asks for.
//!
//! Whatever goes wrong in a guest (trap, endless loop, memory bomb, oversized or nonsensical answer) ends that instance
//! with a [`PluginError`] and is no opinion: it never accepts a card and never commits half an answer.
//!
//! [`provenance::check`] says whether a component may be loaded at all; [`Engine::load`] takes bytes that it let through.
//! Not here: swapping. [`Loaded`] is cheap to keep beside another [`Loaded`]; an instance starts from its start context
//! alone, after boot, trap and swap alike.
#![warn(missing_docs)]

mod authorizer_plugin;
mod backend;
mod backend_lift;
mod backend_lower;
mod backend_plugin;
mod cache;
mod chain;
mod contract;
mod convert;
mod engine;
mod error;
mod grants;
mod guest;
pub mod limits;
mod mailbox;
mod manifest;
mod outbox;
pub mod provenance;
mod quota;
mod recording;
pub mod replay;
mod services;
mod services_lift;
mod services_lower;
pub mod signature;
mod small_plugins;
mod store_quota;
mod supervisor;
mod ticker;

pub use authorizer_plugin::{
    AuthorizerAnswer, AuthorizerInput, AuthorizerPlugin, AuthorizerStart, Notice, Stage,
};
pub use backend::{
    AdapterState, BackendCommand, BackendInput, BackendRole, BackendStart, ConnectRequest,
    DurableFrame, EvseInfo, JournalEntry, LinkDown, LinkFailure, LinkUp, Registration,
    RunningTransaction,
};
pub use backend_plugin::BackendPlugin;
pub use chain::{ChainState, Opinion, decide};
pub use engine::{Engine, EngineConfig, Loaded};
pub use error::{LoadError, PluginError};
pub use grants::{Grant, Grants, UnknownGrant};
pub use limits::Limits;
pub use mailbox::{Full, Mailbox, WhenFull};
pub use manifest::{
    AuthorizeRequest, Manifest, PluginKind, Refusal, RefusalReason, Setting, SettingSpec,
    StoreEntry, StoreWrite,
};
pub use recording::Recorder;
pub use services::{
    CertificateCommand, CertificateHash, CertificateUse, Document, FileCommand, FirmwareSignature,
    HashAlgorithm, Headers, HttpAnswer, HttpCall, HttpCommand, HttpRequest, HttpResponse, Listen,
    Listening, ServerTls, TransferReport, TransferStage,
};
pub use small_plugins::{Behaviour, DisplayPlugin, FreeChargingPlugin, Rendered, Reporting};
pub use supervisor::{Health, Supervisor};
