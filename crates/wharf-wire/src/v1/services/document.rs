//! A service as it is shown.
//!
//! The SDK indexes most members without looking whether they are there, and takes
//! a null for some and not for others; the tests hold the lists.

use serde_json::{Map, Value, json};
use wharf_core::{
    deployment::{DeploymentSpec, DeploymentState, DeploymentStatus},
    endpoint::{Authentication, Endpoint},
    finding::Findings,
    model::Model,
    operation::OperationId,
    resource::Failure,
    scaling::Scaling,
};

use super::{
    request::{AKS, AKS_ENDPOINT},
    versions,
};
use crate::v1::{environments, models, time};

/// A service with what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct ServiceView<'a> {
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// Where it is scored.
    pub scoring_uri: &'a str,
    /// The models it uses, as far as they are registered.
    pub models: &'a [Model],
    /// What the newest change of it started.
    pub operation: Option<OperationId>,
}

/// The service. Without `expand`, models and environment are left out.
pub fn document(view: &ServiceView<'_>, expand: bool) -> Value {
    let endpoint = view.endpoint;
    let is_versioned = endpoint.spec.is_versioned;
    let of_spec = endpoint.spec.deployments.iter();
    let statuses: Vec<_> = of_spec
        .filter_map(|it| endpoint.status.deployments.get(&it.id))
        .collect();
    let mut document = json!({
        "id": endpoint.name.as_str(),
        "name": endpoint.name.as_str(),
        "computeType": if is_versioned { AKS_ENDPOINT } else { AKS },
        "computeName": endpoint.spec.compute_name.as_str(),
        "state": state(endpoint.state()),
        "createdTime": time::text(endpoint.created_at),
        "updatedTime": time::text(endpoint.modified_at),
        "createdBy": {"userName": endpoint.created_by},
        "scoringUri": scoring_uri(view),
        "deploymentStatus": deployment_status(&statuses),
    });
    if is_versioned {
        merge(&mut document, versions::settings(endpoint));
        document["versions"] = versions::documents(view, expand);
    } else {
        merge(&mut document, settings(endpoint));
    }
    if let Some(failure) = endpoint.failure() {
        document["error"] = error(&failure);
    }
    if let Some(operation) = view.operation {
        document["operationId"] = operation.to_string().into();
    }
    if !is_versioned {
        expand_or_shorten(&mut document, view.models.iter(), expand);
    }
    document
}

/// Without an address the SDK says at once why there is none; with one it asks for a
/// minute and then tells of a 503.
pub(super) fn scoring_uri<'a>(view: &ServiceView<'a>) -> Option<&'a str> {
    (!view.endpoint.is_stillborn()).then_some(view.scoring_uri)
}

pub(super) fn expand_or_shorten<'a>(
    document: &mut Value,
    models: impl Iterator<Item = &'a Model>,
    expand: bool,
) {
    if expand {
        document["models"] = models.map(models::document_in_service).collect();
    } else if let Some(members) = document.as_object_mut() {
        members.shift_remove("environmentImageRequest");
    }
}

pub(super) fn merge(document: &mut Value, more: Value) {
    if let (Value::Object(members), Value::Object(more)) = (document, more) {
        members.extend(more);
    }
}

/// The members that can be changed, with the values that hold.
pub(super) fn settings(endpoint: &Endpoint) -> Value {
    let mut settings = endpoint_settings(endpoint);
    merge(&mut settings, kept_settings(&endpoint.spec.document));
    if let Some(deployment) = endpoint.spec.deployments.first() {
        merge(&mut settings, deployment_settings(deployment));
    }
    settings
}

/// Those of the endpoint itself, with one deployment or with versions.
pub(super) fn endpoint_settings(endpoint: &Endpoint) -> Value {
    let spec = &endpoint.spec;
    let insights = spec.document.get("appInsightsEnabled").cloned();
    json!({
        "description": spec.description,
        "kvTags": spec.tags,
        "properties": spec.properties,
        "appInsightsEnabled": insights.unwrap_or_else(|| json!(false)),
        "authEnabled": spec.authentication == Authentication::Key,
        "aadAuthEnabled": spec.authentication == Authentication::Token,
    })
}

