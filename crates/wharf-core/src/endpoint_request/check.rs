//! The rules on a request for an endpoint.

use std::{collections::BTreeMap, num::NonZeroU32, ops::RangeInclusive, time::Duration};

use super::{CheckedCode, CheckedEndpoint, EndpointRequest};
use crate::{
    deployment::{Liveness, Resources},
    endpoint::Authentication,
    environment::{CondaDependency, CondaSpec},
    finding::Finding,
    keys::check_chosen_key,
    limits::{
        MOST_CODE_FILES, MOST_CONCURRENCY, MOST_LABELS, MOST_MODELS, MOST_PACKAGES, MOST_PROCESSES,
        MOST_VARIABLES,
    },
    model::{ModelId, check_relative_path},
    name::{ComputeName, EndpointName, Namespace},
    quote::Quoted,
    scaling::{Autoscale, Scaling},
};

// The defaults that the SDK documents for `AksWebservice.deploy_configuration`;
// it sends null for what the user left out.
const DEFAULT_CPU: f64 = 0.1;
const DEFAULT_MEMORY_GB: f64 = 0.5;
const DEFAULT_CONCURRENCY: u32 = 1;
const DEFAULT_MAX_WAIT_MS: u32 = 500;
const DEFAULT_SCORING_TIMEOUT_MS: u32 = 60_000;
const DEFAULT_MIN_REPLICAS: u32 = 1;
const DEFAULT_MAX_REPLICAS: u32 = 10;
const DEFAULT_TARGET_PERCENT: u32 = 70;
const DEFAULT_REFRESH_SECONDS: u32 = 1;

// Our own limits, where Azure documents none.
const REPLICAS: RangeInclusive<i64> = 1..=1_000;
const CONCURRENCY: RangeInclusive<i64> = 1..=MOST_CONCURRENCY as i64;
const MAX_WAIT_MS: RangeInclusive<i64> = 1..=600_000;
const SCORING_TIMEOUT_MS: RangeInclusive<i64> = 1..=3_600_000;
const SECONDS: RangeInclusive<i64> = 1..=86_400;
const THRESHOLD: RangeInclusive<i64> = 1..=1_000;
const MOST_CORES: f64 = 10_000.0;
const MOST_GB: f64 = 100_000.0;
const MOST_GPUS: i64 = 64;
const LONGEST_LABEL: usize = 4_096;
const LONGEST_DESCRIPTION: usize = 32_768;
const LONGEST_PACKAGE: usize = 1_024;
const LONGEST_VARIABLE: usize = 32_768;

struct Check<'a>(&'a mut Vec<Finding>);

impl Check<'_> {
    fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(Finding::new(field, message));
    }

    fn whole(
        &mut self,
        field: &str,
        value: Option<i64>,
        allowed: &RangeInclusive<i64>,
        default: u32,
    ) -> u32 {
        let Some(value) = value else { return default };
        match u32::try_from(value) {
            Ok(number) if allowed.contains(&value) => number,
            _ => {
                self.refuse(
                    field,
                    format!(
                        "is {value}; must be a whole number from {} to {}",
                        allowed.start(),
                        allowed.end()
                    ),
                );
                default
            }
        }
    }

    fn amount(&mut self, field: &str, value: Option<f64>, most: f64) -> Option<f64> {
        let value = value?;
        if value.is_finite() && value > 0.0 && value <= most {
            return Some(value);
        }
        self.refuse(
            field,
            format!("is {value}; must be more than 0 and at most {most}"),
        );
        None
    }

    fn labels(&mut self, field: &str, labels: &BTreeMap<String, String>) {
        if labels.len() > MOST_LABELS {
            self.refuse(
                field,
                format!(
                    "has {} entries; at most {MOST_LABELS} are allowed",
                    labels.len()
                ),
            );
        }
        for (name, value) in labels {
            if name.is_empty() || name.len() > LONGEST_LABEL || value.len() > LONGEST_LABEL {
                self.refuse(
                    field,
                    format!(
                        "names and values have at most {LONGEST_LABEL} bytes, names at least 1"
                    ),
                );
                return;
            }
        }
    }
}

