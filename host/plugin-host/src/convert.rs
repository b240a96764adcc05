//! Conversions of what all kinds share. Towards the guest nothing can fail; from the guest everything is checked, here
//! and only here.

use station::{
    AuthorizePurpose, ConnectorId, Decision, EvseId, IdToken, Moment, RequestId, TokenKind, Verdict,
};
use units::{Milliamps, Timestamp};

use crate::contract::host::pilotwire::host::types as g;
use crate::error::PluginError;
use crate::limits::{
    MAX_CLOCK_MS, MAX_EXPIRY_MS, MAX_MANIFEST_ITEMS, MAX_NAME_CHARS, MAX_TEXT_CHARS,
    MAX_TOKEN_LIMIT_MA, MIN_WALL_MS,
};
use crate::manifest::{AuthorizeRequest, Manifest, Setting, SettingSpec, StoreEntry, StoreWrite};

/// A value outside its range, in words.
pub(crate) type OutOfRange = String;

// Towards the guest.

pub(crate) fn moment(moment: Moment) -> g::Moment {
    g::Moment {
        monotonic_ms: moment.at.as_millis(),
        wall_ms: moment.wall.map(Timestamp::as_unix_millis),
    }
}

pub(crate) fn setting(setting: Setting) -> g::Setting {
    g::Setting {
        key: setting.key,
        value: setting.value,
    }
}

pub(crate) fn store_entry(entry: StoreEntry) -> g::StoreEntry {
    g::StoreEntry {
        key: entry.key,
        value: entry.value,
    }
}

pub(crate) fn token(token: IdToken) -> g::Token {
    let kind = match token.kind {
        TokenKind::Rfid => g::TokenKind::Rfid,
        TokenKind::Central => g::TokenKind::Central,
        TokenKind::Mac => g::TokenKind::Mac,
        TokenKind::Fixed => g::TokenKind::Fixed,
        TokenKind::Other => g::TokenKind::Other,
    };
    g::Token {
        value: token.value,
        kind,
    }
}

pub(crate) fn authorize_request(request: AuthorizeRequest) -> g::AuthorizeRequest {
    g::AuthorizeRequest {
        request_id: request.request.0,
        evse_id: request.evse.map(|evse| evse.0.into()),
        token: token(request.token),
        purpose: match request.purpose {
            AuthorizePurpose::Start => g::AuthorizePurpose::Start,
            AuthorizePurpose::Stop => g::AuthorizePurpose::Stop,
            AuthorizePurpose::Recheck => g::AuthorizePurpose::Recheck,
        },
        group: request.group,
    }
}

// From the guest.

/// A text with at most this many characters and no control characters.
pub(crate) fn text(what: &str, text: String, max: usize) -> Result<String, OutOfRange> {
    if text.chars().count() > max {
        return Err(format!("{what} is longer than {max} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} has control characters"));
    }
    Ok(text)
}

/// A text that must not be empty.
pub(crate) fn name(what: &str, value: String, max: usize) -> Result<String, OutOfRange> {
    if value.is_empty() {
        return Err(format!("{what} is empty"));
    }
    text(what, value, max)
}

pub(crate) fn evse(number: u32) -> Result<EvseId, OutOfRange> {
    match u8::try_from(number) {
        Ok(number) if number > 0 => Ok(EvseId(number)),
        _ => Err(format!("there is no EVSE {number}")),
    }
}

pub(crate) fn connector(number: u32) -> Result<ConnectorId, OutOfRange> {
    match u8::try_from(number) {
        Ok(number) if number > 0 => Ok(ConnectorId(number)),
        _ => Err(format!("there is no connector {number}")),
    }
}

pub(crate) fn clock(wall_ms: i64) -> Result<Timestamp, OutOfRange> {
    if (MIN_WALL_MS..=MAX_CLOCK_MS).contains(&wall_ms) {
        Ok(Timestamp::from_unix_millis(wall_ms))
    } else {
        Err(format!(
            "{wall_ms} ms since 1970 is not a time that the station's clock can show"
        ))
    }
}

/// An end of validity: beyond every calendar is none.
pub(crate) fn expiry(wall_ms: i64) -> Result<Timestamp, OutOfRange> {
    match wall_ms {
        0..=MAX_EXPIRY_MS => Ok(Timestamp::from_unix_millis(wall_ms)),
        ms => Err(format!("{ms} ms since 1970 is no end of validity")),
    }
}

pub(crate) fn token_from(token: g::Token) -> Result<IdToken, OutOfRange> {
    let kind = match token.kind {
        g::TokenKind::Rfid => TokenKind::Rfid,
        g::TokenKind::Central => TokenKind::Central,
        g::TokenKind::Mac => TokenKind::Mac,
        g::TokenKind::Fixed => TokenKind::Fixed,
        g::TokenKind::Other => TokenKind::Other,
    };
    let value = name("the token", token.value, station::limits::MAX_TOKEN_CHARS)?;
    Ok(IdToken { value, kind })
}