/// Those of a deployment that are kept as the client sent them.
pub(super) fn kept_settings(document: &Map<String, Value>) -> Value {
    let kept = |name: &str| document.get(name).cloned();
    json!({
        "dataCollection": data_collection(kept("dataCollection")),
        "environmentImageRequest": kept("environmentImageRequest").map(environments::completed),
        "storageInitEnabled": kept("storageInitEnabled"),
        "location": kept("location"),
    })
}

fn data_collection(kept: Option<Value>) -> Value {
    let mut collection = json!({"storageEnabled": false, "eventHubEnabled": false});
    let kept = kept.unwrap_or_default();
    for name in ["storageEnabled", "eventHubEnabled"] {
        if let Some(value) = kept.get(name).filter(|value| value.is_boolean()) {
            collection[name] = value.clone();
        }
    }
    collection
}

pub(super) fn deployment_settings(deployment: &DeploymentSpec) -> Value {
    let (template, liveness) = (&deployment.template, &deployment.liveness);
    let resources = &template.resources;
    let (autoscale, replicas) = match deployment.scaling {
        Scaling::Fixed(count) => (
            json!({
                "autoscaleEnabled": false, "minReplicas": null, "maxReplicas": null,
                "targetUtilization": null, "refreshPeriodInSeconds": null,
            }),
            json!(count),
        ),
        Scaling::Auto(rules) => (
            json!({
                "autoscaleEnabled": true, "minReplicas": rules.min, "maxReplicas": rules.max,
                "targetUtilization": rules.target_percent,
                "refreshPeriodInSeconds": rules.refresh_seconds,
            }),
            Value::Null,
        ),
    };
    json!({
        "autoScaler": autoscale,
        "numReplicas": replicas,
        "containerResourceRequirements": {
            "cpu": resources.cpu,
            "cpuLimit": resources.cpu_limit,
            "memoryInGB": resources.memory_gb,
            "memoryInGBLimit": resources.memory_limit_gb,
            "gpu": resources.gpu,
        },
        "maxConcurrentRequestsPerContainer": template.concurrency,
        "maxQueueWaitMs": milliseconds(deployment.max_wait),
        "scoringTimeoutMs": milliseconds(template.scoring_timeout),
        "livenessProbeRequirements": {
            "periodSeconds": liveness.period_seconds,
            "initialDelaySeconds": liveness.initial_delay_seconds,
            "timeoutSeconds": liveness.timeout_seconds,
            "successThreshold": liveness.success_threshold,
            "failureThreshold": liveness.failure_threshold,
        },
        "namespace": template.namespace.as_ref().map(wharf_core::name::Namespace::as_str),
    })
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn deployment_status(statuses: &[&DeploymentStatus]) -> Value {
    let notices: Vec<_> = statuses.iter().flat_map(|status| &status.notices).collect();
    let failure = statuses.iter().find_map(|status| status.failure.as_ref());
    let available: u32 = statuses.iter().map(|status| status.ready).sum();
    json!({
        "desiredReplicas": statuses.iter().map(|status| status.wanted).sum::<u32>(),
        "updatedReplicas": available,
        "availableReplicas": available,
        "notices": notices,
        "error": failure.map(error),
    })
}

pub(super) fn state(state: DeploymentState) -> &'static str {
    match state {
        DeploymentState::Transitioning => "Transitioning",
        DeploymentState::Healthy => "Healthy",
        DeploymentState::Unhealthy => "Unhealthy",
        DeploymentState::Unschedulable => "Unschedulable",
        DeploymentState::Failed => "Failed",
    }
}

/// Why something failed, as services and their operations show it.
pub(crate) fn error(failure: &Failure) -> Value {
    let details = Findings(&failure.details).shown().iter();
    let details: Vec<_> = details
        .map(|finding| {
            json!({
                "code": failure.code,
                "message": finding.to_string(),
                "target": finding.field,
            })
        })
        .collect();
    json!({"code": failure.code, "message": failure.message, "details": details})
}

/// A page of services. The link is left out at the end: a null one would be
/// requested.
pub fn page(services: Vec<Value>, next_link: Option<String>) -> Value {
    let mut page = Map::new();
    page.insert("value".to_owned(), services.into());
    if let Some(next_link) = next_link {
        page.insert("nextLink".to_owned(), next_link.into());
    }
    page.into()
}

/// Logs of a service.
pub fn logs(content: &str) -> Value {
    json!({"content": content})
}
