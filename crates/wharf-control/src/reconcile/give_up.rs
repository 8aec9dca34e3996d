//! When nothing but errors has come for too long: a client waits for the end of its
//! operation, so it gets one. The steps go on all the same.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use uuid::Uuid;
use wharf_core::{
    Error,
    resource::{Failure, Generation, Observed},
};

use super::{After, StepError, decide::LONGEST_ROLLOUT, patience::Wait};
use crate::App;

/// Code of the failure of what was given up.
const CODE: &str = "Unavailable";

/// Makes a panic of a step an error like others.
pub(super) async fn caught(
    step: impl Future<Output = Result<After, StepError>>,
) -> Result<After, StepError> {
    AssertUnwindSafe(step)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Error::internal("a step panicked").into()))
}

/// Whether a generation was given up: its operation has ended, and its steps go on.
pub(super) fn is_given_up(observed: &Observed) -> bool {
    matches!(observed, Observed::Failed { failure, .. } if failure.code == CODE)
}

/// What went wrong, for whoever waits; our own bugs stay in the log.
pub(super) fn reason(error: &StepError) -> String {
    match error {
        StepError::Core(Error::Unavailable { inside, .. }) => format!("{error}: {inside}"),
        StepError::Core(Error::Internal { .. }) => format!("{error}; the server's log has more"),
        _ => error.to_string(),
    }
}

/// What an error of a step means.
pub(super) struct Verdict {
    /// It is the first since the last good step.
    pub(super) is_first: bool,
    /// What ends the generation's operation, once errors have lasted for half an
    /// hour.
    pub(super) failure: Option<Failure>,
}

/// Judges an error of a step.
pub(super) fn judge(app: &App, key: Uuid, generation: Generation, error: &StepError) -> Verdict {
    let age = app.inner.patience.age(key, generation, Wait::Away);
    let failure = (age >= LONGEST_ROLLOUT).then(|| {
        let minutes = LONGEST_ROLLOUT.as_secs() / 60;
        let why = reason(error);
        let message = format!("given up after {minutes} minutes: {why}. Mend that and ask again");
        Failure::new(CODE, message)
    });
    Verdict {
        is_first: age.is_zero(),
        failure,
    }
}

/// Whether an error is a test's way of stopping everything.
pub(super) fn is_stop(error: &StepError) -> bool {
    #[cfg(any(test, feature = "testing"))]
    return matches!(error, StepError::Stopped(_));
    #[cfg(not(any(test, feature = "testing")))]
    {
        let _ = error;
        false
    }
}
