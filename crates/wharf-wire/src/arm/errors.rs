//! Refusals, as ARM spells them.

use serde::{Deserialize, Serialize};
use wharf_core::{
    finding::{Finding, Findings},
    quote::shortened,
};

/// `{"error": {"code", "message", "details"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEnvelope {
    /// The refusal.
    pub error: ErrorBody,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A stable word for programs.
    pub code: String,
    /// What a person reads.
    pub message: String,
    /// One per broken rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<ErrorDetail>,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// A stable word for programs.
    pub code: String,
    /// The field, as the client spells it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// What a person reads.
    pub message: String,
}

/// Most bytes of a message.
const LONGEST_MESSAGE: usize = 10 * 1_024;
/// The word for a broken rule of one field.
const INVALID_FIELD: &str = "InvalidField";

impl ErrorDetail {
    /// Findings that refuse nothing.
    pub fn warnings(findings: &[Finding]) -> Vec<Self> {
        let warning = |finding: &Finding| Self {
            code: "Warning".to_owned(),
            target: finding.field.clone(),
            message: finding.message.clone(),
        };
        findings.iter().map(warning).collect()
    }
}

impl ErrorBody {
    /// A refusal with one detail per finding, as many as are shown.
    pub fn new(code: &str, message: &str, findings: &[Finding]) -> Self {
        let detail = |finding: &Finding| ErrorDetail {
            code: INVALID_FIELD.to_owned(),
            target: finding.field.clone(),
            message: finding.message.clone(),
        };
        Self {
            code: code.to_owned(),
            message: shortened(message, LONGEST_MESSAGE).into_owned(),
            details: Findings(findings).shown().iter().map(detail).collect(),
        }
    }
}

impl ErrorEnvelope {
    /// As [`ErrorBody::new`].
    pub fn new(code: &str, message: &str, findings: &[Finding]) -> Self {
        Self {
            error: ErrorBody::new(code, message, findings),
        }
    }
}
