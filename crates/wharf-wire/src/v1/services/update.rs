//! A patch of a service: the document as it is shown, changed, and read again.

use serde_json::{Value, json};
use wharf_core::{endpoint::Endpoint, endpoint_request::EndpointRequest, finding::Finding};

use super::{
    document::settings,
    request::{AKS, finish, read_settings},
    versions,
};
use crate::{
    patch::{self, Change, PatchOperation, Pointer},
    v1::fields::Fields,
};

/// Members that a patch may change, and which members they have; `None` for those
/// with none or with free ones.
const CHANGEABLE: [(&str, Option<&[&str]>); 16] = [
    ("environmentImageRequest", None),
    (
        "autoScaler",
        Some(&[
            "autoscaleEnabled",
            "minReplicas",
            "maxReplicas",
            "refreshPeriodInSeconds",
            "targetUtilization",
        ]),
    ),
    (
        "dataCollection",
        Some(&["storageEnabled", "eventHubEnabled"]),
    ),
    ("authEnabled", Some(&[])),
    ("aadAuthEnabled", Some(&[])),
    (
        "containerResourceRequirements",
        Some(&["cpu", "cpuLimit", "memoryInGB", "memoryInGBLimit", "gpu"]),
    ),
    ("appInsightsEnabled", Some(&[])),
    ("storageInitEnabled", Some(&[])),
    ("scoringTimeoutMs", Some(&[])),
    ("maxConcurrentRequestsPerContainer", Some(&[])),
    ("maxQueueWaitMs", Some(&[])),
    ("numReplicas", Some(&[])),
    (
        "livenessProbeRequirements",
        Some(&[
            "periodSeconds",
            "initialDelaySeconds",
            "timeoutSeconds",
            "successThreshold",
            "failureThreshold",
        ]),
    ),
    ("namespace", Some(&[])),
    ("description", Some(&[])),
    // `kvTags` and `properties` too, see `LABELS`.
    ("kvTags", None),
];
const LABELS: [&str; 2] = ["kvTags", "properties"];
/// Members that can be tested alone.
const FIXED: [&str; 3] = ["name", "computeType", "computeName"];

/// What `patch` makes of `endpoint`.
///
/// # Errors
/// Every operation that cannot be applied, every wrong member after it, and every
/// rule that is then broken.
pub fn update(endpoint: &Endpoint, patch: &Value) -> Result<EndpointRequest, Vec<Finding>> {
    if endpoint.spec.is_versioned {
        return versions::update(endpoint, patch);
    }
    let mut findings = Vec::new();
    let mut operations = patch::read(patch, &mut findings);
    for operation in &mut operations {
        if let Err(message) = check_path(operation) {
            findings.push(Finding::new(operation.path.to_string(), message));
        }
    }
    let mut document = settings(endpoint);
    for (name, value) in fixed(endpoint) {
        document[name] = value.into();
    }
    patch::apply(&mut document, &operations, &mut findings);
    settle_scaling(&mut document, &operations, |parts| parts.first());
    let mut fields = Fields::of_body(&document, &mut findings);
    let mut request = read_settings(&mut fields);
    request.name = endpoint.name.to_string();
    request.compute_name = Some(endpoint.spec.compute_name.to_string());
    finish(request, findings)
}

/// Refuses paths that are not there or cannot be changed.
pub(super) fn check_path(operation: &mut PatchOperation) -> Result<(), String> {
    let is_test = matches!(operation.change, Change::Test(_));
    let parts = operation.path.parts();
    let Some(root) = parts.first().map(String::as_str) else {
        return Err("the whole service cannot be replaced; patch its members".to_owned());
    };
    if let Some(label) = LABELS.iter().find(|label| **label == root) {
        // Labels are flat, and the SDK does not escape a `/` in their names.
        if parts.len() > 2 {
            let name = parts[1..].join("/");
            operation.path = Pointer::from_parts([label, &name]);
        }
        return Ok(());
    }
    match CHANGEABLE.iter().find(|(name, _)| *name == root) {
        Some((_, None)) => Ok(()),
        Some((_, Some(members))) => match &parts[1..] {
            [] => Ok(()),
            [member] if members.contains(&member.as_str()) => Ok(()),
            _ if members.is_empty() => Err(format!("is not there; `/{root}` has no members")),
            _ => Err(format!(
                "is not there; members of `/{root}`: {}",
                members.join(", ")
            )),
        },
        None if is_test && FIXED.contains(&root) => Ok(()),
        None => Err(unchangeable(root)),
    }
}

/// What cannot be changed and yet be tested.
fn fixed(endpoint: &Endpoint) -> [(&'static str, &str); 3] {
    [
        ("name", endpoint.name.as_str()),
        ("computeType", AKS),
        ("computeName", endpoint.spec.compute_name.as_str()),
    ]
}

pub(super) fn unchangeable(root: &str) -> String {
    match root {
        "imageId" | "imageDigest" => {
            "images are not supported; change environmentImageRequest".to_owned()
        }
        "versions" | "isDefault" | "trafficPercentile" | "type" => {
            "is not there; only an AksEndpoint has versions".to_owned()
        }
        "computeName" => "cannot be patched; services/migrate moves a service to another compute \
                          (the SDK's update(is_migration=True, compute_target=…))"
            .to_owned(),
        "name" | "computeType" | "location" => {
            "cannot be changed; delete the service and deploy it again".to_owned()
        }
        "id" | "state" | "createdTime" | "updatedTime" | "createdBy" | "scoringUri"
        | "deploymentStatus" | "error" | "operationId" | "models" => {
            "is told by the server and cannot be changed".to_owned()
        }
        "keys" => "keys are changed by regenerateKeys".to_owned(),
        "tags" => "is not there; the tags of a service are in `/kvTags`".to_owned(),
        _ => {
            let names: Vec<_> = CHANGEABLE.iter().map(|(name, _)| *name).collect();
            format!(
                "is not there or cannot be changed; what can: {}, properties",
                names.join(", ")
            )
        }
    }
}

/// A number of replicas and autoscaling exclude each other, and the SDK sends only
/// what the caller named: `update(num_replicas=2)` means a fixed number from now
/// on, `update(autoscale_enabled=True)` means no fixed number any more. Where a
/// caller names both, it is left to the rules. `member` tells which member of
/// `document` a path touches.
pub(super) fn settle_scaling(
    document: &mut Value,
    operations: &[PatchOperation],
    member: impl Fn(&[String]) -> Option<&String>,
) {
    let touches = |root: &str| {
        operations.iter().any(|operation| {
            member(operation.path.parts()).is_some_and(|part| part == root)
                && !matches!(operation.change, Change::Test(_))
        })
    };
    let (count, rules) = (touches("numReplicas"), touches("autoScaler"));
    let is_auto = document["autoScaler"]["autoscaleEnabled"] == json!(true);
    if count && !rules && !document["numReplicas"].is_null() {
        document["autoScaler"] = Value::Null;
    } else if rules && !count && is_auto {
        document["numReplicas"] = Value::Null;
    }
}
