//! What everything hangs on.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;
use wharf_core::{
    Error, Result,
    backend::{Backend, BackendError, Provider},
    catalogue::Catalogue,
    clock::Clock,
    deployment::WorkloadKey,
    environment::{BuiltEnvironment, EnvironmentBuilder, EnvironmentError},
    quota::Quotas,
    resource::Generation,
    route::RouteTable,
};
use wharf_store::{AuditLog, BlobStore, OperationLogs, Store, Txn};

use crate::{
    bootstrap::{Administrator, Bootstrap},
    computes::{ComputeReads, TlsAuthority},
    principals::Access,
    reconcile::{Background, Faults, Patience, Progress, Wake},
    routes::Routes,
    sas::Signer,
    token::{TokenKey, TokenKeys, Tokens},
};

/// The use cases; cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) inner: Arc<Inner>,
}

type BuildOutcome = Result<BuiltEnvironment, EnvironmentError>;

pub(crate) struct Inner {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) blobs: BlobStore,
    pub(crate) logs: OperationLogs,
    pub(crate) audit: AuditLog,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) backend_changes: broadcast::Sender<WorkloadKey>,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) environments: Arc<dyn EnvironmentBuilder>,
    pub(crate) tokens: Tokens,
    pub(crate) scoring_key: TokenKey,
    pub(crate) access: Access,
    pub(crate) signer: Signer,
    pub(crate) scoring_url: String,
    pub(crate) scoring_port: u16,
    pub(crate) tls: TlsAuthority,
    pub(crate) largest_blob: u64,
    pub(crate) administrator: Administrator,
    pub(crate) routes: Routes,
    pub(crate) computes: Wake,
    pub(crate) managed_clusters: Wake,
    pub(crate) endpoints: Wake,
    pub(crate) patience: Patience,
    pub(crate) progress: Progress,
    /// Builds of environments, by deployment and the generation that asked for it.
    pub(crate) builds: Background<(Uuid, Generation), BuildOutcome>,
    pub(crate) removals: Background<WorkloadKey, Result<(), BackendError>>,
    pub(crate) faults: Faults,
    pub(crate) compute_reads: ComputeReads,
    pub(crate) catalogue: Arc<Catalogue>,
}

/// What an [`App`] is made of.
pub struct AppSettings {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Rows.
    pub store: Store,
    /// Bytes.
    pub blobs: BlobStore,
    /// Lines.
    pub logs: OperationLogs,
    /// Who did what.
    pub audit: AuditLog,
    /// Runs replicas on the local cluster.
    pub backend: Arc<dyn Backend>,
    /// Names each workload of that backend of which a replica changed.
    pub backend_changes: broadcast::Sender<WorkloadKey>,
    /// Makes local clusters.
    pub provider: Arc<dyn Provider>,
    /// Makes environments.
    pub environments: Arc<dyn EnvironmentBuilder>,
    /// Signs tokens to sign in with, and checks those that older keys signed.
    pub token_keys: TokenKeys,
    /// Signs tokens to score with.
    pub scoring_key: TokenKey,
    /// How long a token to sign in with is good.
    pub token_lifetime: Duration,
    /// Signs shared access signatures.
    pub sas_key: [u8; 32],
    /// How clients reach the control plane, `https://HOST:PORT`: what tokens are for.
    pub public_url: String,
    /// What scoring URIs begin with, `https://HOST:PORT`, unless the compute has a
    /// name of its own.
    pub scoring_url: String,
    /// Port of scoring URIs, also of computes with a name of their own.
    pub scoring_port: u16,
    /// Certificates and names of computes.
    pub tls: TlsAuthority,
    /// Largest blob, in bytes.
    pub largest_blob: u64,
    /// What clusters are made of.
    pub catalogue: Catalogue,
    /// How much each workspace may have.
    pub quotas: Quotas,
}

impl App {
    /// Makes the use cases over a store, and in an empty store what `bootstrap` says.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn open(settings: AppSettings, bootstrap: Bootstrap) -> Result<Self> {
        let now = settings.clock.now();
        let administrator = bootstrap
            .apply(&settings.store, now, &settings.catalogue)
            .await?;
        let tokens = Tokens::new(
            settings.token_keys,
            administrator.tenant,
            settings.token_lifetime,
            &settings.public_url,
        );
        let quotas = settings.quotas;
        settings
            .store
            .write::<_, Error, _>(move |txn| {
                Box::pin(async move { Ok(txn.quotas_put(&quotas).await?) })
            })
            .await?;
        let access = Access::load(&settings.store).await?;
        let issuer = settings.scoring_key.public().clone();
        let routes = Routes::load(&settings.store, issuer, administrator.first_workspace).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                clock: settings.clock,
                store: settings.store,
                blobs: settings.blobs,
                logs: settings.logs,
                audit: settings.audit,
                backend: settings.backend,
                backend_changes: settings.backend_changes,
                provider: settings.provider,
                environments: settings.environments,
                tokens,
                scoring_key: settings.scoring_key,
                access,
                signer: Signer::new(&settings.sas_key),
                scoring_url: settings.scoring_url,
                scoring_port: settings.scoring_port,
                tls: settings.tls,
                largest_blob: settings.largest_blob,
                administrator,
                routes,
                computes: Wake::default(),
                managed_clusters: Wake::default(),
                endpoints: Wake::default(),
                patience: Patience::default(),
                progress: Progress::default(),
                builds: Background::default(),
                removals: Background::default(),
                faults: Faults::default(),
                compute_reads: ComputeReads::default(),
                catalogue: Arc::new(settings.catalogue),
            }),
        })
    }

    /// Runs the reconcilers, and the sweep beside them, until `shutdown` turns true;
    /// then ends the steps under way and returns.
    pub async fn reconcile(&self, shutdown: watch::Receiver<bool>) {
        let sweep = crate::sweep::run(self, shutdown.clone());
        tokio::join!(crate::reconcile::run(self, shutdown), sweep);
    }

    /// The routes, at once and whenever they change.
    pub fn routes(&self) -> watch::Receiver<Arc<RouteTable>> {
        self.inner.routes.subscribe()
    }

    /// What clusters are made of.
    pub fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }

    /// What the first start made.
    pub fn administrator(&self) -> &Administrator {
        &self.inner.administrator
    }

    /// The time by the injected clock.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Writes, and then wakes whom it concerns, also when the caller does not wait
    /// for the end: a connection that breaks drops the handler where it stands.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub(crate) async fn write_then<T, F, W>(&self, work: F, wake: W) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Txn) -> BoxFuture<'t, Result<T>> + Send + 'static,
        W: FnOnce(&Self, &T) + Send + 'static,
    {
        let app = self.clone();
        to_its_end(async move {
            let written = app.store().write(work).await?;
            wake(&app, &written);
            Ok(written)
        })
        .await
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }
}

/// Runs `work` to its end although its caller may stop waiting.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal(format!("a write did not end: {error}"))),
    }
}
