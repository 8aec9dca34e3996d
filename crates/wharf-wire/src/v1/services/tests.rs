//! Shapes: what the SDK sends is read, and what it indexes is there.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use wharf_core::{
    deployment::{
        DeploymentSpec, DeploymentState, DeploymentStatus, Liveness, Resources, Template,
        WorkloadKey,
    },
    endpoint::{Authentication, Endpoint, EndpointSpec, EndpointStatus},
    environment::EnvironmentSpec,
    finding::Finding,
    resource::{Failure, Generation, Observed},
    route::RouteTarget,
    scaling::{Autoscale, Scaling},
};

use super::*;

/// What `Model.deploy` of azureml-core 1.61 sends, with what the caller left out.
pub(super) fn create_body() -> Value {
    json!({
        "name": "iris", "description": null, "kvTags": null,
        "properties": {"hasInferenceSchema": "False", "hasHttps": "False"},
        "keys": {"primaryKey": null, "secondaryKey": null},
        "computeType": "AKS", "computeName": "cluster",
        "environmentImageRequest": image(),
        "location": null, "numReplicas": null,
        "containerResourceRequirements":
            {"cpu": null, "cpuLimit": null, "memoryInGB": null, "memoryInGBLimit": null, "gpu": null},
        "maxConcurrentRequestsPerContainer": null, "maxQueueWaitMs": null, "namespace": null,
        "scoringTimeoutMs": null,
        "livenessProbeRequirements": {
            "periodSeconds": null, "initialDelaySeconds": null, "timeoutSeconds": null,
            "successThreshold": null, "failureThreshold": null
        }
    })
}

pub(super) fn image() -> Value {
    json!({
        "driverProgram": "tmp1.py",
        "assets": [
            {"id": "tmp1.py", "url": "aml://artifact/LocalUpload/c/tmp1.py", "mimeType": "application/x-python"},
            {"mimeType": "application/octet-stream", "id": "src.tar.gz", "unpack": true,
             "url": "aml://artifact/LocalUpload/c/src.tar.gz"}
        ],
        "modelIds": ["iris:2"],
        "environment": {
            "name": "env", "version": null,
            "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "src/score.py"},
            "python": {"userManagedDependencies": false,
                "condaDependencies": {"channels": [], "dependencies": ["python=3.11"]}},
            "docker": {"baseImage": "img", "baseImageRegistry": {"password": "hidden"}},
            "inferencingStackVersion": null
        }
    })
}

pub(super) fn endpoint() -> Endpoint {
    let request = read(&create_body()).expect("good");
    let deployment = DeploymentSpec {
        id: Default::default(),
        name: "iris".parse().expect("a name"),
        weight: 10_000,
        template: Template {
            models: Vec::new(),
            code: Vec::new(),
            driver: request.driver.clone(),
            built_in: None,
            environment: request.environment.clone().unwrap_or_default(),
            resources: Resources {
                cpu: 0.1,
                cpu_limit: None,
                memory_gb: 0.5,
                memory_limit_gb: None,
                gpu: 0,
            },
            concurrency: 1,
            scoring_timeout: Duration::from_secs(60),
            namespace: None,
            moved_to: None,
        },
        scaling: Scaling::Auto(Autoscale {
            min: NonZeroU32::MIN,
            max: NonZeroU32::new(10).expect("not 0"),
            target_percent: NonZeroU32::new(70).expect("not 0"),
            refresh_seconds: NonZeroU32::MIN,
        }),
        max_wait: Duration::from_millis(500),
        liveness: Liveness::default(),
        asked_at: Generation::FIRST,
        version: None,
    };
    Endpoint {
        id: Default::default(),
        workspace: Default::default(),
        name: "iris".parse().expect("a name"),
        spec: EndpointSpec {
            compute: Default::default(),
            compute_name: "cluster".parse().expect("a name"),
            authentication: Authentication::Key,
            description: None,
            tags: BTreeMap::new(),
            properties: request.properties,
            deployments: vec![deployment],
            is_versioned: false,
            is_absent: false,
            document: request.document,
        },
        generation: Generation::FIRST,
        status: EndpointStatus::default(),
        created_by: "administrator".into(),
        created_at: Timestamp::UNIX_EPOCH,
        modified_at: Timestamp::UNIX_EPOCH,
    }
}

