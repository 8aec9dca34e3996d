//! Where a test can stop a reconciler, as a kill would, or end its process. In a
//! release build a fault point is nothing.

use super::StepError;

wharf_core::fault_points! {
    /// The points: one after each thing that a reconciler does.
    pub(crate) enum FaultPoint {
        ComputeAttachBegun,
        ComputeClusterMade,
        ComputeAttached,
        ComputeSettled,
        ComputeRemoveBegun,
        ComputeDetached,
        ComputeClusterDeleted,
        ComputeForgotten,
        EndpointBegun,
        EndpointNoted,
        EndpointEnvironmentBuilt,
        EndpointEnsured,
        EndpointWaiting,
        EndpointServingWritten,
        EndpointRouted,
        EndpointReachedWritten,
        EndpointOldRevisionRemoved,
        EndpointRetiredRemoved,
        EndpointFailureWritten,
        EndpointUnrouted,
        EndpointRevisionRemoved,
        EndpointForgotten,
    }
}

/// The names of the points, for a test that has to hit each.
pub const FAULT_POINTS: &[&str] = FaultPoint::NAMES;

/// What a test has planned for one App.
#[derive(Default)]
pub(crate) struct Faults {
    #[cfg(any(test, feature = "testing"))]
    plan: plan::Plan,
}

impl Faults {
    /// Passes `point`, or stops there when the test planned so.
    pub(crate) fn pass(&self, point: FaultPoint) -> Result<(), StepError> {
        point.reach();
        #[cfg(any(test, feature = "testing"))]
        return self.plan.pass(point);
        #[cfg(not(any(test, feature = "testing")))]
        Ok(())
    }
}

#[cfg(any(test, feature = "testing"))]
mod plan {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use tokio::sync::watch;

    use super::{FaultPoint, StepError};

    /// Where to stop, and what was passed.
    pub(crate) struct Plan {
        state: Mutex<State>,
        stopped: watch::Sender<bool>,
        /// Told of each pass.
        hook: Mutex<Option<Hook>>,
    }

    type Hook = Box<dyn Fn() + Send>;

    #[derive(Default)]
    struct State {
        passed: usize,
        stop_after: Option<usize>,
        stop_at: Option<FaultPoint>,
        stopped_at: Option<FaultPoint>,
    }

    impl Default for Plan {
        fn default() -> Self {
            Self {
                state: Mutex::default(),
                stopped: watch::Sender::new(false),
                hook: Mutex::default(),
            }
        }
    }

    impl Plan {
        fn state(&self) -> MutexGuard<'_, State> {
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// Once stopped, an App stays so: nothing that it does passes any point.
        pub(super) fn pass(&self, point: FaultPoint) -> Result<(), StepError> {
            if let Some(hook) = &*self.hook.lock().unwrap_or_else(PoisonError::into_inner) {
                hook();
            }
            let mut state = self.state();
            let is_here = state.stop_after == Some(state.passed) || state.stop_at == Some(point);
            if *self.stopped.borrow() || is_here {
                state.stopped_at.get_or_insert(point);
                self.stopped.send_replace(true);
                return Err(StepError::Stopped(point));
            }
            state.passed += 1;
            Ok(())
        }
    }

    #[cfg(test)]
    impl super::Faults {
        /// Stops at the point that comes after `passed` others.
        pub(crate) fn stop_after(&self, passed: usize) {
            self.plan.state().stop_after = Some(passed);
        }

        /// Stops at the first pass of `point`.
        pub(crate) fn stop_at(&self, point: FaultPoint) {
            self.plan.state().stop_at = Some(point);
        }

        /// Calls `hook` at each pass.
        pub(crate) fn at_each(&self, hook: impl Fn() + Send + 'static) {
            let mut place = self
                .plan
                .hook
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *place = Some(Box::new(hook));
        }

        /// The point of the stop.
        pub(crate) fn stopped_at(&self) -> Option<FaultPoint> {
            self.plan.state().stopped_at
        }

        /// Turns true at the stop.
        pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
            self.plan.stopped.subscribe()
        }
    }
}
