//! What a compute's services are reached with over TLS: a name, and a certificate
//! for it that the user brought or that Wharf made.
//!
//! - [`HostName`], [`LeafLabel`]: the names
//! - [`TlsRequest`] is checked into a [`TlsChange`]; [`Tls`] is what is wanted then
//! - [`CertificatePair`]: what is served; `chain` and `key` hold its rules
//! - [`CertificateIssuer`]: who makes certificates for leaf labels

mod chain;
mod host;
mod issuer;
mod key;
mod label;
mod pair;
mod request;
mod spec;

pub use chain::MOST_CERTIFICATES;
pub use host::{HostName, InvalidHostName, LONGEST_HOST};
pub use issuer::{CertificateIssuer, IssuedPair, LABEL_TAIL, OwnNames, RENEW_BEFORE};
pub use label::{InvalidLeafLabel, LONGEST_LEAF_LABEL, LeafLabel};
pub use pair::{CertificatePair, LARGEST_CERTIFICATE, LARGEST_KEY};
pub use request::{TlsChange, TlsRequest};
pub use spec::{Tls, TlsSource};

#[cfg(test)]
mod tests;
