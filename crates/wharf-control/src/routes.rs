//! What routers get: one route per endpoint, as an immutable table.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use uuid::Uuid;
use wharf_core::{
    Result,
    endpoint::{Authentication, Endpoint},
    keys::{EndpointKeys, KeyHash},
    route::{Route, RouteAuthentication, RouteTable, RouteTarget},
    token::{TokenIssuer, TokenRule, audience, epoch},
};
use wharf_store::Store;

/// The table that is published.
pub(crate) struct Routes {
    table: watch::Sender<Arc<RouteTable>>,
    /// Held from reading an endpoint to publishing its route, so that an older
    /// reading never replaces a newer one.
    refreshing: Mutex<()>,
    /// Who signs tokens to score with.
    issuer: TokenIssuer,
}

/// The route of an endpoint; `None` once it is to go.
fn route(endpoint: &Endpoint, keys: &EndpointKeys, issuer: &TokenIssuer) -> Option<Route> {
    if endpoint.spec.is_absent {
        return None;
    }
    let authentication = match endpoint.spec.authentication {
        Authentication::Open => RouteAuthentication::Open,
        Authentication::Key => RouteAuthentication::Keys(vec![
            KeyHash::of(keys.primary.reveal()),
            KeyHash::of(keys.secondary.reveal()),
        ]),
        Authentication::Token => RouteAuthentication::Tokens(TokenRule {
            audience: audience(&endpoint.id),
            epoch: epoch(keys),
            issuers: vec![issuer.clone()],
        }),
    };
    let targets: Vec<RouteTarget> = endpoint
        .spec
        .deployments
        .iter()
        .filter_map(|deployment| endpoint.status.deployments.get(&deployment.id))
        .filter_map(|status| status.serving.clone())
        .collect();
    Some(Route {
        endpoint: endpoint.name.to_string(),
        authentication,
        targets,
    })
}

impl Routes {
    /// The table of all endpoints that are stored.
    pub(crate) async fn load(store: &Store, issuer: TokenIssuer) -> Result<Self> {
        let mut table = RouteTable::default();
        let mut session = store.read().await?;
        for id in session.endpoint_ids().await? {
            let (Some(endpoint), Some(keys)) = (
                session.endpoint_by_id(&id).await?,
                session.endpoint_keys(&id).await?,
            ) else {
                continue;
            };
            if let Some(route) = route(&endpoint, &keys, &issuer) {
                table.routes.insert(route.endpoint.clone(), Arc::new(route));
            }
        }
        Ok(Self {
            table: watch::Sender::new(Arc::new(table)),
            refreshing: Mutex::new(()),
            issuer,
        })
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<RouteTable>> {
        self.table.subscribe()
    }

    /// Reads one endpoint again and publishes its route.
    pub(crate) async fn refresh(&self, store: &Store, id: &Uuid) -> Result<()> {
        let _one_at_a_time = self.refreshing.lock().await;
        let mut session = store.read().await?;
        let Some(endpoint) = session.endpoint_by_id(id).await? else {
            return Ok(());
        };
        if let Some(keys) = session.endpoint_keys(id).await? {
            self.publish(
                endpoint.name.as_str(),
                route(&endpoint, &keys, &self.issuer),
            );
        }
        Ok(())
    }

    fn publish(&self, name: &str, route: Option<Route>) {
        self.table.send_if_modified(|table| {
            if table.routes.get(name).map(Arc::as_ref) == route.as_ref() {
                return false;
            }
            let mut routes = table.routes.clone();
            match route {
                Some(route) => routes.insert(name.to_owned(), Arc::new(route)),
                None => routes.remove(name),
            };
            *table = Arc::new(RouteTable {
                routes,
                certificates: Arc::clone(&table.certificates),
            });
            true
        });
    }
}
