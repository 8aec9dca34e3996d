//! When a replica is left alone: after failures in a row.
//!
//! A failure is a replica that cannot be reached, dies or does not answer. A
//! script that raises is none: all replicas run the same script, and a caller
//! could otherwise eject them with bad input.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row until a replica is ejected; the number that Envoy uses.
pub(crate) const FAILURES: u32 = 5;

/// How long a replica is ejected for the first time; the second time twice that.
const BASE: Duration = Duration::from_secs(30);

/// Longest time, as a multiple of [`BASE`].
const LONGEST: u32 = 10;

/// What became of a request at a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It answered, whatever it said.
    Good,
    /// It could not be reached, died or did not answer.
    Bad,
    /// The client left, or was at fault.
    Unknown,
}

/// The record of one replica.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    successes: u32,
    times: u32,
    ejected_until: Option<Instant>,
}

impl Breaker {
    /// Takes note of an outcome; true when the replica is ejected by it.
    pub(crate) fn note(&mut self, outcome: Outcome, now: Instant) -> bool {
        match outcome {
            Outcome::Unknown => false,
            Outcome::Good => {
                self.failures = 0;
                self.successes += 1;
                if self.successes >= FAILURES {
                    self.successes = 0;
                    self.times = self.times.saturating_sub(1);
                }
                false
            }
            Outcome::Bad => {
                self.successes = 0;
                self.failures += 1;
                if self.failures < FAILURES {
                    return false;
                }
                self.failures = 0;
                self.times = (self.times + 1).min(LONGEST);
                self.ejected_until = Some(now + BASE * self.times);
                true
            }
        }
    }

    pub(crate) fn is_ejected(&self, now: Instant) -> bool {
        self.ejected_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_in_a_row_eject_and_longer_each_time() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        for _ in 0..4 {
            assert!(!breaker.note(Outcome::Bad, start));
        }
        breaker.note(Outcome::Good, start);
        for _ in 0..4 {
            assert!(!breaker.note(Outcome::Bad, start));
        }
        assert!(!breaker.is_ejected(start));
        assert!(breaker.note(Outcome::Bad, start));
        assert!(breaker.is_ejected(start + Duration::from_secs(29)));
        let later = start + Duration::from_secs(30);
        assert!(!breaker.is_ejected(later));
        for _ in 0..5 {
            breaker.note(Outcome::Bad, later);
        }
        assert!(breaker.is_ejected(later + Duration::from_secs(59)));
        assert!(!breaker.is_ejected(later + Duration::from_secs(60)));
    }

    #[test]
    fn a_client_that_leaves_says_nothing() {
        let mut breaker = Breaker::default();
        let start = Instant::now();
        for _ in 0..20 {
            assert!(!breaker.note(Outcome::Unknown, start));
        }
        assert!(!breaker.is_ejected(start));
    }
}
