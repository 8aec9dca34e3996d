//! Computes: the life of an attached and of a created one.

use http::StatusCode;
use serde_json::json;

use crate::{snapshot::assert_answer, surface::Surface};

#[tokio::test]
async fn attach_read_update_detach() {
    let client = Surface::new().await;
    let path = client.in_workspace("/computes/inference?api-version=2020-02-02");
    let read = format!("/rp/workspaces{path}");

    let put = client.attach("inference").await;
    assert_answer("attach", &put);
    let pending = client.get(&read).await;
    assert_answer("pending", &pending);
    assert_answer(
        "pending",
        &client.get(&put.path_in("azure-asyncoperation")).await,
    );
    let polled = client.poll(&put).await;
    assert_answer("succeeded", &polled);
    let settled = client.get(&read).await;
    assert_answer("attached", &settled);
    assert_answer("attached", &client.get(&path).await);
    let list = client.in_workspace("/computes?api-version=2020-02-02");
    assert_answer("all", &client.get(&format!("/rp/workspaces{list}")).await);

    // What the SDK does: edit the answer, put it back whole.
    let mut document = settled.json();
    document["tags"] = json!({"team": "a"});
    document["properties"]["properties"]["loadBalancerType"] = json!("InternalLoadBalancer");
    document["properties"]["properties"]["loadBalancerSubnet"] = json!("inner");
    document["sku"] = json!({"name": "kept"});
    let updated = client.put(&path, &document).await;
    assert_answer("update", &updated);
    client.poll(&updated).await;
    let after = client.get(&path).await.json();
    assert_eq!(after["sku"], json!({"name": "kept"}));
    assert_eq!(after["properties"]["provisioningState"], "Succeeded");

    let keys = client.in_workspace("/computes/inference/listKeys?api-version=2020-02-02");
    assert_answer("local", &client.ask("POST", &keys).send().await);

    let refused = format!("{path}&underlyingResourceAction=delete");
    let refused = client.ask("DELETE", &refused).send().await;
    assert_answer("attached", &refused);
    let detach = format!("{path}&underlyingResourceAction=detach");
    let detached = client.ask("DELETE", &detach).send().await;
    assert_answer("detach", &detached);
    assert_eq!(client.poll(&detached).await.json()["status"], "Succeeded");
    assert_answer("gone", &client.get(&read).await);

    let again = client.ask("DELETE", &detach).send().await;
    assert_answer("nothing there", &again);
    assert_answer("nothing to do", &client.poll(&again).await);
}

