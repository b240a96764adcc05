//! The station itself.

use std::collections::VecDeque;

use interlock::Permit;
use units::{Instant, Milliamps, WattHours};

use crate::action::{Action, PersistentState};
use crate::config::{EvseConfig, Identity, StationConfig};
use crate::event::Event;
use crate::settings::{Role, SettingView, Settings};
use crate::types::*;

/// A running transaction, for people and for adapters that start in the middle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionView {
    /// Its number.
    pub transaction: TransactionId,
    /// Where.
    pub evse: EvseId,
    /// Which connector.
    pub connector: ConnectorId,
    /// Who.
    pub token: IdToken,
    /// Group of the token.
    pub group: Option<String>,
    /// Register at the start.
    pub meter_start: WattHours,
    /// Energy so far.
    pub energy: WattHours,
    /// When it began.
    pub started: Moment,
    /// Not reported as a transaction.
    pub silent: bool,
}

/// What had to be left out because a bound was reached; rises for ever, zero in a healthy station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overflow {
    /// Indications and signals held back because nobody polled the actions.
    pub actions: u64,
    /// Meter samples not journaled because the journal does not commit.
    pub samples: u64,
    /// Requests and tokens refused because too much was waiting.
    pub requests: u64,
}

/// The station.
///
/// Call grammar: [`Station::handle_event`] or [`Station::handle_timeout`], then [`Station::poll_action`] until it answers
/// `None`, then sleep until [`Station::poll_timeout`] or the next event. `now` never runs backwards.
///
/// # Invariants
/// All `Journal` and `Persist` actions of one drain belong into one database transaction: a journaled start without the
/// record of its transaction, or the other way round, would break "each start has exactly one end".
#[derive(Debug)]
pub struct Station {
    config: StationConfig,
    settings: Settings,
    actions: VecDeque<Action>,
}

impl Station {
    /// A station that has just started. `restored` is what the last [`Action::Persist`] said (with the journal's highest
    /// position + 1 as `next_journal`), or the default on first start.
    #[must_use]
    pub fn new(config: StationConfig, restored: PersistentState, now: Moment) -> Self {
        let _ = (restored, now);
        let ids: Vec<EvseId> = config.evses.iter().map(|evse| evse.id).collect();
        let mut settings = Settings::new(&ids);
        for (key, value) in &config.settings {
            let _refused_ones_were_reported_by_check =
                settings.try_set(key, value, Role::Manufacturer);
        }
        Self {
            config,
            settings,
            actions: VecDeque::new(),
        }
    }

    /// Takes an event.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        let _ = (now, event);
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Station::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Who the station is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.config.identity
    }

    /// Its EVSEs.
    #[must_use]
    pub fn evses(&self) -> &[EvseConfig] {
        &self.config.evses
    }

    /// `now` with the wall clock, if that is known.
    #[must_use]
    pub fn moment(&self, now: Instant) -> Moment {
        Moment {
            at: now,
            wall: None,
        }
    }

    /// Facts about every connector, in the order of the EVSEs.
    #[must_use]
    pub fn connectors(&self) -> Vec<ConnectorStatus> {
        Vec::new()
    }

    /// The limit table of one EVSE and the row that wins; `None` if there is no such EVSE.
    #[must_use]
    pub fn limits(&self, evse: EvseId) -> Option<(Vec<Limit>, Limit)> {
        let config = self.config.evses.iter().find(|config| config.id == evse)?;
        let row = Limit {
            source: LimitSource::Hardware,
            current: config.max_current,
        };
        Some((vec![row], row))
    }

    /// Faults standing now.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultNotice> {
        Vec::new()
    }

    /// Every setting in force.
    #[must_use]
    pub fn settings(&self) -> Vec<SettingView> {
        self.settings.views()
    }

    /// One setting as text; `key.N` asks for EVSE N.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).map(str::to_owned)
    }

    /// Running transactions.
    #[must_use]
    pub fn transactions(&self) -> Vec<TransactionView> {
        Vec::new()
    }

    /// The standing indication of one EVSE.
    #[must_use]
    pub fn indication(&self, evse: EvseId) -> Option<Indication> {
        self.config
            .evses
            .iter()
            .any(|config| config.id == evse)
            .then_some(Indication::Boot)
    }

    /// The permit last given to the interlock of one EVSE.
    #[must_use]
    pub fn permit(&self, evse: EvseId) -> Option<Permit> {
        self.config
            .evses
            .iter()
            .any(|config| config.id == evse)
            .then_some(Permit::NONE)
    }

    /// Register of the charging meter, as the station counts it (it never falls).
    #[must_use]
    pub fn register(&self, evse: EvseId) -> Option<WattHours> {
        self.config
            .evses
            .iter()
            .any(|config| config.id == evse)
            .then_some(WattHours::ZERO)
    }

    /// Current offered to the vehicle now, as the interlock reports it.
    #[must_use]
    pub fn offered(&self, evse: EvseId) -> Option<Milliamps> {
        self.config
            .evses
            .iter()
            .any(|config| config.id == evse)
            .then_some(Milliamps::ZERO)
    }

    /// What had to be left out.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        Overflow::default()
    }
}
