//! Tests of the shapes of computes.

use serde_json::json;
use uuid::Uuid;
use wharf_core::{
    compute::{ComputeSpec, LoadBalancer, Purpose},
    resource::{Failure, Generation},
    resource_id::ResourceId,
};

use super::*;

fn workspace() -> Workspace {
    Workspace {
        id: Uuid::from_u128(1),
        subscription: Uuid::from_u128(2),
        group: "rg".to_owned(),
        name: "ws1".parse().expect("a name"),
        location: "local".to_owned(),
        friendly_name: "ws1".to_owned(),
        description: String::new(),
        tags: Default::default(),
        kept: Default::default(),
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn compute(extra: Map<String, Value>) -> wharf_core::compute::Compute {
    wharf_core::compute::Compute {
        id: Uuid::from_u128(3),
        workspace: Uuid::from_u128(1),
        name: "inference".parse().expect("a name"),
        spec: ComputeSpec {
            origin: Origin::Attached,
            cluster: Uuid::from_u128(4),
            cluster_id: ResourceId::managed_cluster("s", "rg", "local"),
            location: "local".to_owned(),
            compute_location: None,
            description: None,
            tags: BTreeMap::new(),
            purpose: Purpose::DevTest,
            agent_count: 3,
            vm_size: "Standard_D3_v2".to_owned(),
            network: None,
            load_balancer: LoadBalancer::Internal {
                subnet: Some("inner".to_owned()),
            },
            tls: Default::default(),
            kubernetes: None,
            removal: None,
            warnings: Vec::new(),
            extra,
        },
        generation: Generation::FIRST,
        observed: Observed::NotYet,
        created_at: Timestamp::UNIX_EPOCH,
        modified_at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn every_key_that_the_sdk_indexes_is_there() {
    let shape = Compute::new(&workspace(), &compute(Map::new()));
    let shape = serde_json::to_value(shape).expect("JSON");
    for key in ["id", "name", "location", "tags", "properties"] {
        assert!(shape.get(key).is_some(), "{key}");
    }
    for key in [
        "computeType",
        "description",
        "resourceId",
        "provisioningState",
        "provisioningErrors",
        "isAttachedCompute",
        "properties",
    ] {
        assert!(shape["properties"].get(key).is_some(), "{key}");
    }
    for key in [
        "agentVmSize",
        "agentCount",
        "clusterPurpose",
        "clusterFqdn",
        "systemServices",
        "sslConfiguration",
        "loadBalancerType",
        "loadBalancerSubnet",
    ] {
        assert!(
            shape["properties"]["properties"].get(key).is_some(),
            "{key}"
        );
    }
}

#[test]
fn a_read_modify_write_loses_nothing() {
    let sent = json!({
        "location": "local",
        "sku": {"name": "Basic"},
        "properties": {
            "computeType": "AKS",
            "resourceId": "/subscriptions/s/resourcegroups/rg/providers/Microsoft.ContainerService/managedClusters/local",
            "disableLocalAuth": true,
            "properties": {
                "loadBalancerType": "InternalLoadBalancer",
                "loadBalancerSubnet": "inner",
                "future": [1, {"deep": null}],
            },
        },
    });
    let first = parse(sent).expect("a good request");
    let shape = serde_json::to_value(Compute::new(&workspace(), &compute(first.extra.clone())))
        .expect("JSON");
    assert_eq!(shape["sku"], json!({"name": "Basic"}));
    assert_eq!(shape["properties"]["disableLocalAuth"], true);
    assert_eq!(
        shape["properties"]["properties"]["future"],
        json!([1, {"deep": null}])
    );
    let again = parse(shape).expect("a good request");
    assert_eq!(again.extra, first.extra);
    assert!(again.is_read_back && !first.is_read_back);
    assert_eq!(again.load_balancer_subnet.as_deref(), Some("inner"));
}

#[test]
fn all_wrong_types_are_told_at_once() {
    let findings = parse(json!({
        "location": 1,
        "tags": {"a": 2},
        "properties": {"computeType": "Databricks", "properties": {"agentCount": "3", "sslConfiguration": 1}},
    }))
    .expect_err("much is wrong");
    let fields: Vec<_> = findings.iter().map(|found| found.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "location",
            "tags.a",
            "properties.computeType",
            "properties.properties.agentCount",
            "properties.properties.sslConfiguration"
        ]
    );
    assert_eq!(
        parse(json!({})).expect_err("no type")[0].field,
        "properties.computeType"
    );
}

#[test]
fn tls_settings_are_seen_but_never_kept() {
    let request = |tls: Value| {
        parse(
            json!({"properties": {"computeType": "AKS", "properties": {"sslConfiguration": tls}}}),
        )
        .expect("well formed")
    };
    let enabled = request(json!({"status": "Enabled", "cert": "c", "key": "secret"}));
    let tls = enabled.tls.expect("settings");
    assert_eq!(tls.status.as_deref(), Some("Enabled"));
    assert_eq!(tls.certificate.as_deref(), Some("c"));
    assert!(enabled.extra.is_empty());
    assert_eq!(request(Value::Null).tls, None);
}

#[test]
fn a_failure_is_shown_and_is_not_pending() {
    let mut failed = compute(Map::new());
    failed.observed = Observed::Failed {
        at: Generation::FIRST,
        failure: Failure::new("NoRoom", "full"),
    };
    let shape = Compute::new(&workspace(), &failed);
    assert!(!shape.is_pending());
    let errors = shape.properties.provisioning_errors.expect("errors");
    assert_eq!(errors[0].error.code, "NoRoom");
    assert!(Compute::new(&workspace(), &compute(Map::new())).is_pending());
}