#[tokio::test]
async fn a_kubernetes_compute_and_the_list_of_its_type() {
    let client = Surface::new().await;
    let path = client.in_workspace("/computes/kube");
    let types = json!({
        "gpu": {
            "nodeSelector": {"pool": "gpu"},
            "resources": {
                "requests": {"cpu": "500m", "memory": "1Gi"},
                "limits": {"cpu": "1", "memory": "2Gi", "nvidia.com/gpu": "1"},
            },
        },
    });
    // As SDK v1 sends it, strays and all.
    let body = json!({
        "location": "local",
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "computeType": "Kubernetes",
            "description": "",
            "resourceId": client.test.local_cluster_id(),
            "namespace": "models",
            "identityType": null,
            "identityIds": null,
            "properties": {"namespace": "models", "instanceTypes": types},
        },
    });
    let put = client.put(&path, &body).await;
    assert_answer("kubernetes", &put);
    assert_eq!(client.poll(&put).await.json()["status"], "Succeeded");
    let document = client.get(&path).await.json();
    let again = client.put(&path, &document).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.json(), document);
    client.test.create_compute("aks").await;
    let names = async |kind: &str| {
        let list = client.in_workspace(&format!("/computes?computeType={kind}"));
        let list = client.get(&list).await.json();
        let items = list["value"].as_array().expect("a list").clone();
        items
            .iter()
            .map(|item| item["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("kubernetes").await, ["kube"]);
    assert_eq!(names("AKS").await, ["aks"]);
    assert_eq!(names("").await, ["aks", "kube"]);
    assert!(names("AmlCompute").await.is_empty());
    let wrong = client.in_workspace("/computes?computeType=Toaster");
    assert_answer("wrong type", &client.get(&wrong).await);
    let bad = json!({
        "identity": {"type": "Somebody"},
        "properties": {
            "computeType": "Kubernetes",
            "properties": {"namespace": "Models", "instanceTypes": {"small": {}}},
        },
    });
    let refused = client
        .put(&client.in_workspace("/computes/bad"), &bad)
        .await;
    assert_answer("broken kubernetes", &refused);
}

#[tokio::test]
async fn create_and_delete() {
    let client = Surface::new().await;
    let path = client.in_workspace("/computes/created");
    let body = json!({
        "location": "local",
        "properties": {
            "computeType": "AKS",
            "properties": {"agentCount": 4, "agentVmSize": "Standard_D3_v2", "clusterPurpose": "DevTest"},
        },
    });
    let put = client.put(&path, &body).await;
    assert_eq!(put.status, StatusCode::CREATED);
    assert_eq!(client.poll(&put).await.json()["status"], "Succeeded");
    let shown = client.get(&path).await.json();
    assert_eq!(shown["properties"]["isAttachedCompute"], false);
    assert_eq!(shown["properties"]["properties"]["agentCount"], 4);
    let delete = format!("{path}?underlyingResourceAction=Delete");
    let deleted = client.ask("DELETE", &delete).send().await;
    assert_eq!(deleted.status, StatusCode::ACCEPTED);
    assert_eq!(client.poll(&deleted).await.json()["status"], "Succeeded");
    assert_eq!(client.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn lists_go_on_without_a_null() {
    let client = Surface::new().await;
    for name in ["cpu-a", "cpu-b", "cpu-c"] {
        client.test.create_compute(name).await;
    }
    let list = |query: &str| {
        format!(
            "/rp/workspaces{}",
            client.in_workspace(&format!("/computes{query}"))
        )
    };
    let all = client.get(&list("?api-version=2020-02-02")).await.json();
    assert_eq!(all["value"].as_array().expect("items").len(), 3);
    assert!(
        all.as_object()
            .expect("an object")
            .get("nextLink")
            .is_none()
    );

    let mut names = Vec::new();
    let mut next = Some(list("?api-version=2020-02-02&$top=2"));
    let mut pages = 0;
    while let Some(path) = next.take() {
        let page = client.get(&path).await.json();
        for item in page["value"].as_array().expect("items") {
            names.push(item["name"].as_str().expect("a name").to_owned());
        }
        next = page["nextLink"].as_str().map(|link| {
            link.strip_prefix(crate::surface::PUBLIC_URL)
                .expect("this server")
                .to_owned()
        });
        pages += 1;
    }
    assert_eq!(
        (names.as_slice(), pages),
        (&["cpu-a".into(), "cpu-b".into(), "cpu-c".into()][..], 2)
    );
    assert_answer("wrong top", &client.get(&list("?$top=0")).await);
    assert_answer(
        "wrong top",
        &client.get(&client.in_workspace("/computes?$top=x")).await,
    );
}

#[tokio::test]
async fn a_second_attachment_names_the_first() {
    let client = Surface::new().await;
    client.test.attach_compute("first").await;
    assert_answer("taken", &client.attach("second").await);
}

#[tokio::test]
async fn all_broken_rules_come_at_once() {
    let client = Surface::new().await;
    let body = json!({
        "location": "local",
        "properties": {
            "computeType": "AKS",
            "resourceId": "/subscriptions/x",
            "properties": {
                "agentCount": -1, "agentVmSize": "Huge", "clusterPurpose": "Slow",
                "loadBalancerType": "Public",
                "sslConfiguration": {"status": "Enabled", "cert": "PEM", "key": "PEM"},
                "aksNetworkingConfiguration": {"serviceCidr": "10.0.0.0/16", "dnsServiceIP": "10.1.0.1"},
            },
        },
    });
    let answer = client
        .put(&client.in_workspace("/computes/x-"), &body)
        .await;
    assert_answer("broken rules", &answer);
    let unknown = json!({
        "properties": {
            "computeType": "AKS",
            "resourceId": client.in_group("/providers/Microsoft.ContainerService/managedClusters/none"),
        },
    });
    let answer = client
        .put(&client.in_workspace("/computes/good"), &unknown)
        .await;
    assert_answer("unknown cluster", &answer);
    let missing = client.ask("DELETE", &client.in_workspace("/computes/good"));
    assert_answer("no action", &missing.send().await);
}

/// What follows a commit, such as a reconciler to wake, must not be lost with the
/// connection: the future of the answer is dropped as hyper drops it.
#[tokio::test]
async fn a_write_ends_although_its_client_leaves() {
    let client = Surface::new().await;
    let path = client.in_workspace("/computes/left-alone?api-version=2020-02-02");
    let body = json!({
        "location": "local",
        "properties": {"computeType": "AKS", "properties": {"clusterPurpose": "DevTest"}},
    });
    client.test.start_reconcilers();
    let answered = tokio::select! {
        biased;
        answer = client.ask("PUT", &path).json(&body).send() => Some(answer),
        () = std::future::ready(()) => None,
    };
    assert!(answered.is_none(), "the client leaves before the answer");
    let settled = client
        .test
        .until("the compute settles", || async {
            let compute = client.get(&path).await;
            (compute.status == StatusCode::OK)
                .then(|| compute.json())
                .filter(|it| it["properties"]["provisioningState"] == "Succeeded")
        })
        .await;
    assert_eq!(settled["name"], "left-alone");
}
