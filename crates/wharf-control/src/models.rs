//! Assets and registered models.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    endpoint_request::ResourcesRequest,
    finding::Finding,
    model::{Artifact, Asset, AssetArtifact, Model, ModelId, ModelSpec, check_relative_path},
    name::ModelName,
    quote::Quoted,
    workspace::{Caller, WorkspacePath},
};

pub use wharf_store::ModelFilter;
use wharf_store::Session;

use crate::{App, Listed, Page, labels, places::find_workspace};

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
    /// What a replica gets where a deployment without code does not say.
    pub resources: ResourcesRequest,
    /// Members that Wharf keeps and gives back as they are.
    pub extra: serde_json::Map<String, serde_json::Value>,
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
    /// What a replica gets where a deployment without code does not say.
    pub resources: ResourcesRequest,
    /// Members that Wharf keeps and gives back as they are.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Most artifacts or prefixes of an asset.
const MOST_ASSET_ARTIFACTS: usize = 1_000;
/// Longest name of an asset, description or other free text, in bytes.
const LONGEST_TEXT: usize = 32_768;
/// Most files of one model.
pub(crate) const MOST_FILES: u32 = 10_000;
/// The scheme of a model's URL.
const ASSET_URL: &str = "aml://asset/";
/// Frameworks that the SDK knows (`Model.Framework`).
const FRAMEWORKS: [&str; 7] = [
    "Custom",
    "TensorFlow",
    "ScikitLearn",
    "Onnx",
    "TfKeras",
    "PyTorch",
    "Multi",
];

/// The uploaded files of an asset, each with its path relative to the folder that
/// the prefix is in: what a model's version folder holds. One more than
/// [`MOST_FILES`] at most, which tells that there are too many.
pub(crate) async fn asset_files(
    session: &mut Session,
    workspace: &Uuid,
    asset: &Asset,
) -> Result<Vec<(String, Artifact)>> {
    let mut files = Vec::new();
    for entry in &asset.artifacts {
        let (AssetArtifact::Prefix(path) | AssetArtifact::Path(path)) = entry;
        let path = path.trim_end_matches('/');
        let parent = path.rfind('/').map_or(0, |slash| slash + 1);
        let room = (MOST_FILES as usize + 1).saturating_sub(files.len());
        let room = u32::try_from(room).unwrap_or(0);
        if room == 0 {
            break;
        }
        let found = session.artifact_list(workspace, path, None, room).await?;
        for artifact in found {
            let whole = artifact.path.to_string();
            files.push((whole[parent..].to_owned(), artifact));
        }
    }
    Ok(files)
}

fn check_text(field: &str, text: Option<&String>, findings: &mut Vec<Finding>) {
    if text.is_some_and(|text| text.len() > LONGEST_TEXT) {
        findings.push(Finding::new(
            field,
            format!("has more than {LONGEST_TEXT} bytes"),
        ));
    }
}

impl App {
    /// Makes an asset of artifacts.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] when it names none or too many.
    pub async fn asset_create(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        artifacts: Vec<AssetArtifact>,
    ) -> Result<Asset> {
        let mut findings = Vec::new();
        if !(1..=MOST_ASSET_ARTIFACTS).contains(&artifacts.len()) {
            findings.push(Finding::new(
                "artifacts",
                format!(
                    "must have 1 to {MOST_ASSET_ARTIFACTS} entries, has {}",
                    artifacts.len()
                ),
            ));
        }
        let mut named = HashSet::new();
        for (index, artifact) in artifacts.iter().enumerate() {
            let (AssetArtifact::Prefix(place) | AssetArtifact::Path(place)) = artifact;
            if !named.insert(place.trim_end_matches('/')) {
                // One finding is enough: the list may be long.
                findings.push(Finding::new(
                    format!("artifacts[{index}]"),
                    "names the same files as an entry before it",
                ));
                break;
            }
        }
        check_text("name", Some(&name.to_owned()), &mut findings);
        for entry in artifacts.iter().take(MOST_ASSET_ARTIFACTS) {
            let (field, text) = match entry {
                AssetArtifact::Prefix(text) => ("artifacts.prefix", text),
                AssetArtifact::Path(text) => ("artifacts.id", text),
            };
            if let Err(error) = check_relative_path(text.trim_end_matches('/')) {
                findings.push(Finding::new(field, format!("{} {error}", Quoted(text))));
            }
        }
        if !findings.is_empty() {
            return Err(Error::Invalid(findings));
        }
        let asset = Asset {
            id: Uuid::new_v4(),
            name: name.to_owned(),
            artifacts,
            created_at: self.now(),
        };
        let (made, path) = (asset.clone(), path.clone());
        self.store()
            .write::<_, Error, _>(move |txn| {
                Box::pin(async move {
                    let workspace = find_workspace(txn, &path).await?;
                    Ok(txn.asset_insert(&workspace.id, &made).await?)
                })
            })
            .await?;
        Ok(asset)
    }