impl EndpointRequest {
    /// Checks everything that can be told from the request alone, adding each
    /// broken rule to `findings`. The answer is `None` when anything is broken.
    pub fn check(&self, findings: &mut Vec<Finding>) -> Option<CheckedEndpoint> {
        let before = findings.len();
        let mut check = Check(findings);
        let name = self.check_name(&mut check);
        let compute_name = self.check_compute_name(&mut check);
        let authentication = self.check_authentication(&mut check);
        let scaling = self.check_scaling(&mut check);
        let resources = self.check_resources(&mut check);
        let concurrency = check.whole(
            "maxConcurrentRequestsPerContainer",
            self.concurrency,
            &CONCURRENCY,
            DEFAULT_CONCURRENCY,
        );
        check_processes(scaling, concurrency, &mut check);
        let max_wait = check.whole(
            "maxQueueWaitMs",
            self.max_wait_ms,
            &MAX_WAIT_MS,
            DEFAULT_MAX_WAIT_MS,
        );
        let scoring_timeout = check.whole(
            "scoringTimeoutMs",
            self.scoring_timeout_ms,
            &SCORING_TIMEOUT_MS,
            DEFAULT_SCORING_TIMEOUT_MS,
        );
        let liveness = self.check_liveness(&mut check);
        let namespace = match self.namespace.as_deref() {
            None | Some("") => None,
            Some(text) => match text.parse::<Namespace>() {
                Ok(namespace) => Some(namespace),
                Err(error) => {
                    check.refuse("namespace", format!("{} {error}", Quoted(text)));
                    None
                }
            },
        };
        let models = self.check_models(&mut check);
        let code = self.check_code(&mut check);
        self.check_environment(&mut check);
        if self
            .description
            .as_ref()
            .is_some_and(|text| text.len() > LONGEST_DESCRIPTION)
        {
            check.refuse(
                "description",
                format!("must have at most {LONGEST_DESCRIPTION} bytes"),
            );
        }
        check.labels("kvTags", &self.tags);
        check.labels("properties", &self.properties);
        if findings.len() > before {
            return None;
        }
        Some(CheckedEndpoint {
            name: name?,
            compute_name: compute_name?,
            authentication,
            scaling,
            resources,
            concurrency,
            max_wait: Duration::from_millis(max_wait.into()),
            scoring_timeout: Duration::from_millis(scoring_timeout.into()),
            liveness,
            namespace,
            models,
            code,
            driver: self.driver.clone(),
            environment: self.environment.clone(),
        })
    }

