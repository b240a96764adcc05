//! Bridge of authorizers.

use super::{Convert, convert};
use crate::authorizer as s;
use bindings::exports::pilotwire::authorizer::judge as g;

pub mod bindings {
    crate::__wasm::bindings! {
        world: "pilotwire:authorizer/authorizer",
        path: ["../../wit/host", "../../wit/authorizer"],
        pub_export_macro: true,
        default_bindings_module: "sdk::__wasm::authorizer::bindings",
        with: {
            "pilotwire:host/types@0.1.0": crate::__wasm::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::__wasm::host::pilotwire::host::log,
        },
    }
}

pub fn describe<T: s::Authorizer>() -> super::host::pilotwire::host::types::Manifest {
    super::log_panics();
    T::describe().convert()
}

pub fn start<T: s::Authorizer>(
    now: g::Moment,
    context: g::StartContext,
    slot: &mut Option<T>,
) -> g::Answer {
    super::log_panics();
    let (plugin, answer) = T::start(now.convert(), context.convert());
    *slot = Some(plugin);
    answer.convert()
}

pub fn handle<T: s::Authorizer>(
    now: g::Moment,
    input: g::Input,
    slot: &mut Option<T>,
) -> g::Answer {
    match slot {
        Some(plugin) => plugin.handle(now.convert(), input.convert()).convert(),
        None => s::Answer::default().convert(),
    }
}

/// Exports of one authorizer; used by `export_authorizer!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __authorizer_glue {
    ($plugin:ty, $slot:ident) => {
        use $crate::__wasm::authorizer as bridge;
        use bridge::bindings::exports::pilotwire::authorizer::judge as contract;

        struct Component;

        impl contract::Guest for Component {
            fn describe() -> contract::Manifest {
                bridge::describe::<$plugin>()
            }
            fn start(
                now: contract::Moment,
                context: contract::StartContext,
            ) -> contract::Answer {
                $slot.with_borrow_mut(|slot| bridge::start(now, context, slot))
            }
            fn handle(now: contract::Moment, input: contract::Input) -> contract::Answer {
                $slot.with_borrow_mut(|slot| bridge::handle(now, input, slot))
            }
        }

        bridge::bindings::export!(Component with_types_in $crate::__wasm::authorizer::bindings);
    };
}

convert!(record g::StartContext => s::StartContext { settings, store, backend_connected, busy });
convert!(enum g::Stage => s::Stage { First, Unanswered });
convert!(record g::Question => s::Question { request, stage, secure });
convert!(record g::BackendOpinion => s::BackendOpinion { token, verdict });
convert!(record g::Request => s::Request { id, words });
convert!(variant g::Input => s::Input {
    Authorize(v), SettingChanged(v), BackendConnected(v), Busy(v), Timer, BackendOpinion(v), Request(v)
});
convert!(enum s::Notice => g::Notice { Adding, Removing, Done });
convert!(record s::Answer => g::Answer {
    verdict, consumed, store, wake_at, show, present_on_plug, reply
});
