//! What the station shows of itself, as JSON.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use interlock::{LockPosition, PilotState};
use plugin_host::BackendRole;
use serde_json::{Value, json};
use station::{ChargingState, ConnectorStatus, EvseId, Indication, LimitSource, TokenKind};
use units::Timestamp;

use crate::files::diagnostics::rfc3339;
use crate::slot::trip_names;
use crate::station_thread::{Core, Place};

impl Core {
    /// The station's own certificate, if it has one.
    fn certificate(&self) -> Value {
        let now = self.wall.moment().wall;
        let Some(own) = self.seed.certificates.station_certificate(now) else {
            return Value::Null;
        };
        json!({
            "common_name": own.common_name,
            "organization": own.organization,
            "serial_number": own.serial_number,
            "valid_from": rfc3339(own.not_before),
            "valid_until": rfc3339(own.not_after),
            "due": now.is_some_and(|now| own.is_due(now)),
        })
    }

    /// Everything that `status` shows.
    pub(crate) fn status(&self) -> Value {
        let now = self.clock.now();
        let wall = self.wall.moment().wall.map(Timestamp::as_unix_millis);
        let evses: Vec<Value> = self.places.iter().map(|place| self.evse(place)).collect();
        let faults: Vec<Value> = self
            .station
            .faults()
            .iter()
            .map(|notice| {
                json!({
                    "id": notice.id, "evse": notice.evse.map(|evse| evse.0), "code": notice.code,
                    "vendor_code": notice.vendor_code, "message": notice.message,
                    "stops_transaction": notice.stops_transaction,
                })
            })
            .collect();
        let overflow = self.station.overflow();
        json!({
            "ok": true,
            "vendor": self.station.identity().vendor,
            "model": self.station.identity().model,
            "firmware": self.station.identity().firmware,
            "pack": self.deployed.now.pack.name,
            "development": self.deployed.development(),
            "pack_on_trial": self.deployed.trial.is_some(),
            "pack_last_change": self.deployed.last,
            "pack_rollbacks": self.deployed.rollbacks,
            "free_charging": self.standing.free.is_some(),
            "notice": self.standing.notice.map(|notice| format!("{notice:?}").to_lowercase()),
            "uptime_ms": now.as_millis(),
            "wall_ms": wall,
            "clock_known": wall.is_some(),
            "boot": self.store.boot(),
            "evses": evses,
            "faults": faults,
            "plugins": self.plugins(),
            "transfers": self.files.running(),
            "certificate": self.certificate(),
            "journal": {
                "last": self.store.last_journal().unwrap_or(0),
                "commits": self.commits,
                "held_up": self.uncommitted.len(),
            },
            "interlock": {
                "ticks": self.pulse.ticks.load(Relaxed),
                "late_ticks": self.pulse.late.load(Relaxed),
                "worst_delay_us": self.pulse.worst_delay_us.load(Relaxed),
                "lost_events": self.pulse.lost_events.load(Relaxed),
                "realtime": self.pulse.realtime.load(Relaxed),
            },
            "overflow": format!("{overflow:?}"),
        })
    }

