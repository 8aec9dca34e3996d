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

/// The names of all pages of a list, page by page.
pub(super) async fn names_of_pages(client: &Surface, first: String) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), Some(first));
    while let Some(path) = next.take() {
        let page = client.get(&path).await.json();
        let items = page["value"].as_array().expect("items");
        let name = |item: &serde_json::Value| item["name"].as_str().expect("a name").to_owned();
        pages.push(items.iter().map(name).collect());
        next = page["nextLink"].as_str().map(|link| {
            let path = link.strip_prefix(crate::surface::PUBLIC_URL);
            path.expect("this server").to_owned()
        });
    }
    pages
}

#[tokio::test]
async fn clusters_and_all_resources_come_in_pages() {
    let client = Surface::new().await;
    for name in ["cpu-a", "cpu-b", "cpu-c"] {
        client.test.create_compute(name).await;
    }
    let clusters = "/providers/Microsoft.ContainerService/managedClusters";
    let all = names_of_pages(&client, client.in_group(clusters)).await;
    assert_eq!(all.len(), 1);
    let all = all.concat();
    // Those of the three computes, each with a tail of its own, and the local one.
    assert_eq!(all.len(), 4);
    assert!(all.is_sorted(), "{all:?}");
    for place in [client.in_group(clusters), client.in_subscription(clusters)] {
        let pages = names_of_pages(&client, format!("{place}?$top=3")).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(pages.concat(), all);
    }
    let whole: Vec<_> = std::iter::once("default".to_owned()).chain(all).collect();
    for top in 1..=6 {
        let place = client.in_subscription(&format!("/resources?$top={top}"));
        let pages = names_of_pages(&client, place).await;
        assert_eq!(pages.concat(), whole, "{top}");
        assert!(pages.iter().all(|page| page.len() <= top), "{pages:?}");
    }
    let kind = "$filter=resourceType%20eq%20'Microsoft.MachineLearningServices/workspaces'";
    let place = client.in_subscription(&format!("/resources?$top=1&{kind}"));
    assert_eq!(names_of_pages(&client, place).await, [["default"]]);
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
