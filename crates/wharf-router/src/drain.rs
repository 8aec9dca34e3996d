//! How a router stops: it accepts nothing new, ends what runs, then goes.

use tokio::sync::watch;

/// How far stopping got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Everything as usual.
    Serving,
    /// No new connections; requests in flight end.
    Draining,
    /// Everything is cut.
    Ended,
}

/// Tells tasks how far stopping got.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<Phase>);

impl Stop {
    pub(crate) fn new() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Serving);
        (sender, Self(receiver))
    }

    /// Returns when draining has begun. A handle that was dropped stops nothing:
    /// the router then runs as long as its runtime.
    pub(crate) async fn draining(&mut self) {
        self.reaches(Phase::Draining).await;
    }

    /// Returns when everything is to be cut.
    pub(crate) async fn ended(&mut self) {
        self.reaches(Phase::Ended).await;
    }

    async fn reaches(&mut self, phase: Phase) {
        if self.0.wait_for(|now| *now >= phase).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
