//! Tables of pairs and requests, good and bad.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    PKCS_RSA_SHA256, SignatureAlgorithm, date_time_ymd,
};

use super::*;
use crate::{Secret, finding::Finding};

const HOST: &str = "iris.example.com";
const WEAK_CERTIFICATE: &str = include_str!("weak/rsa_1024.pem");
const WEAK_KEY: &str = include_str!("weak/rsa_1024.key");

fn now() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().expect("a time")
}

/// A certificate for `names`, good in the year 2026.
fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn signed(params: &CertificateParams, key: &KeyPair) -> String {
    params.self_signed(key).expect("signed").pem()
}

/// A pair that keeps every rule.
fn good() -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    (signed(&params(&[HOST]), &key), key.serialize_pem())
}

fn own(cname: &str, certificate: &str, key: &str) -> TlsRequest {
    TlsRequest {
        status: Some("Enabled".to_owned()),
        cname: Some(cname.to_owned()),
        certificate: Some(certificate.to_owned()),
        key: Some(Secret::new(key)),
        ..TlsRequest::default()
    }
}

fn check(request: &TlsRequest, known: &Tls) -> (TlsChange, Vec<Finding>) {
    let mut findings = Vec::new();
    let change = request.check(known, now(), &mut findings);
    (change, findings)
}

/// The findings about a new compute, as `member: message`.
fn refused(request: &TlsRequest) -> Vec<String> {
    let short = |finding: Finding| {
        let prefix = "properties.properties.sslConfiguration.";
        let field = finding.field.strip_prefix(prefix).expect("a member of it");
        format!("{field}: {}", finding.message)
    };
    let (_, findings) = check(request, &Tls::Unset);
    findings.into_iter().map(short).collect()
}

#[test]
fn every_kind_of_key_that_can_be_served_is_taken() {
    let algorithms: [&'static SignatureAlgorithm; 4] = [
        &PKCS_ECDSA_P256_SHA256,
        &PKCS_ECDSA_P384_SHA384,
        &PKCS_ED25519,
        &PKCS_RSA_SHA256,
    ];
    for algorithm in algorithms {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let certificate = signed(&params(&[HOST]), &key);
        let request = own(HOST, &certificate, &key.serialize_pem());
        let (change, findings) = check(&request, &Tls::Unset);
        assert_eq!(findings, [], "{algorithm:?}");
        let TlsChange::Own {
            host, not_after, ..
        } = change
        else {
            panic!("{change:?}");
        };
        assert_eq!(host.as_str(), HOST);
        assert_eq!(not_after.to_string(), "2027-01-01T00:00:00Z");
    }
}

#[test]
fn text_around_and_parameters_before_a_pem_are_no_fault() {
    let (certificate, key) = good();
    let key = format!(
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{key}"
    );
    let certificate = format!("subject=CN = iris\r\n{}", certificate.replace('\n', "\r\n"));
    assert_eq!(refused(&own(HOST, &certificate, &key)), [""; 0]);
}

#[test]
fn names_cover_wildcards_and_a_common_name_where_there_is_nothing_else() {
    let key = KeyPair::generate().expect("a key");
    let pem = key.serialize_pem();
    let mut old = params(&[]);
    old.distinguished_name.push(DnType::CommonName, HOST);
    for certificate in [
        signed(&params(&["other.example.com", "IRIS.example.com"]), &key),
        signed(&params(&["*.example.com"]), &key),
        signed(&old, &key),
    ] {
        assert_eq!(refused(&own(HOST, &certificate, &pem)), [""; 0]);
    }
    // A common name beside alternatives counts for nothing.
    let mut both = params(&["other.example.com"]);
    both.distinguished_name.push(DnType::CommonName, HOST);
    assert_eq!(
        refused(&own(HOST, &signed(&both, &key), &pem)),
        [
            "cname: `iris.example.com` is not a name of the certificate, which is for \
          `other.example.com`"
        ]
    );
}

