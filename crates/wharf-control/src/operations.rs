//! Operations as clients poll them.

use jiff::Timestamp;
use wharf_core::{
    Error, Kind, Result,
    operation::{Operation, OperationId},
    workspace::{Caller, WorkspacePath},
};

use crate::{App, places::find_workspace};

/// A part of an operation's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationLog {
    /// Lines with their times, in order.
    pub lines: Vec<(Timestamp, String)>,
}

/// Most lines of one answer. A reader that counts in characters has to see all lines
/// before its place, so this is more than a log of 10 MiB usually has.
const MOST_LINES: usize = 200_000;

impl App {
    /// One operation; within a workspace when `path` is given.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`], also for an operation of another workspace.
    pub async fn operation_get(
        &self,
        _caller: &Caller,
        path: Option<&WorkspacePath>,
        id: &str,
    ) -> Result<Operation> {
        let missing = || Error::not_found(Kind::Operation, id);
        let key: OperationId = id.parse().map_err(|_| missing())?;
        let mut session = self.store().read().await?;
        let workspace = match path {
            Some(path) => Some(find_workspace(&mut session, path).await?.id),
            None => None,
        };
        let operation = session.operation_get(key).await?.ok_or_else(missing)?;
        if workspace.is_some() && operation.workspace != workspace {
            return Err(missing());
        }
        Ok(operation)
    }

    /// The operation's log, skipping the first `skip` lines; at most 200,000 lines.
    ///
    /// # Errors
    /// As [`App::operation_get`].
    pub async fn operation_log(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        id: &str,
        skip: usize,
    ) -> Result<OperationLog> {
        let operation = self.operation_get(caller, Some(path), id).await?;
        let logs = self.inner.logs.clone();
        let lines = tokio::task::spawn_blocking(move || logs.read(operation.id, skip, MOST_LINES))
            .await
            .map_err(Error::internal)??;
        Ok(OperationLog { lines })
    }
}
