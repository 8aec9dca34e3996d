//! The App with everything that it hangs on.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use wharf_core::{
    Secret,
    catalogue::Catalogue,
    operation::{Operation, OperationId},
    quota::Quotas,
    tls::OwnNames,
    workspace::{Caller, WorkspacePath},
};
use wharf_store::{AuditLog, AuditSettings, BlobStore, OperationLogs, SealKey, Store};
use wharf_testkit::{FakeBackend, FakeEnvironments, FakeIssuer, FakeProvider, ManualClock};

use crate::{App, AppSettings, TlsAuthority, bootstrap::Bootstrap, token::TokenKey};

/// Longest that a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest blob of a test, in bytes.
const LARGEST_BLOB: u64 = 64 * 1024 * 1024;
const SECRET: &str = "the-administrator-of-this-test";
/// How clients of a test reach it, and what their tokens are for.
const AUDIENCE: &str = "https://localhost:8443";

/// What a test changes of the settings before an App is opened.
type Adjust = Box<dyn Fn(&mut AppSettings) + Send + Sync>;

struct Reconcilers {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// An App over real SQLite in a scratch folder, with fakes around it. Reconcilers
/// run once [`TestApp::start_reconcilers`] was called; the helpers that need them
/// call it.
pub struct TestApp {
    /// The use cases.
    pub app: App,
    /// Runs replicas.
    pub backend: Arc<FakeBackend>,
    /// Makes clusters.
    pub provider: Arc<FakeProvider>,
    /// Makes environments.
    pub environments: Arc<FakeEnvironments>,
    /// Tells the time; stands still until it is told to move.
    pub clock: Arc<ManualClock>,
    /// The first workspace.
    pub path: WorkspacePath,
    /// The administrator.
    pub caller: Caller,
    /// The administrator's secret.
    pub secret: Secret,
    reconcilers: Mutex<Option<Reconcilers>>,
    world: World,
}

/// What an App finds when it starts, the first time and again.
struct World {
    backend: Arc<FakeBackend>,
    provider: Arc<FakeProvider>,
    environments: Arc<FakeEnvironments>,
    clock: Arc<ManualClock>,
    token_key: Vec<u8>,
    scoring_key: Vec<u8>,
    adjust: Adjust,
    scratch: TempDir,
}

impl World {
    fn token_key(&self) -> TokenKey {
        TokenKey::from_pkcs8(&self.token_key).expect("the key")
    }

    async fn open(&self, secret: &Secret) -> App {
        let folder = self.scratch.path();
        let seal = SealKey::new(&[3; 32]).expect("a key for seals");
        let mut settings = AppSettings {
            clock: Arc::<ManualClock>::clone(&self.clock),
            store: Store::open(&folder.join("wharf.db"), seal)
                .await
                .expect("the store opens"),
            blobs: BlobStore::open(&folder.join("blobs")).expect("blobs"),
            logs: OperationLogs::open(&folder.join("operations")).expect("logs"),
            audit: AuditLog::open(
                &folder.join("audit"),
                AuditSettings::default(),
                Arc::<ManualClock>::clone(&self.clock),
            )
            .expect("the audit log"),
            backend: Arc::<FakeBackend>::clone(&self.backend),
            backend_changes: self.backend.sender(),
            provider: Arc::<FakeProvider>::clone(&self.provider),
            environments: Arc::<FakeEnvironments>::clone(&self.environments),
            token_keys: self.token_key().into(),
            scoring_key: TokenKey::from_pkcs8(&self.scoring_key).expect("the key"),
            token_lifetime: Duration::from_secs(3_600),
            sas_key: [7; 32],
            public_url: AUDIENCE.to_owned(),
            scoring_url: "https://localhost:8444".to_owned(),
            scoring_port: 8444,
            tls: TlsAuthority {
                issuer: Arc::new(FakeIssuer::new()),
                names: OwnNames {
                    server: vec!["localhost".to_owned(), "*.blob.localhost".to_owned()],
                    leaf_suffix: "localhost".parse().expect("a name"),
                },
            },
            largest_blob: LARGEST_BLOB,
            catalogue: Catalogue::default(),
            quotas: Quotas::default(),
        };
        (self.adjust)(&mut settings);
        let bootstrap = Bootstrap {
            administrator_secret: secret.clone(),
            ..Bootstrap::default()
        };
        let opened = App::open(settings, bootstrap).await;
        opened.expect("the App opens")
    }
}

impl TestApp {
    /// A first start with the usual settings.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A first start with settings as `adjust` leaves them; it is asked again at
    /// each restart.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn with(adjust: impl Fn(&mut AppSettings) + Send + Sync + 'static) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let token_key = TokenKey::generate().expect("a key for tokens");
        let scoring_key = TokenKey::generate().expect("a key for tokens to score with");
        let backend = Arc::new(FakeBackend::new());
        let provider = Arc::new(FakeProvider::new());
        let environments = Arc::new(FakeEnvironments::new());
        let clock = Arc::new(ManualClock::new());
        let secret = Secret::new(SECRET);
        let world = World {
            backend,
            provider,
            environments,
            clock,
            token_key,
            scoring_key,
            adjust: Box::new(adjust),
            scratch,
        };
        let app = world.open(&secret).await;
        let first = app.administrator();
        let path = WorkspacePath {
            subscription: first.subscription.to_string(),
            group: first.resource_group.clone(),
            workspace: first.workspace.clone(),
        };
        let bearer = sign_in(&app, &secret).await;
        let caller = app.authenticate(&bearer).await.expect("the administrator");
        Self {
            app,
            backend: Arc::clone(&world.backend),
            provider: Arc::clone(&world.provider),
            environments: Arc::clone(&world.environments),
            clock: Arc::clone(&world.clock),
            path,
            caller,
            secret,
            reconcilers: Mutex::new(None),
            world,
        }
    }

