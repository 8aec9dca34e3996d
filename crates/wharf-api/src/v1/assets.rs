//! Assets: what models' URLs point to.

use serde_json::Value;
use wharf_core::{Error, workspace::Caller};
use wharf_wire::v1::assets;

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// Makes an asset.
pub(super) async fn create(mut call: Call, caller: Caller) -> Answered {
    let body: Value = call.json().await?;
    let (name, artifacts) = assets::read(&body).map_err(Error::Invalid)?;
    let asset = call
        .app()
        .asset_create(&caller, &call.workspace(), &name, artifacts)
        .await?;
    answer::ok(&assets::document(&asset))
}

/// One asset.
pub(super) async fn get(call: Call, caller: Caller) -> Answered {
    let id = call.parameter("asset");
    let asset = call
        .app()
        .asset_get(&caller, &call.workspace(), &id)
        .await?;
    answer::ok(&assets::document(&asset))
}
