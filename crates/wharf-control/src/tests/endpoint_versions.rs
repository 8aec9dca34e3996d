//! Versions of endpoints, asked for under their own names.

use wharf_core::{Error, endpoint_request::EndpointRequest, operation::OperationState};

use crate::testing::{TestApp, default, endpoint_request, version, versions_request};

async fn make(test: &TestApp, request: EndpointRequest) {
    let made = test.create_endpoint(request).await;
    let state = test.ended(made.operation).await.state;
    assert_eq!(state, OperationState::Succeeded);
}

#[tokio::test]
async fn a_version_is_asked_under_its_own_name() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    test.upload_script().await;
    test.register_model("iris").await;
    let (one, two) = (
        version("one", "iris:1", None),
        version("two", "iris:1", None),
    );
    let both = vec![default(one.clone()), two.clone()];
    make(&test, versions_request("duo", "aks", both)).await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let logs = async |name: &str| app.endpoint_logs(caller, path, name, 100).await;
    let all = logs("duo").await.expect("logs");
    let duo = test.endpoint("duo").await;
    let replica_of = |index: usize| duo.spec.deployments[index].workload().to_string();
    assert!(all.contains("==> version one <==\n") && all.contains("==> version two <==\n"));
    let of_two = logs("two").await.expect("logs");
    assert!(of_two.contains(&replica_of(1)), "{of_two}");
    assert!(!of_two.contains(&replica_of(0)), "{of_two}");
    assert!(!of_two.contains("==>"), "{of_two}");
    let keys = async |name: &str| app.endpoint_keys(caller, path, name).await;
    assert_eq!(
        keys("two").await.expect("keys"),
        keys("duo").await.expect("keys")
    );
    // Nothing that changes anything goes by it.
    let deleted = app.endpoint_delete(caller, path, "two").await;
    assert_eq!(deleted.expect("no service"), None);

    // Two endpoints have it: nobody knows which is meant.
    make(&test, versions_request("trio", "aks", vec![default(two)])).await;
    let unclear = logs("two").await;
    let Err(Error::Conflict { .. }) = &unclear else {
        panic!("{unclear:?}");
    };
    let said = unclear.expect_err("unclear").to_string();
    assert!(
        said.contains("(`duo`, `trio`)") && said.contains("ask the endpoint"),
        "{said}"
    );
    // A service of that name comes first.
    make(&test, endpoint_request("two", "aks", &["iris:1"])).await;
    let service = test.endpoint("two").await;
    let of_service = logs("two").await.expect("logs");
    let workload = service.spec.deployments[0].workload().to_string();
    assert!(of_service.contains(&workload), "{of_service}");
    let nobody = logs("three").await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })), "{nobody:?}");
}
