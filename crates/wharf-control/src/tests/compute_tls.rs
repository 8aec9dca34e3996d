//! Names and certificates of computes, from the request to the router's table.

use std::{sync::Arc, time::Duration};

use wharf_core::{
    Error, Result,
    clock::Clock as _,
    compute::{Compute, ComputeRequest, Removal},
    endpoint::Endpoint,
    operation::OperationState,
    tls::{CertificatePair, Tls, TlsRequest},
};
use wharf_testkit::own_pair;

use super::fields;
use crate::{Written, testing::TestApp};

const HOST: &str = "iris.example.com";
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn with(tls: TlsRequest) -> ComputeRequest {
    ComputeRequest {
        tls: Some(tls),
        is_read_back: true,
        ..ComputeRequest::default()
    }
}

fn own(cname: &str, pair: &CertificatePair) -> TlsRequest {
    TlsRequest {
        status: Some("Enabled".into()),
        cname: Some(cname.into()),
        certificate: Some(pair.certificate.clone()),
        key: Some(pair.key.clone()),
        ..TlsRequest::default()
    }
}

fn label(label: &str) -> TlsRequest {
    TlsRequest {
        status: Some("Auto".into()),
        leaf_label: Some(label.into()),
        ..TlsRequest::default()
    }
}

fn status(word: &str) -> TlsRequest {
    TlsRequest {
        status: Some(word.into()),
        ..TlsRequest::default()
    }
}

async fn put(test: &TestApp, name: &str, request: ComputeRequest) -> Result<Written<Compute>> {
    test.app
        .compute_put(&test.caller, &test.path, name, request)
        .await
}

async fn remove(test: &TestApp, name: &str, removal: Removal) {
    let removed = test
        .app
        .compute_remove(&test.caller, &test.path, name, removal)
        .await;
    test.ended(removed.unwrap().unwrap()).await;
}

/// The names that the router serves, with their pairs.
fn served(test: &TestApp) -> Vec<(String, Arc<CertificatePair>)> {
    let table = Arc::clone(&test.app.routes().borrow());
    let pairs = table.certificates.iter();
    let mut served: Vec<_> = pairs
        .map(|(host, pair)| (host.to_string(), Arc::clone(pair)))
        .collect();
    served.sort_by(|one, other| one.0.cmp(&other.0));
    served
}

fn names(test: &TestApp) -> Vec<String> {
    served(test).into_iter().map(|(host, _)| host).collect()
}

fn host(compute: &Compute) -> String {
    compute.spec.tls.host().expect("a name").to_string()
}

fn now(test: &TestApp) -> jiff::Timestamp {
    test.clock.now()
}

async fn endpoint(test: &TestApp, name: &str) -> Endpoint {
    let found = test.app.endpoint_get(&test.caller, &test.path, name).await;
    found.expect("the endpoint")
}

#[tokio::test]
async fn an_own_pair_is_served_replaced_and_turned_off() {
    let mut test = TestApp::new().await;
    test.attach_compute("mine").await;
    test.deploy("iris", "mine").await;
    let iris = endpoint(&test, "iris").await;
    let plain = "https://localhost:8444/api/v1/service/iris/score";
    assert_eq!(test.app.scoring_uri(&iris), plain);

    let first = own_pair(&[HOST], now(&test));
    test.put_compute("mine", with(own(HOST, &first))).await;
    assert_eq!(served(&test), [(HOST.to_owned(), Arc::new(first.clone()))]);
    let named = "https://iris.example.com:8444/api/v1/service/iris/score";
    assert_eq!(test.app.scoring_uri(&iris), named);
    // What a GET shows, or nothing at all, changes nothing.
    let shown = TlsRequest {
        cname: Some(HOST.into()),
        ..status("Enabled")
    };
    let silent = ComputeRequest {
        is_read_back: true,
        ..ComputeRequest::default()
    };
    for request in [with(shown), silent] {
        test.put_compute("mine", request).await;
        assert_eq!(served(&test), [(HOST.to_owned(), Arc::new(first.clone()))]);
    }
    let second = own_pair(&["wine.example.com", HOST], now(&test));
    test.put_compute("mine", with(own("wine.example.com", &second)))
        .await;
    let expected = [("wine.example.com".to_owned(), Arc::new(second))];
    assert_eq!(served(&test), expected);
    test.restart().await;
    assert_eq!(served(&test), expected);

    let off = test.put_compute("mine", with(status("Disabled"))).await;
    assert_eq!(off.spec.tls, Tls::Disabled);
    assert_eq!(names(&test), [""; 0]);
    assert_eq!(test.app.scoring_uri(&iris), plain);
}

