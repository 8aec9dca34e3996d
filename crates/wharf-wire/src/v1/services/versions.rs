//! Versions of an endpoint: read from a create body, patched, and shown. Inside, a
//! version has the members of a service.

use serde_json::{Map, Value, json};
use wharf_core::{
    deployment::{DeploymentSpec, DeploymentStatus},
    endpoint::Endpoint,
    endpoint_request::{EndpointRequest, VersionRequest},
    finding::Finding,
    quote::Quoted,
    version::{MOST_VERSIONS, VersionRole},
};

use super::{
    ServiceView,
    document::{
        deployment_settings, deployment_status, endpoint_settings, error, expand_or_shorten,
        kept_settings, merge, scoring_uri, state,
    },
    request::{AKS, AKS_ENDPOINT, finish, kind_is_versioned, read_settings, refuse_images},
    update::{check_path, settle_scaling, unchangeable},
};
use crate::{
    patch::{self, Change, PatchOperation, Pointer},
    v1::{fields::Fields, time},
};

const VERSIONS: &str = "versions";
/// Members of the endpoint itself that a patch may change.
const OF_ENDPOINT: [&str; 7] = [
    "authEnabled",
    "aadAuthEnabled",
    "appInsightsEnabled",
    "namespace",
    "description",
    "kvTags",
    "properties",
];
/// Members of a version alone.
const OF_VERSION: [&str; 3] = ["isDefault", "trafficPercentile", "type"];
/// Members of a version that its replicas do not see: to change them is no reason to
/// try again what failed.
const UNSEEN: [&str; 6] = [
    "isDefault",
    "trafficPercentile",
    "type",
    "description",
    "kvTags",
    "properties",
];

fn role(role: VersionRole) -> &'static str {
    match role {
        VersionRole::Control => "Control",
        VersionRole::Treatment => "Treatment",
    }
}

/// Reads the versions of a create body. Where none is said to be the default one,
/// the first is.
pub(super) fn read(fields: &mut Fields<'_>) -> Vec<VersionRequest> {
    let mut versions =
        fields.each_member(VERSIONS, MOST_VERSIONS, |name, version| VersionRequest {
            is_touched: true,
            ..read_version(name, version)
        });
    if !versions.iter().any(|version| version.is_default)
        && let Some(first) = versions.first_mut()
    {
        first.is_default = true;
    }
    versions
}

fn read_version(name: &str, fields: &mut Fields<'_>) -> VersionRequest {
    let mut deployment = read_settings(fields);
    deployment.name = name.to_owned();
    deployment.compute_name = fields.text("computeName");
    let told = fields.text("name");
    if let Some(told) = told.filter(|told| told != name) {
        let message = format!(
            "is {}, but the version is called {}",
            Quoted(&told),
            Quoted(name)
        );
        fields.refuse("name", message);
    }
    if let Some(kind) = fields.text("computeType")
        && kind_is_versioned(&kind).is_none()
    {
        let message = format!("{} is not supported; must be `{AKS}`", Quoted(&kind));
        fields.refuse("computeType", message);
    }
    refuse_images(fields);
    let role = match fields.text("type").as_deref() {
        None => VersionRole::default(),
        Some(word) if word.eq_ignore_ascii_case(role(VersionRole::Control)) => VersionRole::Control,
        Some(word) if word.eq_ignore_ascii_case(role(VersionRole::Treatment)) => {
            VersionRole::Treatment
        }
        Some(word) => {
            let message = format!("{} must be `Control` or `Treatment`", Quoted(word));
            fields.refuse("type", message);
            VersionRole::default()
        }
    };
    VersionRequest {
        deployment,
        share: fields.amount("trafficPercentile"),
        is_default: fields.flag("isDefault").unwrap_or(false),
        role,
        is_touched: false,
    }
}

/// What an endpoint keeps for all its versions.
pub(super) fn kept(fields: &Fields<'_>) -> Map<String, Value> {
    let namespace = fields.raw("namespace").cloned();
    let namespace = namespace.map(|it| ("namespace".to_owned(), it));
    namespace.into_iter().collect()
}

