//! Workspaces: what goes with one, and what keeps it.

use wharf_core::{
    Error,
    template_deployment::{ShownDeployment, TemplateRequest, TemplateResource},
    workspace::WorkspaceRequest,
};

use crate::testing::TestApp;

#[tokio::test]
async fn its_models_go_with_a_workspace_and_others_stay() {
    let mut test = TestApp::new().await;
    let second = test.add_workspace("second").await;
    test.register_model("iris").await;
    let first = std::mem::replace(&mut test.path, second.clone());
    test.register_model("iris").await;
    test.path = first;
    let gone = test.app.workspace_delete(&test.caller, &second).await;
    assert!(gone.expect("nothing keeps it"));
    let missing = test.app.workspace_get(&test.caller, &second).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    let id = "iris:1";
    let kept = test.app.model_get(&test.caller, &test.path, id).await;
    kept.expect("the first workspace's model");
    // The name is free again, for a workspace with nothing in it.
    let again = test
        .app
        .workspace_put(&test.caller, &second, WorkspaceRequest::default())
        .await;
    assert!(again.expect("made").1);
    let none = test.app.model_get(&test.caller, &second, id).await;
    assert!(matches!(none, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_template_is_made_whole_or_not_at_all() {
    let test = TestApp::new().await;
    let workspace = |name: &str| TemplateResource::Workspace {
        name: name.to_owned(),
        request: Box::default(),
        place: "resources[0]".to_owned(),
    };
    let request = TemplateRequest {
        resources: vec![workspace("good"), workspace("not good")],
        shown: ShownDeployment::default(),
    };
    let (subscription, group) = (&test.path.subscription, &test.path.group);
    let put = test
        .app
        .template_deployment_put(&test.caller, subscription, group, "first", request)
        .await;
    assert!(matches!(put, Err(Error::Invalid(_))), "{put:?}");
    let good = wharf_core::workspace::WorkspacePath {
        workspace: "good".to_owned(),
        ..test.path.clone()
    };
    let missing = test.app.workspace_get(&test.caller, &good).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    let request = TemplateRequest {
        resources: vec![workspace("good")],
        shown: ShownDeployment::default(),
    };
    let put = test
        .app
        .template_deployment_put(&test.caller, subscription, group, "first", request)
        .await
        .expect("a good one");
    assert!(put.is_new);
    test.app
        .workspace_get(&test.caller, &good)
        .await
        .expect("made");
    let read = test
        .app
        .template_deployment_get(&test.caller, subscription, group, "FIRST")
        .await;
    assert_eq!(read.expect("kept"), put.resource);
}
