//! How the connection is secured (profiles 0 to 3 of the security whitepaper), and security events.
//!
//! ```text
//!           ChangeConfiguration, conditions hold        next connection: answered by the backend
//!  profile ────────────────────────────────▶ candidate ────────────────────────────▶ profile
//!     ▲                                          │ cannot be made, a bounded number of times
//!     └──────────────────────────────────────────┘ and a security event
//! ```

use ocpp::rpc::MessageId;
use ocpp::v16::{
    ChangeConfigurationResponse, CiString, ConfigurationStatus, Response,
    SecurityEventNotificationRequest,
};
use serde_json::{Value, json};
use units::Timestamp;

use super::limits::{EVENT_CHARS, UPGRADE_ATTEMPTS};
use super::operator::find;
use super::{Ocpp16, Operator, Waiting};
use crate::backend::{self, CertificatesRequest, Command, LinkDown, LinkFailure};
use crate::{Level, Setting, StoreEntry, StoreWrite, log};

/// Store key of the profile.
const KEY: &str = "security";
/// The configuration key.
const PROFILE: &str = "SecurityProfile";

/// How the connection is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Security {
    /// As the setting says. What the backend made of it holds until the setting changes.
    setting: u64,
    /// In use, and known to work.
    profile: u64,
    /// Ordered by the backend, not yet known to work.
    candidate: Option<u64>,
    /// How often the candidate has failed.
    attempts: u32,
    /// The present connection, or attempt, is made with the candidate.
    trying: bool,
    /// The failure of this row of attempts has been reported.
    reported: bool,
}

impl Security {
    pub fn read(settings: &[Setting], store: &[StoreEntry]) -> Self {
        let number = |text: &str| text.parse().ok().filter(|profile| *profile <= 3);
        let setting = find(settings, "security_profile").and_then(number);
        let setting = setting.unwrap_or(0);
        let fresh = Self {
            setting,
            profile: setting,
            ..Self::default()
        };
        let stored = store.iter().find(|entry| entry.key == KEY);
        let stored = stored.and_then(|entry| parse(&entry.value));
        stored
            .filter(|stored| stored.setting == setting)
            .unwrap_or(fresh)
    }

    /// The profile of the next connection.
    pub fn next(&self) -> u64 {
        self.candidate.unwrap_or(self.profile)
    }

