//! Journal events and the station's record as JSON text, and back. A text that makes no sense is `None`.

use serde_json::{Map, Value, json};
use station::{
    ConnectorId, EvseId, IdToken, JournalEvent, Measurand, MeterReading, Moment, PersistentEvse,
    PersistentState, PersistentTransaction, ReadingContext, Requester, Reservation, Sample,
    SamplePhase, StopReason, TokenKind, TransactionId,
};
use units::{Instant, Milliamps, Timestamp, WattHours};

/// A table of words for an enum, both ways.
macro_rules! words {
    ($name:ident, $back:ident, $type:ident, { $($variant:ident = $word:literal),* $(,)? }) => {
        pub(crate) const fn $name(value: $type) -> &'static str {
            match value { $($type::$variant => $word),* }
        }
        pub(crate) fn $back(word: &str) -> Option<$type> {
            match word { $($word => Some($type::$variant),)* _ => None }
        }
    };
}

words!(kind_word, kind_of, TokenKind, {
    Rfid = "rfid", Central = "central", Mac = "mac", Fixed = "fixed", Other = "other",
});
words!(reason_word, reason_of, StopReason, {
    Local = "local", EvDisconnected = "ev-disconnected", Remote = "remote", Deauthorized = "deauthorized",
    EmergencyStop = "emergency-stop", HardReset = "hard-reset", SoftReset = "soft-reset", PowerLoss = "power-loss",
    Reboot = "reboot", UnlockCommand = "unlock-command", Other = "other",
});
words!(context_word, context_of, ReadingContext, {
    TransactionBegin = "transaction-begin", TransactionEnd = "transaction-end", SamplePeriodic = "sample-periodic",
    SampleClock = "sample-clock", Trigger = "trigger", InterruptionBegin = "interruption-begin",
    InterruptionEnd = "interruption-end", Other = "other",
});
words!(measurand_word, measurand_of, Measurand, {
    EnergyImportWh = "energy-import-wh", EnergyExportWh = "energy-export-wh", PowerImportW = "power-import-w",
    PowerOfferedW = "power-offered-w", CurrentImportMa = "current-import-ma", CurrentOfferedMa = "current-offered-ma",
    VoltageMv = "voltage-mv", FrequencyMhz = "frequency-mhz", TemperatureDc = "temperature-dc", SocPercent = "soc-percent",
});
words!(phase_word, phase_of, SamplePhase, { L1 = "l1", L2 = "l2", L3 = "l3", N = "n" });

pub(super) fn event(event: &JournalEvent) -> Value {
    match event {
        JournalEvent::TransactionStarted {
            transaction,
            evse,
            connector,
            token,
            group,
            meter_start,
            reservation,
            offline,
            silent,
        } => json!({
            "started": transaction.0, "evse": evse.0, "connector": connector.0, "token": write_token(token),
            "group": group, "meter_wh": meter_start.get(), "reservation": reservation, "offline": offline,
            "silent": silent,
        }),
        JournalEvent::TransactionMetered {
            transaction,
            reading,
        } => {
            json!({ "metered": transaction.0, "reading": write_reading(reading) })
        }
        JournalEvent::TransactionEnded {
            transaction,
            evse,
            token,
            meter_stop,
            reason,
        } => json!({
            "ended": transaction.0, "evse": evse.0, "token": token.as_ref().map(write_token),
            "meter_wh": meter_stop.get(), "reason": reason_word(*reason),
        }),
        JournalEvent::Security { text } => json!({ "security": text }),
    }
}

