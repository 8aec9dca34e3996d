//! Which deployment a request goes to: by weight, each request for itself.
//!
//! The request's own random id is the die, so that no other source of chance is
//! needed and a log line can be followed to its target.

use uuid::Uuid;

use crate::table::Target;

/// Picks a target; `None` when nothing serves.
pub(crate) fn split<'a>(targets: &'a [Target], request: &Uuid) -> Option<&'a Target> {
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
