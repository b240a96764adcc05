//! The link: how it is made, and made again.

use units::{Instant, Millis};

use super::limits::{JITTER_PERCENT, RECONNECT_LATEST_S, RECONNECT_QUIET_S};
use super::{Ocpp16, Operator, Registered, operator, security};
use crate::backend::{Command, ConnectRequest, LinkDown};

impl<O: Operator> Ocpp16<O> {
    pub(super) fn connect(&mut self) {
        self.reconnect_at = None;
        self.connecting = true;
        let password = self.password();
        let identity = self.settings.identity.clone();
        let profile = self.security.next();
        self.profile_tried();
        self.command(Command::Connect(ConnectRequest {
            url: security::secured(&self.settings.connect_url(), profile),
            subprotocols: vec!["ocpp1.6".to_owned()],
            basic_auth: password
                .filter(|_| profile < 3)
                .map(|password| (identity, password)),
            keep_alive_s: u32::try_from(self.config.number("WebSocketPingInterval"))
                .unwrap_or(u32::MAX),
            timeout_s: self.settings.connection_timeout_s,
            client_certificate: self.presents_certificate().then_some(true),
        }));
    }

    /// The password, if there is one. What the backend has set is read as the whitepaper has it: 32 to 40 hexadecimal
    /// digits are bytes. What somebody typed in is a text, unless it has the 40 digits of OCPP-J.
    pub(super) fn password(&self) -> Option<Vec<u8>> {
        let typed = &self.settings.password;
        match self.config.text("AuthorizationKey") {
            Some(key) if key != *typed => Some(operator::password_bytes(&key, 32)),
            Some(_) | None => {
                let bytes = || operator::password_bytes(typed, 40);
                (!typed.is_empty()).then(bytes)
            }
        }
    }

    /// When the connection is made anew for a changed key: after the row of changes that a backend sends at the first
    /// contact, so that none is lost.
    pub(super) fn renew_due(&self) -> Option<Instant> {
        // A restart that is ordered makes it anew anyway, and has last words to say before.
        let since = self.renew_since.filter(|_| self.reset.is_none())?;
        let quiet = self.last_asked.after(Millis::from_secs(RECONNECT_QUIET_S));
        Some(quiet.min(since.after(Millis::from_secs(RECONNECT_LATEST_S))))
    }

    pub(super) fn renew_if_due(&mut self) {
        if self.renew_due().is_some_and(|at| at <= self.now.at) {
            self.renew_since = None;
            let why = "new credentials or settings".to_owned();
            self.command(Command::Disconnect(why));
        }
    }

    pub(super) fn on_link_up(&mut self) {
        self.link_up = true;
        self.connecting = false;
        self.link_detail.clear();
        match self.registered {
            // The backend knows us from before the connection was lost.
            Registered::Yes => self.schedule_heartbeat(),
            Registered::No => self.boot_at = Some(self.now.at),
            // The interval the backend ordered outlasts a lost connection.
            Registered::Pending | Registered::Rejected => {
                self.boot_at = self.boot_at.or(Some(self.now.at));
            }
        }
    }

    pub(super) fn on_link_down(&mut self, down: &LinkDown) {
        self.link_up = false;
        self.connecting = false;
        self.renew_since = None;
        self.profile_failed(down);
        self.link_detail = down.detail.clone();
        self.inbox.handle_disconnected();
        self.waiting.clear();
        for ended in self.calls.handle_disconnected() {
            self.unanswered(ended);
        }
        self.attempts = self.attempts.saturating_add(1);
        let pause = self.pause();
        self.reconnect_at = Some(self.now.at.after(pause));
    }

    /// Doubles with every attempt up to the maximum; the jitter comes from identity and attempt, so that a thousand
    /// stations do not come back in the same second and a replay does the same again.
    pub(super) fn pause(&self) -> Millis {
        let base = u64::from(self.settings.reconnect_base_s.max(1)).saturating_mul(1_000);
        let max = u64::from(self.settings.reconnect_max_s.max(1)).saturating_mul(1_000);
        let doubled = base
            .saturating_mul(1_u64 << self.attempts.saturating_sub(1).min(16))
            .min(max);
        let seed = self
            .settings
            .identity
            .bytes()
            .chain(self.attempts.to_le_bytes())
            .chain(self.boot_count.to_le_bytes());
        let hash = seed.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Millis::new(doubled.saturating_add(doubled * (hash % JITTER_PERCENT) / 100))
    }
}
