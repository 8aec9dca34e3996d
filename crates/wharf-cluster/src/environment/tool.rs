//! `uv` itself: the operator's, the machine's, or one of our own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use wharf_core::environment::EnvironmentError;

use super::{
    build::{Build, arguments, disk},
    python::Interpreter,
    version::release_of,
};

const STEP: &str = "uv";
/// The version that is installed where there is none.
const PINNED: &str = "0.13.9";
/// Older ones lack options that are used here.
const OLDEST: [u64; 2] = [0, 5];

/// Finds `uv`, or installs it below the root, once.
pub(super) async fn find(
    build: &Build<'_>,
    interpreter: Option<&Interpreter>,
) -> Result<PathBuf, EnvironmentError> {
    if let Some(path) = &build.settings.uv {
        let version = version(build, path).await?;
        return match version.filter(|it| is_new_enough(it)) {
            Some(_) => Ok(path.clone()),
            None => Err(failed(format!(
                "`{}` is not uv {}.{} or newer",
                path.display(),
                OLDEST[0],
                OLDEST[1]
            ))),
        };
    }
    let path = build.settings.variable("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(path)
        .filter(|it| it.is_absolute())
        .map(|it| it.join("uv"))
        .find(|it| it.is_file());
    if let Some(path) = on_path
        && let Some(version) = version(build, &path).await?
        && is_new_enough(&version)
    {
        return Ok(path);
    }
    let ours = build.layout.tools().join(format!("uv-{PINNED}"));
    if ours.is_file() {
        return Ok(ours);
    }
    install(build, interpreter, &ours).await?;
    Ok(ours)
}

/// What `uv --version` says: `uv 0.13.9 (…)`.
async fn version(build: &Build<'_>, uv: &Path) -> Result<Option<String>, EnvironmentError> {
    let limit = std::time::Duration::from_secs(20);
    let run = build.run_silently(STEP, uv, arguments([&"--version"]), limit);
    // A program that does not start is not the one.
    let Ok(output) = run.await else {
        return Ok(None);
    };
    let mut words = output.lines.first().map(|it| it.split_whitespace());
    let is_uv = words.as_mut().and_then(Iterator::next) == Some("uv");
    let version = words.and_then(|mut it| it.next()).filter(|_| is_uv);
    Ok(version.map(str::to_owned))
}

fn is_new_enough(version: &str) -> bool {
    release_of(version).as_slice() >= OLDEST.as_slice()
}

fn failed(message: String) -> EnvironmentError {
    EnvironmentError::Failed {
        step: STEP,
        message,
    }
}

/// A throw-away virtual environment, `pip install`, and the one file out of it.
async fn install(
    build: &Build<'_>,
    interpreter: Option<&Interpreter>,
    target: &Path,
) -> Result<(), EnvironmentError> {
    let interpreter = interpreter
        .ok_or_else(|| failed("there is no Python 3 on this machine to install it with".into()))?;
    build.log.line(&format!(
        "Installing uv {PINNED}, which makes the environments; this happens once"
    ));
    let limit = build.settings.limits.install;
    let venv = build.folder.join("uv");
    let make = arguments([&"-I", &"-m", &"venv", &venv]);
    let output = build.run(STEP, &interpreter.path, make, limit).await?;
    if !output.status.success() {
        let is_missing = output.lines.iter().any(|it| {
            it.contains("ensurepip is not available") || it.contains("No module named venv")
        });
        return Err(failed(if is_missing {
            "Python's `venv` module is not whole on this machine; install it (on Debian and \
             Ubuntu: apt install python3-venv), or install uv and put it on PATH"
                .to_owned()
        } else {
            format!(
                "a virtual environment for uv could not be made ({})",
                output.how()
            )
        }));
    }
    let requirement = format!("uv=={PINNED}");
    let pip = arguments([
        &"-I",
        &"-m",
        &"pip",
        &"--disable-pip-version-check",
        &"install",
        &"--no-input",
        &"--progress-bar=off",
        &"--only-binary=:all:",
        &requirement,
    ]);
    let output = build
        .run(STEP, &venv.join("bin/python"), pip, limit)
        .await?;
    if !output.status.success() {
        let last = output.lines.iter().rev().find(|it| it.starts_with("ERROR"));
        return Err(failed(format!(
            "uv could not be installed: {}",
            last.map_or_else(|| output.how(), Clone::clone)
        )));
    }
    // One static program; all or nothing.
    let program = venv.join("bin/uv");
    let synced = fs::File::open(&program).and_then(|file| file.sync_all());
    synced
        .and_then(|()| fs::rename(&program, target))
        .map_err(|error| disk(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_versions_as_numbers() {
        assert!(is_new_enough("0.13.9") && is_new_enough("0.5.0") && is_new_enough("1.0"));
        assert!(!is_new_enough("0.4.30") && !is_new_enough("x"));
    }
}
