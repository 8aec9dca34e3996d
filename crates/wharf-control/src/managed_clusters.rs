//! Managed clusters: import, read, delete.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result, Secret,
    catalogue::Catalogue,
    compute::Origin,
    finding::Finding,
    kubeconfig::Kubeconfig,
    kubernetes_version::KubernetesVersion,
    managed_cluster::{ManagedCluster, ManagedClusterSpec, ProviderKind},
    name::ManagedClusterName,
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    quote::Quoted,
    resource::{Generation, Observed},
    vm_size,
    workspace::Caller,
};

use wharf_store::Txn;

use crate::{
    App, Listed, Page, Written,
    places::{find_group, find_listed},
};

/// A PUT of a managed cluster, parsed but not checked.
#[derive(Debug, Clone, Default)]
pub struct ManagedClusterRequest {
    /// Its location.
    pub location: Option<String>,
    /// Labels of the user.
    pub tags: Option<BTreeMap<String, String>>,
    /// Number of nodes of the first pool.
    pub node_count: Option<i64>,
    /// Size of its nodes.
    pub vm_size: Option<String>,
    /// Its Kubernetes version.
    pub kubernetes_version: Option<String>,
    /// A kubeconfig as text, for an import.
    pub kubeconfig: Option<Secret>,
    /// Members that Wharf does not interpret.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Most nodes of a cluster (AKS' own limit).
const MOST_NODES: i64 = 5_000;

impl ManagedClusterRequest {
    /// The spec of an imported cluster, and what is kept of its kubeconfig; every
    /// broken rule goes to `findings`.
    fn check(
        &self,
        location: &str,
        catalogue: &Catalogue,
        findings: &mut Vec<Finding>,
    ) -> (ManagedClusterSpec, Option<Secret>) {
        let mut refuse = |field: &str, message: String| {
            findings.push(Finding::new(field, message));
        };
        let pool = "properties.agentPoolProfiles[0]";
        let node_count = match self.node_count {
            None => 3,
            Some(count) if (1..=MOST_NODES).contains(&count) => u32::try_from(count).unwrap_or(1),
            Some(count) => {
                refuse(
                    &format!("{pool}.count"),
                    format!("`{count}` must be a whole number from 1 to {MOST_NODES}"),
                );
                1
            }
        };
        let size = match self.vm_size.as_deref() {
            None | Some("") => vm_size::DEFAULT,
            Some(text) => match catalogue.sizes.find(text) {
                Some(size) => size.name.as_str(),
                None => {
                    refuse(&format!("{pool}.vmSize"), catalogue.sizes.refusal(text));
                    vm_size::DEFAULT
                }
            },
        };
        let version = match self.kubernetes_version.as_deref() {
            None | Some("") => catalogue.versions.default_version().to_string(),
            Some(text) => match text.parse::<KubernetesVersion>() {
                Ok(version) => version.to_string(),
                Err(error) => {
                    refuse("properties.kubernetesVersion", format!("`{text}` {error}"));
                    String::new()
                }
            },
        };
        let field = "properties.importProfile.kubeconfig";
        let kubeconfig = match &self.kubeconfig {
            None => {
                refuse(
                    field,
                    "is missing; creating a managed cluster is not supported yet, importing one \
                     needs its kubeconfig"
                        .to_owned(),
                );
                None
            }
            Some(text) => match Kubeconfig::parse(text.reveal(), None) {
                Ok(kubeconfig) => Some(kubeconfig),
                Err(faults) => {
                    for fault in faults {
                        refuse(field, fault.to_string());
                    }
                    None
                }
            },
        };
        let server = kubeconfig.as_ref().map(|it| it.server.clone());
        let spec = ManagedClusterSpec {
            provider: ProviderKind::Imported,
            location: self.location.clone().unwrap_or_else(|| location.to_owned()),
            kubernetes_version: version,
            node_count,
            vm_size: size.to_owned(),
            server,
            tags: self.tags.clone().unwrap_or_default(),
            owned_by_compute: false,
            is_absent: false,
            extra: self.extra.clone(),
        };
        (spec, kubeconfig.map(|it| it.to_text()))
    }
}

/// The version that an update asks for. What an imported cluster runs is what its
/// owner says; one of this machine takes the way that AKS has for upgrades.
fn upgraded(spec: &ManagedClusterSpec, text: &str, catalogue: &Catalogue) -> Result<String> {
    const FIELD: &str = "properties.kubernetesVersion";
    if text.is_empty() || text == spec.kubernetes_version {
        return Ok(spec.kubernetes_version.clone());
    }
    let quoted = Quoted(text);
    let to: KubernetesVersion = text
        .parse()
        .map_err(|error| Error::invalid(FIELD, format!("{quoted} {error}")))?;
    let upgrades = spec.kubernetes_version.parse();
    let upgrades = upgrades.map_or_else(|_| vec![to], |from| catalogue.versions.upgrades(from));
    if spec.provider == ProviderKind::Imported || upgrades.contains(&to) {
        return Ok(to.to_string());
    }
    let known: Vec<_> = upgrades.iter().map(ToString::to_string).collect();
    let known = if known.is_empty() {
        "nothing newer".to_owned()
    } else {
        known.join(", ")
    };
    Err(Error::invalid(
        FIELD,
        format!(
            "{} cannot be upgraded to {quoted}, but to {known}",
            spec.kubernetes_version
        ),
    ))
}

impl App {
    /// Imports a cluster with a kubeconfig, or updates the labels of one.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] with every broken rule;
    /// [`wharf_core::Error::Conflict`] for a cluster that changed meanwhile.
    pub async fn managed_cluster_import(
        &self,
        _caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
        request: ManagedClusterRequest,
    ) -> Result<Written<ManagedCluster>> {
        let now = self.now();
        let catalogue = Arc::clone(&self.inner.catalogue);
        let (subscription, group, name) =
            (subscription.to_owned(), group.to_owned(), name.to_owned());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let group = find_group(txn, &subscription, &group).await?;
                    let mut findings = Vec::new();
                    let parsed = name.parse::<ManagedClusterName>();
                    if let Err(error) = &parsed {
                        findings.push(Finding::new("name", format!("`{name}` {error}")));
                    }
                    let known = txn
                        .managed_cluster_get(&group.subscription, &group.name, &name)
                        .await?;
                    let mut operation = Operation {
                        id: OperationId::random(),
                        workspace: None,
                        verb: Verb::Create,
                        target_kind: TargetKind::ManagedCluster,
                        target: Uuid::new_v4(),
                        target_name: name.clone(),
                        generation: Generation::FIRST,
                        state: OperationState::Succeeded,
                        step: None,
                        created_at: now,
                        ended_at: Some(now),
                    };
                    if let Some(mut cluster) = known {
                        if cluster.spec.is_absent {
                            return Err(Error::conflict(
                                Kind::ManagedCluster,
                                &name,
                                "is being deleted; wait until it is gone",
                            ));
                        }
                        if request.kubeconfig.is_some() {
                            return Err(Error::conflict(
                                Kind::ManagedCluster,
                                &name,
                                "is there already; a second import needs another name",
                            ));
                        }
                        if let Some(text) = &request.kubernetes_version {
                            cluster.spec.kubernetes_version =
                                upgraded(&cluster.spec, text, &catalogue)?;
                        }
                        cluster.spec.tags = request.tags.unwrap_or(cluster.spec.tags);
                        cluster.generation = cluster.generation.next();
                        cluster.observed = Observed::Reached(cluster.generation);
                        cluster.modified_at = now;
                        operation.verb = Verb::Update;
                        operation.target = cluster.id;
                        operation.generation = cluster.generation;
                        let is_current = txn
                            .managed_cluster_update_spec(
                                &cluster.id,
                                cluster.generation,
                                &cluster.spec,
                                now,
                            )
                            .await?;
                        if !is_current {
                            return Err(Error::conflict(
                                Kind::ManagedCluster,
                                &name,
                                "was changed by somebody else at the same time; read it again",
                            ));
                        }
                        txn.managed_cluster_write_observed(
                            &cluster.id,
                            cluster.generation,
                            &cluster.observed,
                        )
                        .await?;
                        txn.operation_insert(&operation).await?;
                        return Ok(Written {
                            resource: cluster,
                            operation: operation.id,
                            is_new: false,
                        });
                    }
                    let (spec, kubeconfig) =
                        request.check(&group.location, &catalogue, &mut findings);
                    let (Ok(parsed), true) = (parsed, findings.is_empty()) else {
                        return Err(Error::Invalid(findings));
                    };
                    let cluster = ManagedCluster {
                        id: operation.target,
                        subscription: group.subscription,
                        group: group.name,
                        name: parsed,
                        spec,
                        generation: Generation::FIRST,
                        observed: Observed::Reached(Generation::FIRST),
                        created_at: now,
                        modified_at: now,
                    };
                    txn.managed_cluster_insert(&cluster, kubeconfig.as_ref())
                        .await?;
                    txn.operation_insert(&operation).await?;
                    Ok(Written {
                        resource: cluster,
                        operation: operation.id,
                        is_new: true,
                    })
                })
            })
            .await
    }

    /// Deletes a cluster to which no compute is attached. `None` when it is not there.
    /// Of an imported one Wharf forgets what it knows; the cluster itself stays.
    ///
    /// # Errors
    /// [`wharf_core::Error::Conflict`] with the compute that it is attached as.
    pub async fn managed_cluster_remove(
        &self,
        _caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<(ManagedCluster, OperationId)>> {
        let now = self.now();
        let (subscription, group, name) =
            (subscription.to_owned(), group.to_owned(), name.to_owned());
        self.write_then(
            move |txn| {
                Box::pin(async move { remove(txn, &subscription, &group, &name, now).await })
            },
            |app, removed| {
                if let Some((cluster, _)) = removed {
                    app.inner.managed_clusters.wake(cluster.id);
                }
            },
        )
        .await
    }

    /// One cluster.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn managed_cluster_get(
        &self,
        _caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<ManagedCluster> {
        let mut session = self.store().read().await?;
        let group = find_group(&mut session, subscription, group).await?;
        session
            .managed_cluster_get(&group.subscription, &group.name, name)
            .await?
            .ok_or_else(|| Error::not_found(Kind::ManagedCluster, name))
    }

    /// The kubeconfig of an imported cluster.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`]; [`wharf_core::Error::Unsupported`] for a local
    /// cluster, which has no Kubernetes to talk to.
    pub async fn managed_cluster_credentials(
        &self,
        caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Secret> {
        let cluster = self
            .managed_cluster_get(caller, subscription, group, name)
            .await?;
        let mut session = self.store().read().await?;
        let kubeconfig = session.managed_cluster_kubeconfig(&cluster.id).await?;
        kubeconfig.ok_or_else(|| Error::Unsupported {
            what: format!(
                "managed cluster `{}` has no kubeconfig: its replicas are processes of this \
                 machine, and no Kubernetes is involved",
                cluster.name
            ),
        })
    }

    /// The clusters of a subscription, or of one of its groups, by group and name.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the subscription or group.
    pub async fn managed_cluster_list(
        &self,
        caller: &Caller,
        subscription: &str,
        group: Option<&str>,
        page: &Page,
    ) -> Result<Listed<ManagedCluster>> {
        let mut session = self.store().read().await?;
        let listed = find_listed(&mut session, subscription, group).await?;
        let is_readable = |it: &ManagedCluster| caller.may_read(&it.resource_id().scope());
        let key = |it: &ManagedCluster| format!("{}/{}", it.group, it.name);
        let mut gathered = page.gather();
        while !gathered.is_done() {
            let after = gathered.after().and_then(|after| after.split_once('/'));
            let batch = session.managed_cluster_list(&listed, group, after, page.look_ahead());
            gathered.add(batch.await?, is_readable, key);
        }
        Ok(gathered.listed(key))
    }
}

async fn remove(
    txn: &mut Txn,
    subscription: &str,
    group: &str,
    name: &str,
    now: Timestamp,
) -> Result<Option<(ManagedCluster, OperationId)>> {
    let group = find_group(txn, subscription, group).await?;
    let found = txn
        .managed_cluster_get(&group.subscription, &group.name, name)
        .await?;
    let Some(mut cluster) = found else {
        return Ok(None);
    };
    if let Some(compute) = txn.compute_by_cluster(&cluster.id).await? {
        let workspace = txn.workspace_by_id(&compute.workspace).await?;
        let workspace = workspace.map_or_else(String::new, |it| it.name.into());
        return Err(Error::conflict(
            Kind::ManagedCluster,
            cluster.name.as_str(),
            format!(
                "is attached as compute `{}` in workspace `{workspace}`; {} that first",
                compute.name,
                match compute.spec.origin {
                    Origin::Attached => "detach",
                    Origin::Created => "delete or detach",
                }
            ),
        ));
    }
    if cluster.spec.is_absent {
        // Asked again: the same operation.
        let under_way = txn.operation_at(&cluster.id, cluster.generation).await?;
        if let Some(operation) = under_way {
            return Ok(Some((cluster, operation)));
        }
    }
    cluster.spec.is_absent = true;
    cluster.generation = cluster.generation.next();
    cluster.modified_at = now;
    txn.managed_cluster_update_spec(&cluster.id, cluster.generation, &cluster.spec, now)
        .await?;
    let operation = Operation {
        id: OperationId::random(),
        workspace: None,
        verb: Verb::Delete,
        target_kind: TargetKind::ManagedCluster,
        target: cluster.id,
        target_name: cluster.name.to_string(),
        generation: cluster.generation,
        state: OperationState::InProgress,
        step: None,
        created_at: now,
        ended_at: None,
    };
    txn.operation_insert(&operation).await?;
    Ok(Some((cluster, operation.id)))
}
