//! What a Python worker starts with: its variables, and our own Python files.
//!
//! The worker gets nothing of the scorer's environment, which may hold secrets of
//! the server. The files are part of the binary and written to a private folder
//! at the start, so that there is nothing to install and no version to mix up.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use crate::config::ReplicaConfig;

/// What the interpreter runs. The folder with our package is on `sys.path` only
/// for one import; `''`, which `-c` puts there, is replaced, so that no file of
/// the user is taken for a module of the standard library while we load ours.
pub(crate) const PRELUDE: &str = "import sys; \
     sys.path = [sys.argv.pop()] + [it for it in sys.path if it]; \
     from _wharf_worker import boot; del sys.path[0]; boot.main()";

/// Names of the scripts that answer for a model without a script of the user's;
/// each is a module of `_wharf_worker/built_in`.
pub const BUILT_IN_SCRIPTS: &[&str] = &["scikit_learn", "onnx"];

/// Our Python files: path below the library folder, text.
const FILES: &[(&str, &str)] = &[
    (
        "_wharf_worker/__init__.py",
        include_str!("python/_wharf_worker/__init__.py"),
    ),
    (
        "_wharf_worker/answers.py",
        include_str!("python/_wharf_worker/answers.py"),
    ),
    (
        "_wharf_worker/boot.py",
        include_str!("python/_wharf_worker/boot.py"),
    ),
    (
        "_wharf_worker/built_in/__init__.py",
        include_str!("python/_wharf_worker/built_in/__init__.py"),
    ),
    (
        "_wharf_worker/built_in/onnx.py",
        include_str!("python/_wharf_worker/built_in/onnx.py"),
    ),
    (
        "_wharf_worker/built_in/scikit_learn.py",
        include_str!("python/_wharf_worker/built_in/scikit_learn.py"),
    ),
    (
        "_wharf_worker/forks.py",
        include_str!("python/_wharf_worker/forks.py"),
    ),
    (
        "_wharf_worker/frames.py",
        include_str!("python/_wharf_worker/frames.py"),
    ),
    (
        "_wharf_worker/hints.py",
        include_str!("python/_wharf_worker/hints.py"),
    ),
    (
        "_wharf_worker/imports.py",
        include_str!("python/_wharf_worker/imports.py"),
    ),
    (
        "_wharf_worker/raw.py",
        include_str!("python/_wharf_worker/raw.py"),
    ),
    (
        "_wharf_worker/script.py",
        include_str!("python/_wharf_worker/script.py"),
    ),
    (
        "_wharf_worker/swagger.py",
        include_str!("python/_wharf_worker/swagger.py"),
    ),
    (
        "fallback/azureml/__init__.py",
        include_str!("python/fallback/azureml/__init__.py"),
    ),
    (
        "fallback/azureml/contrib/__init__.py",
        include_str!("python/fallback/azureml/contrib/__init__.py"),
    ),
    (
        "fallback/azureml/contrib/services/__init__.py",
        include_str!("python/fallback/azureml/contrib/services/__init__.py"),
    ),
    (
        "fallback/azureml/contrib/services/aml_request.py",
        include_str!("python/fallback/azureml/contrib/services/aml_request.py"),
    ),
    (
        "fallback/azureml/contrib/services/aml_response.py",
        include_str!("python/fallback/azureml/contrib/services/aml_response.py"),
    ),
    (
        "fallback/azureml/core/__init__.py",
        include_str!("python/fallback/azureml/core/__init__.py"),
    ),
    (
        "fallback/azureml/core/model.py",
        include_str!("python/fallback/azureml/core/model.py"),
    ),
    (
        "fallback/azureml/exceptions.py",
        include_str!("python/fallback/azureml/exceptions.py"),
    ),
    (
        "fallback/inference_schema/__init__.py",
        include_str!("python/fallback/inference_schema/__init__.py"),
    ),
    (
        "fallback/inference_schema/parameter_types/__init__.py",
        include_str!("python/fallback/inference_schema/parameter_types/__init__.py"),
    ),
    (
        "fallback/inference_schema/parameter_types/abstract_parameter_type.py",
        include_str!("python/fallback/inference_schema/parameter_types/abstract_parameter_type.py"),
    ),
    (
        "fallback/inference_schema/parameter_types/numpy_parameter_type.py",
        include_str!("python/fallback/inference_schema/parameter_types/numpy_parameter_type.py"),
    ),
    (
        "fallback/inference_schema/parameter_types/pandas_parameter_type.py",
        include_str!("python/fallback/inference_schema/parameter_types/pandas_parameter_type.py"),
    ),
    (
        "fallback/inference_schema/parameter_types/standard_py_parameter_type.py",
        include_str!(
            "python/fallback/inference_schema/parameter_types/standard_py_parameter_type.py"
        ),
    ),
    (
        "fallback/inference_schema/schema_decorators.py",
        include_str!("python/fallback/inference_schema/schema_decorators.py"),
    ),
    (
        "fallback/inference_schema/schema_util.py",
        include_str!("python/fallback/inference_schema/schema_util.py"),
    ),
];