    fn check_name(&self, check: &mut Check<'_>) -> Option<EndpointName> {
        match self.name.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                check.refuse("name", format!("{} {error}", Quoted(&self.name)));
                None
            }
        }
    }

    fn check_compute_name(&self, check: &mut Check<'_>) -> Option<ComputeName> {
        let Some(text) = self.compute_name.as_deref().filter(|text| !text.is_empty()) else {
            check.refuse("computeName", "is missing; name the compute to deploy to");
            return None;
        };
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                check.refuse("computeName", format!("{} {error}", Quoted(text)));
                None
            }
        }
    }

    fn check_authentication(&self, check: &mut Check<'_>) -> Authentication {
        let is_token = self.is_token_auth_enabled == Some(true);
        if is_token && self.is_key_auth_enabled == Some(true) {
            check.refuse(
                "aadAuthEnabled",
                "and authEnabled cannot both be true; set the other one to false in the same \
                 request",
            );
        }
        for (field, key) in [
            ("keys.primaryKey", &self.primary_key),
            ("keys.secondaryKey", &self.secondary_key),
        ] {
            if let Some(key) = key {
                check_chosen_key(field, key, check.0);
            }
        }
        match (is_token, self.is_key_auth_enabled) {
            (true, _) => Authentication::Token,
            (false, Some(false)) => Authentication::Open,
            (false, Some(true) | None) => Authentication::Key,
        }
    }

    fn check_scaling(&self, check: &mut Check<'_>) -> Scaling {
        let rules = &self.autoscale;
        let is_auto = rules.is_enabled.unwrap_or(self.replicas.is_none());
        if !is_auto {
            if self.replicas.is_none() {
                check.refuse("numReplicas", "is needed when autoscaling is off");
            }
            let count = check.whole("numReplicas", self.replicas, &REPLICAS, 1);
            return Scaling::Fixed(nonzero(count));
        }
        if self.replicas.is_some() {
            check.refuse(
                "numReplicas",
                "cannot be set while autoscaling is on; set autoScaler.autoscaleEnabled to false",
            );
        }
        let min = check.whole(
            "autoScaler.minReplicas",
            rules.min,
            &REPLICAS,
            DEFAULT_MIN_REPLICAS,
        );
        let max = check.whole(
            "autoScaler.maxReplicas",
            rules.max,
            &REPLICAS,
            DEFAULT_MAX_REPLICAS.max(min),
        );
        if min > max {
            check.refuse(
                "autoScaler.minReplicas",
                format!("is {min}, more than autoScaler.maxReplicas, which is {max}"),
            );
        }
        let target = check.whole(
            "autoScaler.targetUtilization",
            rules.target_percent,
            &(1..=100),
            DEFAULT_TARGET_PERCENT,
        );
        let refresh = check.whole(
            "autoScaler.refreshPeriodInSeconds",
            rules.refresh_seconds,
            &SECONDS,
            DEFAULT_REFRESH_SECONDS,
        );
        Scaling::Auto(Autoscale {
            min: nonzero(min),
            max: nonzero(max),
            target_percent: nonzero(target),
            refresh_seconds: nonzero(refresh),
        })
    }

    fn check_resources(&self, check: &mut Check<'_>) -> Resources {
        let asked = &self.resources;
        let field = |name: &str| format!("containerResourceRequirements.{name}");
        let cpu = check
            .amount(&field("cpu"), asked.cpu, MOST_CORES)
            .unwrap_or(DEFAULT_CPU);
        let cpu_limit = check.amount(&field("cpuLimit"), asked.cpu_limit, MOST_CORES);
        let memory_gb = check
            .amount(&field("memoryInGB"), asked.memory_gb, MOST_GB)
            .unwrap_or(DEFAULT_MEMORY_GB);
        let memory_limit_gb =
            check.amount(&field("memoryInGBLimit"), asked.memory_limit_gb, MOST_GB);
        for (name, request, limit) in [
            ("cpuLimit", cpu, cpu_limit),
            ("memoryInGBLimit", memory_gb, memory_limit_gb),
        ] {
            if let Some(limit) = limit
                && limit < request
            {
                check.refuse(
                    &field(name),
                    format!("is {limit}, less than what is requested, which is {request}"),
                );
            }
        }
        Resources {
            cpu,
            cpu_limit,
            memory_gb,
            memory_limit_gb,
            gpu: check.whole(&field("gpu"), asked.gpu, &(0..=MOST_GPUS), 0),
        }
    }

    fn check_liveness(&self, check: &mut Check<'_>) -> Liveness {
        let asked = &self.liveness;
        let default = Liveness::default();
        let field = |name: &str| format!("livenessProbeRequirements.{name}");
        Liveness {
            period_seconds: check.whole(
                &field("periodSeconds"),
                asked.period_seconds,
                &SECONDS,
                default.period_seconds,
            ),
            initial_delay_seconds: check.whole(
                &field("initialDelaySeconds"),
                asked.initial_delay_seconds,
                &SECONDS,
                default.initial_delay_seconds,
            ),
            timeout_seconds: check.whole(
                &field("timeoutSeconds"),
                asked.timeout_seconds,
                &SECONDS,
                default.timeout_seconds,
            ),
            success_threshold: check.whole(
                &field("successThreshold"),
                asked.success_threshold,
                &THRESHOLD,
                default.success_threshold,
            ),
            failure_threshold: check.whole(
                &field("failureThreshold"),
                asked.failure_threshold,
                &THRESHOLD,
                default.failure_threshold,
            ),
        }
    }

    fn check_models(&self, check: &mut Check<'_>) -> Vec<ModelId> {
        let field = "environmentImageRequest.modelIds";
        if self.models.len() > MOST_MODELS {
            check.refuse(
                field,
                format!(
                    "has {} entries; at most {MOST_MODELS} are allowed",
                    self.models.len()
                ),
            );
            return Vec::new();
        }
        let mut models = Vec::with_capacity(self.models.len());
        for text in &self.models {
            match text.parse::<ModelId>() {
                Ok(id) if models.contains(&id) => {
                    check.refuse(field, format!("names `{id}` twice"));
                }
                Ok(id) => models.push(id),
                Err(error) => check.refuse(field, format!("{} {error}", Quoted(text))),
            }
        }
        models
    }

    fn check_code(&self, check: &mut Check<'_>) -> Vec<CheckedCode> {
        let field = "environmentImageRequest.assets";
        if self.code.len() > MOST_CODE_FILES {
            check.refuse(
                field,
                format!(
                    "has {} entries; at most {MOST_CODE_FILES} are allowed",
                    self.code.len()
                ),
            );
            return Vec::new();
        }
        let mut files: Vec<CheckedCode> = Vec::with_capacity(self.code.len());
        for file in &self.code {
            if let Err(error) = check_relative_path(&file.name) {
                check.refuse(
                    &format!("{field}.id"),
                    format!("{} {error}", Quoted(&file.name)),
                );
                continue;
            }
            if files.iter().any(|other| other.name == file.name) {
                check.refuse(
                    &format!("{field}.id"),
                    format!("names {} twice", Quoted(&file.name)),
                );
                continue;
            }
            match file.artifact.parse() {
                Ok(artifact) => files.push(CheckedCode {
                    name: file.name.clone(),
                    artifact,
                    unpack: file.unpack,
                }),
                Err(error) => {
                    check.refuse(
                        &format!("{field}.url"),
                        format!(
                            "{} {error}",
                            Quoted(&format!("aml://artifact/{}", file.artifact))
                        ),
                    );
                }
            }
        }
        if let Some(driver) = &self.driver
            && !self.code.iter().any(|file| file.name == *driver)
        {
            check.refuse(
                "environmentImageRequest.driverProgram",
                format!("{} is not among the assets", Quoted(driver)),
            );
        }
        files
    }

    /// Without an environment there is no code either: a script of ours answers for
    /// exactly one model.
    fn check_no_code(&self, check: &mut Check<'_>) {
        if !self.code.is_empty() || self.driver.is_some() {
            check.refuse(
                "environmentImageRequest.environment",
                "is missing; the entry script needs one",
            );
        } else if self.models.len() != 1 {
            check.refuse(
                "environmentImageRequest.environment",
                format!(
                    "is missing; without an inference configuration (an entry script and an \
                     environment) exactly one model can be deployed, not {}",
                    self.models.len()
                ),
            );
        }
    }

    fn check_environment(&self, check: &mut Check<'_>) {
        let Some(environment) = &self.environment else {
            return self.check_no_code(check);
        };
        check_packages(&environment.python.conda, check);
        let variables = &environment.variables;
        let field = "environmentImageRequest.environment.environmentVariables";
        if variables.len() > MOST_VARIABLES {
            check.refuse(
                field,
                format!(
                    "has {} entries; at most {MOST_VARIABLES} are allowed",
                    variables.len()
                ),
            );
        }
        for (name, value) in variables {
            if !is_variable_name(name) {
                check.refuse(
                    field,
                    format!(
                        "{} must consist of letters, digits and `_`, not a digit first",
                        Quoted(name)
                    ),
                );
            } else if value.len() > LONGEST_VARIABLE || value.contains('\0') {
                check.refuse(
                    field,
                    format!(
                        "the value of {} must have at most {LONGEST_VARIABLE} bytes and no null \
                         character",
                        Quoted(name)
                    ),
                );
            }
        }
    }
}

