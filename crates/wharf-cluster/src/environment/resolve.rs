//! A lock from requirements: which versions fit together, for which interpreter.

use std::{ffi::OsString, fs, path::Path, time::Duration};

use wharf_core::{environment::EnvironmentError, finding::Finding};

use super::{
    build::{Build, arguments, disk},
    failure::{self, Cause},
    interpreters::Installed,
    plan::PackagePlan,
    python::{Interpreter, Minor, WantedPython, candidates, listed},
    settings::BuildPolicy,
};

const STEP: &str = "resolve";
/// Python versions that a refusal looks into, to say which would do.
const KNOWN: std::ops::RangeInclusive<u64> = 7..=14;
/// How long that may take for each.
const LOOK: Duration = Duration::from_secs(30);

/// Versions that fit together.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Each package with its version and hashes.
    pub(super) lock: String,
    pub(super) interpreter: Interpreter,
    /// Not what was asked for: what to tell.
    pub(super) notice: Option<String>,
}

/// Why there are none.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// They do not fit together: other requirements may.
    Unsatisfiable(EnvironmentError),
    Other(EnvironmentError),
}

impl From<EnvironmentError> for Unresolved {
    fn from(error: EnvironmentError) -> Self {
        Self::Other(error)
    }
}

impl From<Unresolved> for EnvironmentError {
    fn from(unresolved: Unresolved) -> Self {
        let (Unresolved::Unsatisfiable(error) | Unresolved::Other(error)) = unresolved;
        error
    }
}

/// Tries the interpreters in order and takes the first that works.
pub(super) async fn resolve(
    build: &Build<'_>,
    uv: &Path,
    plan: &PackagePlan,
    installed: &Installed,
) -> Result<Resolved, Unresolved> {
    let policy = &build.settings.policy;
    let strict = policy.strict_python;
    let chosen = candidates(
        &plan.python,
        &installed.interpreters,
        installed.preferred,
        strict,
    )
    .map_err(|why| {
        let field = "python.condaDependencies.dependencies";
        EnvironmentError::Refused(vec![Finding::new(field, why)])
    })?;
    write_inputs(build, plan).map_err(|error| disk(&error))?;
    let lock_file = build.folder.join("requirements.lock");
    let mut first = None;
    for interpreter in &chosen.interpreters {
        build.log.line(&format!(
            "Looking for versions that fit together, for Python {}",
            interpreter.version
        ));
        let arguments = compile(policy, plan, interpreter, None, &lock_file);
        let limit = build.settings.limits.resolve;
        let output = build.run(STEP, uv, arguments, limit).await?;
        if output.status.success() {
            let lock = fs::read_to_string(&lock_file).map_err(|error| disk(&error))?;
            let notice = notice(&plan.python, interpreter, chosen.is_relaxed);
            return Ok(Resolved {
                lock,
                interpreter: interpreter.clone(),
                notice,
            });
        }
        match failure::cause(&output.lines, &output.how()) {
            Cause::Unsatisfiable(message) => {
                first.get_or_insert(message);
            }
            Cause::Unreachable(message) | Cause::Other(message) => {
                return Err(failed(message).into());
            }
        }
    }
    let tried = &chosen.interpreters;
    let would_do = would_do(build, uv, plan, tried).await?;
    let first = first.unwrap_or_default();
    let absent = absent(&plan.python, chosen.is_relaxed);
    Err(Unresolved::Unsatisfiable(failed(format!(
        "{absent}these packages cannot be had together with Python {}: {first}{}",
        listed(tried),
        remedy(&would_do)
    ))))
}

/// That what was asked for is not here, as the beginning of a sentence.
fn absent(wanted: &WantedPython, is_relaxed: bool) -> String {
    match wanted {
        WantedPython::Minor { written, .. } if is_relaxed => {
            format!("Python {written} was asked for and is not installed on this machine, and ")
        }
        WantedPython::Range(range) if is_relaxed => {
            format!("Python {range} was asked for and is not installed on this machine, and ")
        }
        _ => String::new(),
    }
}

/// Which versions would do, and how they come to be found.
fn remedy(would_do: &[Minor]) -> String {
    if would_do.is_empty() {
        return String::new();
    }
    let versions: Vec<_> = would_do.iter().map(Minor::to_string).collect();
    format!(
        ". Python {} would do: install it on the server's machine, on the server's PATH, in \
         /usr/local/bin or /usr/bin, or with pyenv, asdf, mise or uv, and deploy again",
        versions.join(", ")
    )
}

fn failed(message: String) -> EnvironmentError {
    EnvironmentError::Failed {
        step: STEP,
        message,
    }
}

fn write_inputs(build: &Build<'_>, plan: &PackagePlan) -> std::io::Result<()> {
    let lines = |all: &[String]| all.iter().map(|it| format!("{it}\n")).collect::<String>();
    let requirements: Vec<_> = plan.requirements.iter().map(ToString::to_string).collect();
    for (name, text) in [
        ("requirements.in", lines(&requirements)),
        ("constraints.txt", lines(&plan.constraints)),
        ("overrides.txt", lines(&plan.overrides)),
    ] {
        fs::write(build.folder.join(name), text)?;
    }
    Ok(())
}

