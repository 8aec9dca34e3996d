//! The authorization matrix: every route of the table, asked by each kind of caller.
//!
//! A new route is one line in [`ROWS`]: its name as in the names of the snapshots, the
//! least role that opens it, and where that role has to be held.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;
use wharf_api::router::{self, Access, Route, routes};
use wharf_core::access::Role::{self, Contributor, Owner, Reader};

use crate::{
    forged::Forger,
    snapshot,
    surface::{Answer, Surface},
};

/// Where the role has to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The workspace or the resource itself, or above it.
    Here,
    /// Anywhere in the resource group: a list that is filtered.
    InGroup,
    /// Anywhere in the subscription.
    InSubscription,
    /// Nowhere at all.
    Nowhere,
    /// At the subscription, which is above all that the callers have.
    AtSubscription,
    /// Over everything.
    Root,
}
use Place::{AtSubscription, Here, InGroup, InSubscription, Nowhere, Root};

/// Name, least role, place.
#[rustfmt::skip]
const ROWS: &[(&str, Role, Place)] = &[
    ("GET_tenants", Reader, Nowhere),
    ("GET_subscriptions", Reader, Nowhere),
    ("GET_subscriptions_subscription", Reader, InSubscription),
    ("GET_subscriptions_subscription_locations", Reader, InSubscription),
    ("GET_subscriptions_subscription_providers", Reader, InSubscription),
    ("GET_subscriptions_subscription_providers_provider", Reader, InSubscription),
    ("GET_subscriptions_subscription_resources", Reader, InSubscription),
    ("GET_subscriptions_subscription_resourceGroups", Reader, InSubscription),
    ("GET_subscriptions_subscription_resourceGroups_group", Reader, InGroup),
    ("HEAD_subscriptions_subscription_resourceGroups_group", Reader, InGroup),
    ("PUT_subscriptions_subscription_resourceGroups_group", Contributor, Here),
    ("GET_subscriptions_subscription_resourceGroups_group_resources", Reader, InGroup),
    ("GET_subscriptions_subscription_providers_Microsoft.Resources_deployments", Reader, InSubscription),
    ("GET_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Resources_deployments", Reader, InGroup),
    ("GET_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Resources_deployments_deployment", Reader, Here),
    ("HEAD_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Resources_deployments_deployment", Reader, Here),
    ("PUT_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Resources_deployments_deployment", Contributor, Here),
    ("DELETE_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Resources_deployments_deployment", Contributor, Here),
    ("POST_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Resources_deployments_deployment_validate", Contributor, Here),
    ("GET_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Resources_deployments_deployment_operationStatuses_operation", Reader, Here),
    ("GET_subscriptions_subscription_resourceGroups_group_deployments_deployment_operations", Reader, InGroup),
    ("GET_subscriptions_subscription_providers_Microsoft.MachineLearningServices_workspaces", Reader, InSubscription),
    ("GET_subscriptions_subscription_resourceGroups_group_providers_Microsoft.MachineLearningServices_workspaces", Reader, InGroup),
    ("GET_", Reader, Here),
    ("PUT_", Contributor, Here),
    ("PATCH_", Contributor, Here),
    ("DELETE_", Contributor, Here),
    ("POST_resynckeys", Contributor, Here),
    ("POST_listKeys", Contributor, Here),
    ("POST_diagnose", Contributor, Here),
    ("GET_connections", Reader, Here),
    ("GET_connections_connection", Reader, Here),
    ("PUT_connections_connection", Contributor, Here),
    ("DELETE_connections_connection", Contributor, Here),
    ("DELETE_privateEndpointConnections_connection", Contributor, Here),
    ("GET_computes", Reader, Here),
    ("GET_computes_compute", Reader, Here),
    ("PUT_computes_compute", Contributor, Here),
    ("DELETE_computes_compute", Contributor, Here),
    ("POST_computes_compute_listKeys", Contributor, Here),
    ("GET_computeOperationsStatus_operation", Reader, Here),
    ("GET_rp_workspaces_computes", Reader, Here),
    ("GET_rp_workspaces_computes_compute", Reader, Here),
    ("GET_rp_workspaces", Reader, Here),
    ("GET_subscriptions_subscription_providers_Microsoft.ContainerService_managedClusters", Reader, InSubscription),
    ("GET_subscriptions_subscription_resourceGroups_group_providers_Microsoft.ContainerService_managedClusters", Reader, InGroup),
    ("GET_subscriptions_subscription_resourceGroups_group_providers_Microsoft.ContainerService_managedClusters_cluster", Reader, Here),
    ("PUT_subscriptions_subscription_resourceGroups_group_providers_Microsoft.ContainerService_managedClusters_cluster", Contributor, Here),
    ("DELETE_subscriptions_subscription_resourceGroups_group_providers_Microsoft.ContainerService_managedClusters_cluster", Contributor, Here),
    ("POST_subscriptions_subscription_resourceGroups_group_providers_Microsoft.ContainerService_managedClusters_cluster_listClusterUserCredential", Contributor, Here),
    ("GET_subscriptions_subscription_providers_Microsoft.ContainerService_locations_location_operations_operation", Reader, InSubscription),
    ("GET_subscriptions_subscription_providers_Microsoft.ContainerService_locations_location_kubernetesVersions", Reader, InSubscription),
    ("GET_subscriptions_subscription_providers_Microsoft.ContainerService_locations_location_orchestrators", Reader, InSubscription),
    ("POST_artifact_v2.0_artifacts_batch_metadata_origin_container", Contributor, Here),
    ("GET_artifact_v2.0_artifacts_contentinfo_origin_container_path", Reader, Here),
    ("GET_artifact_v2.0_artifacts_prefix_contentinfo_origin_container_path", Reader, Here),
    ("POST_modelmanagement_v1.0_assets", Contributor, Here),
    ("GET_modelmanagement_v1.0_assets_asset", Reader, Here),
    ("POST_modelmanagement_v1.0_models", Contributor, Here),
    ("GET_modelmanagement_v1.0_models", Reader, Here),
    ("GET_modelmanagement_v1.0_models_model", Reader, Here),
    ("PATCH_modelmanagement_v1.0_models_model", Contributor, Here),
    ("DELETE_modelmanagement_v1.0_models_model", Contributor, Here),
    ("POST_modelmanagement_v1.0_services_validate_name_service", Contributor, Here),
    ("POST_modelmanagement_v1.0_services_validate", Contributor, Here),
    ("POST_modelmanagement_v1.0_services_validate_resource", Contributor, Here),
    ("POST_modelmanagement_v1.0_services_migrate", Contributor, Here),
    ("GET_modelmanagement_v1.0_images", Reader, Here),
    ("POST_modelmanagement_v1.0_images", Contributor, Here),
    ("GET_modelmanagement_v1.0_images_image", Reader, Here),
    ("POST_modelmanagement_v1.0_services", Contributor, Here),
    ("GET_modelmanagement_v1.0_services", Reader, Here),
    ("GET_modelmanagement_v1.0_services_service", Reader, Here),
    ("PATCH_modelmanagement_v1.0_services_service", Contributor, Here),
    ("DELETE_modelmanagement_v1.0_services_service", Contributor, Here),
    ("GET_modelmanagement_v1.0_services_service_logs", Reader, Here),
    ("POST_modelmanagement_v1.0_services_service_listkeys", Contributor, Here),
    ("POST_modelmanagement_v1.0_services_service_regenerateKeys", Contributor, Here),
    ("POST_modelmanagement_v1.0_services_service_token", Contributor, Here),
    ("GET_modelmanagement_v1.0_operations_operation", Reader, Here),
    ("GET_modelmanagement_v1.0_operations_operation_log", Reader, Here),
    ("GET_environment_v1.0_environments", Reader, Here),
    ("GET_environment_v1.0_environments_environment", Reader, Here),
    ("PUT_environment_v1.0_environments_environment", Contributor, Here),
    ("GET_environment_v1.0_environments_environment_versions_version", Reader, Here),
    ("PUT_environment_v1.0_environments_environment_versions_version", Contributor, Here),
    ("PUT_environment_v1.0_environments_environment_versions_version_metadata", Contributor, Here),
    ("GET_environment_v1.0_environments_environment_labels_label", Reader, Here),
    ("GET_environment_v1.0_environments_environment_image", Reader, Here),
    ("GET_environment_v1.0_environments_environment_versions_version_image", Reader, Here),
    ("POST_environment_v1.0_environments_environment_recipe", Contributor, Here),
    ("POST_environment_v1.0_environments_environment_versions_version_recipe", Contributor, Here),
    ("POST_environment_v2.0_environments_environment_versions_version_image", Contributor, Here),
    ("POST_environment_v2.0_environments_environment_versions_version_imageoncompute_compute", Contributor, Here),
    ("GET_modelmanagement_v1.0_images", Reader, Here),
    ("POST_modelmanagement_v1.0_images", Contributor, Here),
    ("GET_modelmanagement_v1.0_images_image", Reader, Here),
    ("POST_modelmanagement_v1.0_packages", Contributor, Here),
    ("POST_modelmanagement_v1.0_profiles", Contributor, Here),
    ("GET_dataset_v1.0_datasets", Reader, Here),
    ("POST_dataset_v1.0_datasets", Contributor, Here),
    ("GET_dataset_v1.0_datasets_dataset", Reader, Here),
    ("GET_dataset_v1.0_datasets_query_dataset", Reader, Here),
    ("POST_dataset_v1.0_saveddatasets", Contributor, Here),
    ("GET_dataset_v1.0_saveddatasets_dataset", Reader, Here),
    ("GET_datastore_v1.0_datastores", Reader, Here),
    ("POST_datastore_v1.0_datastores", Contributor, Here),
    ("GET_datastore_v1.0_datastores_datastore", Reader, Here),
    ("GET_datastore_v1.0_default", Reader, Here),
    ("PUT_datastore_v1.0_default_datastore", Contributor, Here),
    ("GET_providers_Wharf.Authorization_principals", Reader, Root),
    ("PUT_providers_Wharf.Authorization_principals_principal", Owner, Root),
    ("DELETE_providers_Wharf.Authorization_principals_principal", Owner, Root),
    ("POST_providers_Wharf.Authorization_principals_principal_renewSecret", Owner, Root),
    ("GET_subscriptions_subscription_providers_Microsoft.Authorization_roleDefinitions", Reader, InSubscription),
    ("GET_subscriptions_subscription_providers_Microsoft.Authorization_roleAssignments", Reader, InSubscription),
    ("PUT_subscriptions_subscription_providers_Microsoft.Authorization_roleAssignments_assignment", Owner, AtSubscription),
    ("DELETE_subscriptions_subscription_providers_Microsoft.Authorization_roleAssignments_assignment", Owner, AtSubscription),
    ("GET_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Authorization_roleAssignments", Reader, InGroup),
    ("PUT_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Authorization_roleAssignments_assignment", Owner, Here),
    ("DELETE_subscriptions_subscription_resourceGroups_group_providers_Microsoft.Authorization_roleAssignments_assignment", Owner, Here),
    ("GET_providers_Microsoft.Authorization_roleAssignments", Reader, Here),
    ("PUT_providers_Microsoft.Authorization_roleAssignments_assignment", Owner, Here),
    ("DELETE_providers_Microsoft.Authorization_roleAssignments_assignment", Owner, Here),
    ("GET_subscriptions_subscription_providers_Microsoft.Insights_eventtypes_management_values", Reader, InSubscription),
];