    fn evse(&self, place: &Place) -> Value {
        let connector = self
            .station
            .connectors()
            .into_iter()
            .find(|c| c.evse == place.evse);
        let (rows, winner) = self
            .station
            .limits(place.evse)
            .map_or((Vec::new(), None), |(rows, winner)| (rows, Some(winner)));
        let transaction = self
            .station
            .transactions()
            .into_iter()
            .find(|t| t.evse == place.evse);
        let status = place.told.map(|(status, _)| status);
        let sim = self.sim.view(place.evse.0);
        json!({
            "evse": place.evse.0,
            "indication": indication_word(place.indication),
            "shows": place.frame.as_ref().map(frame_json),
            "texts": self.texts(place.evse),
            "text_shown": self.text_shown(place.evse),
            "signals": place.signals.iter().map(|signal| format!("{signal:?}")).collect::<Vec<_>>(),
            "pilot": status.map(|status| pilot_word(status.pilot)),
            "offered_ma": status.map(|status| status.offered.get()),
            "contactor": status.map(|status| if status.energised { "closed" } else { "open" }),
            "lock": status.map(|status| lock_word(status.lock)),
            "trips": status.map(|status| trip_names(status.trips)),
            "permit_ma": self.station.permit(place.evse).map(|permit| permit.max_current.get()),
            "register_wh": self.station.register(place.evse).map(units::WattHours::get),
            "connector": connector.as_ref().map(connector_json),
            "transaction": transaction.map(|t| json!({
                "id": t.transaction.0, "token": t.token.value, "meter_start_wh": t.meter_start.get(),
                "energy_wh": t.energy.get(), "silent": t.silent,
                "authentication": authentication_word(t.token.kind),
            })),
            "limits": rows.iter().map(|row| json!({
                "source": limit_word(row.source), "current_ma": row.current.get(),
            })).collect::<Vec<_>>(),
            "limited_by": winner.map(|row| limit_word(row.source)),
            "limit_ma": winner.map(|row| row.current.get()),
            "vehicle": sim.map(|view| json!({
                "cable": view.cable, "ev": view.ev.map(|mode| format!("{mode:?}")), "held": view.plug_held,
                "contactor_closed": view.contactor_closed, "taken_wh": view.ev_taken_wh,
                "current_ma": view.current_ma,
            })),
        })
    }

    /// What the display of an EVSE says, by language.
    fn texts(&self, evse: EvseId) -> Value {
        let texts = self.languages.texts.lock();
        let texts = texts.unwrap_or_else(PoisonError::into_inner);
        let said = texts.get(&evse).into_iter().flatten();
        said.map(|(language, lines)| json!({ "language": language, "lines": lines }))
            .collect()
    }

    /// The language that has its turn at the display of an EVSE.
    fn text_shown(&self, evse: EvseId) -> Value {
        let texts = self.languages.texts.lock();
        let texts = texts.unwrap_or_else(PoisonError::into_inner);
        let said = texts.get(&evse).map(Vec::as_slice).unwrap_or_default();
        let turn = crate::say::shown(self.clock.now(), said.len());
        said.get(turn)
            .map(|(language, lines)| json!({ "language": language, "lines": lines }))
            .unwrap_or_default()
    }

    /// The plugins, as `plugin list` shows them.
    pub(crate) fn plugins(&self) -> Vec<Value> {
        let mut plugins: Vec<Value> = Vec::new();
        for views in [&self.authorizers.views, &self.languages.views] {
            let views = views.lock().unwrap_or_else(PoisonError::into_inner);
            plugins.extend(views.iter().map(|view| {
                json!({
                    "name": view.name, "kind": view.kind, "version": view.version, "state": view.health,
                    "failures": view.failures, "last_error": view.last_error, "origin": view.origin,
                })
            }));
        }
        plugins.extend(self.adapters.iter().map(|adapter| {
            let view = adapter.view.lock().unwrap_or_else(PoisonError::into_inner);
            let role = match adapter.role {
                BackendRole::Primary => "primary",
                BackendRole::Observer => "observer",
            };
            let lag = self
                .store
                .entries_after(station::JournalSeq(view.cursor))
                .unwrap_or(0);
            json!({
                "name": adapter.name, "kind": "backend", "role": role, "version": view.version,
                "state": view.health, "failures": view.failures, "last_error": view.last_error,
                "origin": view.origin, "swaps": view.swaps, "swap_us": view.swap_us,
                "calls": view.calls, "link": view.link, "link_detail": view.link_detail,
                "registration": view.registration, "detail": view.detail,
                "backend_error": view.backend_error, "outbox": view.outbox, "cursor": view.cursor,
                "journal_lag": lag, "refusals": view.refusals,
                "over_quota": view.over_quota, "frames": view.frames,
            })
        }));
        for plugin in &mut plugins {
            let name = plugin.get("name").and_then(Value::as_str);
            let calls = name.and_then(|name| self.loaded(name).ok()?.recorded_calls());
            if let (Some(plugin), Some(calls)) = (plugin.as_object_mut(), calls) {
                plugin.insert("recorded_calls".to_owned(), calls.into());
            }
        }
        plugins
    }

