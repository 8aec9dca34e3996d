//! How the requests of an endpoint are shared out among its deployments.
//!
//! What is asked for becomes [`weights`]; what routers get, [`targets`], is told
//! from the weights of the newest spec and from what serves at this moment, so that
//! no request goes to a deployment that is not there yet.

use crate::{deployment::DeploymentSpec, endpoint::Endpoint, route::RouteTarget};

/// All traffic, in hundredths of a percent.
pub const ALL_TRAFFIC: u32 = 10_000;

/// Hundredths of a percent for each share in percent, one of which is that of the
/// default: it gets what the others do not ask for. Expects shares from 0 to 100
/// whose sum is at most 100.
pub fn weights(shares: &[Option<f64>], default: usize) -> Vec<u32> {
    // A share has no exact binary fraction: 0.29 must be 29 hundredths.
    let hundredths = |share: f64| (share * 100.0 + 1e-6).floor() as u32;
    let mut weights: Vec<u32> = shares
        .iter()
        .map(|share| share.map_or(0, hundredths).min(ALL_TRAFFIC))
        .collect();
    let others: u32 = weights
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != default)
        .map(|(_, weight)| weight)
        .sum();
    if let Some(weight) = weights.get_mut(default) {
        *weight = ALL_TRAFFIC.saturating_sub(others);
    }
    weights
}

/// What routers get, the default deployment first; empty while nothing serves.
///
/// A deployment of the spec that does not serve leaves its share to the default, as
/// an unassigned one; where the default does not serve, to the others by their
/// shares, and evenly where those are all 0. Deployments that are in no spec any more
/// serve while none of the spec does.
pub fn targets(endpoint: &Endpoint) -> Vec<RouteTarget> {
    let statuses = &endpoint.status.deployments;
    let is_default =
        |it: &DeploymentSpec| it.version.as_ref().is_none_or(|version| version.is_default);
    let deployments = &endpoint.spec.deployments;
    let in_order = deployments
        .iter()
        .filter(|it| is_default(it))
        .chain(deployments.iter().filter(|it| !is_default(it)));
    let mut has_default = false;
    let mut targets = Vec::with_capacity(deployments.len());
    for deployment in in_order {
        let status = statuses.get(&deployment.id);
        if let Some(serving) = status.and_then(|status| status.serving.as_ref()) {
            has_default |= is_default(deployment);
            targets.push(RouteTarget {
                weight: deployment.weight,
                ..serving.clone()
            });
        }
    }
    if targets.is_empty() {
        let retired = statuses.values().filter_map(|it| it.serving.clone());
        targets.extend(retired.map(|it| RouteTarget { weight: 0, ..it }));
    }
    share_out(&mut targets, has_default);
    targets
}

/// Makes the weights sum to [`ALL_TRAFFIC`].
fn share_out(targets: &mut [RouteTarget], has_default: bool) {
    let sum: u32 = targets.iter().map(|it| it.weight).sum();
    let count = u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
    if !has_default {
        for target in &mut *targets {
            target.weight = match sum {
                0 => ALL_TRAFFIC / count,
                sum => target.weight * ALL_TRAFFIC / sum,
            };
        }
    }
    let sum: u32 = targets.iter().map(|it| it.weight).sum();
    if let Some(first) = targets.first_mut() {
        first.weight += ALL_TRAFFIC.saturating_sub(sum);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_gets_the_rest() {
        assert_eq!(weights(&[Some(30.0), Some(70.0)], 1), [3_000, 7_000]);
        assert_eq!(
            weights(&[None, Some(10.0), Some(30.0)], 0),
            [6_000, 1_000, 3_000]
        );
        assert_eq!(weights(&[None, None], 0), [10_000, 0]);
        assert_eq!(weights(&[Some(0.29), None], 1), [29, 9_971]);
    }

    proptest! {
        #[test]
        fn all_traffic_is_given_out(parts in proptest::collection::vec(0u32..1_000, 1..7), default in 0usize..6) {
            let sum = f64::from(parts.iter().sum::<u32>().max(1));
            let shares: Vec<_> = parts.iter().map(|it| Some(f64::from(*it) * 100.0 / sum)).collect();
            let weights = weights(&shares, default % shares.len());
            prop_assert_eq!(weights.iter().sum::<u32>(), ALL_TRAFFIC);
        }
    }
}
