//! The simulated card reader.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use units::Instant;

use super::fault::SimFault;
use super::shared::Shared;
use crate::reader::{CardReader, CardSeen, ReaderError};

/// The card reader of one simulated EVSE.
#[derive(Debug)]
pub struct SimReader {
    shared: Arc<Shared>,
    cards: Receiver<CardSeen>,
}

impl SimReader {
    pub(super) const fn new(shared: Arc<Shared>, cards: Receiver<CardSeen>) -> Self {
        Self { shared, cards }
    }
}

impl CardReader for SimReader {
    fn poll(&mut self, _now: Instant) -> Result<Option<CardSeen>, ReaderError> {
        if self.shared.faults().has(SimFault::ReaderSilent) {
            // A dead reader does not remember who held a card to it.
            while self.cards.try_recv().is_ok() {}
            return Err(ReaderError::Silent);
        }
        Ok(self.cards.try_recv().ok())
    }
}
