//! A certificate with those that lead to its root.

use jiff::Timestamp;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use x509_parser::{
    certificate::X509Certificate,
    extensions::GeneralName,
    oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_SIG_ED25519},
    prelude::FromDer as _,
    public_key::PublicKey,
    x509::X509Version,
};

use super::{HostName, pair::CERTIFICATE};
use crate::{finding::Finding, quote::Quoted};

/// Most certificates of a chain, the server's among them.
pub const MOST_CERTIFICATES: usize = 10;
/// Fewest bits of an RSA key (the CA/Browser Forum's baseline requirements, 6.1.5).
const FEWEST_RSA_BITS: usize = 2_048;
/// Names of a certificate that a finding repeats.
const SHOWN_NAMES: usize = 5;

/// The certificates, in order, as DER.
pub(super) struct Chain(Vec<Vec<u8>>);

/// What others must know of a chain that could be read.
pub(super) struct Facts {
    pub(super) not_after: Timestamp,
    /// SubjectPublicKeyInfo, DER.
    pub(super) public_key: Vec<u8>,
}

impl Chain {
    /// # Errors
    /// What is wrong with the PEM as a whole.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut certificates = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
            match section {
                Ok((SectionKind::Certificate, der)) => certificates.push(der),
                Ok((
                    SectionKind::RsaPrivateKey
                    | SectionKind::PrivateKey
                    | SectionKind::EcPrivateKey,
                    _,
                )) => return Err("holds a private key; it belongs into `key` alone".to_owned()),
                Ok(_) => return Err("must hold certificates only".to_owned()),
                Err(_) => return Err("is not well-formed PEM".to_owned()),
            }
        }
        match certificates.len() {
            0 => {
                Err("has no certificate; a PEM begins with -----BEGIN CERTIFICATE-----".to_owned())
            }
            1..=MOST_CERTIFICATES => Ok(Self(certificates)),
            count => Err(format!(
                "has {count} certificates; at most {MOST_CERTIFICATES} are allowed"
            )),
        }
    }

    /// Adds each broken rule to `findings`; answers what could be read.
    pub(super) fn check(
        &self,
        host: Option<&HostName>,
        now: Timestamp,
        findings: &mut Vec<Finding>,
    ) -> Option<Facts> {
        let mut refuse = |why: String| findings.push(Finding::new(CERTIFICATE, why));
        let mut parsed = Vec::with_capacity(self.0.len());
        for (index, der) in self.0.iter().enumerate() {
            match X509Certificate::from_der(der) {
                Ok(([], certificate)) => parsed.push(certificate),
                _ => {
                    refuse(format!("{} cannot be read", nth(index)));
                    return None;
                }
            }
        }
        for (index, certificate) in parsed.iter().enumerate() {
            check_dates(index, certificate, now, &mut refuse);
        }
        check_order(&parsed, &mut refuse);
        let server = parsed.first()?;
        check_use(server, &mut refuse);
        check_strength(server, &mut refuse);
        if let Some(host) = host {
            check_name(server, host, findings);
        }
        let end = parsed.iter().map(|it| it.validity().not_after.timestamp());
        Some(Facts {
            // A chain is as good as its first certificate to end.
            not_after: Timestamp::from_second(end.min()?).ok()?,
            public_key: server.public_key().raw.to_vec(),
        })
    }
}

fn nth(index: usize) -> String {
    format!("certificate {}", index + 1)
}

fn check_dates(
    index: usize,
    certificate: &X509Certificate<'_>,
    now: Timestamp,
    refuse: &mut impl FnMut(String),
) {
    let validity = certificate.validity();
    let time = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    let (from, to) = (
        time(validity.not_before.timestamp()),
        time(validity.not_after.timestamp()),
    );
    if now > to {
        refuse(format!("{} expired on {to}", nth(index)));
    } else if now < from {
        refuse(format!("{} is not valid before {from}", nth(index)));
    }
}

/// Server, intermediates, root: each is signed by the next.
fn check_order(chain: &[X509Certificate<'_>], refuse: &mut impl FnMut(String)) {
    for (index, pair) in chain.windows(2).enumerate() {
        let [certificate, issuer] = pair else {
            continue;
        };
        let (this, next) = (nth(index), nth(index + 1));
        if certificate.issuer().as_raw() != issuer.subject().as_raw() {
            refuse(format!(
                "{this} was not issued by {next}; the order is the server's certificate, \
                 intermediates, root"
            ));
        } else if issuer.version() == X509Version::V3 && !issuer.is_ca() {
            refuse(format!("{next} is not a CA and cannot have issued {this}"));
        } else if certificate
            .verify_signature(Some(issuer.public_key()))
            .is_err()
        {
            refuse(format!("{this} is not signed with the key of {next}"));
        }
    }
}

/// Where a certificate says what it is for, servers must be among it.
fn check_use(server: &X509Certificate<'_>, refuse: &mut impl FnMut(String)) {
    match server.extended_key_usage() {
        Ok(Some(usage)) if !usage.value.server_auth && !usage.value.any => {
            refuse("is not for servers: its extended key usage has no `serverAuth`".to_owned());
        }
        Ok(_) => {}
        Err(_) => refuse("has an extended key usage that cannot be read".to_owned()),
    }
}

fn check_strength(server: &X509Certificate<'_>, refuse: &mut impl FnMut(String)) {
    let key = server.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() < FEWEST_RSA_BITS => refuse(format!(
            "has an RSA key of {} bits; at least {FEWEST_RSA_BITS} are needed",
            rsa.key_size()
        )),
        Ok(PublicKey::RSA(_)) => {}
        Ok(PublicKey::EC(_)) => {
            let curve = key.algorithm.parameters.as_ref();
            let curve = curve.and_then(|curve| curve.as_oid().ok());
            if !curve.is_some_and(|curve| curve == OID_EC_P256 || curve == OID_NIST_EC_P384) {
                refuse("has an EC key on another curve than P-256 and P-384".to_owned());
            }
        }
        _ if key.algorithm.algorithm == OID_SIG_ED25519 => {}
        _ => refuse("has a key that is neither RSA, nor EC, nor Ed25519".to_owned()),
    }
}

/// The names of the certificate: those of its subject's alternatives, and where it
/// has none, its common name. Old certificates have but that, and Azure takes them.
fn check_name(server: &X509Certificate<'_>, host: &HostName, findings: &mut Vec<Finding>) {
    let mut names: Vec<&str> = Vec::new();
    match server.subject_alternative_name() {
        Ok(Some(there)) => {
            names.extend(
                there
                    .value
                    .general_names
                    .iter()
                    .filter_map(|name| match name {
                        GeneralName::DNSName(name) => Some(*name),
                        _ => None,
                    }),
            );
        }
        Ok(None) => {}
        Err(_) => {
            findings.push(Finding::new(
                CERTIFICATE,
                "has alternative names that cannot be read",
            ));
            return;
        }
    }
    if names.is_empty() {
        let common = server.subject().iter_common_name();
        names.extend(common.filter_map(|name| name.as_str().ok()));
    }
    if names.iter().any(|name| host.is_covered_by(name)) {
        return;
    }
    let shown: Vec<_> = names
        .iter()
        .take(SHOWN_NAMES)
        .map(|it| Quoted(it).to_string())
        .collect();
    let whose = match shown.len() {
        0 => "no name".to_owned(),
        _ if names.len() > SHOWN_NAMES => format!("{} and others", shown.join(", ")),
        _ => shown.join(", "),
    };
    findings.push(Finding::new(
        super::request::CNAME,
        format!("`{host}` is not a name of the certificate, which is for {whose}"),
    ));
}