pub(super) fn shown(endpoint: &Endpoint, expand: bool) -> Value {
    let view = ServiceView {
        endpoint,
        scoring_uri: "https://h:1/api/v1/service/iris/score",
        models: &[],
        operation: None,
    };
    document(&view, expand)
}

/// `_expected_payload_keys` of `AksWebservice` and of the objects inside of it
/// (azureml-core 1.61, `webservice/webservice.py` and `webservice/aks.py`).
pub(super) const REQUIRED: [(&str, &[&str]); 5] = [
    (
        "",
        &[
            "computeType",
            "createdTime",
            "description",
            "kvTags",
            "name",
            "properties",
            "appInsightsEnabled",
            "authEnabled",
            "autoScaler",
            "computeName",
            "containerResourceRequirements",
            "dataCollection",
            "maxConcurrentRequestsPerContainer",
            "maxQueueWaitMs",
            "numReplicas",
            "scoringTimeoutMs",
            "scoringUri",
            "livenessProbeRequirements",
            "aadAuthEnabled",
        ],
    ),
    (
        "/autoScaler",
        &[
            "autoscaleEnabled",
            "maxReplicas",
            "minReplicas",
            "refreshPeriodInSeconds",
            "targetUtilization",
        ],
    ),
    (
        "/containerResourceRequirements",
        &["cpu", "cpuLimit", "memoryInGB", "memoryInGBLimit", "gpu"],
    ),
    ("/dataCollection", &["eventHubEnabled", "storageEnabled"]),
    (
        "/livenessProbeRequirements",
        &[
            "periodSeconds",
            "initialDelaySeconds",
            "timeoutSeconds",
            "failureThreshold",
            "successThreshold",
        ],
    ),
];

#[test]
fn a_service_has_every_key_and_no_forbidden_null() {
    let mut fixed = endpoint();
    fixed.spec.deployments[0].scaling = Scaling::Fixed(NonZeroU32::MIN);
    fixed.spec.document = Default::default();
    for endpoint in [endpoint(), fixed] {
        for expand in [true, false] {
            let document = shown(&endpoint, expand);
            for (place, keys) in REQUIRED {
                let object = document.pointer(place).expect("is there");
                for key in keys {
                    assert!(object.get(key).is_some(), "{place}/{key}");
                }
            }
            // Parsed without a look whether they are null, or taken apart when there.
            for key in [
                "createdTime",
                "kvTags",
                "properties",
                "scoringUri",
                "updatedTime",
            ] {
                assert!(!document[key].is_null(), "{key}");
            }
            for key in ["imageDetails", "imageId", "imageDigest", "error"] {
                assert!(document.get(key).is_none(), "{key}");
            }
        }
    }
}

#[test]
fn what_was_sent_is_given_back_but_for_secrets() {
    let mut expected = image();
    expected["environment"]["docker"]["baseImageRegistry"]["password"] = Value::Null;
    assert_eq!(
        shown(&endpoint(), true)["environmentImageRequest"],
        expected
    );
    assert!(
        shown(&endpoint(), false)
            .get("environmentImageRequest")
            .is_none()
    );
}

#[test]
fn a_failure_and_its_state_are_shown() {
    let mut endpoint = endpoint();
    let failure = Failure {
        details: vec![Finding::new("python", "is wrong")],
        ..Failure::new("EnvironmentRefused", "cannot be built")
    };
    endpoint.status.observed = Observed::Failed {
        at: Generation::FIRST,
        failure,
    };
    let document = shown(&endpoint, true);
    assert_eq!(document["error"]["code"], "EnvironmentRefused");
    assert_eq!(document["error"]["details"][0]["target"], "python");
    assert_eq!(document["state"], "Transitioning");
}