pub(crate) const fn decision(decision: g::Decision) -> Decision {
    match decision {
        g::Decision::Accepted => Decision::Accepted,
        g::Decision::Blocked => Decision::Blocked,
        g::Decision::Expired => Decision::Expired,
        g::Decision::Invalid => Decision::Invalid,
        g::Decision::Concurrent => Decision::Concurrent,
        g::Decision::NoOpinion => Decision::NoOpinion,
    }
}

/// The verdict in the station's words, with the request it claims to answer.
pub(crate) fn verdict(
    verdict: g::Verdict,
    source: &str,
) -> Result<(RequestId, Verdict), OutOfRange> {
    let limit = match verdict.limit_ma {
        Some(ma) if ma > MAX_TOKEN_LIMIT_MA => {
            return Err(format!(
                "a token's limit of {ma} mA is no current of a charging cable"
            ));
        }
        other => other.map(Milliamps::new),
    };
    let expires = match verdict.expires_wall_ms {
        // A validity that ended long ago is possible; one beyond every calendar is not.
        Some(ms) if !(0..=MAX_EXPIRY_MS).contains(&ms) => {
            return Err(format!("{ms} ms since 1970 is no end of validity"));
        }
        other => other.map(Timestamp::from_unix_millis),
    };
    let group = match verdict.group {
        Some(group) => Some(name("the group", group, station::limits::MAX_TOKEN_CHARS)?),
        None => None,
    };
    let reason = match verdict.reason {
        Some(reason) => Some(text("the reason", reason, MAX_TEXT_CHARS)?),
        None => None,
    };
    let request = RequestId(verdict.request_id);
    let verdict = Verdict {
        decision: decision(verdict.decision),
        group,
        expires,
        limit,
        reason,
        offline: false,
        source: source.to_owned(),
    };
    Ok((request, verdict))
}

/// A verdict as an authorizer may see it.
pub(crate) fn verdict_to_guest(verdict: Verdict) -> g::Verdict {
    g::Verdict {
        request_id: 0,
        decision: match verdict.decision {
            Decision::Accepted => g::Decision::Accepted,
            Decision::Blocked => g::Decision::Blocked,
            Decision::Expired => g::Decision::Expired,
            Decision::Invalid => g::Decision::Invalid,
            Decision::Concurrent => g::Decision::Concurrent,
            Decision::NoOpinion => g::Decision::NoOpinion,
        },
        group: verdict.group,
        expires_wall_ms: verdict.expires.map(Timestamp::as_unix_millis),
        limit_ma: verdict.limit.map(Milliamps::get),
        reason: verdict.reason,
    }
}

/// What stands for a verdict that was not given, or does not count.
pub(crate) fn no_opinion() -> Verdict {
    Verdict {
        decision: Decision::NoOpinion,
        group: None,
        expires: None,
        limit: None,
        reason: None,
        offline: false,
        source: String::new(),
    }
}

pub(crate) fn store_write(write: g::StoreWrite) -> Result<StoreWrite, OutOfRange> {
    let key = name("the key of a store write", write.key, MAX_NAME_CHARS)?;
    Ok(StoreWrite {
        key,
        value: write.value,
    })
}

pub(crate) fn manifest(manifest: g::Manifest, expected: &str) -> Result<Manifest, PluginError> {
    let convert = || -> Result<Manifest, OutOfRange> {
        if manifest.name != expected {
            return Err(format!(
                "it calls itself `{}`, the policy pack calls it `{expected}`",
                manifest
                    .name
                    .chars()
                    .take(MAX_NAME_CHARS)
                    .collect::<String>()
            ));
        }
        if manifest.capabilities.len().max(manifest.settings.len()) > MAX_MANIFEST_ITEMS {
            return Err(format!(
                "its manifest has more than {MAX_MANIFEST_ITEMS} entries"
            ));
        }
        let mut capabilities = Vec::new();
        for capability in manifest.capabilities {
            capabilities.push(name("a capability", capability, MAX_NAME_CHARS)?);
        }
        let mut settings = Vec::new();
        for spec in manifest.settings {
            settings.push(SettingSpec {
                key: name("a setting's key", spec.key, MAX_NAME_CHARS)?,
                default_value: text("a setting's default", spec.default_value, MAX_TEXT_CHARS)?,
                summary: text("a setting's summary", spec.summary, MAX_TEXT_CHARS)?,
            });
        }
        Ok(Manifest {
            name: manifest.name,
            version: name("the version", manifest.version, MAX_NAME_CHARS)?,
            summary: text("the summary", manifest.summary, MAX_TEXT_CHARS)?,
            capabilities,
            settings,
        })
    };
    convert().map_err(PluginError::Garbage)
}
