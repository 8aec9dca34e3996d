//! `wharf server`: builds the parts and joins them.
//!
//! ```text
//!  data directory, keys, certificates ─▶ listeners bound ─▶ store, blobs, logs
//!     ─▶ local cluster (adopts its replicas) ─▶ App ─▶ router (full table first)
//!     ─▶ reconcilers, control plane ─▶ asked from outside ─▶ "ready"
//! ```

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet, time::timeout};
use wharf_api::{Api, ApiSettings};
use wharf_cli::AdminFile;
use wharf_cluster::{LocalBackend, LocalProvider};
use wharf_control::{App, AppSettings, TlsAuthority, bootstrap::Bootstrap};
use wharf_core::{
    clock::{Clock, SystemClock},
    tls::OwnNames,
};
use wharf_router::{Router, RouterHandle, RouterSettings};
use wharf_store::{AuditLog, BlobStore, OperationLogs, SealKey, Store};

use crate::{
    blob_host, catalogue,
    certificates::{self, Authority},
    config::{ServerArgs, url},
    data_dir::LockedDataDir,
    descriptors,
    error::StartError,
    keys::Keys,
    leaf_names,
    local_cluster::{self, LocalScaler},
    ports::Listeners,
    ready, sign_in_files,
    signals::StopSignals,
    tls::ServerCertificate,
};

/// Time to end reconciler steps and to close the store, beyond the time that
/// requests in flight get.
const CLOSING: Duration = Duration::from_secs(10);

/// Runs until a signal; a second one ends it at once.
pub(crate) async fn run(args: &ServerArgs) -> Result<(), StartError> {
    let mut signals = StopSignals::listen()?;
    let starting = Server::start(args);
    let mut server = tokio::select! {
        started = starting => started?,
        name = signals.next() => {
            tracing::info!(signal = name, "ended while starting; the next start goes on from here");
            return Ok(());
        }
    };
    let name = tokio::select! {
        name = signals.next() => name,
        Some(_) = server.parts.join_next() => {
            // A part that panicked said so in the log.
            return Err(StartError::Part("a part of the server ended by itself".to_owned()));
        }
        () = server.router.ended() => {
            return Err(StartError::Part("the router ended by itself".to_owned()));
        }
        // Nothing can be acknowledged any more; whoever watches the process starts it
        // anew, and the new one reads what is on the disk.
        why = server.store.broken() => {
            return Err(StartError::Part(format!("{why}; start the server again")));
        }
    };
    tracing::info!(
        signal = name,
        "stopping; replicas go on, a second signal ends at once"
    );
    let dir = server.dir.dir().clone();
    tokio::select! {
        () = server.stop(args.drain()) => {
            tracing::info!("stopped");
            ready::say_stopped(wharf_cli::running_replicas(&dir).len(), dir.root());
            Ok(())
        }
        _ = signals.next() => Err(StartError::Hurried),
    }
}

/// Everything that runs.
struct Server {
    router: RouterHandle,
    shutdown: watch::Sender<bool>,
    /// The control plane and the reconcilers; they end by `shutdown`.
    parts: JoinSet<()>,
    /// Ends with the server.
    _background: JoinSet<()>,
    store: Store,
    /// Dropped last: the lock on the directory.
    dir: LockedDataDir,
}

impl Server {
    async fn start(args: &ServerArgs) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let host = args.public_host()?;
        let (mut api_limits, mut router_limits) = (args.api_limits(), args.router_limits());
        descriptors::raised().apply(&mut api_limits, &mut router_limits);
        let scoring = args.scoring_listen()?;
        let catalogue = catalogue::read(args)?;
        let home = args.home.data_dir();
        let home = home.map_err(|error| StartError::Domain(error.to_string()))?;
        let dir = LockedDataDir::open(&home)?;
        let keys = Keys::open(dir.dir(), clock.now())?;
        let leaf_suffix = args.leaf_suffix()?;
        let authority = Arc::new(Authority::open(dir.dir(), clock.now())?);
        let ca_pem = authority.pem().to_owned();
        let names = certificates::names(&host, &blob_host::blob_host(&host));
        let leaf = dir.dir().leaf();
        let compute_tls = TlsAuthority {
            issuer: Arc::<Authority>::clone(&authority),
            names: OwnNames {
                server: names.clone(),
                leaf_suffix: leaf_suffix.clone(),
            },
        };
        let certificate = ServerCertificate::open(authority, leaf, names, Arc::clone(&clock))?;
        let tls = Arc::new(certificate.config()?);
        let bundled = sign_in_files::write_ca_bundle(dir.dir(), &ca_pem)?;
        if bundled.is_none() {
            tracing::warn!(
                "this system has no bundle of CAs: clients will trust this server alone; install \
                 the package `ca-certificates`"
            );
        }
        let listeners = Listeners::bind(args.listen, scoring, &dir.path("ports.json")).await?;
        let public_url = url(&host, listeners.ports.control);
        let secret = keys.administrator.clone();

