//! Managed clusters: import, update of labels and version, read, delete.

use http::{StatusCode, header};
use wharf_control::managed_clusters::ManagedClusterRequest;
use wharf_core::{Error, operation::OperationId, workspace::Caller};
use wharf_wire::{
    arm::{
        credentials::CredentialResults,
        managed_clusters::{self, Cluster, ClusterRequest},
    },
    page::ValueList,
};

use super::pending;
use crate::{
    answer::{self, Answered},
    call::Call,
    page::{self, encoded},
};

fn request(parsed: ClusterRequest) -> ManagedClusterRequest {
    ManagedClusterRequest {
        location: parsed.location,
        tags: parsed.tags,
        node_count: parsed.node_count,
        vm_size: parsed.vm_size,
        kubernetes_version: parsed.kubernetes_version,
        kubeconfig: parsed.kubeconfig,
        extra: parsed.extra,
    }
}

/// `PUT …/managedClusters/{cluster}`: imports a cluster, or changes the labels of
/// one that is there. The body is described in [`managed_clusters`].
pub(crate) async fn put(mut call: Call, caller: Caller) -> Answered {
    let document = call.resource().await?;
    let parsed = managed_clusters::parse(document).map_err(Error::Invalid)?;
    let subscription = call.parameter("subscription");
    let (group, name) = (call.parameter("group"), call.parameter("cluster"));
    let written = call
        .app()
        .managed_cluster_import(&caller, &subscription, &group, &name, request(parsed))
        .await?;
    let status = if written.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let cluster = Cluster::from(&written.resource);
    let mut response = answer::json(status, &cluster)?;
    let url = operation_url(&call, &subscription, &cluster.location, written.operation);
    pending::operation(&mut response, url)?;
    Ok(response)
}

/// `DELETE …/managedClusters/{cluster}`: 202, or 204 when it is not there.
pub(crate) async fn delete(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    let (group, name) = (call.parameter("group"), call.parameter("cluster"));
    let removed = call
        .app()
        .managed_cluster_remove(&caller, &subscription, &group, &name)
        .await?;
    let Some((cluster, operation)) = removed else {
        return Ok(answer::empty(StatusCode::NO_CONTENT));
    };
    let mut response = answer::empty(StatusCode::ACCEPTED);
    let url = operation_url(&call, &subscription, &cluster.spec.location, operation);
    answer::set(&mut response, header::LOCATION, url.clone())?;
    pending::operation(&mut response, url)?;
    Ok(response)
}

/// Where an operation on a cluster is polled.
fn operation_url(call: &Call, subscription: &str, location: &str, id: OperationId) -> String {
    format!(
        "{}/subscriptions/{}/providers/Microsoft.ContainerService/locations/{}/operations/{id}\
         ?api-version=2026-06-01",
        call.public_url(),
        encoded(subscription),
        encoded(location),
    )
}

/// `GET …/managedClusters/{cluster}`.
pub(crate) async fn get(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    let (group, name) = (call.parameter("group"), call.parameter("cluster"));
    let found = call
        .app()
        .managed_cluster_get(&caller, &subscription, &group, &name)
        .await?;
    answer::ok(&Cluster::from(&found))
}

/// `GET …/resourceGroups/{group}/…/managedClusters`.
pub(crate) async fn list_in_group(call: Call, caller: Caller) -> Answered {
    let group = call.parameter("group");
    listed(&call, &caller, Some(&group)).await
}

/// `GET /subscriptions/{subscription}/…/managedClusters`.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    listed(&call, &caller, None).await
}

async fn listed(call: &Call, caller: &Caller, group: Option<&str>) -> Answered {
    let subscription = call.parameter("subscription");
    let asked = page::asked(call)?;
    let found = call
        .app()
        .managed_cluster_list(caller, &subscription, group, &asked)
        .await?;
    answer::ok(&ValueList {
        value: found.items.iter().map(Cluster::from).collect(),
        next_link: found.next.map(|next| page::next_link(call, &next)),
    })
}

/// `POST …/managedClusters/{cluster}/listClusterUserCredential`.
pub(crate) async fn list_user_credential(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    let (group, name) = (call.parameter("group"), call.parameter("cluster"));
    let kubeconfig = call
        .app()
        .managed_cluster_credentials(&caller, &subscription, &group, &name)
        .await?;
    answer::secret(&CredentialResults::of_user(kubeconfig.reveal()))
}
