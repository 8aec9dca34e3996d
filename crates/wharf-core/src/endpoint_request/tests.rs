//! The rules, seen from outside.

use std::time::Duration;

use super::*;
use crate::{
    environment::{CondaDependency, CondaSpec, EnvironmentSpec, PythonSection},
    scaling::Scaling,
};

fn request() -> EndpointRequest {
    EndpointRequest {
        name: "iris".into(),
        compute_name: Some("myaks".into()),
        environment: Some(EnvironmentSpec::default()),
        ..EndpointRequest::default()
    }
}

fn fields(request: &EndpointRequest) -> Vec<String> {
    let mut findings = Vec::new();
    assert_eq!(request.check(&mut findings), None);
    findings.into_iter().map(|finding| finding.field).collect()
}

#[test]
fn what_is_not_sent_takes_the_documented_default() {
    let mut findings = Vec::new();
    let checked = request().check(&mut findings).expect("nothing is wrong");
    assert_eq!(checked.authentication, Authentication::Key);
    assert_eq!(checked.scoring_timeout, Duration::from_secs(60));
    assert_eq!(checked.max_wait, Duration::from_millis(500));
    assert_eq!(checked.concurrency, 1);
    let Scaling::Auto(rules) = checked.scaling else {
        panic!("autoscaling is the default")
    };
    assert_eq!((rules.min.get(), rules.max.get()), (1, 10));
    assert_eq!(
        (rules.target_percent.get(), rules.refresh_seconds.get()),
        (70, 1)
    );
}

#[test]
fn a_number_of_replicas_turns_autoscaling_off() {
    let asked = EndpointRequest {
        replicas: Some(3),
        ..request()
    };
    let checked = asked.check(&mut Vec::new()).expect("nothing is wrong");
    assert_eq!(checked.scaling.initial(), 3);
    assert!(matches!(checked.scaling, Scaling::Fixed(_)));
}

#[test]
fn every_broken_rule_is_named_at_once() {
    let asked = EndpointRequest {
        name: "Iris".into(),
        compute_name: None,
        is_key_auth_enabled: Some(true),
        is_token_auth_enabled: Some(true),
        replicas: Some(0),
        autoscale: AutoscaleRequest {
            is_enabled: Some(false),
            ..AutoscaleRequest::default()
        },
        resources: ResourcesRequest {
            cpu: Some(2.0),
            cpu_limit: Some(1.0),
            memory_gb: Some(f64::NAN),
            gpu: Some(-1),
            ..ResourcesRequest::default()
        },
        scoring_timeout_ms: Some(0),
        models: vec!["iris".into()],
        code: vec![CodeRequest {
            name: "../score.py".into(),
            artifact: "LocalUpload/a/score.py".into(),
            unpack: false,
        }],
        driver: Some("driver.py".into()),
        environment: None,
        ..EndpointRequest::default()
    };
    assert_eq!(
        fields(&asked),
        [
            "name",
            "computeName",
            "aadAuthEnabled",
            "numReplicas",
            "containerResourceRequirements.memoryInGB",
            "containerResourceRequirements.cpuLimit",
            "containerResourceRequirements.gpu",
            "scoringTimeoutMs",
            "environmentImageRequest.modelIds",
            "environmentImageRequest.assets.id",
            "environmentImageRequest.driverProgram",
            "environmentImageRequest.environment",
        ]
    );
}

#[test]
fn everything_that_is_sent_has_a_limit() {
    let packages = |count: usize, length: usize| EnvironmentSpec {
        python: PythonSection {
            conda: CondaSpec {
                channels: Vec::new(),
                dependencies: vec![CondaDependency::Pip(vec!["x".repeat(length); count])],
            },
            ..PythonSection::default()
        },
        ..EnvironmentSpec::default()
    };
    let field = "environmentImageRequest.environment.python.condaDependencies";
    for (environment, expected) in [
        (packages(1_001, 1), vec![field]),
        (packages(1, 1_025), vec![field]),
    ] {
        let asked = EndpointRequest {
            environment: Some(environment),
            ..request()
        };
        assert_eq!(fields(&asked), expected);
    }
    let asked = EndpointRequest {
        environment: Some(packages(1_000, 1_024)),
        description: Some("x".repeat(32_769)),
        models: vec!["iris:1".into(); 1_001],
        code: vec![CodeRequest::default(); 1_001],
        ..request()
    };
    assert_eq!(
        fields(&asked),
        [
            "environmentImageRequest.modelIds",
            "environmentImageRequest.assets",
            "description"
        ]
    );
}

#[test]
fn bounds_of_autoscaling_must_not_cross() {
    let crossed = AutoscaleRequest {
        is_enabled: Some(true),
        min: Some(5),
        max: Some(2),
        ..AutoscaleRequest::default()
    };
    let asked = EndpointRequest {
        autoscale: crossed,
        ..request()
    };
    assert_eq!(fields(&asked), ["autoScaler.minReplicas"]);
    let both = EndpointRequest {
        autoscale: AutoscaleRequest {
            is_enabled: Some(true),
            ..AutoscaleRequest::default()
        },
        replicas: Some(2),
        ..request()
    };
    assert_eq!(fields(&both), ["numReplicas"]);
}

#[test]
fn a_service_has_no_more_processes_than_can_run() {
    let concurrency = |concurrency| EndpointRequest {
        concurrency: Some(concurrency),
        ..request()
    };
    assert!(concurrency(64).check(&mut Vec::new()).is_some());
    for above in [65, 1_000] {
        assert_eq!(
            fields(&concurrency(above)),
            ["maxConcurrentRequestsPerContainer"]
        );
    }
    let fixed = |replicas, concurrency| EndpointRequest {
        replicas: Some(replicas),
        concurrency: Some(concurrency),
        ..request()
    };
    assert!(fixed(25, 40).check(&mut Vec::new()).is_some());
    assert_eq!(fields(&fixed(26, 40)), ["numReplicas"]);
    let auto = EndpointRequest {
        autoscale: AutoscaleRequest {
            max: Some(100),
            ..AutoscaleRequest::default()
        },
        concurrency: Some(11),
        ..request()
    };
    assert_eq!(fields(&auto), ["autoScaler.maxReplicas"]);
}
