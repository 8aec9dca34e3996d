//! How long something has been waited for, by a clock that nobody sets.
//!
//! It counts from the first look of this process: a server that was away does not
//! count its absence against a replica that has just been started again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;
use wharf_core::resource::Generation;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Wait {
    /// A step without an error: the builder, the cluster or the store may be away.
    Away,
    /// Replicas of a revision to be ready.
    Rollout,
}

/// When each wait began.
#[derive(Default)]
pub(crate) struct Patience(Mutex<HashMap<(Uuid, Wait), (Generation, Instant)>>);

impl Patience {
    /// How long `key` has waited for this at this generation.
    pub(crate) fn age(&self, key: Uuid, generation: Generation, wait: Wait) -> Duration {
        let now = Instant::now();
        let mut waits = self.waits();
        let begun = waits.entry((key, wait)).or_insert((generation, now));
        if begun.0 != generation {
            *begun = (generation, now);
        }
        now.duration_since(begun.1)
    }

    /// Whether a step of `key` at this generation has failed and none has gone well
    /// since.
    #[cfg(test)]
    pub(crate) fn is_waiting(&self, key: Uuid, generation: Generation) -> bool {
        let waits = self.waits();
        let begun = waits.get(&(key, Wait::Away));
        begun.is_some_and(|(at, _)| *at == generation)
    }

    /// Lets `time` go by for every wait that has begun.
    #[cfg(test)]
    pub(crate) fn skip(&self, time: Duration) {
        for begun in self.waits().values_mut() {
            begun.1 = begun.1.checked_sub(time).expect("a time before");
        }
    }

    /// A wait is over.
    pub(crate) fn end(&self, key: Uuid, wait: Wait) {
        self.waits().remove(&(key, wait));
    }

    fn waits(&self) -> MutexGuard<'_, HashMap<(Uuid, Wait), (Generation, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_begins_again_with_each_generation_and_each_reason() {
        let patience = Patience::default();
        let key = Uuid::from_u128(1);
        let second = Duration::from_secs(1);
        let age = |generation, wait| patience.age(key, Generation(generation), wait);
        assert_eq!(age(1, Wait::Rollout), Duration::ZERO);
        tokio::time::advance(second).await;
        assert_eq!(age(1, Wait::Rollout), second);
        assert_eq!(age(1, Wait::Away), Duration::ZERO);
        tokio::time::advance(second).await;
        assert_eq!(age(1, Wait::Rollout), second * 2);
        assert_eq!(age(2, Wait::Rollout), Duration::ZERO);
        assert_eq!(age(1, Wait::Away), second);
        patience.end(key, Wait::Away);
        assert_eq!(age(1, Wait::Away), Duration::ZERO);
    }
}
