//! What of this machine a replica is told to take. An unprivileged user has no cgroup
//! to lock it in, so cores and GPUs are told by the variables that numeric libraries
//! read; variables of the deployment's own environment win.

use std::{collections::BTreeMap, fs};

use wharf_core::deployment::Resources;

/// Variables that say how many threads a numeric library starts.
const THREADS: [&str; 4] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
];
/// Which GPUs a process sees, by number.
const GPUS: &str = "CUDA_VISIBLE_DEVICES";

/// NVIDIA GPUs of this machine.
pub(super) fn gpus_here() -> u32 {
    let Ok(entries) = fs::read_dir("/dev") else {
        return 0;
    };
    let is_gpu = |name: &str| {
        let number = name.strip_prefix("nvidia");
        number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let count = names
        .filter(|name| name.to_str().is_some_and(is_gpu))
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The variables of the replica with number `index`; `workers` share what it gets.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates, which is right for a limit"
)]
pub(super) fn variables(
    resources: &Resources,
    workers: u32,
    index: u32,
    gpus_here: u32,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    if let Some(limit) = resources.cpu_limit {
        let threads = (limit / f64::from(workers.max(1))).ceil().max(1.0) as u32;
        for name in THREADS {
            variables.insert(name.to_owned(), threads.to_string());
        }
    }
    if gpus_here > 0 {
        let count = resources.gpu.min(gpus_here);
        // Neighbours get different ones, as long as there are enough.
        let first = u64::from(index) * u64::from(count);
        let numbers = (0..u64::from(count)).map(|it| (first + it) % u64::from(gpus_here));
        let numbers: Vec<_> = numbers.map(|number| number.to_string()).collect();
        variables.insert(GPUS.to_owned(), numbers.join(","));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(cpu_limit: Option<f64>, gpu: u32) -> Resources {
        Resources {
            cpu: 0.1,
            cpu_limit,
            memory_gb: 0.5,
            memory_limit_gb: None,
            gpu,
        }
    }

    #[test]
    fn a_limit_of_cores_is_shared_by_the_workers() {
        for (limit, workers, threads) in [
            (0.5, 1, "1"),
            (1.0, 4, "1"),
            (2.5, 1, "3"),
            (8.0, 2, "4"),
            (10_000.0, 0, "10000"),
        ] {
            let told = variables(&resources(Some(limit), 0), workers, 0, 0);
            assert_eq!(told.len(), THREADS.len());
            assert!(told.values().all(|it| it == threads), "{limit}: {told:?}");
        }
        assert!(variables(&resources(None, 0), 1, 0, 0).is_empty());
    }

    #[test]
    fn replicas_see_as_many_gpus_as_they_asked_for() {
        for (gpu, index, here, seen) in [
            (0, 0, 2, Some("")),
            (1, 0, 4, Some("0")),
            (1, 5, 4, Some("1")),
            (2, 1, 4, Some("2,3")),
            (2, 2, 4, Some("0,1")),
            (3, 0, 2, Some("0,1")),
            (1, u32::MAX, 3, Some("0")),
            (1, 0, 0, None),
        ] {
            let told = variables(&resources(None, gpu), 1, index, here);
            assert_eq!(told.get(GPUS).map(String::as_str), seen, "{gpu} of {here}");
        }
    }
}
