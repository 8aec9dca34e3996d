//! Kubernetes versions of a location.

use wharf_core::workspace::Caller;
use wharf_wire::arm::kubernetes_versions::{KubernetesVersions, Orchestrators};

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// `GET …/locations/{location}/kubernetesVersions`, today's shape.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    call.app().subscription_get(&caller, &subscription).await?;
    answer::ok(&KubernetesVersions::from(&call.app().catalogue().versions))
}

/// `GET …/locations/{location}/orchestrators?resource-type=managedClusters`, the
/// older shape.
pub(crate) async fn orchestrators(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    call.app().subscription_get(&caller, &subscription).await?;
    let location = call.parameter("location");
    answer::ok(&Orchestrators::new(
        &subscription,
        &location,
        &call.app().catalogue().versions,
    ))
}
