//! From what a client asked for to what `uv` is told, without touching anything.

use wharf_core::{
    environment::{CondaDependency, EnvironmentSpec},
    finding::Finding,
};

use super::{
    match_spec::MatchSpec,
    names::{Fate, fate, normalise},
    pip_line::{PipLine, PipPolicy},
    python::WantedPython,
    redact::redact,
    requirement::Requirement,
    rules::{self, DEFAULTS},
    settings::BuildPolicy,
    version::Specifiers,
};

/// Most lines in one environment. The longest real ones, exports of a whole conda
/// environment, have some 400.
const MOST_LINES: usize = 1000;
/// Longest line, in bytes.
const LONGEST_LINE: usize = 1024;
/// Azure's own base images start with this; they bring nothing that a Python package
/// needs.
const DEFAULT_IMAGE: &str = "azureml/openmpi";

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing: the host's interpreter runs the script.
    Host {
        notices: Vec<String>,
    },
    Packages(PackagePlan),
}

/// Packages to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackagePlan {
    pub(super) python: WantedPython,
    pub(super) requirements: Vec<Requirement>,
    pub(super) constraints: Vec<String>,
    pub(super) overrides: Vec<String>,
    /// Other indexes: `uv`'s option and the address.
    pub(super) indexes: Vec<(&'static str, String)>,
    pub(super) notices: Vec<String>,
    /// A version was taken from the models; without it more may fit together.
    pub(super) is_hinted: bool,
}

/// Understands `spec`, or says everything that is wrong with it.
pub(super) fn plan(spec: &EnvironmentSpec, policy: &BuildPolicy) -> Result<Plan, Vec<Finding>> {
    let mut reader = Reader {
        policy,
        findings: Vec::new(),
        notices: Vec::new(),
        python: None,
        pinned: Vec::new(),
        dropped: Vec::new(),
        requirements: Vec::new(),
        indexes: Vec::new(),
    };
    reader.sections(spec);
    if spec.python.user_managed {
        return reader.host();
    }
    reader.dependencies(spec);
    reader.finish(spec)
}

struct Reader<'a> {
    policy: &'a BuildPolicy,
    findings: Vec<Finding>,
    notices: Vec<String>,
    python: Option<Specifiers>,
    /// Versions of packages that are left out, in case another package needs them.
    pinned: Vec<Requirement>,
    dropped: Vec<String>,
    requirements: Vec<Requirement>,
    indexes: Vec<(&'static str, String)>,
}

