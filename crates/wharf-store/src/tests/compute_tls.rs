//! Certificates are sealed in their place, labels keep their tails.

use wharf_core::tls::{CertificatePair, HostName, LeafLabel};

use super::*;

fn pair(text: &str) -> CertificatePair {
    CertificatePair {
        certificate: format!("certificate {text}"),
        key: Secret::new(format!("key {text}")),
    }
}

fn host(number: usize) -> HostName {
    format!("c{number}.example.com").parse().expect("a name")
}

/// Two computes with a certificate each.
async fn computes(fixture: &Fixture) -> [Uuid; 2] {
    let made = ["one", "two"].map(|name| {
        let cluster = cluster(&fixture.workspace, name);
        let compute = compute(&fixture.workspace, &cluster, name);
        (cluster, compute)
    });
    let ids = [made[0].1.id, made[1].1.id];
    let written = fixture.store.write::<_, StoreError, _>(move |txn| {
        Box::pin(async move {
            for (number, (cluster, compute)) in made.iter().enumerate() {
                txn.managed_cluster_insert(cluster, None).await?;
                txn.compute_insert(compute).await?;
                txn.compute_certificate_put(&compute.id, &host(number), &pair("secret"))
                    .await?;
            }
            Ok(())
        })
    });
    written.await.expect("written");
    ids
}

async fn run(fixture: &Fixture, statement: &'static str) {
    let ran = fixture.store.write::<_, StoreError, _>(move |txn| {
        Box::pin(async move {
            sqlx::query(statement).execute(txn.db()).await?;
            Ok(())
        })
    });
    ran.await.expect("run");
}

#[tokio::test]
async fn a_pair_opens_only_where_it_was_sealed() {
    let fixture = fixture().await;
    let [one, two] = computes(&fixture).await;
    let mut session = fixture.store.read().await.expect("a session");
    let found = session.compute_certificate(&one).await.expect("read");
    assert_eq!(found, Some((host(0), pair("secret"))));
    assert_eq!(
        session.compute_id_by_host(&host(1)).await.expect("read"),
        Some(two)
    );
    // The same texts in both rows: what differs is the place.
    run(
        &fixture,
        "UPDATE compute_certificates SET key =
             (SELECT key FROM compute_certificates AS other WHERE other.host = 'c1.example.com')
         WHERE host = 'c0.example.com'",
    )
    .await;
    assert!(session.compute_certificate(&one).await.is_err());
    assert!(session.compute_certificate(&two).await.is_ok());
    // One flipped bit.
    run(
        &fixture,
        "UPDATE compute_certificates SET certificate =
             CAST(substr(certificate, 1, 20) || x'00' || substr(certificate, 22) AS BLOB)
         WHERE host = 'c1.example.com'",
    )
    .await;
    assert!(session.compute_certificate(&two).await.is_err());
}

#[tokio::test]
async fn a_name_is_one_computes_and_goes_with_it() {
    let fixture = fixture().await;
    let [one, two] = computes(&fixture).await;
    let taken = fixture.store.write::<_, StoreError, _>(move |txn| {
        Box::pin(async move {
            txn.compute_certificate_put(&one, &host(1), &pair("x"))
                .await
        })
    });
    assert!(matches!(taken.await, Err(StoreError::Constraint(_))));
    let gone = fixture.store.write::<_, StoreError, _>(move |txn| {
        Box::pin(async move { txn.compute_delete(&two).await })
    });
    assert!(gone.await.expect("deleted"));
    let mut session = fixture.store.read().await.expect("a session");
    assert_eq!(
        session.compute_certificate_ids().await.expect("read"),
        [one]
    );
}

#[tokio::test]
async fn labels_that_nobody_has_are_remembered_up_to_a_number() {
    let fixture = fixture().await;
    let [one, two] = computes(&fixture).await;
    let workspace = fixture.workspace.id;
    let label = |number: usize| -> LeafLabel { format!("l{number}").parse().expect("a label") };
    let held = fixture.store.write::<_, StoreError, _>(move |txn| {
        Box::pin(async move {
            txn.leaf_label_hold(&workspace, &label(9), "tail99", &two, (now(), 2))
                .await?;
            for number in 0..5 {
                let at = now() + std::time::Duration::from_secs(number as u64);
                txn.leaf_label_hold(
                    &workspace,
                    &label(number),
                    &format!("tail0{number}"),
                    &one,
                    (at, 2),
                )
                .await?;
            }
            Ok(())
        })
    });
    held.await.expect("written");
    let mut session = fixture.store.read().await.expect("a session");
    for (number, holder) in [
        (0, None),
        (1, None),
        (2, Some(None)),
        (3, Some(None)),
        (4, Some(Some(one))),
        (9, Some(Some(two))),
    ] {
        let found = session
            .leaf_label(&workspace, &label(number))
            .await
            .expect("read");
        assert_eq!(found.map(|it| it.holder), holder, "{number}");
    }
    assert!(session.leaf_name_is_known("l4tail04").await.expect("read"));
    assert!(!session.leaf_name_is_known("l4tail05").await.expect("read"));
    // A name that label and tail make in another way is the same name.
    let clash = fixture.store.write::<_, StoreError, _>(move |txn| {
        Box::pin(async move {
            let label = "l4t".parse().expect("a label");
            txn.leaf_label_hold(&workspace, &label, "ail04", &two, (now(), 2))
                .await
        })
    });
    assert!(matches!(clash.await, Err(StoreError::Constraint(_))));
}