#[test]
fn bad_pairs() {
    let (certificate, key) = good();
    let (other_certificate, other_key) = good();
    let any = KeyPair::generate().expect("a key");
    let any_key = any.serialize_pem();
    let with = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = params(&[HOST]);
        change(&mut params);
        signed(&params, &any)
    };
    let expired = with(&|it| it.not_after = date_time_ymd(2026, 6, 15));
    let future = with(&|it| it.not_before = date_time_ymd(2026, 6, 16));
    let client = with(&|it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    let curve = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).expect("a key");
    let curved = signed(&params(&[HOST]), &curve);
    let broken = certificate.replacen("MII", "M!I", 1);
    let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
    let old_locked = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                      DEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----";
    let long = "x".repeat(LARGEST_CERTIFICATE + 1);
    let long_key = "x".repeat(LARGEST_KEY + 1);
    let many = certificate.repeat(11);
    let twice = format!("{key}{other_key}");
    let with_key = format!("{certificate}{key}");
    let for_key = "cannot be used: it must be an RSA key of 2048 to 8192 bits, an EC key on \
                   P-256 or P-384, or an Ed25519 key";
    let rows: Vec<(&str, &str, Vec<String>)> = vec![
        (
            &certificate,
            &other_key,
            vec![
            "key: is not the key of the certificate; the first certificate must be the server's, \
             and the key its own".into(),
        ],
        ),
        (
            &expired,
            &any_key,
            vec!["cert: certificate 1 expired on 2026-06-15T00:00:00Z".into()],
        ),
        (
            &future,
            &any_key,
            vec!["cert: certificate 1 is not valid before 2026-06-16T00:00:00Z".into()],
        ),
        (
            &client,
            &any_key,
            vec!["cert: is not for servers: its extended key usage has no `serverAuth`".into()],
        ),
        (&broken, &key, vec!["cert: is not well-formed PEM".into()]),
        (
            no_der,
            &key,
            vec!["cert: certificate 1 cannot be read".into()],
        ),
        (
            "PEM",
            "PEM",
            vec![
                "cert: has no certificate; a PEM begins with -----BEGIN CERTIFICATE-----".into(),
                "key: has no private key; a PEM begins with -----BEGIN PRIVATE KEY-----".into(),
            ],
        ),
        (
            &with_key,
            &key,
            vec!["cert: holds a private key; it belongs into `key` alone".into()],
        ),
        (
            &many,
            &key,
            vec!["cert: has 11 certificates; at most 10 are allowed".into()],
        ),
        (
            &long,
            &long_key,
            vec![
                "cert: must have at most 65536 bytes with its chain".into(),
                "key: must have at most 16384 bytes".into(),
            ],
        ),
        (
            &certificate,
            &twice,
            vec!["key: must be one private key, there are several".into()],
        ),
        (
            &certificate,
            locked,
            vec![
            "key: is protected by a pass phrase; give it without one: `openssl pkey -in key.pem \
             -out plain.pem`".into(),
        ],
        ),
        (
            &certificate,
            old_locked,
            vec![
            "key: is protected by a pass phrase; give it without one: `openssl pkey -in key.pem \
             -out plain.pem`".into(),
        ],
        ),
        (
            WEAK_CERTIFICATE,
            WEAK_KEY,
            vec![
                "cert: has an RSA key of 1024 bits; at least 2048 are needed".into(),
                format!("key: {for_key}"),
            ],
        ),
    ];
    for (certificate, key, expected) in rows {
        let mut found = refused(&own(HOST, certificate, key));
        found.sort();
        assert_eq!(found, expected);
    }
    let found = refused(&own(HOST, &curved, &curve.serialize_pem()));
    assert_eq!(
        found[0],
        "cert: has an EC key on another curve than P-256 and P-384"
    );
    // The order of the two certificates is wrong, and all of it is told at once.
    let found = refused(&own(
        "a_b",
        &format!("{certificate}{other_certificate}"),
        &other_key,
    ));
    let fields: Vec<_> = found.iter().map(|it| it.split(':').next()).collect();
    assert_eq!(
        fields,
        [Some("cname"), Some("cert"), Some("key")],
        "{found:?}"
    );
}

