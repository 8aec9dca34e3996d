//! Shared access signatures: one blob, one permission, a short time.
//!
//! The query has the parts that clients of Azure's storage expect to see
//! (`sv, sr, sp, se, sig`); only this server reads them. The signature is an
//! HMAC-SHA256 over permission, end and path.

use std::{fmt, str::FromStr, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{Error, Result, model::ArtifactPath};

use crate::App;

/// What a grant says of its end. Clients ask for the address right before they use it,
/// and it is looked at when a request begins: with [`TOLERANCE`] an hour is enough,
/// and what leaks into a log opens nothing the next day.
const LIFETIME: Duration = Duration::from_secs(55 * 60);
/// How much later than its end a grant is taken, in seconds: a clock may be set
/// between two requests. Tokens have the same.
const TOLERANCE: i64 = 300;
/// The storage version that the SDK's uploader speaks.
const STORAGE_VERSION: &str = "2021-08-06";

/// What a signature allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Download.
    Read,
    /// Upload, and seeing that it is there: SDK v1 asks for size and tag with the same
    /// address after it has uploaded. Never the bytes.
    Write,
}

impl Permission {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "r",
            Self::Write => "cw",
        }
    }
}

impl FromStr for Permission {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Read, Self::Write]
            .into_iter()
            .find(|permission| permission.as_str() == text)
            .ok_or_else(|| forbidden("the signature's permissions (sp) are not this server's"))
    }
}

/// One signature's meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SasGrant {
    /// The workspace; its id in simple hex is the blob's container.
    pub workspace: Uuid,
    /// The artifact; `origin/container/path` is the blob's name.
    pub artifact: ArtifactPath,
    /// What is allowed.
    pub permission: Permission,
    /// Until when, in whole seconds.
    pub expires: Timestamp,
}

impl SasGrant {
    /// Whether uploads are allowed.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when they are not.
    pub fn require_write(&self) -> Result<()> {
        match self.permission {
            Permission::Write => Ok(()),
            Permission::Read => Err(forbidden("the signature allows reading only")),
        }
    }
}

impl SasGrant {
    /// Whether downloads are allowed.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when they are not.
    pub fn require_read(&self) -> Result<()> {
        match self.permission {
            Permission::Read => Ok(()),
            Permission::Write => Err(forbidden("the signature allows uploading only")),
        }
    }
}

impl fmt::Display for SasGrant {
    /// The text that is signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n{}\n/{}/{}",
            self.permission.as_str(),
            self.expires.as_second(),
            self.workspace.simple(),
            self.artifact
        )
    }
}

/// Signs and checks grants.
pub(crate) struct Signer(hmac::Key);

impl Signer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Every byte of the query is one that needs no percent-encoding but `:`, which
    /// is allowed in a query too.
    fn sign(&self, grant: &SasGrant) -> String {
        let tag = hmac::sign(&self.0, grant.to_string().as_bytes());
        format!(
            "sv={STORAGE_VERSION}&sr=b&sp={}&se={}&sig={}",
            grant.permission.as_str(),
            grant.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            URL_SAFE_NO_PAD.encode(tag)
        )
    }

    fn verify(
        &self,
        container: &str,
        blob: &str,
        query: &[(String, String)],
        now: Timestamp,
    ) -> Result<SasGrant> {
        let value = |name: &str| {
            let mut found = query.iter().filter(|(key, _)| key == name);
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(value.as_str()),
                (None, _) => Err(forbidden(&format!("the signature's `{name}` is missing"))),
                _ => Err(forbidden(&format!(
                    "the signature's `{name}` is there twice"
                ))),
            }
        };
        let tag = URL_SAFE_NO_PAD
            .decode(value("sig")?)
            .map_err(|_| forbidden("the signature (sig) is not base64url"))?;
        let expires = value("se")?
            .parse::<Timestamp>()
            .map_err(|_| forbidden("the signature's end (se) is not a time"))?;
        let other = || forbidden("the signature is not for this blob, or not this server's");
        let grant = SasGrant {
            workspace: Uuid::try_parse(container).map_err(|_| other())?,
            artifact: blob.parse().map_err(|_| other())?,
            permission: value("sp")?.parse()?,
            expires,
        };
        hmac::verify(&self.0, grant.to_string().as_bytes(), &tag).map_err(|_| other())?;
        if now.as_second() >= grant.expires.as_second().saturating_add(TOLERANCE) {
            return Err(forbidden(
                "the signature has expired; ask for the address again",
            ));
        }
        Ok(grant)
    }
}

fn forbidden(why: &str) -> Error {
    Error::Forbidden {
        why: why.to_owned(),
    }
}

