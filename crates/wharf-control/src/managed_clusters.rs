//! Managed clusters: import and read.

use std::collections::BTreeMap;

use wharf_core::{Result, Secret, managed_cluster::ManagedCluster, workspace::Caller};

use crate::{App, Written};

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

impl App {
    /// Imports a cluster with a kubeconfig, or updates the labels of one.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] with every broken rule;
    /// [`wharf_core::Error::Conflict`] for a cluster that is going.
    pub async fn managed_cluster_import(
        &self,
        caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
        request: ManagedClusterRequest,
    ) -> Result<Written<ManagedCluster>> {
        let _ = (caller, subscription, group, name, request);
        todo!()
    }

    /// One cluster.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn managed_cluster_get(
        &self,
        caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<ManagedCluster> {
        let _ = (caller, subscription, group, name);
        todo!()
    }

    /// The clusters of a subscription, or of one of its groups.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the subscription or group.
    pub async fn managed_cluster_list(
        &self,
        caller: &Caller,
        subscription: &str,
        group: Option<&str>,
    ) -> Result<Vec<ManagedCluster>> {
        let _ = (caller, subscription, group);
        todo!()
    }
}
