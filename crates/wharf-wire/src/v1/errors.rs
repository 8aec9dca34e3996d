//! Errors of the data plane, in the shapes of its two services.

use serde_json::{Value, json};
use wharf_core::{
    finding::{Finding, Findings},
    quote::shortened,
};

/// Most bytes of a message. It stands three times in a body of at most 64 KiB, of
/// which the details take the rest.
const LONGEST_MESSAGE: usize = 10 * 1_024;

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
    let shown = Findings(error.details).shown();
    shown.iter().map(detail).collect()
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
    let message = shortened(error.message, LONGEST_MESSAGE);
    json!({
        "code": error.code,
        "statusCode": error.status,
        "message": message,
        "details": details,
        "correlation": {"RequestId": error.request_id, "Message": message},
        "error": {"code": error.code, "message": message, "details": details},
    })
}

/// What `validate/*` answers about a request that would be refused: the SDK reads
/// `error.message` of a 200 and ignores every other status.
pub fn validation(message: &str, details: &[Finding]) -> Value {
    let message = shortened(message, LONGEST_MESSAGE);
    let details: Vec<_> = Findings(details)
        .shown()
        .iter()
        .map(|finding| json!({"code": "ValidationError", "message": finding.to_string(), "target": finding.field}))
        .collect();
    json!({"error": {"code": "ValidationError", "message": message, "details": details}})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_error_is_larger_than_64_kib(
            texts in proptest::collection::vec(".{0,30}", 1..60), repeat in 1usize..400,
        ) {
            let details: Vec<_> = texts
                .iter()
                .map(|text| Finding::new(text.repeat(repeat), text.repeat(repeat)))
                .collect();
            for message in [Findings(&details).to_string(), texts.concat().repeat(repeat)] {
                let document = document(&ErrorText {
                    status: 400,
                    code: "BadRequest",
                    message: &message,
                    details: &details,
                    request_id: "id-1",
                });
                for body in [document, validation(&message, &details)] {
                    prop_assert!(body.to_string().len() <= 64 * 1_024);
                }
            }
        }
    }

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
