//! Keys and tokens of a service.

use serde_json::{Value, json};
use wharf_core::{Error, workspace::Caller};
use wharf_wire::v1::services;

use super::services::with_operation;
use crate::{
    answer::{self, Answered},
    call::Call,
};

/// The two keys.
pub(super) async fn list(call: Call, caller: Caller) -> Answered {
    let name = call.parameter("service");
    let keys = call
        .app()
        .endpoint_keys(&caller, &call.workspace(), &name)
        .await?;
    answer::secret(&services::keys(&keys))
}

/// Replaces one key. It is done at once, and yet the SDK wants an operation.
pub(super) async fn regenerate(mut call: Call, caller: Caller) -> Answered {
    let body: Value = call.json().await?;
    let wanted = services::read_regenerate(&body).map_err(Error::Invalid)?;
    let name = call.parameter("service");
    let operation = call
        .app()
        .endpoint_regenerate_key(
            &caller,
            &call.workspace(),
            &name,
            wanted.kind,
            wanted.chosen,
        )
        .await?;
    with_operation(&call, answer::ok(&json!({}))?, operation)
}

/// A token to score with.
pub(super) async fn token(call: Call, caller: Caller) -> Answered {
    let name = call.parameter("service");
    let token = call
        .app()
        .endpoint_token(&caller, &call.workspace(), &name)
        .await?;
    answer::secret(&services::token(
        &token.token,
        token.refresh_after,
        token.expires_at,
    ))
}
