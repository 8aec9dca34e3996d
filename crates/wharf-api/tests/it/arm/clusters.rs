//! Managed clusters and the versions of Kubernetes.

use serde_json::json;

use crate::{snapshot::assert_answer, surface::Surface};

const CLUSTERS: &str = "/providers/Microsoft.ContainerService/managedClusters";
const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: one
  cluster:
    server: https://cluster.example:6443
    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=
contexts:
- name: one
  context: {cluster: one, user: one}
users:
- name: one
  user: {token: not-a-real-token}
";

#[tokio::test]
async fn import_and_read() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{CLUSTERS}/edge"));
    let body = json!({
        "location": "hall",
        "tags": {"site": "7"},
        "properties": {
            "importProfile": {"kubeconfig": KUBECONFIG},
            "agentPoolProfiles": [{"count": 2, "vmSize": "Standard_D4_v2"}],
            "future": {"deep": [1]},
        },
        "zones": ["1"],
    });
    let put = client.put(&path, &body).await;
    assert_answer("import", &put);
    assert_answer(
        "succeeded",
        &client.get(&put.path_in("azure-asyncoperation")).await,
    );
    assert_answer("imported", &client.get(&path).await);
    assert_answer("taken", &client.put(&path, &body).await);
    let labels = json!({"location": "hall", "tags": {"site": "8"}, "properties": {}});
    assert_answer("labels", &client.put(&path, &labels).await);
    assert_answer("ok", &client.get(&client.in_group(CLUSTERS)).await);
    assert_answer("ok", &client.get(&client.in_subscription(CLUSTERS)).await);
    let credential = format!("{path}/listClusterUserCredential");
    let answer = client.ask("POST", &credential).send().await;
    assert_answer("imported", &answer);
}

/// One of the documented size, of lines that JSON makes longer.
#[tokio::test]
async fn a_kubeconfig_of_the_largest_size_can_be_sent() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{CLUSTERS}/large"));
    let rest = wharf_core::kubeconfig::LARGEST - KUBECONFIG.len();
    let kubeconfig = format!("{KUBECONFIG}{}\n", "#\n".repeat((rest - 1) / 2));
    let body =
        |kubeconfig: &str| json!({"properties": {"importProfile": {"kubeconfig": kubeconfig}}});
    let put = client.put(&path, &body(&kubeconfig)).await;
    assert_eq!(put.status, http::StatusCode::CREATED);
    let path = client.in_group(&format!("{CLUSTERS}/larger"));
    let put = client.put(&path, &body(&format!("{kubeconfig}#\n"))).await;
    assert_eq!(put.status, http::StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_local_cluster_has_no_kubeconfig() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{CLUSTERS}/local"));
    assert_answer("local", &client.get(&path).await);
    let credential = format!("{path}/listClusterUserCredential");
    let answer = client.ask("POST", &credential).send().await;
    assert_answer("local", &answer);
    let missing = client.in_group(&format!("{CLUSTERS}/none"));
    assert_answer("unknown", &client.get(&missing).await);
}

#[tokio::test]
async fn a_cluster_goes_when_no_compute_holds_it() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{CLUSTERS}/local"));
    let compute = client.test.attach_compute("holder").await;
    let refused = client.ask("DELETE", &path).send().await;
    assert_answer("attached", &refused);
    let removal = wharf_core::compute::Removal::Detach;
    let (test, name) = (&client.test, compute.name.as_str());
    let gone = test
        .app
        .compute_remove(&test.caller, &test.path, name, removal)
        .await;
    test.ended(gone.expect("accepted").expect("there")).await;
    let deleted = client.ask("DELETE", &path).send().await;
    assert_answer("ok", &deleted);
    assert_eq!(client.poll(&deleted).await.json()["status"], "Succeeded");
    assert_answer("nothing there", &client.ask("DELETE", &path).send().await);
}

#[tokio::test]
async fn an_import_needs_a_kubeconfig_and_says_all_that_is_wrong() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{CLUSTERS}/-edge"));
    let body = json!({
        "properties": {
            "kubernetesVersion": "1.2",
            "agentPoolProfiles": [{"count": 0, "vmSize": "Huge"}],
        },
    });
    assert_answer("broken rules", &client.put(&path, &body).await);
}

#[tokio::test]
async fn versions_in_both_shapes() {
    let client = Surface::new().await;
    let at = "/providers/Microsoft.ContainerService/locations/westus";
    let versions = client.in_subscription(&format!("{at}/kubernetesVersions"));
    assert_answer("ok", &client.get(&versions).await);
    let older =
        client.in_subscription(&format!("{at}/orchestrators?resource-type=managedClusters"));
    assert_answer("ok", &client.get(&older).await);
}
