//! Joins the router's autoscaling to the local cluster.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_cluster::LocalBackend;
use wharf_core::{backend::Backend as _, deployment::WorkloadKey};
use wharf_router::Scaler;

/// Asks the local cluster for a number of replicas.
pub(crate) struct LocalScaler(pub(crate) Arc<LocalBackend>);

#[async_trait]
impl Scaler for LocalScaler {
    async fn scale(&self, key: &WorkloadKey, replicas: u32) -> Result<(), String> {
        let scaled = self.0.scale(key, replicas).await;
        scaled.map_err(|error| error.to_string())
    }
}
