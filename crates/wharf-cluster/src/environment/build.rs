//! One build: where it works, what its programs are told, who listens.

use std::{ffi::OsString, path::Path, time::Duration};

use wharf_core::environment::{BuildLog, EnvironmentError};

use super::{
    command::{Output, Run, Silence},
    layout::{BUILD_VARIABLE, Layout},
    settings::UvSettings,
};

/// What the steps of one build share.
pub(super) struct Build<'a> {
    pub(super) settings: &'a UvSettings,
    pub(super) layout: &'a Layout,
    /// Of all its programs.
    pub(super) variables: &'a [(String, String)],
    /// Its own; gone afterwards.
    pub(super) folder: &'a Path,
    pub(super) log: &'a dyn BuildLog,
}

impl Build<'_> {
    /// Runs a program, and tells the log what it says.
    pub(super) async fn run(
        &self,
        step: &'static str,
        program: &Path,
        arguments: Vec<OsString>,
        limit: Duration,
    ) -> Result<Output, EnvironmentError> {
        let run = self.program(step, program, arguments, limit);
        run.run(self.log).await
    }

    /// Runs a program that the log hears nothing of.
    pub(super) async fn run_silently(
        &self,
        step: &'static str,
        program: &Path,
        arguments: Vec<OsString>,
        limit: Duration,
    ) -> Result<Output, EnvironmentError> {
        let run = self.program(step, program, arguments, limit);
        run.run(&Silence).await
    }

    /// Runs code of the packages. It hears nothing of the operator's variables, which
    /// may hold credentials of the package index.
    pub(super) async fn run_packages(
        &self,
        step: &'static str,
        program: &Path,
        arguments: Vec<OsString>,
        limit: Duration,
    ) -> Result<Output, EnvironmentError> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let variables = [
            ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("HOME".to_owned(), text(self.folder)),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            (BUILD_VARIABLE.to_owned(), text(&self.layout.work())),
        ];
        let mut run = self.program(step, program, arguments, limit);
        run.variables = &variables;
        run.run(self.log).await
    }

    fn program<'a>(
        &'a self,
        step: &'static str,
        program: &'a Path,
        arguments: Vec<OsString>,
        limit: Duration,
    ) -> Run<'a> {
        Run {
            step,
            program,
            arguments,
            folder: self.folder,
            variables: self.variables,
            limit,
            least_free: self.settings.limits.least_free_bytes,
        }
    }
}

/// The variables of all programs of builds: the operator's, and those that make `uv`
/// do what is expected of it here.
pub(super) fn variables(settings: &UvSettings, layout: &Layout) -> Vec<(String, String)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut all = vec![
        // The machine's certificates, as every other program here takes them.
        ("UV_SYSTEM_CERTS".to_owned(), "true".to_owned()),
        ("UV_NATIVE_TLS".to_owned(), "true".to_owned()),
    ];
    all.extend(settings.environment.iter().cloned());
    all.extend([
        ("UV_CACHE_DIR".to_owned(), text(&layout.cache())),
        // Interpreters come from no package index.
        ("UV_PYTHON_DOWNLOADS".to_owned(), "never".to_owned()),
        ("UV_NO_PROGRESS".to_owned(), "true".to_owned()),
        ("NO_COLOR".to_owned(), "1".to_owned()),
        (BUILD_VARIABLE.to_owned(), text(&layout.work())),
    ]);
    all
}

/// A failure of our own doing on disk.
pub(super) fn disk(error: &std::io::Error) -> EnvironmentError {
    EnvironmentError::Unavailable(format!("the folder of environments: {error}"))
}

/// Arguments from anything that can be one.
pub(super) fn arguments<const N: usize>(all: [&dyn AsRef<std::ffi::OsStr>; N]) -> Vec<OsString> {
    all.iter().map(|it| it.as_ref().to_owned()).collect()
}
