//! Assets and registered models.

use std::collections::BTreeMap;

use uuid::Uuid;
use wharf_core::{
    Result,
    model::{Asset, AssetArtifact, Model},
    workspace::{Caller, WorkspacePath},
};

use crate::{App, Listed, Page};

/// A registration as parsed. `extra` goes back as it came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelRequest {
    /// The model's name.
    pub name: String,
    /// Where its files are, `aml://asset/{id}`.
    pub url: String,
    /// What the client sent.
    pub mime_type: Option<String>,
    /// The file is an archive that goes unpacked into the replica.
    pub unpack: bool,
    /// Free text.
    pub description: Option<String>,
    /// Labels that can change.
    pub tags: BTreeMap<String, String>,
    /// Labels that can only be added.
    pub properties: BTreeMap<String, String>,
    /// For example `ScikitLearn`.
    pub framework: Option<String>,
    /// For example `1.9.1`.
    pub framework_version: Option<String>,
    /// Members that Wharf keeps and gives back as they are.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Which models of a list are wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelQuery {
    /// Exactly this name.
    pub name: Option<String>,
    /// With these tags; `None` as value asks for the name alone.
    pub tags: Vec<(String, Option<String>)>,
    /// With these properties, likewise.
    pub properties: Vec<(String, Option<String>)>,
    /// Of this run.
    pub run_id: Option<String>,
    /// Of this framework.
    pub framework: Option<String>,
    /// Only the newest version of each name.
    pub latest_only: bool,
}

/// A change of what is said of a model; the files never change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelChange {
    /// Free text.
    pub description: Option<String>,
    /// All labels that can change.
    pub tags: BTreeMap<String, String>,
    /// All labels that can only be added; one that is there must be the same.
    pub properties: BTreeMap<String, String>,
    /// Members that Wharf keeps and gives back as they are.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl App {
    /// Makes an asset of artifacts.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] when it names none or too many.
    pub async fn asset_create(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        artifacts: Vec<AssetArtifact>,
    ) -> Result<Asset> {
        let _ = (caller, path, name, artifacts);
        todo!()
    }

    /// One asset.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn asset_get(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        id: Uuid,
    ) -> Result<Asset> {
        let _ = (caller, path, id);
        todo!()
    }

    /// Registers the next version of a model.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] with every broken rule: name, url, an asset
    /// without uploaded files, labels.
    pub async fn model_register(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        request: ModelRequest,
    ) -> Result<Model> {
        let _ = (caller, path, request);
        todo!()
    }

    /// One model by `name:version`.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn model_get(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        id: &str,
    ) -> Result<Model> {
        let _ = (caller, path, id);
        todo!()
    }

    /// The models of a workspace, newest first within a name.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn model_list(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        query: &ModelQuery,
        page: &Page,
    ) -> Result<Listed<Model>> {
        let _ = (caller, path, query, page);
        todo!()
    }

    /// Changes what is said of a model.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`], [`wharf_core::Error::NotFound`].
    pub async fn model_update(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        id: &str,
        change: ModelChange,
    ) -> Result<Model> {
        let _ = (caller, path, id, change);
        todo!()
    }

    /// Deletes a model version; `false` when there was none.
    ///
    /// # Errors
    /// [`wharf_core::Error::Conflict`] naming the services that use it.
    pub async fn model_delete(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        id: &str,
    ) -> Result<bool> {
        let _ = (caller, path, id);
        todo!()
    }
}
