//! Names of DNS.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Most bytes of a name (RFC 1035, section 2.3.4, without the root's dot).
pub const LONGEST_HOST: usize = 253;
/// Most bytes between two dots (RFC 1035, section 2.3.4).
const LONGEST_PART: usize = 63;

/// A host's name, in small letters: parts of letters, digits and hyphens between
/// dots. It is no address and no wildcard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// Why a text is no host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHostName {
    /// Empty or too long.
    #[error("must have 1 to {LONGEST_HOST} characters")]
    Length,
    /// `*.…`.
    #[error("must be one name, not a wildcard; the certificate may be for a wildcard")]
    Wildcard,
    /// The last part has digits only.
    #[error("must be a name, not an address")]
    Address,
    /// Something else than letters, digits and hyphens between dots.
    #[error(
        "must be a DNS name: parts of 1 to {LONGEST_PART} letters, digits and hyphens between \
         dots, no hyphen at the edge of a part, such as `iris.example.com`"
    )]
    Part,
}

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name in a certificate, such as `*.example.com`, covers this one. A
    /// wildcard stands for one whole part, the first (RFC 6125, section 6.4.3).
    pub fn is_covered_by(&self, pattern: &str) -> bool {
        match (pattern.strip_prefix("*."), self.0.split_once('.')) {
            (Some(rest), Some((_, own))) => own.eq_ignore_ascii_case(rest),
            (Some(_), None) => false,
            (None, _) => self.0.eq_ignore_ascii_case(pattern),
        }
    }
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > LONGEST_HOST {
            return Err(InvalidHostName::Length);
        }
        if text.starts_with("*.") {
            return Err(InvalidHostName::Wildcard);
        }
        let is_part = |part: &str| {
            (1..=LONGEST_PART).contains(&part.len())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        if text.contains(':') && text.parse::<std::net::IpAddr>().is_ok() {
            return Err(InvalidHostName::Address);
        }
        if !text.split('.').all(is_part) {
            return Err(InvalidHostName::Part);
        }
        let last = text.rsplit('.').next().unwrap_or(text);
        if last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidHostName::Address);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for HostName {
    type Error = InvalidHostName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_between_dots() {
        for good in ["localhost", "iris.example.com", "A-1.xn--bcher-kva.example"] {
            let name = good.parse::<HostName>().map(String::from);
            assert_eq!(name, Ok(good.to_ascii_lowercase()));
        }
        let (long, part) = ("a.".repeat(126) + "com", "a".repeat(64));
        for (bad, why) in [
            ("", InvalidHostName::Length),
            (&long, InvalidHostName::Length),
            ("*.example.com", InvalidHostName::Wildcard),
            ("10.0.0.1", InvalidHostName::Address),
            ("::1", InvalidHostName::Address),
            (&part, InvalidHostName::Part),
            ("a..b", InvalidHostName::Part),
            ("-a.b", InvalidHostName::Part),
            ("a-.b", InvalidHostName::Part),
            ("a_b.c", InvalidHostName::Part),
            ("a.b.", InvalidHostName::Part),
            ("https://a", InvalidHostName::Part),
            ("bücher.example", InvalidHostName::Part),
        ] {
            assert_eq!(bad.parse::<HostName>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_covers_one_part() {
        let host: HostName = "iris.example.com".parse().expect("a name");
        for covers in ["iris.example.com", "IRIS.Example.com", "*.example.com"] {
            assert!(host.is_covered_by(covers), "{covers}");
        }
        for not in [
            "example.com",
            "*.com",
            "*",
            "i*.example.com",
            "*.iris.example.com",
        ] {
            assert!(!host.is_covered_by(not), "{not}");
        }
        let single: HostName = "iris".parse().expect("a name");
        assert!(!single.is_covered_by("*.iris"));
    }
}
