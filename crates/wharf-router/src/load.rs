//! How busy a workload was on average between two looks.
//!
//! A single look would miss what comes and goes between two of them.

use tokio::time::Instant;

/// Integrates a number over time.
#[derive(Debug)]
pub(crate) struct LoadMeter {
    current: f64,
    area: f64,
    since: Instant,
    started: Instant,
}

impl LoadMeter {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            current: 0.0,
            area: 0.0,
            since: now,
            started: now,
        }
    }

    pub(crate) fn set(&mut self, value: f64, now: Instant) {
        self.area += self.current * now.duration_since(self.since).as_secs_f64();
        self.since = now;
        self.current = value;
    }

    /// The mean since the last call.
    pub(crate) fn take_mean(&mut self, now: Instant) -> f64 {
        self.set(self.current, now);
        let seconds = now.duration_since(self.started).as_secs_f64();
        let mean = if seconds > 0.0 {
            self.area / seconds
        } else {
            self.current
        };
        self.area = 0.0;
        self.started = now;
        mean
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_mean_weighs_by_time() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut meter = LoadMeter::new(start);
        meter.set(4.0, at(500));
        assert!((meter.take_mean(at(1000)) - 2.0).abs() < 1e-9);
        assert!((meter.take_mean(at(2000)) - 4.0).abs() < 1e-9);
        assert!((meter.take_mean(at(2000)) - 4.0).abs() < 1e-9);
    }
}
