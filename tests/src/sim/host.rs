//! The host's part in the simulation: what the daemon does between station, journal, adapter and line.

use sdk::backend::{Command, Input, Registration, StartContext};
use station::{
    Action, BootReason, Event, JournalEvent, JournalSeq, LimitSource, Moment, Request, RequestId,
    Requester,
};

use units::Milliamps;

use super::adapter::Instance;
use super::convert;
use super::disk::Entry;
use super::world::{Crash, Work, World};

/// The adapter's name towards the station.
const ADAPTER: &str = "adapter";

impl World {
    /// Lets station and adapter work until both have nothing more to do.
    pub(super) fn pump(&mut self) -> Result<(), Crash> {
        let now = self.now;
        if let Some(software) = &mut self.software
            && software
                .station
                .poll_timeout()
                .is_some_and(|due| due <= now)
        {
            software.station.handle_timeout(now);
            self.drain()?;
        }
        while let Some(work) = self.work.pop_front() {
            match work {
                Work::Station(event) => {
                    self.checker.check_event(&event);
                    let Some(software) = &mut self.software else {
                        return Ok(());
                    };
                    software.station.handle_event(now, event);
                    self.drain()?;
                }
                Work::Adapter(input) => self.tell_adapter(input)?,
            }
        }
        Ok(())
    }

    /// Does what the station wants done.
    fn drain(&mut self) -> Result<(), Crash> {
        let mut others = Vec::new();
        let mut entries = Vec::new();
        let mut state = None;
        let boot = self.disk.boots;
        let Some(software) = &mut self.software else {
            return Ok(());
        };
        while let Some(action) = software.station.poll_action() {
            match action {
                Action::Journal { seq, moment, event } => {
                    entries.push(Entry {
                        seq,
                        moment,
                        event,
                        boot,
                    });
                }
                Action::Persist { state: new } => state = Some(new),
                other => others.push(other),
            }
        }
        if !entries.is_empty() || state.is_some() {
            self.commit(entries, state)?;
        }
        for action in others {
            self.execute(action);
        }
        Ok(())
    }

    /// One database transaction: either all of it or nothing.
    fn commit(
        &mut self,
        entries: Vec<Entry>,
        state: Option<station::PersistentState>,
    ) -> Result<(), Crash> {
        self.point()?;
        let journaled = entries.last().map(|entry| entry.seq);
        for entry in entries {
            self.note(in_words(entry.seq, &entry.event));
            self.disk.journal.push(entry);
        }
        if let Some(state) = state {
            self.disk.state = state;
        }
        self.point()?;
        if let Some(seq) = journaled {
            self.work
                .push_back(Work::Station(Event::JournalCommitted { seq }));
        }
        Ok(())
    }

    fn execute(&mut self, action: Action) {
        let alone = self
            .software
            .as_ref()
            .is_none_or(|software| software.adapter.is_none());
        match &action {
            Action::Permit { evse, permit } => {
                if let Some(software) = &mut self.software {
                    software.permits[usize::from(evse.0) - 1] = *permit;
                }
            }
            Action::Authorize { request, .. } if alone => {
                let (request, verdict) = (*request, convert::no_opinion());
                let event = Event::Verdict { request, verdict };
                self.work.push_back(Work::Station(event));
            }
            Action::Authorize { request, token, .. } => self.checker.asked(*request, token),
            Action::FaultChanged { notice } => {
                let way = if notice.active { "on" } else { "off" };
                self.note(format!("fault {} {way}", notice.id));
            }
            Action::Indicate { evse, indication } => {
                self.note(format!("evse {}: shows {indication:?}", evse.0));
            }
            Action::Signal { evse, signal } => {
                let place = evse.map_or_else(String::new, |evse| format!("evse {}: ", evse.0));
                self.note(format!("{place}signals {signal:?}"));
            }
            Action::SettingChanged { key, value } => {
                self.disk.settings.insert(key.clone(), value.clone());
            }
            Action::Restart { kind } => {
                if let Some(software) = &mut self.software {
                    software.restart = Some(*kind);
                }
            }
            // Told to the adapter, or committed before this is called.
            Action::ConnectorChanged { .. }
            | Action::Reading { .. }
            | Action::Respond { .. }
            | Action::Journal { .. }
            | Action::Persist { .. } => {}
        }
        self.work.extend(told(action).map(Work::Adapter));
    }