/// The callers of the matrix, and the token of each.
struct Callers {
    by_name: BTreeMap<&'static str, Option<String>>,
}

impl Callers {
    async fn new(client: &Surface) -> Self {
        let path = &client.test.path;
        let subscription = format!("/subscriptions/{}", path.subscription);
        let group = format!("{subscription}/resourceGroups/{}", path.group);
        let elsewhere = format!(
            "{subscription}/resourceGroups/elsewhere/providers/\
             Microsoft.MachineLearningServices/workspaces/other"
        );
        let forger = Forger::new(&client.test);
        let mut by_name = BTreeMap::from([
            ("none", None),
            (
                "expired",
                Some(forger.token(json!({"exp": forger.now() - 1}))),
            ),
            (
                "wrong audience",
                Some(forger.token(json!({"aud": "https://elsewhere.example/"}))),
            ),
            (
                "other tenant",
                Some(forger.token(json!({"tid": Uuid::from_u128(9)}))),
            ),
            (
                "unknown principal",
                Some(forger.token(json!({"oid": Uuid::from_u128(9)}))),
            ),
            ("administrator", Some(client.token.clone())),
        ]);
        for (name, role, scope) in [
            ("reader", Reader, &group),
            ("contributor", Contributor, &group),
            ("owner", Owner, &group),
            ("elsewhere", Owner, &elsewhere),
        ] {
            by_name.insert(name, Some(client.member(name, role, scope).await));
        }
        Self { by_name }
    }
}

