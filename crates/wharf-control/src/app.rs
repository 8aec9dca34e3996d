//! What everything hangs on.

use std::sync::Arc;

use tokio::sync::watch;
use wharf_core::{
    Result,
    backend::{Backend, Provider},
    clock::Clock,
    environment::EnvironmentBuilder,
    route::RouteTable,
};

use crate::{bootstrap::Bootstrap, token::TokenKey};

/// The use cases; cheap to clone.
#[derive(Clone)]
pub struct App {}

/// What an [`App`] is made of.
pub struct AppSettings {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Runs replicas on the local cluster.
    pub backend: Arc<dyn Backend>,
    /// Changes whenever a replica of that backend does.
    pub backend_changed: watch::Receiver<u64>,
    /// Makes local clusters.
    pub provider: Arc<dyn Provider>,
    /// Makes environments.
    pub environments: Arc<dyn EnvironmentBuilder>,
    /// Signs tokens.
    pub token_key: TokenKey,
    /// Signs shared access signatures.
    pub sas_key: [u8; 32],
    /// What scoring URIs begin with, `https://HOST:PORT`.
    pub scoring_url: String,
}

impl App {
    /// Makes the use cases over a store, and in an empty store what `bootstrap` says.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn open(settings: AppSettings, bootstrap: Bootstrap) -> Result<Self> {
        let _ = (settings, bootstrap);
        todo!()
    }

    /// Runs the reconcilers until `shutdown` turns true; then ends the steps under
    /// way and returns.
    pub async fn reconcile(&self, shutdown: watch::Receiver<bool>) {
        let _ = shutdown;
        todo!()
    }

    /// The routes, at once and whenever they change.
    pub fn routes(&self) -> watch::Receiver<Arc<RouteTable>> {
        todo!()
    }
}