    /// Timers, line and journal of the adapter.
    pub(super) fn run_adapter(&mut self) -> Result<(), Crash> {
        let now = self.now;
        let Some(software) = &mut self.software else {
            return Ok(());
        };
        if software.adapter_back_at.is_some_and(|at| at <= now) {
            software.adapter_back_at = None;
            self.start_adapter()?;
        }
        loop {
            let Some(software) = &mut self.software else {
                return Ok(());
            };
            let Some(adapter) = &mut software.adapter else {
                return self.pump();
            };
            if adapter.wake_at.take_if(|at| *at <= now).is_some() {
                self.tell_adapter(Input::Timer)?;
            } else if let Some(input) = self.net.poll(now) {
                self.tell_adapter(input)?;
            } else if let Some(input) = self.next_entry() {
                self.tell_adapter(input)?;
            } else if self.work.is_empty() {
                break;
            }
            self.pump()?;
        }
        self.note_backend();
        Ok(())
    }

    fn note_backend(&mut self) {
        if let Some(wrong) = self.net.violation.take() {
            self.checker.violate(wrong);
        }
        while let Some(event) = self.net.csms.poll_event() {
            use ocpp::v16::csms::CsmsEvent;
            let text = match event {
                CsmsEvent::Booted { status, .. } => format!("booted: {status:?}"),
                CsmsEvent::StatusReported(report) => format!(
                    "connector {} is {:?} ({:?})",
                    report.connector_id, report.status, report.error_code
                ),
                CsmsEvent::Authorized { status, .. } => format!("authorize: {status:?}"),
                CsmsEvent::TransactionStarted(session) => {
                    format!("transaction {} starts", session.transaction_id)
                }
                CsmsEvent::TransactionStopped(session) => {
                    format!("transaction {} ends", session.transaction_id)
                }
                // After a reconnect, which is fine; that the id is the same is the ledger's business.
                CsmsEvent::TransactionRepeated {
                    transaction_id,
                    action,
                } => {
                    format!("{action} of {transaction_id} again")
                }
                CsmsEvent::UnknownTransaction {
                    transaction_id,
                    action,
                } => {
                    let text = format!("{action} names unknown transaction {transaction_id}");
                    self.checker.violate(text.clone());
                    text
                }
                CsmsEvent::RequestRefused { action, error } => {
                    let text = format!("{action} was refused: {error:?}");
                    self.checker.violate(text.clone());
                    text
                }
                CsmsEvent::Garbled(error) => {
                    let text = format!("the station sent garbage: {error:?}");
                    self.checker.violate(text.clone());
                    text
                }
                _ => continue,
            };
            self.note(format!("csms: {text}"));
        }
    }

    fn next_entry(&mut self) -> Option<Input> {
        let software = self.software.as_mut()?;
        let adapter = software.adapter.as_mut()?;
        if adapter.handed.is_some() {
            return None;
        }
        let wall = software.station.moment(self.now).wall?;
        self.disk.learn_time(self.now, wall);
        let entry = self.disk.next_for_adapter()?;
        let fill = |moment: Moment| self.disk.with_time(moment, entry.boot);
        let at = fill(entry.moment);
        // Without a time no backend can be told; the station says when it is known.
        at.wall?;
        adapter.handed = Some(entry.seq.0);
        Some(Input::Journal(sdk::backend::JournalEntry {
            seq: entry.seq.0,
            at: convert::moment(at),
            event: convert::journal(&entry.event, fill),
        }))
    }

    fn start_adapter(&mut self) -> Result<(), Crash> {
        let Some(kind) = self.kind else { return Ok(()) };
        let Some(software) = &self.software else {
            return Ok(());
        };
        let station = &software.station;
        let mut settings: Vec<sdk::Setting> = station
            .settings()
            .into_iter()
            .map(|view| sdk::Setting {
                key: view.key,
                value: view.value,
            })
            .collect();
        for spec in (kind.describe)().settings {
            let own = self
                .config
                .adapter_settings
                .iter()
                .find(|(key, _)| *key == spec.key);
            let value = own.map_or(spec.default_value, |(_, value)| value.clone());
            settings.push(sdk::Setting {
                key: spec.key,
                value,
            });
        }
        let record = &self.disk.adapter;
        let link = sdk::backend::LinkUp {
            subprotocol: Some("ocpp1.6".to_owned()),
            secure: false,
        };
        let context = StartContext {
            identity: "SIM-1".to_owned(),
            role: sdk::backend::Role::Primary,
            settings,
            store: record
                .store
                .iter()
                .map(|(key, value)| sdk::StoreEntry {
                    key: key.clone(),
                    value: value.clone(),
                })
                .collect(),
            outbox: record.outbox.clone(),
            cursor: record.cursor,
            station: convert::station_info(station.identity(), station.evses()),
            connectors: station
                .connectors()
                .iter()
                .map(convert::connector)
                .collect(),
            transactions: station
                .transactions()
                .iter()
                .map(convert::running)
                .collect(),
            faults: station.faults().iter().map(convert::fault).collect(),
            link: self.net.is_up().then_some(link),
            boot_reason: convert::boot_reason(BootReason::PowerUp),
            boot_count: self.disk.boots,
            installation: None,
            client_certificate: false,
        };
        let now = convert::moment(station.moment(self.now));
        let (running, commands) = (kind.start)(now, context);
        if let Some(software) = &mut self.software {
            let instance = Instance {
                running,
                wake_at: None,
                handed: None,
                registered: false,
            };
            software.adapter = Some(instance);
        }
        self.obey(commands)
    }

