//! The contracts of `wit/`, as generated bindings. Nothing outside this crate sees them.
#![allow(
    missing_docs,
    reason = "generated; the contracts are documented in wit/"
)]

/// What all kinds share; the other modules refer to its types.
pub mod host {
    wasmtime::component::bindgen!({
        inline: "package pilotwire:shared;
            world shared { import pilotwire:host/types@0.1.0; import pilotwire:host/log@0.1.0; }",
        path: ["../../wit/host"],
        additional_derives: [serde::Serialize, serde::Deserialize],
    });
}

pub mod backend {
    wasmtime::component::bindgen!({
        world: "pilotwire:backend/backend",
        path: ["../../wit/host", "../../wit/backend"],
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "pilotwire:host/types@0.1.0": crate::contract::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::contract::host::pilotwire::host::log,
        },
    });
}

/// The first contract of backend adapters, frozen; its plugins still run.
pub mod backend_0_1 {
    wasmtime::component::bindgen!({
        world: "pilotwire:backend/backend",
        path: ["../../wit/host", "../../wit/frozen/backend-0.1"],
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "pilotwire:host/types@0.1.0": crate::contract::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::contract::host::pilotwire::host::log,
        },
    });
}

pub mod authorizer {
    wasmtime::component::bindgen!({
        world: "pilotwire:authorizer/authorizer",
        path: ["../../wit/host", "../../wit/authorizer"],
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "pilotwire:host/types@0.1.0": crate::contract::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::contract::host::pilotwire::host::log,
        },
    });
}

/// The first contract of authorizers, frozen; its plugins still run.
pub mod authorizer_0_1 {
    wasmtime::component::bindgen!({
        world: "pilotwire:authorizer/authorizer",
        path: ["../../wit/host", "../../wit/frozen/authorizer-0.1"],
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "pilotwire:host/types@0.1.0": crate::contract::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::contract::host::pilotwire::host::log,
        },
    });
}

pub mod free_charging {
    wasmtime::component::bindgen!({
        world: "pilotwire:free-charging/free-charging",
        path: ["../../wit/host", "../../wit/free-charging"],
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "pilotwire:host/types@0.1.0": crate::contract::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::contract::host::pilotwire::host::log,
        },
    });
}

pub mod display {
    wasmtime::component::bindgen!({
        world: "pilotwire:display/display",
        path: ["../../wit/host", "../../wit/display"],
        additional_derives: [serde::Serialize, serde::Deserialize],
        with: {
            "pilotwire:host/types@0.1.0": crate::contract::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::contract::host::pilotwire::host::log,
        },
    });
}
