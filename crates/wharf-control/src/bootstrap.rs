//! What a first start makes: tenant, subscription, resource group, workspace,
//! administrator, and the local cluster. A later start changes none of it but the
//! administrator's secret, when its file was changed.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Result, Secret,
    access::{Assignment, Role, Scope},
    catalogue::Catalogue,
    digest::Digest,
    managed_cluster::{ManagedCluster, ManagedClusterSpec, ProviderKind},
    resource::{Generation, Observed},
    vm_size,
    workspace::{Principal, ResourceGroup, Subscription, Workspace},
};
use wharf_store::{Store, Txn};

/// Where the store keeps what the first start made.
const META_KEY: &str = "administrator";
/// Nodes of the local cluster. Nominal: three nodes of the default size keep the
/// how-to's rule on production clusters (docs/decisions/0006-nominal-size.md).
const LOCAL_NODES: u32 = 3;
/// The local cluster's name.
const LOCAL_CLUSTER: &str = "local";

/// What a first start needs to know.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The administrator's secret; the caller keeps it in a file of its own.
    pub administrator_secret: Secret,
    /// Name of the resource group.
    pub resource_group: String,
    /// Name of the workspace.
    pub workspace: String,
    /// Location of everything.
    pub location: String,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            administrator_secret: Secret::new(""),
            resource_group: "wharf".into(),
            workspace: "default".into(),
            location: "local".into(),
        }
    }
}

/// The first administrator and the first workspace, as `admin.json` shows them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Administrator {
    /// The tenant.
    pub tenant: Uuid,
    /// The subscription.
    pub subscription: Uuid,
    /// The resource group's name.
    pub resource_group: String,
    /// The workspace's name.
    pub workspace: String,
    /// Client id for a client-credentials sign-in.
    pub client_id: Uuid,
    /// Its object id.
    pub principal: Uuid,
    /// The workspace that the first start made: its scoring paths have no prefix. One
    /// that is made in its place later is another.
    #[serde(default)]
    pub first_workspace: Option<Uuid>,
}

/// What is kept of a client secret.
pub(crate) fn secret_hash(secret: &Secret) -> [u8; 32] {
    *Digest::of(secret.reveal().as_bytes()).as_bytes()
}

/// Compares in the same time wherever the first difference is.
pub(crate) fn is_secret(secret: &Secret, hash: &[u8]) -> bool {
    verify_slices_are_equal(&secret_hash(secret), hash).is_ok()
}

impl Bootstrap {
    /// Makes what is missing and gives what is there.
    pub(crate) async fn apply(
        self,
        store: &Store,
        now: Timestamp,
        catalogue: &Catalogue,
    ) -> Result<Administrator> {
        let cluster = local_cluster_spec(
            catalogue,
            &self.location,
            LOCAL_NODES,
            vm_size::DEFAULT,
            false,
        );
        store
            .write(move |txn| Box::pin(async move { self.write(txn, now, cluster).await }))
            .await
    }

    async fn write(
        self,
        txn: &mut Txn,
        now: Timestamp,
        cluster: ManagedClusterSpec,
    ) -> Result<Administrator> {
        let known = txn.meta_get(META_KEY).await?;
        let mut administrator: Administrator = match known {
            Some(json) => serde_json::from_slice(&json)
                .map_err(|error| Error::internal(format!("stored administrator: {error}")))?,
            None => self.first_start(txn, now, cluster).await?,
        };
        if administrator.first_workspace.is_none() {
            // A data directory of before it was kept.
            let found = txn
                .workspace_get(
                    &administrator.subscription,
                    &administrator.resource_group,
                    &administrator.workspace,
                )
                .await?;
            administrator.first_workspace = found.map(|workspace| workspace.id);
            let json = serde_json::to_vec(&administrator).map_err(Error::internal)?;
            txn.meta_put(META_KEY, &json).await?;
        }
        let principal = Principal {
            id: administrator.principal,
            client_id: administrator.client_id,
            display_name: "administrator".into(),
        };
        txn.principal_put(&principal, &secret_hash(&self.administrator_secret))
            .await?;
        let everything = Assignment {
            id: Uuid::new_v4(),
            principal: principal.id,
            role: Role::Owner,
            scope: Scope::root(),
        };
        txn.role_assignment_put(&everything, now).await?;
        Ok(administrator)
    }

    async fn first_start(
        &self,
        txn: &mut Txn,
        now: Timestamp,
        cluster: ManagedClusterSpec,
    ) -> Result<Administrator> {
        let bad = |what: &str, error: wharf_core::name::InvalidName| {
            Error::internal(format!("{what}: {error}"))
        };
        let administrator = Administrator {
            tenant: Uuid::new_v4(),
            subscription: Uuid::new_v4(),
            resource_group: self.resource_group.clone(),
            workspace: self.workspace.clone(),
            client_id: Uuid::new_v4(),
            principal: Uuid::new_v4(),
            first_workspace: Some(Uuid::new_v4()),
        };
        txn.subscription_insert(&Subscription {
            id: administrator.subscription,
            display_name: "Wharf".into(),
            tenant: administrator.tenant,
        })
        .await?;
        txn.resource_group_insert(&ResourceGroup {
            subscription: administrator.subscription,
            name: self.resource_group.clone(),
            location: self.location.clone(),
            tags: Default::default(),
        })
        .await?;
        txn.workspace_insert(&Workspace {
            id: administrator.first_workspace.unwrap_or_default(),
            subscription: administrator.subscription,
            group: self.resource_group.clone(),
            name: self
                .workspace
                .parse()
                .map_err(|error| bad("workspace", error))?,
            location: self.location.clone(),
            friendly_name: self.workspace.clone(),
            description: String::new(),
            tags: Default::default(),
            kept: Default::default(),
            created_at: now,
        })
        .await?;
        let cluster = ManagedCluster {
            id: Uuid::new_v4(),
            subscription: administrator.subscription,
            group: self.resource_group.clone(),
            name: LOCAL_CLUSTER
                .parse()
                .map_err(|error| bad("cluster", error))?,
            spec: cluster,
            generation: Generation::FIRST,
            observed: Observed::Reached(Generation::FIRST),
            created_at: now,
            modified_at: now,
        };
        txn.managed_cluster_insert(&cluster, None).await?;
        let json = serde_json::to_vec(&administrator).map_err(Error::internal)?;
        txn.meta_put(META_KEY, &json).await?;
        Ok(administrator)
    }
}

/// A cluster of this machine.
pub(crate) fn local_cluster_spec(
    catalogue: &Catalogue,
    location: &str,
    node_count: u32,
    vm_size: &str,
    owned_by_compute: bool,
) -> ManagedClusterSpec {
    ManagedClusterSpec {
        provider: ProviderKind::Local,
        location: location.to_owned(),
        kubernetes_version: catalogue.versions.default_version().to_string(),
        node_count,
        vm_size: vm_size.to_owned(),
        server: None,
        tags: Default::default(),
        owned_by_compute,
        is_absent: false,
        extra: serde_json::Map::new(),
    }
}
