//! Every route of the server, on one page.
//!
//! [`routes`] is what the server answers by and what the coverage tests walk: a
//! route that is not here does not exist, and one that is here has a snapshot.

use std::{future::Future, pin::Pin, sync::LazyLock};

use http::Method;
use wharf_core::workspace::Caller;

use crate::{
    answer::Answered, arm, auth, authorize::Target, blob, call::Call, metadata, tree::Tree, v1,
};

/// Whose shapes a route speaks, in its errors above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Azure Resource Manager; also what has no shape of its own.
    Arm,
    /// OAuth 2: `{"error", "error_description"}`.
    SignIn,
    /// The data plane that SDK v1 speaks.
    V1,
    /// Blob storage, on hosts `ACCOUNT.blob.HOST`.
    Blob,
}

/// What a caller must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing, or a secret that the request itself carries.
    Open,
    /// A bearer token.
    Token,
    /// A shared access signature in the query.
    Signature,
}

/// A handler at work.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// What answers a route. A handler for which a caller is needed cannot be reached
/// without one.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    Open(fn(Call) -> Answering),
    Token(fn(Call, Caller) -> Answering),
    /// Checks the signature itself: it covers the path and the permission.
    Signature(fn(Call) -> Answering),
}

/// One route.
#[derive(Clone)]
pub struct Route {
    /// The method; GET answers HEAD too where HEAD has no route of its own.
    pub method: Method,
    /// The path: words, `{name}` for one segment, `{*name}` for all that follow.
    pub template: &'static str,
    /// Whose shapes it speaks.
    pub surface: Surface,
    pub(crate) handler: Handler,
}

impl Route {
    /// What a caller must prove.
    pub fn access(&self) -> Access {
        match self.handler {
            Handler::Open(_) => Access::Open,
            Handler::Token(_) => Access::Token,
            Handler::Signature(_) => Access::Signature,
        }
    }
}

macro_rules! route {
    ($method:ident $template:expr, $surface:ident, Token $handler:path) => {
        Route {
            method: Method::$method,
            template: $template,
            surface: Surface::$surface,
            handler: Handler::Token(|call, caller| Box::pin($handler(call, caller))),
        }
    };
    ($method:ident $template:expr, $surface:ident, $access:ident $handler:path) => {
        Route {
            method: Method::$method,
            template: $template,
            surface: Surface::$surface,
            handler: Handler::$access(|call| Box::pin($handler(call))),
        }
    };
}
pub(crate) use route;

/// A path in a subscription.
macro_rules! subscription {
    ($rest:literal) => {
        concat!("/subscriptions/{subscription}", $rest)
    };
}
/// A path in a resource group.
macro_rules! group {
    ($rest:literal) => {
        concat!(
            "/subscriptions/{subscription}/resourceGroups/{group}",
            $rest
        )
    };
}
/// A path in a workspace.
macro_rules! workspace {
    ($rest:literal) => {
        workspace!("", $rest)
    };
    ($before:literal, $rest:literal) => {
        concat!(
            $before,
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/\
             Microsoft.MachineLearningServices/workspaces/{workspace}",
            $rest
        )
    };
}

/// The page: all routes. Order does not matter, words win over `{name}`s.
pub fn routes() -> &'static [Route] {
    &ROUTES
}

