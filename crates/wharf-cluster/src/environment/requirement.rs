//! One package as the index and `uv` understand it (PEP 508).

use std::fmt;

use super::{names::normalise, version::Specifiers};

/// A package that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement {
    /// Normalised.
    pub(super) name: String,
    pub(super) extras: Vec<String>,
    pub(super) specifiers: Specifiers,
    /// An address instead of the index.
    pub(super) url: Option<String>,
    /// When it applies.
    pub(super) marker: Option<String>,
}

impl Requirement {
    /// A package from the index.
    pub(super) fn new(name: &str, specifiers: Specifiers) -> Self {
        Self {
            name: normalise(name),
            extras: Vec::new(),
            specifiers,
            url: None,
            marker: None,
        }
    }

    /// Reads `NAME[EXTRA,…] SPECIFIERS ; MARKER` or `NAME @ URL ; MARKER`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let end = text
            .find(|c: char| !is_name_character(c))
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        check_name(name)?;
        let mut requirement = Self::new(name, Specifiers::default());
        let mut rest = rest.trim();
        if let Some(inside) = rest.strip_prefix('[') {
            let (extras, after) = inside
                .split_once(']')
                .ok_or_else(|| format!("`{text}` has no `]`"))?;
            for extra in extras.split(',').map(str::trim).filter(|it| !it.is_empty()) {
                check_name(extra)?;
                requirement.extras.push(normalise(extra));
            }
            rest = after.trim();
        }
        if let Some(reference) = rest.strip_prefix('@') {
            let (url, marker) = match reference.split_once(" ;") {
                Some((url, marker)) => (url, Some(marker)),
                None => (reference, None),
            };
            requirement.url = Some(url.trim().to_owned());
            requirement.marker = marker.map(parse_marker).transpose()?;
            return Ok(requirement);
        }
        let (version, marker) = match rest.split_once(';') {
            Some((version, marker)) => (version.trim(), Some(marker)),
            None => (rest, None),
        };
        let inside = version
            .strip_prefix('(')
            .and_then(|it| it.strip_suffix(')'));
        requirement.specifiers = Specifiers::parse(inside.unwrap_or(version))?;
        requirement.marker = marker.map(parse_marker).transpose()?;
        Ok(requirement)
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Whether `name` can be a package's or an extra's name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let (first, last) = (name.chars().next(), name.chars().next_back());
    if is_edge(first) && is_edge(last) && name.chars().all(is_name_character) {
        Ok(())
    } else {
        Err(format!("`{name}` is not a package name"))
    }
}

fn parse_marker(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_marker = !text.is_empty()
        && text.chars().all(|c| {
            is_name_character(c)
                || matches!(
                    c,
                    ' ' | '\'' | '"' | '(' | ')' | '<' | '>' | '=' | '!' | '~'
                )
        });
    if is_marker {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not an environment marker"))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.extras.is_empty() {
            write!(f, "[{}]", self.extras.join(","))?;
        }
        match &self.url {
            Some(url) => write!(f, " @ {url}")?,
            None => write!(f, "{}", self.specifiers)?,
        }
        if let Some(marker) = &self.marker {
            write!(f, " ; {marker}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_read() {
        for (text, printed) in [
            ("numpy", "numpy"),
            ("Flask-CORS==3.0", "flask-cors==3.0"),
            ("scikit_learn >= 1.2, < 2", "scikit-learn>=1.2,<2"),
            ("numpy (>=1.2)", "numpy>=1.2"),
            (
                "inference-schema[numpy-support, pandas_support]==1.8",
                "inference-schema[numpy-support,pandas-support]==1.8",
            ),
            (
                "six; python_version < '3.9'",
                "six ; python_version < '3.9'",
            ),
            (
                "a[b] == 1 ; (os_name == \"posix\")",
                "a[b]==1 ; (os_name == \"posix\")",
            ),
            ("a @ https://h/x.whl", "a @ https://h/x.whl"),
            (
                "a @ https://h/x.whl ; os_name == 'nt'",
                "a @ https://h/x.whl ; os_name == 'nt'",
            ),
        ] {
            let requirement = Requirement::parse(text).expect(text);
            assert_eq!(requirement.to_string(), printed, "{text}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for text in [
            "",
            "-x",
            "numpy=1.2",
            "numpy 1.2",
            "numpy[",
            "numpy[a b]",
            "a==1 ; `x`",
            "a b",
            "a ; ",
            "a==1\nb",
            "ünï",
        ] {
            assert!(Requirement::parse(text).is_err(), "{text}");
        }
    }
}