    /// One asset.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn asset_get(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        id: &str,
    ) -> Result<Asset> {
        let missing = || Error::not_found(Kind::Asset, id);
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let key: Uuid = id.parse().map_err(|_| missing())?;
        session
            .asset_get(&workspace.id, &key)
            .await?
            .ok_or_else(missing)
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
        let mut findings = Vec::new();
        let name = request.name.parse::<ModelName>();
        if let Err(error) = &name {
            findings.push(Finding::new(
                "name",
                format!("{} {error}", Quoted(&request.name)),
            ));
        }
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let asset = check_asset(&mut session, &workspace.id, &request, &mut findings).await?;
        drop(session);
        check_text("description", request.description.as_ref(), &mut findings);
        labels::check("kvTags", &request.tags, &mut findings);
        labels::check("properties", &request.properties, &mut findings);
        if let Some(framework) = &request.framework
            && !FRAMEWORKS.contains(&framework.as_str())
        {
            findings.push(Finding::new(
                "framework",
                format!(
                    "{} must be one of {}",
                    Quoted(framework),
                    FRAMEWORKS.join(", ")
                ),
            ));
        }
        let (Ok(name), Some(asset), true) = (name, asset, findings.is_empty()) else {
            return Err(Error::Invalid(findings));
        };
        let spec = ModelSpec {
            url: request.url,
            asset,
            mime_type: request
                .mime_type
                .unwrap_or_else(|| "application/json".to_owned()),
            unpack: request.unpack,
            description: request.description,
            tags: request.tags,
            properties: request.properties,
            framework: request.framework,
            framework_version: request.framework_version,
            resources: request.resources,
            extra: request.extra,
        };
        let created_by = caller.principal.display_name.clone();
        let now = self.now();
        self.store()
            .write::<_, Error, _>(move |txn| {
                Box::pin(async move {
                    Ok(txn
                        .model_insert(&workspace.id, &name, &spec, &created_by, now)
                        .await?)
                })
            })
            .await
    }

    /// One model by `name:version`.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn model_get(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        id: &str,
    ) -> Result<Model> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        find_model(&mut session, &workspace.id, id).await
    }

    /// The models of a workspace, newest first within a name.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn model_list(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        query: &ModelFilter,
        page: &Page,
    ) -> Result<Listed<Model>> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let after = page.after.as_deref().map(str::parse::<ModelId>);
        let after = after
            .transpose()
            .map_err(|_| Error::invalid("$skipToken", "is not one that this list gave"))?;
        let found = session
            .model_list(&workspace.id, query, after.as_ref(), page.look_ahead())
            .await?;
        Ok(page.listed(found, |model| model.id.to_string()))
    }

    /// Changes what is said of a model.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`], [`wharf_core::Error::NotFound`].
    pub async fn model_update(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        id: &str,
        change: ModelChange,
    ) -> Result<Model> {
        let (path, id, now) = (path.clone(), id.to_owned(), self.now());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let workspace = find_workspace(txn, &path).await?;
                    let mut model = find_model(txn, &workspace.id, &id).await?;
                    let mut findings = Vec::new();
                    check_text("description", change.description.as_ref(), &mut findings);
                    labels::check("kvTags", &change.tags, &mut findings);
                    labels::check("properties", &change.properties, &mut findings);
                    labels::check_only_added(
                        "properties",
                        &model.spec.properties,
                        &change.properties,
                        &mut findings,
                    );
                    if !findings.is_empty() {
                        return Err(Error::Invalid(findings));
                    }
                    model.spec.description = change.description;
                    model.spec.tags = change.tags;
                    model.spec.properties = change.properties;
                    model.spec.resources = change.resources;
                    model.spec.extra = change.extra;
                    model.modified_at = now;
                    txn.model_update(&model).await?;
                    Ok(model)
                })
            })
            .await
    }

    /// Deletes a model version; `false` when there was none.
    ///
    /// # Errors
    /// [`wharf_core::Error::Precondition`] naming the services that use it.
    pub async fn model_delete(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        id: &str,
    ) -> Result<bool> {
        let (path, id) = (path.clone(), id.to_owned());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let workspace = find_workspace(txn, &path).await?;
                    let model = match find_model(txn, &workspace.id, &id).await {
                        Err(Error::NotFound { .. }) => return Ok(false),
                        found => found?,
                    };
                    let users = txn.model_used_by(&workspace.id, &model.id).await?;
                    if !users.is_empty() {
                        return Err(Error::Precondition {
                            why: format!(
                                "model `{}` is used by the services {}; delete or update them \
                                 first",
                                model.id,
                                users.join(", ")
                            ),
                        });
                    }
                    Ok(txn.model_delete(&model.uuid).await?)
                })
            })
            .await
    }
}

pub(crate) async fn find_model(session: &mut Session, workspace: &Uuid, id: &str) -> Result<Model> {
    let missing = || Error::not_found(Kind::Model, id);
    let key: ModelId = id.parse().map_err(|_| missing())?;
    session
        .model_get(workspace, &key)
        .await?
        .ok_or_else(missing)
}

/// The asset behind a registration's URL; what is wrong with it goes to `findings`.
async fn check_asset(
    session: &mut Session,
    workspace: &Uuid,
    request: &ModelRequest,
    findings: &mut Vec<Finding>,
) -> Result<Option<Uuid>> {
    let url = &request.url;
    let mut refuse = |message: String| findings.push(Finding::new("url", message));
    let key = url.strip_prefix(ASSET_URL).and_then(|id| id.parse().ok());
    let Some(key) = key else {
        refuse(format!("{} must have the form {ASSET_URL}ID", Quoted(url)));
        return Ok(None);
    };
    let Some(asset) = session.asset_get(workspace, &key).await? else {
        refuse(format!("there is no asset `{key}` in this workspace"));
        return Ok(None);
    };
    let files = asset_files(session, workspace, &asset).await?;
    if files.is_empty() {
        refuse(format!(
            "the asset `{key}` has no uploaded file; upload its files first"
        ));
    } else if files.len() > MOST_FILES as usize {
        refuse(format!(
            "the asset `{key}` has more than {MOST_FILES} files"
        ));
    }
    Ok(Some(key))
}
