//! Broken rules, collected: a request is told everything that is wrong with it
//! at once, each finding with the field it is about.
//!
//! What is told has a bound, whatever was sent: a finding is short, and of many
//! the first are shown and the others counted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quote::{json_length, shortened};

/// Most bytes of a finding's field, inside of JSON text.
const LONGEST_FIELD: usize = 512;
/// Most bytes of a finding's message, inside of JSON text.
const LONGEST_MESSAGE: usize = 2_048;
/// Most findings that are shown.
const MOST_SHOWN: usize = 100;
/// Most bytes of all findings that are shown, inside of JSON text. The data plane
/// shows a field seven times and a message five times; that stays below 64 KiB.
const MOST_BYTES: usize = 8 * 1_024;
/// What a finding takes beside its field and its message, at most.
const AROUND: usize = 40;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The field as the caller spells it, for example `properties.agentCount`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Finding {
    /// A finding about `field`; both texts are shortened where they are long.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: fitting(field.into(), LONGEST_FIELD),
            message: fitting(message.into(), LONGEST_MESSAGE),
        }
    }

    fn json_length(&self) -> usize {
        json_length(&self.field) + json_length(&self.message) + AROUND
    }
}

fn fitting(text: String, most: usize) -> String {
    match shortened(&text, most) {
        std::borrow::Cow::Owned(cut) => cut,
        std::borrow::Cow::Borrowed(_) => text,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

/// Prints several findings as one text, separated by `; `.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a>(pub &'a [Finding]);

impl<'a> Findings<'a> {
    /// The first ones, as many as an answer has room for.
    pub fn shown(&self) -> &'a [Finding] {
        let mut bytes = 0;
        let fits = |finding: &&Finding| {
            bytes += finding.json_length();
            bytes <= MOST_BYTES
        };
        let count = self.0.iter().take(MOST_SHOWN).take_while(fits).count();
        &self.0[..count]
    }
}

impl fmt::Display for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown();
        for (index, finding) in shown.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{finding}")?;
        }
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_many_the_first_are_shown_and_the_others_counted() {
        let all: Vec<_> = (0..3_000)
            .map(|index| Finding::new(format!("a[{index}]"), "must be text"))
            .collect();
        assert_eq!(Findings(&all).shown().len(), MOST_SHOWN);
        let text = Findings(&all).to_string();
        assert!(text.starts_with("`a[0]`: must be text; `a[1]`"), "{text}");
        assert!(text.ends_with("; and 2900 more"), "{text}");
        assert_eq!(
            Findings(&all[..2]).to_string(),
            "`a[0]`: must be text; `a[1]`: must be text"
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_has_a_bound_and_one_finding_is_always_shown(
            fields in proptest::collection::vec(".{0,40}", 1..40), repeat in 1usize..200,
        ) {
            let all: Vec<_> = fields
                .iter()
                .map(|text| Finding::new(text.repeat(repeat), text.repeat(repeat)))
                .collect();
            prop_assert!(!Findings(&all).shown().is_empty());
            let bytes = json_length(&Findings(&all).to_string());
            prop_assert!(bytes <= MOST_BYTES + AROUND, "{}", bytes);
        }
    }
}
