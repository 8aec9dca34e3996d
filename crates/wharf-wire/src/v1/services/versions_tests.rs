//! Versions: what the SDK sends is read, what it indexes is there, patches are kept
//! to their places.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use wharf_core::{
    deployment::DeploymentStatus,
    endpoint::{Endpoint, EndpointStatus},
    finding::Finding,
    resource::{Failure, Generation, Observed},
    version::{Version, VersionRole},
};

use super::{
    tests::{REQUIRED, create_body, endpoint, shown},
    *,
};

fn body() -> Value {
    let mut version = create_body();
    version["name"] = json!("one");
    version["computeType"] = json!("AKSENDPOINT");
    version["computeName"] = Value::Null;
    json!({
        "name": "iris", "computeType": "AKSENDPOINT", "computeName": "cluster", "kvTags": null,
        "properties": {}, "keys": {"primaryKey": null, "secondaryKey": null},
        "versions": {"one": version}
    })
}

/// An endpoint with the versions `one`, the default one, and `two`.
fn versioned() -> Endpoint {
    let mut endpoint = endpoint();
    let only = endpoint.spec.deployments.remove(0);
    let version = Version {
        share: None,
        is_default: true,
        role: VersionRole::Treatment,
        description: None,
        tags: Default::default(),
        properties: Default::default(),
        document: std::mem::take(&mut endpoint.spec.document),
        created_at: Timestamp::UNIX_EPOCH,
        modified_at: Timestamp::UNIX_EPOCH,
    };
    for name in ["one", "two"] {
        let mut deployment = only.clone();
        deployment.id = uuid::Uuid::new_v4();
        deployment.name = name.parse().expect("a name");
        deployment.version = Some(Version {
            is_default: name == "one",
            ..version.clone()
        });
        endpoint.spec.deployments.push(deployment);
    }
    endpoint.spec.is_versioned = true;
    endpoint
}

fn patched(patch: &Value) -> Result<wharf_core::endpoint_request::EndpointRequest, Vec<Finding>> {
    update(&versioned(), patch)
}

#[test]
fn the_first_version_is_the_default_one() {
    let request = read(&body()).expect("good");
    let versions = request.versions.expect("versions");
    assert_eq!(versions[0].deployment.name, "one");
    assert!(versions[0].is_default && versions[0].is_touched);
    assert_eq!(versions[0].deployment.models, ["iris:2"]);
    assert_eq!(versions[0].deployment.compute_name, None);
}

#[test]
fn an_endpoint_and_its_versions_have_every_key() {
    for expand in [true, false] {
        let document = shown(&versioned(), expand);
        assert_eq!(document["computeType"], "AKSENDPOINT");
        for key in [
            "createdTime",
            "kvTags",
            "name",
            "properties",
            "authEnabled",
            "scoringUri",
        ] {
            assert!(!document[key].is_null(), "{key}");
        }
        for key in [
            "description",
            "appInsightsEnabled",
            "computeName",
            "aadAuthEnabled",
        ] {
            assert!(document.get(key).is_some(), "{key}");
        }
        for name in ["one", "two"] {
            let version = &document["versions"][name];
            assert_eq!(version["computeType"], "AKS");
            assert_eq!(version["isDefault"], json!(name == "one"));
            for (place, keys) in REQUIRED {
                let object = version.pointer(place).expect("is there");
                for key in keys {
                    assert!(object.get(key).is_some(), "{name}{place}/{key}");
                }
            }
            assert_eq!(version.get("environmentImageRequest").is_some(), expand);
        }
    }
}

#[test]
fn a_patch_stays_in_its_version() {
    let patch = json!([
        {"op": "replace", "path": "/versions/one/isDefault", "value": false},
        {"op": "replace", "path": "/versions/two/isDefault", "value": true},
        {"op": "replace", "path": "/versions/two/type", "value": "Control"},
        {"op": "replace", "path": "/versions/two/trafficPercentile", "value": 12.5},
        {"op": "replace", "path": "/versions/two/tags", "value": {"a": "b"}},
        {"op": "replace", "path": "/versions/one/numReplicas", "value": 3},
        {"op": "replace", "path": "/description", "value": "all"},
    ]);
    let request = patched(&patch).expect("good");
    assert_eq!(request.description.as_deref(), Some("all"));
    let versions = request.versions.expect("versions");
    let (one, two) = (&versions[0], &versions[1]);
    assert_eq!((one.is_default, two.is_default), (false, true));
    assert_eq!(
        (one.role, two.role),
        (VersionRole::Treatment, VersionRole::Control)
    );
    assert_eq!(two.share, Some(12.5));
    assert_eq!(two.deployment.tags["a"], "b");
    assert_eq!(
        (one.deployment.replicas, two.deployment.replicas),
        (Some(3), None)
    );
    assert_eq!(one.deployment.autoscale.is_enabled, None);
    // What replicas do not see asks for nothing again.
    assert_eq!((one.is_touched, two.is_touched), (true, false));
    assert_eq!(one.deployment.models, ["iris:2"]);
}