fn compile(
    policy: &BuildPolicy,
    plan: &PackagePlan,
    interpreter: &Interpreter,
    other: Option<Minor>,
    output: &Path,
) -> Vec<OsString> {
    let mut all = arguments([
        &"pip",
        &"compile",
        &"requirements.in",
        &"--constraint",
        &"constraints.txt",
        &"--override",
        &"overrides.txt",
        &"--python",
        &interpreter.path,
        &"--output-file",
        &output,
        // What is installed later is what was found now, byte by byte.
        &"--generate-hashes",
        &"--no-header",
        &"--no-annotate",
        &"--quiet",
    ]);
    if let Some(minor) = other {
        all.extend(arguments([&"--python-version", &minor.to_string()]));
    }
    all.extend(sources(policy, plan));
    all
}

/// Where packages may come from.
pub(super) fn sources(policy: &BuildPolicy, plan: &PackagePlan) -> Vec<OsString> {
    let mut all = Vec::new();
    if !policy.allow_source_builds {
        all.extend(arguments([&"--only-binary", &":all:"]));
    }
    for (option, url) in &plan.indexes {
        all.extend(arguments([option, url]));
    }
    all
}

/// Versions of Python, not among the tried ones, that the packages can be had with.
/// `uv` resolves for them without having them.
async fn would_do(
    build: &Build<'_>,
    uv: &Path,
    plan: &PackagePlan,
    tried: &[Interpreter],
) -> Result<Vec<Minor>, EnvironmentError> {
    let mut found = Vec::new();
    // A source distribution may be built to be looked into, which needs the Python. And
    // what holds a hint is tried again without it.
    let is_idle = plan.is_hinted || build.settings.policy.allow_source_builds;
    let Some(any) = tried.first().filter(|_| !is_idle) else {
        return Ok(found);
    };
    let output = build.folder.join("other.lock");
    for minor in KNOWN.map(|it| Minor(3, it)) {
        if tried.iter().any(|it| it.minor() == minor) {
            continue;
        }
        let arguments = compile(&build.settings.policy, plan, any, Some(minor), &output);
        let run = build.run_silently(STEP, uv, arguments, LOOK).await;
        if run.is_ok_and(|output| output.status.success()) {
            found.push(minor);
        }
    }
    Ok(found)
}

/// What to say of the interpreter.
fn notice(wanted: &WantedPython, taken: &Interpreter, is_relaxed: bool) -> Option<String> {
    let version = &taken.version;
    match wanted {
        WantedPython::Any { default: None } => None,
        WantedPython::Any { default: Some(it) } if taken.version == *it => None,
        WantedPython::Any { default: Some(it) } => Some(format!(
            "Python {version} is used: {it} is what the SDK writes when no version is chosen"
        )),
        WantedPython::Minor { written, .. } if is_relaxed => Some(format!(
            "Python {written} is not installed on this machine: Python {version} is used \
             instead, with the packages as pinned"
        )),
        WantedPython::Range(range) if is_relaxed => Some(format!(
            "no Python {range} is installed on this machine: Python {version} is used instead"
        )),
        WantedPython::Minor { .. } | WantedPython::Range(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(version: &str) -> Interpreter {
        Interpreter {
            path: "/python".into(),
            version: version.into(),
            implementation: "CPython".into(),
        }
    }

    #[test]
    fn says_when_the_interpreter_is_another_one() {
        let wanted = WantedPython::Any {
            default: Some("3.8.13".into()),
        };
        let text = notice(&wanted, &python("3.11.7"), false).expect("one");
        assert!(text.starts_with("Python 3.11.7 is used: 3.8.13 is what the SDK"));
        let wanted = WantedPython::Minor {
            minor: Minor(3, 9),
            written: "3.9.1".into(),
        };
        let text = notice(&wanted, &python("3.10.4"), true).expect("one");
        assert!(text.starts_with("Python 3.9.1 is not installed"));
        assert_eq!(notice(&wanted, &python("3.9.18"), false), None);
        let nothing = WantedPython::Any { default: None };
        assert_eq!(notice(&nothing, &python("3.9.18"), false), None);
    }

    #[test]
    fn a_refusal_says_that_what_was_asked_for_is_not_here_and_what_to_do() {
        let wanted = WantedPython::Minor {
            minor: Minor(3, 9),
            written: "3.9".into(),
        };
        assert_eq!(
            absent(&wanted, true),
            "Python 3.9 was asked for and is not installed on this machine, and "
        );
        assert_eq!(absent(&wanted, false), "");
        let text = remedy(&[Minor(3, 8), Minor(3, 9)]);
        assert!(
            text.starts_with(". Python 3.8, 3.9 would do: install it"),
            "{text}"
        );
        assert!(text.contains("pyenv") && text.contains("PATH"), "{text}");
        assert_eq!(remedy(&[]), "");
    }

    #[test]
    fn takes_wheels_only_unless_allowed() {
        let plan = PackagePlan {
            python: WantedPython::Any { default: None },
            requirements: vec![],
            constraints: vec![],
            overrides: vec![],
            indexes: vec![("--index", "https://i/".into())],
            notices: vec![],
            is_hinted: false,
        };
        let mut policy = BuildPolicy::default();
        assert_eq!(
            sources(&policy, &plan),
            ["--only-binary", ":all:", "--index", "https://i/"]
        );
        policy.allow_source_builds = true;
        assert_eq!(sources(&policy, &plan), ["--index", "https://i/"]);
    }
}
