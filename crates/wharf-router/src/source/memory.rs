//! Routes and replicas from `watch` channels of the same process.

use std::sync::Arc;

use tokio::sync::watch;
use wharf_core::route::{ReplicaTable, RouteTable};

use crate::{
    drain::Stop,
    table::{Builder, Current},
};

/// Builds the first snapshot before it returns, so that no request meets an empty
/// table, and a task for all later ones.
pub(crate) fn follow(
    current: Arc<Current>,
    mut builder: Builder,
    mut routes: watch::Receiver<Arc<RouteTable>>,
    mut replicas: watch::Receiver<Arc<ReplicaTable>>,
    mut stop: Stop,
) -> tokio::task::JoinHandle<()> {
    let mut rebuild = move |routes: &mut watch::Receiver<_>, replicas: &mut watch::Receiver<_>| {
        let routes: Arc<RouteTable> = Arc::clone(&routes.borrow_and_update());
        let replicas: Arc<ReplicaTable> = Arc::clone(&replicas.borrow_and_update());
        builder.rebuild(&current, &routes, &replicas);
    };
    rebuild(&mut routes, &mut replicas);
    tokio::spawn(async move {
        loop {
            let is_open = tokio::select! {
                changed = routes.changed() => changed.is_ok(),
                changed = replicas.changed() => changed.is_ok(),
                () = stop.ended() => false,
            };
            if !is_open {
                // The last table goes on counting: serving needs nobody else.
                return;
            }
            rebuild(&mut routes, &mut replicas);
        }
    })
}
