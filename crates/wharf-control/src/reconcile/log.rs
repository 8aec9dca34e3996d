//! Lines for whoever waits for an operation.

use std::sync::Arc;

use wharf_core::{clock::Clock, environment::BuildLog, operation::OperationId};
use wharf_store::OperationLogs;

/// Writes to the logs of the operations that were open when it was made.
#[derive(Clone)]
pub(crate) struct OperationLog {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) logs: OperationLogs,
    pub(crate) operations: Vec<OperationId>,
}

impl BuildLog for OperationLog {
    fn line(&self, text: &str) {
        for operation in &self.operations {
            self.logs.append(*operation, self.clock.now(), text);
        }
    }
}
