//! Wharf's own CA, which never changes, and the server's certificate, which is
//! renewed when it nears its end or the names change.

use std::path::Path;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use serde::{Deserialize, Serialize};
use wharf_cli::DataDir;
use wharf_core::{
    Secret,
    digest::Digest,
    tls::{CertificateIssuer, CertificatePair, HostName, IssuedPair},
};

use crate::{
    data_dir::is_there,
    durable::{self, Readers},
    error::StartError,
};

/// How long the CA is good, in days: longer than a data directory lives.
const CA_DAYS: i64 = 20 * 365;
/// How long a server certificate is good, in days. Apple's clients refuse more
/// than 825 for private CAs, browsers more than 398 for public ones.
const LEAF_DAYS: i64 = 397;
/// It is renewed when less than this is left: a third.
const RENEW_DAYS: i64 = LEAF_DAYS / 3;
/// Certificates begin this much earlier, for clients whose clock is behind.
const BACKDATE_DAYS: i64 = 1;

/// The CA of a data directory.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// The server's certificate as it is kept: one file, so that key and certificate
/// never part.
#[derive(Serialize, Deserialize)]
pub(crate) struct Leaf {
    /// The names and addresses it is for, in order.
    pub(crate) names: Vec<String>,
    /// SHA-256 of the PEM of the CA that signed it.
    authority: String,
    pub(crate) not_after: Timestamp,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

impl Authority {
    /// Reads the CA; makes it, or what an interrupted start left out of it.
    pub(crate) fn open(dir: &DataDir, now: Timestamp) -> Result<Self, StartError> {
        let (key_path, pem_path) = (dir.tls().join("ca.key"), dir.ca());
        let has_certificate = is_there(&pem_path)?;
        if !is_there(&key_path)? {
            if has_certificate {
                // Clients trust this certificate; a new one would lock them out.
                return Err(StartError::unusable(
                    &key_path,
                    "it is missing, and its certificate is there",
                ));
            }
            let key =
                KeyPair::generate().map_err(|error| StartError::unusable(&key_path, error))?;
            durable::write(&key_path, key.serialize_pem().as_bytes(), Readers::Owner)
                .map_err(|error| StartError::file("write", &key_path, error))?;
        }
        let key = KeyPair::from_pem(&read(&key_path)?)
            .map_err(|error| StartError::unusable(&key_path, error))?;
        if !has_certificate {
            let made = authority_params(&key, now).self_signed(&key);
            let pem = made.map_err(|error| StartError::unusable(&key_path, error))?;
            durable::write(&pem_path, pem.pem().as_bytes(), Readers::All)
                .map_err(|error| StartError::file("write", &pem_path, error))?;
        }
        let pem = read(&pem_path)?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key)
            .map_err(|error| StartError::unusable(&pem_path, error))?;
        Ok(Self { issuer, pem })
    }

    /// The CA's certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The server's certificate for these names: the kept one, or a new one. A
    /// file that cannot be read is replaced, since nobody depends on it.
    pub(crate) fn leaf(
        &self,
        path: &Path,
        names: &[String],
        now: Timestamp,
    ) -> Result<Leaf, StartError> {
        let authority = Digest::of(self.pem.as_bytes()).to_string();
        let kept = std::fs::read(path).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Leaf>(&bytes).ok());
        if let Some(leaf) = kept
            && leaf.names == names
            && leaf.authority == authority
            && !is_due(leaf.not_after, now)
        {
            return Ok(leaf);
        }
        let failed = |error: rcgen::Error| StartError::unusable(path, error);
        let key = KeyPair::generate().map_err(failed)?;
        let (params, not_after) = leaf_params(names, now).map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let leaf = Leaf {
            names: names.to_vec(),
            authority,
            not_after,
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        };
        let json =
            serde_json::to_vec_pretty(&leaf).map_err(|error| StartError::unusable(path, error))?;
        durable::write(path, &json, Readers::Owner)
            .map_err(|error| StartError::file("write", path, error))?;
        tracing::info!(names = ?leaf.names, not_after = %leaf.not_after, "made a server certificate");
        Ok(leaf)
    }
}

impl CertificateIssuer for Authority {
    fn issue(&self, host: &HostName, now: Timestamp) -> wharf_core::Result<IssuedPair> {
        let failed = |error: rcgen::Error| {
            wharf_core::Error::internal(format!("a certificate for {host}: {error}"))
        };
        let key = KeyPair::generate().map_err(failed)?;
        let (params, not_after) = leaf_params(&[host.to_string()], now).map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(IssuedPair {
            pair: CertificatePair {
                certificate: certificate.pem(),
                key: Secret::new(key.serialize_pem()),
            },
            not_after,
        })
    }
}

fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|error| StartError::file("read", path, error))
}

/// Whether a certificate is to be renewed: it nears its end, or it was made by a clock
/// that was ahead and has not begun.
fn is_due(not_after: Timestamp, now: Timestamp) -> bool {
    let left = not_after.duration_since(now);
    left < SignedDuration::from_hours(24 * RENEW_DAYS)
        || left > SignedDuration::from_hours(24 * (LEAF_DAYS + BACKDATE_DAYS))
}

