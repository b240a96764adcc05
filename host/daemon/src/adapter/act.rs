//! What an adapter asks for, done in order.

use std::collections::VecDeque;

use plugin_host::{
    BackendCommand, BackendInput, HttpCommand, LinkDown, LinkFailure, Listening, Refusal,
};
use station::{Event, Request, RequestId, Requester};
use units::Millis;

use super::Adapter;
use crate::ceilings::Ceiling;
use crate::limits::WAKE_PAUSE_MS;
use crate::messages::ToStation;

impl Adapter {
    pub(super) fn act(&mut self, command: BackendCommand, more: &mut VecDeque<BackendInput>) {
        let command = match request_of(command) {
            Ok((request, what)) => {
                let from = Requester::Adapter(self.setup.ready.policy.name.clone());
                return self.tell(ToStation::Event(Event::Request {
                    from,
                    request,
                    what,
                }));
            }
            Err(command) => command,
        };
        match command {
            BackendCommand::Connect(request) => self.connect(request, more),
            BackendCommand::Disconnect(reason) => {
                if let Some(link) = &self.link {
                    link.handle.close(&reason);
                }
            }
            BackendCommand::Send(text) => self.send(text),
            BackendCommand::WakeAt(at) => {
                // A plugin that wants to be woken at once, for ever, must not keep a core busy.
                let soonest = self.now().after(Millis::new(WAKE_PAUSE_MS));
                self.wake_at = at.map(|at| at.max(soonest));
            }
            BackendCommand::SetClock(wall) => self.tell(ToStation::SetClock(wall)),
            BackendCommand::Verdict { request, verdict } => {
                self.tell(ToStation::BackendVerdict(request, verdict));
            }
            BackendCommand::TransactionVerdict {
                transaction,
                verdict,
                stop,
            } => {
                self.tell(ToStation::Event(Event::TransactionVerdict {
                    transaction,
                    verdict,
                    stop,
                }));
            }
            BackendCommand::Limit {
                evse,
                current,
                phases,
            } => {
                let adapter = self.setup.ready.policy.name.clone();
                self.tell(ToStation::Ceiling(
                    adapter,
                    evse,
                    Ceiling { current, phases },
                ));
            }
            BackendCommand::Http(command) => {
                if let HttpCommand::Request(request) = &command {
                    self.tls |= request.url.starts_with("https:");
                }
                self.look(|view| view.http_said(&command));
                more.extend(self.http.act(command));
            }
            BackendCommand::State(state) => self.show(state),
            BackendCommand::File(request, command) => self.file(request, command),
            BackendCommand::Certificate(request, command) => {
                self.certificate(request, command, more);
            }
            BackendCommand::SecurityEvent(text) => self.tell(ToStation::Security(text)),
            BackendCommand::Refused(refusal) => self.refused(&refusal, more),
            // Committed before, or a request.
            _ => {}
        }
    }

    fn refused(&mut self, refusal: &Refusal, more: &mut VecDeque<BackendInput>) {
        tracing::warn!("{refusal}");
        self.look(|view| view.refused(refusal));
        if refusal.command == "listen" {
            let (port, addresses, detail) = (0, Vec::new(), refusal.to_string());
            self.http.stop_listening();
            more.push_back(BackendInput::Listening(Listening {
                port,
                addresses,
                detail,
            }));
        } else if refusal.command == "connect" {
            let detail = refusal.to_string();
            more.push_back(BackendInput::LinkDown(LinkDown {
                failure: LinkFailure::Denied,
                detail,
            }));
        } else if let Some(request) = refusal.request {
            let (outcome, detail) = (refusal.outcome(), refusal.to_string());
            more.push_back(BackendInput::Outcome {
                request,
                outcome,
                detail,
            });
        }
    }
}

/// What is asked of the station itself; anything else comes back.
fn request_of(command: BackendCommand) -> Result<(RequestId, Request), BackendCommand> {
    Ok(match command {
        BackendCommand::RequestStart {
            request,
            evse,
            token,
            authorize_first,
        } => {
            let what = Request::Start {
                evse,
                token,
                authorize_first,
            };
            (request, what)
        }
        BackendCommand::RequestStop {
            request,
            transaction,
        } => (request, Request::Stop { transaction }),
        BackendCommand::Unlock {
            request,
            evse,
            connector,
        } => (request, Request::Unlock { evse, connector }),
        BackendCommand::Reset { request, kind } => (request, Request::Reset { kind }),
        BackendCommand::SetAvailability {
            request,
            evse,
            operative,
        } => (request, Request::SetAvailability { evse, operative }),
        BackendCommand::SetSetting {
            request,
            key,
            value,
        } => (request, Request::SetSetting { key, value }),
        BackendCommand::ReadMeter {
            request,
            evse,
            context,
        } => (request, Request::ReadMeter { evse, context }),
        BackendCommand::Reserve {
            request,
            evse,
            reservation,
            token,
            group,
            expires,
        } => {
            let what = Request::Reserve {
                reservation,
                evse,
                token,
                group,
                expires,
            };
            (request, what)
        }
        BackendCommand::CancelReservation {
            request,
            reservation,
        } => (request, Request::CancelReservation { reservation }),
        other => return Err(other),
    })
}