pub(super) fn parse_event(text: &str) -> Option<JournalEvent> {
    let value: Value = serde_json::from_str(text).ok()?;
    let object = value.as_object()?;
    if let Some(number) = object.get("started") {
        return Some(JournalEvent::TransactionStarted {
            transaction: TransactionId(number.as_u64()?),
            evse: evse(object)?,
            connector: ConnectorId(small(object, "connector")?),
            token: read_token(object.get("token")?)?,
            group: text_or_none(object, "group"),
            meter_start: WattHours::new(object.get("meter_wh")?.as_u64()?),
            reservation: object
                .get("reservation")?
                .as_u64()
                .and_then(|n| u32::try_from(n).ok()),
            offline: object.get("offline")?.as_bool()?,
            silent: object.get("silent")?.as_bool()?,
        });
    }
    if let Some(number) = object.get("metered") {
        return Some(JournalEvent::TransactionMetered {
            transaction: TransactionId(number.as_u64()?),
            reading: read_reading(object.get("reading")?.as_object()?)?,
        });
    }
    if let Some(number) = object.get("ended") {
        let token = object.get("token")?;
        return Some(JournalEvent::TransactionEnded {
            transaction: TransactionId(number.as_u64()?),
            evse: evse(object)?,
            token: if token.is_null() {
                None
            } else {
                Some(read_token(token)?)
            },
            meter_stop: WattHours::new(object.get("meter_wh")?.as_u64()?),
            reason: reason_of(object.get("reason")?.as_str()?)?,
        });
    }
    let text = object.get("security")?.as_str()?.to_owned();
    Some(JournalEvent::Security { text })
}

pub(super) fn state(state: &PersistentState) -> Value {
    let evses: Vec<Value> = state
        .evses
        .iter()
        .map(|evse| {
            json!({
                "evse": evse.evse.0, "operative": evse.operative, "register_wh": evse.register.get(),
                "finishing": evse.finishing,
                "transaction": evse.transaction.as_ref().map(write_transaction),
            })
        })
        .collect();
    json!({
        "next_transaction": state.next_transaction, "next_journal": state.next_journal, "evses": evses,
        "reservations": state.reservations.iter().map(write_reservation).collect::<Vec<_>>(),
    })
}

pub(super) fn parse_state(text: &str) -> Option<PersistentState> {
    let value: Value = serde_json::from_str(text).ok()?;
    let object = value.as_object()?;
    let evses = object.get("evses")?.as_array()?.iter().map(|value| {
        let object = value.as_object()?;
        let transaction = object.get("transaction")?;
        Some(PersistentEvse {
            evse: evse(object)?,
            operative: object.get("operative")?.as_bool()?,
            register: WattHours::new(object.get("register_wh")?.as_u64()?),
            // Records of the first version do not have it.
            finishing: flag_or(object, "finishing", false),
            transaction: if transaction.is_null() {
                None
            } else {
                Some(read_transaction(transaction.as_object()?)?)
            },
        })
    });
    Some(PersistentState {
        next_transaction: object.get("next_transaction")?.as_u64()?,
        next_journal: object.get("next_journal")?.as_u64()?,
        evses: evses.collect::<Option<_>>()?,
        // Records of the first versions do not have them.
        reservations: match object.get("reservations").and_then(Value::as_array) {
            Some(list) => list.iter().map(read_reservation).collect::<Option<_>>()?,
            None => Vec::new(),
        },
    })
}

fn write_reservation(reservation: &Reservation) -> Value {
    let by = match &reservation.by {
        Requester::Adapter(name) => Some(name),
        Requester::Local => None,
    };
    json!({
        "id": reservation.id, "by": by, "evse": reservation.evse.map(|evse| evse.0),
        "token": write_token(&reservation.token), "group": reservation.group,
        "expires_ms": reservation.expires.as_unix_millis(),
    })
}

fn read_reservation(value: &Value) -> Option<Reservation> {
    let object = value.as_object()?;
    Some(Reservation {
        id: u32::try_from(object.get("id")?.as_u64()?).ok()?,
        by: text_or_none(object, "by").map_or(Requester::Local, Requester::Adapter),
        evse: match object.get("evse")?.is_null() {
            true => None,
            false => Some(evse(object)?),
        },
        token: read_token(object.get("token")?)?,
        group: text_or_none(object, "group"),
        expires: Timestamp::from_unix_millis(object.get("expires_ms")?.as_i64()?),
    })
}

