//! The way in: what was made before is found, the rest is made in order.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
};

use async_trait::async_trait;
use tokio::sync::Semaphore;
use wharf_core::{
    digest::Digest,
    environment::{
        BuildLog, BuiltEnvironment, EnvironmentBuilder, EnvironmentError, EnvironmentSpec,
    },
    finding::Finding,
};

use super::{
    build::{Build, disk, variables},
    command::{Silence, free_bytes, too_full},
    install::install,
    interpreters::{self, installed},
    layout::{EnvironmentRecord, Layout, RequestRecord},
    plan::{PackagePlan, Plan, plan},
    python::Interpreter,
    resolve::{Resolved, Unresolved, resolve},
    settings::{BuildPolicy, UvSettings},
    tool,
};

/// Part of every request's digest: a change of the rules makes earlier answers void.
const RULES: u32 = 2;

/// Environments made with `uv`, kept by content and shared.
///
/// A request equal to one that was met before is answered from disk. Versions that
/// the user left open are therefore those of the first time.
pub struct UvEnvironments {
    settings: UvSettings,
    layout: Layout,
    variables: Vec<(String, String)>,
    builds: Semaphore,
    /// One at a time for each request and each environment.
    turns: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl UvEnvironments {
    /// Opens the folder; what interrupted builds left is removed. Nothing is
    /// installed or asked yet.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn new(settings: UvSettings) -> io::Result<Self> {
        let layout = Layout::open(&settings.root)?;
        let variables = variables(&settings, &layout);
        let builds = Semaphore::new(settings.limits.parallel_builds.max(1));
        Ok(Self {
            settings,
            layout,
            variables,
            builds,
            turns: Mutex::default(),
        })
    }

    /// Waits until nobody else makes `key`.
    async fn turn(&self, key: &str, log: &dyn BuildLog) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(|it| it.into_inner());
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(key.to_owned(), Arc::downgrade(&turn));
                turn
            })
        };
        if let Ok(guard) = Arc::clone(&turn).try_lock_owned() {
            return guard;
        }
        log.line("Waiting: the same environment is being made for another deployment");
        turn.lock_owned().await
    }

    /// What an equal request led to, if that is still there.
    fn known(&self, request: &str) -> Option<BuiltEnvironment> {
        let known = self.layout.request(request)?;
        let environment = self.layout.environment(&known.environment)?;
        Some(self.built(environment, known.notices))
    }

    fn built(&self, environment: EnvironmentRecord, notices: Vec<String>) -> BuiltEnvironment {
        BuiltEnvironment {
            python: self.layout.python(&environment.digest),
            digest: environment.digest,
            python_version: environment.python_version,
            notices,
        }
    }

    async fn host(&self, notices: Vec<String>) -> Result<BuiltEnvironment, EnvironmentError> {
        let path = self.settings.policy.host_python.clone().unwrap_or_default();
        let found = interpreters::ask(&path, self.layout.root(), &self.variables).await;
        let found = found.ok_or_else(|| EnvironmentError::Failed {
            step: "interpreter",
            message: format!(
                "`{}`, which this server names for userManagedDependencies, is no Python 3.6 \
                 or newer that runs",
                path.display()
            ),
        })?;
        let identity = format!("host\n{}\n{}", path.display(), found.version);
        Ok(BuiltEnvironment {
            digest: Digest::of(identity.as_bytes()).to_string(),
            python: path,
            python_version: found.version,
            notices,
        })
    }

    /// Finds versions, and makes the environment unless another request led to it.
    async fn make(
        &self,
        request: &str,
        spec: &EnvironmentSpec,
        plan: &PackagePlan,
        log: &dyn BuildLog,
    ) -> Result<BuiltEnvironment, EnvironmentError> {
        let permit = match self.builds.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                log.line("Waiting: other environments are being made");
                let permit = self.builds.acquire().await;
                permit.map_err(|error| EnvironmentError::Unavailable(error.to_string()))?
            }
        };
        let free = free_bytes(self.layout.root()).map_err(|error| disk(&error))?;
        let least_free = self.settings.limits.least_free_bytes;
        if free < least_free {
            return Err(EnvironmentError::Failed {
                step: "prepare",
                message: too_full(free, least_free),
            });
        }
        let work = self.layout.work_folder().map_err(|error| disk(&error))?;
        let build = Build {
            settings: &self.settings,
            layout: &self.layout,
            variables: &self.variables,
            folder: work.path(),
            log,
        };
        let there = installed(&self.settings, &self.variables).await;
        let uv = {
            let _turn = self.turn("uv", &Silence).await;
            let preferred = |it: &&Interpreter| Some(it.minor()) == there.preferred;
            let found = there.interpreters.iter().find(preferred);
            tool::find(&build, found.or(there.interpreters.first())).await?
        };
        let (resolved, plan) = match resolve(&build, &uv, plan, &there).await {
            Err(Unresolved::Unsatisfiable(error)) if plan.is_hinted => {
                log.line(&format!(
                    "Tried the versions that saved the models ({}); they cannot be had here: \
                     {error}",
                    saved_with(spec)
                ));
                log.line("The build goes on without pinning them");
                let plan = without_hints(spec, &self.settings.policy)?;
                (resolve(&build, &uv, &plan, &there).await?, plan)
            }
            resolved => (resolved?, plan.clone()),
        };
        let digest = environment_digest(&resolved);
        let _turn = self.turn(&digest, log).await;
        let environment = match self.layout.environment(&digest) {
            Some(environment) => {
                log.line("The same packages are already installed; they are shared");
                environment
            }
            None => self.install(&build, &uv, &plan, &resolved, digest).await?,
        };
        let mut notices = plan.notices.clone();
        notices.extend(resolved.notice);
        let record = RequestRecord {
            environment: environment.digest.clone(),
            notices: notices.clone(),
        };
        let written = self.layout.write_request(request, &record);
        written.map_err(|error| disk(&error))?;
        drop(permit);
        Ok(self.built(environment, notices))
    }

    async fn install(
        &self,
        build: &Build<'_>,
        uv: &std::path::Path,
        plan: &PackagePlan,
        resolved: &Resolved,
        digest: String,
    ) -> Result<EnvironmentRecord, EnvironmentError> {
        let target = build.folder.join("environment");
        std::fs::create_dir(&target).map_err(|error| disk(&error))?;
        let interpreter = &resolved.interpreter;
        install(build, uv, plan, interpreter, &resolved.lock, &target).await?;
        let version = interpreter.version.as_str();
        let record = self.layout.publish(&target, &digest, version);
        let record = record.map_err(|error| disk(&error))?;
        let (layout, settling) = (self.layout.clone(), record.clone());
        // Nobody waits for it: a build that is not on disk is made again if need be.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = layout.settle(settling) {
                tracing::warn!(%error, "An environment could not be written to disk");
            }
        });
        Ok(record)
    }

    /// Names a request by everything that may change its answer.
    fn request_digest(&self, spec: &EnvironmentSpec) -> Result<String, EnvironmentError> {
        let policy = &self.settings.policy;
        let all = (
            RULES,
            &spec.python,
            &spec.docker,
            &spec.model_frameworks,
            (
                policy.strict_python,
                policy.allow_source_builds,
                policy.allow_direct_references,
                &policy.index_hosts,
            ),
        );
        let text = serde_json::to_vec(&all);
        let text = text.map_err(|error| EnvironmentError::Unavailable(error.to_string()))?;
        Ok(Digest::of(&text).to_string())
    }
}

