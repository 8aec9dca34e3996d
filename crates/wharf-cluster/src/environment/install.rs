//! Packages from a lock, and the proof that they can be imported.

use std::path::Path;

use wharf_core::environment::EnvironmentError;

use super::{
    build::{Build, arguments, disk},
    command::Output,
    failure,
    layout::{size_of, venv_python},
    plan::PackagePlan,
    python::Interpreter,
    resolve::sources,
};

const CHECK_IMPORTS: &str = include_str!("check_imports.py");
/// Azure's own bundle is large, slow to import, and not what breaks.
const NOT_IMPORTED: &str = "azureml-";

/// Makes `target/venv` hold what `lock` says. It may be moved afterwards.
pub(super) async fn install(
    build: &Build<'_>,
    uv: &Path,
    plan: &PackagePlan,
    interpreter: &Interpreter,
    lock: &str,
    target: &Path,
) -> Result<(), EnvironmentError> {
    let limit = build.settings.limits.install;
    let venv = target.join("venv");
    let make = arguments([
        &"venv",
        &"--relocatable",
        &"--no-project",
        &"--quiet",
        &"--python",
        &interpreter.path,
        &venv,
    ]);
    let output = build.run("create", uv, make, limit).await?;
    succeeded("create", &output)?;

    let lock_file = target.join("requirements.lock");
    std::fs::write(&lock_file, lock).map_err(|error| disk(&error))?;
    let python = venv_python(target);
    let mut sync = arguments([
        &"pip",
        &"sync",
        &"--python",
        &python,
        // An empty lock is what an environment without packages has.
        &"--allow-empty-requirements",
        &"--require-hashes",
        &"--link-mode",
        &"hardlink",
        &lock_file,
    ]);
    sync.extend(sources(&build.settings.policy, plan));
    let output = build.run("install", uv, sync, limit).await?;
    succeeded("install", &output)?;

    let folder = target.to_owned();
    let size = tokio::task::spawn_blocking(move || size_of(&folder)).await;
    let size = size.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let size = size.map_err(|error| disk(&error))?;
    let most = build.settings.limits.environment_bytes;
    if size > most {
        return Err(EnvironmentError::Failed {
            step: "install",
            message: format!(
                "the environment has {} MB; {} MB are allowed",
                size >> 20,
                most >> 20
            ),
        });
    }
    build
        .log
        .line(&format!("The environment has {} MB", size >> 20));
    check_imports(build, plan, &python).await
}

fn succeeded(step: &'static str, output: &Output) -> Result<(), EnvironmentError> {
    if output.status.success() {
        return Ok(());
    }
    let cause = failure::cause(&output.lines, &output.how());
    Err(EnvironmentError::Failed {
        step,
        message: cause.message().to_owned(),
    })
}

async fn check_imports(
    build: &Build<'_>,
    plan: &PackagePlan,
    python: &Path,
) -> Result<(), EnvironmentError> {
    let names = plan.requirements.iter().map(|it| it.name.as_str());
    let names: Vec<_> = names.filter(|it| !it.starts_with(NOT_IMPORTED)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut check = arguments([&"-I", &"-c", &CHECK_IMPORTS]);
    check.extend(names.into_iter().map(Into::into));
    let limit = build.settings.limits.import;
    let output = build.run_packages("import", python, check, limit).await?;
    if output.status.success() {
        return Ok(());
    }
    let lines = || output.lines.iter().rev();
    let said = lines().find(|it| it.starts_with("cannot import"));
    // A fault in native code says nothing; the last name that was begun is it.
    let begun = lines().find_map(|it| it.strip_prefix("Importing "));
    let message = match (said, begun) {
        (Some(said), _) => said.clone(),
        (None, Some(module)) => format!("cannot import `{module}`: {}", output.how()),
        (None, None) => output.how(),
    };
    Err(EnvironmentError::Failed {
        step: "import",
        message: format!(
            "{message}. The packages are installed but do not work together; pin versions that \
             do"
        ),
    })
}
