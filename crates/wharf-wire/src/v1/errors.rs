//! Errors of the data plane, in the shapes of its two services.

use serde_json::{Value, json};
use wharf_core::finding::Finding;

/// What an error says.
#[derive(Debug, Clone, Copy)]
pub struct ErrorText<'a> {
    /// The HTTP status. The SDK reads it from the body, not from the answer's head:
    /// `statusCode` 404 becomes its "model not found".
    pub status: u16,
    /// A stable word.
    pub code: &'a str,
    /// What is wrong and what would be right.
    pub message: &'a str,
    /// One per broken rule.
    pub details: &'a [Finding],
    /// The request's id.
    pub request_id: &'a str,
}

fn details(error: &ErrorText<'_>) -> Vec<Value> {
    let detail = |finding: &Finding| {
        json!({
            "code": error.code,
            "message": finding.to_string(),
            "target": finding.field,
        })
    };
    error.details.iter().map(detail).collect()
}

/// An error in the shapes of both services at once: model management's members are
/// at the top, those of the others (artifacts, environments) under `error`. Each
/// client reads its own and skips the rest.
///
/// Of an error about models the SDK shows status, correlation and details, and of
/// the details not what they hold. So the message is in the correlation too: it is
/// the only place where a person gets to read it.
pub fn document(error: &ErrorText<'_>) -> Value {
    let details = details(error);
    json!({
        "code": error.code,
        "statusCode": error.status,
        "message": error.message,
        "details": details,
        "correlation": {"RequestId": error.request_id, "Message": error.message},
        "error": {"code": error.code, "message": error.message, "details": details},
    })
}

/// What `validate/*` answers about a request that would be refused: the SDK reads
/// `error.message` of a 200 and ignores every other status.
pub fn validation(message: &str, details: &[Finding]) -> Value {
    let details: Vec<_> = details
        .iter()
        .map(|finding| json!({"code": "ValidationError", "message": finding.to_string(), "target": finding.field}))
        .collect();
    json!({"error": {"code": "ValidationError", "message": message, "details": details}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_services_find_their_members() {
        let details = [Finding::new("name", "is wrong")];
        let document = document(&ErrorText {
            status: 404,
            code: "NotFound",
            message: "model `a:1` was not found",
            details: &details,
            request_id: "id-1",
        });
        for key in ["code", "statusCode", "message", "details", "correlation"] {
            assert!(document.get(key).is_some(), "{key}");
        }
        assert_eq!(document["statusCode"], 404);
        assert_eq!(document["error"]["message"], document["message"]);
        assert_eq!(document["details"][0]["target"], "name");
        // The SDK's model of `correlation` is a map of texts.
        let correlation = document["correlation"].as_object().expect("an object");
        assert!(correlation.values().all(Value::is_string));
        assert_eq!(correlation["Message"], "model `a:1` was not found");
    }

    #[test]
    fn a_no_of_a_validation_has_the_message_that_the_sdk_reads() {
        let body = validation("taken", &[]);
        assert_eq!(body["error"]["message"], "taken");
    }
}
