//! Files and connections that this process may have open at once, and what of them is
//! left for clients. Clients never get the last one: the store, the logs and new
//! replicas need some whatever comes in.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the database, logs, listeners, uploads and whatever a start opens.
const OWN: u64 = 96;
/// Of the rest a part of so many is kept too: each replica and each build has some.
const KEPT_PART: u64 = 4;
/// Connections that each side gets however few there are.
const LEAST: usize = 8;

/// Connections that there are descriptors for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// To the control plane.
    pub(crate) control: usize,
    /// To the scoring listener; each may need a second one, to its replica.
    pub(crate) scoring: usize,
}

impl Shares {
    /// What a limit of `descriptors` leaves.
    fn of(descriptors: u64) -> Self {
        let rest = descriptors.saturating_sub(OWN);
        let room = rest - rest / KEPT_PART;
        let part = |part: u64| usize::try_from(part).unwrap_or(usize::MAX).max(LEAST);
        Self {
            control: part(room / 4),
            scoring: part(room / 8 * 3),
        }
    }

    /// Caps what was configured, and says so when that changes something. One address
    /// never gets all of what is left.
    pub(crate) fn apply(self, api: &mut wharf_api::Limits, router: &mut wharf_router::Limits) {
        let control = (
            self.control,
            &mut api.connections,
            &mut api.connections_per_address,
        );
        let scoring = (
            self.scoring,
            &mut router.connections,
            &mut router.connections_per_address,
        );
        for (side, (most, all, per_address)) in [("control", control), ("scoring", scoring)] {
            if *all > most {
                tracing::warn!(
                    side,
                    configured = *all,
                    connections = most,
                    "this process may open too few files for as many connections as configured; \
                     raise its limit (`ulimit -n`, `LimitNOFILE=`)"
                );
                *all = most;
                *per_address = (*per_address).min(most.div_ceil(2));
            }
        }
    }
}

/// Takes as many descriptors as the system gives this process, and shares them out.
pub(crate) fn raised() -> Shares {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    // None is no limit.
    Shares::of(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_never_get_the_last_one() {
        for descriptors in [256, 1_024, 4_096, 20_000, 1 << 20] {
            let shares = Shares::of(descriptors);
            let most = u64::try_from(shares.control + 2 * shares.scoring).expect("a number");
            assert!(most + OWN <= descriptors, "{descriptors}: {shares:?}");
        }
    }

    #[test]
    fn usual_servers_are_not_capped() {
        let (mut api, mut router) = (
            wharf_api::Limits::default(),
            wharf_router::Limits::default(),
        );
        let before = (api.connections, router.connections);
        Shares::of(1 << 16).apply(&mut api, &mut router);
        assert_eq!((api.connections, router.connections), before);
        Shares::of(1_024).apply(&mut api, &mut router);
        assert_eq!((api.connections, router.connections), (174, 261));
        assert_eq!(router.connections_per_address, 131);
    }
}
