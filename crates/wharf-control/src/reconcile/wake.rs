//! Which keys are due, and the loop over them.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    task::{self, JoinError, JoinSet},
    time::Instant,
};
use uuid::Uuid;

use super::{After, GRACE, StepError};

/// Steps under way at once.
const PARALLEL: usize = 16;
/// First wait after a step that failed; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The keys of one kind of resource that want a look.
#[derive(Default)]
pub(crate) struct Wake {
    woken: Mutex<HashSet<Uuid>>,
    owners: Mutex<HashMap<Uuid, Uuid>>,
    notify: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the loop knows of a key between two steps.
#[derive(Default)]
struct Pending {
    due: HashMap<Uuid, Instant>,
    failures: HashMap<Uuid, u32>,
}

impl Pending {
    fn take_due(&mut self, now: Instant, free: usize) -> Vec<Uuid> {
        let mut ready: Vec<_> = self
            .due
            .iter()
            .filter(|(_, due)| **due <= now)
            .map(|(key, _)| *key)
            .collect();
        ready.truncate(free);
        for key in &ready {
            self.due.remove(key);
        }
        ready
    }

    /// A step ended: when to look again.
    fn settle(&mut self, key: Uuid, result: Result<After, StepError>, now: Instant) {
        match result {
            // What was begun may fail again: that is no reason to try faster.
            Ok(After::Begun) => {}
            Ok(After::Done) => {
                self.failures.remove(&key);
            }
            Ok(After::Again(wait)) => {
                self.failures.remove(&key);
                self.due.insert(key, now + wait);
            }
            Err(error) => {
                let failures = self.failures.entry(key).or_default();
                *failures += 1;
                let wait = back_off(key, *failures);
                tracing::warn!(%key, %error, ?wait, failures, "a step failed and is tried again");
                self.due.insert(key, now + wait);
            }
        }
    }
}

/// Doubles with each failure; keys differ by up to a quarter, so that what failed
/// together does not come again together.
fn back_off(key: Uuid, failures: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let wait = doubled.min(LONGEST_WAIT);
    wait + wait / 4 * u32::from(key.as_bytes()[15]) / 255
}

impl Wake {
    /// Asks for a look at `key` soon.
    pub(crate) fn wake(&self, key: Uuid) {
        lock(&self.woken).insert(key);
        self.notify.notify_one();
    }

    #[cfg(test)]
    pub(crate) fn is_woken(&self, key: Uuid) -> bool {
        lock(&self.woken).contains(&key)
    }

    /// Remembers that what happens to `part` concerns `key`.
    pub(crate) fn own(&self, part: Uuid, key: Uuid) {
        lock(&self.owners).insert(part, key);
    }

    /// Forgets what [`Wake::own`] said.
    pub(crate) fn disown(&self, part: &Uuid) {
        lock(&self.owners).remove(part);
    }

    pub(crate) fn owner_of(&self, part: &Uuid) -> Option<Uuid> {
        lock(&self.owners).get(part).copied()
    }

    /// Steps through due keys until `shutdown` turns true. Never two steps of one
    /// key at once: a key that is woken meanwhile is looked at again afterwards.
    pub(crate) async fn run<F, S>(&self, mut shutdown: watch::Receiver<bool>, step: S)
    where
        F: Future<Output = Result<After, StepError>> + Send + 'static,
        S: Fn(Uuid) -> F,
    {
        let mut pending = Pending::default();
        let mut running = JoinSet::new();
        let mut keys: HashMap<task::Id, Uuid> = HashMap::new();
        let mut again: HashSet<Uuid> = HashSet::new();
        loop {
            let now = Instant::now();
            for key in lock(&self.woken).drain() {
                if keys.values().any(|running| *running == key) {
                    again.insert(key);
                } else {
                    pending.due.insert(key, now);
                }
            }
            for key in pending.take_due(now, PARALLEL - running.len()) {
                let handle = running.spawn(step(key));
                keys.insert(handle.id(), key);
            }
            let is_full = running.len() >= PARALLEL;
            let next = pending.due.values().min().copied();
            tokio::select! {
                () = self.notify.notified() => {}
                () = sleep_until(next), if !is_full => {}
                Some(ended) = running.join_next_with_id() => {
                    let (key, result) = ended_step(&mut keys, ended);
                    let now = Instant::now();
                    if let Some(key) = key {
                        pending.settle(key, result, now);
                        if again.remove(&key) {
                            pending.due.insert(key, now);
                        }
                    }
                }
                _ = shutdown.wait_for(|stop| *stop) => break,
            }
        }
        let ended = tokio::time::timeout(GRACE, async {
            while running.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::info!(
                steps = running.len(),
                "steps under way go on after the next start"
            );
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn ended_step(
    keys: &mut HashMap<task::Id, Uuid>,
    ended: Result<(task::Id, Result<After, StepError>), JoinError>,
) -> (Option<Uuid>, Result<After, StepError>) {
    match ended {
        Ok((id, result)) => (keys.remove(&id), result),
        Err(error) => {
            let inside = format!("a step panicked: {error}");
            let panicked = wharf_core::Error::Internal { inside };
            (keys.remove(&error.id()), Err(panicked.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let key = Uuid::from_u128(7);
        let waits: Vec<_> = (1..40).map(|failures| back_off(key, failures)).collect();
        assert!(waits.is_sorted());
        assert_eq!(waits[0].as_millis() / 10, 25);
        assert!(waits.iter().all(|wait| *wait <= LONGEST_WAIT * 5 / 4));
    }

    #[test]
    fn what_fails_in_the_background_waits_longer_each_time_too() {
        let (key, now) = (Uuid::from_u128(1), Instant::now());
        let mut pending = Pending::default();
        let mut waits = Vec::new();
        for _ in 0..3 {
            pending.settle(key, Ok(After::Begun), now);
            let error = wharf_core::Error::internal("away");
            pending.settle(key, Err(error.into()), now);
            waits.push(pending.due[&key] - now);
        }
        assert_eq!(waits[2], waits[0] * 4);
        pending.settle(key, Ok(After::Done), now);
        assert!(pending.failures.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_step_is_tried_again_and_a_panic_too() {
        let wake = Arc::new(Wake::default());
        let (stop, stopped) = watch::channel(false);
        let steps = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&steps);
        wake.wake(Uuid::from_u128(1));
        wake.run(stopped, move |_| {
            let (counted, stop) = (Arc::clone(&counted), stop.clone());
            async move {
                match counted.fetch_add(1, Ordering::Relaxed) {
                    0 => Err(wharf_core::Error::internal("first").into()),
                    1 => panic!("second"),
                    2 => Ok(After::Again(Duration::from_secs(5))),
                    _ => {
                        stop.send_replace(true);
                        Ok(After::Done)
                    }
                }
            }
        })
        .await;
        assert_eq!(steps.load(Ordering::Relaxed), 4);
    }
}