/// The members of the endpoint itself that can be changed, with the values that hold.
pub(super) fn settings(endpoint: &Endpoint) -> Value {
    let kept = |name: &str| endpoint.spec.document.get(name).cloned();
    let mut settings = endpoint_settings(endpoint);
    let own = json!({"namespace": kept("namespace"), "location": kept("location")});
    merge(&mut settings, own);
    settings
}

/// The members of a version that can be changed, with the values that hold.
fn version_settings(deployment: &DeploymentSpec) -> Value {
    let mut settings = deployment_settings(deployment);
    let Some(version) = &deployment.version else {
        return settings;
    };
    let labels = json!({
        "description": version.description,
        "kvTags": version.tags,
        "properties": version.properties,
    });
    let traffic = json!({
        "isDefault": version.is_default,
        "trafficPercentile": version.share,
        "type": role(version.role),
    });
    for own in [labels, kept_settings(&version.document), traffic] {
        merge(&mut settings, own);
    }
    settings
}

/// The versions as they are shown, by name. The SDK makes each an `AksWebservice`, so
/// each has all members of one.
pub(super) fn documents(view: &ServiceView<'_>, expand: bool) -> Value {
    let deployments = view.endpoint.spec.deployments.iter();
    deployments
        .map(|it| (it.name.to_string(), version_document(view, it, expand)))
        .collect::<Map<_, _>>()
        .into()
}

fn version_document(view: &ServiceView<'_>, deployment: &DeploymentSpec, expand: bool) -> Value {
    let endpoint = view.endpoint;
    let unseen = DeploymentStatus::default();
    let status = endpoint.status.deployments.get(&deployment.id);
    let status = status.unwrap_or(&unseen);
    let all = settings(endpoint);
    let version = deployment.version.as_ref();
    let mut document = json!({
        "id": deployment.name.as_str(),
        "name": deployment.name.as_str(),
        "computeType": AKS,
        "computeName": endpoint.spec.compute_name.as_str(),
        "state": state(status.state),
        "createdTime": time::text(version.map_or(endpoint.created_at, |it| it.created_at)),
        "updatedTime": time::text(version.map_or(endpoint.modified_at, |it| it.modified_at)),
        "createdBy": {"userName": endpoint.created_by},
        "scoringUri": scoring_uri(view),
        "appInsightsEnabled": all["appInsightsEnabled"],
        "authEnabled": all["authEnabled"],
        "aadAuthEnabled": all["aadAuthEnabled"],
        "deploymentStatus": deployment_status(&[status]),
    });
    merge(&mut document, version_settings(deployment));
    if let Some(failure) = &status.failure {
        document["error"] = error(failure);
    }
    // In the order of the version; another one may use the same model.
    let used = deployment.template.models.iter();
    let models = used.filter_map(|used| view.models.iter().find(|it| it.id == used.id));
    expand_or_shorten(&mut document, models, expand);
    document
}

/// What `patch` makes of an endpoint with versions.
///
/// # Errors
/// Every operation that cannot be applied, every wrong member after it, and every
/// rule that is then broken.
pub(super) fn update(endpoint: &Endpoint, patch: &Value) -> Result<EndpointRequest, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut operations = patch::read(patch, &mut findings);
    let deployments = &endpoint.spec.deployments;
    let mut names: Vec<_> = deployments.iter().map(|it| it.name.to_string()).collect();
    let mut touched = Vec::new();
    for operation in &mut operations {
        if let Err(message) = check(operation, &mut names) {
            findings.push(Finding::new(operation.path.to_string(), message));
        } else if let Some(name) = touches(operation) {
            touched.push(name);
        }
    }
    if !findings.is_empty() {
        // Places that lead nowhere would only be told again in other words.
        return Err(findings);
    }
    let mut document = settings(endpoint);
    let namespace = document["namespace"].clone();
    for deployment in deployments {
        let mut settings = version_settings(deployment);
        if settings["namespace"] == namespace {
            // It follows the endpoint's.
            settings["namespace"] = Value::Null;
        }
        document[VERSIONS][deployment.name.as_str()] = settings;
    }
    patch::apply(&mut document, &operations, &mut findings);
    for name in &names {
        if let Some(version) = document[VERSIONS].get_mut(name) {
            settle_scaling(version, &operations, |parts| match parts {
                [root, version, member, ..] if root == VERSIONS && version == name => Some(member),
                _ => None,
            });
        }
    }
    let mut fields = Fields::of_body(&document, &mut findings);
    let mut request = read_settings(&mut fields);
    request.name = endpoint.name.to_string();
    request.compute_name = Some(endpoint.spec.compute_name.to_string());
    request.document.extend(kept(&fields));
    let versions = fields.each_member(VERSIONS, MOST_VERSIONS, |name, version| VersionRequest {
        is_touched: touched.iter().any(|it| it == name),
        ..read_version(name, version)
    });
    request.versions = Some(versions);
    finish(request, findings)
}

