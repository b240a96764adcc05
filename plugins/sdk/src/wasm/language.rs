//! Bridge of languages.

use super::{Convert, convert};
use crate::language as s;
use bindings::exports::pilotwire::display::language as g;

pub mod bindings {
    crate::__wasm::bindings! {
        world: "pilotwire:display/display",
        path: ["../../wit/host", "../../wit/display"],
        pub_export_macro: true,
        default_bindings_module: "sdk::__wasm::language::bindings",
        with: {
            "pilotwire:host/types@0.1.0": crate::__wasm::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::__wasm::host::pilotwire::host::log,
        },
    }
}

pub fn describe<T: s::Language>() -> super::host::pilotwire::host::types::Manifest {
    super::log_panics();
    T::describe().convert()
}

pub fn render<T: s::Language>(now: g::Moment, message: g::Message) -> Option<g::Rendered> {
    super::log_panics();
    T::render(now.convert(), &message.convert()).convert()
}

/// Exports of one language; used by `export_language!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __language_glue {
    ($plugin:ty) => {
        use $crate::__wasm::language as bridge;
        use bridge::bindings::exports::pilotwire::display::language as contract;

        struct Component;

        impl contract::Guest for Component {
            fn describe() -> contract::Manifest {
                bridge::describe::<$plugin>()
            }
            fn render(
                now: contract::Moment,
                message: contract::Message,
            ) -> Option<contract::Rendered> {
                bridge::render::<$plugin>(now, message)
            }
        }

        bridge::bindings::export!(Component with_types_in $crate::__wasm::language::bindings);
    };
}

convert!(record g::Argument => s::Argument { name, value });
convert!(record g::Message => s::Message { id, arguments });
convert!(record s::Rendered => g::Rendered { language, text });
