//! Clusters that go by themselves; those of a created compute go with it.

use std::time::Duration;

use uuid::Uuid;
use wharf_core::{managed_cluster::ProviderKind, resource::Observed};
use wharf_store::StoreError;

use super::{After, StepError};
use crate::App;

/// How long to wait before asking again for a cluster that is being deleted.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Deletes the cluster, then what is known of it. A cluster that is to go has no
/// compute, and none can be attached any more.
pub(super) async fn step(app: &App, key: Uuid) -> Result<After, StepError> {
    let mut session = app.store().read().await?;
    let found = session.managed_cluster_by_id(&key).await?;
    drop(session);
    let Some(cluster) = found.filter(|cluster| cluster.spec.is_absent) else {
        return Ok(After::Done);
    };
    // Whoever made an imported cluster deletes it.
    let is_ours = cluster.spec.provider == ProviderKind::Local;
    if is_ours && !app.inner.provider.delete(&cluster).await? {
        return Ok(After::Again(LOOK_AGAIN));
    }
    let (generation, now) = (cluster.generation, app.now());
    app.store()
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                txn.managed_cluster_delete(&key).await?;
                txn.operation_settle(&key, &Observed::Gone(generation), now)
                    .await
            })
        })
        .await?;
    Ok(After::Done)
}
