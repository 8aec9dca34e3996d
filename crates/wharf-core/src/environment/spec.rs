//! What a client says of an environment, in Wharf's own form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An environment as asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvironmentSpec {
    /// Its name.
    pub name: String,
    /// Its version, as the client numbers it.
    pub version: Option<String>,
    /// The interpreter and its packages.
    pub python: PythonSection,
    /// The image. A base image is accepted and not used: Wharf runs the packages.
    pub docker: DockerSection,
    /// Variables that the entry script sees.
    pub variables: BTreeMap<String, String>,
    /// It asks for Spark packages.
    pub has_spark: bool,
    /// It asks for an R installation.
    pub has_r: bool,
    /// What saved the models that are deployed with it: a hint where the packages
    /// leave a version open. Not part of what a client writes here.
    pub model_frameworks: Vec<ModelFramework>,
}

/// What saved a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFramework {
    /// As it was registered, for example `ScikitLearn`.
    pub name: String,
    /// As it was registered, for example `1.5.2`.
    pub version: String,
}

/// The interpreter and its packages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PythonSection {
    /// The packages are already in the image: nothing is installed.
    pub user_managed: bool,
    /// The interpreter's command inside the image, `python` by default.
    pub interpreter_path: Option<String>,
    /// Channels and packages.
    pub conda: CondaSpec,
}

/// A conda file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CondaSpec {
    /// Channels, in order.
    pub channels: Vec<String>,
    /// Packages, in order.
    pub dependencies: Vec<CondaDependency>,
}

/// One entry of a conda file's `dependencies`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CondaDependency {
    /// A conda match specification, for example `scikit-learn=1.5`.
    Conda(String),
    /// Lines for pip.
    Pip(Vec<String>),
}

/// What is said of the image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DockerSection {
    /// Name of a base image.
    pub base_image: Option<String>,
    /// Text of a Dockerfile.
    pub base_dockerfile: Option<String>,
    /// A build context was given.
    pub has_build_context: bool,
}
