//! Which replica takes a request: the least loaded one with a free slot.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{breaker::Breaker, replica::Replica};

/// A replica as a workload sees it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) replica: Arc<Replica>,
    /// Slots taken.
    pub(crate) busy: u32,
    /// In the table of ready replicas. One that left stays while it works.
    pub(crate) is_ready: bool,
    pub(crate) breaker: Breaker,
}

/// Index of the replica to take. `first` moves on with each request, so that
/// equally loaded replicas take turns. `avoid` has failed this request already.
///
/// When more than half are ejected, ejection counts for nothing: then the fault
/// is hardly in the replicas, and the rest could not carry the load.
pub(crate) fn pick(
    members: &[Member],
    concurrency: u32,
    avoid: &[Arc<Replica>],
    first: usize,
    now: Instant,
) -> Option<usize> {
    let mut ready = 0usize;
    let mut ejected = 0usize;
    for member in members.iter().filter(|member| member.is_ready) {
        ready += 1;
        ejected += usize::from(member.breaker.is_ejected(now));
    }
    let heeds_ejection = ejected * 2 <= ready;
    (0..members.len())
        .map(|step| (first + step) % members.len())
        .filter(|&index| {
            let member = &members[index];
            member.is_ready
                && member.busy < concurrency
                && !(heeds_ejection && member.breaker.is_ejected(now))
                && !avoid
                    .iter()
                    .any(|replica| Arc::ptr_eq(replica, &member.replica))
        })
        .min_by_key(|&index| members[index].busy)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use wharf_core::route::{ReadyReplica, ReplicaAddress};

    use super::*;
    use crate::breaker::Outcome;

    fn members(busy: &[u32]) -> Vec<Member> {
        busy.iter()
            .enumerate()
            .map(|(index, &busy)| Member {
                replica: Arc::new(Replica::new(&ReadyReplica {
                    id: index.to_string(),
                    address: ReplicaAddress::Unix(PathBuf::from("/nowhere")),
                })),
                busy,
                is_ready: true,
                breaker: Breaker::default(),
            })
            .collect()
    }

    fn eject(member: &mut Member, now: Instant) {
        for _ in 0..crate::breaker::FAILURES {
            member.breaker.note(Outcome::Bad, now);
        }
    }

    #[test]
    fn the_least_loaded_with_a_free_slot_is_taken() {
        let now = Instant::now();
        assert_eq!(pick(&members(&[2, 1, 2]), 3, &[], 0, now), Some(1));
        assert_eq!(pick(&members(&[1, 1]), 1, &[], 0, now), None);
        assert_eq!(pick(&[], 1, &[], 7, now), None);
        assert_eq!(pick(&members(&[0, 0, 0]), 1, &[], 2, now), Some(2));
    }

    #[test]
    fn replicas_that_left_or_failed_this_request_are_skipped() {
        let now = Instant::now();
        let mut all = members(&[0, 1, 1]);
        all[0].is_ready = false;
        let avoid = [Arc::clone(&all[1].replica)];
        assert_eq!(pick(&all, 2, &avoid, 0, now), Some(2));
    }

    #[test]
    fn at_most_half_are_ejected() {
        let now = Instant::now();
        let mut all = members(&[0, 0, 1, 1]);
        eject(&mut all[0], now);
        eject(&mut all[1], now);
        assert_eq!(pick(&all, 2, &[], 0, now), Some(2));
        eject(&mut all[2], now);
        assert_eq!(pick(&all, 2, &[], 0, now), Some(0));
        let mut single = members(&[0]);
        eject(&mut single[0], now);
        assert_eq!(pick(&single, 1, &[], 0, now), Some(0));
    }
}
