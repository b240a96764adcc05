//! The generated bindings and the bridge between them and the SDK's own types: for `wasm32`, and natively for replays.
#![allow(unsafe_code, reason = "generated bindings call C functions")]
#![allow(
    missing_docs,
    reason = "hidden; what is public here is for the export macros only"
)]

pub mod authorizer;
pub mod backend;
pub mod free_charging;
pub mod language;
mod shared;

use std::sync::Once;

/// Generates the bindings of a world; natively they can be read from recordings.
macro_rules! bindings {
    ($($options:tt)*) => {
        #[cfg(target_arch = "wasm32")]
        wit_bindgen::generate!({ $($options)* });
        #[cfg(not(target_arch = "wasm32"))]
        wit_bindgen::generate!({
            additional_derives: [serde::Serialize, serde::Deserialize],
            $($options)*
        });
    };
}
pub(crate) use bindings;

/// World of what every kind shares; the four worlds refer to its types.
pub mod host {
    bindings! {
        inline: "package pilotwire:sdk;
            world shared { import pilotwire:host/types@0.1.0; import pilotwire:host/log@0.1.0; }",
        path: ["../../wit/host"],
        generate_all,
        generate_unused_types: true,
    }
}

/// Turns a value of one side into the same value of the other.
pub trait Convert<T> {
    fn convert(self) -> T;
}

/// Writes one log line through the import.
pub fn log(level: crate::Level, message: &str) {
    use host::pilotwire::host::log as import;
    let level = match level {
        crate::Level::Error => import::Level::Error,
        crate::Level::Warn => import::Level::Warn,
        crate::Level::Info => import::Level::Info,
        crate::Level::Debug => import::Level::Debug,
    };
    import::log(level, message);
}

/// Makes a panic's text visible: without this a panic is a bare trap.
pub fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            log(crate::Level::Error, &format!("the plugin panicked: {info}"));
        }));
    });
}

/// Generates [`Convert`] for a type whose fields or cases have the same names on both sides.
macro_rules! convert {
    (record $from:ty => $to:path { $($field:ident),* $(,)? }) => {
        impl $crate::__wasm::Convert<$to> for $from {
            fn convert(self) -> $to {
                $to { $($field: self.$field.convert()),* }
            }
        }
    };
    (enum $from:path => $to:path { $($case:ident),* $(,)? }) => {
        impl $crate::__wasm::Convert<$to> for $from {
            fn convert(self) -> $to {
                match self { $(<$from>::$case => <$to>::$case),* }
            }
        }
    };
    (variant $from:path => $to:path { $($case:ident $(($value:ident))?),* $(,)? }) => {
        const _: () = {
            // Cases of an alias can be named in patterns, those of a macro's path cannot.
            type Here = $from;
            type There = $to;
            impl $crate::__wasm::Convert<There> for Here {
                fn convert(self) -> There {
                    match self {
                        $(Here::$case $(($value))? => There::$case $(($value.convert()))?),*
                    }
                }
            }
        };
    };
}
pub(crate) use convert;
