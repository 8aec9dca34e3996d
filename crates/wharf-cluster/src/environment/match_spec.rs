//! Conda's match specifications: `channel::name=version=build` and its kin.

use super::{
    requirement::check_name,
    version::{Clause, Operator, Specifiers},
};

/// One conda package as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MatchSpec {
    pub(super) channel: Option<String>,
    /// As written.
    pub(super) name: String,
    /// In the index's own syntax.
    pub(super) specifiers: Specifiers,
    /// Names a build of conda's; there is no such thing on the index.
    pub(super) build: Option<String>,
    /// Alternatives before the last `|`, which cannot be said on the index.
    pub(super) alternatives: Option<String>,
}

impl MatchSpec {
    /// Reads one line.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let text = line.split_once(" #").map_or(line, |(text, _)| text).trim();
        let (channel, text) = match text.rsplit_once("::") {
            Some((channel, rest)) => (Some(channel.trim().to_owned()), rest.trim()),
            None => (None, text),
        };
        if text.contains("://") || text.contains('/') {
            return Err(format!("`{line}` is an address; name the package instead"));
        }
        let end = text
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        // Conda's own packages may start with `_`.
        check_name(name.trim_start_matches('_'))?;
        if rest.trim_start().starts_with('[') {
            return Err(format!(
                "`{line}`: brackets are not understood; write NAME=VERSION"
            ));
        }
        let rest = without_inner_spaces(rest);
        let mut words = rest.split_whitespace();
        let (version, build) = (words.next().unwrap_or_default(), words.next());
        if words.next().is_some() {
            return Err(format!(
                "`{line}` has too many parts; write NAME=VERSION or NAME>=VERSION,<VERSION"
            ));
        }
        let (version, build) = split_build(version, build);
        let (alternatives, version) = match version.rsplit_once('|') {
            Some((before, last)) => (Some(before.to_owned()), last),
            None => (None, version),
        };
        let clauses = version.split(',').map(clause);
        let clauses: Result<Vec<_>, _> = clauses.collect();
        let clauses = clauses.map_err(|why| format!("`{line}`: {why}"))?;
        Ok(Self {
            channel,
            name: name.to_owned(),
            specifiers: Specifiers(clauses.into_iter().flatten().collect()),
            build: build.filter(|it| *it != "*").map(str::to_owned),
            alternatives,
        })
    }
}

/// Drops spaces after operators and around `,` and `|`: what is left separates the
/// version from the build.
fn without_inner_spaces(text: &str) -> String {
    let mut tight = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let joins =
            tight.ends_with(['=', '<', '>', '!', '~', ',', '|']) || word.starts_with([',', '|']);
        if !tight.is_empty() && !joins {
            tight.push(' ');
        }
        tight.push_str(word);
    }
    tight
}

/// `=1.2=py39_0` and `==1.2=py39_0`: the build is behind the second sign.
fn split_build<'a>(version: &'a str, build: Option<&'a str>) -> (&'a str, Option<&'a str>) {
    let start = version.len() - version.trim_start_matches('=').len();
    if start > 0 && build.is_none() {
        let cut = version[start..].find('=').map(|at| start + at);
        // Not the sign of an operator, as in `=1.2,<=3`.
        if let Some(at) = cut.filter(|at| !version[..*at].ends_with(['<', '>', '!', '~', ','])) {
            return (&version[..at], Some(&version[at + 1..]));
        }
    }
    (version, build)
}

