//! A clock that a test turns.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use wharf_core::clock::Clock;

/// 2026-01-01T00:00:00Z, where every test begins.
const START: i64 = 1_767_225_600_000_000;

/// Stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl Default for ManualClock {
    fn default() -> Self {
        Self(AtomicI64::new(START))
    }
}

impl ManualClock {
    /// A clock at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(microseconds(by), Ordering::SeqCst);
    }

    /// Moves back, as a clock that is set does.
    pub fn turn_back(&self, by: Duration) {
        self.0.fetch_sub(microseconds(by), Ordering::SeqCst);
    }
}

fn microseconds(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}
