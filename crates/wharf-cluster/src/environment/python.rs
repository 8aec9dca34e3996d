//! Which Python it may be.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::version::{Operator, Specifiers, release_of};

/// The SDK writes these when the user says nothing (azureml-core 1.61:
/// `CondaDependencies()` and `CondaDependencies.create`).
const SDK_DEFAULTS: &[&str] = &["3.8.13", "3.10.18"];

/// A Python language version, for example 3.11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Minor(pub(super) u64, pub(super) u64);

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// An interpreter of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Interpreter {
    /// Where it really is.
    pub(super) path: PathBuf,
    /// For example `3.11.7`.
    pub(super) version: String,
    /// For example `CPython`.
    pub(super) implementation: String,
}

impl Interpreter {
    pub(super) fn release(&self) -> Vec<u64> {
        release_of(&self.version)
    }

    pub(super) fn minor(&self) -> Minor {
        let release = self.release();
        let part = |at: usize| release.get(at).copied().unwrap_or_default();
        Minor(part(0), part(1))
    }
}

/// What the user says of the interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WantedPython {
    /// Nothing; `default` is what the SDK wrote by itself.
    Any { default: Option<String> },
    /// A language version; the patch does not matter.
    Minor { minor: Minor, written: String },
    /// Any of a range.
    Range(Specifiers),
}

impl WantedPython {
    /// What `python` with these specifiers means.
    pub(super) fn new(specifiers: &Specifiers) -> Self {
        match specifiers.0.as_slice() {
            [] => Self::Any { default: None },
            [one]
                if matches!(
                    one.operator,
                    Operator::Exact | Operator::Prefix | Operator::Identical
                ) =>
            {
                if SDK_DEFAULTS.contains(&one.version.as_str()) {
                    return Self::Any {
                        default: Some(one.version.clone()),
                    };
                }
                match release_of(&one.version).as_slice() {
                    [major, minor, ..] => Self::Minor {
                        minor: Minor(*major, *minor),
                        written: one.version.clone(),
                    },
                    _ => Self::Range(specifiers.clone()),
                }
            }
            _ => Self::Range(specifiers.clone()),
        }
    }
}

/// Interpreters to try, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidates {
    pub(super) interpreters: Vec<Interpreter>,
    /// None of them is what was asked for.
    pub(super) is_relaxed: bool,
}

/// Chooses among what is installed; `preferred` is taken where the user does not say.
/// With `strict` what was asked for is not relaxed.
pub(super) fn candidates(
    wanted: &WantedPython,
    installed: &[Interpreter],
    preferred: Option<Minor>,
    strict: bool,
) -> Result<Candidates, String> {
    if installed.is_empty() {
        return Err("no Python interpreter is installed on this machine".to_owned());
    }
    let fitting = |is_fit: &dyn Fn(&Interpreter) -> bool| {
        let mut some: Vec<_> = installed.iter().filter(|it| is_fit(it)).cloned().collect();
        order(&mut some, preferred);
        some
    };
    let (fit, wish, start) = match wanted {
        WantedPython::Any { .. } => (fitting(&|_| true), String::new(), preferred),
        WantedPython::Minor { minor, .. } => (
            fitting(&|it| it.minor() == *minor),
            minor.to_string(),
            Some(*minor),
        ),
        WantedPython::Range(range) => (
            fitting(&|it| range.allow(&it.release())),
            range.to_string(),
            preferred,
        ),
    };
    if !fit.is_empty() {
        return Ok(Candidates {
            interpreters: fit,
            is_relaxed: false,
        });
    }
    if strict {
        return Err(format!(
            "Python {wish} is not installed, and this server takes no other; there is {}",
            listed(installed)
        ));
    }
    let mut others = installed.to_vec();
    order(&mut others, start);
    Ok(Candidates {
        interpreters: others,
        is_relaxed: true,
    })
}

/// `start` first, then newer ones going up, then older ones going down.
fn order(interpreters: &mut [Interpreter], start: Option<Minor>) {
    let start = start.unwrap_or(Minor(3, 0));
    interpreters.sort_by_key(|it| {
        let minor = it.minor();
        let distance = |from: Minor, to: Minor| (to.0 - from.0) * 1000 + to.1.abs_diff(from.1);
        if minor >= start {
            (false, distance(start, minor))
        } else {
            (true, distance(minor, start))
        }
    });
}