/// Whether the caller gets through to the handler; `None` is a matter of 401.
fn expected(caller: &str, role: Role, place: Place) -> Option<bool> {
    let (held, is_here) = match caller {
        "administrator" => return Some(true),
        "reader" => (Reader, true),
        "contributor" => (Contributor, true),
        "owner" => (Owner, true),
        "elsewhere" => (Owner, false),
        _ => return None,
    };
    Some(match place {
        Nowhere => true,
        AtSubscription | Root => false,
        InSubscription => held >= role,
        Here | InGroup => is_here && held >= role,
    })
}

/// A path that leads to the route in the first workspace, whatever is there.
fn path_of(client: &Surface, route: &Route) -> String {
    let path = &client.test.path;
    let words = route.template.split('/').filter(|word| !word.is_empty());
    let word = |word: &'static str| match word {
        "{subscription}" => path.subscription.clone(),
        "{group}" => path.group.clone(),
        "{workspace}" => path.workspace.clone(),
        word if word.starts_with('{') => "any".to_owned(),
        word => word.to_owned(),
    };
    words
        .map(word)
        .fold(String::new(), |path, word| path + "/" + &word)
}

async fn ask(client: &Surface, route: &Route, token: Option<&str>) -> Answer {
    let asking = client.ask_nobody(route.method.as_str(), &path_of(client, route));
    match token {
        Some(token) => {
            asking
                .header("authorization", &format!("Bearer {token}"))
                .send()
                .await
        }
        None => asking.send().await,
    }
}

