//! A create body as `Model.deploy` sends it. Null and absent mean the documented
//! default; those are core's business.

use serde_json::{Map, Value};
use wharf_core::{
    Secret,
    endpoint_request::{
        AutoscaleRequest, CodeRequest, EndpointRequest, LivenessRequest, ResourcesRequest,
    },
    environment::EnvironmentSpec,
    finding::Finding,
    limits::{
        LONGEST_LOCATION, LONGEST_NAME, LONGEST_REFERENCE, MOST_CODE_FILES, MOST_KEPT_OF_SERVICE,
        MOST_MODELS,
    },
    quote::Quoted,
};

use super::versions;
use crate::v1::{environments, fields::Fields};

/// The kind of service that runs on an inference cluster.
pub(super) const AKS: &str = "AKS";
/// The kind whose deployments clients manage one by one, as versions.
pub(super) const AKS_ENDPOINT: &str = "AKSENDPOINT";

/// Whether a filter on the kind asks for services with versions or without; `None`
/// for kinds that there are none of here.
pub fn kind_is_versioned(kind: &str) -> Option<bool> {
    if kind.eq_ignore_ascii_case(AKS_ENDPOINT) {
        return Some(true);
    }
    kind.eq_ignore_ascii_case(AKS).then_some(false)
}

fn is_versioned(kind: Option<&Value>) -> bool {
    let kind = kind.and_then(Value::as_str);
    kind.and_then(kind_is_versioned) == Some(true)
}

/// How an asset names an uploaded file.
const ARTIFACT_URL: &str = "aml://artifact/";
/// Members that are stored and shown as they came.
const KEPT: [&str; 5] = [
    "environmentImageRequest",
    "appInsightsEnabled",
    "dataCollection",
    "storageInitEnabled",
    "location",
];

/// Reads a create body.
///
/// # Errors
/// Every wrong member at once; with wrong members also every rule that core can
/// tell to be broken, so that one round is enough.
pub fn read(body: &Value) -> Result<EndpointRequest, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fields = Fields::of_body(body, &mut findings);
    let mut request = read_settings(&mut fields);
    request.name = fields.text("name").unwrap_or_default();
    request.compute_name = fields.text("computeName");
    request.overwrite = fields.flag("overwrite").unwrap_or(false);
    let mut keys = fields.object("keys");
    request.primary_key = keys.text("primaryKey").map(Secret::new);
    request.secondary_key = keys.text("secondaryKey").map(Secret::new);
    if is_versioned(fields.raw("computeType")) {
        request.versions = Some(versions::read(&mut fields));
        request.document.extend(versions::kept(&fields));
    } else {
        refuse_other_kinds(&mut fields);
    }
    refuse_images(&mut fields);
    finish(request, findings)
}

/// What a create body and a patched document have in common.
pub(super) fn read_settings(fields: &mut Fields<'_>) -> EndpointRequest {
    let image = read_image(&mut fields.object("environmentImageRequest"));
    let mut autoscale = fields.object("autoScaler");
    let autoscale = AutoscaleRequest {
        is_enabled: autoscale.flag("autoscaleEnabled"),
        min: autoscale.whole("minReplicas"),
        max: autoscale.whole("maxReplicas"),
        target_percent: autoscale.whole("targetUtilization"),
        refresh_seconds: autoscale.whole("refreshPeriodInSeconds"),
    };
    let mut resources = fields.object("containerResourceRequirements");
    let resources = ResourcesRequest {
        cpu: resources.amount("cpu"),
        cpu_limit: resources.amount("cpuLimit"),
        memory_gb: resources.amount("memoryInGB"),
        memory_limit_gb: resources.amount("memoryInGBLimit"),
        gpu: resources.whole("gpu"),
    };
    let mut liveness = fields.object("livenessProbeRequirements");
    let liveness = LivenessRequest {
        period_seconds: liveness.whole("periodSeconds"),
        initial_delay_seconds: liveness.whole("initialDelaySeconds"),
        timeout_seconds: liveness.whole("timeoutSeconds"),
        success_threshold: liveness.whole("successThreshold"),
        failure_threshold: liveness.whole("failureThreshold"),
    };
    fields.flag("appInsightsEnabled");
    fields.flag("storageInitEnabled");
    fields.line("location", LONGEST_LOCATION);
    let mut collection = fields.object("dataCollection");
    collection.flag("storageEnabled");
    collection.flag("eventHubEnabled");
    let document = kept(fields);
    fields.check_kept("environmentImageRequest", &document, MOST_KEPT_OF_SERVICE);
    EndpointRequest {
        description: fields.text("description"),
        tags: fields.tags("kvTags"),
        properties: fields.tags("properties"),
        is_key_auth_enabled: fields.flag("authEnabled"),
        is_token_auth_enabled: fields.flag("aadAuthEnabled"),
        replicas: fields.whole("numReplicas"),
        autoscale,
        resources,
        concurrency: fields.whole("maxConcurrentRequestsPerContainer"),
        max_wait_ms: fields.whole("maxQueueWaitMs"),
        scoring_timeout_ms: fields.whole("scoringTimeoutMs"),
        liveness,
        namespace: fields.text("namespace"),
        models: image.models,
        code: image.code,
        driver: image.driver,
        environment: image.environment,
        document,
        ..EndpointRequest::default()
    }
}