    /// Reads one EVSE number out of a request; 1 if it has none.
    pub(crate) fn evse_of(request: &Value) -> Option<EvseId> {
        match request.get("evse") {
            None | Some(Value::Null) => Some(EvseId(1)),
            Some(value) => u8::try_from(value.as_u64()?).ok().map(EvseId),
        }
    }
}

/// How a session was authorised, in the words of session records.
const fn authentication_word(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Rfid => "rfid",
        TokenKind::Central => "central",
        TokenKind::Mac => "mac",
        TokenKind::Fixed => "anonymous",
        TokenKind::Other => "other",
    }
}

fn frame_json(frame: &drivers::indicator::Frame) -> Value {
    let leds = frame.leds.iter();
    let leds: serde_json::Map<String, Value> = leds
        .map(|(name, colour)| (name.clone(), colour.word().into()))
        .collect();
    json!({
        "ring": frame.ring.word(), "rotating": frame.rotating, "leds": leds, "buzzer": frame.buzzer,
        "segments": frame.segments,
    })
}

fn connector_json(connector: &ConnectorStatus) -> Value {
    json!({
        "operative": connector.operative, "plugged": connector.plugged, "authorized": connector.authorized,
        "charging": charging_word(connector.charging), "finishing": connector.finishing,
        "reserved": connector.reserved, "fault": connector.fault.as_ref().map(|fault| fault.id),
    })
}

const fn pilot_word(pilot: PilotState) -> &'static str {
    match pilot {
        PilotState::A => "A",
        PilotState::B => "B",
        PilotState::C => "C",
        PilotState::D => "D",
        PilotState::E => "E",
        PilotState::F => "F",
    }
}

const fn lock_word(lock: LockPosition) -> &'static str {
    match lock {
        LockPosition::Unlocked => "unlocked",
        LockPosition::Locked => "locked",
        LockPosition::Unknown => "unknown",
        LockPosition::Missing => "missing",
    }
}

const fn charging_word(charging: ChargingState) -> &'static str {
    match charging {
        ChargingState::Idle => "idle",
        ChargingState::EvConnected => "ev-connected",
        ChargingState::Charging => "charging",
        ChargingState::SuspendedEv => "suspended-ev",
        ChargingState::SuspendedEvse => "suspended-evse",
    }
}

pub(crate) const fn limit_word(source: LimitSource) -> &'static str {
    match source {
        LimitSource::Cable => "cable",
        LimitSource::Hardware => "hardware",
        LimitSource::Installation => "installation",
        LimitSource::Operator => "operator",
        LimitSource::SupplyLine => "supply-line",
        LimitSource::LoadManagement => "load-management",
        LimitSource::BackendProfile => "backend-profile",
        LimitSource::Temperature => "temperature",
        LimitSource::Token => "token",
        LimitSource::User => "user",
        LimitSource::SimplifiedPilot => "simplified-pilot",
    }
}

pub(crate) const fn indication_word(indication: Indication) -> &'static str {
    match indication {
        Indication::Boot => "boot",
        Indication::Available => "available",
        Indication::Reserved => "reserved",
        Indication::Authorising => "authorising",
        Indication::AuthorisedWaiting => "authorised-waiting",
        Indication::Preparing => "preparing",
        Indication::SuspendedEv => "suspended-ev",
        Indication::SuspendedEvse => "suspended-evse",
        Indication::Charging => "charging",
        Indication::Finishing => "finishing",
        Indication::Fault => "fault",
        Indication::Unavailable => "unavailable",
        Indication::Update => "update",
    }
}
