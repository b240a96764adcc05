//! What happens to a world: by hand in scenarios, by chance in simulations.

use drivers::sim::{EvCommand, EvPreset, PlugIn, Rng, SimCommand, SimFault};
use drivers::{CardSeen, CardUid};
use station::{LimitSource, Request};
use units::{Milliamps, Millis};

use super::convert::OUTSIDE_LIMITS;
use super::network::{BLOCKED_CARD, GOOD_CARD, OTHER_CARD};
use super::world::{EVSES, World};

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Do {
    Hardware(u8, SimCommand),
    Link(bool),
    KillAdapter,
    /// Another instance takes over as in a hot swap: at a quiet moment, with the link kept. Refused if it is not quiet.
    SwapAdapter,
    CutPower(Millis),
    /// The central system sends this text.
    Inject(String),
    RemoteStart(Option<i64>, String),
    RemoteStop(i64),
    /// Somebody asks at the station.
    Local(Request),
    Limit(u8, LimitSource, Option<Milliamps>),
}

pub fn card(uid: &str) -> SimCommand {
    SimCommand::Card(CardSeen::Uid(CardUid::try_from_hex(uid).unwrap()))
}

/// How often things go wrong, per mille of the events drawn; itself drawn from the seed, so that seeds differ in kind.
#[derive(Debug, Clone, Copy)]
struct Rates {
    faults: u64,
    link: u64,
    adapter: u64,
    power: u64,
    backend: u64,
}

/// Fills a world's plan for this long with what its seed says.
pub fn draw(world: &mut World, span: Millis) {
    let mut rng = Rng::new(world.config.seed ^ 0x5157);
    // Squared: most seeds see a fault now and then, a few see nothing else.
    let often = rng.below(200);
    let rates = Rates {
        faults: often * often / 200,
        link: rng.below(80),
        adapter: rng.below(80),
        power: rng.below(50),
        backend: rng.below(80),
    };
    // Between two steps of one commit is where a power cut hurts most.
    world.cut_rate = rng.below(20_000);
    let from = world.now.as_millis();
    for evse in 1..=EVSES {
        let mut at = from + 5_000 + rng.below(10_000);
        while at < from + span.get() {
            at = draw_visit(world, &mut rng, evse, at);
        }
    }
    let mut at = from + 2_000;
    while at < from + span.get() {
        at += 500 + rng.below(6_000);
        for (later, what) in draw_trouble(&mut rng, rates) {
            world.plan.entry(at + later).or_default().push(what);
        }
    }
}

/// One car comes, charges, and leaves; answers when the next may come.
fn draw_visit(world: &mut World, rng: &mut Rng, evse: u8, at: u64) -> u64 {
    let mut then = |at: u64, command: SimCommand| {
        world
            .plan
            .entry(at)
            .or_default()
            .push(Do::Hardware(evse, command));
    };
    let (preset, _) = EvPreset::ALL[rng.below(EvPreset::ALL.len() as u64) as usize];
    let preset = if rng.chance(600_000) {
        EvPreset::ThreePhase
    } else {
        preset
    };
    let cable = [13, 20, 32, 63][rng.below(4) as usize];
    let plug = PlugIn {
        cable: Milliamps::from_amps(cable),
        ready_after_ms: Some(200 + rng.below(4_000) as u32),
        ..PlugIn::preset(preset)
    };
    let uid = match rng.below(10) {
        0 => BLOCKED_CARD,
        1 => "01020304",
        2..=4 => OTHER_CARD,
        _ => GOOD_CARD,
    };
    let gap = rng.below(20_000);
    if rng.chance(500_000) {
        then(at, SimCommand::PlugIn(plug));
        then(at + gap, card(uid));
    } else {
        then(at, card(uid));
        then(at + gap, SimCommand::PlugIn(plug));
    }
    let charging = at + gap + 10_000 + rng.below(90_000);
    if rng.chance(300_000) {
        let habits = [
            EvCommand::Pause,
            EvCommand::Sleep,
            EvCommand::Toggle,
            EvCommand::Ventilation(true),
        ];
        then(
            charging - 5_000,
            SimCommand::Ev(habits[rng.below(4) as usize]),
        );
        then(
            charging - rng.below(3_000),
            SimCommand::Ev(EvCommand::Start),
        );
    }
    let gone = charging + 12_000;
    match rng.below(8) {
        0 => then(charging, SimCommand::EvUnplug),
        1 => then(charging, SimCommand::Tear),
        2 => then(charging, SimCommand::Ev(EvCommand::Stop)),
        _ => then(charging, card(uid)),
    }
    // Whoever cannot pull the plug tries again, then lets go of the vehicle's end.
    then(gone, SimCommand::Unplug);
    then(gone + 3_000, SimCommand::EvUnplug);
    then(gone + 15_000, SimCommand::Unplug);
    gone + 20_000 + rng.below(20_000)
}

/// Trouble and, after a while, its end.
fn draw_trouble(rng: &mut Rng, rates: Rates) -> Vec<(u64, Do)> {
    let mut list = Vec::new();
    let evse = 1 + rng.below(u64::from(EVSES)) as u8;
    let mut hit = |rate: u64| rng.below(1_000) < rate;
    let (faults, link, adapter) = (hit(rates.faults), hit(rates.link), hit(rates.adapter));
    let (power, backend) = (hit(rates.power), hit(rates.backend));
    if faults {
        let (fault, _) = SimFault::ALL[rng.below(SimFault::ALL.len() as u64) as usize];
        list.push((0, Do::Hardware(evse, SimCommand::Fault(fault))));
        let later = 20 + rng.below(20_000);
        list.push((later, Do::Hardware(evse, SimCommand::Clear(Some(fault)))));
    }
    if link {
        list.push((0, Do::Link(false)));
        list.push((rng.below(60_000), Do::Link(true)));
    }
    if adapter {
        list.push((0, Do::KillAdapter));
    }
    if power {
        list.push((0, Do::CutPower(Millis::new(500 + rng.below(20_000)))));
    }
    if backend {
        list.push((0, draw_backend(rng, evse)));
    }
    list
}

/// What a backend, or something that pretends to be one, may do.
fn draw_backend(rng: &mut Rng, evse: u8) -> Do {
    match rng.below(7) {
        0 => Do::RemoteStart(Some(evse.into()), GOOD_CARD.to_owned()),
        1 => Do::RemoteStop(1 + rng.below(6) as i64),
        2 => Do::Inject("[3,\"no-such-call\",{}]".to_owned()),
        3 => Do::Inject("{\"not\": \"a frame\"".to_owned()),
        4 => Do::Inject("[2,\"x1\",\"Explode\",{}]".to_owned()),
        5 => Do::Inject("[2,\"x2\",\"RemoteStartTransaction\",{\"connectorId\":-1}]".to_owned()),
        _ => {
            let source = OUTSIDE_LIMITS[rng.below(3) as usize];
            let current = rng
                .chance(700_000)
                .then(|| Milliamps::new(rng.below(33_000) as u32));
            Do::Limit(evse, source, current)
        }
    }
}
