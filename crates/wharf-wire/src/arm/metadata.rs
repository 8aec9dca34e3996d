//! The document that clients read before they sign in.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A cloud. No value may hold a `%`: SDK v1 passes them through a config parser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cloud {
    /// What clients call it.
    pub name: String,
    /// Where ARM is; no trailing slash, since SDK v1 puts paths behind it.
    pub resource_manager: String,
    /// Where the web page is.
    pub portal: String,
    /// How to sign in.
    pub authentication: Authentication,
    /// What hosts of services end with.
    pub suffixes: Suffixes,
}

/// How to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// Ends in `/adfs`: msal then asks no discovery service of Microsoft's, and
    /// keeps the port.
    pub login_endpoint: String,
    /// What tokens are for; the scope is the first one with `/.default` behind it.
    pub audiences: Vec<String>,
    /// The tenant.
    pub tenant: String,
    /// `ADFS`.
    pub identity_provider: String,
}

/// What hosts of services end with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suffixes {
    /// Blob hosts are `ACCOUNT.blob.` and this.
    pub storage: String,
}

/// First version of the document that is one object instead of a list.
const FIRST_OBJECT_VERSION: &str = "2022-09-01";

/// What clients of either shape read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Metadata {
    /// `az cloud register`.
    One(Cloud),
    /// The SDKs, and `az` told by a variable.
    Several(Vec<Cloud>),
}

impl Cloud {
    fn new(name: &str, public_url: &str, tenant: Uuid) -> Self {
        let host = public_url.trim_start_matches("https://");
        Self {
            name: name.to_owned(),
            resource_manager: public_url.to_owned(),
            portal: public_url.to_owned(),
            authentication: Authentication {
                login_endpoint: format!("{public_url}/adfs"),
                audiences: vec![format!("{public_url}/")],
                tenant: tenant.to_string(),
                identity_provider: "ADFS".to_owned(),
            },
            suffixes: Suffixes {
                storage: host.to_owned(),
            },
        }
    }
}

impl Metadata {
    /// The document in the shape of `api_version`. The list has the same cloud
    /// twice: SDK v2 never overrides one called `AzureCloud`, and SDK v1's service
    /// principal asks for that name.
    pub fn new(public_url: &str, tenant: Uuid, api_version: Option<&str>) -> Self {
        let cloud = |name| Cloud::new(name, public_url, tenant);
        if api_version.is_some_and(|version| version >= FIRST_OBJECT_VERSION) {
            Self::One(cloud("Wharf"))
        } else {
            Self::Several(vec![cloud("Wharf"), cloud("AzureCloud")])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_decides_the_shape() {
        let of = |version| Metadata::new("https://h:1", Uuid::nil(), version);
        assert!(matches!(of(Some("2022-09-01")), Metadata::One(_)));
        for version in [None, Some("2019-05-01")] {
            let Metadata::Several(clouds) = of(version) else {
                panic!("{version:?} is a list");
            };
            assert_eq!(clouds[0].name, "Wharf");
            assert_eq!(clouds[1].name, "AzureCloud");
            assert_eq!(clouds[0].suffixes.storage, "h:1");
            assert_eq!(clouds[0].authentication, clouds[1].authentication);
        }
    }
}