/// The version whose replicas an operation concerns.
fn touches(operation: &PatchOperation) -> Option<String> {
    match (operation.path.parts(), &operation.change) {
        (_, Change::Test(_)) => None,
        ([root, _, member, ..], _) if root == VERSIONS && UNSEEN.contains(&member.as_str()) => None,
        ([root, name, ..], _) if root == VERSIONS => Some(name.clone()),
        _ => None,
    }
}

/// Refuses paths that are not there or cannot be changed; `names` are the versions
/// that are there, as the operations so far leave them.
fn check(operation: &mut PatchOperation, names: &mut Vec<String>) -> Result<(), String> {
    let parts = operation.path.parts().to_vec();
    match &parts[..] {
        [root] if root == VERSIONS => {
            Err("cannot be replaced as a whole; patch `/versions/NAME`".to_owned())
        }
        [root, name] if root == VERSIONS => check_whole(name, &operation.change, names),
        [root, name, inner @ ..] if root == VERSIONS => {
            if !names.contains(name) {
                return Err(missing(name, names));
            }
            let inner = check_inner(inner, &operation.change)?;
            operation.path = Pointer::inside(&parts[..2], &inner);
            Ok(())
        }
        [root, ..] if OF_ENDPOINT.contains(&root.as_str()) => check_path(operation),
        [root, ..] if OF_VERSION.contains(&root.as_str()) => {
            Err(format!("belongs to a version: `/versions/NAME/{root}`"))
        }
        [root, ..] if check_path(operation).is_ok() => {
            Err(format!("belongs to a version: `/versions/NAME/{root}`"))
        }
        [root, ..] => Err(unchangeable(root)),
        [] => check_path(operation),
    }
}

fn missing(name: &str, names: &[String]) -> String {
    let (name, names) = (Quoted(name), names.join(", "));
    format!("there is no version {name}; there are: {names}")
}

/// A version is added, replaced or removed.
fn check_whole(name: &String, change: &Change, names: &mut Vec<String>) -> Result<(), String> {
    let is_there = names.contains(name);
    match change {
        Change::Add(_) if is_there => {
            return Err(format!(
                "version {} is there already; change it (update_version), or remove it first",
                Quoted(name)
            ));
        }
        Change::Add(_) => names.push(name.clone()),
        Change::Replace(_) | Change::Remove | Change::Test(_) if !is_there => {
            return Err(missing(name, names));
        }
        Change::Remove => names.retain(|it| it != name),
        Change::Replace(_) | Change::Test(_) => {}
    }
    Ok(())
}

/// The path inside of a version. The SDK writes `tags` where it means `kvTags`.
fn check_inner(inner: &[String], change: &Change) -> Result<Vec<String>, String> {
    let mut inner = inner.to_vec();
    if inner[0] == "tags" {
        "kvTags".clone_into(&mut inner[0]);
    }
    let root = inner[0].as_str();
    if OF_VERSION.contains(&root) {
        return match inner.len() {
            1 => Ok(inner),
            _ => Err(format!("is not there; `{root}` has no members")),
        };
    }
    if ["authEnabled", "aadAuthEnabled", "appInsightsEnabled"].contains(&root) {
        return Err(format!("is the endpoint's: `/{root}`"));
    }
    if VERSIONS == root || [AKS, AKS_ENDPOINT].contains(&root) {
        return Err("is not there; a version has no versions".to_owned());
    }
    let mut operation = PatchOperation {
        path: Pointer::inside(&[], &inner),
        change: change.clone(),
    };
    check_path(&mut operation)?;
    Ok(operation.path.parts().to_vec())
}
