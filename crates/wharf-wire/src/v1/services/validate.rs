//! `validate`: would this request be accepted?

use serde_json::Value;
use wharf_core::{endpoint_request::EndpointRequest, finding::Finding};

use super::request;
use crate::v1::fields::Fields;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Validation {
    /// A create body.
    Create(Box<EndpointRequest>),
    /// A patch of a service.
    Update {
        /// The service.
        name: String,
        /// The patch.
        patch: Value,
    },
    /// A removal.
    Delete {
        /// The service.
        name: String,
    },
}

/// Reads `{"type", "serviceName", "createRequest", "updateRequest"}`.
///
/// # Errors
/// Every wrong member at once.
pub fn read_validation(body: &Value) -> Result<Validation, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fields = Fields::of_body(body, &mut findings);
    let kind = fields.text("type");
    let name = fields.text("serviceName").unwrap_or_default();
    let validation = match kind.as_deref() {
        Some("Create") => {
            let request = request::read(fields.raw("createRequest").unwrap_or(&Value::Null))?;
            Some(Validation::Create(Box::new(request)))
        }
        Some("Update") => Some(Validation::Update {
            name,
            patch: fields.raw("updateRequest").cloned().unwrap_or_default(),
        }),
        Some("Delete") => Some(Validation::Delete { name }),
        _ => {
            fields.refuse("type", "must be `Create`, `Update` or `Delete`");
            None
        }
    };
    validation.filter(|_| findings.is_empty()).ok_or(findings)
}