/// Ends a reading: with findings, core's are added where nothing was told yet.
pub(super) fn finish(
    request: EndpointRequest,
    mut findings: Vec<Finding>,
) -> Result<EndpointRequest, Vec<Finding>> {
    if findings.is_empty() {
        return Ok(request);
    }
    let mut broken = Vec::new();
    // Only its findings matter: the request is refused either way.
    if request.versions.is_some() {
        let _ = request.check_versions(&mut broken);
    } else {
        let _ = request.check(&mut broken);
    }
    broken.retain(|rule| {
        !findings
            .iter()
            .any(|told| is_within(&told.field, &rule.field) || is_within(&rule.field, &told.field))
    });
    findings.extend(broken);
    Err(findings)
}

/// Whether `place` is `outer` or lies inside of it.
fn is_within(place: &str, outer: &str) -> bool {
    let rest = place.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn refuse_other_kinds(fields: &mut Fields<'_>) {
    let kind = fields.text("computeType");
    match kind.as_deref() {
        Some(kind) if kind_is_versioned(kind).is_some() => {}
        Some(kind) => {
            let message = format!(
                "{} is not supported; deploy an AksWebservice (`{AKS}`) or an AksEndpoint \
                 (`{AKS_ENDPOINT}`) to an inference cluster",
                Quoted(kind)
            );
            fields.refuse("computeType", message);
        }
        None => {
            let place = fields.place("computeType");
            if !fields.is_told(&place) {
                let message = format!("is missing; must be `{AKS}` or `{AKS_ENDPOINT}`");
                fields.refuse("computeType", message);
            }
        }
    }
}

/// Refuses a service that runs an image.
pub(super) fn refuse_images(fields: &mut Fields<'_>) {
    for name in ["imageId", "imageDigest"] {
        if fields.raw(name).is_some() {
            fields.refuse(
                name,
                "images are not supported; give models, an entry script and an environment",
            );
        }
    }
}

struct Image {
    models: Vec<String>,
    code: Vec<CodeRequest>,
    driver: Option<String>,
    environment: Option<EnvironmentSpec>,
}

fn read_image(image: &mut Fields<'_>) -> Image {
    let models = image.texts("modelIds", MOST_MODELS);
    let code = image.each("assets", MOST_CODE_FILES, |asset| {
        let name = asset.text("id").unwrap_or_default();
        let url = asset.text("url").unwrap_or_default();
        let unpack = asset.flag("unpack").unwrap_or(false);
        asset.line("mimeType", LONGEST_NAME);
        let artifact = url.strip_prefix(ARTIFACT_URL);
        if artifact.is_none() {
            asset.refuse(
                "url",
                format!(
                    "{} must have the form {ARTIFACT_URL}ORIGIN/CONTAINER/PATH",
                    Quoted(&url)
                ),
            );
        }
        CodeRequest {
            name,
            artifact: artifact.unwrap_or_default().to_owned(),
            unpack,
        }
    });
    let has_environment = image.raw("environment").is_some();
    let environment = environments::read_if(has_environment, &mut image.object("environment"));
    Image {
        models,
        code,
        // The template's placeholder stands for "none".
        driver: image
            .line("driverProgram", LONGEST_REFERENCE)
            .filter(|name| name != "driver"),
        environment,
    }
}

fn kept(fields: &Fields<'_>) -> Map<String, Value> {
    let kept = KEPT.iter().filter_map(|name| {
        let mut value = fields.raw(name)?.clone();
        if let Some(environment) = value.get_mut("environment") {
            *environment = environments::without_secrets(environment.take());
        }
        Some(((*name).to_owned(), value))
    });
    kept.collect()
}
