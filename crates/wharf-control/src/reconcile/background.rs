//! What a step begins and does not wait for: building an environment takes minutes,
//! removing a revision as long as its slowest call. The step returns, so that other
//! keys get their turn; the end wakes the key, and its next look finds the outcome.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    task::JoinHandle,
};
use wharf_core::Error;

/// What is under way or has ended unseen, by key. It is not written down: after a
/// restart the steps begin it again.
pub(crate) struct Background<K, T>(Mutex<HashMap<K, Deed<T>>>);

struct Deed<T> {
    outcome: oneshot::Receiver<T>,
    task: JoinHandle<()>,
}

/// Tells of the end, also of one by a panic: the outcome first, then the wake-up.
struct End<T, W: FnOnce()> {
    outcome: Option<oneshot::Sender<T>>,
    wake: Option<W>,
}

impl<T, W: FnOnce()> Drop for End<T, W> {
    fn drop(&mut self) {
        self.outcome = None;
        if let Some(wake) = self.wake.take() {
            wake();
        }
    }
}

impl<K, T> Default for Background<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T> Background<K, T> {
    fn deeds(&self) -> MutexGuard<'_, HashMap<K, Deed<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `key` was begun and its outcome not taken yet.
    pub(crate) fn has(&self, key: &K) -> bool {
        self.deeds().contains_key(key)
    }

    /// Takes the outcomes that are there; an error for a deed that panicked.
    pub(crate) fn take_ended(&self, which: impl Fn(&K) -> bool) -> Vec<Result<T, Error>> {
        let mut outcomes = Vec::new();
        self.deeds().retain(|key, deed| {
            if !which(key) {
                return true;
            }
            match deed.outcome.try_recv() {
                Err(TryRecvError::Empty) => return true,
                Ok(outcome) => outcomes.push(Ok(outcome)),
                Err(TryRecvError::Closed) => {
                    outcomes.push(Err(Error::internal("a deed in the background panicked")));
                }
            }
            false
        });
        outcomes
    }

    /// Ends deeds where they are, and forgets their outcomes.
    pub(crate) fn cancel(&self, which: impl Fn(&K) -> bool) {
        self.deeds().retain(|key, deed| {
            if which(key) {
                deed.task.abort();
            }
            !which(key)
        });
    }

    /// Waits for what is under way, at most `grace`, and cancels the rest.
    pub(crate) async fn settle(&self, grace: Duration) {
        let tasks: Vec<_> = self.deeds().drain().map(|(_, deed)| deed.task).collect();
        let rest: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = futures_util::future::join_all(tasks);
        if tokio::time::timeout(grace, all).await.is_err() {
            rest.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}

impl<K: Eq + Hash, T: Send + 'static> Background<K, T> {
    /// Begins `deed`, unless one of that key is there; `wake` is called at its end.
    pub(crate) fn begin(
        &self,
        key: K,
        deed: impl Future<Output = T> + Send + 'static,
        wake: impl FnOnce() + Send + 'static,
    ) {
        self.deeds().entry(key).or_insert_with(|| {
            let (tell, outcome) = oneshot::channel();
            let mut end = End {
                outcome: Some(tell),
                wake: Some(wake),
            };
            let task = tokio::spawn(async move {
                let outcome = deed.await;
                if let Some(tell) = end.outcome.take() {
                    // Nobody takes it: the deed was cancelled just now.
                    let _ = tell.send(outcome);
                }
                drop(end);
            });
            Deed { outcome, task }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    fn waker() -> (Arc<Notify>, impl FnOnce() + Send + 'static) {
        let woken = Arc::new(Notify::new());
        let wake = Arc::clone(&woken);
        (woken, move || wake.notify_one())
    }

    #[tokio::test]
    async fn the_outcome_is_there_when_the_key_is_woken_and_is_taken_once() {
        let background = Background::default();
        let (woken, wake) = waker();
        background.begin(1, async { 7 }, wake);
        background.begin(1, async { 8 }, || panic!("one at a time"));
        woken.notified().await;
        assert!(background.take_ended(|key| *key == 2).is_empty());
        let ended = background.take_ended(|key| *key == 1);
        assert!(matches!(ended[..], [Ok(7)]), "{ended:?}");
        assert!(!background.has(&1));
    }

    #[tokio::test]
    async fn a_panic_is_an_outcome_too() {
        let background = Background::<u8, ()>::default();
        let (woken, wake) = waker();
        background.begin(1, async { panic!("on purpose") }, wake);
        woken.notified().await;
        assert!(matches!(background.take_ended(|_| true)[..], [Err(_)]));
    }

    #[tokio::test]
    async fn what_is_cancelled_ends_and_leaves_no_outcome() {
        let background = Background::<u8, ()>::default();
        let (woken, wake) = waker();
        background.begin(1, std::future::pending(), wake);
        background.cancel(|_| true);
        woken.notified().await;
        assert!(!background.has(&1));
    }
}