/// One condition; `None` for "any".
fn clause(text: &str) -> Result<Option<Clause>, String> {
    let text = text.trim();
    let bare = text.trim_start_matches('=');
    if bare.is_empty() && !text.is_empty() {
        return Err(format!("there is no version behind `{text}`"));
    }
    if bare.is_empty() || bare == "*" {
        return Ok(None);
    }
    if let Some(clause) = Clause::parse(text) {
        return clause.map(Some);
    }
    let Some(version) = text.strip_prefix('=') else {
        return Clause::new(Operator::Exact, text).map(Some);
    };
    // `=1.19` means any 1.19; three numbers name one release.
    let is_short =
        version.split('.').count() < 3 && version.chars().all(|c| c.is_ascii_digit() || c == '.');
    let operator = if is_short {
        Operator::Prefix
    } else {
        Operator::Exact
    };
    Clause::new(operator, version).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> MatchSpec {
        MatchSpec::parse(line).expect(line)
    }

    #[test]
    fn translates_versions() {
        for (line, name, specifiers) in [
            ("numpy", "numpy", ""),
            ("numpy=1.23.5", "numpy", "==1.23.5"),
            ("numpy=1.19", "numpy", "==1.19.*"),
            ("pillow=9", "pillow", "==9.*"),
            ("numpy=1.19.*", "numpy", "==1.19.*"),
            ("numpy=1.19*", "numpy", "==1.19.*"),
            ("numpy==1.19", "numpy", "==1.19"),
            ("numpy==1.19.*", "numpy", "==1.19.*"),
            ("numpy = 1.19", "numpy", "==1.19.*"),
            ("numpy 1.23.*", "numpy", "==1.23.*"),
            ("numpy 1.23", "numpy", "==1.23"),
            ("numpy>=1.19", "numpy", ">=1.19"),
            ("numpy >=1.19, <2", "numpy", ">=1.19,<2"),
            ("numpy >= 1.19 , < 2", "numpy", ">=1.19,<2"),
            ("numpy>1.19.*", "numpy", ">1.19"),
            ("numpy!=1.5", "numpy", "!=1.5"),
            ("numpy~=1.4", "numpy", "~=1.4"),
            ("numpy=1.2,<=3", "numpy", "==1.2.*,<=3"),
            ("numpy *", "numpy", ""),
            ("numpy=*", "numpy", ""),
            ("_libgcc_mutex=0.1", "_libgcc_mutex", "==0.1.*"),
            ("ruamel.yaml=0.17", "ruamel.yaml", "==0.17.*"),
            ("pytz=2023.3.post1", "pytz", "==2023.3.post1"),
            ("torch=2.0.0rc1 # comment", "torch", "==2.0.0rc1"),
        ] {
            let spec = parse(line);
            assert_eq!(spec.name, name, "{line}");
            assert_eq!(spec.specifiers.to_string(), specifiers, "{line}");
            assert_eq!(
                (spec.channel, spec.build, spec.alternatives),
                (None, None, None)
            );
        }
    }

    #[test]
    fn sees_channels_builds_and_alternatives() {
        let spec = parse("conda-forge::numpy=1.2=py39h_0");
        assert_eq!(spec.channel.as_deref(), Some("conda-forge"));
        assert_eq!(spec.specifiers.to_string(), "==1.2.*");
        assert_eq!(spec.build.as_deref(), Some("py39h_0"));
        for line in ["numpy==1.2.3=py39_0", "numpy 1.2.3 py39_0"] {
            assert_eq!(parse(line).specifiers.to_string(), "==1.2.3");
            assert_eq!(parse(line).build.as_deref(), Some("py39_0"), "{line}");
        }
        assert_eq!(parse("blas=*=mkl").build.as_deref(), Some("mkl"));
        assert_eq!(parse("numpy 1.2.* *").build, None);
        let spec = parse("numpy 1.19.* | 1.21.*");
        assert_eq!(spec.alternatives.as_deref(), Some("1.19.*"));
        assert_eq!(spec.specifiers.to_string(), "==1.21.*");
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for line in [
            "",
            "=1.2",
            "numpy[version='>=1']",
            "numpy=",
            "numpy==",
            "numpy=abc",
            "numpy 1.2 py39_0 more",
            "https://host/numpy.tar.bz2",
            "../numpy.conda",
            "numpy>=1;2",
            "num py$",
        ] {
            assert!(MatchSpec::parse(line).is_err(), "{line}");
        }
    }
}
