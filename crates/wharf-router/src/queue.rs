//! Who waits for a replica: first come, first served, and not too many.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::oneshot;

use crate::{admit::Slot, replica::Replica};

/// What a waiter is told.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Its slot.
    Slot(Slot),
    /// The workload serves no route any more, or has no replica any more; look the
    /// route up again.
    Moved,
}

/// One request that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    ticket: u64,
    /// Replicas that failed this request already.
    pub(crate) avoid: Vec<Arc<Replica>>,
    pub(crate) turn: oneshot::Sender<Turn>,
}

/// The waiters of one workload.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Takes a place at the end; the ticket gives it back.
    pub(crate) fn join(&mut self, avoid: &[Arc<Replica>]) -> (u64, oneshot::Receiver<Turn>) {
        let (turn, called) = oneshot::channel();
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiters.push_back(Waiter {
            ticket,
            avoid: avoid.to_vec(),
            turn,
        });
        (ticket, called)
    }

    /// Leaves the queue; without effect for one who was called already.
    pub(crate) fn leave(&mut self, ticket: u64) {
        // Tickets grow from front to back.
        if let Ok(index) = self
            .waiters
            .binary_search_by_key(&ticket, |waiter| waiter.ticket)
        {
            self.waiters.remove(index);
        }
    }

    /// The first waiter for whom `fit` finds something. One who cannot use what
    /// is free does not hold up those behind.
    pub(crate) fn call<T>(
        &mut self,
        mut fit: impl FnMut(&Waiter) -> Option<T>,
    ) -> Option<(Waiter, T)> {
        let (index, found) = self
            .waiters
            .iter()
            .enumerate()
            .find_map(|(index, waiter)| fit(waiter).map(|found| (index, found)))?;
        Some((self.waiters.remove(index)?, found))
    }

    /// Everybody, in order.
    pub(crate) fn dismiss(&mut self) -> VecDeque<Waiter> {
        std::mem::take(&mut self.waiters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_come_first_served_and_leaving_is_quiet() {
        let mut queue = Queue::default();
        let (first, _a) = queue.join(&[]);
        let (second, _b) = queue.join(&[]);
        let (third, _c) = queue.join(&[]);
        queue.leave(second);
        queue.leave(second);
        let called = |queue: &mut Queue| queue.call(|_| Some(())).map(|(waiter, ())| waiter.ticket);
        assert_eq!(called(&mut queue), Some(first));
        assert_eq!(called(&mut queue), Some(third));
        assert_eq!(called(&mut queue), None);
        queue.leave(third);
        assert_eq!(queue.len(), 0);
    }
}
