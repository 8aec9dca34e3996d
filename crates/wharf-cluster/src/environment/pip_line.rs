//! Lines for pip: requirements, and the options among them.

use super::{names::normalise, requirement::Requirement};

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PipLine {
    /// Nothing that matters here.
    Nothing,
    Package(Requirement),
    /// Another index, with `uv`'s name for the option.
    Index {
        option: &'static str,
        url: String,
    },
}

/// What may be asked for beside the index of the operator.
#[derive(Debug, Clone, Copy)]
pub(super) struct PipPolicy<'a> {
    pub(super) allow_direct_references: bool,
    pub(super) index_hosts: &'a [String],
}

/// Option, its short form, `uv`'s name.
const INDEX_OPTIONS: &[(&str, &str, &str)] = &[
    ("--index-url", "-i", "--default-index"),
    ("--extra-index-url", "", "--index"),
    ("--find-links", "-f", "--find-links"),
];
/// Options that change nothing here.
const IDLE_OPTIONS: &[&str] = &[
    "--no-cache-dir",
    "--prefer-binary",
    "--upgrade",
    "-U",
    "--only-binary=:all:",
    "--disable-pip-version-check",
];
/// The SDK's `CondaDependencies.create` adds two options with an old name of the
/// public index (azureml-core 1.61, `conda_dependencies.py`); it is below this
/// domain, of the language's own foundation, and no longer answers.
const OLD_INDEX_DOMAIN: &str = ".python.org";

impl PipLine {
    /// Reads one line.
    pub(super) fn parse(line: &str, policy: PipPolicy<'_>) -> Result<Self, String> {
        let text = line.split_once(" #").map_or(line, |(text, _)| text).trim();
        if text.is_empty() || text.starts_with('#') || IDLE_OPTIONS.contains(&text) {
            return Ok(Self::Nothing);
        }
        if text.starts_with('-') {
            return option(text, policy);
        }
        let is_address = text.contains("://") || text.contains(" @ ");
        let is_path = !is_address
            && (text.starts_with(['.', '/', '~'])
                || text.contains(['/', '\\'])
                || [".whl", ".tar.gz", ".zip"]
                    .iter()
                    .any(|it| text.ends_with(it)));
        if (is_address || is_path) && !policy.allow_direct_references {
            return Err(format!(
                "`{}` is an address or a path; this server installs packages from its index \
                 only: name the package and its version",
                super::redact::redact(text)
            ));
        }
        if is_path || (is_address && !text.contains('@')) {
            return Err(format!("`{text}`: write NAME @ URL"));
        }
        if text.contains(" --hash") {
            return Err(format!(
                "`{text}`: hashes are not understood; leave them out, what is resolved is \
                 pinned with its hashes anyway"
            ));
        }
        let mut requirement = Requirement::parse(text).map_err(|why| match text {
            it if it.contains(&format!("`{why}`")) => why,
            it => format!("`{it}`: {why}"),
        })?;
        match normalise(&requirement.name).as_str() {
            // Empty packages with the name of something else.
            "pytorch" => {
                return Err("`pytorch` is named `torch` on the Python package index".to_owned());
            }
            "sklearn" if requirement.specifiers.is_any() => {
                requirement.name = "scikit-learn".to_owned();
            }
            "sklearn" => {
                return Err(format!(
                    "`{text}` is an empty package; name `scikit-learn` and its version"
                ));
            }
            _ => {}
        }
        Ok(Self::Package(requirement))
    }
}

fn option(text: &str, policy: PipPolicy<'_>) -> Result<PipLine, String> {
    let (name, value) = text
        .split_once([' ', '='])
        .map_or((text, ""), |(name, value)| (name, value.trim()));
    let known = INDEX_OPTIONS
        .iter()
        .find(|(long, short, _)| name == *long || name == *short);
    let Some((_, _, option)) = known else {
        return Err(format!(
            "the option `{name}` is not understood here; leave it out"
        ));
    };
    let host = host_of(value);
    if host.is_some_and(|host| host.ends_with(OLD_INDEX_DOMAIN)) {
        return Ok(PipLine::Nothing);
    }
    let is_allowed = host.is_some_and(|host| {
        policy
            .index_hosts
            .iter()
            .any(|it| it.eq_ignore_ascii_case(host))
    });
    if !is_allowed {
        return Err(format!(
            "`{}` names another package index, which this server does not allow; leave the \
             line out, or ask the operator to allow the host `{}`",
            super::redact::redact(text),
            host.unwrap_or("(none)")
        ));
    }
    Ok(PipLine::Index {
        option,
        url: value.to_owned(),
    })
}

/// The host of an `https` or `http` address, without port and credentials.
fn host_of(url: &str) -> Option<&str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?;
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: PipPolicy<'_> = PipPolicy {
        allow_direct_references: false,
        index_hosts: &[],
    };

    fn package(line: &str) -> String {
        match PipLine::parse(line, STRICT) {
            Ok(PipLine::Package(it)) => it.to_string(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn reads_packages() {
        assert_eq!(package("azureml-defaults"), "azureml-defaults");
        assert_eq!(package("numpy==1.2 # why"), "numpy==1.2");
        assert_eq!(package("sklearn"), "scikit-learn");
        assert_eq!(
            package("azureml-dataset-runtime[fuse]~=1.5"),
            "azureml-dataset-runtime[fuse]~=1.5"
        );
    }

    #[test]
    fn skips_what_says_nothing() {
        for line in [
            "",
            "# comment",
            "--no-cache-dir",
            "--find-links https://old.python.org/simple/index.html",
            "--extra-index-url https://old.python.org/simple",
        ] {
            assert_eq!(PipLine::parse(line, STRICT), Ok(PipLine::Nothing), "{line}");
        }
    }

    #[test]
    fn refuses_other_sources_unless_allowed() {
        for line in [
            "--extra-index-url https://packages.example/simple",
            "-i https://packages.example/simple",
            "-f ./wheels",
            "--index-url https://python.org.example/simple",
            "--index-url https://evil.example\\.python.org/simple",
            "git+https://host/repo.git",
            "x @ https://host/x.whl",
            "https://host/x.whl",
            "./x.whl",
            "/srv/x",
            "x-1.0-py3-none-any.whl",
            "file:///x",
            "-e .",
            "-r other.txt",
            "--pre",
            "numpy=1.2",
            "numpy==1 --hash=sha256:aa",
            "pytorch",
            "sklearn==0.22",
        ] {
            assert!(PipLine::parse(line, STRICT).is_err(), "{line}");
        }
        let hosts = ["packages.example".to_owned()];
        let open = PipPolicy {
            allow_direct_references: true,
            index_hosts: &hosts,
        };
        let url = "https://me:word@packages.example:8080/simple".to_owned();
        assert_eq!(
            PipLine::parse(&format!("--extra-index-url={url}"), open),
            Ok(PipLine::Index {
                option: "--index",
                url
            })
        );
        assert!(matches!(
            PipLine::parse("x @ https://host/x.whl", open),
            Ok(PipLine::Package(_))
        ));
    }

    #[test]
    fn keeps_passwords_to_itself() {
        let line = "--index-url https://me:word@packages.example/simple";
        let why = PipLine::parse(line, STRICT).expect_err("not allowed");
        assert!(!why.contains("word"), "{why}");
        assert!(why.contains("packages.example"), "{why}");
    }
}