    fn tell_adapter(&mut self, input: Input) -> Result<(), Crash> {
        let Some(software) = &mut self.software else {
            return Ok(());
        };
        let now = convert::moment(software.station.moment(self.now));
        // What happens while the adapter is dead it reads from the context of its next start.
        let Some(adapter) = &mut software.adapter else {
            return Ok(());
        };
        let commands = adapter.running.handle(now, input);
        self.obey(commands)
    }

    /// Commits what is durable, then does the rest.
    fn obey(&mut self, commands: Vec<Command>) -> Result<(), Crash> {
        let durable = |command: &Command| {
            matches!(
                command,
                Command::Advance(_) | Command::Store(_) | Command::Enqueue(_) | Command::Dequeue(_)
            )
        };
        if commands.iter().any(durable) {
            self.point()?;
            for command in commands.iter().filter(|command| durable(command)) {
                self.remember(command.clone());
            }
            self.point()?;
        }
        for command in commands.into_iter().filter(|command| !durable(command)) {
            self.obey_one(command)?;
        }
        Ok(())
    }

    fn remember(&mut self, command: Command) {
        let record = &mut self.disk.adapter;
        match command {
            Command::Advance(seq) => {
                let handed = self.software.as_mut().and_then(|s| s.adapter.as_mut());
                let handed = handed.and_then(|adapter| adapter.handed.take());
                if handed != Some(seq) {
                    self.checker
                        .violate(format!("advance to {seq}, handed out was {handed:?}"));
                }
                record.cursor = seq;
            }
            Command::Store(write) => {
                match write.value {
                    Some(value) => record.store.insert(write.key, value),
                    None => record.store.remove(&write.key),
                };
            }
            Command::Enqueue(frame) => record.outbox.push(frame),
            Command::Dequeue(id) => record.outbox.retain(|frame| frame.id != id),
            _ => {}
        }
    }

    /// What concerns the line and the clockwork; the rest is the station's.
    fn obey_one(&mut self, command: Command) -> Result<(), Crash> {
        let now = self.now;
        match command {
            Command::Connect(_) => self.net.connect(now),
            Command::Disconnect(_) => self.net.disconnect(),
            Command::Send(text) => {
                if let Err(wrong) = self.net.send(now, text) {
                    self.checker.violate(wrong);
                }
                self.point()?;
            }
            Command::WakeAt(at) => {
                if at.is_some_and(|at| at <= now) {
                    let text =
                        format!("the adapter asks at {now:?} to be woken at {at:?}, for ever");
                    self.checker.violate(text);
                }
                // As the host does: never at once.
                let at = at.map(|at| at.max(now.after(units::Millis::new(10))));
                if let Some(adapter) = self.software.as_mut().and_then(|s| s.adapter.as_mut()) {
                    adapter.wake_at = at;
                }
            }
            Command::State(state) => {
                let online = state.registration == Registration::Registered;
                let adapter = self.software.as_mut().and_then(|s| s.adapter.as_mut());
                let before = adapter.map(|a| std::mem::replace(&mut a.registered, online));
                if before != Some(online) {
                    self.work
                        .push_back(Work::Station(Event::BackendOnline { online }));
                }
            }
            other => {
                let event = self.station_event(other);
                self.work.extend(event.map(Work::Station));
            }
        }
        Ok(())
    }

