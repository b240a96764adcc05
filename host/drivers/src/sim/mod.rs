//! A simulated charging station: boards with vehicles, meters and card readers.
//!
//! Duty: physics only. Nothing here knows a session, a limit or a plugin; it reacts to an interlock's outputs the way
//! copper and a car do. The same world runs under the daemon (`board = "simulated"`) and in virtual time under the
//! tests; time arrives with every call and chance comes from one seed.
//!
//! ```text
//!  SimControl ──(bounded inbox)──▶ SimBoard ──(atomics)──▶ SimMeter, SimControl::view
//!      │                              ▲ read / write: the interlock's thread
//!      └──────(bounded queue)──▶ SimReader
//! ```

mod board;
mod command;
mod ev;
mod fault;
mod indicators;
mod meter;
mod parts;
mod reader;
mod rng;
mod shared;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use interlock::Attachment;
use units::{Instant, Phases};

pub use board::SimBoard;
pub use command::{PlugIn, Quantity, SIM_VERBS, SimCommand, SimError};
pub use ev::{EvCommand, EvMode, EvPreset, EvProfile, SimEv, Wakes, offer_of};
pub use fault::{FaultSet, SimFault};
pub use indicators::SimIndicators;
pub use meter::SimMeter;
pub use reader::SimReader;
pub use rng::Rng;
pub use shared::SimView;
pub use world::SimWorld;

use crate::limits::{SIM_CARDS, SIM_EVSES, SIM_INBOX};
use crate::reader::CardSeen;
use shared::{Shared, flag};

/// Microjoules in a watt-hour.
const UJ_PER_WH: u64 = 3_600_000_000;

/// How one simulated EVSE is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimEvseConfig {
    /// Socket or tethered cable.
    pub attachment: Attachment,
    /// Lines of the supply.
    pub supply: Phases,
    /// The board senses the contactor's load side.
    pub weld_sense: bool,
    /// The room is ventilated.
    pub ventilation: bool,
    /// Readings are noisy.
    pub noise: bool,
    /// What was there before the simulation (re)started.
    pub world: SimWorld,
}

impl SimEvseConfig {
    /// A three-phase socket-outlet with weld sensing and a little noise; nothing plugged in.
    #[must_use]
    pub const fn socket() -> Self {
        Self {
            attachment: Attachment::Socket,
            supply: Phases::Three,
            weld_sense: true,
            ventilation: false,
            noise: true,
            world: SimWorld::EMPTY,
        }
    }
}

/// What a board can be told by the control.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BoardCommand {
    PlugIn(PlugIn),
    Unplug,
    Tear,
    EvUnplug,
    Ev(EvCommand),
    Fault(SimFault),
    Clear(Option<SimFault>),
    LocalReset,
    Set(Quantity, i32),
}

/// A whole simulated station. Its parts are public and independent: under threads each part goes where it is used.
#[derive(Debug)]
pub struct SimStation {
    /// One board per EVSE, EVSE 1 first.
    pub boards: Vec<SimBoard>,
    /// One meter per EVSE.
    pub meters: Vec<SimMeter>,
    /// One reader per EVSE.
    pub readers: Vec<SimReader>,
    /// The hands that plug, swipe and break things.
    pub control: SimControl,
}

impl SimStation {
    /// Builds a station of up to [`SIM_EVSES`] EVSEs; more are ignored.
    #[must_use]
    pub fn new(evses: &[SimEvseConfig], seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut station = Self {
            boards: Vec::new(),
            meters: Vec::new(),
            readers: Vec::new(),
            control: SimControl { evses: Vec::new() },
        };
        for config in evses.iter().take(usize::from(SIM_EVSES)) {
            let shared = Arc::new(Shared::default());
            let (to_board, inbox) = sync_channel(SIM_INBOX);
            let (to_reader, cards): (_, Receiver<CardSeen>) = sync_channel(SIM_CARDS);
            station.boards.push(SimBoard::new(
                *config,
                Arc::clone(&shared),
                inbox,
                rng.fork(),
            ));
            station
                .meters
                .push(SimMeter::new(Arc::clone(&shared), config.supply));
            station
                .readers
                .push(SimReader::new(Arc::clone(&shared), cards));
            station.control.evses.push(ControlledEvse {
                tethered: matches!(config.attachment, Attachment::Tethered(_)),
                shared,
                to_board,
                to_reader,
                plug: config.world.plug,
            });
        }
        station
    }

    /// See [`SimControl::apply`].
    ///
    /// # Errors
    /// [`SimError`] as there.
    pub fn apply(&mut self, now: Instant, evse: u8, command: SimCommand) -> Result<(), SimError> {
        self.control.apply(now, evse, command)
    }
}

#[derive(Debug)]
struct ControlledEvse {
    tethered: bool,
    shared: Arc<Shared>,
    to_board: SyncSender<BoardCommand>,
    to_reader: SyncSender<CardSeen>,
    plug: Option<PlugIn>,
}

/// The hands that plug, swipe and break things at a simulated station.
#[derive(Debug)]
pub struct SimControl {
    evses: Vec<ControlledEvse>,
}