#[test]
fn a_namespace_of_the_endpoint_is_that_of_its_versions() {
    let mut endpoint = versioned();
    let set = json!([{"op": "replace", "path": "/namespace", "value": "team"}]);
    let request = update(&endpoint, &set).expect("good");
    assert_eq!(request.namespace.as_deref(), Some("team"));
    let checked = request.check_versions(&mut Vec::new()).expect("good");
    for (deployment, version) in endpoint.spec.deployments.iter_mut().zip(checked.versions) {
        deployment.template.namespace = version.deployment.namespace;
    }
    endpoint.spec.document = request.document;
    let other = json!([{"op": "replace", "path": "/namespace", "value": "others"}]);
    let request = update(&endpoint, &other).expect("good");
    let checked = request.check_versions(&mut Vec::new()).expect("good");
    for version in checked.versions {
        let namespace = version.deployment.namespace.expect("a namespace");
        assert_eq!(namespace.as_str(), "others");
    }
}

#[test]
fn paths_that_lead_nowhere_are_all_told() {
    let paths = [
        "/versions",
        "/versions/three/isDefault",
        "/versions/one/versions",
        "/versions/one/authEnabled",
        "/versions/one/isDefault/x",
        "/versions/one/name",
        "/numReplicas",
        "/isDefault",
        "/name",
        "",
    ];
    let patch = paths.map(|path| json!({"op": "replace", "path": path, "value": 1}));
    let findings = patched(&json!(patch)).expect_err("refused");
    let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, paths);
}

#[test]
fn an_error_names_what_is_still_broken() {
    let mut endpoint = versioned();
    let failure = |message: &str| Failure::new("ReplicaFailed", message);
    endpoint.status = EndpointStatus::new(&endpoint.spec.deployments);
    endpoint.status.observed = Observed::Failed {
        at: Generation::FIRST,
        failure: failure("version `one`: bad\nversion `two`: worse"),
    };
    let ids = [0, 1].map(|index| endpoint.spec.deployments[index].id);
    for (id, message) in ids.into_iter().zip(["bad", "worse"]) {
        let status = endpoint.status.deployments.get_mut(&id).expect("there");
        status.failure = Some(failure(message));
        status.failed_at = Some(Generation::FIRST);
    }
    let said = |endpoint: &Endpoint| shown(endpoint, true)["error"]["message"].clone();
    assert_eq!(said(&endpoint), "version `one`: bad\nversion `two`: worse");
    // One comes right by itself.
    endpoint
        .status
        .deployments
        .insert(ids[0], DeploymentStatus::default());
    assert_eq!(said(&endpoint), "version `two`: worse");
    // What was none of a version's stays.
    endpoint.status = EndpointStatus::new(&endpoint.spec.deployments);
    endpoint.status.observed = Observed::Failed {
        at: Generation::FIRST,
        failure: failure("the cluster is away"),
    };
    assert_eq!(said(&endpoint), "the cluster is away");
}

#[test]
fn a_version_can_be_taken_away_and_put_back_in_one_patch() {
    let mut version = create_body();
    version["name"] = json!("two");
    let patch = json!([
        {"op": "remove", "path": "/versions/two"},
        {"op": "add", "path": "/versions/two", "value": version},
    ]);
    let versions = patched(&patch).expect("good").versions.expect("versions");
    assert_eq!(versions.len(), 2);
    assert!(versions[1].is_touched);
}

#[test]
fn wrong_shapes_are_told_and_many_are_not_looked_into() {
    for (versions, field) in [
        (json!([]), "versions"),
        (json!({"one": null}), "versions.one"),
        (json!({"one": 1}), "versions.one"),
    ] {
        let mut body = body();
        body["versions"] = versions;
        let findings = read(&body).expect_err("refused");
        assert!(findings.iter().any(|it| it.field == field), "{findings:?}");
    }
    let many: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("v{n}"), json!(1))).collect();
    let mut body = body();
    body["versions"] = many.into();
    let findings = read(&body).expect_err("refused");
    assert_eq!(findings.len(), 1, "{findings:?}");
}

proptest! {
    /// Whatever a patch does, what comes out is a request or findings.
    #[test]
    fn any_patch_ends(operations in proptest::collection::vec(
        (
            "(add|replace|remove|test)",
            "(/versions)?(/(one|two|three))?(/(isDefault|type|trafficPercentile|tags|numReplicas|autoScaler|namespace))?(/(x|minReplicas|0))?",
            prop_oneof![Just(json!(null)), Just(json!({})), Just(json!("Control")), Just(json!(3)), Just(json!(true))],
        ), 0..6,
    )) {
        let patch: Vec<_> = operations
            .into_iter()
            .map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
            .collect();
        match patched(&Value::from(patch)) {
            Ok(request) => prop_assert!(request.versions.is_some()),
            Err(findings) => prop_assert!(!findings.is_empty()),
        }
    }
}
