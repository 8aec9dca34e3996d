//! Keys of an endpoint. Two work at once, so that one can be changed while
//! callers still hold the other.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{finding::Finding, secret::Secret};

/// Fewest and most characters of a key that a client chooses.
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 8..=256;

/// The two keys of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointKeys {
    /// The key that `service.run` sends.
    pub primary: Secret,
    /// The other one.
    pub secondary: Secret,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The first.
    Primary,
    /// The second.
    Secondary,
}

/// The SHA-256 of a key: all that a router needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a key's text.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// The hash in hex.
    pub(crate) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Compares in the same time wherever the first difference is. Both sides are
    /// hashes, so that the time tells nothing of the key's length either.
    pub fn matches(&self, presented: &Self) -> bool {
        let difference = self
            .0
            .iter()
            .zip(presented.0)
            .fold(0u8, |all, (a, b)| all | (a ^ b));
        std::hint::black_box(difference) == 0
    }
}

/// Checks a key that a client chose.
pub fn check_chosen_key(field: &str, key: &Secret, findings: &mut Vec<Finding>) {
    let text = key.reveal();
    if !KEY_LENGTH.contains(&text.len()) {
        findings.push(Finding::new(
            field,
            format!(
                "must have {} to {} characters",
                KEY_LENGTH.start(),
                KEY_LENGTH.end()
            ),
        ));
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        findings.push(Finding::new(
            field,
            "must consist of printable ASCII characters without spaces, since it travels in a \
             header",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_matches() {
        let hash = KeyHash::of("secret-key");
        assert!(hash.matches(&KeyHash::of("secret-key")));
        assert!(!hash.matches(&KeyHash::of("secret-kez")));
        assert!(!hash.matches(&KeyHash::of("")));
    }

    #[test]
    fn a_chosen_key_must_fit_a_header() {
        for (key, is_good) in [
            ("12345678", true),
            ("short", false),
            ("with a space", false),
        ] {
            let mut findings = Vec::new();
            check_chosen_key("keys.primaryKey", &Secret::new(key), &mut findings);
            assert_eq!(findings.is_empty(), is_good, "{key}");
            assert!(
                findings
                    .iter()
                    .all(|finding| !finding.message.contains(key))
            );
        }
    }
}
