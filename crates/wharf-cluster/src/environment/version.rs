//! Version specifiers as the Python package index knows them (PEP 440), as far as
//! they must be understood here; `uv` checks the rest.

use std::{cmp::Ordering, fmt};

/// What a clause compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Exact,
    /// `==1.2.*`
    Prefix,
    Not,
    NotPrefix,
    Compatible,
    AtLeast,
    AtMost,
    Above,
    Below,
    /// `===`: the text itself.
    Identical,
}

/// One condition on a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) operator: Operator,
    /// Without `.*`.
    pub(super) version: String,
}

/// All conditions on a version; none means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Specifiers(pub(super) Vec<Clause>);

/// Longest first, so that `==` is not read as `=`.
const OPERATORS: &[(&str, Operator)] = &[
    ("===", Operator::Identical),
    ("==", Operator::Exact),
    ("!=", Operator::Not),
    ("~=", Operator::Compatible),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    (">", Operator::Above),
    ("<", Operator::Below),
];

impl Clause {
    /// Reads `OP VERSION`; `None` when there is no operator in front.
    pub(super) fn parse(text: &str) -> Option<Result<Self, String>> {
        let text = text.trim();
        let (sign, operator) = *OPERATORS.iter().find(|(sign, _)| text.starts_with(sign))?;
        Some(Self::new(operator, text[sign.len()..].trim()))
    }

    /// A clause with a version that may end in `*`.
    pub(super) fn new(operator: Operator, version: &str) -> Result<Self, String> {
        let stem = version
            .strip_suffix(".*")
            .or_else(|| version.strip_suffix('*'));
        let operator = match (operator, stem) {
            (operator, None) => operator,
            (Operator::Exact | Operator::Prefix, Some(_)) => Operator::Prefix,
            (Operator::Not | Operator::NotPrefix, Some(_)) => Operator::NotPrefix,
            // Conda reads `>=1.2.*` as `>=1.2`; the index's syntax forbids the star.
            (Operator::Identical, Some(_)) => {
                return Err(format!("`==={version}` cannot end in a star"));
            }
            (operator, Some(_)) => operator,
        };
        let version = stem.unwrap_or(version);
        let is_version = version.starts_with(|c: char| c.is_ascii_digit())
            && version
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '!' | '-' | '_'));
        if !is_version {
            return Err(format!("`{version}` is not a version"));
        }
        Ok(Self {
            operator,
            version: version.to_owned(),
        })
    }

    /// Whether a final release meets it. Only numbers are looked at.
    fn allows(&self, release: &[u64]) -> bool {
        let wanted = release_of(&self.version);
        let order = compare(release, &wanted);
        let starts = |length: usize| {
            (0..length).all(|at| release.get(at).unwrap_or(&0) == wanted.get(at).unwrap_or(&0))
        };
        match self.operator {
            Operator::Exact | Operator::Identical => order == Ordering::Equal,
            Operator::Prefix => starts(wanted.len()),
            Operator::Not => order != Ordering::Equal,
            Operator::NotPrefix => !starts(wanted.len()),
            Operator::Compatible => {
                order != Ordering::Less && starts(wanted.len().saturating_sub(1))
            }
            Operator::AtLeast => order != Ordering::Less,
            Operator::AtMost => order != Ordering::Greater,
            Operator::Above => order == Ordering::Greater,
            Operator::Below => order == Ordering::Less,
        }
    }
}

impl Specifiers {
    /// Reads clauses separated by commas, each with its operator.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|it| !it.is_empty());
        let clauses = parts.map(|part| {
            Clause::parse(part).unwrap_or_else(|| {
                let hint = part.trim_start_matches('=').trim();
                Err(format!(
                    "`{part}` needs an operator, for example `=={hint}`"
                ))
            })
        });
        clauses.collect::<Result<_, _>>().map(Self)
    }

    /// Whether every version will do.
    pub(super) fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a final release meets them all.
    pub(super) fn allow(&self, release: &[u64]) -> bool {
        self.0.iter().all(|clause| clause.allows(release))
    }

    /// Whether only releases below `limit` can meet them.
    pub(super) fn stay_below(&self, limit: &[u64]) -> bool {
        self.0.iter().any(|clause| {
            let release = release_of(&clause.version);
            let below = compare(&release, limit) == Ordering::Less;
            match clause.operator {
                Operator::Exact | Operator::Identical | Operator::AtMost => below,
                Operator::Below => compare(&release, limit) != Ordering::Greater,
                Operator::Prefix => is_prefix_below(&release, limit),
                Operator::Compatible => {
                    is_prefix_below(&release[..release.len().saturating_sub(1)], limit)
                }
                _ => false,
            }
        })
    }
}

