//! Artifacts: announced here, uploaded to and downloaded from blobs.

use serde_json::Value;
use wharf_control::{Page, sas::Permission};
use wharf_core::{Error, model::ArtifactPath, workspace::Caller};
use wharf_wire::v1::artifacts;

use super::{ask, place::content_uri};
use crate::{
    answer::{self, Answered},
    call::Call,
};

/// Announces uploads and says where each goes.
pub(super) async fn reserve(mut call: Call, caller: Caller) -> Answered {
    let body: Value = call.json().await?;
    let (origin, container) = (call.parameter("origin"), call.parameter("container"));
    let paths = artifacts::read_paths(&origin, &container, &body).map_err(Error::Invalid)?;
    let (workspace, reserved) = call
        .app()
        .artifact_reserve(&caller, &call.workspace(), &paths)
        .await?;
    let places = reserved.into_iter().map(|artifact| {
        let uri = content_uri(&call, &workspace, &artifact.path, Permission::Write);
        (artifact, uri)
    });
    answer::ok(&artifacts::announced(&places.collect::<Vec<_>>()))
}

/// Where one artifact is downloaded.
pub(super) async fn content(call: Call, caller: Caller) -> Answered {
    let path = ArtifactPath::new(
        &call.parameter("origin"),
        &call.parameter("container"),
        &call.parameter("path"),
    );
    let path = path.map_err(|error| Error::invalid("path", error.to_string()))?;
    let (workspace, artifact) = call
        .app()
        .artifact_get(&caller, &call.workspace(), &path)
        .await?;
    let uri = content_uri(&call, &workspace, &artifact.path, Permission::Read);
    answer::ok(&artifacts::content_information(&artifact.path, &uri))
}

/// Where all artifacts below a path are downloaded.
pub(super) async fn contents(call: Call, caller: Caller) -> Answered {
    let prefix = format!(
        "{}/{}/{}",
        call.parameter("origin"),
        call.parameter("container"),
        call.parameter("path")
    );
    let page = Page {
        after: ask::one(&call, "continuationToken")?,
        ..Page::first(Page::MOST)
    };
    let (workspace, listed) = call
        .app()
        .artifact_list(&caller, &call.workspace(), &prefix, &page)
        .await?;
    let places = listed.items.into_iter().map(|artifact| {
        let uri = content_uri(&call, &workspace, &artifact.path, Permission::Read);
        (artifact.path, uri)
    });
    let places: Vec<_> = places.collect();
    answer::ok(&artifacts::content_page(&places, listed.next.as_deref()))
}