/// Writes the Python files to `folder/python` and makes `folder/home`. A folder
/// that an earlier run left is replaced. Returns both paths.
pub(crate) fn install(folder: &Path) -> io::Result<(PathBuf, PathBuf)> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let library = folder.join("python");
    let home = folder.join("home");
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    fs::create_dir(&home)?;
    for (name, text) in FILES {
        let path = library.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok((library, home))
}

/// Where the service is on the router: goes into the swagger documents. Users may
/// set their own with `SERVICE_PATH_PREFIX`.
pub(crate) fn path_prefix(config: &ReplicaConfig) -> String {
    match config.environment_variables.get("SERVICE_PATH_PREFIX") {
        Some(prefix) => prefix.clone(),
        None => format!("api/v1/service/{}", config.service_name),
    }
}

/// A variable that goes on from the scorer to its workers as it is: whoever started
/// the scorer finds by it whatever scripts leave behind.
pub(crate) const MARK: &str = "WHARF_REPLICA_MARK";

/// All variables of a worker; later ones win.
///
/// The user's come after the defaults, `AZUREML_MODEL_DIR` included: measured on
/// azureml-core 1.61, where a local web service does the same. What names places
/// that exist only here comes last: scripts copy `/var/azureml-app` from samples.
pub(crate) fn variables(config: &ReplicaConfig, home: &Path) -> Vec<(String, String)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut path = String::from("/usr/local/bin:/usr/bin:/bin");
    if let Some(folder) = config.python.parent().filter(|it| it.is_absolute()) {
        path = format!("{}:{path}", folder.display());
    }
    let mut all = vec![
        ("PATH".to_owned(), path),
        ("HOME".to_owned(), text(home)),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("AZUREML_MODEL_DIR".to_owned(), text(&config.model_dir)),
        ("SERVICE_PATH_PREFIX".to_owned(), path_prefix(config)),
    ];
    all.extend(config.environment_variables.clone());
    all.push(("AML_APP_ROOT".to_owned(), text(&config.app_root)));
    all.push(("SERVICE_NAME".to_owned(), config.service_name.clone()));
    all.push(("SERVICE_VERSION".to_owned(), config.service_version.clone()));
    all.push(("HOSTNAME".to_owned(), config.replica.clone()));
    let timeout = config.scoring_timeout_ms.to_string();
    all.push(("SCORING_TIMEOUT_MS".to_owned(), timeout));
    let optional = [
        ("AZUREML_ENTRY_SCRIPT", &config.entry_script),
        ("AZUREML_SOURCE_DIRECTORY", &config.source_directory),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            all.push((name.to_owned(), value.clone()));
        }
    }
    all
}
