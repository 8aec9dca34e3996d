//! TLS settings of a compute.

use serde::{Deserialize, Serialize};
use wharf_core::{
    Secret,
    finding::Finding,
    tls::{Tls, TlsRequest, TlsSource},
};

use super::fields::Fields;

/// The member of an AKS cluster that they are in.
const MEMBER: &str = "sslConfiguration";

/// TLS settings as a GET shows them: a certificate and its key are never in there.
/// SDK v1 reads each with a default, but its renewal indexes `leafDomainLabel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SslConfiguration {
    /// `Disabled`, `Enabled` (the user's certificate) or `Auto` (a leaf label).
    pub status: String,
    /// Always null.
    pub cert: Option<String>,
    /// Always null.
    pub key: Option<String>,
    /// The name that clients ask for.
    pub cname: Option<String>,
    /// The label that the name was made from.
    pub leaf_domain_label: Option<String>,
    /// Always false: it was done with the PUT that said so.
    pub overwrite_existing_domain: bool,
}

impl SslConfiguration {
    /// What a compute shows; nothing when nobody ever asked for TLS.
    pub(super) fn new(tls: &Tls) -> Option<Self> {
        let status = match tls {
            Tls::Unset => return None,
            Tls::Disabled => "Disabled",
            Tls::Served {
                source: TlsSource::Own,
                ..
            } => "Enabled",
            Tls::Served {
                source: TlsSource::Label(_),
                ..
            } => "Auto",
        };
        Some(Self {
            status: status.to_owned(),
            cert: None,
            key: None,
            cname: tls.host().map(ToString::to_string),
            leaf_domain_label: tls.label().map(ToString::to_string),
            overwrite_existing_domain: false,
        })
    }
}

/// Takes the settings out of an AKS cluster's members. Nothing of them is among what
/// is kept without being interpreted, since they hold a key.
pub(super) fn take(inner: &mut Fields, findings: &mut Vec<Finding>) -> Option<TlsRequest> {
    let mut tls = inner.object(MEMBER, findings);
    inner.drop_all(MEMBER);
    if tls.is_empty() {
        return None;
    }
    Some(TlsRequest {
        status: tls.text("status", findings),
        cname: tls.text("cname", findings),
        certificate: tls.document("cert", findings),
        key: tls.document("key", findings).map(Secret::new),
        leaf_label: tls.text("leafDomainLabel", findings),
        overwrite: tls
            .flag("overwriteExistingDomain", findings)
            .unwrap_or_default(),
        renew: tls.flag("renew", findings).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn taken(document: Value) -> (Option<TlsRequest>, Vec<Finding>, Value) {
        let mut findings = Vec::new();
        let mut fields = Fields::of(document).expect("an object");
        let request = take(&mut fields, &mut findings);
        (request, findings, Value::Object(fields.rest()))
    }

    #[test]
    fn everything_is_read_and_nothing_is_left() {
        let (request, findings, rest) = taken(json!({
            "sslConfiguration": {
                "status": "Enabled", "cname": "a.example.com", "cert": "C", "key": "K",
                "leafDomainLabel": "contoso", "overwriteExistingDomain": true, "renew": true,
            },
            "SSLConfiguration": {"key": "hidden"},
            "other": 1,
        }));
        assert_eq!(findings, []);
        let request = request.expect("settings");
        assert_eq!(request.key.as_ref().map(Secret::reveal), Some("K"));
        assert!(request.overwrite && request.renew);
        assert!(!format!("{request:?}").contains('K'));
        assert_eq!(rest, json!({"other": 1}));
    }

    #[test]
    fn nothing_sent_is_nothing_asked() {
        for document in [
            json!({}),
            json!({"sslConfiguration": null}),
            json!({"sslConfiguration": {}}),
        ] {
            assert_eq!(taken(document), (None, vec![], json!({})));
        }
    }

    #[test]
    fn wrong_types_are_found_all_at_once() {
        let (_, findings, _) = taken(json!({
            "sslConfiguration": {"status": 1, "cert": [], "key": {}, "renew": "yes"},
        }));
        let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "sslConfiguration.status",
                "sslConfiguration.cert",
                "sslConfiguration.key",
                "sslConfiguration.renew"
            ]
        );
    }

    #[test]
    fn a_get_shows_no_secret_and_can_be_sent_back() {
        let tls = |source| Tls::Served {
            host: "contosoabc123.local.localhost".parse().expect("a name"),
            certificate: wharf_core::digest::Digest::of(b"x"),
            not_after: jiff::Timestamp::UNIX_EPOCH,
            source,
        };
        assert_eq!(SslConfiguration::new(&Tls::Unset), None);
        let shown = |tls: &Tls| serde_json::to_value(SslConfiguration::new(tls)).expect("JSON");
        assert_eq!(
            shown(&tls(TlsSource::Label("contoso".parse().expect("a label")))),
            json!({
                "status": "Auto", "cert": null, "key": null,
                "cname": "contosoabc123.local.localhost", "leafDomainLabel": "contoso",
                "overwriteExistingDomain": false,
            })
        );
        assert_eq!(
            shown(&tls(TlsSource::Own)),
            json!({
                "status": "Enabled", "cert": null, "key": null,
                "cname": "contosoabc123.local.localhost", "leafDomainLabel": null,
                "overwriteExistingDomain": false,
            })
        );
        assert_eq!(
            shown(&Tls::Disabled),
            json!({
                "status": "Disabled", "cert": null, "key": null, "cname": null,
                "leafDomainLabel": null, "overwriteExistingDomain": false,
            })
        );
    }
}
