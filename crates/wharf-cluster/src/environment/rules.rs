//! What the platform adds so that old pins work, and what it says about the rest.
//!
//! Each rule was measured with the named versions; without it `uv` "resolves" an
//! environment that does not start, or one from years ago.

use wharf_core::environment::ModelFramework;

use super::{
    requirement::Requirement,
    version::{Clause, Operator, Specifiers},
};

/// Azure's own bundle. Its pin means "the server of that day", which is ours here.
pub(super) const DEFAULTS: &str = "azureml-defaults";

/// Older ones have no server; `uv` goes back to 1.0.45 of 2019 when a newer one does
/// not fit.
const DEFAULTS_CONSTRAINT: &str = "azureml-defaults>=1.40";
/// Newer ones have no `pkg_resources`, which azureml-core 1.49 and its time import.
const SETUPTOOLS_CONSTRAINT: &str = "setuptools<81";
const NUMPY_CONSTRAINT: &str = "numpy<2";
/// Has no wheel and needs a file system driver; `azureml-defaults` asks for it.
const FUSEPY: &str = "fusepy";
const FUSEPY_OVERRIDE: &str = "fusepy ; sys_platform == 'never'";

/// First releases that were built for numpy 2. Older ones do not forbid it, and then
/// fail at import: `numpy.dtype size changed, may indicate binary incompatibility`.
const FIRST_FOR_NUMPY_2: &[(&str, &[u64])] = &[
    ("lightgbm", &[4, 4]),
    ("pandas", &[2, 2, 2]),
    ("scikit-learn", &[1, 4, 2]),
    ("scipy", &[1, 13]),
    ("tensorflow", &[2, 18]),
    ("torch", &[2, 3]),
];

/// Frameworks whose saved models depend on the version that saved them.
const PINNED_BETTER: &[&str] = &["scikit-learn", "tensorflow", "torch"];

/// What Azure calls frameworks (`Model.Framework` of azureml-core 1.61), and their
/// packages.
const FRAMEWORKS: &[(&str, &str)] = &[
    ("ScikitLearn", "scikit-learn"),
    ("TensorFlow", "tensorflow"),
    ("PyTorch", "torch"),
];

/// The version of `package` that saved the models; nothing when they differ.
pub(super) fn saved_with(package: &str, frameworks: &[ModelFramework]) -> Option<Specifiers> {
    let (framework, _) = FRAMEWORKS.iter().find(|(_, name)| *name == package)?;
    let mut versions = frameworks
        .iter()
        .filter(|it| it.name.eq_ignore_ascii_case(framework))
        .map(|it| it.version.trim());
    let version = versions.next()?;
    if versions.any(|it| it != version) {
        return None;
    }
    // `1.5` was registered by someone who meant any 1.5.
    let is_short = version.split('.').count() < 3;
    let operator = if is_short {
        Operator::Prefix
    } else {
        Operator::Exact
    };
    Some(Specifiers(vec![Clause::new(operator, version).ok()?]))
}

/// Lines for `uv` beside the requirements, and what a person should know.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Additions {
    pub(super) constraints: Vec<String>,
    pub(super) overrides: Vec<String>,
    pub(super) notices: Vec<String>,
}

