//! What a PUT of a compute asks of its TLS.

use jiff::Timestamp;

use super::{CertificatePair, HostName, LeafLabel, Tls, TlsSource, pair};
use crate::{Secret, finding::Finding, quote::Quoted};

const STATUS: &str = "properties.properties.sslConfiguration.status";
pub(super) const CNAME: &str = "properties.properties.sslConfiguration.cname";
const LABEL: &str = "properties.properties.sslConfiguration.leafDomainLabel";
const OVERWRITE: &str = "properties.properties.sslConfiguration.overwriteExistingDomain";
const RENEW: &str = "properties.properties.sslConfiguration.renew";

/// TLS settings, parsed but not yet checked. An empty text counts as "not sent".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsRequest {
    /// `Disabled`, `Enabled` or `Auto`.
    pub status: Option<String>,
    /// The user's own name.
    pub cname: Option<String>,
    /// The user's own certificate, as PEM.
    pub certificate: Option<String>,
    /// Its key, as PEM.
    pub key: Option<Secret>,
    /// The label to make a name from.
    pub leaf_label: Option<String>,
    /// Take the label from the compute that has it.
    pub overwrite: bool,
    /// Make a new certificate for the label that is there.
    pub renew: bool,
}

/// What is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsChange {
    /// Nothing.
    Keep,
    /// The server's own certificate from now on.
    Disable,
    /// The user's own certificate.
    Own {
        /// Its name.
        host: HostName,
        /// The certificate.
        pair: CertificatePair,
        /// It is good until then.
        not_after: Timestamp,
    },
    /// A name from a label.
    Label {
        /// The label.
        label: LeafLabel,
        /// Take it from the compute that has it.
        overwrite: bool,
    },
    /// A new certificate for the label that is there, when it is due.
    Renew,
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

impl TlsRequest {
    /// Checks the settings of a compute that has `known` so far, adding each broken
    /// rule to `findings`. Turning off goes before renewing, that before an own
    /// certificate, and that before a label, as in Azure's client.
    ///
    /// The answer is of use only when nothing was found.
    pub fn check(&self, known: &Tls, now: Timestamp, findings: &mut Vec<Finding>) -> TlsChange {
        let mut refuse = |field: &str, message: String| findings.push(Finding::new(field, message));
        let status = match given(self.status.as_ref()) {
            None => None,
            Some(text) if text.eq_ignore_ascii_case("Disabled") => return TlsChange::Disable,
            Some(text) if text.eq_ignore_ascii_case("Enabled") => Some(Wanted::Own),
            Some(text) if text.eq_ignore_ascii_case("Auto") => Some(Wanted::Label),
            Some(other) => {
                refuse(
                    STATUS,
                    format!("{} must be Disabled, Enabled or Auto", Quoted(other)),
                );
                None
            }
        };
        if self.renew {
            if known.label().is_none() {
                refuse(
                    RENEW,
                    "applies to a leaf domain label only, and the compute has none; give a new \
                     certificate and key, or a leaf domain label"
                        .to_owned(),
                );
            }
            return TlsChange::Renew;
        }
        if self.repeats(known, status) {
            return TlsChange::Keep;
        }
        let has_own = given(self.cname.as_ref()).is_some()
            || given(self.certificate.as_ref()).is_some()
            || self.has_key();
        let has_label = given(self.leaf_label.as_ref()).is_some();
        match (status, has_own, has_label) {
            (_, true, true) => {
                refuse(
                    LABEL,
                    "is exclusive with cname, cert and key; give the one or the others".to_owned(),
                );
                // Both are checked all the same: everything wrong is told at once.
                self.check_label(findings);
                self.check_own(now, findings)
            }
            (Some(Wanted::Label), true, false) => {
                refuse(
                    STATUS,
                    "`Auto` needs leafDomainLabel; with cname, cert and key it is `Enabled`"
                        .to_owned(),
                );
                self.check_own(now, findings)
            }
            (_, true, false) | (Some(Wanted::Own), false, false) => self.check_own(now, findings),
            (Some(Wanted::Own), false, true) => {
                refuse(
                    STATUS,
                    "`Enabled` needs cname, cert and key; with leafDomainLabel it is `Auto`"
                        .to_owned(),
                );
                self.check_label(findings)
            }
            (_, false, true) => self.check_label(findings),
            (Some(Wanted::Label), false, false) => {
                refuse(LABEL, "is missing; status `Auto` needs it".to_owned());
                TlsChange::Keep
            }
            (None, false, false) => {
                if self.overwrite {
                    refuse(
                        OVERWRITE,
                        "applies to a leaf domain label only, and none is given".to_owned(),
                    );
                }
                TlsChange::Keep
            }
        }
    }