/// Whether everything that starts with `prefix` is below `limit`.
fn is_prefix_below(prefix: &[u64], limit: &[u64]) -> bool {
    let mut highest = prefix.to_vec();
    highest.resize(limit.len().max(prefix.len() + 1), u64::MAX);
    compare(&highest, limit) == Ordering::Less
}

/// The numbers at the front of a version, without its epoch.
pub(super) fn release_of(version: &str) -> Vec<u64> {
    let version = version.split_once('!').map_or(version, |(_, rest)| rest);
    let mut release = Vec::new();
    for part in version.split('.') {
        let digits = part.find(|c: char| !c.is_ascii_digit());
        let number = &part[..digits.unwrap_or(part.len())];
        let Ok(number) = number.parse() else { break };
        release.push(number);
        if digits.is_some() {
            break;
        }
    }
    release
}

/// Orders releases; missing parts count as zero.
fn compare(left: &[u64], right: &[u64]) -> Ordering {
    let length = left.len().max(right.len());
    let part = |release: &[u64], at: usize| release.get(at).copied().unwrap_or(0);
    (0..length)
        .map(|at| part(left, at).cmp(&part(right, at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = &self.version;
        match self.operator {
            Operator::Exact => write!(f, "=={version}"),
            Operator::Prefix => write!(f, "=={version}.*"),
            Operator::Not => write!(f, "!={version}"),
            Operator::NotPrefix => write!(f, "!={version}.*"),
            Operator::Compatible => write!(f, "~={version}"),
            Operator::AtLeast => write!(f, ">={version}"),
            Operator::AtMost => write!(f, "<={version}"),
            Operator::Above => write!(f, ">{version}"),
            Operator::Below => write!(f, "<{version}"),
            Operator::Identical => write!(f, "==={version}"),
        }
    }
}

impl fmt::Display for Specifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, clause) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{clause}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specifiers(text: &str) -> Specifiers {
        Specifiers::parse(text).expect(text)
    }

    #[test]
    fn prints_what_it_read() {
        for (text, printed) in [
            ("==1.2", "==1.2"),
            (" >= 1.2 , < 2 ", ">=1.2,<2"),
            ("==1.2.*", "==1.2.*"),
            ("==1.2*", "==1.2.*"),
            ("!=1.5.*", "!=1.5.*"),
            (">=1.2.*", ">=1.2"),
            ("~=1.4", "~=1.4"),
            ("===1.0+local", "===1.0+local"),
            ("==1!2.0rc1", "==1!2.0rc1"),
            ("", ""),
        ] {
            assert_eq!(specifiers(text).to_string(), printed, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_version() {
        for text in [
            "1.2",
            "=1.2",
            "==",
            "==a",
            "==1.2 || 3",
            "==1;2",
            "===1.*",
            "=>1",
        ] {
            assert!(Specifiers::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn compares_releases() {
        for (text, release, is_allowed) in [
            ("==3.9", &[3, 9][..], true),
            ("==3.9", &[3, 9, 1], false),
            ("==3.9.*", &[3, 9, 1], true),
            ("==3.*", &[3, 12, 1], true),
            ("==3.1.*", &[3, 12, 1], false),
            (">=3.6,<3.9", &[3, 8, 18], true),
            (">=3.6,<3.9", &[3, 9, 0], false),
            (">3.8", &[3, 8, 0], false),
            ("~=3.9", &[3, 11], true),
            ("~=3.9.2", &[3, 10], false),
            ("!=3.9.*", &[3, 9, 4], false),
            ("<=3.10", &[3, 10], true),
            ("", &[3], true),
        ] {
            assert_eq!(specifiers(text).allow(release), is_allowed, "{text}");
        }
    }

    #[test]
    fn knows_what_stays_below() {
        for (text, is_below) in [
            ("==1.2.2", true),
            ("==1.4.2", false),
            ("==1.4.1.post1", true),
            ("==1.3.*", true),
            ("==1.4.*", false),
            ("==1.*", false),
            ("==0.*", true),
            ("<1.4.2", true),
            ("<1.5", false),
            ("<=1.4.1", true),
            ("<=1.4.2", false),
            ("~=1.3.0", true),
            ("~=1.3", false),
            (">=1.0", false),
            (">=1.0,<1.3", true),
            ("!=1.5", false),
            ("", false),
        ] {
            assert_eq!(specifiers(text).stay_below(&[1, 4, 2]), is_below, "{text}");
        }
    }
}
