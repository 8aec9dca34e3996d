//! Whether the replicas that are asked for fit the nodes of a cluster. What does
//! not fit would wait for ever, so it is refused while somebody is there to hear it.

use crate::{
    compute::ComputeSpec, deployment::Resources, finding::Finding, scaling::Scaling,
    vm_size::VmSizes,
};

/// Adds what does not fit to `findings`: one replica must fit a node, and the ones
/// that are always there must fit all nodes together. `compute` is how a person
/// calls the cluster. Sizes that are not in the catalogue are not judged.
pub fn check(
    compute: &str,
    spec: &ComputeSpec,
    sizes: &VmSizes,
    resources: &Resources,
    scaling: Scaling,
    findings: &mut Vec<Finding>,
) {
    let Some(size) = sizes.find(&spec.vm_size) else {
        return;
    };
    let memory_gb = f64::from(size.memory_mib) / 1024.0;
    let gpus = (f64::from(resources.gpu), f64::from(size.gpus));
    for (name, asked, most, unit) in [
        ("gpu", gpus.0, gpus.1, "GPUs"),
        ("cpu", resources.cpu, f64::from(size.cores), "cores"),
        ("memoryInGB", resources.memory_gb, memory_gb, "GB of memory"),
    ] {
        if asked == 0.0 {
            continue;
        }
        if asked > most {
            let remedy = if most == 0.0 {
                "leave it out or set 0, or take a compute whose size has some, such as \
                 `Standard_NC6s_v3`"
            } else {
                "ask for less, or take a compute with larger nodes"
            };
            findings.push(Finding::new(
                format!("containerResourceRequirements.{name}"),
                format!(
                    "is {asked}, but a node of compute `{compute}` ({}) has {most} {unit}: {remedy}",
                    size.name
                ),
            ));
            continue;
        }
        let nodes = spec.agent_count;
        let all = f64::from(nodes) * most;
        // A tenth is no binary fraction: 120 times it must still fit 12.
        let fitting = (all / asked + 1e-6).floor();
        let (field, replicas) = match scaling {
            Scaling::Fixed(count) => ("numReplicas", count),
            Scaling::Auto(rules) => ("autoScaler.minReplicas", rules.min),
        };
        if f64::from(replicas.get()) > fitting {
            findings.push(Finding::new(
                field,
                format!(
                    "is {replicas}, each with {asked} {unit}, but the {nodes} nodes of compute \
                     `{compute}` ({}) have {all} {unit} together: at most {fitting} replicas fit",
                    size.name
                ),
            ));
        }
    }
}

