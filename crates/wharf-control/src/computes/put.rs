//! A PUT of a compute that is new: what it asks for, checked as a whole, and the rows
//! it writes. One that is there is met in [`super::existing`].

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    catalogue::Catalogue,
    compute::{
        CheckedCompute, Compute, ComputeRequest, ComputeSpec, DEFAULT_AGENT_COUNT,
        KubernetesSettings, LoadBalancer, Origin, check_cores,
    },
    finding::Finding,
    kubernetes_version::Support,
    managed_cluster::{ManagedCluster, ProviderKind},
    name::ComputeName,
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    resource::{Generation, Observed},
    resource_id::ResourceId,
    tls::Tls,
    vm_size,
    workspace::Workspace,
};
use wharf_store::{Session, Txn};

use super::tls::TlsPut;
use crate::{Written, bootstrap::local_cluster_spec};

/// A PUT under way: the request with everything that was found for it.
pub(super) struct Put {
    pub(super) workspace: Workspace,
    name: String,
    pub(super) request: ComputeRequest,
    pub(super) findings: Vec<Finding>,
    pub(super) tls: TlsPut,
    pub(super) now: Timestamp,
    pub(super) catalogue: Arc<Catalogue>,
}

impl Put {
    pub(super) fn new(
        workspace: Workspace,
        name: String,
        request: ComputeRequest,
        tls: TlsPut,
        now: Timestamp,
        catalogue: Arc<Catalogue>,
    ) -> Self {
        Self {
            workspace,
            name,
            request,
            findings: Vec::new(),
            tls,
            now,
            catalogue,
        }
    }

