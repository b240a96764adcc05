//! Smart charging, the charge point's half: which limit holds now, and when it changes next.
//!
//! Duty: keep the charging profiles of one central system ([`ProfileStore`]), place them on the time line ([`Plan`]),
//! and work out the limit of a connector or of the whole station, as a number ([`Plan::limit`]) and as a schedule
//! ([`Plan::composite`]).
//!
//! Not here: enforcing a limit, sharing the station's limit among its connectors (load management), the messages
//! ([`crate::v16::messages`]), storage and clocks: profiles leave as [`Write`]s and time comes as a [`Moment`].
//!
//! ```text
//!  SetChargingProfile ──▶ install ─┐                       ┌─▶ limit(scope)      mA, phases, next change
//!  ClearChargingProfile ─▶ clear ──┼─▶ ProfileStore ─ plan ┼─▶ next_change(scope)
//!  transaction ──▶ begin/identify/end        │             └─▶ composite(scope)  GetCompositeSchedule
//!                                       take_writes ──▶ key-value store ──▶ read
//! ```
//!
//! # How a limit comes about
//!
//! 1. **Rate of a connector.** Its TxProfiles (only those of the running transaction) from the highest stack level
//!    down, then its TxDefaultProfiles from the highest stack level down; on the same level the connector's own before
//!    the one of connector 0. The first that has a value at that time decides. A profile that has none (not valid yet
//!    or any more, its schedule not begun or over) lets the next one speak.
//! 2. **Ceiling of the station.** The ChargePointMaxProfiles likewise.
//! 3. **Local limit.** What cable, installation and operator allow; passed in with the [`Site`].
//!
//! The lowest of the three holds. No profile can raise a local limit, and none can be used to charge below what a
//! vehicle can do: a limit between zero and the vehicle's minimum is handed on as it is, and the station pauses.
//!
//! `docs/spec/smart-charging.md` has the rules with examples.

mod check;
mod limit;
mod plan;
mod profiles;
mod schedule;
mod text;
mod types;

pub use check::Refusal;
pub use limit::{Decider, Limit};
pub use plan::{NoComposite, Plan};
pub use profiles::{Installed, ProfileStore, Running};
pub use text::{Unreadable, Write};
pub use types::{
    AllowedUnits, Anchor, Capabilities, ConnectorSite, Moment, PhaseSwitching, Scope, Site,
};
