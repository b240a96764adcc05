//! Bridge of free-charging modes.

use super::{Convert, convert};
use crate::free_charging as s;
use bindings::exports::pilotwire::free_charging::mode as g;

pub mod bindings {
    crate::__wasm::bindings! {
        world: "pilotwire:free-charging/free-charging",
        path: ["../../wit/host", "../../wit/free-charging"],
        pub_export_macro: true,
        default_bindings_module: "sdk::__wasm::free_charging::bindings",
        with: {
            "pilotwire:host/types@0.1.0": crate::__wasm::host::pilotwire::host::types,
            "pilotwire:host/log@0.1.0": crate::__wasm::host::pilotwire::host::log,
        },
    }
}

pub fn describe<T: s::FreeCharging>() -> super::host::pilotwire::host::types::Manifest {
    super::log_panics();
    T::describe().convert()
}

pub fn start<T: s::FreeCharging>(
    now: g::Moment,
    settings: Vec<g::Setting>,
    slot: &mut Option<T>,
) -> g::Behaviour {
    super::log_panics();
    let (plugin, behaviour) = T::start(now.convert(), settings.convert());
    *slot = Some(plugin);
    behaviour.convert()
}

pub fn authorize<T: s::FreeCharging>(
    now: g::Moment,
    request: g::AuthorizeRequest,
    slot: &mut Option<T>,
) -> g::Verdict {
    let id = request.request_id;
    match slot {
        Some(plugin) => plugin.authorize(now.convert(), request.convert()).convert(),
        None => crate::Verdict::bare(id, crate::Decision::NoOpinion).convert(),
    }
}

/// Exports of one free-charging mode; used by `export_free_charging!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __free_charging_glue {
    ($plugin:ty, $slot:ident) => {
        use $crate::__wasm::free_charging as bridge;
        use bridge::bindings::exports::pilotwire::free_charging::mode as contract;

        struct Component;

        impl contract::Guest for Component {
            fn describe() -> contract::Manifest {
                bridge::describe::<$plugin>()
            }
            fn start(
                now: contract::Moment,
                settings: Vec<contract::Setting>,
            ) -> contract::Behaviour {
                $slot.with_borrow_mut(|slot| bridge::start(now, settings, slot))
            }
            fn authorize(
                now: contract::Moment,
                request: contract::AuthorizeRequest,
            ) -> contract::Verdict {
                $slot.with_borrow_mut(|slot| bridge::authorize(now, request, slot))
            }
        }

        bridge::bindings::export!(Component with_types_in $crate::__wasm::free_charging::bindings);
    };
}

convert!(enum s::Reporting => g::Reporting { Nothing, StatusOnly, Transactions });
convert!(record s::Behaviour => g::Behaviour {
    start_on_plug, reporting, report_as, remote_stop, token_stops
});
