//! Registered models, the assets behind them and the files behind those.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{digest::Digest, endpoint_request::ResourcesRequest, name::ModelName};

/// An uploaded file's place: `origin/container/path`, for example
/// `LocalUpload/261124T1010-1a2b/outputs/model.pkl`. The client chooses the
/// container; the path has no `..`, no empty and no absolute part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArtifactPath {
    /// First part, `LocalUpload` for the SDK.
    pub origin: String,
    /// Second part: one per upload.
    pub container: String,
    /// The rest, with `/` between its parts.
    pub path: String,
}

/// Longest artifact path, in bytes.
pub const LONGEST_ARTIFACT_PATH: usize = 1024;

/// Why a text is no artifact path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArtifactPath {
    /// Empty or too long.
    #[error("must have 1 to {LONGEST_ARTIFACT_PATH} bytes")]
    Length,
    /// A part that would leave the folder, or none where one is needed.
    #[error("must not contain empty parts, `.`, `..`, backslashes or control characters")]
    Part,
    /// Not of the form origin/container/path.
    #[error("must have the form ORIGIN/CONTAINER/PATH")]
    Form,
}

/// Checks a relative path of `/`-separated parts.
///
/// # Errors
/// When a part is empty, `.`, `..`, or holds a backslash or control character.
pub fn check_relative_path(path: &str) -> Result<(), InvalidArtifactPath> {
    if path.is_empty() || path.len() > LONGEST_ARTIFACT_PATH {
        return Err(InvalidArtifactPath::Length);
    }
    let is_bad = |part: &str| {
        matches!(part, "" | "." | "..") || part.contains(|c: char| c == '\\' || c.is_control())
    };
    if path.split('/').any(is_bad) {
        return Err(InvalidArtifactPath::Part);
    }
    Ok(())
}

impl ArtifactPath {
    /// From its three parts.
    ///
    /// # Errors
    /// When a part breaks the rules of [`check_relative_path`].
    pub fn new(origin: &str, container: &str, path: &str) -> Result<Self, InvalidArtifactPath> {
        let artifact = Self {
            origin: origin.to_owned(),
            container: container.to_owned(),
            path: path.to_owned(),
        };
        check_relative_path(&artifact.to_string())?;
        if origin.contains('/') || container.contains('/') {
            return Err(InvalidArtifactPath::Form);
        }
        Ok(artifact)
    }
}

impl FromStr for ArtifactPath {
    type Err = InvalidArtifactPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(origin), Some(container), Some(path)) => Self::new(origin, container, path),
            _ => Err(InvalidArtifactPath::Form),
        }
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.origin, self.container, self.path)
    }
}

/// A file that was uploaded, or announced and not yet uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its id inside Wharf.
    pub id: Uuid,
    /// Where it is.
    pub path: ArtifactPath,
    /// Its content; `None` until it is uploaded.
    pub content: Option<Content>,
    /// When it was announced.
    pub created_at: Timestamp,
}

/// Stored bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Their SHA-256, which is where they are stored.
    pub digest: Digest,
    /// How many.
    pub size: u64,
    /// The MD5 that the client sent, base64, given back on download.
    pub md5: Option<String>,
    /// The content type that the client sent.
    pub content_type: String,
    /// When they were stored.
    pub stored_at: Timestamp,
}

/// A set of artifacts under one id: what a model's URL points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its id, in `aml://asset/{id}`.
    pub id: Uuid,
    /// Its name, free text.
    pub name: String,
    /// Prefixes or full paths of its artifacts.
    pub artifacts: Vec<AssetArtifact>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How an asset names its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssetArtifact {
    /// Every artifact whose path begins with this, up to a `/` or the end.
    Prefix(String),
    /// One artifact.
    Path(String),
}

/// `name:version`, as the data plane names a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelId {
    /// The model's name.
    pub name: ModelName,
    /// Its version, from 1.
    pub version: u64,
}

/// The text is not a model id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be NAME:VERSION with a whole number as version, for example iris:1")]
pub struct InvalidModelId;

impl FromStr for ModelId {
    type Err = InvalidModelId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = text.rsplit_once(':').ok_or(InvalidModelId)?;
        let is_number = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
        match (name.parse(), version.parse()) {
            (Ok(name), Ok(version)) if is_number && version > 0 => Ok(Self { name, version }),
            _ => Err(InvalidModelId),
        }
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.version)
    }
}

/// What a client says of a model when it registers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Where its files are, `aml://asset/{id}`.
    pub url: String,
    /// The asset in `url`.
    pub asset: Uuid,
    /// What the client sent, `application/json` for the SDK.
    pub mime_type: String,
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
    #[serde(default)]
    pub resources: ResourcesRequest,
    /// Members that Wharf keeps and gives back as they are: sample data,
    /// resource requirements, experiment and run.
    #[serde(default)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A registered model version.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its id inside Wharf.
    pub uuid: Uuid,
    /// The workspace it belongs to.
    pub workspace: Uuid,
    /// Name and version.
    pub id: ModelId,
    /// What was said of it.
    pub spec: ModelSpec,
    /// Who registered it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_leave_their_folder_are_refused() {
        assert!("LocalUpload/c/m/model.pkl".parse::<ArtifactPath>().is_ok());
        for bad in [
            "", "a/b", "a/b/", "a//c", "a/b/../c", "/a/b/c", "a/b/c\\d", "a/b/c\0",
        ] {
            assert!(bad.parse::<ArtifactPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn model_ids() {
        assert_eq!("iris:3".parse::<ModelId>().map(|id| id.version), Ok(3));
        for bad in [
            "iris",
            "iris:",
            "iris:0",
            "iris:+1",
            "iris:x",
            ":1",
            "iris:99999999999999999999",
        ] {
            assert_eq!(bad.parse::<ModelId>(), Err(InvalidModelId), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_path_has_no_way_out(text in "[a-z./\\\\]{0,24}") {
            if let Ok(path) = text.parse::<ArtifactPath>() {
                let printed = path.to_string();
                prop_assert_eq!(&printed, &text);
                prop_assert!(printed.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