impl Reader<'_> {
    fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.findings.push(Finding::new(field, message));
    }

    fn sections(&mut self, spec: &EnvironmentSpec) {
        let no_images = "is not supported here: Wharf runs the packages in processes of its own \
                         and builds no images; list them under python.condaDependencies";
        if spec.docker.base_dockerfile.is_some() {
            self.refuse("docker.baseDockerfile", no_images);
        }
        if spec.docker.has_build_context {
            self.refuse("docker.buildContext", no_images);
        }
        if spec.has_spark {
            self.refuse(
                "spark",
                "is not supported: Spark packages cannot be installed here",
            );
        }
        if spec.has_r {
            self.refuse("r", "is not supported: R packages cannot be installed here");
        }
        let image = spec.docker.base_image.as_deref().unwrap_or_default();
        if !image.is_empty() && !image.contains(DEFAULT_IMAGE) {
            self.notices.push(format!(
                "the base image `{image}` is not used: what it installs beside Python packages \
                 is not there"
            ));
        }
    }

    fn host(mut self) -> Result<Plan, Vec<Finding>> {
        if self.policy.host_python.is_none() {
            self.refuse(
                "python.userManagedDependencies",
                "is not supported by this server, which names no interpreter for it; set it to \
                 false and list the packages under python.condaDependencies",
            );
        }
        if !self.findings.is_empty() {
            return Err(self.findings);
        }
        self.notices.push(
            "userManagedDependencies: nothing is installed; the script runs with the packages \
             of this machine's own interpreter"
                .to_owned(),
        );
        Ok(Plan::Host {
            notices: self.notices,
        })
    }

    fn dependencies(&mut self, spec: &EnvironmentSpec) {
        const FIELD: &str = "python.condaDependencies.dependencies";
        let dependencies = &spec.python.conda.dependencies;
        let count: usize = dependencies
            .iter()
            .map(|it| match it {
                CondaDependency::Conda(_) => 1,
                CondaDependency::Pip(lines) => lines.len(),
            })
            .sum();
        if count > MOST_LINES {
            self.refuse(
                FIELD,
                format!("has {count} lines; {MOST_LINES} are allowed"),
            );
            return;
        }
        for (index, dependency) in dependencies.iter().enumerate() {
            let field = format!("{FIELD}[{index}]");
            match dependency {
                CondaDependency::Conda(line) => self.line(&field, line, Self::conda),
                CondaDependency::Pip(lines) => {
                    for (index, line) in lines.iter().enumerate() {
                        self.line(&format!("{field}.pip[{index}]"), line, Self::pip);
                    }
                }
            }
        }
    }

    fn line(
        &mut self,
        field: &str,
        line: &str,
        read: impl FnOnce(&mut Self, &str) -> Result<(), String>,
    ) {
        let result = if line.len() > LONGEST_LINE {
            Err(format!("is longer than {LONGEST_LINE} bytes"))
        } else if line.chars().any(char::is_control) {
            Err("holds a line break or another control character".to_owned())
        } else {
            read(self, line)
        };
        if let Err(why) = result {
            self.refuse(field, why);
        }
    }

    fn conda(&mut self, line: &str) -> Result<(), String> {
        let spec = MatchSpec::parse(line)?;
        let name = normalise(&spec.name);
        if let Some(alternatives) = &spec.alternatives {
            self.notices.push(format!(
                "`{line}`: only the last alternative is taken, not `{alternatives}`"
            ));
        }
        if name == "python" {
            if self.python.is_some() {
                return Err("python is named twice".to_owned());
            }
            self.python = Some(spec.specifiers);
            return Ok(());
        }
        if let Some(build) = &spec.build
            && is_cuda(build)
        {
            return Err(format!(
                "`{line}` asks for a build with a certain CUDA, which only conda has; leave the \
                 build out"
            ));
        }
        match fate(&spec.name) {
            Fate::Refused(what) => Err(format!(
                "`{}` is {what}; only Python packages can be installed here",
                spec.name
            )),
            Fate::Dropped => {
                // The version still holds if a package brings it after all.
                if matches!(name.as_str(), "setuptools" | "wheel" | "pip")
                    && !spec.specifiers.is_any()
                {
                    self.pinned.push(Requirement::new(&name, spec.specifiers));
                }
                self.dropped.push(spec.name);
                Ok(())
            }
            Fate::Package(package) => {
                if let Some(channel) = &spec.channel {
                    self.notices.push(format!(
                        "`{}`: the channel `{channel}` is not used, the package comes from the \
                         Python package index",
                        spec.name
                    ));
                }
                if let Some(build) = &spec.build {
                    self.notices
                        .push(format!("`{}`: the build `{build}` is not used", spec.name));
                }
                if package != name {
                    self.notices.push(format!(
                        "`{}` is installed as `{package}`, its name on the Python package index",
                        spec.name
                    ));
                }
                self.require(Requirement::new(&package, spec.specifiers));
                Ok(())
            }
        }
    }

    fn pip(&mut self, line: &str) -> Result<(), String> {
        let policy = PipPolicy {
            allow_direct_references: self.policy.allow_direct_references,
            index_hosts: &self.policy.index_hosts,
        };
        match PipLine::parse(line, policy)? {
            PipLine::Nothing => {}
            PipLine::Package(requirement) => {
                let written = Requirement::parse(line.trim()).map(|it| it.name);
                if written.is_ok_and(|it| it != requirement.name) {
                    self.notices.push(format!(
                        "`{line}` is an empty package; `{}` is installed",
                        requirement.name
                    ));
                }
                self.require(requirement);
            }
            PipLine::Index { option, url } => {
                self.notices
                    .push(format!("packages are also looked for at {}", redact(&url)));
                self.indexes.push((option, url));
            }
        }
        Ok(())
    }

    fn require(&mut self, mut requirement: Requirement) {
        if requirement.name == DEFAULTS && !requirement.specifiers.is_any() {
            self.notices.push(format!(
                "`{requirement}` may be another version: it stands for Azure's server, and \
                 Wharf has its own"
            ));
            requirement.specifiers = Specifiers::default();
        }
        if !self.requirements.contains(&requirement) {
            self.requirements.push(requirement);
        }
    }

    fn finish(mut self, spec: &EnvironmentSpec) -> Result<Plan, Vec<Finding>> {
        if !self.findings.is_empty() {
            return Err(self.findings);
        }
        let quiet = |name: &String| matches!(name.as_str(), "pip" | "setuptools" | "wheel");
        let named: Vec<_> = self.dropped.iter().filter(|name| !quiet(name)).collect();
        if !named.is_empty() {
            let names: Vec<_> = named.iter().map(|it| it.as_str()).collect();
            self.notices.push(format!(
                "left out, because the wheels or this machine bring it: {}",
                names.join(", ")
            ));
        }
        if self.dropped.len() > named.len() {
            self.notices
                .push("pip, setuptools and wheel are not installed as packages".to_owned());
        }
        let has_conda = spec.python.conda.dependencies.iter().any(|it| {
            matches!(it, CondaDependency::Conda(line)
                if !line.trim_start().starts_with("python") && !line.trim_start().starts_with("pip"))
        });
        if has_conda && !spec.python.conda.channels.is_empty() {
            self.notices.push(format!(
                "conda channels are not used ({}): packages come from the Python package index",
                redact(&spec.python.conda.channels.join(", "))
            ));
        }
        let is_hinted = self.hints(spec);
        let mut all = self.requirements.clone();
        all.extend(self.pinned.iter().cloned());
        let mut additions = rules::additions(&all);
        additions
            .constraints
            .extend(self.pinned.iter().map(Requirement::to_string));
        self.notices.extend(additions.notices);
        Ok(Plan::Packages(PackagePlan {
            python: WantedPython::new(&self.python.unwrap_or_default()),
            requirements: self.requirements,
            constraints: additions.constraints,
            overrides: additions.overrides,
            indexes: self.indexes,
            notices: self.notices,
            is_hinted,
        }))
    }

    /// Takes versions that the user left open from what saved the models.
    fn hints(&mut self, spec: &EnvironmentSpec) -> bool {
        let mut is_hinted = false;
        for requirement in &mut self.requirements {
            if !requirement.specifiers.is_any() || requirement.url.is_some() {
                continue;
            }
            if let Some(specifiers) = rules::saved_with(&requirement.name, &spec.model_frameworks) {
                requirement.specifiers = specifiers;
                is_hinted = true;
                self.notices.push(format!(
                    "`{requirement}` is installed: the model was registered with that version"
                ));
            }
        }
        is_hinted
    }
}

/// Whether a build string names a CUDA version, for example `py3.8_cuda11.1_cudnn8`.
fn is_cuda(build: &str) -> bool {
    let build = build.to_ascii_lowercase();
    build.contains("cuda")
        || build.split('_').any(|part| {
            part.strip_prefix("cu")
                .is_some_and(|it| it.len() >= 2 && it.bytes().all(|b| b.is_ascii_digit()))
        })
}