    /// Ends the App as a kill does, and opens another one on the same files, beside
    /// the same backend, provider and clock. Reconcilers do not run until they are
    /// started again.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn restart(&mut self) {
        self.kill_reconcilers().await;
        self.app.store().close().await;
        self.app = self.world.open(&self.secret).await;
    }

    /// A bearer token of the administrator.
    ///
    /// # Panics
    /// When signing in fails.
    pub async fn bearer(&self) -> String {
        sign_in(&self.app, &self.secret).await
    }

    /// The key that signs tokens, as PKCS#8 DER, for tests that forge some.
    pub fn token_key_der(&self) -> &[u8] {
        &self.world.token_key
    }

    /// The scratch folder: `wharf.db`, `blobs`, `operations`.
    pub fn folder(&self) -> &std::path::Path {
        self.world.scratch.path()
    }

    /// The rows, for tests that look behind the use cases.
    pub fn store(&self) -> &Store {
        self.app.store()
    }

    /// Runs the reconcilers, unless they run already.
    pub fn start_reconcilers(&self) {
        let mut reconcilers = self.reconcilers();
        if reconcilers.is_none() {
            let (stop, stopped) = watch::channel(false);
            let app = self.app.clone();
            let task = tokio::spawn(async move { app.reconcile(stopped).await });
            *reconcilers = Some(Reconcilers { stop, task });
        }
    }

    /// Lets the steps under way end, and stops the reconcilers.
    ///
    /// # Panics
    /// When they panicked.
    pub async fn stop_reconcilers(&self) {
        let running = self.reconcilers().take();
        if let Some(Reconcilers { stop, task }) = running {
            stop.send_replace(true);
            task.await.expect("the reconcilers ended well");
        }
    }

    /// Stops the reconcilers in the middle of whatever they do.
    pub async fn kill_reconcilers(&self) {
        let running = self.reconcilers().take();
        if let Some(Reconcilers { task, .. }) = running {
            task.abort();
            // Dropping the loop aborts the steps that it spawned.
            let _ = task.await;
        }
    }

    /// Waits until an operation has ended.
    ///
    /// # Panics
    /// When it does not end within half a minute.
    pub async fn ended(&self, id: OperationId) -> Operation {
        self.until("the operation has ended", || async {
            let operation = self.operation(id).await;
            (!operation.state.is_open()).then_some(operation)
        })
        .await
    }

    /// An operation as it is now.
    ///
    /// # Panics
    /// When there is no such operation.
    pub async fn operation(&self, id: OperationId) -> Operation {
        let found = self
            .app
            .operation_get(&self.caller, None, &id.to_string())
            .await;
        found.expect("the operation is there")
    }

    /// Asks `look` now and after each commit until it gives something.
    ///
    /// # Panics
    /// When it gives nothing within half a minute; `what` says what was expected.
    pub async fn until<T, F>(&self, what: &str, look: impl Fn() -> F) -> T
    where
        F: Future<Output = Option<T>>,
    {
        let mut commits = self.app.store().commits();
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                commits.mark_unchanged();
                if let Some(found) = look().await {
                    return found;
                }
                commits.changed().await.expect("the store is open");
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("not within {PATIENCE:?}: {what}"),
        }
    }

    fn reconcilers(&self) -> std::sync::MutexGuard<'_, Option<Reconcilers>> {
        self.reconcilers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sign_in(app: &App, secret: &Secret) -> String {
    let issued = app.sign_in_identity(secret, AUDIENCE).await;
    issued.expect("a token").token.reveal().to_owned()
}
