//! Computes: create, attach, update, read, delete, detach.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    compute::{
        CheckedCompute, Compute, ComputeRequest, ComputeSpec, DEFAULT_AGENT_COUNT, Origin, Removal,
        check_cores,
    },
    finding::Finding,
    managed_cluster::{ManagedCluster, ProviderKind},
    name::ComputeName,
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    resource::{Generation, Observed},
    resource_id::ResourceId,
    vm_size,
    workspace::{Caller, Workspace, WorkspacePath},
};
use wharf_store::{Session, Txn};

use crate::{
    App, Listed, Page, Written, bootstrap::local_cluster_spec, cache::ReadCache,
    places::find_workspace,
};

const INNER: &str = "properties.properties.";

type Found = (Workspace, Compute);

/// Computes as they were last read: what polling clients ask for most.
pub(crate) type ComputeReads = ReadCache<(WorkspacePath, String), Found>;

/// A PUT under way: the request with everything that was found for it.
struct Put {
    workspace: Workspace,
    name: String,
    request: ComputeRequest,
    findings: Vec<Finding>,
    now: Timestamp,
}

impl Put {
    fn new(workspace: Workspace, name: String, request: ComputeRequest, now: Timestamp) -> Self {
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

    async fn write(mut self, txn: &mut Txn) -> Result<Written<Compute>> {
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

fn going(compute: &Compute) -> Error {
    Error::conflict(
        Kind::Compute,
        compute.name.as_str(),
        "is being removed; wait until it is gone",
    )
}

impl App {
    /// Creates, attaches or updates the compute `name`.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] with every broken rule,
    /// [`wharf_core::Error::Conflict`] when the name or the cluster is taken or the
    /// compute is going.
    pub async fn compute_put(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        request: ComputeRequest,
    ) -> Result<Written<Compute>> {
        let (path, name, now) = (path.clone(), name.to_owned(), self.now());
        self.write_then(
            move |txn| {
                Box::pin(async move {
                    let workspace = find_workspace(txn, &path).await?;
                    Put::new(workspace, name, request, now).write(txn).await
                })
            },
            |app, written| app.inner.computes.wake(written.resource.id),
        )
        .await
    }

    /// One compute with its workspace.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn compute_get(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<(Workspace, Compute)> {
        let version = self.store().version();
        let key = (path.clone(), name.to_owned());
        if let Some(version) = version
            && let Some(known) = self.inner.compute_reads.get(version, &key)
        {
            return Ok(Found::clone(&known));
        }
        let mut session = self.store().read().await?;
        let found = find_compute(&mut session, path, name).await?;
        if let Some(version) = version {
            let known = Arc::new(found.clone());
            self.inner.compute_reads.put(version, key, known);
        }
        Ok(found)
    }

    /// The computes of a workspace, by name.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn compute_list(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        page: &Page,
    ) -> Result<Listed<Compute>> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let found = session
            .compute_list(&workspace.id, page.after.as_deref(), page.look_ahead())
            .await?;
        Ok(page.listed(found, |compute| compute.name.key()))
    }

    /// Deletes or detaches. `None` when there is no such compute (ARM answers 204).
    ///
    /// # Errors
    /// [`wharf_core::Error::Conflict`] when an attached compute is to be deleted, or
    /// services still run on it (they are named).
    pub async fn compute_remove(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        removal: Removal,
    ) -> Result<Option<OperationId>> {
        let (path, name, now) = (path.clone(), name.to_owned(), self.now());
        let removed = self
            .write_then(
                move |txn| Box::pin(async move { remove(txn, &path, &name, removal, now).await }),
                |app, removed| {
                    if let Some((compute, _)) = removed {
                        app.inner.computes.wake(*compute);
                    }
                },
            )
            .await?;
        Ok(removed.map(|(_, operation)| operation))
    }
}

pub(crate) async fn find_compute(
    session: &mut Session,
    path: &WorkspacePath,
    name: &str,
) -> Result<(Workspace, Compute)> {
    let workspace = find_workspace(session, path).await?;
    match session.compute_get(&workspace.id, name).await? {
        Some(compute) => Ok((workspace, compute)),
        None => Err(Error::not_found(Kind::Compute, name)),
    }
}

async fn remove(
    txn: &mut Txn,
    path: &WorkspacePath,
    name: &str,
    removal: Removal,
    now: Timestamp,
) -> Result<Option<(Uuid, OperationId)>> {
    let workspace = find_workspace(txn, path).await?;
    let Some(compute) = txn.compute_get(&workspace.id, name).await? else {
        return Ok(None);
    };
    let conflict = |why: String| Error::conflict(Kind::Compute, compute.name.as_str(), why);
    // A removal that was given up is begun again.
    let is_under_way = !compute.observed.has_ended(compute.generation);
    if let Some(asked) = compute.spec.removal
        && (is_under_way || asked != removal)
    {
        // Asking again for the same is answered with the operation under way.
        let under_way = txn.operation_at(&compute.id, compute.generation).await?;
        return match under_way {
            Some(operation) if asked == removal => Ok(Some((compute.id, operation))),
            _ => Err(going(&compute)),
        };
    }
    if removal == Removal::Delete && compute.spec.origin == Origin::Attached {
        return Err(conflict(
            "was attached, so it cannot be deleted; detach it, which leaves its cluster alone"
                .to_owned(),
        ));
    }
    let services = txn.endpoint_names_on(&compute.id).await?;
    if !services.is_empty() {
        return Err(conflict(format!(
            "services still run on it: {}; delete them first",
            services.join(", ")
        )));
    }
    let spec = ComputeSpec {
        removal: Some(removal),
        ..compute.spec
    };
    let generation = compute.generation.next();
    txn.compute_update_spec(&compute.id, generation, &spec, now)
        .await?;
    let operation = Operation {
        id: OperationId::random(),
        workspace: Some(workspace.id),
        verb: Verb::Delete,
        target_kind: TargetKind::Compute,
        target: compute.id,
        target_name: compute.name.into(),
        generation,
        state: OperationState::InProgress,
        step: None,
        created_at: now,
        ended_at: None,
    };
    txn.operation_insert(&operation).await?;
    Ok(Some((compute.id, operation.id)))
}
