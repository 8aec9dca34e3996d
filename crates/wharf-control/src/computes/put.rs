//! A PUT of a compute: what it asks for, checked as a whole, and the rows it writes.

use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    compute::{
        CheckedCompute, Compute, ComputeRequest, ComputeSpec, DEFAULT_AGENT_COUNT, Origin,
        check_cores,
    },
    finding::Finding,
    managed_cluster::{ManagedCluster, ProviderKind},
    name::ComputeName,
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    resource::{Generation, Observed},
    resource_id::ResourceId,
    vm_size,
    workspace::Workspace,
};
use wharf_store::{Session, Txn};

use crate::{Written, bootstrap::local_cluster_spec};

const INNER: &str = "properties.properties.";

/// A PUT under way: the request with everything that was found for it.
pub(super) struct Put {
    workspace: Workspace,
    name: String,
    request: ComputeRequest,
    findings: Vec<Finding>,
    now: Timestamp,
}

impl Put {
    pub(super) fn new(
        workspace: Workspace,
        name: String,
        request: ComputeRequest,
        now: Timestamp,
    ) -> Self {
        Self {
            workspace,
            name,
            request,
            findings: Vec::new(),
            now,
        }
    }

    fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.findings.push(Finding::new(field, message));
    }

    fn operation(&self, target: Uuid, verb: Verb, generation: Generation) -> Operation {
        Operation {
            id: OperationId::random(),
            workspace: Some(self.workspace.id),
            verb,
            target_kind: TargetKind::Compute,
            target,
            target_name: self.name.clone(),
            generation,
            state: OperationState::InProgress,
            step: None,
            created_at: self.now,
            ended_at: None,
        }
    }

    /// The name and the request as checked, or all findings.
    fn settle(&mut self, checked: Option<CheckedCompute>) -> Result<(ComputeName, CheckedCompute)> {
        let name = self.name.parse::<ComputeName>();
        if let Err(error) = &name {
            let finding = Finding::new("name", format!("`{}` {error}", self.name));
            self.findings.insert(0, finding);
        }
        match (name, checked) {
            (Ok(name), Some(checked)) if self.findings.is_empty() => Ok((name, checked)),
            _ => Err(Error::Invalid(std::mem::take(&mut self.findings))),
        }
    }

    pub(super) async fn write(mut self, txn: &mut Txn) -> Result<Written<Compute>> {
        let checked = self.request.check(&mut self.findings);
        if let Some(known) = txn.compute_get(&self.workspace.id, &self.name).await? {
            return self.update(txn, known, checked).await;
        }
        let wants_attach = self
            .request
            .resource_id
            .as_deref()
            .is_some_and(|id| !id.is_empty());
        if wants_attach {
            self.attach(txn, checked).await
        } else {
            self.create(txn, checked).await
        }
    }

    async fn create(
        mut self,
        txn: &mut Txn,
        checked: Option<CheckedCompute>,
    ) -> Result<Written<Compute>> {
        if let Some(checked) = &checked {
            check_cores(
                checked.purpose,
                checked.agent_count.unwrap_or(DEFAULT_AGENT_COUNT),
                checked.vm_size.unwrap_or(vm_size::DEFAULT),
                &mut self.findings,
            );
        }
        let (name, checked) = self.settle(checked)?;
        let agent_count = checked.agent_count.unwrap_or(DEFAULT_AGENT_COUNT);
        let size = checked.vm_size.unwrap_or(vm_size::DEFAULT);
        // Azure names the cluster of a created compute after it, with a tail that
        // makes it unique in the group.
        let id = Uuid::new_v4();
        let tail = &id.simple().to_string()[..8];
        let cluster_name = format!("{name}-{tail}")
            .parse()
            .map_err(|error| Error::internal(format!("a cluster's name: {error}")))?;
        let location = self
            .request
            .compute_location
            .clone()
            .unwrap_or_else(|| self.workspace.location.clone());
        let cluster = ManagedCluster {
            id,
            subscription: self.workspace.subscription,
            group: self.workspace.group.clone(),
            name: cluster_name,
            spec: local_cluster_spec(&location, agent_count, size, true),
            generation: Generation::FIRST,
            observed: Observed::NotYet,
            created_at: self.now,
            modified_at: self.now,
        };
        txn.managed_cluster_insert(&cluster, None).await?;
        self.insert(txn, name, checked, &cluster, Origin::Created)
            .await
    }

    async fn attach(
        mut self,
        txn: &mut Txn,
        checked: Option<CheckedCompute>,
    ) -> Result<Written<Compute>> {
        let cluster = self.find_cluster(txn).await?;
        let mut taken = None;
        if let Some(cluster) = &cluster {
            if cluster.spec.provider == ProviderKind::Imported {
                self.refuse(
                    "properties.resourceId",
                    format!(
                        "`{}` is an imported Kubernetes cluster; attaching those is not supported \
                         yet. The local cluster can be attached",
                        cluster.name
                    ),
                );
            }
            if let Some(checked) = &checked {
                check_cores(
                    checked.purpose,
                    cluster.spec.node_count,
                    &cluster.spec.vm_size,
                    &mut self.findings,
                );
            }
            taken = txn.compute_by_cluster(&cluster.id).await?;
        }
        let (name, checked) = self.settle(checked)?;
        let Some(cluster) = cluster else {
            return Err(Error::internal(
                "an attach without a cluster passed its checks",
            ));
        };
        if let Some(first) = taken {
            let workspace = txn.workspace_by_id(&first.workspace).await?;
            return Err(Error::conflict(
                Kind::ManagedCluster,
                cluster.name.as_str(),
                format!(
                    "is already attached as compute `{}` in workspace `{}`; detach that one first, \
                     or use it",
                    first.name,
                    workspace.map_or_else(String::new, |workspace| workspace.name.into()),
                ),
            ));
        }
        self.insert(txn, name, checked, &cluster, Origin::Attached)
            .await
    }

    /// The cluster that is to be attached; one that is not there is a finding.
    async fn find_cluster(&mut self, session: &mut Session) -> Result<Option<ManagedCluster>> {
        let Some(Ok(id)) = self
            .request
            .resource_id
            .as_deref()
            .map(str::parse::<ResourceId>)
        else {
            return Ok(None);
        };
        if !id.is_managed_cluster() {
            return Ok(None);
        }
        let found = match id.subscription.parse() {
            Ok(subscription) => {
                session
                    .managed_cluster_get(&subscription, &id.group, id.name())
                    .await?
            }
            Err(_) => None,
        };
        if found.is_none() {
            self.refuse(
                "properties.resourceId",
                format!(
                    "there is no managed cluster `{}` in resource group `{}` of subscription `{}`; \
                     `wharf cluster list` shows those that are there",
                    id.name(),
                    id.group,
                    id.subscription
                ),
            );
        }
        Ok(found)
    }

    async fn insert(
        self,
        txn: &mut Txn,
        name: ComputeName,
        checked: CheckedCompute,
        cluster: &ManagedCluster,
        origin: Origin,
    ) -> Result<Written<Compute>> {
        let request = &self.request;
        let compute = Compute {
            id: Uuid::new_v4(),
            workspace: self.workspace.id,
            name,
            spec: ComputeSpec {
                origin,
                cluster: cluster.id,
                cluster_id: cluster.resource_id(),
                location: request
                    .location
                    .clone()
                    .unwrap_or_else(|| self.workspace.location.clone()),
                compute_location: request.compute_location.clone(),
                description: request.description.clone(),
                tags: request.tags.clone().unwrap_or_default(),
                purpose: checked.purpose,
                agent_count: cluster.spec.node_count,
                vm_size: cluster.spec.vm_size.clone(),
                network: checked.network,
                load_balancer: checked.load_balancer,
                removal: None,
                extra: request.extra.clone(),
            },
            generation: Generation::FIRST,
            observed: Observed::NotYet,
            created_at: self.now,
            modified_at: self.now,
        };
        let operation = self.operation(compute.id, Verb::Create, Generation::FIRST);
        txn.compute_insert(&compute).await?;
        txn.operation_insert(&operation).await?;
        Ok(Written {
            resource: compute,
            operation: operation.id,
            is_new: true,
        })
    }

    async fn update(
        mut self,
        txn: &mut Txn,
        known: Compute,
        checked: Option<CheckedCompute>,
    ) -> Result<Written<Compute>> {
        if known.spec.removal.is_some() {
            return Err(going(&known));
        }
        let mut spec = known.spec.clone();
        if let Some(checked) = &checked {
            self.check_unchangeable(&known, checked);
            if let Some(count) = checked.agent_count
                && count != known.spec.agent_count
            {
                spec.agent_count = count;
                check_cores(spec.purpose, count, &spec.vm_size, &mut self.findings);
            }
            spec.load_balancer = checked.load_balancer.clone();
        }
        self.settle(checked)?;
        let request = &self.request;
        spec.description = request.description.clone().or(spec.description);
        spec.tags = request.tags.clone().unwrap_or(spec.tags);
        spec.extra.extend(request.extra.clone());
        let generation = known.generation.next();
        let is_current = txn
            .compute_update_spec(&known.id, generation, &spec, self.now)
            .await?;
        if !is_current {
            return Err(Error::internal("a compute changed inside the writer"));
        }
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

    /// What a PUT of a compute that is there must leave as it is.
    fn check_unchangeable(&mut self, known: &Compute, checked: &CheckedCompute) {
        let spec = &known.spec;
        if self.request.purpose.is_some() && checked.purpose != spec.purpose {
            self.refuse(
                format!("{INNER}clusterPurpose"),
                format!(
                    "is {} and cannot be changed; make another compute",
                    spec.purpose.as_str()
                ),
            );
        }
        if checked.vm_size.is_some_and(|size| size != spec.vm_size) {
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

pub(super) fn going(compute: &Compute) -> Error {
    Error::conflict(
        Kind::Compute,
        compute.name.as_str(),
        "is being removed; wait until it is gone",
    )
}
