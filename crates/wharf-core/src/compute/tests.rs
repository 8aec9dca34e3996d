//! Tests of the rules of computes.

use super::*;
use crate::{resource::Observed, vm_size::VmSizes};

#[test]
fn all_findings_come_at_once_each_with_its_field() {
    let request = ComputeRequest {
        purpose: Some("Fast".into()),
        agent_count: Some(0),
        vm_size: Some("Standard_X".into()),
        load_balancer_type: Some("Private".into()),
        resource_id: Some("local".into()),
        ..ComputeRequest::default()
    };
    let mut findings = Vec::new();
    assert!(
        !request
            .check(&VmSizes::builtin(), &mut findings)
            .are_cores_known
    );
    let fields: Vec<_> = findings
        .iter()
        .map(|finding| finding.field.rsplit('.').next().unwrap_or_default())
        .collect();
    assert_eq!(
        fields,
        [
            "clusterPurpose",
            "agentCount",
            "agentVmSize",
            "loadBalancerType",
            "resourceId"
        ]
    );
}

#[test]
fn defaults_are_production_on_a_public_address() {
    let mut findings = Vec::new();
    let checked = ComputeRequest::default().check(&VmSizes::builtin(), &mut findings);
    assert_eq!(findings, []);
    assert_eq!(checked.purpose, Purpose::FastProd);
    assert_eq!(checked.load_balancer, LoadBalancerChange::default());
    assert_eq!(checked.attach, None);
}

#[test]
fn production_needs_twelve_cores() {
    for (purpose, nodes, size, is_enough) in [
        (Purpose::FastProd, 3, "Standard_D3_v2", true),
        (Purpose::FastProd, 2, "Standard_D3_v2", false),
        (Purpose::FastProd, 1, "Standard_D5_v2", true),
        (Purpose::DevTest, 1, "Standard_D2_v2", true),
        (Purpose::DevTest, 1, "Standard_D1_v2", false),
    ] {
        let mut findings = Vec::new();
        check_cores(purpose, nodes, size, &VmSizes::builtin(), &mut findings);
        assert_eq!(findings.is_empty(), is_enough, "{purpose:?} {nodes} {size}");
    }
}

#[test]
fn state_words_follow_generation_and_observation() {
    let two = Generation(2);
    let failed = Observed::Failed {
        at: two,
        failure: crate::resource::Failure::new("X", "y"),
    };
    for (generation, observed, is_going, word) in [
        (Generation(1), Observed::NotYet, false, "Creating"),
        (two, Observed::Reached(Generation(1)), false, "Updating"),
        (two, Observed::Reached(two), false, "Succeeded"),
        (two, Observed::Reached(Generation(1)), true, "Deleting"),
        (two, failed, false, "Failed"),
    ] {
        let state = ProvisioningState::of(generation, &observed, is_going);
        assert_eq!(state.as_str(), word);
    }
}

#[test]
fn texts_have_no_control_characters_and_an_id_is_not_empty() {
    let fields = |request: &ComputeRequest| -> Vec<String> {
        let mut findings = Vec::new();
        request.check(&VmSizes::builtin(), &mut findings);
        findings.into_iter().map(|it| it.field).collect()
    };
    let request = ComputeRequest {
        location: Some("a\0".into()),
        compute_location: Some("a\nb".into()),
        description: Some("a\0".into()),
        resource_id: Some(String::new()),
        ..ComputeRequest::default()
    };
    assert_eq!(
        fields(&request),
        [
            "properties.resourceId",
            "location",
            "properties.computeLocation",
            "properties.description"
        ]
    );
    let request = ComputeRequest {
        description: Some("first\r\n\tsecond".into()),
        ..ComputeRequest::default()
    };
    assert_eq!(fields(&request), [""; 0]);
}