        let seal = SealKey::new(&keys.seal)?;
        not_emptied(dir.dir())?;
        let store = Store::open(&dir.dir().database(), seal).await?;
        let blobs = BlobStore::open(&dir.path("blobs"))?;
        let backend = local_cluster::backend(&dir, &blobs).await?;
        let settings = AppSettings {
            clock: Arc::clone(&clock),
            store: store.clone(),
            blobs,
            logs: OperationLogs::open(&dir.path("operation-logs"))?,
            audit: AuditLog::open(&dir.path("audit"), args.guard.audit(), Arc::clone(&clock))?,
            backend: Arc::<LocalBackend>::clone(&backend),
            backend_changes: backend.change_sender(),
            provider: Arc::new(LocalProvider::new(dir.path("replicas"))),
            environments: local_cluster::environments(args, &dir)?,
            token_keys: keys.token,
            scoring_key: keys.scoring,
            token_lifetime: Duration::from_secs(args.token_lifetime),
            sas_key: keys.sas,
            public_url: public_url.clone(),
            scoring_url: url(&host, listeners.ports.scoring),
            scoring_port: listeners.ports.scoring,
            tls: compute_tls,
            largest_blob: args.largest_upload << 20,
            catalogue,
            quotas: args.guard.quotas(),
        };
        let bootstrap = Bootstrap {
            administrator_secret: secret.clone(),
            ..Bootstrap::default()
        };
        let app = App::open(settings, bootstrap).await?;
        let administrator = app.administrator().clone();

        let names_of_computes = app.routes();
        let addresses = (address(&listeners.control)?, address(&listeners.scoring)?);
        let router = RouterSettings {
            listener: listeners.scoring,
            tls: Arc::clone(&tls),
            limits: router_limits,
            clock,
        };
        let scaler = Arc::new(LocalScaler(Arc::clone(&backend)));
        let router = Router::start(router, app.routes(), backend.replicas(), scaler)
            .map_err(|error| StartError::Part(format!("the router: {error}")))?;
        let (shutdown, stopping) = watch::channel(false);
        let mut parts = JoinSet::new();
        let reconciling = app.clone();
        let stopped = stopping.clone();
        parts.spawn(async move { reconciling.reconcile(stopped).await });
        let api = Api::new(ApiSettings {
            app,
            public_url: public_url.clone(),
            limits: api_limits,
            throttling: args.guard.throttling(),
        });
        parts.spawn(api.serve(listeners.control, tls, stopping));
        let mut background = JoinSet::new();
        background.spawn(certificate.keep_fresh());
        background.spawn(leaf_names::follow(
            names_of_computes,
            leaf_suffix,
            host.clone(),
            Path::new(blob_host::HOSTS),
            !args.no_hosts_entry,
        ));

        let name =
            blob_host::ensure(&host, Path::new(blob_host::HOSTS), !args.no_hosts_entry).await;
        ready::check(&ca_pem, &host, addresses.0, addresses.1).await?;
        let admin = AdminFile {
            tenant_id: administrator.tenant.to_string(),
            subscription_id: administrator.subscription.to_string(),
            resource_group: administrator.resource_group,
            workspace_name: administrator.workspace,
            client_id: administrator.client_id.to_string(),
            client_secret: secret,
            server_url: public_url.clone(),
            ca_file: dir.dir().ca(),
        };
        sign_in_files::write_sign_in(dir.dir(), &admin)?;
        ready::say(&public_url, &host, &name, dir.dir().root());
        Ok(Self {
            router,
            shutdown,
            parts,
            _background: background,
            store,
            dir,
        })
    }

    /// Accepts nothing new, lets what runs end, closes the store.
    async fn stop(mut self, drain: Duration) {
        self.shutdown.send_replace(true);
        let parts = async { while self.parts.join_next().await.is_some() {} };
        let stopped = async { tokio::join!(parts, self.router.stop()) };
        if timeout(drain + CLOSING, stopped).await.is_err() {
            tracing::warn!("not everything ended in time; what was acknowledged is kept");
        }
        if timeout(CLOSING, self.store.close()).await.is_err() {
            tracing::warn!("the store is still being read");
        }
    }
}

/// A database that is gone or lost all its bytes is not a new one, which a start makes
/// before `admin.json`.
fn not_emptied(dir: &wharf_cli::DataDir) -> Result<(), StartError> {
    let file = dir.database();
    let what = match std::fs::metadata(&file) {
        Ok(metadata) if metadata.len() > 0 => return Ok(()),
        Ok(_) => "is empty",
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is gone",
        Err(error) => return Err(StartError::file("look at", &file, error)),
    };
    let admin = dir.admin();
    match admin.exists() {
        true => Err(StartError::unusable(
            &file,
            format_args!(
                "it {what}, and {} says that a server has run here",
                admin.display()
            ),
        )),
        false => Ok(()),
    }
}

fn address(listener: &tokio::net::TcpListener) -> Result<std::net::SocketAddr, StartError> {
    listener
        .local_addr()
        .map_err(|error| StartError::Part(format!("a listener has no address: {error}")))
}