#[test]
fn null_takes_the_default() {
    let request = read(&create_body()).expect("good");
    assert_eq!(request.replicas, None);
    assert_eq!(request.models, ["iris:2"]);
    assert_eq!(request.driver.as_deref(), Some("tmp1.py"));
    assert_eq!(request.code[1].artifact, "LocalUpload/c/src.tar.gz");
    assert!(request.code[1].unpack);
    assert_eq!(
        request
            .environment
            .map(|it: EnvironmentSpec| it.variables.len()),
        Some(1)
    );
    assert_eq!(request.primary_key, None);
}

#[test]
fn everything_wrong_with_a_body_is_told_at_once() {
    let mut body = create_body();
    for (path, value) in [
        ("/name", json!("Iris")),
        ("/computeType", json!("ACI")),
        ("/numReplicas", json!("two")),
        ("/containerResourceRequirements/cpu", json!("1")),
        ("/scoringTimeoutMs", json!(-1)),
        ("/kvTags", json!(["a"])),
        ("/keys/primaryKey", json!(7)),
        (
            "/environmentImageRequest/assets/0/url",
            json!("https://elsewhere"),
        ),
        ("/environmentImageRequest/modelIds", json!(["iris"])),
    ] {
        *body.pointer_mut(path).expect("is there") = value;
    }
    body["imageId"] = json!("image:1");
    let findings = read(&body).expect_err("refused");
    let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
    for field in [
        "name",
        "computeType",
        "numReplicas",
        "containerResourceRequirements.cpu",
        "scoringTimeoutMs",
        "kvTags",
        "keys.primaryKey",
        "environmentImageRequest.assets[0].url",
        "environmentImageRequest.modelIds",
        "imageId",
    ] {
        let times = fields.iter().filter(|told| **told == field).count();
        assert_eq!(times, 1, "{field} in {fields:?}");
    }
}

#[test]
fn other_kinds_are_refused_by_name() {
    for (kind, word) in [
        (json!("ACI"), "not supported"),
        (Value::Null, "missing"),
        (json!(1), "must be text"),
    ] {
        let mut body = create_body();
        body["computeType"] = kind;
        let findings = read(&body).expect_err("refused");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains(word), "{findings:?}");
    }
}

fn patched(patch: &Value) -> Result<wharf_core::endpoint_request::EndpointRequest, Vec<Finding>> {
    update(&endpoint(), patch)
}

#[test]
fn the_sdks_patch_is_applied() {
    let request = patched(&json!([
        {"op": "replace", "path": "/autoScaler/minReplicas", "value": 2},
        {"op": "replace", "path": "/containerResourceRequirements/cpuLimit", "value": 1.5},
        {"op": "replace", "path": "/namespace", "value": "team"},
        {"op": "replace", "path": "/kvTags", "value": {"a": "b"}},
        {"op": "add", "path": "/properties/x/y", "value": "z"},
        {"op": "replace", "path": "/description", "value": "new"},
        {"op": "replace", "path": "/environmentImageRequest/modelIds", "value": ["iris:3"]},
    ]))
    .expect("good");
    assert_eq!(request.autoscale.min, Some(2));
    assert_eq!(request.autoscale.max, Some(10));
    assert_eq!(request.resources.cpu_limit, Some(1.5));
    assert_eq!(request.namespace.as_deref(), Some("team"));
    assert_eq!(request.tags["a"], "b");
    assert_eq!(request.properties["x/y"], "z");
    assert_eq!(request.models, ["iris:3"]);
    assert_eq!(request.properties["hasHttps"], "False");
}

