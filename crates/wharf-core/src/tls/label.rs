//! The label that a user chooses and Wharf makes a name from.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{HostName, InvalidHostName, issuer::LABEL_TAIL};

/// Most characters of a label: with its tail it is one part of a DNS name.
pub const LONGEST_LEAF_LABEL: usize = 63 - LABEL_TAIL;

/// A leaf domain label, in small letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LeafLabel(String);

/// Why a text is no leaf label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLeafLabel {
    /// Empty or too long.
    #[error("must have 1 to {LONGEST_LEAF_LABEL} characters")]
    Length,
    /// Something else than letters, digits and hyphens.
    #[error("must have letters, digits and hyphens only")]
    Character,
    /// A wrong first or last character.
    #[error("must begin with a letter and end with a letter or a digit")]
    Edge,
}

impl LeafLabel {
    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of this label: `LABELTAIL.LOCATION.SUFFIX`, as Azure has it. Of the
    /// location only what a DNS name may hold counts.
    ///
    /// # Errors
    /// [`InvalidHostName::Length`] when all together is too long.
    pub fn host(
        &self,
        tail: &str,
        location: &str,
        suffix: &HostName,
    ) -> Result<HostName, InvalidHostName> {
        let location: String = location
            .chars()
            .filter(|found| found.is_ascii_alphanumeric() || *found == '-')
            .take(63)
            .collect();
        let location = match location.trim_matches('-') {
            "" => "local",
            location => location,
        };
        format!("{self}{tail}.{location}.{suffix}").parse()
    }
}

impl FromStr for LeafLabel {
    type Err = InvalidLeafLabel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !(1..=LONGEST_LEAF_LABEL).contains(&text.chars().count()) {
            return Err(InvalidLeafLabel::Length);
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(InvalidLeafLabel::Character);
        }
        if !text.starts_with(|first: char| first.is_ascii_alphabetic()) || text.ends_with('-') {
            return Err(InvalidLeafLabel::Edge);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for LeafLabel {
    type Error = InvalidLeafLabel;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LeafLabel> for String {
    fn from(label: LeafLabel) -> Self {
        label.0
    }
}

impl fmt::Display for LeafLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_letters_digits_and_hyphens() {
        let longest = "a".repeat(57);
        for good in ["a", "contoso", "Contoso-1", &longest] {
            let label = good.parse::<LeafLabel>().map(String::from);
            assert_eq!(label, Ok(good.to_ascii_lowercase()));
        }
        let long = "a".repeat(58);
        for (bad, why) in [
            ("", InvalidLeafLabel::Length),
            (&long, InvalidLeafLabel::Length),
            ("con_toso", InvalidLeafLabel::Character),
            ("con.toso", InvalidLeafLabel::Character),
            ("ä", InvalidLeafLabel::Character),
            ("1contoso", InvalidLeafLabel::Edge),
            ("-contoso", InvalidLeafLabel::Edge),
            ("contoso-", InvalidLeafLabel::Edge),
        ] {
            assert_eq!(bad.parse::<LeafLabel>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn the_name_has_a_tail_a_place_and_a_suffix() {
        let label: LeafLabel = "contoso".parse().expect("a label");
        let suffix: HostName = "localhost".parse().expect("a name");
        for (location, name) in [
            ("local", "contosoabc123.local.localhost"),
            ("East US 2", "contosoabc123.eastus2.localhost"),
            ("--", "contosoabc123.local.localhost"),
        ] {
            let host = label.host("abc123", location, &suffix).expect("a name");
            assert_eq!(host.as_str(), name);
        }
        let long: HostName = ("a.".repeat(120) + "com").parse().expect("a name");
        assert_eq!(
            label.host("abc123", "local", &long),
            Err(InvalidHostName::Length)
        );
    }
}
