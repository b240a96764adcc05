//! What is not a plugin is not loaded, and the message says what to do about it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

use plugin_host::limits::MAX_COMPONENT_BYTES;
use plugin_host::{Engine, EngineConfig, LoadError, PluginKind};

fn load(kind: PluginKind, bytes: &[u8]) -> LoadError {
    Engine::new(EngineConfig::STATION)
        .unwrap()
        .load(kind, "x", bytes, None)
        .unwrap_err()
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn bytes_that_are_no_component_are_not_loaded() {
    for bytes in [&b""[..], b"\0asm", b"nonsense", &wat("(module)")] {
        let error = load(PluginKind::Backend, bytes);
        assert!(matches!(error, LoadError::Invalid { .. }), "{error}");
    }
}

#[test]
fn component_that_imports_anything_else_is_not_loaded() {
    for import in [
        "wasi:sockets/tcp@0.2.0",
        "pilotwire:host/net@0.1.0",
        "pilotwire:host/log@0.2.0",
    ] {
        let component = wat(&format!(r#"(component (import "{import}" (instance)))"#));
        let error = load(PluginKind::Authorizer, &component);
        assert_eq!(
            error.to_string(),
            format!(
                "plugin x: imports {import}, which no plugin is given; build it with the SDK and \
                 without WASI"
            )
        );
    }
}

#[test]
fn component_without_the_contract_of_its_kind_is_not_loaded() {
    for kind in [
        PluginKind::Backend,
        PluginKind::Authorizer,
        PluginKind::FreeCharging,
        PluginKind::Display,
    ] {
        let error = load(kind, &wat("(component)"));
        let text = error.to_string();
        assert!(matches!(error, LoadError::Contract { .. }), "{text}");
        assert!(text.contains(&format!("the contract of {kind}")), "{text}");
    }
}

#[test]
fn component_that_uses_what_is_switched_off_is_not_loaded() {
    for (what, module) in [
        ("threads", "(module (memory 1 1 shared))"),
        ("64-bit memory", "(module (memory i64 1))"),
        ("exceptions", "(module (tag))"),
    ] {
        let module = module.replacen("(module", "(core module", 1);
        let error = load(PluginKind::Display, &wat(&format!("(component {module})")));
        assert!(
            matches!(error, LoadError::Invalid { .. }),
            "{what}: {error}"
        );
    }
}

/// Two parts of one component that call each other with a text, which is copied between their memories.
const PARTS_THAT_CALL_EACH_OTHER: &str = r#"(component
    (component $inner
        (core module $m
            (memory (export "m") 1)
            (func (export "f") (param i32 i32))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "f") (param "text" string)
            (canon lift (core func $i "f") (memory (core memory $i "m")) (realloc (core func $i "realloc")))))
    (component $outer
        (import "f" (func $f (param "text" string)))
        (core module $libc (memory (export "m") 1))
        (core instance $libc (instantiate $libc))
        (core func $f (canon lower (func $f) (memory (core memory $libc "m"))))
        (core module $m (import "" "f" (func $f (param i32 i32)))
            (func (export "g") i32.const 0 i32.const 1 call $f))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
        (func (export "g") (canon lift (core func $i "g"))))
    (instance $inner (instantiate $inner))
    (instance $outer (instantiate $outer (with "f" (func $inner "f")))))"#;

#[test]
fn component_of_parts_that_call_each_other_is_refused_or_loaded_and_the_host_lives() {
    let error = load(PluginKind::Display, &wat(PARTS_THAT_CALL_EACH_OTHER));
    assert!(matches!(error, LoadError::Contract { .. }), "{error}");
}

#[test]
fn oversized_component_is_not_even_looked_at() {
    let error = load(PluginKind::Display, &vec![0; MAX_COMPONENT_BYTES + 1]);
    assert!(matches!(error, LoadError::TooLarge { .. }), "{error}");
}
