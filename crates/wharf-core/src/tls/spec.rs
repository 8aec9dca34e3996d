//! What a compute is served with.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{HostName, LeafLabel};
use crate::digest::Digest;

/// The TLS of a compute. Certificates and keys are kept apart, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tls {
    /// Nobody asked for any: the server's own certificate.
    #[default]
    Unset,
    /// Turned off: the server's own certificate.
    Disabled,
    /// A name of its own.
    Served {
        /// The name that clients ask for.
        host: HostName,
        /// Tells one certificate from another: a new one is a change.
        certificate: Digest,
        /// The certificate is good until then.
        not_after: Timestamp,
        /// Where the certificate came from.
        source: TlsSource,
    },
}

/// Where a certificate came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsSource {
    /// The user brought it.
    Own,
    /// Wharf made it for this label.
    Label(LeafLabel),
}

impl Tls {
    /// The name that clients ask for.
    pub fn host(&self) -> Option<&HostName> {
        match self {
            Self::Served { host, .. } => Some(host),
            Self::Unset | Self::Disabled => None,
        }
    }

    /// The label, when the certificate is Wharf's.
    pub fn label(&self) -> Option<&LeafLabel> {
        match self {
            Self::Served {
                source: TlsSource::Label(label),
                ..
            } => Some(label),
            _ => None,
        }
    }
}
