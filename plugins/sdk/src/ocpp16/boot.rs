//! Registration and heartbeat.

use ocpp::v16::{
    BootNotificationRequest, BootNotificationResponse, CiString, HeartbeatRequest,
    RegistrationStatus, Request,
};
use units::Millis;

use super::limits::{BOOT_RETRY_S, INTERVAL_MAX_S, INTERVAL_MIN_S};
use super::{About, Ocpp16, Operator, Registered};
use crate::{Level, StoreEntry, StoreWrite, log};

/// Store key: the start of the station in which the backend took us.
const REGISTERED_KEY: &str = "reg";

/// After a trap or a swap the backend still knows us; after a restart of the station it must be told.
pub fn restored(store: &[StoreEntry], boot_count: u64) -> Registered {
    let mark = store.iter().find(|entry| entry.key == REGISTERED_KEY);
    match mark {
        Some(entry) if entry.value == boot_count.to_string().as_bytes() => Registered::Yes,
        Some(_) | None => Registered::No,
    }
}

fn text<const N: usize>(text: &str) -> Option<CiString<N>> {
    (!text.is_empty()).then(|| CiString::truncated(text))
}

impl<O: Operator> Ocpp16<O> {
    pub(super) fn boot_if_due(&mut self) {
        if self.link_up && self.boot_at.is_some_and(|at| at <= self.now.at) {
            self.boot_at = None;
            self.send_boot();
        }
    }

    pub(super) fn send_boot(&mut self) {
        let station = &self.station;
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let request = Request::from(BootNotificationRequest {
            charge_point_vendor: CiString::truncated(&station.vendor),
            charge_point_model: CiString::truncated(&station.model),
            charge_point_serial_number: text(&station.serial),
            charge_box_serial_number: None,
            firmware_version: text(&station.firmware),
            iccid: text(&optional(&station.iccid)),
            imsi: text(&optional(&station.imsi)),
            meter_type: text(&optional(&station.meter_type)),
            meter_serial_number: text(&optional(&station.meter_serial)),
        });
        if !self.call(&request, About::Boot) {
            self.boot_unanswered();
        }
    }

    pub(super) fn boot_answered(&mut self, answer: &BootNotificationResponse) {
        let interval = u64::try_from(answer.interval).unwrap_or(0);
        let wait = if interval == 0 {
            BOOT_RETRY_S
        } else {
            interval.clamp(INTERVAL_MIN_S, INTERVAL_MAX_S)
        };
        match answer.status {
            RegistrationStatus::Accepted => {
                log(Level::Info, "the backend has accepted this station");
                self.set_clock(answer.current_time);
                self.registered = Registered::Yes;
                let mark = self.boot_count.to_string().into_bytes();
                self.write([StoreWrite {
                    key: REGISTERED_KEY.to_owned(),
                    value: Some(mark),
                }]);
                if interval > 0 {
                    let interval = interval.clamp(INTERVAL_MIN_S, INTERVAL_MAX_S).to_string();
                    let writes = self.config.set_own("HeartbeatInterval", &interval);
                    self.write(writes);
                }
                self.statuses.forget_told();
                self.transactions.resend();
                self.schedule_heartbeat();
            }
            RegistrationStatus::Pending => {
                self.registered = Registered::Pending;
                self.boot_at = Some(self.now.at.after(Millis::from_secs(wait)));
            }
            RegistrationStatus::Rejected => {
                self.registered = Registered::Rejected;
                self.boot_at = Some(self.now.at.after(Millis::from_secs(wait)));
            }
        }
    }

    pub(super) fn boot_unanswered(&mut self) {
        if self.registered != Registered::Yes {
            self.boot_at = Some(self.now.at.after(Millis::from_secs(BOOT_RETRY_S)));
        }
    }

    pub(super) fn schedule_heartbeat(&mut self) {
        let interval = self.config.number("HeartbeatInterval");
        self.heartbeat_at = (interval > 0).then(|| {
            self.now
                .at
                .after(Millis::from_secs(interval.min(INTERVAL_MAX_S)))
        });
    }

    pub(super) fn heartbeat_if_due(&mut self) {
        let Some(due) = self.heartbeat_at.filter(|due| *due <= self.now.at) else {
            return;
        };
        if !self.is_online() {
            return;
        }
        let interval = Millis::from_secs(self.config.number("HeartbeatInterval"));
        let quiet_until = self.last_call.after(interval);
        if self.settings.force_heartbeat || quiet_until <= due {
            self.schedule_heartbeat();
            self.send_heartbeat();
        } else {
            self.heartbeat_at = Some(quiet_until);
        }
    }

    pub(super) fn send_heartbeat(&mut self) {
        let _said_if_full = self.call(&Request::from(HeartbeatRequest {}), About::Heartbeat);
    }
}