impl SimControl {
    /// Number of EVSEs.
    #[must_use]
    pub fn evses(&self) -> u8 {
        u8::try_from(self.evses.len()).unwrap_or(SIM_EVSES)
    }

    /// Does something to EVSE `evse` (from 1). It takes effect at the board's next read.
    ///
    /// # Errors
    /// [`SimError`] if there is no such EVSE or the command is impossible now; the text says what to do instead.
    pub fn apply(&mut self, _now: Instant, evse: u8, command: SimCommand) -> Result<(), SimError> {
        let count = self.evses();
        let place = usize::from(evse).checked_sub(1);
        let Some(target) = place.and_then(|place| self.evses.get_mut(place)) else {
            return Err(SimError(format!(
                "there is no EVSE {evse}; this station has 1 to {count}"
            )));
        };
        target.apply(evse, command)
    }

    /// What a person at EVSE `evse` (from 1) would see.
    #[must_use]
    pub fn view(&self, evse: u8) -> Option<SimView> {
        let place = usize::from(evse).checked_sub(1)?;
        self.evses.get(place).map(|evse| evse.shared.view())
    }

    /// What must be remembered of EVSE `evse` (from 1) so that a restarted simulation goes on where this one ended.
    #[must_use]
    pub fn world(&self, evse: u8) -> Option<SimWorld> {
        let place = usize::from(evse).checked_sub(1)?;
        self.evses.get(place).map(ControlledEvse::world)
    }
}

impl ControlledEvse {
    fn apply(&mut self, evse: u8, command: SimCommand) -> Result<(), SimError> {
        if self.shared.is_settled() {
            self.check(evse, &command)?;
        }
        let command = match command {
            SimCommand::Card(card) => {
                return self.to_reader.try_send(card).map_err(|error| {
                    SimError(match error {
                        TrySendError::Full(_) => {
                            format!("EVSE {evse}: too many cards wait at the reader")
                        }
                        TrySendError::Disconnected(_) => {
                            format!("EVSE {evse}: its reader is a real one; hold a card to it")
                        }
                    })
                });
            }
            SimCommand::PlugIn(mut plug) => {
                // A vehicle that comes back to a cable left in the socket finds that cable.
                if let Some(before) = self.plug
                    && self.shared.flags() & flag::CABLE != 0
                    && !self.tethered
                {
                    plug.cable = before.cable;
                }
                self.plug = Some(plug);
                BoardCommand::PlugIn(plug)
            }
            SimCommand::Unplug => BoardCommand::Unplug,
            SimCommand::Tear => BoardCommand::Tear,
            SimCommand::EvUnplug => BoardCommand::EvUnplug,
            SimCommand::Ev(command) => BoardCommand::Ev(command),
            SimCommand::Fault(fault) => BoardCommand::Fault(fault),
            SimCommand::Clear(fault) => BoardCommand::Clear(fault),
            SimCommand::LocalReset => BoardCommand::LocalReset,
            SimCommand::Set(quantity, value) => BoardCommand::Set(quantity, value),
        };
        self.shared.given.fetch_add(1, Relaxed);
        self.to_board.try_send(command).map_err(|_| {
            self.shared.given.fetch_sub(1, Relaxed);
            SimError(format!(
                "EVSE {evse}: too many commands wait; is its board being stepped?"
            ))
        })
    }

    /// Refuses what hands cannot do, with advice.
    fn check(&self, evse: u8, command: &SimCommand) -> Result<(), SimError> {
        let flags = self.shared.flags();
        let cable = flags & flag::CABLE != 0;
        let ev = flags & flag::EV != 0;
        let refuse = |text: &str| Err(SimError(format!("EVSE {evse}: {text}")));
        match command {
            SimCommand::PlugIn(_) if ev => {
                refuse("a vehicle is connected already; `unplug` or `ev-unplug` first")
            }
            SimCommand::PlugIn(_) if flags & flag::TORN != 0 => {
                refuse("the rest of a torn cable is in the socket; `unplug` it first")
            }
            SimCommand::Unplug if !cable => refuse("nothing is plugged in"),
            SimCommand::Unplug if flags & flag::HELD != 0 => {
                refuse("the lock holds the plug; end the session first, or `tear` the cable off")
            }
            SimCommand::Unplug if self.tethered && !ev => refuse("no vehicle is connected"),
            SimCommand::Tear | SimCommand::EvUnplug | SimCommand::Ev(_) if !ev => {
                refuse("no vehicle is connected; `plug-in` first")
            }
            _ => Ok(()),
        }
    }

    fn world(&self) -> SimWorld {
        let flags = self.shared.flags();
        let cable = flags & flag::CABLE != 0 && flags & flag::TORN == 0;
        let ev = flags & flag::EV != 0;
        let plug = self.plug.filter(|_| if self.tethered { ev } else { cable });
        SimWorld {
            energy_uj: self.shared.energy_uj.load(Relaxed),
            plug: plug.map(|plug| PlugIn {
                ev_side: ev,
                ..plug
            }),
            held: flags & flag::HELD != 0,
        }
    }
}
