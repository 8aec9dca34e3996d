//! Downloads: a blob, a part of it, what is known of it.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use wharf_core::{Error, model::Content};
use wharf_wire::blob::{Range, read_range};

use super::{
    headers::{self, BLOB_MD5, BLOB_TYPE, BLOCK_BLOB, CONTENT_MD5},
    signature,
};
use crate::{
    answer::{self, Answered, Body},
    call::Call,
    refusal::Refusal,
};

/// Bytes read from the disk at once.
const PIECE: usize = 64 * 1024;
/// Azure's own range header; it wins over HTTP's.
const MS_RANGE: &str = "x-ms-range";

/// `HEAD`: what is known of a blob.
pub(super) async fn head(call: Call) -> Answered {
    let grant = signature::grant(&call)?;
    let content = call.app().blob_head(&grant).await?;
    if let Some(unmet) = unmet(&call, &content)? {
        return Ok(unmet);
    }
    let mut response = answer::empty(StatusCode::OK);
    describe(&mut response, &content, content.size)?;
    set_md5(&mut response, CONTENT_MD5, &content)?;
    Ok(response)
}

/// `GET`: a blob or a part of it.
pub(super) async fn get(call: Call) -> Answered {
    let grant = signature::grant(&call)?;
    let content = call.app().blob_head(&grant).await?;
    if let Some(unmet) = unmet(&call, &content)? {
        return Ok(unmet);
    }
    let range = wanted(&call).map_err(|why| no_such_range(&content, why))?;
    let download = match call.app().blob_read(&grant, range).await {
        Ok(download) => download,
        Err(error @ Error::Invalid(_)) => {
            return Err(no_such_range(&content, error.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    // It may be another than the first look found; all of the answer is of this one.
    let content = download.content;
    let mut response = Response::new(Body::stream(pieces(download.reader)));
    describe(&mut response, &content, download.length)?;
    if range.is_none() {
        set_md5(&mut response, CONTENT_MD5, &content)?;
        return Ok(response);
    }
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    set_md5(&mut response, BLOB_MD5, &content)?;
    let last = download.start + download.length - 1;
    let place = format!("bytes {}-{last}/{}", download.start, content.size);
    answer::set(&mut response, header::CONTENT_RANGE, place)?;
    Ok(response)
}

fn wanted(call: &Call) -> Result<Option<Range>, String> {
    let asked = call.header(MS_RANGE).or_else(|| call.header("range"));
    asked.map_or(Ok(None), read_range)
}

fn no_such_range(content: &Content, why: String) -> Refusal {
    let refusal = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", why);
    match HeaderValue::try_from(format!("bytes */{}", content.size)) {
        Ok(size) => refusal.with_header(header::CONTENT_RANGE, size),
        Err(_) => refusal,
    }
}

/// The answer when a condition of the request does not hold: 304 or 412.
fn unmet(call: &Call, content: &Content) -> Result<Option<Response<Body>>, Refusal> {
    let etag = headers::etag(content);
    let names = |header: &str| {
        let mut names = header.split(',').map(str::trim);
        names.any(|name| name == "*" || name == etag)
    };
    if call.header("if-match").is_some_and(|header| !names(header)) {
        return Err(Refusal::new(
            StatusCode::PRECONDITION_FAILED,
            "ConditionNotMet",
            format!("`If-Match` does not name the blob, which is {etag}"),
        ));
    }
    if !call.header("if-none-match").is_some_and(names) {
        return Ok(None);
    }
    let mut response = answer::empty(StatusCode::NOT_MODIFIED);
    headers::describe(&mut response, content)?;
    Ok(Some(response))
}

fn describe(response: &mut Response<Body>, content: &Content, length: u64) -> Result<(), Refusal> {
    headers::describe(response, content)?;
    let texts = [
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_TYPE, content.content_type.clone()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (BLOB_TYPE, BLOCK_BLOB.to_owned()),
    ];
    texts
        .into_iter()
        .try_for_each(|(name, value)| answer::set(response, name, value))
}

fn set_md5(
    response: &mut Response<Body>,
    name: HeaderName,
    content: &Content,
) -> Result<(), Refusal> {
    match &content.md5 {
        Some(md5) => answer::set(response, name, md5.clone()),
        None => Ok(()),
    }
}

/// The bytes of a reader, piece by piece.
fn pieces(
    reader: Box<dyn AsyncRead + Send + Unpin>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold(reader, |mut reader| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let count = reader.read_buf(&mut piece).await?;
        Ok((count > 0).then(|| (piece.freeze(), reader)))
    })
}