#[tokio::test]
async fn neither_certificate_nor_key_is_in_the_clear_in_the_files() {
    let test = TestApp::new().await;
    let pair = own_pair(&[HOST], now(&test));
    test.put_compute("mine", with(own(HOST, &pair))).await;
    let line = |text: &str| text.lines().nth(1).expect("a line").to_owned();
    for secret in [line(&pair.certificate), line(pair.key.reveal())] {
        for file in ["wharf.db", "wharf.db-wal"] {
            let bytes = std::fs::read(test.folder().join(file)).unwrap();
            let found = bytes
                .windows(secret.len())
                .any(|it| it == secret.as_bytes());
            assert!(!found, "{file}");
        }
    }
}

#[tokio::test]
async fn a_label_has_one_name_for_ever() {
    let mut test = TestApp::new().await;
    let made = test.put_compute("mine", with(label("Contoso"))).await;
    let name = host(&made);
    let tail = name.strip_prefix("contoso").expect("the label first");
    let (tail, rest) = tail.split_at(6);
    assert!(tail.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(rest, ".local.localhost");
    assert_eq!(names(&test), [name.as_str()]);
    // Sent again it keeps its certificate.
    let pair = served(&test);
    test.put_compute("mine", with(label("contoso"))).await;
    assert_eq!(served(&test), pair);
    // Turned off and on, detached and attached, started anew: the same name.
    test.put_compute("mine", with(status("Disabled"))).await;
    assert_eq!(names(&test), [""; 0]);
    let again = test.put_compute("mine", with(label("contoso"))).await;
    assert_eq!(host(&again), name);
    remove(&test, "mine", Removal::Delete).await;
    // The route goes just after the row does.
    while !names(&test).is_empty() {
        tokio::task::yield_now().await;
    }
    test.restart().await;
    let other = test.put_compute("other", with(label("contoso"))).await;
    assert_eq!(host(&other), name);
    // Another label, another name; and the first one is free again.
    let moved = test.put_compute("other", with(label("fabrikam"))).await;
    assert_eq!(names(&test), [host(&moved)]);
    let third = test.put_compute("third", with(label("contoso"))).await;
    assert_eq!(host(&third), name);
    test.restart().await;
    assert_eq!(names(&test), [name, host(&moved)]);
}

#[tokio::test]
async fn a_busy_label_is_refused_or_taken_on_purpose() {
    let test = TestApp::new().await;
    let first = test.put_compute("first", with(label("contoso"))).await;
    let refused = put(&test, "second", with(label("contoso"))).await;
    let Err(Error::Conflict { name, why, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(name, "first");
    assert!(why.contains("overwriteExistingDomain"), "{why}");

    let overwriting = TlsRequest {
        overwrite: true,
        ..label("contoso")
    };
    let second = test.put_compute("second", with(overwriting.clone())).await;
    assert_eq!(host(&second), host(&first));
    assert_eq!(names(&test), [host(&second)]);
    let pair = served(&test);
    let loser = test
        .until("the other one has settled", || async {
            let found = test
                .app
                .compute_get(&test.caller, &test.path, "first")
                .await;
            let loser = found.unwrap().1;
            loser.observed.has_ended(loser.generation).then_some(loser)
        })
        .await;
    assert_eq!(loser.spec.tls, Tls::Disabled);
    assert_eq!(loser.generation.0, first.generation.0 + 1);
    let operation = test.store().read().await.unwrap();
    let operation = { operation }
        .operation_at(&loser.id, loser.generation)
        .await
        .unwrap();
    let state = test.operation(operation.expect("an operation")).await.state;
    assert_eq!(state, OperationState::Succeeded);
    assert_eq!(served(&test), pair);
    // A workspace of its own has labels of its own.
    let other = test.add_workspace("other").await;
    let written = test
        .app
        .compute_put(&test.caller, &other, "first", with(label("contoso")))
        .await
        .unwrap();
    assert_ne!(host(&written.resource), host(&second));
}

#[tokio::test]
async fn a_name_belongs_to_one_compute_and_not_to_the_servers() {
    let test = TestApp::new().await;
    let labelled = test.put_compute("labelled", with(label("contoso"))).await;
    test.put_compute("labelled", with(status("Disabled"))).await;
    let remembered = host(&labelled);
    let field = "properties.properties.sslConfiguration.cname";
    for name in ["localhost", "x.blob.localhost", &remembered] {
        let pair = own_pair(&[name], now(&test));
        let refused = put(&test, "mine", with(own(name, &pair))).await;
        assert_eq!(fields(refused), [field], "{name}");
    }
    let pair = own_pair(&[HOST], now(&test));
    test.put_compute("mine", with(own(HOST, &pair))).await;
    let other = test.add_workspace("other").await;
    let refused = test
        .app
        .compute_put(&test.caller, &other, "theirs", with(own(HOST, &pair)))
        .await;
    let Err(Error::Conflict { name, why, .. }) = refused else {
        panic!("{refused:?}");
    };
    // Nothing of another workspace is told.
    assert_eq!(name, "theirs");
    assert!(!why.contains("mine"), "{why}");
    remove(&test, "mine", Removal::Delete).await;
    put(&test, "again", with(own(HOST, &pair))).await.unwrap();
}

#[tokio::test]
async fn a_renewal_does_nothing_until_seventy_days_are_left() {
    let test = TestApp::new().await;
    let renew = || {
        with(TlsRequest {
            renew: true,
            ..label("contoso")
        })
    };
    let refused = put(&test, "mine", renew()).await;
    assert_eq!(
        fields(refused),
        ["properties.properties.sslConfiguration.renew"]
    );
    test.put_compute("mine", with(label("contoso"))).await;
    let first = served(&test);
    // The issuer of the tests gives 90 days.
    test.clock.advance(DAY * 19);
    test.put_compute("mine", renew()).await;
    assert_eq!(served(&test), first);
    test.clock.advance(DAY);
    let renewed = test.put_compute("mine", renew()).await;
    let second = served(&test);
    assert_eq!(second[0].0, first[0].0);
    assert_ne!(second[0].1, first[0].1);
    let Tls::Served { not_after, .. } = renewed.spec.tls else {
        panic!("{:?}", renewed.spec.tls);
    };
    assert_eq!(not_after.to_string(), "2026-04-21T00:00:00Z");
}

#[tokio::test]
async fn a_bad_pair_changes_nothing_and_an_internal_address_has_no_label() {
    let test = TestApp::new().await;
    let pair = own_pair(&[HOST], now(&test));
    test.put_compute("mine", with(own(HOST, &pair))).await;
    let before = served(&test);
    test.clock.advance(DAY * 91);
    let refused = put(&test, "mine", with(own(HOST, &pair))).await;
    assert_eq!(
        fields(refused),
        ["properties.properties.sslConfiguration.cert"]
    );
    assert_eq!(served(&test), before);

    let internal = |tls: Option<TlsRequest>| ComputeRequest {
        load_balancer_type: Some("InternalLoadBalancer".into()),
        tls,
        is_read_back: true,
        ..ComputeRequest::default()
    };
    let field = "properties.properties.sslConfiguration.leafDomainLabel";
    let refused = put(&test, "inner", internal(Some(label("contoso")))).await;
    assert_eq!(fields(refused), [field]);
    test.put_compute("outer", with(label("contoso"))).await;
    let refused = put(&test, "outer", internal(None)).await;
    assert_eq!(fields(refused), [field]);
    // Both at once are no contradiction.
    test.put_compute("outer", internal(Some(status("Disabled"))))
        .await;
    let refused = put(&test, "outer", with(label("contoso"))).await;
    assert_eq!(fields(refused), [field]);
}

#[tokio::test]
async fn a_create_that_is_sent_again_keeps_its_certificate() {
    let test = TestApp::new().await;
    let create = |tls: TlsRequest| ComputeRequest {
        is_read_back: false,
        ..with(tls)
    };
    let pair = own_pair(&[HOST], now(&test));
    let made = test.put_compute("mine", create(own(HOST, &pair))).await;
    let again = put(&test, "mine", create(own(HOST, &pair))).await.unwrap();
    assert_eq!(again.resource.generation, made.generation);
    let other = own_pair(&[HOST], now(&test));
    for (request, difference) in [
        (
            own(HOST, &other),
            "another certificate, for `iris.example.com`",
        ),
        (label("contoso"), "leaf domain label `contoso`"),
        (status("Disabled"), "TLS turned off"),
    ] {
        let refused = put(&test, "mine", create(request)).await;
        let Err(Error::Conflict { why, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert!(why.contains(difference), "{why}");
    }
    assert_eq!(served(&test), [(HOST.to_owned(), Arc::new(pair))]);
    let labelled = test.put_compute("other", create(label("contoso"))).await;
    let again = put(&test, "other", create(label("contoso"))).await.unwrap();
    assert_eq!(again.resource.generation, labelled.generation);
}