#[test]
fn a_number_alone_ends_autoscaling_and_the_other_way_round() {
    let count = json!([{"op": "replace", "path": "/numReplicas", "value": 2}]);
    let request = patched(&count).expect("good");
    assert_eq!(request.replicas, Some(2));
    assert_eq!(request.autoscale.is_enabled, None);

    let mut fixed = endpoint();
    fixed.spec.deployments[0].scaling = Scaling::Fixed(NonZeroU32::MIN);
    let auto = json!([{"op": "replace", "path": "/autoScaler/autoscaleEnabled", "value": true}]);
    let request = update(&fixed, &auto).expect("good");
    assert_eq!(request.replicas, None);
    assert_eq!(request.autoscale.is_enabled, Some(true));
}

#[test]
fn paths_that_are_not_there_are_refused_by_name() {
    let patch: Vec<_> = [
        "/nothing",
        "/name",
        "/imageId",
        "/versions/v1/isDefault",
        "/autoScaler/most",
        "/numReplicas/x",
        "/keys/primaryKey",
        "",
    ]
    .into_iter()
    .map(|path| json!({"op": "replace", "path": path, "value": 1}))
    .collect();
    let count = patch.len();
    let findings = patched(&Value::from(patch)).expect_err("refused");
    let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
    for field in [
        "/nothing",
        "/name",
        "/versions/v1/isDefault",
        "/autoScaler/most",
        "",
    ] {
        assert!(fields.contains(&field), "{field:?} in {fields:?}");
    }
    assert!(findings.len() >= count);
}