    pub(super) fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.findings.push(Finding::new(field, message));
    }

    pub(super) fn operation(&self, target: Uuid, verb: Verb, generation: Generation) -> Operation {
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
    pub(super) fn settle(
        &mut self,
        checked: CheckedCompute,
    ) -> Result<(ComputeName, CheckedCompute)> {
        let name = self.name.parse::<ComputeName>();
        if let Err(error) = &name {
            let finding = Finding::new("name", format!("`{}` {error}", self.name));
            self.findings.insert(0, finding);
        }
        match name {
            Ok(name) if self.findings.is_empty() => Ok((name, checked)),
            _ => Err(Error::Invalid(std::mem::take(&mut self.findings))),
        }
    }

    pub(super) async fn write(&mut self, txn: &mut Txn) -> Result<Written<Compute>> {
        let checked = self
            .request
            .check(&self.catalogue.sizes, &mut self.findings);
        let known = txn.compute_get(&self.workspace.id, &self.name).await?;
        let known_tls = known.as_ref().map(|known| &known.spec.tls);
        self.tls
            .check(&self.request, known_tls, self.now, &mut self.findings);
        if let Some(known) = known {
            return self.meet(txn, known, checked).await;
        }
        let load_balancer = self.load_balancer(&checked, &LoadBalancer::default());
        let kubernetes = self.request.kubernetes_settings(None, &mut self.findings);
        let wants_attach = self
            .request
            .resource_id
            .as_deref()
            .is_some_and(|id| !id.is_empty());
        if wants_attach || self.request.kubernetes.is_some() {
            self.attach(txn, checked, load_balancer, kubernetes).await
        } else {
            self.create(txn, checked, load_balancer).await
        }
    }

    /// A compute that lost its leaf label to this one.
    pub(super) fn disturbed(&self) -> Option<Uuid> {
        self.tls.disturbed()
    }

    /// How the router will be reached, when it was reached as in `before`.
    pub(super) fn load_balancer(
        &mut self,
        checked: &CheckedCompute,
        before: &LoadBalancer,
    ) -> LoadBalancer {
        let change = checked.load_balancer.clone();
        let load_balancer = change.apply(before, &mut self.findings);
        self.tls.check_address(&load_balancer, &mut self.findings);
        load_balancer
    }

    async fn create(
        &mut self,
        txn: &mut Txn,
        checked: CheckedCompute,
        load_balancer: LoadBalancer,
    ) -> Result<Written<Compute>> {
        if checked.are_cores_known {
            check_cores(
                checked.purpose,
                checked.agent_count.unwrap_or(DEFAULT_AGENT_COUNT),
                checked.vm_size.as_deref().unwrap_or(vm_size::DEFAULT),
                &self.catalogue.sizes,
                &mut self.findings,
            );
        }
        let (name, checked) = self.settle(checked)?;
        let agent_count = checked.agent_count.unwrap_or(DEFAULT_AGENT_COUNT);
        let size = checked.vm_size.as_deref().unwrap_or(vm_size::DEFAULT);
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
            spec: local_cluster_spec(&self.catalogue, &location, agent_count, size, true),
            generation: Generation::FIRST,
            observed: Observed::NotYet,
            created_at: self.now,
            modified_at: self.now,
        };
        txn.managed_cluster_insert(&cluster, None).await?;
        let spec = self.spec(
            &checked,
            &cluster,
            Origin::Created,
            load_balancer,
            Vec::new(),
        );
        self.insert(txn, name, spec).await
    }

    async fn attach(
        &mut self,
        txn: &mut Txn,
        checked: CheckedCompute,
        load_balancer: LoadBalancer,
        kubernetes: Option<KubernetesSettings>,
    ) -> Result<Written<Compute>> {
        let cluster = self.find_cluster(txn).await?;
        let (mut taken, mut warnings) = (None, Vec::new());
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
            if checked.are_cores_known {
                check_cores(
                    checked.purpose,
                    cluster.spec.node_count,
                    &cluster.spec.vm_size,
                    &self.catalogue.sizes,
                    &mut self.findings,
                );
            }
            if cluster.spec.is_absent {
                self.refuse(
                    "properties.resourceId",
                    format!("managed cluster `{}` is being deleted", cluster.name),
                );
            }
            warnings = self.check_version(cluster);
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
        let spec = ComputeSpec {
            kubernetes,
            ..self.spec(
                &checked,
                &cluster,
                Origin::Attached,
                load_balancer,
                warnings,
            )
        };
        self.insert(txn, name, spec).await
    }

    /// The rule on Kubernetes versions; what is given is for whoever attaches.
    fn check_version(&mut self, cluster: &ManagedCluster) -> Vec<Finding> {
        const FIELD: &str = "properties.resourceId";
        let text = &cluster.spec.kubernetes_version;
        let versions = &self.catalogue.versions;
        let support = text
            .parse()
            .map_or(Support::None, |it| versions.support(it));
        match support {
            Support::Full => Vec::new(),
            Support::Preview => {
                tracing::warn!(
                    cluster = %cluster.name,
                    version = %text,
                    "attaching a cluster whose Kubernetes version is a preview"
                );
                vec![Finding::new(
                    FIELD,
                    format!(
                        "cluster `{}` runs Kubernetes {text}, which is a preview: it is not for \
                         production",
                        cluster.name
                    ),
                )]
            }
            Support::None => {
                let message = format!(
                    "cluster `{}` runs Kubernetes {text}, which is not supported; supported are \
                     {}. Upgrade the cluster, then attach it",
                    cluster.name,
                    versions.supported_text()
                );
                self.refuse(FIELD, message);
                Vec::new()
            }
        }
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
        let own = self.workspace.subscription;
        let found = match id.subscription.parse() {
            Ok(subscription) if subscription != own => {
                self.refuse(
                    "properties.resourceId",
                    format!(
                        "the cluster is in subscription `{subscription}`, the workspace in \
                         `{own}`: a cluster of any region and group can be attached, but only of \
                         the workspace's own subscription"
                    ),
                );
                return Ok(None);
            }
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

    fn spec(
        &self,
        checked: &CheckedCompute,
        cluster: &ManagedCluster,
        origin: Origin,
        load_balancer: LoadBalancer,
        warnings: Vec<Finding>,
    ) -> ComputeSpec {
        let request = &self.request;
        ComputeSpec {
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
            network: checked.network.clone(),
            load_balancer,
            tls: Tls::Unset,
            kubernetes: None,
            removal: None,
            warnings,
            extra: request.extra.clone(),
        }
    }

    async fn insert(
        &mut self,
        txn: &mut Txn,
        name: ComputeName,
        mut spec: ComputeSpec,
    ) -> Result<Written<Compute>> {
        spec.tls = self
            .tls
            .plan(txn, &self.workspace, name.as_str(), &spec, None, self.now)
            .await?;
        let compute = Compute {
            id: Uuid::new_v4(),
            workspace: self.workspace.id,
            name,
            spec,
            generation: Generation::FIRST,
            observed: Observed::NotYet,
            created_at: self.now,
            modified_at: self.now,
        };
        let operation = self.operation(compute.id, Verb::Create, Generation::FIRST);
        txn.compute_insert(&compute).await?;
        self.tls.write(txn, &compute, self.now).await?;
        txn.operation_insert(&operation).await?;
        Ok(Written {
            resource: compute,
            operation: operation.id,
            is_new: true,
        })
    }
}
