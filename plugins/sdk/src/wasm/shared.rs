//! Conversions of the types that all kinds share.

use units::{Instant, Timestamp};

use super::host::pilotwire::host::types as g;
use super::{Convert, convert};
use crate as s;

macro_rules! identity {
    ($($t:ty),*) => { $(impl Convert<$t> for $t { fn convert(self) -> $t { self } })* };
}
identity!(bool, u8, u32, u64, i64, String);

impl<A: Convert<B>, B> Convert<Option<B>> for Option<A> {
    fn convert(self) -> Option<B> {
        self.map(Convert::convert)
    }
}

impl<A: Convert<B>, B> Convert<Vec<B>> for Vec<A> {
    fn convert(self) -> Vec<B> {
        self.into_iter().map(Convert::convert).collect()
    }
}

impl<A: Convert<B>, B, C: Convert<D>, D> Convert<(B, D)> for (A, C) {
    fn convert(self) -> (B, D) {
        (self.0.convert(), self.1.convert())
    }
}

impl<A: Convert<B>, B, C: Convert<D>, D> Convert<Result<B, D>> for Result<A, C> {
    fn convert(self) -> Result<B, D> {
        match self {
            Ok(value) => Ok(value.convert()),
            Err(error) => Err(error.convert()),
        }
    }
}

impl Convert<u64> for Instant {
    fn convert(self) -> u64 {
        self.as_millis()
    }
}

impl Convert<i64> for Timestamp {
    fn convert(self) -> i64 {
        self.as_unix_millis()
    }
}

impl Convert<s::Moment> for g::Moment {
    fn convert(self) -> s::Moment {
        s::Moment {
            at: Instant::from_millis(self.monotonic_ms),
            wall: self.wall_ms.map(Timestamp::from_unix_millis),
        }
    }
}

// Bindings to SDK.
convert!(record g::Setting => s::Setting { key, value });
convert!(record g::StoreEntry => s::StoreEntry { key, value });
convert!(enum g::TokenKind => s::TokenKind { Rfid, Central, Mac, Fixed, Other });
convert!(record g::Token => s::Token { value, kind });
convert!(enum g::AuthorizePurpose => s::AuthorizePurpose { Start, Stop, Recheck });
convert!(record g::AuthorizeRequest => s::AuthorizeRequest { request_id, evse_id, token, purpose, group });
convert!(record g::EvseInfo => s::EvseInfo { evse_id, connectors, fixed_cable, max_current_ma, phases });
convert!(record g::StationInfo => s::StationInfo {
    vendor, model, serial, firmware, iccid, imsi, meter_type, meter_serial, evses
});

convert!(enum g::Decision => s::Decision { Accepted, Blocked, Expired, Invalid, Concurrent, NoOpinion });
convert!(record g::Verdict => s::Verdict { request_id, decision, group, expires_wall_ms, limit_ma, reason });

// SDK to bindings.
convert!(record s::StoreWrite => g::StoreWrite { key, value });
convert!(record s::SettingSpec => g::SettingSpec { key, default_value, summary });
convert!(record s::Manifest => g::Manifest { name, version, summary, capabilities, settings });
convert!(enum s::TokenKind => g::TokenKind { Rfid, Central, Mac, Fixed, Other });
convert!(record s::Token => g::Token { value, kind });
convert!(enum s::Decision => g::Decision { Accepted, Blocked, Expired, Invalid, Concurrent, NoOpinion });
convert!(record s::Verdict => g::Verdict { request_id, decision, group, expires_wall_ms, limit_ma, reason });
