//! Whether the replicas that are asked for fit the nodes of a cluster. What does
//! not fit would wait for ever, so it is refused while somebody is there to hear it.

use crate::{
    compute::ComputeSpec, deployment::Resources, finding::Finding, scaling::Scaling, vm_size,
};

/// Adds what does not fit to `findings`: one replica must fit a node, and the ones
/// that are always there must fit all nodes together. `compute` is how a person
/// calls the cluster. Sizes that are not in the catalogue are not judged.
pub fn check(
    compute: &str,
    spec: &ComputeSpec,
    resources: &Resources,
    scaling: Scaling,
    findings: &mut Vec<Finding>,
) {
    let Some(size) = vm_size::find(&spec.vm_size) else {
        return;
    };
    let memory_gb = f64::from(size.memory_mib) / 1024.0;
    for (name, asked, most, unit) in [
        ("cpu", resources.cpu, f64::from(size.cores), "cores"),
        ("memoryInGB", resources.memory_gb, memory_gb, "GB of memory"),
    ] {
        if asked > most {
            findings.push(Finding::new(
                format!("containerResourceRequirements.{name}"),
                format!(
                    "is {asked}, but a node of compute `{compute}` ({}) has {most} {unit}: ask for \
                     less, or take a compute with larger nodes",
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
            vm_size: vm_size::DEFAULT.into(),
            network: None,
            load_balancer: LoadBalancer::Public,
            removal: None,
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
        check("aks", &cluster(), &resources, scaling, &mut findings);
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
}