/// Bounds the processes that a service may ever run.
fn check_processes(scaling: Scaling, concurrency: u32, check: &mut Check<'_>) {
    let (field, most) = match scaling {
        Scaling::Fixed(count) => ("numReplicas", count.get()),
        Scaling::Auto(rules) => ("autoScaler.maxReplicas", rules.max.get()),
    };
    let processes = u64::from(most) * u64::from(concurrency);
    if processes > u64::from(MOST_PROCESSES) {
        check.refuse(
            field,
            format!(
                "is {most}, which with maxConcurrentRequestsPerContainer {concurrency} makes \
                 {processes} Python processes; at most {MOST_PROCESSES} are allowed, that is {} \
                 replicas",
                MOST_PROCESSES / concurrency.max(1)
            ),
        );
    }
}

/// Bounds what a builder is asked to look at; what the lines mean is its own matter.
fn check_packages(conda: &CondaSpec, check: &mut Check<'_>) {
    let field = "environmentImageRequest.environment.python.condaDependencies";
    let lines: Vec<&String> = conda
        .dependencies
        .iter()
        .flat_map(|entry| match entry {
            CondaDependency::Conda(line) => std::slice::from_ref(line),
            CondaDependency::Pip(lines) => lines.as_slice(),
        })
        .chain(&conda.channels)
        .collect();
    if lines.len() > MOST_PACKAGES {
        check.refuse(
            field,
            format!(
                "has {} packages and channels; at most {MOST_PACKAGES} are allowed",
                lines.len()
            ),
        );
    }
    if lines.iter().any(|line| line.len() > LONGEST_PACKAGE) {
        check.refuse(
            field,
            format!("an entry must have at most {LONGEST_PACKAGE} bytes"),
        );
    }
}

fn is_variable_name(name: &str) -> bool {
    name.len() <= 256
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

fn nonzero(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}
