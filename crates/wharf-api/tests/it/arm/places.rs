//! Subscriptions, groups, providers, workspaces and lists of all resources.

use http::StatusCode;

use crate::{snapshot::assert_answer, surface::Surface};

#[tokio::test]
async fn reads() {
    let client = Surface::new().await;
    let workspaces = "/providers/Microsoft.MachineLearningServices/workspaces";
    for (case, path) in [
        ("ok", "/tenants?api-version=2022-12-01".to_owned()),
        ("ok", "/subscriptions?api-version=2022-12-01".to_owned()),
        ("ok", client.in_subscription("")),
        ("ok", client.in_subscription("/locations")),
        ("ok", client.in_subscription("/providers")),
        ("ok", client.in_subscription("/providers/microsoft.machinelearningservices")),
        ("unknown", client.in_subscription("/providers/Microsoft.Nothing")),
        ("ok", client.in_subscription("/resourcegroups?api-version=2024-11-01")),
        ("ok", client.in_group("")),
        ("unknown", client.in_subscription("/resourcegroups/nowhere")),
        ("ok", client.in_subscription(workspaces)),
        ("ok", client.in_group(workspaces)),
        ("ok", client.in_workspace("?api-version=2022-05-01")),
        ("unknown", client.in_group(&format!("{workspaces}/nothing"))),
        ("ok", format!("/rp/workspaces{}", client.in_workspace(""))),
        ("all", client.in_subscription("/resources")),
        (
            "workspaces",
            client.in_subscription(
                "/resources?$filter=resourceType%20eq%20'Microsoft.MachineLearningServices/workspaces'",
            ),
        ),
        ("unknown filter", client.in_subscription("/resources?$filter=tagName%20eq%20'x'")),
        ("unknown", "/subscriptions/not-a-guid".to_owned()),
    ] {
        assert_answer(case, &client.get(&path).await);
    }
}

#[tokio::test]
async fn a_group_is_there_or_not() {
    let client = Surface::new().await;
    let there = client.ask("HEAD", &client.in_group("")).send().await;
    assert_answer("there", &there);
    let path = client.in_subscription("/resourceGroups/nowhere");
    let missing = client.ask("HEAD", &path).send().await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn spelling_does_not_matter() {
    let client = Surface::new().await;
    let plain = client.get(&client.in_workspace("")).await;
    let shouted = client.in_workspace("").to_uppercase();
    for path in [shouted.clone(), format!("/{}/", shouted.replace('/', "//"))] {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.body, plain.body, "the canonical spelling is echoed");
    }
}