#[rustfmt::skip]
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    use arm::{
        activity_log, authorization, computes, deployments, kubernetes_versions, managed_clusters, operations,
        providers, resource_groups, resources, subscriptions, workspace_actions, workspaces,
    };
    use auth::{authority, identity};

    let mut routes = vec![
        route!(GET "/metadata/endpoints", Arm, Open metadata::endpoints),

        route!(GET "/adfs/.well-known/openid-configuration", SignIn, Open authority::configuration),
        route!(GET "/adfs/v2.0/.well-known/openid-configuration", SignIn, Open authority::configuration),
        route!(GET "/adfs/{tenant}/v2.0/.well-known/openid-configuration", SignIn, Open authority::configuration),
        route!(GET "/adfs/discovery/keys", SignIn, Open authority::keys),
        route!(POST "/adfs/oauth2/token", SignIn, Open authority::token),
        route!(POST "/adfs/oauth2/v2.0/token", SignIn, Open authority::token),
        route!(GET "/msi/token", SignIn, Open identity::get),
        route!(POST "/msi/token", SignIn, Open identity::post),

        route!(GET "/tenants", Arm, Token subscriptions::tenants),
        route!(GET "/subscriptions", Arm, Token subscriptions::list),
        route!(GET subscription!(""), Arm, Token subscriptions::get),
        route!(GET subscription!("/locations"), Arm, Token providers::locations),
        route!(GET subscription!("/providers"), Arm, Token providers::list),
        route!(GET subscription!("/providers/{provider}"), Arm, Token providers::get),
        route!(GET subscription!("/resources"), Arm, Token resources::list),
        route!(GET subscription!("/resourceGroups"), Arm, Token resource_groups::list),
        route!(GET group!(""), Arm, Token resource_groups::get),
        route!(HEAD group!(""), Arm, Token resource_groups::exists),
        route!(PUT group!(""), Arm, Token resource_groups::put),
        route!(GET group!("/resources"), Arm, Token resources::list_in_group),

        route!(GET subscription!("/providers/Microsoft.Resources/deployments"), Arm, Token deployments::list),
        route!(GET group!("/providers/Microsoft.Resources/deployments"), Arm, Token deployments::list_in_group),
        route!(GET group!("/providers/Microsoft.Resources/deployments/{deployment}"), Arm, Token deployments::get),
        route!(HEAD group!("/providers/Microsoft.Resources/deployments/{deployment}"), Arm, Token deployments::exists),
        route!(PUT group!("/providers/Microsoft.Resources/deployments/{deployment}"), Arm, Token deployments::put),
        route!(DELETE group!("/providers/Microsoft.Resources/deployments/{deployment}"), Arm, Token deployments::delete),
        route!(POST group!("/providers/Microsoft.Resources/deployments/{deployment}/validate"), Arm, Token deployments::validate),
        route!(GET group!("/providers/Microsoft.Resources/deployments/{deployment}/operationStatuses/{operation}"), Arm, Token deployments::operation_status),
        route!(GET group!("/deployments/{deployment}/operations"), Arm, Token deployments::operations),

        route!(GET subscription!("/providers/Microsoft.MachineLearningServices/workspaces"), Arm, Token workspaces::list),
        route!(GET group!("/providers/Microsoft.MachineLearningServices/workspaces"), Arm, Token workspaces::list_in_group),
        route!(GET workspace!(""), Arm, Token workspaces::get),
        route!(PUT workspace!(""), Arm, Token workspaces::put),
        route!(PATCH workspace!(""), Arm, Token workspaces::update),
        route!(DELETE workspace!(""), Arm, Token workspaces::delete),
        route!(POST workspace!("/resynckeys"), Arm, Token workspace_actions::resync_keys),
        route!(POST workspace!("/listKeys"), Arm, Token workspace_actions::list_keys),
        route!(POST workspace!("/diagnose"), Arm, Token workspace_actions::diagnose),
        route!(GET workspace!("/connections"), Arm, Token workspace_actions::connections),
        route!(GET workspace!("/connections/{connection}"), Arm, Token workspace_actions::connection),
        route!(PUT workspace!("/connections/{connection}"), Arm, Token workspace_actions::put_connection),
        route!(DELETE workspace!("/connections/{connection}"), Arm, Token workspace_actions::delete_connection),
        route!(DELETE workspace!("/privateEndpointConnections/{connection}"), Arm, Token workspace_actions::delete_connection),

        route!(GET workspace!("/computes"), Arm, Token computes::list),
        route!(GET workspace!("/computes/{compute}"), Arm, Token computes::get),
        route!(PUT workspace!("/computes/{compute}"), Arm, Token computes::put),
        route!(DELETE workspace!("/computes/{compute}"), Arm, Token computes::delete),
        route!(POST workspace!("/computes/{compute}/listKeys"), Arm, Token computes::list_keys),
        route!(GET workspace!("/computeOperationsStatus/{operation}"), Arm, Token operations::of_compute),
        // SDK v1 reads computes here and writes them above.
        route!(GET workspace!("/rp/workspaces", "/computes"), Arm, Token computes::list),
        route!(GET workspace!("/rp/workspaces", "/computes/{compute}"), Arm, Token computes::get),
        route!(GET workspace!("/rp/workspaces", ""), Arm, Token workspaces::get),

        route!(GET subscription!("/providers/Microsoft.ContainerService/managedClusters"), Arm, Token managed_clusters::list),
        route!(GET group!("/providers/Microsoft.ContainerService/managedClusters"), Arm, Token managed_clusters::list_in_group),
        route!(GET group!("/providers/Microsoft.ContainerService/managedClusters/{cluster}"), Arm, Token managed_clusters::get),
        route!(PUT group!("/providers/Microsoft.ContainerService/managedClusters/{cluster}"), Arm, Token managed_clusters::put),
        route!(DELETE group!("/providers/Microsoft.ContainerService/managedClusters/{cluster}"), Arm, Token managed_clusters::delete),
        route!(POST group!("/providers/Microsoft.ContainerService/managedClusters/{cluster}/listClusterUserCredential"), Arm, Token managed_clusters::list_user_credential),
        route!(GET subscription!("/providers/Microsoft.ContainerService/locations/{location}/operations/{operation}"), Arm, Token operations::of_cluster),
        route!(GET subscription!("/providers/Microsoft.ContainerService/locations/{location}/kubernetesVersions"), Arm, Token kubernetes_versions::list),
        route!(GET subscription!("/providers/Microsoft.ContainerService/locations/{location}/orchestrators"), Arm, Token kubernetes_versions::orchestrators),

        route!(GET subscription!("/providers/Microsoft.Insights/eventtypes/management/values"), Arm, Token activity_log::list),
        route!(GET "/providers/Wharf.Authorization/principals", Arm, Token authorization::principals),
        route!(PUT "/providers/Wharf.Authorization/principals/{principal}", Arm, Token authorization::create_principal),
        route!(DELETE "/providers/Wharf.Authorization/principals/{principal}", Arm, Token authorization::delete_principal),
        route!(POST "/providers/Wharf.Authorization/principals/{principal}/renewSecret", Arm, Token authorization::renew_secret),
        route!(GET subscription!("/providers/Microsoft.Authorization/roleDefinitions"), Arm, Token authorization::definitions),
        route!(GET subscription!("/providers/Microsoft.Authorization/roleAssignments"), Arm, Token authorization::assignments),
        route!(PUT subscription!("/providers/Microsoft.Authorization/roleAssignments/{assignment}"), Arm, Token authorization::assign),
        route!(DELETE subscription!("/providers/Microsoft.Authorization/roleAssignments/{assignment}"), Arm, Token authorization::unassign),
        route!(GET group!("/providers/Microsoft.Authorization/roleAssignments"), Arm, Token authorization::assignments),
        route!(PUT group!("/providers/Microsoft.Authorization/roleAssignments/{assignment}"), Arm, Token authorization::assign),
        route!(DELETE group!("/providers/Microsoft.Authorization/roleAssignments/{assignment}"), Arm, Token authorization::unassign),
        route!(GET workspace!("/providers/Microsoft.Authorization/roleAssignments"), Arm, Token authorization::assignments),
        route!(PUT workspace!("/providers/Microsoft.Authorization/roleAssignments/{assignment}"), Arm, Token authorization::assign),
        route!(DELETE workspace!("/providers/Microsoft.Authorization/roleAssignments/{assignment}"), Arm, Token authorization::unassign),
    ];
    routes.extend(v1::routes());
    routes.extend(blob::routes());
    routes
});

