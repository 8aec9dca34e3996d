//! Registered environments. The SDK shows a refusal as it comes, body and all.

use http::StatusCode;
use serde_json::Value;
use wharf_control::{Page, environments::EnvironmentVersion};
use wharf_core::{Error, workspace::Caller};
use wharf_wire::v1::environments;

use super::ask;
use crate::{
    answer::{self, Answered},
    call::Call,
};

/// Environments of one page.
const PAGE: u32 = 100;

/// All environments, each in its latest version.
pub(super) async fn list(call: Call, caller: Caller) -> Answered {
    let page = Page {
        after: ask::one(&call, "continuation")?,
        ..Page::first(PAGE)
    };
    let listed = call
        .app()
        .environment_list(&caller, &call.workspace(), &page)
        .await?;
    let documents: Vec<_> = listed.items.iter().map(environments::document).collect();
    answer::ok(&environments::page(&documents, listed.next.as_deref()))
}

async fn found(call: &Call, caller: &Caller, version: EnvironmentVersion<'_>) -> Answered {
    let name = call.parameter("environment");
    let environment = call
        .app()
        .environment_get(caller, &call.workspace(), &name, version)
        .await?;
    answer::ok(&environments::document(&environment))
}

/// The latest version of an environment.
pub(super) async fn get(call: Call, caller: Caller) -> Answered {
    found(&call, &caller, EnvironmentVersion::Latest).await
}

/// One version of an environment.
pub(super) async fn get_version(call: Call, caller: Caller) -> Answered {
    let version = call.parameter("version");
    found(&call, &caller, EnvironmentVersion::Exactly(&version)).await
}

/// The version that a label is at.
pub(super) async fn get_labelled(call: Call, caller: Caller) -> Answered {
    let label = call.parameter("label");
    found(&call, &caller, EnvironmentVersion::Labelled(&label)).await
}

async fn register(mut call: Call, caller: Caller, version: Option<&str>) -> Answered {
    let body: Value = call.json().await?;
    let document = environments::read_registration(&body).map_err(Error::Invalid)?;
    let name = call.parameter("environment");
    let environment = call
        .app()
        .environment_register(&caller, &call.workspace(), &name, version, document)
        .await?;
    answer::ok(&environments::document(&environment))
}

/// Registers an environment under the next version, unless nothing has changed.
pub(super) async fn put(call: Call, caller: Caller) -> Answered {
    register(call, caller, None).await
}

/// Registers one version of an environment.
pub(super) async fn put_version(call: Call, caller: Caller) -> Answered {
    let version = call.parameter("version").into_owned();
    register(call, caller, Some(&version)).await
}

/// Puts labels at a version.
pub(super) async fn put_labels(mut call: Call, caller: Caller) -> Answered {
    let body: Value = call.json().await?;
    let labels = environments::read_labels(&body).map_err(Error::Invalid)?;
    let (name, version) = (call.parameter("environment"), call.parameter("version"));
    call.app()
        .environment_label(&caller, &call.workspace(), &name, &version, labels)
        .await?;
    Ok(answer::empty(StatusCode::OK))
}

/// Building an image: there are none. What is not registered is told first, since the
/// SDK has words of its own for a 404.
async fn no_image(call: &Call, caller: &Caller, version: EnvironmentVersion<'_>) -> Answered {
    let name = call.parameter("environment");
    call.app()
        .environment_get(caller, &call.workspace(), &name, version)
        .await?;
    Err(Error::Unsupported {
        what: "environments are not built as images here, and need not be built beforehand: give \
               the environment to InferenceConfig and deploy; its packages are installed then, \
               once for all services that ask for the same, and \
               `wait_for_deployment(show_output=True)` shows how"
            .to_owned(),
    }
    .into())
}

/// The image of the latest version, or how to build it: refused.
pub(super) async fn image(call: Call, caller: Caller) -> Answered {
    no_image(&call, &caller, EnvironmentVersion::Latest).await
}

/// The image of a version, or how to build it: refused.
pub(super) async fn image_of_version(call: Call, caller: Caller) -> Answered {
    let version = call.parameter("version");
    no_image(&call, &caller, EnvironmentVersion::Exactly(&version)).await
}
