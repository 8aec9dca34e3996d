//! A PUT of a compute whose name is taken.
//!
//! A document that was read here and comes back edits what is there. Any other asks
//! for a new compute: it is refused with what is there, unless it asks for just that
//! (docs/decisions/0012-create-is-not-update.md).

use wharf_core::{
    Error, Kind, Result,
    compute::{
        CheckedCompute, Compute, ComputeKind, ComputeSpec, DEFAULT_AGENT_COUNT, KubernetesSettings,
        Origin, ProvisioningState, check_cores,
    },
    operation::Verb,
    resource::Observed,
    vm_size,
};
use wharf_store::Txn;

use super::{busy::busy, put::Put};
use crate::Written;

const INNER: &str = "properties.properties.";

impl Put {
    pub(super) async fn meet(
        &mut self,
        txn: &mut Txn,
        known: Compute,
        checked: CheckedCompute,
    ) -> Result<Written<Compute>> {
        if known.spec.removal.is_some() {
            return Err(busy(txn, &known).await?);
        }
        let mut spec = if self.request.is_read_back {
            self.edited(&known, checked)?
        } else {
            self.asked_again(&known, checked)?
        };
        spec.tls = self
            .tls
            .plan(
                txn,
                &self.workspace,
                known.name.as_str(),
                &spec,
                Some(&known),
                self.now,
            )
            .await?;
        let has_failed = matches!(
            &known.observed, Observed::Failed { at, .. } if *at >= known.generation
        );
        if spec == known.spec && !has_failed {
            // Asked again for what is there: answered with the operation that made it so.
            if let Some(operation) = txn.operation_at(&known.id, known.generation).await? {
                return Ok(Written {
                    resource: known,
                    operation,
                    is_new: false,
                });
            }
        }
        if !known.observed.has_ended(known.generation) {
            return Err(busy(txn, &known).await?);
        }
        self.update(txn, known, spec).await
    }

    /// The spec that a document asks for which was read here.
    fn edited(&mut self, known: &Compute, checked: CheckedCompute) -> Result<ComputeSpec> {
        let mut spec = known.spec.clone();
        spec.load_balancer = self.load_balancer(&checked, &spec.load_balancer);
        let before = known.spec.kubernetes.as_ref();
        let kubernetes = self.request.kubernetes_settings(before, &mut self.findings);
        self.check_unchangeable(known, &checked, kubernetes.as_ref());
        spec.kubernetes = kubernetes;
        if let Some(count) = checked.agent_count
            && count != known.spec.agent_count
        {
            spec.agent_count = count;
            let sizes = &self.catalogue.sizes;
            check_cores(
                spec.purpose,
                count,
                &spec.vm_size,
                sizes,
                &mut self.findings,
            );
        }
        self.settle(checked)?;
        self.label(&mut spec);
        Ok(spec)
    }

    /// The spec that a request for a new compute asks for: what is there, but for its
    /// labels.
    fn asked_again(&mut self, known: &Compute, checked: CheckedCompute) -> Result<ComputeSpec> {
        let mut spec = known.spec.clone();
        let before = match self.request.resource_id {
            // A new one starts as a public one.
            None => Default::default(),
            Some(_) => spec.load_balancer.clone(),
        };
        let load_balancer = self.load_balancer(&checked, &before);
        let settings = spec.kubernetes.as_ref();
        let kubernetes = self
            .request
            .kubernetes_settings(settings, &mut self.findings);
        let (_, checked) = self.settle(checked)?;
        let mut differences = self.differences(known, &checked);
        if kubernetes != spec.kubernetes {
            differences.push(match (&kubernetes, &spec.kubernetes) {
                (Some(asked), Some(_)) => {
                    format!("namespace {} or other instance types", asked.namespace)
                }
                _ => format!("computeType {}", self.kind().as_str()),
            });
        }
        if load_balancer != spec.load_balancer {
            differences.push(format!(
                "load balancer {}{}",
                load_balancer.word(),
                load_balancer
                    .subnet()
                    .map_or_else(String::new, |subnet| format!(" in subnet `{subnet}`")),
            ));
        }
        if let Some(tls) = self.tls.difference() {
            differences.push(tls);
        }
        if !differences.is_empty() {
            return Err(Error::conflict(
                Kind::Compute,
                known.name.as_str(),
                format!(
                    "already exists: {}. The request asks for a compute with {}. Take another \
                     name, or use the one that is there; to change it, read it and PUT the edited \
                     document (`update` of the SDK does)",
                    shown(known),
                    differences.join(", "),
                ),
            ));
        }
        self.label(&mut spec);
        Ok(spec)
    }

    /// What a new compute would have that the one that is there has not.
    fn differences(&self, known: &Compute, checked: &CheckedCompute) -> Vec<String> {
        let spec = &known.spec;
        let mut found = Vec::new();
        match &checked.attach {
            Some(id) if *id != spec.cluster_id => found.push(format!("cluster `{id}`")),
            None if spec.origin == Origin::Attached => {
                found.push("a cluster made for it".to_owned());
            }
            _ => {}
        }
        // What an attach leaves out is the cluster's; a create has defaults.
        let is_create = checked.attach.is_none() && spec.origin == Origin::Created;
        let default = |value| is_create.then_some(value);
        let count = checked.agent_count.or(default(DEFAULT_AGENT_COUNT));
        if let Some(count) = count.filter(|count| *count != spec.agent_count) {
            found.push(format!("agentCount {count}"));
        }
        let size = checked.vm_size.as_deref();
        let size = size.or_else(|| is_create.then_some(vm_size::DEFAULT));
        if let Some(size) = size.filter(|size| *size != spec.vm_size) {
            found.push(format!("agentVmSize {size}"));
        }
        if checked.purpose != spec.purpose {
            found.push(format!("clusterPurpose {}", checked.purpose.as_str()));
        }
        if checked.network != spec.network && (is_create || checked.network.is_some()) {
            found.push(match &checked.network {
                Some(network) => format!("its nodes in `{}`", network.subnet_id),
                None => "no network of the user".to_owned(),
            });
        }
        let location = &self.request.compute_location;
        if *location != spec.compute_location && (is_create || location.is_some()) {
            let location = location.as_deref();
            found.push(format!(
                "computeLocation {}",
                location.unwrap_or(&self.workspace.location)
            ));
        }
        found
    }

