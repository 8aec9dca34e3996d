//! Validated names. A handler receives a [`ComputeName`], never a `String`;
//! whoever holds one knows that the rules were kept.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Too short or too long.
    #[error("must have {min} to {max} characters, has {actual}")]
    Length {
        /// Fewest characters allowed.
        min: usize,
        /// Most characters allowed.
        max: usize,
        /// Characters found.
        actual: usize,
    },
    /// A character outside the alphabet.
    #[error("must not contain `{found}`; allowed are {allowed}")]
    Character {
        /// The first offender.
        found: char,
        /// The alphabet in words.
        allowed: &'static str,
    },
    /// A wrong first character.
    #[error("must start with {expected}")]
    First {
        /// What a first character can be.
        expected: &'static str,
    },
    /// A wrong last character.
    #[error("must end with a letter or a digit")]
    Last,
}

struct Rules {
    min: usize,
    max: usize,
    allowed: &'static str,
    is_allowed: fn(char) -> bool,
    first: &'static str,
    is_first: fn(char) -> bool,
    is_last: fn(char) -> bool,
}

impl Rules {
    fn check(&self, text: &str) -> Result<(), InvalidName> {
        let actual = text.chars().count();
        if !(self.min..=self.max).contains(&actual) {
            return Err(InvalidName::Length {
                min: self.min,
                max: self.max,
                actual,
            });
        }
        if let Some(found) = text.chars().find(|c| !(self.is_allowed)(*c)) {
            return Err(InvalidName::Character {
                found,
                allowed: self.allowed,
            });
        }
        if !text.starts_with(self.is_first) {
            return Err(InvalidName::First {
                expected: self.first,
            });
        }
        if !text.ends_with(self.is_last) {
            return Err(InvalidName::Last);
        }
        Ok(())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $rules:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            const RULES: Rules = $rules;

            /// The name as given.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form in which two names are compared: ARM ignores case.
            pub fn key(&self) -> String {
                self.0.to_ascii_lowercase()
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::RULES.check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::RULES.check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

const LETTERS_DIGITS_HYPHENS: &str = "letters, digits and hyphens";

fn letter_digit_hyphen(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn letter(c: char) -> bool {
    c.is_ascii_alphabetic()
}

fn letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

name! {
    /// A compute's name: 3–24 of letters, digits, hyphens; first a letter, last
    /// a letter or digit. The how-to on attaching clusters says so; the SDK
    /// itself does not check.
    ComputeName,
    Rules {
        min: 3, max: 24,
        allowed: LETTERS_DIGITS_HYPHENS, is_allowed: letter_digit_hyphen,
        first: "a letter", is_first: letter, is_last: letter_or_digit,
    }
}

name! {
    /// A managed cluster's name: 1–63 of letters, digits, hyphens and
    /// underscores; first and last a letter or digit, as AKS has it.
    ManagedClusterName,
    Rules {
        min: 1, max: 63,
        allowed: "letters, digits, hyphens and underscores",
        is_allowed: |c| letter_digit_hyphen(c) || c == '_',
        first: "a letter or a digit", is_first: letter_or_digit, is_last: letter_or_digit,
    }
}

name! {
    /// A workspace's name: 3–33 of letters, digits, `_` and `-`; first a letter
    /// or digit (`azureml-core` checks `^[a-zA-Z0-9][\w\-]{2,32}$`).
    WorkspaceName,
    Rules {
        min: 3, max: 33,
        allowed: "letters, digits, underscores and hyphens",
        is_allowed: |c| letter_digit_hyphen(c) || c == '_',
        first: "a letter or a digit", is_first: letter_or_digit, is_last: |_| true,
    }
}

name! {
    /// A resource group's name: 1–90 of letters, digits, `_ - . ( )`, not ending
    /// with a dot.
    ResourceGroupName,
    Rules {
        min: 1, max: 90,
        allowed: "letters, digits, `_`, `-`, `.`, `(` and `)`",
        is_allowed: |c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')'),
        first: "a letter, a digit, `_`, `-` or `(`", is_first: |c| c != '.',
        is_last: |c| c != '.',
    }
}

name! {
    /// A principal's name: 2–64 of letters, digits, `-`, `_` and `.`; first a letter,
    /// last a letter or digit. Ours: Azure's display names are free text.
    PrincipalName,
    Rules {
        min: 2, max: 64,
        allowed: "letters, digits, `-`, `_` and `.`",
        is_allowed: |c| letter_digit_hyphen(c) || matches!(c, '_' | '.'),
        first: "a letter", is_first: letter, is_last: letter_or_digit,
    }
}

name! {
    /// A template deployment's name: 1–64 of letters, digits, `_ - . ( )`, as ARM
    /// has it.
    TemplateDeploymentName,
    Rules {
        min: 1, max: 64,
        allowed: "letters, digits, `_`, `-`, `.`, `(` and `)`",
        is_allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')'),
        first: "a letter, a digit, `_`, `-` or `(`", is_first: |c| c != '.',
        is_last: |c| c != '.',
    }
}

name! {
    /// An endpoint's or deployment's name: 3–32 of lower-case letters, digits
    /// and hyphens; first a letter, last not a hyphen (`azureml-core` checks
    /// `^[a-z]([-a-z0-9]*[a-z0-9])?$` and 3–32).
    EndpointName,
    Rules {
        min: 3, max: 32,
        allowed: "lower-case letters, digits and hyphens",
        is_allowed: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
        first: "a lower-case letter", is_first: |c| c.is_ascii_lowercase(),
        is_last: letter_or_digit,
    }
}

name! {
    /// A model's name: 1–255 of letters, digits, `-`, `.`, `_`; first a letter
    /// or digit (`azureml-core` checks `^[a-zA-Z0-9][a-zA-Z0-9\-\._]{0,254}$`).
    ModelName,
    Rules {
        min: 1, max: 255,
        allowed: "letters, digits, hyphens, dots and underscores",
        is_allowed: |c| letter_digit_hyphen(c) || matches!(c, '.' | '_'),
        first: "a letter or a digit", is_first: letter_or_digit, is_last: |_| true,
    }
}

name! {
    /// A registered environment's name: 1–255 of letters, digits, `-`, `.`, `_`; first a
    /// letter or digit. It stands in paths.
    EnvironmentName,
    Rules {
        min: 1, max: 255,
        allowed: "letters, digits, hyphens, dots and underscores",
        is_allowed: |c| letter_digit_hyphen(c) || matches!(c, '.' | '_'),
        first: "a letter or a digit", is_first: letter_or_digit, is_last: |_| true,
    }
}

name! {
    /// A Kubernetes namespace: 1–63 of lower-case letters, digits, hyphens;
    /// first and last a letter or digit.
    Namespace,
    Rules {
        min: 1, max: 63,
        allowed: "lower-case letters, digits and hyphens",
        is_allowed: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
        first: "a lower-case letter or a digit", is_first: letter_or_digit,
        is_last: letter_or_digit,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn compute_names_keep_the_rules() {
        for good in ["abc", "my-aks", "A1b", "a23456789012345678901234"] {
            assert_eq!(
                good.parse::<ComputeName>().map(String::from),
                Ok(good.to_owned())
            );
        }
        let length = |actual| InvalidName::Length {
            min: 3,
            max: 24,
            actual,
        };
        for (bad, why) in [
            ("", length(0)),
            ("ab", length(2)),
            ("a234567890123456789012345", length(25)),
            (
                "1abc",
                InvalidName::First {
                    expected: "a letter",
                },
            ),
            ("abc-", InvalidName::Last),
            (
                "a_bc",
                InvalidName::Character {
                    found: '_',
                    allowed: LETTERS_DIGITS_HYPHENS,
                },
            ),
        ] {
            assert_eq!(bad.parse::<ComputeName>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn service_names_are_lower_case() {
        assert!("my-svc1".parse::<EndpointName>().is_ok());
        for bad in ["My-svc", "a", "svc-", "1svc", "svc_1"] {
            assert!(bad.parse::<EndpointName>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_compute_name_is_exactly_its_pattern(text in "[a-zA-Z0-9_-]{0,30}") {
            let matches = (3..=24).contains(&text.len())
                && !text.contains('_')
                && text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.ends_with(|c: char| c.is_ascii_alphanumeric());
            prop_assert_eq!(text.parse::<ComputeName>().is_ok(), matches);
        }

        #[test]
        fn any_text_is_a_name_or_an_error(text in ".{0,300}") {
            let _ = text.parse::<ComputeName>();
            let _ = text.parse::<ModelName>();
            if let Ok(name) = text.parse::<EndpointName>() {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
