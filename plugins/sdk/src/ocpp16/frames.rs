//! Frames: calls of ours and their answers, calls of the backend and ours to them.

use ocpp::rpc::{CallError, Ended, ErrorCode, Frame, Matched, MessageId, Opened, OutgoingCall};
use ocpp::v16::{Request, Response};
use units::{Millis, Timestamp};

use super::{About, Ocpp16, Operator, Registered};
use crate::backend::{Command, Role};
use crate::{Level, log};

impl<O: Operator> Ocpp16<O> {
    /// A message id that is used once: start of the station, start of the instance, number.
    pub(crate) fn message_id(&mut self) -> MessageId {
        self.next_message = self.next_message.saturating_add(1);
        MessageId::new(format!(
            "{}-{}-{}",
            self.boot_count, self.started_ms, self.next_message
        ))
        .unwrap_or_else(|| MessageId::from_counter(self.next_message))
    }

    pub(crate) fn request_id(&mut self) -> u64 {
        self.next_request = self.next_request.saturating_add(1);
        self.next_request
    }

    /// Queues a call; answers whether there was room.
    pub(crate) fn call(&mut self, request: &Request, about: About) -> bool {
        self.call_within(request, about, None)
    }

    /// Queues a call with its own time to wait for the answer.
    pub(crate) fn call_within(
        &mut self,
        request: &Request,
        about: About,
        timeout: Option<Millis>,
    ) -> bool {
        let id = self.message_id();
        let mut call =
            OutgoingCall::new(id, request.action().as_str(), request.to_payload(), about);
        call.timeout = timeout;
        let queued = self.calls.try_call(self.now.at, call).is_ok();
        if !queued {
            log(
                Level::Warn,
                &format!("{} is left out: too many calls wait", request.action()),
            );
        }
        queued
    }

    pub(super) fn on_frame(&mut self, text: &str) {
        match Frame::parse(text) {
            Ok(Frame::Call {
                id,
                action,
                payload,
            }) => self.on_call(&id, &action, &payload),
            Ok(Frame::CallResult { id, payload }) => {
                if let Some(call) = self.matched(&id) {
                    match ocpp::v16::decode_response(&call.action, &payload) {
                        Ok(response) => self.answered(call, response),
                        Err(error) => {
                            log(Level::Warn, &format!("answer to {}: {error}", call.action));
                            self.refused(call, &error);
                        }
                    }
                }
            }
            Ok(Frame::CallError { id, error }) => {
                if let Some(call) = self.matched(&id) {
                    log(
                        Level::Warn,
                        &format!("{} was refused: {error}", call.action),
                    );
                    self.refused(call, &error);
                }
            }
            Err(error) => {
                log(Level::Warn, &error.to_string());
                if let Some(answer) = error.answer() {
                    self.command(Command::Send(answer.to_text()));
                }
            }
        }
    }

    pub(super) fn matched(&mut self, id: &MessageId) -> Option<OutgoingCall<About>> {
        match self.calls.handle_answer(self.now.at, id) {
            Matched::Call(call) => Some(call),
            Matched::Late => {
                log(Level::Warn, &format!("late answer {id} ignored"));
                None
            }
            Matched::Doubled | Matched::Unknown => {
                log(
                    Level::Warn,
                    &format!("answer {id} to no call of ours ignored"),
                );
                None
            }
        }
    }

    pub(super) fn answered(&mut self, call: OutgoingCall<About>, response: Response) {
        // Only a backend that answers counts as reached; one that takes connections and drops them does not.
        self.attempts = 0;
        self.profile_works();
        match (call.tag, response) {
            (About::Boot, Response::BootNotification(answer)) => self.boot_answered(&answer),
            (About::Heartbeat, Response::Heartbeat(answer)) => self.set_clock(answer.current_time),
            (About::Status(connector), _) => self.statuses.told(connector),
            (About::Authorize { request_id, tag }, Response::Authorize(answer)) => {
                self.authorize_answered(request_id, &tag, &answer.id_tag_info);
            }
            (About::Durable, response) => self.durable_answered(&response),
            (About::Boot | About::Heartbeat | About::Notice | About::Authorize { .. }, _) => {}
        }
    }

    /// An observer's backend does not tell the station the time.
    pub(crate) fn set_clock(&mut self, wall: Timestamp) {
        if self.role == Role::Primary {
            self.command(Command::SetClock(wall));
        }
    }

    /// The backend answered a call with an error, or with nonsense.
    pub(super) fn refused(&mut self, call: OutgoingCall<About>, error: &CallError) {
        match call.tag {
            About::Boot => self.boot_unanswered(),
            About::Authorize { request_id, tag } => self.authorize_unanswered(request_id, &tag),
            About::Durable => self.durable_refused(error),
            // It was heard; saying it again would not change the answer.
            About::Status(connector) => self.statuses.told(connector),
            About::Heartbeat | About::Notice => {}
        }
    }

    /// A call ended without an answer: its time was up, or the connection went.
    pub(super) fn unanswered(&mut self, ended: Ended<About>) {
        match ended.call.tag {
            About::Boot => self.boot_unanswered(),
            About::Status(connector) => self.statuses.untold(connector),
            About::Authorize { request_id, tag } => self.authorize_unanswered(request_id, &tag),
            About::Durable => self.durable_unanswered(),
            About::Heartbeat | About::Notice => {}
        }
    }

    pub(super) fn on_call(&mut self, id: &MessageId, action: &str, payload: &serde_json::Value) {
        self.last_asked = self.now.at;
        if self.registered == Registered::Rejected {
            log(
                Level::Info,
                &format!("{action} is not answered: the backend has not accepted us"),
            );
            return;
        }
        if let Opened::Repeated(answer) = self.inbox.open(id, action, payload) {
            if let Some(text) = answer {
                self.command(Command::Send(text));
            }
            return;
        }
        match ocpp::v16::decode_request(action, payload) {
            Ok(request) => self.on_request(id, request),
            Err(error) => self.answer_error(id, error),
        }
    }

    pub(crate) fn answer(&mut self, id: &MessageId, response: &Response) {
        self.answer_payload(id, response.to_payload());
    }

    pub(crate) fn answer_payload(&mut self, id: &MessageId, payload: serde_json::Value) {
        let text = Frame::result(id.clone(), payload).to_text();
        self.inbox.answered(id, &text);
        self.command(Command::Send(text));
    }

    pub(crate) fn answer_error(&mut self, id: &MessageId, error: CallError) {
        log(Level::Warn, &format!("call {id}: {error}"));
        let text = Frame::error(id.clone(), error).to_text();
        self.inbox.answered(id, &text);
        self.command(Command::Send(text));
    }

    pub(crate) fn answer_not_supported(&mut self, id: &MessageId, what: &str) {
        let error = CallError::new(
            ErrorCode::NotSupported,
            format!("{what} is not offered by this station"),
        );
        self.answer_error(id, error);
    }
}
