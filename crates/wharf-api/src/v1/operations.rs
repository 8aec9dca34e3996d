//! Operations of services, with their logs.

use http::{HeaderValue, Response, header::CONTENT_TYPE};
use wharf_core::workspace::Caller;
use wharf_wire::v1::operations;

use super::{ask, place};
use crate::{
    answer::{self, Answered, Body},
    call::Call,
};

/// One operation. With `offset`, also the part of its log from that character on.
pub(super) async fn get(call: Call, caller: Caller) -> Answered {
    let (app, path, id) = (call.app(), call.workspace(), call.parameter("operation"));
    let offset = ask::number(&call, "offset", &(0..=usize::MAX))?;
    let operation = app.operation_get(&caller, Some(&path), &id).await?;
    let log_uri = place::operation_log(&call, operation.id);
    let service_uri = place::service(&call, &operation.target_name);
    let mut document = operations::document(&operation, &log_uri, &service_uri);
    if let Some(offset) = offset {
        let log = app.operation_log(&caller, &path, &id, 0).await?;
        operations::add_streaming_log(&mut document, &log.lines, offset);
    }
    answer::ok(&document)
}

/// The whole log as text.
pub(super) async fn log(call: Call, caller: Caller) -> Answered {
    let id = call.parameter("operation");
    let log = call
        .app()
        .operation_log(&caller, &call.workspace(), &id, 0)
        .await?;
    let mut response = Response::new(Body::from(operations::plain_log(&log.lines)));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    Ok(response)
}