/// A root, an intermediate and a server certificate, with the server's key.
fn chain(intermediate_is_ca: bool) -> ([String; 3], String) {
    let ca = |name: &str| {
        let mut params = params(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let (root_key, middle_key, key) = (
        KeyPair::generate().expect("a key"),
        KeyPair::generate().expect("a key"),
        KeyPair::generate().expect("a key"),
    );
    let root = ca("root");
    let mut middle = ca("middle");
    if !intermediate_is_ca {
        middle.is_ca = IsCa::ExplicitNoCa;
    }
    let root_pem = signed(&root, &root_key);
    let by_root = Issuer::new(root, root_key);
    let middle_pem = middle
        .signed_by(&middle_key, &by_root)
        .expect("signed")
        .pem();
    let by_middle = Issuer::new(middle, middle_key);
    let server = params(&[HOST]).signed_by(&key, &by_middle).expect("signed");
    ([server.pem(), middle_pem, root_pem], key.serialize_pem())
}

#[test]
fn a_chain_goes_from_the_server_to_the_root() {
    let ([server, middle, root], key) = chain(true);
    for good in [
        format!("{server}{middle}{root}"),
        format!("{server}{middle}"),
        server.clone(),
    ] {
        assert_eq!(refused(&own(HOST, &good, &key)), [""; 0]);
    }
    assert_eq!(
        refused(&own(HOST, &format!("{server}{root}"), &key)),
        [
            "cert: certificate 1 was not issued by certificate 2; the order is the server's \
          certificate, intermediates, root"
        ]
    );
    let backwards = refused(&own(HOST, &format!("{root}{middle}{server}"), &key));
    assert!(backwards[0].contains("certificate 1 was not issued by certificate 2"));
    assert!(backwards[1].contains("certificate 2 was not issued by certificate 3"));
    // The same names, other keys: only the signature tells them apart.
    let ([_, forged, _], _) = chain(true);
    assert_eq!(
        refused(&own(HOST, &format!("{server}{forged}"), &key)),
        ["cert: certificate 1 is not signed with the key of certificate 2"]
    );
    let ([server, middle, _], key) = chain(false);
    assert_eq!(
        refused(&own(HOST, &format!("{server}{middle}"), &key)),
        ["cert: certificate 2 is not a CA and cannot have issued certificate 1"]
    );
}

#[test]
fn requests_that_do_not_add_up() {
    let (certificate, key) = good();
    let whole = own(HOST, &certificate, &key);
    let label = TlsRequest {
        status: Some("Auto".into()),
        leaf_label: Some("contoso".into()),
        ..TlsRequest::default()
    };
    let rows: Vec<(TlsRequest, &[&str])> = vec![
        (
            TlsRequest {
                status: Some("On".into()),
                ..TlsRequest::default()
            },
            &["status: `On` must be Disabled, Enabled or Auto"],
        ),
        (
            TlsRequest {
                key: None,
                certificate: Some(String::new()),
                ..whole.clone()
            },
            &[
                "cert: is missing; cname, cert and key go together",
                "key: is missing; cname, cert and key go together",
            ],
        ),
        (
            TlsRequest {
                cname: None,
                ..whole.clone()
            },
            &["cname: is missing; cname, cert and key go together"],
        ),
        (
            TlsRequest {
                overwrite: true,
                ..whole.clone()
            },
            &["overwriteExistingDomain: applies to a leaf domain label only"],
        ),
        (
            TlsRequest {
                leaf_label: Some("1".into()),
                ..whole.clone()
            },
            &[
                "leafDomainLabel: is exclusive with cname, cert and key; give the one or the others",
                "leafDomainLabel: `1` must begin with a letter and end with a letter or a digit",
            ],
        ),
        (
            TlsRequest {
                status: Some("Auto".into()),
                ..whole.clone()
            },
            &["status: `Auto` needs leafDomainLabel; with cname, cert and key it is `Enabled`"],
        ),
        (
            TlsRequest {
                status: Some("Enabled".into()),
                ..label.clone()
            },
            &["status: `Enabled` needs cname, cert and key; with leafDomainLabel it is `Auto`"],
        ),
        (
            TlsRequest {
                leaf_label: None,
                ..label.clone()
            },
            &["leafDomainLabel: is missing; status `Auto` needs it"],
        ),
        (
            TlsRequest {
                overwrite: true,
                ..TlsRequest::default()
            },
            &["overwriteExistingDomain: applies to a leaf domain label only, and none is given"],
        ),
        (
            TlsRequest {
                renew: true,
                ..TlsRequest::default()
            },
            &[
                "renew: applies to a leaf domain label only, and the compute has none; give a new \
               certificate and key, or a leaf domain label",
            ],
        ),
    ];
    for (request, expected) in rows {
        assert_eq!(refused(&request), expected, "{request:?}");
    }
}

#[test]
fn disabling_goes_before_renewing_and_that_before_the_others() {
    let served = Tls::Served {
        host: "contosoabc123.local.localhost".parse().expect("a name"),
        certificate: crate::digest::Digest::of(b"x"),
        not_after: now(),
        source: TlsSource::Label("contoso".parse().expect("a label")),
    };
    let everything = TlsRequest {
        status: Some("disabled".into()),
        renew: true,
        leaf_label: Some("!".into()),
        ..own("!", "!", "!")
    };
    assert_eq!(check(&everything, &served), (TlsChange::Disable, vec![]));
    let renewing = TlsRequest {
        status: Some("Auto".into()),
        ..everything
    };
    assert_eq!(check(&renewing, &served), (TlsChange::Renew, vec![]));
    assert_eq!(
        check(&TlsRequest::default(), &served),
        (TlsChange::Keep, vec![])
    );
}

#[test]
fn what_a_get_shows_keeps_what_is_there() {
    let host = "contosoabc123.local.localhost";
    let labelled = Tls::Served {
        host: host.parse().expect("a name"),
        certificate: crate::digest::Digest::of(b"x"),
        not_after: now(),
        source: TlsSource::Label("contoso".parse().expect("a label")),
    };
    let shown = TlsRequest {
        status: Some("Auto".into()),
        cname: Some(host.into()),
        leaf_label: Some("Contoso".into()),
        ..TlsRequest::default()
    };
    assert_eq!(check(&shown, &labelled), (TlsChange::Keep, vec![]));
    let another = TlsRequest {
        cname: None,
        leaf_label: Some("fabrikam".into()),
        ..shown.clone()
    };
    assert!(matches!(
        check(&another, &labelled).0,
        TlsChange::Label { .. }
    ));
    let renamed = TlsRequest {
        cname: Some(HOST.into()),
        ..shown.clone()
    };
    assert!(!check(&renamed, &labelled).1.is_empty());
    let brought = Tls::Served {
        host: HOST.parse().expect("a name"),
        certificate: crate::digest::Digest::of(b"x"),
        not_after: now(),
        source: TlsSource::Own,
    };
    let shown = TlsRequest {
        status: Some("Enabled".into()),
        cname: Some(HOST.into()),
        ..TlsRequest::default()
    };
    assert_eq!(check(&shown, &brought), (TlsChange::Keep, vec![]));
    // Another name needs another certificate.
    let renamed = TlsRequest {
        cname: Some("other.example.com".into()),
        ..shown
    };
    assert_eq!(check(&renamed, &brought).1.len(), 2);
}

#[test]
fn an_internal_address_has_no_label_and_the_server_keeps_its_names() {
    for (is_label, is_internal, count) in [(true, true, 1), (true, false, 0), (false, true, 0)] {
        let mut findings = Vec::new();
        Tls::check_address(is_label, is_internal, &mut findings);
        assert_eq!(findings.len(), count);
    }
    let names = OwnNames {
        server: vec![
            "localhost".into(),
            "127.0.0.1".into(),
            "*.blob.localhost".into(),
        ],
        leaf_suffix: "localhost".parse().expect("a name"),
    };
    for (host, is_held) in [
        ("LOCALHOST", true),
        ("x.blob.localhost", true),
        ("iris.localhost", false),
        (HOST, false),
    ] {
        assert_eq!(
            names.holds(&host.parse().expect("a name")),
            is_held,
            "{host}"
        );
    }
}
