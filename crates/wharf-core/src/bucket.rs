//! A token bucket: so much at once, then so much a second. No clock of its own.

use std::time::Duration;

use jiff::Timestamp;

/// Parts that a token is counted in, so that a fraction of one is not lost between two
/// calls that come quickly.
const PARTS: u64 = 1_000_000;

/// How fast calls may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls at once, after a while without any.
    pub burst: u32,
    /// Calls a second on average.
    pub per_second: u32,
}

/// The text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be BURST+PER_SECOND, two whole numbers from 1 to 1000000, for example 250+25")]
pub struct InvalidRate;

impl std::str::FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let number = text.trim().parse().ok();
            number.filter(|number| (1..=1_000_000).contains(number))
        };
        let (burst, per_second) = text.split_once('+').ok_or(InvalidRate)?;
        Ok(Self {
            burst: number(burst).ok_or(InvalidRate)?,
            per_second: number(per_second).ok_or(InvalidRate)?,
        })
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}+{}", self.burst, self.per_second)
    }
}

/// What is left of a rate.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// In [`PARTS`] of a token.
    left: u64,
    /// When `left` was right.
    at: Timestamp,
}

impl Bucket {
    /// A bucket of which nothing was taken.
    pub fn full(rate: Rate, now: Timestamp) -> Self {
        Self {
            left: u64::from(rate.burst) * PARTS,
            at: now,
        }
    }

    fn fill(&mut self, rate: Rate, now: Timestamp) {
        let most = u64::from(rate.burst) * PARTS;
        // A clock that was set back gives nothing and takes nothing.
        let passed = now.as_microsecond() - self.at.as_microsecond();
        let passed = u64::try_from(passed).unwrap_or(0);
        // One token a second is one part a microsecond.
        let gained = passed.saturating_mul(u64::from(rate.per_second));
        self.left = self.left.saturating_add(gained).min(most);
        self.at = now;
    }

    /// Whether nothing is missing, so that the bucket need not be remembered.
    pub fn is_full(&self, rate: Rate, now: Timestamp) -> bool {
        let mut filled = *self;
        filled.fill(rate, now);
        filled.left >= u64::from(rate.burst) * PARTS
    }

    /// When it was last asked for a token, or made.
    pub fn changed_at(&self) -> Timestamp {
        self.at
    }

    /// Takes one token; gives how many are left.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<u64, Duration> {
        self.fill(rate, now);
        match self.left.checked_sub(PARTS) {
            Some(left) => {
                self.left = left;
                Ok(left / PARTS)
            }
            None => {
                let missing = (PARTS - self.left).div_ceil(u64::from(rate.per_second).max(1));
                Err(Duration::from_micros(missing))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        per_second: 2,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).expect("a time")
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut bucket = Bucket::full(RATE, at(0));
        assert!(bucket.is_full(RATE, at(0)));
        for left in [2, 1, 0] {
            assert_eq!(bucket.take(RATE, at(0)), Ok(left));
        }
        assert_eq!(bucket.take(RATE, at(0)), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(RATE, at(499)), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(RATE, at(500)), Ok(0));
        assert!(!bucket.is_full(RATE, at(1_999)));
        assert!(bucket.is_full(RATE, at(2_000)));
    }

    #[test]
    fn a_clock_that_jumps_locks_nobody_out() {
        let mut bucket = Bucket::full(RATE, at(0));
        assert_eq!(bucket.take(RATE, at(-86_400_000)), Ok(2));
        assert_eq!(bucket.take(RATE, at(-86_400_000)), Ok(1));
        assert_eq!(bucket.take(RATE, at(i64::from(u32::MAX) * 1_000)), Ok(2));
    }

    #[test]
    fn a_rate_is_two_numbers() {
        let rate = Rate {
            burst: 250,
            per_second: 25,
        };
        assert_eq!("250+25".parse(), Ok(rate));
        assert_eq!(rate.to_string().parse(), Ok(rate));
        for bad in ["", "250", "0+1", "1+0", "1+1+1", "a+b", "-1+2", "1000001+1"] {
            assert_eq!(bad.parse::<Rate>(), Err(InvalidRate), "{bad}");
        }
    }
}