/// The names and addresses of a server: what clients may write in a URL.
pub(crate) fn names(public_host: &str, blob_host: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let wildcard = format!("*.blob.{public_host}");
    let all = [
        public_host,
        "localhost",
        "127.0.0.1",
        "::1",
        blob_host,
        &wildcard,
    ];
    for name in all {
        if !names.iter().any(|there| there == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn authority_params(key: &KeyPair, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    // Several Wharfs may be trusted by one client: their CAs need names apart.
    let mut id = Digest::of(key.public_key_raw()).to_string();
    id.truncate(8);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Wharf CA {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    // Python 3.13 and Go refuse a CA that does not say that it may sign.
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_days(&mut params, day(now, -BACKDATE_DAYS), day(now, CA_DAYS));
    params
}

fn leaf_params(
    names: &[String],
    now: Timestamp,
) -> Result<(CertificateParams, Timestamp), rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    // A common name has at most 64 characters (RFC 5280, appendix A.1); clients look
    // at the alternative names.
    let common = names.first().map_or("wharf", String::as_str);
    let common: String = common.chars().take(64).collect();
    params
        .distinguished_name
        .push(DnType::CommonName, common.trim_end_matches('.'));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let end = day(now, LEAF_DAYS);
    set_days(&mut params, day(now, -BACKDATE_DAYS), end);
    let not_after = TimeZone::UTC.to_timestamp(end.to_datetime(Time::midnight()));
    let not_after = not_after.map_err(|_| rcgen::Error::Time)?;
    Ok((params, not_after))
}

/// The day `days` after now.
fn day(now: Timestamp, days: i64) -> Date {
    let then = now.checked_add(SignedDuration::from_hours(24 * days));
    TimeZone::UTC
        .to_datetime(then.unwrap_or(Timestamp::MAX))
        .date()
}

/// Replaces the beginning and end of a certificate: its first moment is that of
/// the day `from`, its last that of the day `to`.
fn set_days(params: &mut CertificateParams, from: Date, to: Date) {
    let at = |date: Date| {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(i32::from(date.year()), month, day)
    };
    params.not_before = at(from);
    params.not_after = at(to);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> Timestamp {
        let start = Timestamp::from_second(1_790_000_000).expect("a time");
        start
            .checked_add(SignedDuration::from_hours(24 * days))
            .expect("a time")
    }

    fn scene() -> (tempfile::TempDir, DataDir) {
        let scratch = tempfile::tempdir().expect("a folder");
        let dir = DataDir::new(scratch.path().to_owned());
        std::fs::create_dir(dir.tls()).expect("a folder");
        (scratch, dir)
    }

    #[test]
    fn the_ca_stays_and_the_leaf_stays_until_its_last_third() {
        let (_scratch, dir) = scene();
        let names = names("localhost", "wharf.blob.localhost");
        let first = Authority::open(&dir, at(0)).expect("made");
        let leaf = first.leaf(&dir.leaf(), &names, at(0)).expect("made");
        let again = Authority::open(&dir, at(264)).expect("read");
        assert_eq!(again.pem(), first.pem());
        let kept = again.leaf(&dir.leaf(), &names, at(264)).expect("read");
        assert_eq!(kept.certificate_pem, leaf.certificate_pem);
        let renewed = again.leaf(&dir.leaf(), &names, at(266)).expect("made");
        assert_ne!(renewed.certificate_pem, leaf.certificate_pem);
        assert_eq!(renewed.names, leaf.names);
        assert!(renewed.not_after > leaf.not_after);
    }

    #[test]
    fn a_leaf_that_a_clock_ahead_made_is_replaced_when_the_clock_is_right() {
        let (_scratch, dir) = scene();
        let names = names("localhost", "wharf.blob.localhost");
        let authority = Authority::open(&dir, at(0)).expect("made");
        let leaf = |day| authority.leaf(&dir.leaf(), &names, at(day)).expect("made");
        let ahead = leaf(3_650);
        let right = leaf(0);
        assert_ne!(right.certificate_pem, ahead.certificate_pem);
        // A day back it is good already.
        let earlier = leaf(-1);
        assert_eq!(earlier.certificate_pem, right.certificate_pem);
    }

    #[test]
    fn another_host_gets_another_leaf() {
        let (_scratch, dir) = scene();
        let authority = Authority::open(&dir, at(0)).expect("made");
        let mut leaves = Vec::new();
        for host in ["localhost", "ml.example.com"] {
            let names = names(host, &format!("wharf.blob.{host}"));
            leaves.push(authority.leaf(&dir.leaf(), &names, at(0)).expect("made"));
        }
        assert_ne!(leaves[0].certificate_pem, leaves[1].certificate_pem);
        assert_eq!(
            leaves[1].names,
            [
                "ml.example.com",
                "localhost",
                "127.0.0.1",
                "::1",
                "wharf.blob.ml.example.com",
                "*.blob.ml.example.com"
            ]
        );
    }

    #[test]
    fn a_start_that_was_killed_half_way_is_completed() {
        let (_scratch, dir) = scene();
        Authority::open(&dir, at(0)).expect("made");
        let key = std::fs::read(dir.tls().join("ca.key")).expect("the key");
        std::fs::remove_file(dir.ca()).expect("as if it was not written yet");
        let authority = Authority::open(&dir, at(0)).expect("completed");
        assert_eq!(
            std::fs::read(dir.tls().join("ca.key")).expect("the key"),
            key
        );
        // Half a leaf is no leaf.
        std::fs::write(dir.leaf(), "{\"names\": [").expect("written");
        let names = names("localhost", "wharf.blob.localhost");
        authority
            .leaf(&dir.leaf(), &names, at(0))
            .expect("made anew");
    }

    #[test]
    fn a_ca_whose_key_is_gone_is_never_replaced() {
        let (_scratch, dir) = scene();
        Authority::open(&dir, at(0)).expect("made");
        std::fs::remove_file(dir.tls().join("ca.key")).expect("removed");
        let error = Authority::open(&dir, at(0)).err().expect("refused");
        assert!(error.to_string().contains("it is missing"), "{error}");
    }
}
