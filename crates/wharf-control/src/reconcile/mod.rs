//! The loops that make things so.
//!
//! A reconciler takes keys, never changes: it loads what should be and what is,
//! does one step, and comes again. It is woken by a signal and by a timer; the
//! timer is the retry. Killed anywhere, it ends the same, since every step is
//! safe to repeat.
//!
//! - [`wake`]: which keys are due, and the loop over them
//! - [`compute`]: attach, detach; [`managed_cluster`]: clusters that go by themselves
//! - [`endpoint`]: route and status of all deployments; [`deployment`]: the replicas of
//!   one, after their [`environment`]; [`removal`]: revisions that go
//! - [`decide`]: the pure decisions: a deployment's next step, an endpoint's end
//! - [`background`]: builds and removals, which no step waits for
//! - [`patience`]: how long something has been waited for; [`give_up`]: when errors
//!   end an operation; [`progress`]: what need not be learned twice
//! - [`fault`]: where tests stop it; [`log`]: lines for whoever waits

mod background;
mod compute;
pub(crate) mod decide;
mod deployment;
mod endpoint;
mod environment;
mod fault;
mod give_up;
mod log;
mod managed_cluster;
mod patience;
mod progress;
mod removal;
mod wake;

use std::time::Duration;

use tokio::sync::{broadcast::error::RecvError, watch};
use wharf_core::Error;

pub(crate) use background::Background;
pub use fault::FAULT_POINTS;
pub(crate) use fault::{FaultPoint, Faults};
pub(crate) use patience::Patience;
pub(crate) use progress::Progress;
pub(crate) use wake::Wake;

use crate::App;

/// How often everything unsettled is looked at again, signal or not.
const RESYNC: Duration = Duration::from_secs(30);
/// How long steps and removals may run on after a shutdown was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// What a step leaves to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing until the next signal.
    Done,
    /// Something was begun that wakes the key at its end; how it ends is not known.
    Begun,
    /// Look again after this time at the latest.
    Again(Duration),
}

/// Why a step did not get to its end; it is tried again with back-off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Core(#[from] Error),
    #[error("{0}")]
    Backend(#[from] wharf_core::backend::BackendError),
    /// Stopped on purpose at a fault point of a test.
    #[cfg(any(test, feature = "testing"))]
    #[error("stopped at {0:?}")]
    Stopped(FaultPoint),
}

impl From<wharf_store::StoreError> for StepError {
    fn from(error: wharf_store::StoreError) -> Self {
        Self::Core(error.into())
    }
}

/// Ends what steps have begun when the reconcilers end, whichever way.
struct EndWithReconcilers<'a>(&'a App);

impl Drop for EndWithReconcilers<'_> {
    fn drop(&mut self) {
        self.0.inner.builds.cancel(|_| true);
        self.0.inner.removals.cancel(|_| true);
    }
}

/// Runs all reconcilers until `shutdown` turns true.
pub(crate) async fn run(app: &App, shutdown: watch::Receiver<bool>) {
    let _end = EndWithReconcilers(app);
    let (computes, endpoints) = (&app.inner.computes, &app.inner.endpoints);
    tokio::join!(
        app.inner.managed_clusters.run(shutdown.clone(), |key| {
            let app = app.clone();
            async move { managed_cluster::step(&app, key).await }
        }),
        computes.run(shutdown.clone(), |key| {
            let app = app.clone();
            async move { compute::step(&app, key).await }
        }),
        endpoints.run(shutdown.clone(), |key| {
            let app = app.clone();
            async move { endpoint::step(&app, key).await }
        }),
        resync(app, shutdown.clone()),
        follow_backend(app, shutdown),
    );
    app.inner.removals.settle(GRACE).await;
}

/// Wakes everything at the start, and what is unsettled from time to time.
async fn resync(app: &App, mut shutdown: watch::Receiver<bool>) {
    let mut is_start = true;
    loop {
        if let Err(error) = wake_unsettled(app, is_start).await {
            tracing::warn!(%error, "what is unsettled could not be listed");
        } else {
            is_start = false;
        }
        tokio::select! {
            () = tokio::time::sleep(RESYNC) => {}
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}

async fn wake_unsettled(app: &App, all: bool) -> Result<(), Error> {
    let mut session = app.store().read().await?;
    let endpoints = if all {
        session.endpoint_ids().await?
    } else {
        session.endpoint_unsettled().await?
    };
    for key in session.managed_cluster_going().await? {
        app.inner.managed_clusters.wake(key);
    }
    for key in session.compute_unsettled().await? {
        app.inner.computes.wake(key);
    }
    for key in endpoints {
        app.inner.endpoints.wake(key);
    }
    Ok(())
}

/// Wakes an endpoint when a replica of it changes.
async fn follow_backend(app: &App, mut shutdown: watch::Receiver<bool>) {
    let mut changes = app.inner.backend_changes.subscribe();
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            _ = shutdown.wait_for(|stop| *stop) => return,
        };
        match change {
            Ok(key) => {
                if let Some(endpoint) = app.inner.endpoints.owner_of(&key.deployment) {
                    app.inner.endpoints.wake(endpoint);
                }
            }
            Err(RecvError::Lagged(_)) => {
                if let Err(error) = wake_unsettled(app, true).await {
                    tracing::warn!(%error, "endpoints could not be listed");
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}