    /// What a PUT changes of a compute without touching its cluster.
    fn label(&self, spec: &mut ComputeSpec) {
        let request = &self.request;
        spec.description = request.description.clone().or(spec.description.take());
        if let Some(tags) = &request.tags {
            spec.tags.clone_from(tags);
        }
        spec.extra.extend(request.extra.clone());
    }

    async fn update(
        &mut self,
        txn: &mut Txn,
        known: Compute,
        spec: ComputeSpec,
    ) -> Result<Written<Compute>> {
        let generation = known.generation.next();
        let is_current = txn
            .compute_update_spec(&known.id, generation, &spec, self.now)
            .await?;
        if !is_current {
            return Err(Error::internal("a compute changed inside the writer"));
        }
        self.tls.write(txn, &known, self.now).await?;
        if spec.agent_count != known.spec.agent_count {
            self.resize_cluster(txn, &spec).await?;
        }
        let operation = self.operation(known.id, Verb::Update, generation);
        txn.operation_insert(&operation).await?;
        Ok(Written {
            resource: Compute {
                spec,
                generation,
                modified_at: self.now,
                ..known
            },
            operation: operation.id,
            is_new: false,
        })
    }

    async fn resize_cluster(&self, txn: &mut Txn, spec: &ComputeSpec) -> Result<()> {
        let Some(mut cluster) = txn.managed_cluster_by_id(&spec.cluster).await? else {
            return Ok(());
        };
        cluster.spec.node_count = spec.agent_count;
        txn.managed_cluster_update_spec(
            &cluster.id,
            cluster.generation.next(),
            &cluster.spec,
            self.now,
        )
        .await?;
        Ok(())
    }

    fn kind(&self) -> ComputeKind {
        match self.request.kubernetes {
            Some(_) => ComputeKind::Kubernetes,
            None => ComputeKind::Aks,
        }
    }

    /// What an edit must leave as it is.
    fn check_unchangeable(
        &mut self,
        known: &Compute,
        checked: &CheckedCompute,
        kubernetes: Option<&KubernetesSettings>,
    ) {
        let spec = &known.spec;
        if self.kind() != spec.kind() {
            self.refuse(
                "properties.computeType",
                format!(
                    "is {} and cannot be changed; detach it first or take another name",
                    spec.kind().as_str()
                ),
            );
        }
        if let (Some(asked), Some(known)) = (kubernetes, &spec.kubernetes)
            && asked.namespace != known.namespace
        {
            self.refuse(
                format!("{INNER}namespace"),
                format!(
                    "is {} and cannot be changed; detach the compute and attach it again",
                    known.namespace
                ),
            );
        }
        if self.request.purpose.is_some() && checked.purpose != spec.purpose {
            self.refuse(
                format!("{INNER}clusterPurpose"),
                format!(
                    "is {} and cannot be changed; make another compute",
                    spec.purpose.as_str()
                ),
            );
        }
        if checked
            .vm_size
            .as_ref()
            .is_some_and(|size| *size != spec.vm_size)
        {
            self.refuse(
                format!("{INNER}agentVmSize"),
                format!(
                    "is {} and cannot be changed; make another compute",
                    spec.vm_size
                ),
            );
        }
        if checked
            .agent_count
            .is_some_and(|count| count != spec.agent_count)
            && spec.origin == Origin::Attached
        {
            self.refuse(
                format!("{INNER}agentCount"),
                "belongs to the attached cluster; scale that one",
            );
        }
        if checked.network.is_some() && checked.network != spec.network {
            self.refuse(
                format!("{INNER}aksNetworkingConfiguration"),
                "cannot be changed; make another compute",
            );
        }
        if checked
            .attach
            .as_ref()
            .is_some_and(|id| *id != spec.cluster_id)
        {
            self.refuse(
                "properties.resourceId",
                format!(
                    "compute `{}` is there already, on `{}`; detach it first or take another name",
                    known.name, spec.cluster_id
                ),
            );
        }
    }
}

/// A compute in a few words.
fn shown(compute: &Compute) -> String {
    let spec = &compute.spec;
    let state = ProvisioningState::of(compute.generation, &compute.observed, false);
    let origin = match spec.origin {
        Origin::Created => "created",
        Origin::Attached => "attached",
    };
    format!(
        "{} {origin} {} on cluster `{}`, agentCount {}, agentVmSize {}, clusterPurpose {}, load \
         balancer {}, {}",
        spec.kind().as_str(),
        compute.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        spec.cluster_id.name(),
        spec.agent_count,
        spec.vm_size,
        spec.purpose.as_str(),
        spec.load_balancer.word(),
        state.as_str(),
    )
}
