//! Operations as clients poll them.

use jiff::Timestamp;
use wharf_core::{
    Result,
    operation::Operation,
    workspace::{Caller, WorkspacePath},
};

use crate::App;

/// A part of an operation's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationLog {
    /// Lines with their times, in order.
    pub lines: Vec<(Timestamp, String)>,
    /// Bytes read so far: where the next read begins.
    pub next: u64,
}

impl App {
    /// One operation; within a workspace when `path` is given.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`], also for an operation of another workspace.
    pub async fn operation_get(
        &self,
        caller: &Caller,
        path: Option<&WorkspacePath>,
        id: &str,
    ) -> Result<Operation> {
        let _ = (caller, path, id);
        todo!()
    }

    /// The operation's log, skipping the first `skip` lines; at most 10,000 lines.
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
        let _ = (caller, path, id, skip);
        todo!()
    }
}