/// The plan when the versions that saved the models cannot be had.
fn without_hints(
    spec: &EnvironmentSpec,
    policy: &BuildPolicy,
) -> Result<PackagePlan, EnvironmentError> {
    let open = EnvironmentSpec {
        model_frameworks: Vec::new(),
        ..spec.clone()
    };
    match plan(&open, policy).map_err(EnvironmentError::Refused)? {
        Plan::Packages(mut plan) => {
            plan.notices.push(format!(
                "the models were registered with {}, which cannot be had here: other versions \
                 are taken, and the models may not load",
                saved_with(spec)
            ));
            Ok(plan)
        }
        Plan::Host { .. } => Err(EnvironmentError::Unavailable(
            "an environment changed while it was made".to_owned(),
        )),
    }
}

/// The frameworks of the models with their versions, for a person.
fn saved_with(spec: &EnvironmentSpec) -> String {
    let frameworks = spec.model_frameworks.iter();
    let versions: Vec<_> = frameworks
        .map(|it| format!("{} {}", it.name, it.version))
        .collect();
    versions.join(", ")
}

/// Names an environment by its content: the packages and the interpreter.
fn environment_digest(resolved: &Resolved) -> String {
    let Interpreter {
        path,
        version,
        implementation,
    } = &resolved.interpreter;
    let path: &PathBuf = path;
    let identity = format!(
        "{implementation} {version}\n{}\n{}",
        path.display(),
        resolved.lock
    );
    Digest::of(identity.as_bytes()).to_string()
}

#[async_trait]
impl EnvironmentBuilder for UvEnvironments {
    fn check(&self, spec: &EnvironmentSpec) -> Result<(), Vec<Finding>> {
        plan(spec, &self.settings.policy).map(|_| ())
    }

    fn is_there(&self, python: &Path) -> bool {
        python.is_file()
    }

    async fn build(
        &self,
        spec: &EnvironmentSpec,
        log: &dyn BuildLog,
    ) -> Result<BuiltEnvironment, EnvironmentError> {
        let plan = plan(spec, &self.settings.policy).map_err(EnvironmentError::Refused)?;
        let plan = match plan {
            Plan::Host { notices } => return self.host(notices).await,
            Plan::Packages(plan) => plan,
        };
        let request = self.request_digest(spec)?;
        if let Some(known) = self.known(&request) {
            return Ok(known);
        }
        let _turn = self.turn(&request, log).await;
        if let Some(known) = self.known(&request) {
            return Ok(known);
        }
        self.make(&request, spec, &plan, log).await
    }
}
