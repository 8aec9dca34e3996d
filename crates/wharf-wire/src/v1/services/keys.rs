//! The two keys of a service, and tokens to score with.

use jiff::Timestamp;
use serde_json::{Value, json};
use wharf_core::{
    Secret,
    finding::Finding,
    keys::{EndpointKeys, KeyKind},
};

use crate::v1::fields::Fields;

/// Which key is to change, and to what.
#[derive(Debug, Clone, PartialEq)]
pub struct RegenerateKey {
    /// Which one.
    pub kind: KeyKind,
    /// The new key; a random one when the client did not choose.
    pub chosen: Option<Secret>,
}

/// Reads `{"keyType": "Primary"|"Secondary", "keyValue"?}`.
///
/// # Errors
/// Every wrong member at once.
pub fn read_regenerate(body: &Value) -> Result<RegenerateKey, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fields = Fields::of_body(body, &mut findings);
    let kind = fields.text("keyType");
    let chosen = fields.text("keyValue").map(Secret::new);
    let kind = match kind.as_deref() {
        Some(word) if word.eq_ignore_ascii_case("Primary") => Some(KeyKind::Primary),
        Some(word) if word.eq_ignore_ascii_case("Secondary") => Some(KeyKind::Secondary),
        _ => {
            fields.refuse("keyType", "must be `Primary` or `Secondary`");
            None
        }
    };
    match (kind, findings.is_empty()) {
        (Some(kind), true) => Ok(RegenerateKey { kind, chosen }),
        _ => Err(findings),
    }
}

/// The keys: this answer is where they are meant to be read.
pub fn keys(keys: &EndpointKeys) -> Value {
    json!({
        "primaryKey": keys.primary.reveal(),
        "secondaryKey": keys.secondary.reveal(),
    })
}

/// A token: like the keys, meant to be read here. The SDK takes both times as
/// seconds since 1970 and tells no status apart, so all four members come always.
pub fn token(token: &Secret, refresh_after: Timestamp, expires_at: Timestamp) -> Value {
    json!({
        "accessToken": token.reveal(),
        "tokenType": "Bearer",
        "refreshAfter": refresh_after.as_second(),
        "expiryOn": expires_at.as_second(),
    })
}
