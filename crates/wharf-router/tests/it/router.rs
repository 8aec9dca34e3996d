//! A router under test: its tables, its certificate, what it asked to scale.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use wharf_core::{
    clock::SystemClock,
    deployment::WorkloadKey,
    keys::KeyHash,
    route::{ReadyReplica, ReplicaTable, Route, RouteAuthentication, RouteTable, RouteTarget},
    scaling::Scaling,
};
use wharf_router::{Limits, Router, RouterHandle, RouterSettings, Scaler};

use crate::model::Model;

pub(crate) const KEY: &str = "key-number-one";
pub(crate) const OTHER_KEY: &str = "key-number-two";

/// Notes what it is asked for.
struct Asked(mpsc::UnboundedSender<(WorkloadKey, u32)>);

#[async_trait]
impl Scaler for Asked {
    async fn scale(&self, key: &WorkloadKey, replicas: u32) -> Result<(), String> {
        let _ = self.0.send((key.clone(), replicas));
        Ok(())
    }
}

pub(crate) struct TestRouter {
    pub(crate) handle: RouterHandle,
    pub(crate) authority: Arc<rustls::RootCertStore>,
    pub(crate) routes: watch::Sender<Arc<RouteTable>>,
    pub(crate) replicas: watch::Sender<Arc<ReplicaTable>>,
    pub(crate) scaled: mpsc::UnboundedReceiver<(WorkloadKey, u32)>,
}

/// The key of a workload of the tests.
pub(crate) fn workload(number: u32) -> WorkloadKey {
    format!("{number:032x}-{number:012x}").parse().unwrap()
}

/// A target with one slot a replica.
pub(crate) fn target(number: u32) -> RouteTarget {
    RouteTarget {
        workload: workload(number),
        weight: 10_000,
        concurrency: 1,
        scoring_timeout: Duration::from_secs(50),
        max_wait: Duration::from_secs(50),
        scaling: Scaling::Fixed(NonZeroU32::MIN),
    }
}

/// A route with both keys.
pub(crate) fn route(name: &str, targets: Vec<RouteTarget>) -> Route {
    Route {
        workspace: None,
        endpoint: name.to_owned(),
        authentication: RouteAuthentication::Keys(vec![KeyHash::of(KEY), KeyHash::of(OTHER_KEY)]),
        targets,
    }
}

pub(crate) fn table(routes: Vec<Route>) -> Arc<RouteTable> {
    let routes = routes.into_iter().map(|route| {
        let key = Route::key(route.workspace, &route.endpoint);
        (key, Arc::new(route))
    });
    Arc::new(RouteTable {
        routes: routes.collect(),
        ..RouteTable::default()
    })
}

pub(crate) fn ready(replicas: Vec<(u32, Vec<ReadyReplica>)>) -> Arc<ReplicaTable> {
    let replicas = replicas
        .into_iter()
        .map(|(number, replicas)| (workload(number), replicas));
    Arc::new(ReplicaTable {
        replicas: replicas.collect::<HashMap<_, _>>(),
    })
}

impl TestRouter {
    /// One endpoint, `iris`, served by these models.
    pub(crate) async fn iris(models: &[&Model], change: impl FnOnce(&mut RouteTarget)) -> Self {
        let replicas = models.iter().map(|model| model.replica.clone()).collect();
        Self::with(replicas, change, |_| ()).await
    }

    /// As [`TestRouter::iris`], with other limits.
    pub(crate) async fn with(
        replicas: Vec<ReadyReplica>,
        change: impl FnOnce(&mut RouteTarget),
        limit: impl FnOnce(&mut Limits),
    ) -> Self {
        let mut target = target(1);
        change(&mut target);
        let routes = table(vec![route("iris", vec![target])]);
        let mut limits = Limits {
            linger: Duration::from_millis(500),
            ..Limits::default()
        };
        limit(&mut limits);
        Self::start(routes, ready(vec![(1, replicas)]), limits).await
    }

    pub(crate) async fn start(
        routes: Arc<RouteTable>,
        replicas: Arc<ReplicaTable>,
        limits: Limits,
    ) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let mut authority = rustls::RootCertStore::empty();
        authority.add(made.cert.der().clone()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let (routes, routes_seen) = watch::channel(routes);
        let (replicas, replicas_seen) = watch::channel(replicas);
        let (asked, scaled) = mpsc::unbounded_channel();
        let settings = RouterSettings {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            tls: Arc::new(tls),
            limits,
            clock: Arc::new(SystemClock),
        };
        let scaler = Arc::new(Asked(asked));
        let handle = Router::start(settings, routes_seen, replicas_seen, scaler).unwrap();
        Self {
            handle,
            authority: Arc::new(authority),
            routes,
            replicas,
            scaled,
        }
    }
}