    fn written(&self) -> StoreWrite {
        let text = json!({
            "setting": self.setting, "profile": self.profile, "candidate": self.candidate,
            "attempts": self.attempts,
        });
        StoreWrite {
            key: KEY.to_owned(),
            value: Some(text.to_string().into_bytes()),
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Security> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let number = |key: &str| value.get(key)?.as_u64();
    Some(Security {
        setting: number("setting")?,
        profile: number("profile").filter(|profile| *profile <= 3)?,
        candidate: number("candidate").filter(|profile| *profile <= 3),
        attempts: u32::try_from(number("attempts")?).unwrap_or(u32::MAX),
        ..Security::default()
    })
}

/// The URL as a profile wants it: TLS from profile 2 on, and never less than the setting says.
pub(super) fn secured(url: &str, profile: u64) -> String {
    match url.strip_prefix("ws://") {
        Some(rest) if profile >= 2 => format!("wss://{rest}"),
        Some(_) | None => url.to_owned(),
    }
}

/// What a failed connection can be for security.
const EVENTS: [&str; 4] = [
    "InvalidCentralSystemCertificate",
    "InvalidTLSVersion",
    "InvalidTLSCipherSuite",
    "FailedToAuthenticateAtCentralSystem",
];

/// The security event that a failed connection is, if it is one: the station says its name at the beginning.
fn event_of(down: &LinkDown) -> Option<String> {
    let (name, _) = down.detail.split_once(": ")?;
    EVENTS.contains(&name).then(|| down.detail.clone())
}

impl<O: Operator> Ocpp16<O> {
    /// The backend wants another profile.
    pub(super) fn change_profile(&mut self, id: &MessageId, wanted: &str) {
        let wanted = wanted.parse().unwrap_or(0);
        let now = self.security.profile;
        let password = self.password().is_some();
        let holds = match wanted {
            // Back to what is in use takes a candidate away.
            same if same == now => return self.take_profile(id, now),
            lower if lower < now => false,
            1 | 2 => password,
            3 => self.client_certificate,
            _ => false,
        };
        if !holds {
            return self.answer_profile(id, ConfigurationStatus::Rejected);
        }
        if wanted < 2 || self.settings.public_trust {
            return self.take_profile(id, wanted);
        }
        self.ask_station(Waiting::Profile(id.clone(), wanted), |request_id| {
            Command::ListCertificates(CertificatesRequest {
                request_id,
                kind: backend::CertificateUse::CentralSystemRoot,
            })
        });
    }

    /// The station has said whether it trusts anybody.
    pub(super) fn raise_profile(&mut self, id: &MessageId, wanted: u64, trusts: bool) {
        if trusts {
            self.take_profile(id, wanted);
        } else {
            self.answer_profile(id, ConfigurationStatus::Rejected);
        }
    }

    fn take_profile(&mut self, id: &MessageId, wanted: u64) {
        let now = self.security.profile;
        self.security.candidate = (wanted != now).then_some(wanted);
        self.security.attempts = 0;
        self.security.trying = false;
        self.keep_profile();
        self.answer_profile(id, ConfigurationStatus::Accepted);
        if wanted != now {
            self.security_event(&format!(
                "ReconfigurationOfSecurityParameters: SecurityProfile {now} to {wanted} with the next connection"
            ));
        }
    }

    fn answer_profile(&mut self, id: &MessageId, status: ConfigurationStatus) {
        self.answer(id, &Response::from(ChangeConfigurationResponse { status }));
    }

    fn keep_profile(&mut self) {
        self.config.show(PROFILE, self.security.next().to_string());
        let write = self.security.written();
        self.write([write]);
    }

    /// The connection that is made now shows the station's certificate.
    pub(super) fn presents_certificate(&self) -> bool {
        self.security.next() == 3
    }

    /// A connection is being made.
    pub(super) fn profile_tried(&mut self) {
        self.security.trying = self.security.candidate.is_some();
    }

    /// The backend has answered over this connection.
    pub(super) fn profile_works(&mut self) {
        self.security.reported = false;
        if !self.security.trying {
            return;
        }
        self.security.trying = false;
        if let Some(profile) = self.security.candidate.take() {
            log(Level::Info, &format!("security profile {profile} works"));
            self.security.profile = profile;
            self.security.attempts = 0;
            self.keep_profile();
        }
    }

    /// A connection ended, or could not be made.
    pub(super) fn profile_failed(&mut self, down: &LinkDown) {
        if let Some(event) = event_of(down).filter(|_| !self.security.reported) {
            // Once for a row of attempts: each is an entry in the journal.
            self.security.reported = true;
            self.security_event(&event);
        }
        let Some(candidate) = self.security.candidate.filter(|_| self.security.trying) else {
            return;
        };
        self.security.trying = false;
        if down.failure == LinkFailure::Closed {
            return;
        }
        self.security.attempts = self.security.attempts.saturating_add(1);
        if self.security.attempts >= UPGRADE_ATTEMPTS {
            self.security.candidate = None;
            self.security.attempts = 0;
            let back = self.security.profile;
            let why = format!(
                "ReconfigurationOfSecurityParameters: SecurityProfile {candidate} cannot be used, back to {back}: {}",
                down.detail
            );
            log(Level::Error, &why);
            self.security_event(&why);
        }
        self.keep_profile();
    }

    // ---- events ----

    /// Something that concerns security: into the journal and the security log, and from there to every backend.
    pub(super) fn security_event(&mut self, text: &str) {
        let text: String = text.chars().take(EVENT_CHARS).collect();
        self.command(Command::SecurityEvent(text));
    }

    /// A backend that does not know the whitepaper hears of no event.
    fn wants_events(&self) -> bool {
        self.settings.security_events || self.security.profile > 0
    }

    /// An event of the journal: `Kind` or `Kind: detail`.
    pub(super) fn security_message(
        &self,
        text: &str,
        timestamp: Timestamp,
    ) -> Option<SecurityEventNotificationRequest> {
        if !self.wants_events() {
            return None;
        }
        let (kind, detail) = match text.split_once(": ") {
            Some((kind, detail)) => (kind, Some(detail)),
            None => (text, None),
        };
        Some(SecurityEventNotificationRequest {
            kind: CiString::truncated(kind),
            timestamp,
            tech_info: detail.map(CiString::truncated),
        })
    }
}
