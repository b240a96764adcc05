//! The messages of OCPP 1.6, one module per feature profile.
//!
//! Field names follow the standard in Rust's spelling. Absent optional fields are `None` and are left out when
//! written. Integers are 64 bits wide because the schemas give no bound; whoever acts on one checks its range.

mod core;
mod firmware;
mod local_list;
mod metering;
mod reservation;
mod security;
mod smart_charging;
mod trigger;

pub use self::core::*;
pub use firmware::*;
pub use local_list::*;
pub use metering::*;
pub use reservation::*;
pub use security::*;
pub use smart_charging::*;
pub use trigger::*;

wire_enum! {
    /// Answer of actions that are either done or not.
    pub enum GenericStatus {
        /// Done, or will be done.
        Accepted = "Accepted",
        /// Not done.
        Rejected = "Rejected",
    }
}