#[test]
fn every_route_with_a_token_has_a_row_and_every_row_a_route() {
    let guarded = routes()
        .iter()
        .filter(|route| route.access() == Access::Token);
    let slugs: Vec<_> = guarded.map(snapshot::slug).collect();
    let missing: Vec<_> = slugs
        .iter()
        .filter(|slug| !ROWS.iter().any(|(name, ..)| name == slug))
        .collect();
    assert!(
        missing.is_empty(),
        "routes without a row of the matrix: {missing:#?}"
    );
    let stale: Vec<_> = ROWS
        .iter()
        .filter(|(name, ..)| !slugs.iter().any(|it| it == name))
        .collect();
    assert!(stale.is_empty(), "rows without a route: {stale:#?}");
}

#[tokio::test]
async fn each_caller_gets_as_far_as_the_matrix_says() {
    let client = Surface::new().await;
    let callers = Callers::new(&client).await;
    let mut cells = 0;
    for route in routes()
        .iter()
        .filter(|route| route.access() == Access::Token)
    {
        let slug = snapshot::slug(route);
        let Some((_, role, place)) = ROWS.iter().find(|(name, ..)| *name == slug) else {
            panic!("no row for {slug}");
        };
        for (caller, token) in &callers.by_name {
            let answer = ask(&client, route, token.as_deref()).await;
            let what = format!("{slug} by {caller}: {}", answer.status);
            match expected(caller, *role, *place) {
                None => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}"),
                Some(false) => assert_refusal(route, &answer, &what),
                Some(true) => {
                    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
                    assert!(!refused.contains(&answer.status), "{what}");
                    assert!(!answer.status.is_server_error(), "{what}");
                }
            }
            cells += 1;
        }
    }
    assert!(cells >= 10 * 40, "{cells} cells were tried");
}