/// The versions of `interpreters`, for a person.
pub(super) fn listed(interpreters: &[Interpreter]) -> String {
    let mut minors: Vec<_> = interpreters.iter().map(Interpreter::minor).collect();
    minors.sort_unstable();
    minors.dedup();
    let minors: Vec<_> = minors.iter().map(Minor::to_string).collect();
    minors.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(versions: &[&str]) -> Vec<Interpreter> {
        let one = |version: &&str| Interpreter {
            path: PathBuf::from(format!("/python/{version}")),
            version: (*version).to_owned(),
            implementation: "CPython".to_owned(),
        };
        versions.iter().map(one).collect()
    }

    fn wanted(text: &str) -> WantedPython {
        WantedPython::new(&Specifiers::parse(text).expect(text))
    }

    fn chosen(text: &str, there: &[&str], strict: bool) -> Result<(Vec<String>, bool), String> {
        let found = candidates(&wanted(text), &installed(there), Some(Minor(3, 11)), strict)?;
        let versions = found.interpreters.into_iter().map(|it| it.version);
        Ok((versions.collect(), found.is_relaxed))
    }

    #[test]
    fn the_defaults_of_the_sdk_are_no_wish() {
        for text in ["==3.8.13", "==3.10.18"] {
            assert!(matches!(
                wanted(text),
                WantedPython::Any { default: Some(_) }
            ));
        }
        assert_eq!(wanted(""), WantedPython::Any { default: None });
        for (text, minor) in [
            ("==3.8.*", 8),
            ("==3.8", 8),
            ("==3.10.12", 10),
            ("==3.6.2", 6),
        ] {
            assert!(
                matches!(wanted(text), WantedPython::Minor { minor: it, .. } if it == Minor(3, minor)),
                "{text}"
            );
        }
        for text in [">=3.6", "==3.*", ">=3.6,<3.9"] {
            assert!(matches!(wanted(text), WantedPython::Range(_)), "{text}");
        }
    }

    #[test]
    fn takes_the_minor_whatever_the_patch() {
        let there = ["3.8.18", "3.9.1", "3.11.7"];
        let (versions, is_relaxed) = chosen("==3.9.13", &there, true).expect("installed");
        assert_eq!((versions, is_relaxed), (vec!["3.9.1".to_owned()], false));
    }

    #[test]
    fn goes_to_newer_ones_first_and_then_to_older_ones() {
        let there = ["3.6.15", "3.8.18", "3.10.1", "3.12.0", "3.11.7"];
        let (versions, is_relaxed) = chosen("==3.9.*", &there, false).expect("others");
        assert!(is_relaxed);
        assert_eq!(versions, ["3.10.1", "3.11.7", "3.12.0", "3.8.18", "3.6.15"]);
        let refused = chosen("==3.9.*", &there, true).expect_err("strict");
        assert!(refused.contains("3.9") && refused.contains("3.6, 3.8, 3.10, 3.11, 3.12"));
    }

    #[test]
    fn takes_the_preferred_one_where_nothing_is_said() {
        let there = ["3.8.18", "3.12.0", "3.11.7"];
        for (text, strict) in [("", true), ("==3.8.13", true), ("==3.10.18", false)] {
            let (versions, is_relaxed) = chosen(text, &there, strict).expect("any");
            assert!(!is_relaxed);
            assert_eq!(versions, ["3.11.7", "3.12.0", "3.8.18"]);
        }
    }

    #[test]
    fn keeps_to_a_range() {
        let there = ["3.8.18", "3.12.0", "3.11.7"];
        assert_eq!(
            chosen(">=3.6,<3.9", &there, true).expect("one").0,
            ["3.8.18"]
        );
        assert!(chosen("<3.7", &there, true).is_err());
        assert!(chosen("<3.7", &there, false).expect("relaxed").1);
        assert!(chosen("", &[], false).is_err());
    }
}
