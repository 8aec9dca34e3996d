//! What an endpoint's deployment needs next, told from what is there alone.

use std::time::Duration;

use wharf_core::{
    backend::{ReplicaObservation, ReplicaPhase, WorkloadObservation},
    deployment::DeploymentState,
    resource::Failure,
};

use super::progress::Counts;

/// Longest time from a change to its end: environments are built before, so this
/// bounds loading the model.
pub(crate) const LONGEST_ROLLOUT: Duration = Duration::from_secs(30 * 60);

/// The next step of a revision that is on its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rollout {
    /// Wait for replicas.
    Wait,
    /// Enough replicas answer: give it the traffic.
    Serve,
    /// It will not come up as it is.
    Fail(Failure),
}

/// Decides about a generation, `age` after it was asked for. `before` has the restarts
/// of replicas when it began; `None` for a revision that serves already: what its
/// replicas went through says nothing of a change that they do not see.
pub(crate) fn rollout(
    seen: &WorkloadObservation,
    age: Duration,
    before: Option<&Counts>,
) -> Rollout {
    if seen.wanted > 0 && seen.ready() >= seen.wanted {
        return Rollout::Serve;
    }
    // A replica that failed once may have met a passing fault; one that failed again
    // after a restart has not.
    let failed = before.and_then(|before| {
        let has_restarted = |replica: &ReplicaObservation| {
            replica.restarts > before.get(&replica.id).copied().unwrap_or(0)
        };
        seen.replicas
            .iter()
            .find_map(|replica| match &replica.phase {
                ReplicaPhase::Failed { message } if has_restarted(replica) => Some(message),
                _ => None,
            })
    });
    if let Some(message) = failed {
        return Rollout::Fail(Failure::new(
            "ReplicaFailed",
            format!(
                "a replica does not start: {message}. The service's logs (get_logs) have the whole \
                 story"
            ),
        ));
    }
    if age >= LONGEST_ROLLOUT {
        return Rollout::Fail(Failure::new(
            "RolloutTimedOut",
            format!(
                "{} of {} replicas were ready after {} minutes; look at the service's logs",
                seen.ready(),
                seen.wanted,
                LONGEST_ROLLOUT.as_secs() / 60
            ),
        ));
    }
    Rollout::Wait
}

/// Lines of a replica's log that go into a failure.
const LOG_LINES: usize = 20;
/// Most bytes of them.
const LOG_BYTES: usize = 4_096;

/// A failure with the last lines of the replica's log, where the reason is.
pub(crate) fn with_log(failure: Failure, log: &str) -> Failure {
    let mut lines: Vec<&str> = Vec::new();
    let mut bytes = 0;
    for line in log.lines().rev().take(LOG_LINES) {
        bytes += line.len() + 1;
        if bytes > LOG_BYTES {
            break;
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return failure;
    }
    lines.reverse();
    let message = format!(
        "{}\nThe last lines of its log:\n{}",
        failure.message,
        lines.join("\n")
    );
    Failure { message, ..failure }
}

/// The state of a revision that serves.
pub(crate) fn health(seen: &WorkloadObservation) -> (DeploymentState, Option<Failure>) {
    if seen.ready() > 0 || seen.wanted == 0 {
        return (DeploymentState::Healthy, None);
    }
    let message = seen
        .replicas
        .iter()
        .find_map(|replica| match &replica.phase {
            ReplicaPhase::Failed { message } => Some(message.clone()),
            _ => None,
        });
    let message = message.unwrap_or_else(|| "its replicas are starting again".to_owned());
    let failure = Failure::new("NoReadyReplica", format!("no replica is ready: {message}"));
    (DeploymentState::Unhealthy, Some(failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(wanted: u32, phases: &[(ReplicaPhase, u32)]) -> WorkloadObservation {
        let replicas =
            phases
                .iter()
                .enumerate()
                .map(|(index, (phase, restarts))| ReplicaObservation {
                    id: index.to_string(),
                    phase: phase.clone(),
                    restarts: *restarts,
                    process: None,
                    address: None,
                });
        WorkloadObservation {
            wanted,
            replicas: replicas.collect(),
        }
    }

    fn failed() -> ReplicaPhase {
        ReplicaPhase::Failed {
            message: "no module named x".into(),
        }
    }

    #[test]
    fn all_wanted_replicas_must_answer_before_it_serves() {
        use ReplicaPhase::{Ready, Starting};
        let young = Duration::from_secs(1);
        for (seen, expected) in [
            (seen(1, &[]), Rollout::Wait),
            (seen(1, &[(Starting, 0)]), Rollout::Wait),
            (seen(2, &[(Ready, 0), (Starting, 0)]), Rollout::Wait),
            (seen(2, &[(Ready, 0), (Ready, 3)]), Rollout::Serve),
            (seen(1, &[(failed(), 0)]), Rollout::Wait),
            (seen(0, &[]), Rollout::Wait),
        ] {
            assert_eq!(
                rollout(&seen, young, Some(&Counts::new())),
                expected,
                "{seen:?}"
            );
        }
    }

    #[test]
    fn failing_again_or_taking_too_long_is_the_end() {
        let fresh = Counts::new();
        let again = rollout(&seen(1, &[(failed(), 1)]), Duration::ZERO, Some(&fresh));
        assert!(matches!(&again, Rollout::Fail(failure)
            if failure.code == "ReplicaFailed" && failure.message.contains("module named x")));
        let starting = seen(1, &[(ReplicaPhase::Starting, 0)]);
        for before in [None, Some(&fresh)] {
            let late = rollout(&starting, LONGEST_ROLLOUT, before);
            assert!(matches!(late, Rollout::Fail(failure) if failure.code == "RolloutTimedOut"));
        }
    }

    #[test]
    fn what_happened_before_a_change_is_not_held_against_it() {
        let seen = seen(1, &[(failed(), 3)]);
        let young = Duration::ZERO;
        let before = |restarts| Counts::from([("0".to_owned(), restarts)]);
        assert_eq!(rollout(&seen, young, Some(&before(3))), Rollout::Wait);
        let since = rollout(&seen, young, Some(&before(2)));
        assert!(matches!(since, Rollout::Fail(_)));
        // What serves is only waited for.
        assert_eq!(rollout(&seen, young, None), Rollout::Wait);
    }

    #[test]
    fn a_failure_carries_the_end_of_the_log_and_not_more() {
        let failure = Failure::new("ReplicaFailed", "it does not start");
        assert_eq!(with_log(failure.clone(), ""), failure);
        let log: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
        let message = with_log(failure.clone(), &log.join("\n")).message;
        assert!(message.starts_with("it does not start\nThe last lines of its log:\nline 80\n"));
        assert!(message.ends_with("line 99"));
        let long = format!("{}\nKeyError: 'x'", "x".repeat(LOG_BYTES));
        let message = with_log(failure, &long).message;
        assert!(message.ends_with("log:\nKeyError: 'x'"));
    }

    #[test]
    fn one_ready_replica_is_healthy() {
        let one = seen(2, &[(ReplicaPhase::Ready, 0), (failed(), 4)]);
        assert_eq!(health(&one).0, DeploymentState::Healthy);
        let none = health(&seen(1, &[(failed(), 4)]));
        assert_eq!(none.0, DeploymentState::Unhealthy);
        assert!(
            none.1
                .is_some_and(|failure| failure.message.contains("module"))
        );
    }
}