/// A route with what it does to what.
pub(crate) struct Guarded {
    pub(crate) route: &'static Route,
    pub(crate) target: Target,
}

static GUARDED: LazyLock<Vec<Guarded>> = LazyLock::new(|| {
    let guarded = |route| Guarded {
        route,
        target: Target::of(route),
    };
    routes().iter().map(guarded).collect()
});

/// The routes of the main host, and those of blob hosts.
pub(crate) struct Router {
    main: Tree<&'static Guarded>,
    blob: Tree<&'static Guarded>,
}

impl Router {
    pub(crate) fn new() -> Self {
        let (mut main, mut blob) = (Tree::default(), Tree::default());
        for guarded in GUARDED.iter() {
            let route = guarded.route;
            let tree = match route.surface {
                Surface::Blob => &mut blob,
                Surface::Arm | Surface::SignIn | Surface::V1 => &mut main,
            };
            tree.insert(&route.method, route.template, guarded);
        }
        Self { main, blob }
    }

    pub(crate) fn of_host(&self, is_blob: bool) -> &Tree<&'static Guarded> {
        if is_blob { &self.blob } else { &self.main }
    }
}

/// First words of ARM's paths.
const ARM_PREFIXES: [&str; 6] = [
    "subscriptions",
    "tenants",
    "metadata",
    "providers",
    "rp/workspaces",
    "locations",
];

/// The surface of a path that no route has, so that the client can read the error.
pub(crate) fn surface_of(path: &str, is_blob: bool) -> Surface {
    let starts = |word: &str| {
        let path = path.trim_start_matches('/');
        path.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if is_blob {
        Surface::Blob
    } else if starts("adfs") || starts("msi") {
        Surface::SignIn
    } else if path.is_empty() || path == "/" || ARM_PREFIXES.iter().any(|word| starts(word)) {
        Surface::Arm
    } else {
        // Every other service of a workspace has a first word of its own, and clients
        // of all of them read this shape.
        Surface::V1
    }
}
