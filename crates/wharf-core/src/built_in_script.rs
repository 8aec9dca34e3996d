//! What answers for a model that is deployed without a script: which frameworks
//! have one, and the environment that it runs in.

use serde::{Deserialize, Serialize};

use crate::{
    environment::{CondaDependency, CondaSpec, EnvironmentSpec, PythonSection},
    quote::Quoted,
};

/// A script that replicas bring with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuiltInScript {
    /// Loads a pickled estimator and calls one of its methods.
    ScikitLearn,
    /// Runs a graph with ONNX Runtime.
    Onnx,
}

/// What Azure installs for scikit-learn models, but for its own server, which the
/// replica brings. The version of scikit-learn is that of the model, where it is
/// registered.
const SCIKIT_LEARN: &[&str] = &["scikit-learn", "numpy", "joblib", "pandas", "scipy", "dill"];
/// Installed by Azure too. It is not kept any more and needs what scikit-learn 1.7
/// has dropped; it imports `six` and does not say so.
const OLD_SCIKIT_LEARN: &[&str] = &["sklearn-pandas", "six"];
const ONNX: &[&str] = &["onnxruntime", "numpy"];

impl BuiltInScript {
    /// The script for models of `framework` (`Model.Framework` of the SDK).
    ///
    /// # Errors
    /// What is wrong and what would do, to be read after the model's name.
    pub fn of_framework(framework: Option<&str>) -> Result<Self, String> {
        let with_script = "deploy it with an inference configuration, that is an entry script \
                           and an environment";
        match framework {
            Some("ScikitLearn") => Ok(Self::ScikitLearn),
            Some("Onnx") => Ok(Self::Onnx),
            Some("TensorFlow") => Err(format!(
                "is of framework TensorFlow, which is not served without a script here: \
                 {with_script} with the package tensorflow, or convert it to ONNX and register \
                 it with framework Onnx"
            )),
            None | Some("") => Err(format!(
                "has no framework: register it with framework ScikitLearn or Onnx, or {with_script}"
            )),
            Some(other) => Err(format!(
                "is of framework {}; without a script ScikitLearn and Onnx are served: {with_script}",
                Quoted(other)
            )),
        }
    }

    /// The name by which a replica finds the script.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScikitLearn => "scikit_learn",
            Self::Onnx => "onnx",
        }
    }

    /// The packages that the script needs for a model that `version` of its framework
    /// saved.
    pub fn environment(self, version: Option<&str>) -> EnvironmentSpec {
        let (name, packages, more) = match self {
            Self::ScikitLearn => {
                let is_old = version.is_some_and(is_before_1_7);
                let more = if is_old { OLD_SCIKIT_LEARN } else { &[] };
                ("built-in-scikit-learn", SCIKIT_LEARN, more)
            }
            Self::Onnx => ("built-in-onnx", ONNX, [].as_slice()),
        };
        let packages = packages.iter().chain(more);
        let packages = packages.map(|package| (*package).to_owned());
        EnvironmentSpec {
            name: name.to_owned(),
            python: PythonSection {
                conda: CondaSpec {
                    channels: Vec::new(),
                    dependencies: vec![CondaDependency::Pip(packages.collect())],
                },
                ..PythonSection::default()
            },
            ..EnvironmentSpec::default()
        }
    }
}

fn is_before_1_7(version: &str) -> bool {
    let mut parts = version.trim().split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(0)), _) => true,
        (Some(Ok(1)), Some(Ok(minor))) => minor < 7,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_old_versions_can_use_goes_to_them_alone() {
        let packages = |version| {
            let conda = BuiltInScript::ScikitLearn.environment(version).python.conda;
            format!("{:?}", conda.dependencies)
        };
        for version in [Some("0.24.2"), Some("1.6")] {
            assert!(packages(version).contains("sklearn-pandas"), "{version:?}");
        }
        for version in [None, Some("1.7.2"), Some("2.0"), Some("1"), Some("new")] {
            assert!(!packages(version).contains("sklearn-pandas"), "{version:?}");
        }
    }

    #[test]
    fn only_two_frameworks_have_a_script() {
        for (framework, script) in [
            ("ScikitLearn", BuiltInScript::ScikitLearn),
            ("Onnx", BuiltInScript::Onnx),
        ] {
            assert_eq!(BuiltInScript::of_framework(Some(framework)), Ok(script));
        }
        for (framework, says) in [
            (Some("TensorFlow"), "convert it to ONNX"),
            (Some("Multi"), "`Multi`; without a script ScikitLearn"),
            (Some("PyTorch"), "`PyTorch`; without a script ScikitLearn"),
            (None, "has no framework"),
        ] {
            let why = BuiltInScript::of_framework(framework).expect_err(says);
            assert!(
                why.contains(says) && why.contains("inference configuration"),
                "{why}"
            );
        }
    }
}
