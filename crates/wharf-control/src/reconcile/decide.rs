//! What an endpoint and its deployments need next, told from what is there alone.

use std::time::Duration;

use wharf_core::{
    backend::{ReplicaObservation, ReplicaPhase, WorkloadObservation},
    deployment::DeploymentState,
    resource::Failure,
};

use super::progress::Counts;

/// How far a deployment is on its way to what it should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stand {
    /// It serves as it is wanted.
    Reached,
    /// That is not known yet.
    Waiting,
    /// It will not come up as it is.
    Failed(Failure),
    /// An operation was told so earlier, and nobody has asked for it since.
    FailedBefore,
}

/// How far an endpoint is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// Something is on its way.
    Open,
    /// All that was asked for is there.
    Reached,
    /// All have come to an end, and not all to a good one.
    Failed(Failure),
}

/// Folds the deployments of an endpoint into its own end. All are waited for, so that
/// the end tells of each; a failure that was told before is not told to an operation
/// that asked for something else. Names are those of versions, for messages.
pub(crate) fn end<N: std::fmt::Display>(stands: &[(Option<N>, Stand)]) -> End {
    if stands.iter().any(|(_, stand)| *stand == Stand::Waiting) {
        return End::Open;
    }
    let failed = stands.iter().filter_map(|(name, stand)| match stand {
        Stand::Failed(failure) => Some((name.as_ref(), failure)),
        _ => None,
    });
    let failed: Vec<_> = failed.collect();
    Failure::together(&failed).map_or(End::Reached, End::Failed)
}

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
                "a replica does not start: {}. The service's logs (get_logs) have the whole story",
                message.trim_end().trim_end_matches('.')
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

/// Stands between what failed and the end of the log.
const LOG_HEADING: &str = "\nThe last lines of its log:\n";
/// The last words of a replica's life, as the scorer logs them.
const STOPPED: &str = " wharf - stopped";

/// What the log says of the last life of a replica, without the scorer's own lines
/// that say again what the failure says: an earlier attempt failed like this one.
pub(crate) fn last_attempt(failure: &Failure, log: &str) -> Vec<String> {
    let lines: Vec<_> = log.lines().collect();
    let whole = lines.strip_suffix(&[""]).unwrap_or(&lines);
    let mut ended = whole.split(|line| line.ends_with(STOPPED));
    let last = ended.rfind(|life| !life.is_empty());
    let told = |line: &&&str| !says_again(line, &failure.message);
    let last = last.unwrap_or_default().iter().filter(told);
    last.map(|line| (*line).to_owned()).collect()
}

/// Whether a line of the scorer's own carries a reason that `message` has.
fn says_again(line: &str, message: &str) -> bool {
    let own = match line.split_once(" wharf - ") {
        Some((_, own)) => own,
        None if line.starts_with("error: ") => line,
        None => return false,
    };
    let reason = own.split_once(": ").map_or(own, |(_, reason)| reason);
    message.contains(reason.trim_end().trim_end_matches('.'))
}

/// What failed, without the lines of the log.
pub(crate) fn sentence(failure: &Failure) -> &str {
    let parts = failure.message.split_once(LOG_HEADING);
    parts.map_or(failure.message.as_str(), |(sentence, _)| sentence)
}

/// A failure with the last lines of the replica's log, where the reason is.
pub(crate) fn with_log(failure: Failure, log: &[String]) -> Failure {
    let mut lines: Vec<&str> = Vec::new();
    let mut bytes = 0;
    for line in log.iter().rev().take(LOG_LINES) {
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
    let message = format!("{}{LOG_HEADING}{}", failure.message, lines.join("\n"));
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

    #[test]
    fn an_endpoint_ends_when_all_its_deployments_have() {
        let failure = |message: &str| Failure::new("ReplicaFailed", message);
        let (reached, waiting, before) = (Stand::Reached, Stand::Waiting, Stand::FailedBefore);
        let fold = |stands: &[&Stand]| {
            let named = stands.iter().zip(["one", "two", "three"]);
            let named: Vec<_> = named
                .map(|(it, name)| (Some(name), Stand::clone(it)))
                .collect();
            end(&named)
        };
        let (bad, worse) = (
            Stand::Failed(failure("bad")),
            Stand::Failed(failure("worse")),
        );
        assert_eq!(fold(&[&reached, &reached]), End::Reached);
        assert_eq!(fold(&[&reached, &waiting]), End::Open);
        // One that failed is told when the others have ended, too.
        assert_eq!(fold(&[&bad, &waiting]), End::Open);
        assert_eq!(
            fold(&[&bad, &reached]),
            End::Failed(failure("version `one`: bad"))
        );
        let both = failure("version `one`: bad\nversion `three`: worse");
        assert_eq!(fold(&[&bad, &reached, &worse]), End::Failed(both));
        // An earlier failure is nobody's business who asked for something else.
        assert_eq!(fold(&[&before, &reached]), End::Reached);
        assert_eq!(fold(&[&before]), End::Reached);
        assert_eq!(
            fold(&[&before, &bad]),
            End::Failed(failure("version `two`: bad"))
        );
        assert_eq!(end(&[(None::<&str>, bad)]), End::Failed(failure("bad")));
    }

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
            message: "no module named x.".into(),
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
            if failure.code == "ReplicaFailed"
                && failure.message.contains("module named x. The service's logs")));
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
        assert_eq!(with_log(failure.clone(), &[]), failure);
        let log: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
        let told = with_log(failure.clone(), &log);
        assert_eq!(sentence(&told), "it does not start");
        let message = told.message;
        assert!(message.starts_with("it does not start\nThe last lines of its log:\nline 80\n"));
        assert!(message.ends_with("line 99"));
        let long = ["x".repeat(LOG_BYTES), "KeyError: 'x'".to_owned()];
        let message = with_log(failure, &long).message;
        assert!(message.ends_with("log:\nKeyError: 'x'"));
    }

    #[test]
    fn of_two_attempts_the_last_is_told_once() {
        let reason = "User's init function failed: KeyError: 'x'. Look.";
        let failure = Failure::new("ReplicaFailed", format!("it does not start: {reason}"));
        let life = format!(
            "Traceback\nKeyError: 'x'\n2026 E [1] wharf - a worker did not start: {reason}\n\
             2026 E [1] wharf - the replica failed: {reason}\n2026 I [1] wharf - stopped\n"
        );
        let log = format!("error: {reason}\nearlier\n{life}second\n{life}");
        assert_eq!(
            last_attempt(&failure, &log),
            ["second", "Traceback", "KeyError: 'x'"]
        );
        let crashed = format!("error: {reason}\nout of memory");
        assert_eq!(last_attempt(&failure, &crashed), ["out of memory"]);
        assert!(last_attempt(&failure, "").is_empty());
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
