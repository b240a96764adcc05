//! Simulated lights, buzzer and segment display: they remember what they show.

use std::sync::{Arc, Mutex, PoisonError};

use crate::indicator::{Frame, IndicatorError, Indicators};

/// The outputs of one simulated EVSE. Copies look at the same lamps.
#[derive(Debug, Clone, Default)]
pub struct SimIndicators {
    shown: Arc<Mutex<Frame>>,
}

impl SimIndicators {
    /// What they show now.
    #[must_use]
    pub fn shown(&self) -> Frame {
        let shown = self.shown.lock();
        shown.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Indicators for SimIndicators {
    fn show(&mut self, frame: &Frame) -> Result<(), IndicatorError> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.clone_from(frame);
        Ok(())
    }
}