#[test]
fn validations_are_read() {
    let of = |body: Value| read_validation(&body);
    assert!(matches!(
        of(json!({"type": "Create", "serviceName": "iris", "createRequest": create_body()})),
        Ok(Validation::Create(_))
    ));
    assert!(matches!(
        of(json!({"type": "Update", "serviceName": "iris", "updateRequest": []})),
        Ok(Validation::Update { .. })
    ));
    assert!(matches!(
        of(json!({"type": "Delete", "serviceName": "iris", "createRequest": null})),
        Ok(Validation::Delete { .. })
    ));
    for bad in [
        json!({}),
        json!({"type": "Rename"}),
        json!([]),
        json!({"type": "Create"}),
    ] {
        assert!(of(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn key_changes_are_read() {
    let read = read_regenerate(&json!({"keyType": "Primary", "keyValue": null}));
    assert_eq!(read.expect("good").chosen, None);
    for bad in [
        json!({}),
        json!({"keyType": "Third"}),
        json!({"keyType": "Primary", "keyValue": 1}),
    ] {
        assert!(read_regenerate(&bad).is_err(), "{bad}");
    }
}

proptest! {
    /// Whatever a patch does, what comes out is a request or findings; and what was
    /// shown can always be read again.
    #[test]
    fn any_patch_ends(operations in proptest::collection::vec(
        (
            "(add|replace|remove|test)",
            "/(autoScaler|numReplicas|kvTags|properties|environmentImageRequest|namespace)(/(assets|environment|minReplicas|0|a))?(/(0|url|python))?",
            prop_oneof![Just(json!(null)), Just(json!({})), Just(json!([])), Just(json!("x")), Just(json!(3)), Just(json!([1, {}]))],
        ), 0..6,
    )) {
        let patch: Vec<_> = operations
            .into_iter()
            .map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
            .collect();
        if let Err(findings) = patched(&Value::from(patch)) {
            prop_assert!(!findings.is_empty());
        }
    }

    #[test]
    fn what_is_shown_is_read_back(count in 1i64..100, wait in 1i64..1000, tag in ".{0,8}") {
        let patch = json!([
            {"op": "replace", "path": "/numReplicas", "value": count},
            {"op": "replace", "path": "/maxQueueWaitMs", "value": wait},
            {"op": "add", "path": "/kvTags/t", "value": tag},
        ]);
        let request = patched(&patch).expect("good");
        prop_assert_eq!(request.replicas, Some(count));
        prop_assert_eq!(request.max_wait_ms, Some(wait));
        prop_assert_eq!(&request.tags["t"], &tag);
        let mut findings = Vec::new();
        prop_assert!(request.check(&mut findings).is_some(), "{:?}", findings);
    }

    #[test]
    fn no_body_panics(key in "(name|keys|kvTags|autoScaler|environmentImageRequest|computeType)", value in prop_oneof![
        Just(json!(null)), Just(json!({})), Just(json!([[]])), Just(json!("x")), Just(json!(1e300)), Just(json!({"assets": [null, 1, {}], "environment": []})),
    ]) {
        let mut body = create_body();
        body[key] = value;
        let _ = read(&body);
    }
}

#[test]
fn a_refusal_is_short_whatever_was_sent() {
    let mut body = create_body();
    let labels: serde_json::Map<_, _> = (0..100_000).map(|n| (n.to_string(), json!([]))).collect();
    body["kvTags"] = labels.into();
    let image = &mut body["environmentImageRequest"];
    image["assets"] = vec![json!(1); 1_300_000].into();
    image["modelIds"] = vec![json!(1); 100_000].into();
    image["driverProgram"] = "x".repeat(3_000_000).into();
    image["environment"]["python"]["condaDependencies"]["dependencies"] =
        vec![json!(1); 100_000].into();
    let findings = read(&body).expect_err("refused");
    let mut fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "environmentImageRequest",
            "environmentImageRequest.assets",
            "environmentImageRequest.driverProgram",
            "environmentImageRequest.environment.python.condaDependencies.dependencies",
            "environmentImageRequest.modelIds",
            "kvTags",
        ]
    );
    for finding in &findings {
        assert!(finding.to_string().len() < 400, "{finding}");
    }
}

#[test]
fn what_is_only_kept_has_limits() {
    let mut body = create_body();
    let line = "x".repeat(2_000);
    body["location"] = line.as_str().into();
    let image = &mut body["environmentImageRequest"];
    image["assets"][0]["mimeType"] = line.as_str().into();
    image["anything"] = "x".repeat(2_000_000).into();
    let environment = &mut image["environment"];
    environment["name"] = line.as_str().into();
    environment["version"] = "a\nb".into();
    environment["python"]["interpreterPath"] = line.as_str().into();
    environment["docker"]["baseImage"] = line.as_str().into();
    let findings = read(&body).expect_err("refused");
    let mut fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "environmentImageRequest",
            "environmentImageRequest.assets[0].mimeType",
            "environmentImageRequest.environment.docker.baseImage",
            "environmentImageRequest.environment.name",
            "environmentImageRequest.environment.python.interpreterPath",
            "environmentImageRequest.environment.version",
            "location",
        ]
    );
}

#[test]
fn a_service_that_never_served_has_no_address() {
    let mut endpoint = endpoint();
    let id = endpoint.spec.deployments[0].id;
    let failed = DeploymentStatus {
        state: DeploymentState::Failed,
        ..DeploymentStatus::default()
    };
    assert!(
        shown(&endpoint, true)["scoringUri"].is_string(),
        "on its way"
    );
    endpoint.status.deployments.insert(id, failed.clone());
    let document = shown(&endpoint, true);
    assert_eq!(document.get("scoringUri"), Some(&Value::Null));
    // A failed update leaves what serves.
    let deployment = &endpoint.spec.deployments[0];
    let target = RouteTarget {
        workload: WorkloadKey {
            deployment: id,
            revision: deployment.template.revision(),
        },
        weight: deployment.weight,
        concurrency: 1,
        scoring_timeout: deployment.template.scoring_timeout,
        max_wait: deployment.max_wait,
        scaling: deployment.scaling,
    };
    let served = DeploymentStatus {
        serving: Some(target),
        ..failed
    };
    endpoint.status.deployments.insert(id, served);
    assert!(shown(&endpoint, true)["scoringUri"].is_string());
}