    fn has_key(&self) -> bool {
        self.key
            .as_ref()
            .is_some_and(|key| !key.reveal().is_empty())
    }

    /// Whether this is what a GET of `known` shows: the key is not in there, and what
    /// is kept stays.
    fn repeats(&self, known: &Tls, status: Option<Wanted>) -> bool {
        let Tls::Served { host, source, .. } = known else {
            return false;
        };
        if self.has_key() || given(self.certificate.as_ref()).is_some() {
            return false;
        }
        let has_name = |cname: &str| cname.eq_ignore_ascii_case(host.as_str());
        let (cname, label) = (given(self.cname.as_ref()), given(self.leaf_label.as_ref()));
        match source {
            TlsSource::Own => {
                !matches!(status, Some(Wanted::Label))
                    && label.is_none()
                    && !self.overwrite
                    && (cname.is_some() || status.is_some())
                    && cname.is_none_or(has_name)
            }
            TlsSource::Label(there) => {
                !matches!(status, Some(Wanted::Own))
                    && label.is_some_and(|label| label.eq_ignore_ascii_case(there.as_str()))
                    && cname.is_none_or(has_name)
            }
        }
    }

    fn check_own(&self, now: Timestamp, findings: &mut Vec<Finding>) -> TlsChange {
        let cname = given(self.cname.as_ref());
        let certificate = given(self.certificate.as_ref());
        let key = self.key.as_ref().filter(|_| self.has_key());
        for (field, is_missing) in [
            (CNAME, cname.is_none()),
            (pair::CERTIFICATE, certificate.is_none()),
            (pair::KEY, key.is_none()),
        ] {
            if is_missing {
                findings.push(Finding::new(
                    field,
                    "is missing; cname, cert and key go together",
                ));
            }
        }
        if self.overwrite {
            findings.push(Finding::new(
                OVERWRITE,
                "applies to a leaf domain label only",
            ));
        }
        let host = cname.and_then(|text| match text.parse::<HostName>() {
            Ok(host) => Some(host),
            Err(error) => {
                findings.push(Finding::new(CNAME, format!("{} {error}", Quoted(text))));
                None
            }
        });
        let (Some(certificate), Some(key)) = (certificate, key) else {
            return TlsChange::Keep;
        };
        let pair = CertificatePair {
            certificate: certificate.to_owned(),
            key: key.clone(),
        };
        match (pair.check(host.as_ref(), now, findings), host) {
            (Some(not_after), Some(host)) => TlsChange::Own {
                host,
                pair,
                not_after,
            },
            _ => TlsChange::Keep,
        }
    }

    fn check_label(&self, findings: &mut Vec<Finding>) -> TlsChange {
        let text = given(self.leaf_label.as_ref()).unwrap_or_default();
        match text.parse::<LeafLabel>() {
            Ok(label) => TlsChange::Label {
                label,
                overwrite: self.overwrite,
            },
            Err(error) => {
                findings.push(Finding::new(LABEL, format!("{} {error}", Quoted(text))));
                TlsChange::Keep
            }
        }
    }
}

impl Tls {
    /// The rule on the address: a name from a label leads to a public one.
    pub fn check_address(is_label: bool, is_internal: bool, findings: &mut Vec<Finding>) {
        if is_label && is_internal {
            findings.push(Finding::new(
                LABEL,
                "cannot be used with an internal load balancer; give cname, cert and key",
            ));
        }
    }

    /// The name of a compute may not be one of the server's own.
    pub fn own_name_finding(host: &HostName) -> Finding {
        Finding::new(
            CNAME,
            format!("`{host}` is a name of this server itself; take another"),
        )
    }

    /// A label whose name has no room.
    pub fn long_name_finding(why: impl std::fmt::Display) -> Finding {
        Finding::new(LABEL, format!("with tail, location and suffix {why}"))
    }
}

/// What the status asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Own,
    Label,
}