/// Adds to `findings` when the replicas that are always there of several deployments,
/// each of which fits alone, do not fit all nodes together; `field` is where that is
/// told.
pub fn check_together(
    compute: &str,
    spec: &ComputeSpec,
    sizes: &VmSizes,
    deployments: &[(Resources, Scaling)],
    field: &str,
    findings: &mut Vec<Finding>,
) {
    let Some(size) = sizes.find(&spec.vm_size) else {
        return;
    };
    let nodes = f64::from(spec.agent_count);
    let cores = nodes * f64::from(size.cores);
    let memory_gb = nodes * f64::from(size.memory_mib) / 1024.0;
    let gpus = nodes * f64::from(size.gpus);
    let sum = |amount: fn(&Resources) -> f64| -> f64 {
        let amounts = deployments.iter().map(|(resources, scaling)| {
            let count = match scaling {
                Scaling::Fixed(count) => *count,
                Scaling::Auto(rules) => rules.min,
            };
            f64::from(count.get()) * amount(resources)
        });
        amounts.sum()
    };
    for (asked, all, unit) in [
        (sum(|it| f64::from(it.gpu)), gpus, "GPUs"),
        (sum(|it| it.cpu), cores, "cores"),
        (sum(|it| it.memory_gb), memory_gb, "GB of memory"),
    ] {
        if asked > all + 1e-6 {
            findings.push(Finding::new(
                field,
                format!(
                    "their replicas ask for {asked} {unit} together, but the {} nodes of compute \
                     `{compute}` ({}) have {all}: ask for less, or for fewer replicas",
                    spec.agent_count, size.name
                ),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, num::NonZeroU32};

    use super::*;
    use crate::{
        compute::{LoadBalancer, Origin, Purpose},
        resource_id::ResourceId,
        scaling::Autoscale,
    };

    /// Three nodes of 4 cores and 14 GB: what a compute has that names nothing.
    fn cluster() -> ComputeSpec {
        ComputeSpec {
            origin: Origin::Created,
            cluster: uuid::Uuid::nil(),
            cluster_id: ResourceId::managed_cluster("s", "g", "c"),
            location: "local".into(),
            compute_location: None,
            description: None,
            tags: BTreeMap::new(),
            purpose: Purpose::FastProd,
            agent_count: 3,
            vm_size: crate::vm_size::DEFAULT.into(),
            network: None,
            load_balancer: LoadBalancer::Public,
            tls: Default::default(),
            kubernetes: None,
            removal: None,
            warnings: Vec::new(),
            extra: serde_json::Map::new(),
        }
    }

    fn told(cpu: f64, memory_gb: f64, scaling: Scaling) -> Vec<Finding> {
        let resources = Resources {
            cpu,
            cpu_limit: None,
            memory_gb,
            memory_limit_gb: None,
            gpu: 0,
        };
        let mut findings = Vec::new();
        check(
            "aks",
            &cluster(),
            &VmSizes::builtin(),
            &resources,
            scaling,
            &mut findings,
        );
        findings
    }

    fn fixed(count: u32) -> Scaling {
        Scaling::Fixed(NonZeroU32::new(count).expect("not zero"))
    }

    fn auto(min: u32, max: u32) -> Scaling {
        let number = |number| NonZeroU32::new(number).expect("not zero");
        Scaling::Auto(Autoscale {
            min: number(min),
            max: number(max),
            target_percent: number(70),
            refresh_seconds: number(1),
        })
    }

    #[test]
    fn the_defaults_and_the_values_of_the_how_to_fit() {
        for (cpu, memory_gb, scaling) in [
            (0.1, 0.5, auto(1, 10)),
            (1.0, 1.0, fixed(1)),
            (0.5, 1.0, auto(1, 3)),
            // Exactly all that there is.
            (0.1, 0.1, fixed(120)),
            (4.0, 14.0, fixed(3)),
        ] {
            assert_eq!(told(cpu, memory_gb, scaling), [], "{cpu} {scaling:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_would() {
        let fields = |findings: &[Finding]| -> Vec<String> {
            findings.iter().map(|it| it.field.clone()).collect()
        };
        let found = told(0.1, 0.5, fixed(1_000));
        assert_eq!(fields(&found), ["numReplicas", "numReplicas"]);
        assert!(
            found[0].message.contains("at most 120 replicas fit"),
            "{found:?}"
        );
        let found = told(2.0, 0.5, auto(7, 10));
        assert_eq!(fields(&found), ["autoScaler.minReplicas"]);
        assert!(
            found[0].message.contains("at most 6 replicas fit"),
            "{found:?}"
        );
        let found = told(5.0, 15.0, fixed(1));
        assert_eq!(
            fields(&found),
            [
                "containerResourceRequirements.cpu",
                "containerResourceRequirements.memoryInGB"
            ]
        );
    }

    #[test]
    fn gpus_are_those_of_the_nodes() {
        let told = |vm_size: &str, gpu, replicas| {
            let spec = ComputeSpec {
                vm_size: vm_size.into(),
                ..cluster()
            };
            let resources = Resources {
                cpu: 0.1,
                cpu_limit: None,
                memory_gb: 0.5,
                memory_limit_gb: None,
                gpu,
            };
            let mut findings = Vec::new();
            check(
                "aks",
                &spec,
                &VmSizes::builtin(),
                &resources,
                fixed(replicas),
                &mut findings,
            );
            findings
        };
        assert_eq!(told("Standard_NC6s_v3", 1, 3), []);
        assert_eq!(told("Standard_NC12s_v3", 1, 6), []);
        let found = told("Standard_NC6s_v3", 1, 4);
        assert!(
            found[0].message.contains("at most 3 replicas fit"),
            "{found:?}"
        );
        for (size, gpus) in [("Standard_NC6s_v3", 2), ("Standard_D3_v2", 1)] {
            let found = told(size, gpus, 1);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].field, "containerResourceRequirements.gpu");
        }
    }

    #[test]
    fn deployments_that_fit_alone_must_fit_together() {
        let resources = Resources {
            cpu: 3.0,
            cpu_limit: None,
            memory_gb: 1.0,
            memory_limit_gb: None,
            gpu: 0,
        };
        let told = |scalings: &[Scaling]| {
            let all: Vec<_> = scalings.iter().map(|it| (resources, *it)).collect();
            let mut findings = Vec::new();
            check_together(
                "aks",
                &cluster(),
                &VmSizes::builtin(),
                &all,
                "versions",
                &mut findings,
            );
            findings
        };
        assert!(told(&[fixed(2), auto(2, 10)]).is_empty());
        let findings = told(&[fixed(2), auto(3, 10)]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].field, "versions");
        assert!(findings[0].message.contains("15 cores"), "{findings:?}");
    }
}
