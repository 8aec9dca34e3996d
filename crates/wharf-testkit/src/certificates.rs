//! Certificates for tests, with real keys and real signatures.

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use wharf_core::{
    Result, Secret,
    tls::{CertificateIssuer, CertificatePair, HostName, IssuedPair},
};

/// How long a certificate of [`FakeIssuer`] is good.
const DAYS: i64 = 90;

/// A CA of its own, in memory.
pub struct FakeIssuer {
    issuer: Issuer<'static, KeyPair>,
}

impl Default for FakeIssuer {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeIssuer {
    /// A new CA.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            issuer: Issuer::new(params, key),
        }
    }
}

impl CertificateIssuer for FakeIssuer {
    fn issue(&self, host: &HostName, now: Timestamp) -> Result<IssuedPair> {
        let key = KeyPair::generate().expect("a key");
        let (params, not_after) = params(&[host.as_str()], now);
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        Ok(IssuedPair {
            pair: CertificatePair {
                certificate: certificate.pem(),
                key: Secret::new(key.serialize_pem()),
            },
            not_after,
        })
    }
}

/// A pair as a user brings it: signed by itself, good for 90 days from `now` on.
pub fn own_pair(names: &[&str], now: Timestamp) -> CertificatePair {
    let key = KeyPair::generate().expect("a key");
    let (params, _) = params(names, now);
    CertificatePair {
        certificate: params.self_signed(&key).expect("signed").pem(),
        key: Secret::new(key.serialize_pem()),
    }
}

fn params(names: &[&str], now: Timestamp) -> (CertificateParams, Timestamp) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names");
    let date = |at: Timestamp| TimeZone::UTC.to_datetime(at).date();
    let at = |at: Timestamp| {
        let date = date(at);
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(i32::from(date.year()), month, day)
    };
    let end = now
        .checked_add(SignedDuration::from_hours(24 * DAYS))
        .expect("a time");
    params.not_before = at(now);
    params.not_after = at(end);
    let midnight = date(end).to_datetime(Time::midnight());
    let not_after = TimeZone::UTC.to_timestamp(midnight).expect("a time");
    (params, not_after)
}
