//! How many replicas the load asks for. Pure: numbers in, a number out.
//!
//! Utilisation is (busy + queued) / (replicas × concurrency), as Azure's router
//! defines it. Replicas are added at once and removed slowly.

use std::collections::VecDeque;

use wharf_core::scaling::Autoscale;

/// Refresh periods of wanting less before replicas go; from the documentation of
/// the Kubernetes router ("about 20 times the refresh interval").
const PERIODS_DOWN: u32 = 20;

/// Seconds of wanting less before replicas go, however short the period is; the
/// documented time of the v1 router (1 s refresh, about one minute).
const SECONDS_DOWN: u32 = 60;

/// How many observations [`decide`] looks back on to remove replicas.
pub(crate) fn periods_down(rules: &Autoscale) -> usize {
    let by_time = SECONDS_DOWN.div_ceil(rules.refresh_seconds.get());
    PERIODS_DOWN.max(by_time) as usize
}

/// Replicas that a load asks for, within the bounds. `load` is the number of
/// requests that are worked on or wait.
pub(crate) fn wanted(rules: &Autoscale, concurrency: u32, load: f64) -> u32 {
    let target = f64::from(rules.target_percent.get().min(100)) / 100.0;
    let replicas = load / f64::from(concurrency.max(1)) / target;
    // A float cast saturates, and turns what is no number into 0. The small
    // part taken off keeps 7 / 0.7 at 10.
    let replicas = (replicas - 1e-9).ceil() as u32;
    let min = rules.min.get();
    replicas.clamp(min, rules.max.get().max(min))
}

/// How many replicas there should be. `history` holds the load of each refresh
/// period, the newest last; `current` is how many there are or were asked for.
pub(crate) fn decide(
    rules: &Autoscale,
    concurrency: u32,
    current: u32,
    history: &VecDeque<f64>,
) -> u32 {
    let min = rules.min.get();
    let current = current.clamp(min, rules.max.get().max(min));
    let Some(latest) = history.back() else {
        return current;
    };
    let now = wanted(rules, concurrency, *latest);
    if now >= current {
        return now;
    }
    let periods = periods_down(rules);
    if history.len() < periods {
        return current;
    }
    let most = history
        .iter()
        .rev()
        .take(periods)
        .map(|load| wanted(rules, concurrency, *load))
        .max();
    most.map_or(current, |most| most.min(current))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn rules(min: u32, max: u32, target: u32, refresh: u32) -> Autoscale {
        let number = |value| NonZeroU32::new(value).unwrap();
        Autoscale {
            min: number(min),
            max: number(max),
            target_percent: number(target),
            refresh_seconds: number(refresh),
        }
    }

    #[test]
    fn load_becomes_replicas() {
        for (load, concurrency, expected) in [
            (0.0, 1, 1),
            (0.7, 1, 1),
            (0.71, 1, 2),
            (7.0, 1, 10),
            (7.1, 1, 10),
            (7.0, 2, 5),
            (1e12, 1, 10),
            (f64::NAN, 1, 1),
        ] {
            assert_eq!(
                wanted(&rules(1, 10, 70, 1), concurrency, load),
                expected,
                "{load} / {concurrency}"
            );
        }
        // The sizing example of the documentation: 20 requests a second of 10 s.
        assert_eq!(wanted(&rules(1, 1000, 70, 1), 1, 200.0), 286);
    }

    #[test]
    fn up_at_once_and_down_after_a_minute() {
        let rules = rules(1, 10, 70, 1);
        assert_eq!(periods_down(&rules), 60);
        let mut history = VecDeque::from([0.0, 3.5]);
        assert_eq!(decide(&rules, 1, 1, &history), 5);
        history.clear();
        for _ in 0..59 {
            history.push_back(0.5);
            assert_eq!(decide(&rules, 1, 5, &history), 5);
        }
        history.push_back(0.5);
        assert_eq!(decide(&rules, 1, 5, &history), 1);
        history[30] = 2.0;
        assert_eq!(decide(&rules, 1, 5, &history), 3);
        history[30] = 6.0;
        assert_eq!(decide(&rules, 1, 5, &history), 5);
    }

    #[test]
    fn long_periods_count_twenty_times() {
        assert_eq!(periods_down(&rules(1, 2, 70, 10)), 20);
        assert_eq!(periods_down(&rules(1, 2, 70, 2)), 30);
    }

    proptest! {
        #[test]
        fn never_outside_the_bounds(
            min in 1u32..50, more in 0u32..50, target in 1u32..=100, refresh in 1u32..100,
            concurrency in 0u32..20, current in 0u32..200,
            history in prop::collection::vec(-10.0f64..1e6, 0..80),
        ) {
            let rules = rules(min, min + more, target, refresh);
            let count = decide(&rules, concurrency, current, &history.into());
            prop_assert!((min..=min + more).contains(&count));
        }

        #[test]
        fn up_at_once(
            min in 1u32..5, more in 0u32..50, current in 1u32..60, load in 0.0f64..100.0,
            before in prop::collection::vec(0.0f64..100.0, 0..80),
        ) {
            let rules = rules(min, min + more, 70, 1);
            let mut history = VecDeque::from(before);
            history.push_back(load);
            prop_assert!(decide(&rules, 1, current, &history) >= wanted(&rules, 1, load));
        }

        #[test]
        fn never_down_without_a_full_window(
            current in 1u32..10, history in prop::collection::vec(0.0f64..10.0, 0..59),
        ) {
            let rules = rules(1, 10, 70, 1);
            prop_assert!(decide(&rules, 1, current, &history.into()) >= current);
        }
    }
}
