//! A bounded queue in front of a plugin task.

use std::collections::VecDeque;

/// What happens to an input when the mailbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It must not be lost: the sender gets it back and keeps it (journal entries, questions).
    Refuse,
    /// Only the newest counts: the oldest droppable input makes room (status, readings).
    DropOldest,
}

/// A full mailbox refused this input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full<T>(pub T);

/// Inputs waiting for a plugin, oldest first, never more than its capacity.
#[derive(Debug, Clone)]
pub struct Mailbox<T> {
    queue: VecDeque<(WhenFull, T)>,
    capacity: usize,
    dropped: u64,
}

impl<T> Mailbox<T> {
    /// An empty mailbox for at most `capacity` inputs (at least one).
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            capacity: capacity.max(1),
            dropped: 0,
        }
    }

    /// Adds an input.
    ///
    /// # Errors
    /// [`Full`] with the input, when there is no room and none can be made.
    pub fn push(&mut self, input: T, when_full: WhenFull) -> Result<(), Full<T>> {
        if self.queue.len() >= self.capacity {
            if when_full == WhenFull::Refuse {
                return Err(Full(input));
            }
            let oldest = self
                .queue
                .iter()
                .position(|(policy, _)| *policy == WhenFull::DropOldest);
            self.dropped = self.dropped.saturating_add(1);
            match oldest {
                Some(place) => {
                    self.queue.remove(place);
                }
                // Full of what must not be lost: the new droppable input is the one to go.
                None => return Ok(()),
            }
        }
        self.queue.push_back((when_full, input));
        Ok(())
    }

    /// Takes the oldest input.
    pub fn pop(&mut self) -> Option<T> {
        self.queue.pop_front().map(|(_, input)| input)
    }

    /// Forgets everything; a new instance learns the state from its start.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// Inputs waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Inputs dropped so far, for metrics.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_mailbox_refuses_what_must_not_be_lost() {
        let mut mailbox = Mailbox::new(2);
        assert!(mailbox.push(1, WhenFull::Refuse).is_ok());
        assert!(mailbox.push(2, WhenFull::DropOldest).is_ok());
        assert_eq!(mailbox.push(3, WhenFull::Refuse), Err(Full(3)));
        assert_eq!(mailbox.len(), 2);
    }

    #[test]
    fn full_mailbox_drops_the_oldest_droppable_input_and_counts_it() {
        let mut mailbox = Mailbox::new(3);
        mailbox.push(1, WhenFull::Refuse).unwrap();
        mailbox.push(2, WhenFull::DropOldest).unwrap();
        mailbox.push(3, WhenFull::DropOldest).unwrap();
        mailbox.push(4, WhenFull::DropOldest).unwrap();
        assert_eq!(mailbox.dropped(), 1);
        assert_eq!(
            [mailbox.pop(), mailbox.pop(), mailbox.pop()],
            [Some(1), Some(3), Some(4)]
        );
        assert!(mailbox.is_empty());
    }

    #[test]
    fn mailbox_full_of_what_must_not_be_lost_drops_the_newcomer() {
        let mut mailbox = Mailbox::new(1);
        mailbox.push(1, WhenFull::Refuse).unwrap();
        mailbox.push(2, WhenFull::DropOldest).unwrap();
        assert_eq!(
            (mailbox.pop(), mailbox.pop(), mailbox.dropped()),
            (Some(1), None, 1)
        );
    }
}
