//! The durable frames of one adapter as its host sees them: how many there are, and which of them wait for the message
//! quota. What is durable is never lost by the quota: it goes later.

use std::collections::VecDeque;

use crate::backend::DurableFrame;
use crate::error::PluginError;
use crate::limits::{MAX_OUTBOX_BYTES, MAX_OUTBOX_FRAMES};

/// Kept up to date with every answer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: Vec<DurableFrame>,
    bytes: usize,
    /// Ids of frames that the adapter sent and the quota held back, oldest first.
    held: VecDeque<String>,
}

impl Outbox {
    pub(crate) fn reset(&mut self, frames: &[DurableFrame]) {
        self.frames = frames.to_vec();
        self.bytes = frames.iter().map(size).fold(0, usize::saturating_add);
        self.held.clear();
    }

    /// Takes a new frame into account.
    ///
    /// Errors: [`PluginError::Garbage`] beyond the bound. The instance dies with it, so nothing need be undone.
    pub(crate) fn enqueue(&mut self, frame: &DurableFrame) -> Result<(), PluginError> {
        self.bytes = self.bytes.saturating_add(size(frame));
        self.frames.push(frame.clone());
        if self.frames.len() > MAX_OUTBOX_FRAMES || self.bytes > MAX_OUTBOX_BYTES {
            return Err(PluginError::Garbage(format!(
                "its outbox would have {} frames and {} KiB; allowed are {MAX_OUTBOX_FRAMES} and {} KiB",
                self.frames.len(),
                self.bytes >> 10,
                MAX_OUTBOX_BYTES >> 10,
            )));
        }
        Ok(())
    }

    pub(crate) fn dequeue(&mut self, id: &str) {
        self.frames.retain(|frame| frame.id != id);
        self.bytes = self.frames.iter().map(size).fold(0, usize::saturating_add);
        self.held.retain(|held| held != id);
    }

    /// Holds this text back, if it is a durable frame's. Held twice, it goes once.
    pub(crate) fn hold(&mut self, text: &str) -> bool {
        let Some(frame) = self.frames.iter().find(|frame| frame.text == text) else {
            return false;
        };
        if !self.held.contains(&frame.id) {
            self.held.push_back(frame.id.clone());
        }
        true
    }

    /// Whether a frame waits; nothing durable overtakes it.
    pub(crate) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// The frame that waits longest.
    pub(crate) fn release(&mut self) -> Option<String> {
        let id = self.held.pop_front()?;
        let frame = self.frames.iter().find(|frame| frame.id == id)?;
        Some(frame.text.clone())
    }

    /// The link is another one: the adapter decides anew when to send.
    pub(crate) fn forget_held(&mut self) {
        self.held.clear();
    }
}

fn size(frame: &DurableFrame) -> usize {
    frame.id.len().saturating_add(frame.text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: usize, bytes: usize) -> DurableFrame {
        DurableFrame {
            id: id.to_string(),
            text: format!("{}{id}", " ".repeat(bytes - 1)),
        }
    }

    #[test]
    fn outbox_is_bounded_in_frames_and_bytes_and_emptied_by_confirmations() {
        let mut outbox = Outbox::default();
        for id in 0..MAX_OUTBOX_FRAMES {
            outbox.enqueue(&frame(id % 10, 10)).unwrap();
        }
        assert_eq!(outbox.enqueue(&frame(9, 10)).unwrap_err().kind(), "garbage");
        let mut outbox = Outbox::default();
        outbox.enqueue(&frame(1, MAX_OUTBOX_BYTES - 1)).unwrap();
        outbox.dequeue("1");
        outbox.enqueue(&frame(2, MAX_OUTBOX_BYTES - 1)).unwrap();
        assert!(outbox.enqueue(&frame(3, 1)).is_err());
    }

    #[test]
    fn only_durable_frames_are_held_back_and_they_come_in_order_once() {
        let mut outbox = Outbox::default();
        outbox.reset(&[frame(1, 3), frame(2, 3), frame(3, 3)]);
        assert!(!outbox.hold("something else") && !outbox.holds());
        for id in [1, 2, 1, 3] {
            assert!(outbox.hold(&frame(id, 3).text));
        }
        outbox.dequeue("2");
        assert_eq!(outbox.release(), Some("  1".to_owned()));
        assert_eq!(outbox.release(), Some("  3".to_owned()));
        assert_eq!(outbox.release(), None);
        assert!(outbox.hold("  1"));
        outbox.forget_held();
        assert!(!outbox.holds());
    }
}
