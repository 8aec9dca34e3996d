//! What is counted. Plain numbers; whoever shows them gives them names.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use http::StatusCode;

/// Counters of one router since its start.
#[derive(Debug, Default)]
pub struct Counters {
    by_class: [AtomicU64; 6],
    waits: AtomicU64,
    waited_micros: AtomicU64,
    retries: AtomicU64,
    connections: AtomicU64,
    connections_refused: AtomicU64,
    handshakes_failed: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Answers by the first digit of their status, 0 to 5.
    pub by_class: [u64; 6],
    /// Requests that asked for a replica's slot.
    pub waits: u64,
    /// How long they waited for it, together.
    pub waited: Duration,
    /// Requests that were given to another replica, since nothing had been sent.
    pub retries: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections closed at once, since there were too many.
    pub connections_refused: u64,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: u64,
}

impl Counters {
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(counter) = self.by_class.get(class) {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.waits.fetch_add(1, Relaxed);
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.waited_micros.fetch_add(micros, Relaxed);
    }

    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_refused(&self) {
        self.connections_refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    /// The numbers now. They are read one after the other, so a request in
    /// between may be in some of them only.
    pub fn read(&self) -> Counted {
        Counted {
            by_class: std::array::from_fn(|class| self.by_class[class].load(Relaxed)),
            waits: self.waits.load(Relaxed),
            waited: Duration::from_micros(self.waited_micros.load(Relaxed)),
            retries: self.retries.load(Relaxed),
            connections: self.connections.load(Relaxed),
            connections_refused: self.connections_refused.load(Relaxed),
            handshakes_failed: self.handshakes_failed.load(Relaxed),
        }
    }
}
