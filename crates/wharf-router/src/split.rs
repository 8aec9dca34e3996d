//! Which deployment a request goes to: by weight, each request for itself.
//!
//! The request's own random id is the die, so that no other source of chance is
//! needed and a log line can be followed to its target.
//!
//! The first target is the default one. It answers what is asked of the endpoint as a
//! whole, and for a deployment that has no replica
//! (docs/decisions/0023-a-share-without-replicas.md).

use std::sync::Arc;

use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    admit::{Refused, Slot},
    lookup::Action,
    replica::Replica,
    table::Target,
};

/// The target of a request; `None` when nothing serves.
pub(crate) fn choose<'a>(
    targets: &'a [Target],
    action: Action,
    request: &Uuid,
) -> Option<&'a Target> {
    let by_weight = split(targets, request)?;
    match action {
        Action::Swagger => targets.first(),
        Action::Score | Action::Health => Some(by_weight),
    }
}

/// A slot of `target`, or of the default one while that alone has a replica; with the
/// target that was asked. Replicas in `avoid` have failed this request already.
pub(crate) async fn admit<'a>(
    targets: &'a [Target],
    target: &'a Target,
    arrived: Instant,
    avoid: &[Arc<Replica>],
) -> (&'a Target, Result<Slot, Refused>) {
    let is_other = |it: &&Target| !Arc::ptr_eq(&it.workload, &target.workload);
    let default = targets.first().filter(is_other);
    let deadline = arrived + target.max_wait;
    let is_patient = default.is_none();
    let admitted = target.workload.admit(deadline, avoid, is_patient).await;
    let (Some(default), Err(Refused::NoReplica)) = (default, &admitted) else {
        return (target, admitted);
    };
    let has_default = default.workload.has_replica_beside(avoid);
    let target = if has_default { default } else { target };
    let deadline = arrived + target.max_wait;
    (target, target.workload.admit(deadline, avoid, true).await)
}

/// Picks a target by weight; `None` when nothing serves.
fn split<'a>(targets: &'a [Target], request: &Uuid) -> Option<&'a Target> {
    let total = targets
        .iter()
        .fold(0u64, |sum, target| sum + u64::from(target.weight));
    if total == 0 {
        return None;
    }
    let mut rest = chance(request) % total;
    targets.iter().find(|target| {
        let weight = u64::from(target.weight);
        let is_hit = rest < weight;
        rest = rest.saturating_sub(weight);
        is_hit
    })
}

/// 64 of the random bits of a version 4 id.
fn chance(request: &Uuid) -> u64 {
    let bytes = request.as_bytes();
    let mut bits = [0; 8];
    bits[..4].copy_from_slice(&bytes[..4]);
    bits[4..].copy_from_slice(&bytes[12..]);
    u64::from_le_bytes(bits)
}
