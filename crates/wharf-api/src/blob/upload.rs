//! Uploads: a blob at once, a block, the list that joins blocks. Bytes go to disk
//! as they arrive, and nothing is kept of an upload that breaks off.

use http::{Response, StatusCode};
use wharf_control::{
    blobs::{BlobHeaders, BlobUpload},
    sas::SasGrant,
};
use wharf_core::{Error, model::Content};
use wharf_wire::blob::{BlockKind, read_block_list};

use super::{
    headers::{self, BLOB_MD5, BLOB_TYPE, BLOCK_BLOB, CONTENT_MD5},
    signature,
};
use crate::{
    answer::{self, Answered, Body},
    call::Call,
    refusal::Refusal,
    v1::one,
};

/// Largest body of a block list: 50,000 ids with their elements.
const LARGEST_BLOCK_LIST: u64 = 8 * 1024 * 1024;
/// A checksum that is not computed here.
const CRC64: &str = "x-ms-content-crc64";

/// `PUT`: what it does is in `comp`.
pub(super) async fn put(call: Call) -> Answered {
    let grant = signature::grant(&call)?;
    grant.require_write()?;
    if call.header(CRC64).is_some() {
        let what = format!("`{CRC64}` is not supported; send Content-MD5");
        return Err(Error::Unsupported { what }.into());
    }
    match one(&call, "comp")?.as_deref() {
        None => whole(call, &grant).await,
        Some("block") => block(call, &grant).await,
        Some("blocklist") => block_list(call, &grant).await,
        Some(other) => Err(Refusal::field(
            "comp",
            format!("`{other}` is not supported; it may be `block` or `blocklist`"),
        )),
    }
}

fn headers_of(call: &Call) -> Result<BlobHeaders, Error> {
    let content_type = headers::text(call, "x-ms-blob-content-type");
    Ok(BlobHeaders {
        content_type: content_type.or_else(|| headers::text(call, "content-type")),
        content_md5: None,
        only_if_absent: headers::only_if_absent(call)?,
    })
}

/// Writes the body to disk while it arrives.
async fn receive(call: &mut Call, grant: &SasGrant) -> Result<BlobUpload, Refusal> {
    let largest = call.app().largest_blob();
    call.body.allow("the blob", largest);
    call.body.check_announced(&call.parts.headers)?;
    let mut upload = call.app().blob_upload(grant).await?;
    while let Some(bytes) = call.body.chunk().await? {
        upload.write(&bytes).await?;
    }
    Ok(upload)
}

fn created(content: &Content) -> Result<Response<Body>, Refusal> {
    let mut response = answer::empty(StatusCode::CREATED);
    headers::describe(&mut response, content)?;
    if let Some(md5) = &content.md5 {
        answer::set(&mut response, CONTENT_MD5, md5.clone())?;
    }
    Ok(response)
}

async fn whole(mut call: Call, grant: &SasGrant) -> Answered {
    match call.header(BLOB_TYPE.as_str()) {
        Some(kind) if kind.eq_ignore_ascii_case(BLOCK_BLOB) => {}
        _ => {
            return Err(Refusal::field(
                BLOB_TYPE.as_str(),
                format!("must be `{BLOCK_BLOB}`: there are no page and append blobs here"),
            ));
        }
    }
    let mut headers = headers_of(&call)?;
    let md5 = headers::text(&call, CONTENT_MD5.as_str());
    headers.content_md5 = md5.or_else(|| headers::text(&call, BLOB_MD5.as_str()));
    let upload = receive(&mut call, grant).await?;
    let content = call.app().blob_commit(grant, upload, headers).await?;
    created(&content)
}

async fn block(mut call: Call, grant: &SasGrant) -> Answered {
    let id = one(&call, "blockid")?
        .ok_or_else(|| Refusal::field("blockid", "is missing; it names the block"))?;
    let md5 = headers::text(&call, CONTENT_MD5.as_str());
    let upload = receive(&mut call, grant).await?;
    call.app()
        .blob_block_commit(grant, upload, &id, md5)
        .await?;
    let mut response = answer::empty(StatusCode::CREATED);
    headers::version(response.headers_mut());
    Ok(response)
}

async fn block_list(mut call: Call, grant: &SasGrant) -> Answered {
    call.body.allow("the block list", LARGEST_BLOCK_LIST);
    let mut headers = headers_of(&call)?;
    headers.content_md5 = headers::text(&call, BLOB_MD5.as_str());
    let body = call.bytes().await?;
    let listed = read_block_list(&body).map_err(|why| Refusal::field("BlockList", why))?;
    if let Some((_, id)) = listed
        .iter()
        .find(|(kind, _)| *kind == BlockKind::Committed)
    {
        return Err(Refusal::field(
            "BlockList",
            format!("`{id}`: blocks of a finished blob are not kept; upload it again"),
        ));
    }
    let ids: Vec<_> = listed.into_iter().map(|(_, id)| id).collect();
    let content = call
        .app()
        .blob_block_list_commit(grant, &ids, headers)
        .await?;
    created(&content)
}