    /// A command to the station as the event it is.
    fn station_event(&self, command: Command) -> Option<Event> {
        let evse = |id: u32| station::EvseId(u8::try_from(id).unwrap_or(u8::MAX));
        let (id, what) = match command {
            Command::SetClock(wall) => return Some(Event::ClockSet { wall }),
            Command::Verdict(verdict) => {
                let request = RequestId(verdict.request_id);
                let verdict = convert::verdict(verdict, !self.is_registered());
                return Some(Event::Verdict { request, verdict });
            }
            Command::TransactionVerdict(opinion) => {
                return Some(Event::TransactionVerdict {
                    transaction: station::TransactionId(opinion.transaction),
                    verdict: convert::verdict(opinion.verdict, false),
                    stop: opinion.stop,
                });
            }
            Command::RequestStart(start) => {
                let (evse, token) = (start.evse_id.map(evse), convert::token_back(start.token));
                let authorize_first = start.authorize_first;
                (
                    start.request_id,
                    Request::Start {
                        evse,
                        token,
                        authorize_first,
                    },
                )
            }
            Command::RequestStop(stop) => {
                let transaction = station::TransactionId(stop.transaction);
                (stop.request_id, Request::Stop { transaction })
            }
            Command::Unlock(unlock) => {
                let connector = u8::try_from(unlock.connector_id).unwrap_or(u8::MAX);
                let connector = station::ConnectorId(connector);
                let evse = evse(unlock.evse_id);
                (unlock.request_id, Request::Unlock { evse, connector })
            }
            Command::Reset(reset) => (
                reset.request_id,
                Request::Reset {
                    kind: convert::reset_back(reset.kind),
                },
            ),
            Command::SetAvailability(wish) => {
                let (evse, operative) = (wish.evse_id.map(evse), wish.operative);
                (
                    wish.request_id,
                    Request::SetAvailability { evse, operative },
                )
            }
            Command::SetSetting(wish) => {
                let (key, value) = (wish.key, wish.value);
                (wish.request_id, Request::SetSetting { key, value })
            }
            Command::ReadMeter(wish) => {
                let (evse, context) = (evse(wish.evse_id), convert::context_back(wish.context));
                (wish.request_id, Request::ReadMeter { evse, context })
            }
            Command::Reserve(wish) => {
                let what = Request::Reserve {
                    reservation: wish.reservation,
                    evse: wish.evse_id.map(evse),
                    token: convert::token_back(wish.token),
                    group: wish.group,
                    expires: wish.expires_wall_ms,
                };
                (wish.request_id, what)
            }
            Command::CancelReservation(wish) => {
                let reservation = wish.reservation;
                (wish.request_id, Request::CancelReservation { reservation })
            }
            Command::Limit(limit) => {
                let current = limit.max_current_ma.map(Milliamps::new);
                return Some(match limit.evse_id.map(evse) {
                    Some(evse) => Event::LimitChanged {
                        evse,
                        source: LimitSource::BackendProfile,
                        current,
                    },
                    None => Event::SharedLimit { current },
                });
            }
            // The line's, and what is committed before.
            _ => return None,
        };
        let from = Requester::Adapter(ADAPTER.to_owned());
        Some(Event::Request {
            from,
            request: RequestId(id),
            what,
        })
    }
}

/// What the adapter is told about an action.
fn told(action: Action) -> Option<Input> {
    Some(match action {
        Action::Authorize {
            request,
            evse,
            token,
            purpose,
            group,
        } => Input::Authorize(sdk::AuthorizeRequest {
            request_id: request.0,
            evse_id: evse.map(|evse| evse.0.into()),
            token: convert::token(&token),
            purpose: convert::purpose(purpose),
            group,
        }),
        Action::ConnectorChanged { status } => Input::Connector(convert::connector(&status)),
        Action::FaultChanged { notice } => Input::Fault(convert::fault(&notice)),
        Action::Reading {
            request: Some((Requester::Local, _)),
            ..
        } => return None,
        Action::Reading { request, reading } => {
            Input::Meter((request.map(|(_, id)| id.0), convert::reading(&reading)))
        }
        Action::Respond {
            to: Requester::Adapter(_),
            request,
            outcome,
            detail,
        } => {
            let (request_id, kind) = (request.0, convert::outcome(outcome));
            Input::Outcome(sdk::backend::Outcome {
                request_id,
                kind,
                detail,
            })
        }
        Action::SettingChanged { key, value } => Input::SettingChanged(sdk::Setting { key, value }),
        Action::Restart { .. } => Input::Restarting(convert::boot_reason(BootReason::RemoteReset)),
        Action::Respond {
            to: Requester::Local,
            ..
        }
        | Action::Permit { .. }
        | Action::Indicate { .. }
        | Action::Signal { .. }
        | Action::Journal { .. }
        | Action::Persist { .. } => return None,
    })
}

fn in_words(seq: JournalSeq, event: &JournalEvent) -> String {
    let text = match event {
        JournalEvent::TransactionStarted {
            transaction,
            evse,
            token,
            ..
        } => {
            format!(
                "transaction {} starts on evse {} for {}",
                transaction.0, evse.0, token.value
            )
        }
        JournalEvent::TransactionMetered {
            transaction,
            reading,
        } => {
            format!(
                "transaction {} metered, {:?}",
                transaction.0, reading.context
            )
        }
        JournalEvent::TransactionEnded {
            transaction,
            reason,
            ..
        } => {
            format!("transaction {} ends, {reason:?}", transaction.0)
        }
        JournalEvent::Security { text } => format!("security: {text}"),
    };
    format!("journal {}: {text}", seq.0)
}
