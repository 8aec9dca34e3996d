//! What connections are served with: a certificate that is swapped while the
//! server runs, when it is renewed.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::time::{MissedTickBehavior, interval};
use wharf_core::clock::Clock;

use crate::{
    certificates::{Authority, Leaf},
    error::StartError,
};

/// How often a running server looks whether its certificate is due.
const LOOK: Duration = Duration::from_secs(6 * 3600);

/// The certificate that is served now.
pub(crate) struct ServerCertificate {
    authority: Arc<Authority>,
    path: PathBuf,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl ServerCertificate {
    pub(crate) fn open(
        authority: Arc<Authority>,
        path: PathBuf,
        names: Vec<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StartError> {
        let leaf = authority.leaf(&path, &names, clock.now())?;
        let key = certified(&leaf).map_err(|why| StartError::unusable(&path, why))?;
        Ok(Arc::new(Self {
            authority,
            path,
            names,
            clock,
            current: RwLock::new(Arc::new(key)),
        }))
    }

    /// For a listener; each side adds its own ALPN protocols.
    pub(crate) fn config(self: &Arc<Self>) -> Result<ServerConfig, StartError> {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| StartError::Part(format!("TLS: {error}")))?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        Ok(builder.with_no_client_auth().with_cert_resolver(resolver))
    }

    /// Renews the certificate for ever.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Err(error) = self.look() {
                tracing::error!(%error, "the server certificate cannot be renewed");
            }
        }
    }

    fn look(&self) -> Result<(), StartError> {
        let now = self.clock.now();
        let leaf = self.authority.leaf(&self.path, &self.names, now)?;
        let key = certified(&leaf).map_err(|why| StartError::unusable(&self.path, why))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
        Ok(())
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

fn certified(leaf: &Leaf) -> Result<CertifiedKey, String> {
    let chain = CertificateDer::pem_slice_iter(leaf.certificate_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes())
        .map_err(|error| error.to_string())?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| error.to_string())
}