#[track_caller]
fn assert_refusal(route: &Route, answer: &Answer, what: &str) {
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
    if answer.method == http::Method::HEAD {
        return;
    }
    let body = answer.json();
    let error = match route.surface {
        router::Surface::V1 => &body,
        _ => &body["error"],
    };
    assert_eq!(error["code"], "AuthorizationFailed", "{what}: {body}");
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("to perform action '"), "{message}");
    assert!(message.contains("over scope '/"), "{message}");
}

#[tokio::test]
async fn lists_show_what_the_caller_may_read() {
    let client = Surface::new().await;
    let other = client.test.add_workspace("other").await;
    let scope = client
        .workspace()
        .replace(&client.test.path.workspace, &other.workspace);
    let token = client.member("narrow", Reader, &scope).await;
    let names = |body: &Value| -> Vec<String> {
        let items = body["value"].as_array().expect("a list").iter();
        items
            .map(|item| item["name"].as_str().unwrap_or("").to_owned())
            .collect()
    };
    let read = |path: String| {
        let (client, token) = (&client, &token);
        async move {
            let asking = client.ask_nobody("GET", &path);
            asking
                .header("authorization", &format!("Bearer {token}"))
                .send()
                .await
                .good()
        }
    };
    let workspaces = "/providers/Microsoft.MachineLearningServices/workspaces";
    let clusters = "/providers/Microsoft.ContainerService/managedClusters";
    for place in [client.in_subscription(""), client.in_group("")] {
        assert_eq!(
            names(&read(format!("{place}{workspaces}")).await),
            ["other"]
        );
        assert!(names(&read(format!("{place}{clusters}")).await).is_empty());
    }
    assert_eq!(
        names(&read(client.in_subscription("/resources")).await),
        ["other"]
    );
    assert_eq!(
        names(&read(client.in_subscription("/resourceGroups")).await),
        ["wharf"]
    );
    assert_eq!(
        read("/subscriptions".into()).await["value"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    let nobody = client.member(
        "nobody",
        Reader,
        "/subscriptions/00000000-0000-4000-8000-000000000001",
    );
    let nobody = format!("Bearer {}", nobody.await);
    let asking = client
        .ask_nobody("GET", "/subscriptions")
        .header("authorization", &nobody);
    assert_eq!(asking.send().await.good()["value"], json!([]));
}

#[tokio::test]
async fn a_cluster_is_attached_by_who_may_open_it() {
    let client = Surface::new().await;
    let scope = client.workspace();
    let token = client.member("narrow", Contributor, &scope).await;
    let asking = client.ask_nobody("PUT", &client.in_workspace("/computes/mine"));
    let body = json!({"location": "local", "properties": {
        "computeType": "AKS", "resourceId": client.test.local_cluster_id()}});
    let asking = asking.header("authorization", &format!("Bearer {token}"));
    let answer = asking.json(&body).send().await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let message = answer.json()["error"]["message"]
        .as_str()
        .expect("text")
        .to_owned();
    assert!(message.contains("linked scope"), "{message}");
    assert_eq!(client.attach("mine").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let client = Surface::new().await;
    let forger = Forger::new(&client.test);
    let good = forger.token(json!({}));
    let path = client.in_workspace("");
    let ask = |token: String| {
        let (client, path) = (&client, &path);
        async move {
            let asking = client.ask_nobody("GET", path);
            asking
                .header("authorization", &format!("Bearer {token}"))
                .send()
                .await
        }
    };
    assert_eq!(ask(good.clone()).await.status, StatusCode::OK);
    for (what, token) in forger.forgeries(&good) {
        let answer = ask(token).await;
        // A header of that length is not read at all.
        let status = match what.as_str() {
            "1 MB" => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            _ => StatusCode::UNAUTHORIZED,
        };
        assert_eq!(answer.status, status, "{what}");
    }
}
