//! What the scenarios do to a world again and again.

use drivers::sim::{EvPreset, PlugIn, SimCommand};
use units::Millis;

use super::adapter::AdapterKind;
use super::network::GOOD_CARD;
use super::probe::Probe;
use super::world::{World, WorldConfig};

pub const fn secs(s: u64) -> Millis {
    Millis::from_secs(s)
}

/// A world with the probe adapter.
pub fn world(config: WorldConfig) -> World {
    World::new(config, Some(AdapterKind::of::<Probe>()))
}

/// The operators' adapters, as they are shipped.
pub const OPERATORS: [(&str, AdapterKind); 3] = [
    ("eflux", AdapterKind::of::<backend_eflux::Adapter>()),
    ("lms", AdapterKind::of::<backend_lms::Adapter>()),
    ("total", AdapterKind::of::<backend_total::Adapter>()),
];

/// The same, once the backend has accepted the station.
pub fn online(config: WorldConfig) -> World {
    online_with(config, AdapterKind::of::<Probe>())
}

/// A world with this adapter, once the backend has accepted the station.
pub fn online_with(config: WorldConfig, kind: AdapterKind) -> World {
    let mut world = World::new(config, Some(kind));
    world.run_until("registered", secs(30), World::is_registered);
    world
}

pub fn plug(world: &mut World, evse: u8, preset: EvPreset) {
    world.hardware(evse, SimCommand::PlugIn(PlugIn::preset(preset)));
}

/// Current on line 1, mA.
pub fn current(world: &World, evse: u8) -> u32 {
    world.hw.control.view(evse).unwrap().current_ma[0]
}

pub fn charges(world: &mut World, evse: u8) {
    world.run_until("current flows", secs(30), |world| {
        current(world, evse) > 5_000
    });
}

/// A world where EVSE 1 charges for the good card.
pub fn charging(config: WorldConfig) -> World {
    let mut world = online(config);
    plug(&mut world, 1, EvPreset::ThreePhase);
    world.run(secs(3));
    world.swipe(1, GOOD_CARD);
    charges(&mut world, 1);
    world
}

/// Was this said (from `from` ms on)?
pub fn said(world: &World, from: u64, text: &str) -> bool {
    world
        .trace
        .iter()
        .any(|(at, line)| *at >= from && line == text)
}

/// Does this fault of the registry stand?
pub fn faulty(world: &World, id: &str) -> bool {
    world.station().faults().iter().any(|fault| fault.id == id)
}

/// Does a transaction run?
pub fn running(world: &World) -> bool {
    !world.station().transactions().is_empty()
}

/// Waits until the backend has everything, and compares its book with the journal.
pub fn delivered(world: &mut World) {
    world.run_until("everything is delivered", secs(60), World::is_delivered);
    // The last answer may still be on its way to a journal that is complete.
    world.run(secs(1));
    if let Err(wrong) = world.checker.check_book(&world.net.csms) {
        world.fail(&wrong);
    }
}