fn write_transaction(transaction: &PersistentTransaction) -> Value {
    json!({
        "transaction": transaction.transaction.0, "token": write_token(&transaction.token),
        "group": transaction.group, "meter_wh": transaction.meter_start.get(),
        "wall_ms": transaction.started.wall.map(Timestamp::as_unix_millis), "silent": transaction.silent,
        "limit_ma": transaction.limit.map(Milliamps::get), "unverified": transaction.unverified,
        "refused_at_wh": transaction.refused_at.map(WattHours::get), "stopped_by_user": transaction.stopped_by_user,
        "report_as": transaction.report_as.as_ref().map(write_token), "remote_stop": transaction.remote_stop,
        "token_stops": transaction.token_stops, "free": transaction.free,
    })
}

fn read_transaction(object: &Map<String, Value>) -> Option<PersistentTransaction> {
    Some(PersistentTransaction {
        transaction: TransactionId(object.get("transaction")?.as_u64()?),
        token: read_token(object.get("token")?)?,
        group: text_or_none(object, "group"),
        meter_start: WattHours::new(object.get("meter_wh")?.as_u64()?),
        // Monotonic time of an earlier start means nothing now.
        started: Moment {
            at: Instant::ZERO,
            wall: object
                .get("wall_ms")?
                .as_i64()
                .map(Timestamp::from_unix_millis),
        },
        silent: object.get("silent")?.as_bool()?,
        // Records of the first version do not have these four.
        free: flag_or(object, "free", false),
        report_as: object.get("report_as").and_then(read_token),
        remote_stop: flag_or(object, "remote_stop", true),
        token_stops: flag_or(object, "token_stops", true),
        limit: match object.get("limit_ma")?.as_u64() {
            Some(raw) => Some(Milliamps::new(u32::try_from(raw).ok()?)),
            None => None,
        },
        unverified: object.get("unverified")?.as_bool()?,
        refused_at: object.get("refused_at_wh")?.as_u64().map(WattHours::new),
        stopped_by_user: object.get("stopped_by_user")?.as_bool()?,
    })
}

fn write_token(token: &IdToken) -> Value {
    json!({ "value": token.value, "kind": kind_word(token.kind) })
}

fn read_token(value: &Value) -> Option<IdToken> {
    Some(IdToken {
        value: value.get("value")?.as_str()?.to_owned(),
        kind: kind_of(value.get("kind")?.as_str()?)?,
    })
}

fn write_reading(reading: &MeterReading) -> Value {
    let samples: Vec<Value> = reading
        .samples
        .iter()
        .map(|sample| {
            json!([
                measurand_word(sample.measurand),
                sample.phase.map(phase_word),
                sample.value
            ])
        })
        .collect();
    json!({
        "evse": reading.evse.0, "context": context_word(reading.context),
        "at_ms": reading.moment.at.as_millis(),
        "wall_ms": reading.moment.wall.map(Timestamp::as_unix_millis), "samples": samples,
    })
}

fn read_reading(object: &Map<String, Value>) -> Option<MeterReading> {
    let samples = object.get("samples")?.as_array()?.iter().map(|sample| {
        let [measurand, phase, value] = sample.as_array()?.as_slice() else {
            return None;
        };
        Some(Sample {
            measurand: measurand_of(measurand.as_str()?)?,
            phase: match phase.as_str() {
                Some(word) => Some(phase_of(word)?),
                None => None,
            },
            value: value.as_i64()?,
        })
    });
    Some(MeterReading {
        evse: evse(object)?,
        moment: Moment {
            at: Instant::from_millis(object.get("at_ms")?.as_u64()?),
            wall: object
                .get("wall_ms")?
                .as_i64()
                .map(Timestamp::from_unix_millis),
        },
        context: context_of(object.get("context")?.as_str()?)?,
        samples: samples.collect::<Option<_>>()?,
    })
}

fn flag_or(object: &Map<String, Value>, key: &str, absent: bool) -> bool {
    object.get(key).and_then(Value::as_bool).unwrap_or(absent)
}

fn evse(object: &Map<String, Value>) -> Option<EvseId> {
    small(object, "evse").map(EvseId)
}

fn small(object: &Map<String, Value>, key: &str) -> Option<u8> {
    u8::try_from(object.get(key)?.as_u64()?).ok()
}

fn text_or_none(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(str::to_owned)
}
