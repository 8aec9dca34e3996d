//! What routers get: one route per endpoint, and the certificates of computes, as
//! an immutable table.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::sync::{Mutex, watch};
use uuid::Uuid;
use wharf_core::{
    Result,
    endpoint::{Authentication, Endpoint},
    keys::{EndpointKeys, KeyHash},
    route::{Route, RouteAuthentication, RouteTable},
    tls::{CertificatePair, HostName},
    token::{TokenIssuer, TokenRule, audience, epoch},
    traffic,
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
    /// By compute, what is in the table.
    served: RwLock<HashMap<Uuid, Served>>,
    /// The workspace whose scoring paths have no prefix.
    first: Option<Uuid>,
}

type Served = (HostName, Arc<CertificatePair>);

/// The certificates of the table, by name.
fn by_name(served: &HashMap<Uuid, Served>) -> Arc<HashMap<HostName, Arc<CertificatePair>>> {
    let names = served.values();
    Arc::new(
        names
            .map(|(host, pair)| (host.clone(), Arc::clone(pair)))
            .collect(),
    )
}

/// The workspace as scoring paths name it: not at all, when it is the first.
pub(crate) fn workspace_of(endpoint: &Endpoint, first: Option<Uuid>) -> Option<Uuid> {
    (Some(endpoint.workspace) != first).then_some(endpoint.workspace)
}

/// The route of an endpoint; `None` once it is to go.
fn route(
    endpoint: &Endpoint,
    keys: &EndpointKeys,
    issuer: &TokenIssuer,
    first: Option<Uuid>,
) -> Option<Route> {
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
    Some(Route {
        workspace: workspace_of(endpoint, first),
        endpoint: endpoint.name.to_string(),
        authentication,
        targets: traffic::targets(endpoint),
    })
}

impl Routes {
    /// The table of all endpoints that are stored.
    pub(crate) async fn load(
        store: &Store,
        issuer: TokenIssuer,
        first: Option<Uuid>,
    ) -> Result<Self> {
        let mut table = RouteTable::default();
        let mut session = store.read().await?;
        for id in session.endpoint_ids().await? {
            let (Some(endpoint), Some(keys)) = (
                session.endpoint_by_id(&id).await?,
                session.endpoint_keys(&id).await?,
            ) else {
                continue;
            };
            if let Some(route) = route(&endpoint, &keys, &issuer, first) {
                let key = Route::key(route.workspace, &route.endpoint);
                table.routes.insert(key, Arc::new(route));
            }
        }
        let mut served = HashMap::new();
        for id in session.compute_certificate_ids().await? {
            if let Some((host, pair)) = session.compute_certificate(&id).await? {
                served.insert(id, (host, Arc::new(pair)));
            }
        }
        table.certificates = by_name(&served);
        Ok(Self {
            table: watch::Sender::new(Arc::new(table)),
            refreshing: Mutex::new(()),
            issuer,
            served: RwLock::new(served),
            first,
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
            let workspace = workspace_of(&endpoint, self.first);
            self.publish(
                &Route::key(workspace, endpoint.name.as_str()),
                route(&endpoint, &keys, &self.issuer, self.first),
            );
        }
        Ok(())
    }

    /// Reads the certificate of one compute again and publishes it.
    pub(crate) async fn refresh_certificate(&self, store: &Store, compute: &Uuid) -> Result<()> {
        let _one_at_a_time = self.refreshing.lock().await;
        let found = store.read().await?.compute_certificate(compute).await?;
        let certificates = {
            let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
            let is_same = match (served.get(compute), &found) {
                (None, None) => true,
                (Some((host, pair)), Some((new_host, new_pair))) => {
                    host == new_host && **pair == *new_pair
                }
                _ => false,
            };
            if is_same {
                return Ok(());
            }
            served.remove(compute);
            if let Some((host, pair)) = found {
                // Whoever had the name before has lost it in the store already.
                served.retain(|_, (there, _)| *there != host);
                served.insert(*compute, (host, Arc::new(pair)));
            }
            by_name(&served)
        };
        self.table.send_modify(|table| {
            *table = Arc::new(RouteTable {
                routes: table.routes.clone(),
                certificates,
            });
        });
        Ok(())
    }

    /// The name that a compute is served under now.
    pub(crate) fn host(&self, compute: &Uuid) -> Option<HostName> {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        served.get(compute).map(|(host, _)| host.clone())
    }

    fn publish(&self, key: &str, route: Option<Route>) {
        self.table.send_if_modified(|table| {
            if table.routes.get(key).map(Arc::as_ref) == route.as_ref() {
                return false;
            }
            let mut routes = table.routes.clone();
            match route {
                Some(route) => routes.insert(key.to_owned(), Arc::new(route)),
                None => routes.remove(key),
            };
            *table = Arc::new(RouteTable {
                routes,
                certificates: Arc::clone(&table.certificates),
            });
            true
        });
    }
}
