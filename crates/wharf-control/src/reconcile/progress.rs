//! What this process has learned of a deployment as it was last asked for and can
//! learn again: the environment that was built for it, and how often replicas had been
//! started again when it began. Only restarts since then say something of it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;
use wharf_core::{
    backend::WorkloadObservation, environment::BuiltEnvironment, resource::Generation,
};

/// Restarts by replica.
pub(crate) type Counts = HashMap<String, u32>;

#[derive(Default)]
struct Known {
    generation: Generation,
    built: Option<BuiltEnvironment>,
    restarts: Option<Counts>,
}

/// By deployment.
#[derive(Default)]
pub(crate) struct Progress(Mutex<HashMap<Uuid, Known>>);

impl Progress {
    fn known(&self) -> MutexGuard<'_, HashMap<Uuid, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, deployment: Uuid, generation: Generation, change: impl FnOnce(&mut Known)) {
        let mut all = self.known();
        let known = all.entry(deployment).or_default();
        if known.generation != generation {
            *known = Known {
                generation,
                ..Known::default()
            };
        }
        change(known);
    }

    fn get<T>(
        &self,
        deployment: Uuid,
        generation: Generation,
        field: impl FnOnce(&Known) -> Option<T>,
    ) -> Option<T> {
        let all = self.known();
        let known = all.get(&deployment);
        known
            .filter(|known| known.generation == generation)
            .and_then(field)
    }

    /// The environment that was built for `generation`.
    pub(crate) fn built(
        &self,
        deployment: Uuid,
        generation: Generation,
    ) -> Option<BuiltEnvironment> {
        self.get(deployment, generation, |known| known.built.clone())
    }

    /// Remembers it.
    pub(crate) fn set_built(
        &self,
        deployment: Uuid,
        generation: Generation,
        built: &BuiltEnvironment,
    ) {
        self.update(deployment, generation, |known| {
            known.built = Some(built.clone());
        });
    }

    /// The restarts when `generation` began, if this process saw that.
    pub(crate) fn restarts(&self, deployment: Uuid, generation: Generation) -> Option<Counts> {
        self.get(deployment, generation, |known| known.restarts.clone())
    }

    /// Remembers them; `seen` is what was there.
    pub(crate) fn set_restarts(
        &self,
        deployment: Uuid,
        generation: Generation,
        seen: Option<&WorkloadObservation>,
    ) -> Counts {
        let replicas = seen.into_iter().flat_map(|seen| &seen.replicas);
        let counts: Counts = replicas
            .map(|replica| (replica.id.clone(), replica.restarts))
            .collect();
        self.update(deployment, generation, |known| {
            known.restarts = Some(counts.clone());
        });
        counts
    }

    /// The deployment is gone, or as it is wanted.
    pub(crate) fn end(&self, deployment: Uuid) {
        self.known().remove(&deployment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_generation_begins_with_nothing() {
        let (progress, key) = (Progress::default(), Uuid::from_u128(1));
        let (first, second) = (Generation(1), Generation(2));
        progress.set_restarts(key, first, None);
        assert_eq!(progress.restarts(key, first), Some(Counts::new()));
        assert_eq!(progress.restarts(key, second), None);
        let built = BuiltEnvironment {
            digest: "d".into(),
            python: "/python".into(),
            python_version: "3.11.7".into(),
            notices: Vec::new(),
        };
        progress.set_built(key, second, &built);
        assert_eq!(progress.built(key, second), Some(built));
        assert_eq!(progress.restarts(key, second), None);
        progress.end(key);
        assert_eq!(progress.built(key, second), None);
    }
}
