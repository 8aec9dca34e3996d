//! Each resource with its status, and the operations that aim at it.

use std::collections::HashMap;

use uuid::Uuid;
use wharf_core::{
    operation::{Operation, OperationState, TargetKind, derive},
    resource::{Generation, Observed},
};

use super::walk::Walked;
use crate::{Session, StoreError, computes, endpoints, managed_clusters, operations, row::Columns};

type Result<T> = std::result::Result<T, StoreError>;

/// Rows read at once.
const PAGE: u32 = 1_000;

const ALL_COMPUTES: &str = "SELECT * FROM computes WHERE id > ? ORDER BY id LIMIT ?";
const ALL_ENDPOINTS: &str = "SELECT * FROM endpoints WHERE id > ? ORDER BY id LIMIT ?";
const ALL_MANAGED_CLUSTERS: &str =
    "SELECT * FROM managed_clusters WHERE id > ? ORDER BY id LIMIT ?";
const ALL_OPERATIONS: &str = "SELECT * FROM operations WHERE id > ? ORDER BY id LIMIT ?";

/// What operations are held against.
struct Resource {
    kind: TargetKind,
    name: String,
    generation: Generation,
    observed: Observed,
    /// Of the newest generation.
    has_open_operation: bool,
}

pub(super) async fn walk(session: &mut Session, walked: &mut Walked) -> Result<()> {
    let mut all = HashMap::new();
    read_resources(session, &mut all, walked).await?;
    walk_operations(session, &mut all, walked).await?;
    for resource in all.values() {
        let is_open = derive(resource.generation, &resource.observed).is_open();
        if is_open && !resource.has_open_operation {
            walked.broken(
                "unsettled-without-operation",
                format!(
                    "{} `{}` has not reached generation {}, and no operation waits for it",
                    resource.kind.as_str(),
                    resource.name,
                    resource.generation
                ),
            );
        }
    }
    Ok(())
}

/// One table by its query, row by row after its id; a row that cannot be read is told and passed.
async fn each(
    session: &mut Session,
    query: &'static str,
    walked: &mut Walked,
    mut look: impl FnMut(&mut Walked, &sqlx::sqlite::SqliteRow) -> Result<()>,
) -> Result<()> {
    let mut after = Vec::new();
    loop {
        let rows = sqlx::query(query)
            .bind(after.clone())
            .bind(PAGE)
            .fetch_all(session.db())
            .await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.bytes("id")?;
        for row in &rows {
            walked.rows += 1;
            if let Err(error) = look(walked, row) {
                let id = row.uuid("id").map(|id| id.to_string()).unwrap_or_default();
                walked.broken("unreadable-row", format!("{id}: {error}"));
            }
        }
    }
}

fn settled(row: &sqlx::sqlite::SqliteRow, resource: &Resource, walked: &mut Walked) -> Result<()> {
    let says = row.number("is_settled")? != 0;
    if says != resource.observed.has_ended(resource.generation) {
        walked.broken(
            "wrong-settled-mark",
            format!(
                "{} `{}` is marked {}",
                resource.kind.as_str(),
                resource.name,
                if says { "settled" } else { "unsettled" }
            ),
        );
    }
    Ok(())
}

async fn read_resources(
    session: &mut Session,
    all: &mut HashMap<Uuid, Resource>,
    walked: &mut Walked,
) -> Result<()> {
    each(session, ALL_COMPUTES, walked, |walked, row| {
        let it = computes::compute(row)?;
        let resource = Resource {
            kind: TargetKind::Compute,
            name: it.name.to_string(),
            generation: it.generation,
            observed: it.observed,
            has_open_operation: false,
        };
        settled(row, &resource, walked)?;
        all.insert(it.id, resource);
        Ok(())
    })
    .await?;
    each(session, ALL_ENDPOINTS, walked, |walked, row| {
        let it = endpoints::endpoint(row)?;
        walked
            .deployments
            .extend(it.spec.deployments.iter().map(|it| it.id));
        for id in it.status.deployments.keys() {
            if !it.spec.deployments.iter().any(|known| known.id == *id) {
                walked.broken(
                    "status-without-deployment",
                    format!("endpoint `{}` has a status of deployment {id}", it.name),
                );
            }
        }
        let resource = Resource {
            kind: TargetKind::Endpoint,
            name: it.name.to_string(),
            generation: it.generation,
            observed: it.status.observed,
            has_open_operation: false,
        };
        settled(row, &resource, walked)?;
        all.insert(it.id, resource);
        Ok(())
    })
    .await?;
    each(session, ALL_MANAGED_CLUSTERS, walked, |_, row| {
        let it = managed_clusters::managed_cluster(row)?;
        let resource = Resource {
            kind: TargetKind::ManagedCluster,
            name: it.name.to_string(),
            generation: it.generation,
            observed: it.observed,
            // A cluster is made by the operation of its compute.
            has_open_operation: true,
        };
        all.insert(it.id, resource);
        Ok(())
    })
    .await
}

async fn walk_operations(
    session: &mut Session,
    all: &mut HashMap<Uuid, Resource>,
    walked: &mut Walked,
) -> Result<()> {
    let mut open = HashMap::new();
    each(session, ALL_OPERATIONS, walked, |walked, row| {
        let operation = operations::operation(row)?;
        let says_open = row.number("is_open")? != 0;
        fields(&operation, says_open, walked);
        if !says_open {
            return Ok(());
        }
        let target = (operation.target, operation.generation);
        if let Some(other) = open.insert(target, operation.id) {
            walked.broken(
                "two-open-operations",
                format!(
                    "{other} and {} wait for generation {} of {}",
                    operation.id,
                    operation.generation,
                    about(&operation)
                ),
            );
        }
        against(&operation, all.get_mut(&operation.target), walked);
        Ok(())
    })
    .await
}

fn about(operation: &Operation) -> String {
    let kind = operation.target_kind.as_str();
    format!("{kind} `{}`", operation.target_name)
}

/// The fields of one operation among themselves.
fn fields(operation: &Operation, says_open: bool, walked: &mut Walked) {
    let is_open = operation.state.is_open();
    if says_open != is_open || is_open != operation.ended_at.is_none() {
        walked.broken(
            "half-ended-operation",
            format!(
                "{} of {}: state {:?}, marked {}, ended {:?}",
                operation.id,
                about(operation),
                operation.state,
                if says_open { "open" } else { "ended" },
                operation.ended_at.map(|at| at.to_string()),
            ),
        );
    }
}

/// An open operation and what it waits for.
fn against(operation: &Operation, resource: Option<&mut Resource>, walked: &mut Walked) {
    let Some(resource) = resource else {
        walked.broken(
            "open-operation-without-resource",
            format!(
                "{} waits for {}, which is gone",
                operation.id,
                about(operation)
            ),
        );
        return;
    };
    if resource.kind != operation.target_kind || operation.generation > resource.generation {
        walked.broken(
            "operation-of-another-resource",
            format!("{} aims past {}", operation.id, about(operation)),
        );
    }
    resource.has_open_operation |= operation.generation == resource.generation;
    let state = derive(operation.generation, &resource.observed);
    if state != OperationState::InProgress {
        walked.broken(
            "operation-left-open",
            format!(
                "{} of {} is open, and its generation has ended {state:?}",
                operation.id,
                about(operation)
            ),
        );
    }
}