/// What is added to `requirements`.
pub(super) fn additions(requirements: &[Requirement]) -> Additions {
    let any = |name: &str, is_it: &dyn Fn(&Requirement) -> bool| {
        requirements.iter().any(|it| it.name == name && is_it(it))
    };
    let is_named = |name: &str| any(name, &|_| true);
    let is_pinned = |name: &str| any(name, &|it| !it.specifiers.is_any() || it.url.is_some());
    let mut additions = Additions::default();
    additions.constraints.push(DEFAULTS_CONSTRAINT.to_owned());
    if !is_pinned("setuptools") {
        additions.constraints.push(SETUPTOOLS_CONSTRAINT.to_owned());
    }
    let predates =
        |(name, first): &&(&str, &[u64])| any(name, &|it| it.specifiers.stay_below(first));
    if let Some((name, _)) = FIRST_FOR_NUMPY_2.iter().find(predates)
        && !is_pinned("numpy")
    {
        additions.constraints.push(NUMPY_CONSTRAINT.to_owned());
        additions.notices.push(format!(
            "numpy is kept below 2: the pinned {name} was built before it"
        ));
    }
    if !is_named(FUSEPY) {
        additions.overrides.push(FUSEPY_OVERRIDE.to_owned());
    }
    for name in PINNED_BETTER {
        if is_named(name) && !is_pinned(name) {
            additions.notices.push(format!(
                "{name} has no version: the newest one that fits is taken, and a model saved \
                 with another one may not load; pin the version that saved it"
            ));
        }
    }
    if !is_named(DEFAULTS) {
        additions.notices.push(format!(
            "{DEFAULTS} is not among the packages: Azure's own server would not start without \
             it, Wharf's does"
        ));
    }
    additions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(lines: &[&str]) -> Additions {
        let requirements = lines
            .iter()
            .map(|line| Requirement::parse(line).expect(line));
        additions(&requirements.collect::<Vec<_>>())
    }

    #[test]
    fn adds_what_always_helps() {
        let it = added(&["azureml-defaults", "numpy"]);
        assert_eq!(it.constraints, ["azureml-defaults>=1.40", "setuptools<81"]);
        assert_eq!(it.overrides, ["fusepy ; sys_platform == 'never'"]);
        assert_eq!(it.notices, Vec::<String>::new());
    }

    #[test]
    fn leaves_the_users_own_alone() {
        let it = added(&["azureml-defaults", "setuptools==58", "fusepy"]);
        assert_eq!(it.constraints, ["azureml-defaults>=1.40"]);
        assert!(it.overrides.is_empty());
    }

    #[test]
    fn keeps_numpy_1_for_what_was_built_before_2() {
        for (line, is_kept) in [
            ("scikit-learn==1.2.2", true),
            ("scikit-learn==1.4.2", false),
            ("scikit-learn==1.5.*", false),
            ("scikit-learn", false),
            ("pandas==2.0.0", true),
            ("pandas==2.2.1", true),
            ("pandas==2.2.2", false),
            ("scipy==1.12.*", true),
            ("lightgbm<4", true),
            ("torch==2.2.0", true),
            ("torch==2.3.0", false),
            ("tensorflow==2.17.1", true),
            ("tensorflow>=2.2", false),
        ] {
            let constraints = added(&[line]).constraints;
            assert_eq!(
                constraints.contains(&"numpy<2".to_owned()),
                is_kept,
                "{line}"
            );
            let pinned = added(&[line, "numpy==1.23.5"]).constraints;
            assert!(!pinned.contains(&"numpy<2".to_owned()));
        }
    }

    #[test]
    fn takes_the_version_that_saved_the_models() {
        let saved = |versions: &[&str]| {
            let frameworks: Vec<_> = versions
                .iter()
                .map(|version| ModelFramework {
                    name: "ScikitLearn".into(),
                    version: (*version).into(),
                })
                .collect();
            saved_with("scikit-learn", &frameworks).map(|it| it.to_string())
        };
        assert_eq!(saved(&["1.5.2"]).as_deref(), Some("==1.5.2"));
        assert_eq!(saved(&["1.5", "1.5"]).as_deref(), Some("==1.5.*"));
        assert_eq!(saved(&["1.5.2", "1.4.2"]), None, "they differ");
        assert_eq!(saved(&["latest"]), None, "no version");
        assert_eq!(saved(&[]), None);
        assert_eq!(saved_with("numpy", &[]), None);
    }

    #[test]
    fn warns_of_frameworks_without_a_version_and_of_a_missing_server() {
        let it = added(&["scikit-learn", "torch", "tensorflow==2.18"]);
        assert_eq!(it.notices.len(), 3, "{:?}", it.notices);
        assert!(it.notices[0].starts_with("scikit-learn has no version"));
        assert!(it.notices[1].starts_with("torch has no version"));
        assert!(it.notices[2].starts_with("azureml-defaults is not among"));
    }
}
