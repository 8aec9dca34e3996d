//! What is under way with a compute, for whoever has to wait.

use wharf_core::{
    Error, Kind, Result,
    compute::{Compute, Removal},
    operation::Verb,
};
use wharf_store::Session;

/// The refusal of a request that has to wait: what is under way, since when, and
/// which operation tells its end.
pub(super) async fn busy(session: &mut Session, compute: &Compute) -> Result<Error> {
    let open = session.operation_open(&compute.id).await?;
    let what = |verb| match (verb, compute.spec.removal) {
        (Verb::Create, _) => "a create",
        (Verb::Update, _) => "an update",
        (Verb::Delete, Some(Removal::Detach)) => "a detach",
        (Verb::Delete, _) => "a delete",
    };
    let why = match open.last() {
        Some(operation) => format!(
            "is busy: {} is under way since {} (operation {}); try again when that has ended",
            what(operation.verb),
            operation.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            operation.id,
        ),
        // Only a removal leaves a compute for which nothing else can be asked.
        None => format!("{} of it failed; ask for that again", what(Verb::Delete)),
    };
    Ok(Error::conflict(Kind::Compute, compute.name.as_str(), why))
}
