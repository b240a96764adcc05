//! A backend that was added in the middle of a session: it hears of the session's start from the facts, because the
//! journal entry was before its time.

use ocpp::v16::{Request, StartTransactionRequest};

use super::transactions::wire_register;
use super::{Ocpp16, Operator};
use crate::backend::RunningTransaction;

impl<O: Operator> Ocpp16<O> {
    /// Keeps the transactions that this backend should know of and does not.
    pub(super) fn find_unheard(&mut self, cursor: u64, running: Vec<RunningTransaction>) {
        let known = &self.transactions;
        let unheard = running.into_iter().filter(|running| {
            !running.silent
                && running.start_seq <= cursor
                && !known.has_heard_of(running.transaction)
        });
        self.unheard = unheard.collect();
    }

    /// Tells the next one, if nothing else is on its way.
    pub(super) fn tell_unheard(&mut self) {
        if !self.transactions.is_empty() {
            return;
        }
        while let Some(running) = self.unheard.pop_front() {
            let Some(timestamp) = running.started.wall else {
                continue;
            };
            let request = Request::from(StartTransactionRequest {
                connector_id: i64::from(running.evse_id),
                id_tag: self.tag(&running.token),
                meter_start: wire_register(running.meter_start_wh),
                reservation_id: None,
                timestamp,
            });
            return self.enqueue_start(running.transaction, &request);
        }
    }
}
