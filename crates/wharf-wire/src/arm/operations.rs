//! Long-running operations, as ARM's clients poll them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wharf_core::{
    finding::Finding,
    operation::{Operation, OperationState},
};

use super::errors::{ErrorBody, ErrorDetail};

/// `{"status": "InProgress"}` and what belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// The path that was polled.
    pub id: String,
    /// The operation's id.
    pub name: String,
    /// `InProgress`, `Succeeded`, `Failed` or `Canceled`.
    pub status: String,
    /// When it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OperationError>,
    /// What whoever waits should know although it goes well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ErrorDetail>,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationError {
    /// Code, message and details.
    #[serde(flatten)]
    pub error: ErrorBody,
    /// SDK v1 prints the message only beside a status.
    pub status_code: u16,
}

/// What a failed operation shows as its status: the cluster could not be as the
/// request wanted it.
const FAILED: u16 = 400;

impl OperationStatus {
    /// What the operation polled at `path` shows.
    pub fn new(path: &str, operation: &Operation) -> Self {
        let status = match operation.state {
            OperationState::InProgress => "InProgress",
            OperationState::Succeeded => "Succeeded",
            OperationState::Failed(_) => "Failed",
            OperationState::Canceled => "Canceled",
        };
        let error = |error| OperationError {
            error,
            status_code: FAILED,
        };
        Self {
            id: path.to_owned(),
            name: operation.id.to_string(),
            status: status.to_owned(),
            start_time: Some(operation.created_at),
            end_time: operation.ended_at,
            error: match &operation.state {
                OperationState::InProgress | OperationState::Succeeded => None,
                OperationState::Failed(failure) => Some(error(ErrorBody::new(
                    &failure.code,
                    &failure.message,
                    &failure.details,
                ))),
                OperationState::Canceled => Some(error(ErrorBody::new(
                    "Canceled",
                    "a newer change of the same resource overtook this one, and failed",
                    &[],
                ))),
            },
            warnings: Vec::new(),
        }
    }

    /// With what whoever waits should know.
    #[must_use]
    pub fn with_warnings(self, findings: &[Finding]) -> Self {
        Self {
            warnings: ErrorDetail::warnings(findings),
            ..self
        }
    }

    /// What the removal of something that was not there shows: it is done.
    pub fn nothing_to_do(path: &str, name: &str) -> Self {
        Self {
            id: path.to_owned(),
            name: name.to_owned(),
            status: "Succeeded".to_owned(),
            start_time: None,
            end_time: None,
            error: None,
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;
    use wharf_core::{
        operation::{OperationId, TargetKind, Verb},
        resource::{Failure, Generation},
    };

    use super::*;

    #[test]
    fn a_failure_has_what_the_sdk_prints() {
        let operation = Operation {
            id: OperationId(Uuid::nil()),
            workspace: None,
            verb: Verb::Create,
            target_kind: TargetKind::Compute,
            target: Uuid::nil(),
            target_name: "inference".to_owned(),
            generation: Generation::FIRST,
            state: OperationState::Failed(Failure::new("NoRoom", "the cluster is full")),
            step: None,
            created_at: Timestamp::UNIX_EPOCH,
            ended_at: Some(Timestamp::UNIX_EPOCH),
        };
        let shape = serde_json::to_value(OperationStatus::new("/x", &operation)).expect("JSON");
        assert_eq!(
            shape,
            json!({
                "id": "/x", "name": "00000000-0000-0000-0000-000000000000", "status": "Failed",
                "startTime": "1970-01-01T00:00:00Z", "endTime": "1970-01-01T00:00:00Z",
                "error": {"code": "NoRoom", "message": "the cluster is full", "statusCode": 400},
            })
        );
    }
}
