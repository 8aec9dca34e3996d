//! A certificate with its private key, and the rules that both must keep.

use jiff::Timestamp;

use super::{HostName, chain, key};
use crate::{Secret, digest::Digest, finding::Finding};

/// Most bytes of a certificate with its chain, as PEM.
pub const LARGEST_CERTIFICATE: usize = 64 * 1_024;
/// Most bytes of a private key, as PEM.
pub const LARGEST_KEY: usize = 16 * 1_024;

pub(super) const CERTIFICATE: &str = "properties.properties.sslConfiguration.cert";
pub(super) const KEY: &str = "properties.properties.sslConfiguration.key";

/// What connections are served with, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatePair {
    /// The server's certificate, then those that lead to the root.
    pub certificate: String,
    /// The key of the first one.
    pub key: Secret,
}

impl CertificatePair {
    /// The digest of the certificate with its chain.
    pub fn digest(&self) -> Digest {
        Digest::of(self.certificate.as_bytes())
    }

    /// Checks the pair for `host`, if that is one, adding each broken rule to
    /// `findings`. Answers when it ends, if nothing is broken.
    pub(super) fn check(
        &self,
        host: Option<&HostName>,
        now: Timestamp,
        findings: &mut Vec<Finding>,
    ) -> Option<Timestamp> {
        let before = findings.len();
        let mut chain = None;
        if self.certificate.len() > LARGEST_CERTIFICATE {
            findings.push(Finding::new(
                CERTIFICATE,
                format!("must have at most {LARGEST_CERTIFICATE} bytes with its chain"),
            ));
        } else {
            match chain::Chain::read(&self.certificate) {
                Ok(read) => chain = Some(read),
                Err(why) => findings.push(Finding::new(CERTIFICATE, why)),
            }
        }
        let mut public = None;
        if self.key.reveal().len() > LARGEST_KEY {
            findings.push(Finding::new(
                KEY,
                format!("must have at most {LARGEST_KEY} bytes"),
            ));
        } else {
            match key::public_half(&self.key) {
                Ok(half) => public = Some(half),
                Err(why) => findings.push(Finding::new(KEY, why)),
            }
        }
        let not_after = chain.as_ref().and_then(|chain| {
            let facts = chain.check(host, now, findings)?;
            if public.is_some_and(|public| public != facts.public_key) {
                findings.push(Finding::new(
                    KEY,
                    "is not the key of the certificate; the first certificate must be the \
                     server's, and the key its own",
                ));
            }
            Some(facts.not_after)
        });
        not_after.filter(|_| findings.len() == before)
    }
}
