//! Messages that the backend asks for: TriggerMessage, and ExtendedTriggerMessage of the security whitepaper. The answer
//! first, then the message.

use ocpp::rpc::MessageId;
use ocpp::v16::{
    ExtendedMessageTrigger, ExtendedTriggerMessageRequest, ExtendedTriggerMessageResponse,
    MessageTrigger, Open, Response, TriggerMessageRequest, TriggerMessageResponse,
    TriggerMessageStatus,
};

use super::limits::WAITING_ANSWERS;
use super::{About, After, Ocpp16, Operator};
use crate::backend::{Command, ReadMeterRequest, ReadingContext};

impl<O: Operator> Ocpp16<O> {
    pub(super) fn trigger(&mut self, id: &MessageId, request: &TriggerMessageRequest) {
        let after = self.triggered(request.connector_id, |connector| {
            Some(match &request.requested_message {
                Open::Known(MessageTrigger::BootNotification) => After::Boot,
                Open::Known(MessageTrigger::Heartbeat) => After::Heartbeat,
                Open::Known(MessageTrigger::StatusNotification) => After::Status(connector),
                Open::Known(MessageTrigger::MeterValues) => After::Meter(connector),
                Open::Known(MessageTrigger::DiagnosticsStatusNotification) => {
                    After::DiagnosticsStatus
                }
                Open::Known(MessageTrigger::FirmwareStatusNotification) => After::FirmwareStatus,
                Open::Other(_) => return None,
            })
        });
        let status = status(&after);
        self.answer(id, &Response::from(TriggerMessageResponse { status }));
        self.afterwards.extend(after.ok().flatten());
    }

    pub(super) fn extended_trigger(
        &mut self,
        id: &MessageId,
        request: &ExtendedTriggerMessageRequest,
    ) {
        let after = self.triggered(request.connector_id, |connector| {
            Some(match &request.requested_message {
                Open::Known(ExtendedMessageTrigger::BootNotification) => After::Boot,
                Open::Known(ExtendedMessageTrigger::Heartbeat) => After::Heartbeat,
                Open::Known(ExtendedMessageTrigger::StatusNotification) => After::Status(connector),
                Open::Known(ExtendedMessageTrigger::MeterValues) => After::Meter(connector),
                Open::Known(ExtendedMessageTrigger::LogStatusNotification) => After::LogStatus,
                Open::Known(ExtendedMessageTrigger::FirmwareStatusNotification) => {
                    After::SignedFirmwareStatus
                }
                Open::Known(ExtendedMessageTrigger::SignChargePointCertificate) => After::Sign,
                Open::Other(_) => return None,
            })
        });
        // A backend that may not command does not get a key made either.
        let after = match after {
            Ok(Some(After::Sign)) if !self.may_command() => Err(()),
            after => after,
        };
        let status = status(&after);
        self.answer(
            id,
            &Response::from(ExtendedTriggerMessageResponse { status }),
        );
        self.afterwards.extend(after.ok().flatten());
    }

    /// What follows; `Err` if there is no such connector, `None` if there is no such message.
    fn triggered(
        &self,
        connector_id: Option<i64>,
        after: impl FnOnce(Option<u32>) -> Option<After>,
    ) -> Result<Option<After>, ()> {
        match connector_id {
            None => Ok(after(None)),
            Some(connector) => match self.connector(connector) {
                Some(connector) => Ok(after(Some(connector))),
                // A word that nobody knows is that, whatever the connector.
                None => after(None).map_or(Ok(None), |_| Err(())),
            },
        }
    }

    pub(super) fn follow_up(&mut self, after: After) {
        match after {
            After::Boot => self.send_boot(),
            After::Heartbeat => self.send_heartbeat(),
            After::Status(connector) => self.send_status_again(connector),
            After::Meter(connector) => self.read_meters(connector),
            After::DiagnosticsStatus => self.tell_diagnostics_again(),
            After::LogStatus => self.tell_log_again(),
            After::FirmwareStatus => self.tell_firmware_again(),
            After::SignedFirmwareStatus => self.tell_signed_firmware_again(),
            After::Sign => self.request_certificate(),
        }
    }

    /// Reads the meter of a connector, or of all; the readings are sent when they come.
    fn read_meters(&mut self, connector: Option<u32>) {
        let all: Vec<u32> = self.statuses.connectors().collect();
        for evse_id in all
            .into_iter()
            .filter(|c| connector.is_none_or(|w| w == *c || w == 0))
        {
            let request_id = self.request_id();
            while self.readings.len() >= WAITING_ANSWERS {
                self.readings.pop_first();
            }
            self.readings.insert(request_id, evse_id);
            let context = ReadingContext::Trigger;
            self.command(Command::ReadMeter(ReadMeterRequest {
                request_id,
                evse_id,
                context,
            }));
        }
    }

    /// Sends a message that may be lost.
    pub(super) fn say(&mut self, request: impl Into<ocpp::v16::Request>) {
        let _said_if_full = self.call(&request.into(), About::Notice);
    }
}

const fn status(after: &Result<Option<After>, ()>) -> TriggerMessageStatus {
    match after {
        Ok(Some(_)) => TriggerMessageStatus::Accepted,
        Ok(None) => TriggerMessageStatus::NotImplemented,
        Err(()) => TriggerMessageStatus::Rejected,
    }
}
