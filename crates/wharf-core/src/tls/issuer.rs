//! Certificates that Wharf makes itself.

use jiff::{SignedDuration, Timestamp};

use super::{CertificatePair, HostName};
use crate::Result;

/// Random characters after a label: as many as Azure adds.
pub const LABEL_TAIL: usize = 6;

/// A certificate for a label is made anew when less than this is left of it: 70
/// days. Azure's renewal does nothing before that either.
pub const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(24 * 70);

/// A new certificate and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedPair {
    /// The certificate with its key.
    pub pair: CertificatePair,
    /// It is good until then.
    pub not_after: Timestamp,
}

/// Makes certificates for leaf labels.
pub trait CertificateIssuer: Send + Sync {
    /// A new certificate for `host`, good from `now` on for more than
    /// [`RENEW_BEFORE`].
    ///
    /// # Errors
    /// [`crate::Error::Internal`] when it cannot be signed.
    fn issue(&self, host: &HostName, now: Timestamp) -> Result<IssuedPair>;
}

/// Names that belong to the server itself.
#[derive(Debug, Clone)]
pub struct OwnNames {
    /// Names of the server's own certificate; entries may be wildcards.
    pub server: Vec<String>,
    /// What names of leaf labels end in.
    pub leaf_suffix: HostName,
}

impl OwnNames {
    /// Whether no compute may have this name, since the server is reached by it.
    pub fn holds(&self, host: &HostName) -> bool {
        self.server.iter().any(|name| host.is_covered_by(name))
    }
}