impl App {
    /// A grant for an artifact of a workspace, good for 55 minutes from now, and five more.
    pub fn sas_grant(
        &self,
        workspace: Uuid,
        artifact: ArtifactPath,
        permission: Permission,
    ) -> SasGrant {
        let end = self.now().as_second() + LIFETIME.as_secs().cast_signed();
        SasGrant {
            workspace,
            artifact,
            permission,
            expires: Timestamp::from_second(end).unwrap_or(Timestamp::MAX),
        }
    }

    /// The query string (`sv=…&sr=b&sp=…&se=…&sig=…`) of a grant.
    pub fn sas_sign(&self, grant: &SasGrant) -> String {
        self.inner.signer.sign(grant)
    }

    /// Checks a request's signature. `container` and `blob` are the decoded parts of
    /// the path, `query` the decoded pairs; pairs that are not part of the signature
    /// (`comp`, `timeout`, …) are ignored.
    ///
    /// # Errors
    /// [`Error::Forbidden`] saying what is wrong: missing, expired, not for this
    /// blob, or not signed by this server.
    pub fn sas_verify(
        &self,
        container: &str,
        blob: &str,
        query: &[(String, String)],
    ) -> Result<SasGrant> {
        self.inner.signer.verify(container, blob, query, self.now())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grant(permission: Permission) -> SasGrant {
        SasGrant {
            workspace: Uuid::from_u128(7),
            artifact: "LocalUpload/a1/model.pkl".parse().expect("a path"),
            permission,
            expires: Timestamp::from_second(2_000).expect("a time"),
        }
    }

    fn pairs(query: &str) -> Vec<(String, String)> {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    const CONTAINER: &str = "00000000000000000000000000000007";
    const BLOB: &str = "LocalUpload/a1/model.pkl";

    #[test]
    fn a_signature_opens_its_blob_until_it_ends() {
        let signer = Signer::new(&[1; 32]);
        for permission in [Permission::Read, Permission::Write] {
            let query = pairs(&signer.sign(&grant(permission)));
            let read = signer.verify(CONTAINER, BLOB, &query, at(2_299));
            assert_eq!(read.expect("good"), grant(permission));
            assert!(signer.verify(CONTAINER, BLOB, &query, at(2_300)).is_err());
            assert!(
                Signer::new(&[2; 32])
                    .verify(CONTAINER, BLOB, &query, at(1))
                    .is_err()
            );
        }
    }

    #[test]
    fn a_signature_opens_nothing_else() {
        let signer = Signer::new(&[1; 32]);
        let query = pairs(&signer.sign(&grant(Permission::Read)));
        for (container, blob) in [
            (CONTAINER, "LocalUpload/a1/other.pkl"),
            ("00000000000000000000000000000008", BLOB),
            (CONTAINER, "LocalUpload/a1/../a1/model.pkl"),
            ("", ""),
        ] {
            assert!(
                signer.verify(container, blob, &query, at(1)).is_err(),
                "{container} {blob}"
            );
        }
        for (name, value) in [
            ("sp", "cw"),
            ("se", "2030-01-01T00:00:00Z"),
            ("sig", "AAAA"),
        ] {
            let mut changed = query.clone();
            for pair in &mut changed {
                if pair.0 == name {
                    pair.1 = value.to_owned();
                }
            }
            assert!(
                signer.verify(CONTAINER, BLOB, &changed, at(1)).is_err(),
                "{name}"
            );
            let without: Vec<_> = query
                .iter()
                .filter(|pair| pair.0 != name)
                .cloned()
                .collect();
            assert!(
                signer.verify(CONTAINER, BLOB, &without, at(1)).is_err(),
                "no {name}"
            );
            let mut twice = query.clone();
            twice.push((name.to_owned(), value.to_owned()));
            assert!(
                signer.verify(CONTAINER, BLOB, &twice, at(1)).is_err(),
                "two {name}"
            );
        }
    }

    #[tokio::test]
    async fn a_grant_is_good_for_an_hour() {
        let test = crate::testing::TestApp::new().await;
        let place: ArtifactPath = BLOB.parse().expect("a path");
        for permission in [Permission::Read, Permission::Write] {
            let grant = test
                .app
                .sas_grant(Uuid::from_u128(7), place.clone(), permission);
            let query = pairs(&test.app.sas_sign(&grant));
            let check = || test.app.sas_verify(CONTAINER, BLOB, &query);
            assert!(check().is_ok());
            test.clock.advance(Duration::from_secs(3_599));
            assert!(check().is_ok());
            test.clock.advance(Duration::from_secs(1));
            assert!(matches!(check(), Err(Error::Forbidden { .. })));
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused(query in proptest::collection::vec(("(sp|se|sig|sv|x)", ".{0,40}"), 0..8), blob in ".{0,60}") {
            let signer = Signer::new(&[1; 32]);
            prop_assert!(signer.verify(CONTAINER, &blob, &query, at(1)).is_err());
        }
    }
}
