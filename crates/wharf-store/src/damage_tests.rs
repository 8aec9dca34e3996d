//! A database that was cut short or whose bits flipped: found at the start, told with
//! its path, never a panic, never a secret that is not the one that was written.
//!
//! `WHARF_BIT_FLIPS` says how many bits (60 unless told, 1,000 in `make disk`).

use std::{fs, path::Path};

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    SealKey, Store, StoreError,
    tests::{attached, fixture},
};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\n";

async fn open(file: &Path) -> Result<Store, StoreError> {
    Store::open(file, SealKey::new(&[7; 32]).expect("a key")).await
}

/// A whole database without a log beside it, and the cluster with a sealed field.
async fn whole() -> (Vec<u8>, Uuid) {
    let fixture = fixture().await;
    for number in 0..20 {
        attached(&fixture, &format!("aks-{number}")).await;
    }
    let compute = attached(&fixture, "aks").await;
    let key = compute.spec.cluster;
    let mut other = SqliteConnectOptions::new()
        .filename(fixture.folder.path().join("wharf.db"))
        .connect()
        .await
        .expect("a connection");
    let seal = SealKey::new(&[7; 32]).expect("a key");
    let place = format!("managed_clusters/kubeconfig/{key}");
    let sealed = seal
        .seal(&place, &wharf_core::Secret::new(KUBECONFIG))
        .expect("sealed");
    sqlx::query("UPDATE managed_clusters SET kubeconfig = ? WHERE id = ?")
        .bind(sealed)
        .bind(key.as_bytes().as_slice())
        .execute(&mut other)
        .await
        .expect("written");
    let copy = fixture.folder.path().join("copy.db");
    sqlx::query("VACUUM INTO ?")
        .bind(copy.to_str().expect("text"))
        .execute(&mut other)
        .await
        .expect("a copy");
    other.close().await.expect("closed");
    (fs::read(copy).expect("bytes"), key)
}

/// Fixed, so that a failure repeats.
fn spread(number: usize, of: usize) -> usize {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % of
}

fn place(folder: &TempDir, bytes: &[u8]) -> std::path::PathBuf {
    let file = folder.path().join("wharf.db");
    for name in ["wharf.db", "wharf.db-wal", "wharf.db-shm"] {
        let _ = fs::remove_file(folder.path().join(name));
    }
    fs::write(&file, bytes).expect("written");
    file
}

#[tokio::test]
async fn a_database_that_was_cut_short_is_refused_with_its_path() {
    let (bytes, _) = whole().await;
    let folder = TempDir::new().expect("a folder");
    for cut in 0..100 {
        let length = 1 + cut * (bytes.len() - 1) / 100;
        let file = place(&folder, &bytes[..length]);
        let Err(error) = open(&file).await else {
            panic!("{length} of {} bytes were taken for whole", bytes.len());
        };
        assert!(
            matches!(error, StoreError::Damaged { .. }),
            "{length}: {error:?}"
        );
        assert!(error.to_string().contains("wharf.db is damaged"), "{error}");
    }
}

#[tokio::test]
async fn a_flipped_bit_is_no_panic_and_no_other_secret() {
    let (bytes, key) = whole().await;
    let flips = std::env::var("WHARF_BIT_FLIPS").map_or(60, |text| text.parse().expect("a number"));
    let folder = TempDir::new().expect("a folder");
    let (mut at_start, mut unseen, mut refused) = (0, 0, 0);
    for number in 0..flips {
        let bit = spread(number, bytes.len() * 8);
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let file = place(&folder, &bytes);
        let Ok(store) = open(&file).await else {
            at_start += 1;
            continue;
        };
        let mut session = store.read().await.expect("a session");
        match session.managed_cluster_kubeconfig(&key).await {
            Ok(Some(opened)) => {
                assert_eq!(opened.reveal(), KUBECONFIG, "bit {bit}");
                unseen += 1;
            }
            // The row, or the way to it, is gone.
            Ok(None) => unseen += 1,
            Err(_) => refused += 1,
        }
        drop(session);
        store.close().await;
    }
    println!(
        "{flips} bits flipped: {at_start} found at the start, {refused} by the seal, {unseen} in \
         other rows or in no row"
    );
}

#[tokio::test]
async fn every_bit_of_a_sealed_field_is_watched() {
    let seal = SealKey::new(&[7; 32]).expect("a key");
    let sealed = seal
        .seal("a/b/c", &wharf_core::Secret::new(KUBECONFIG))
        .expect("sealed");
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(seal.open("a/b/c", &changed).is_err(), "bit {bit}");
    }
}

#[tokio::test]
async fn a_log_that_was_cut_short_gives_a_whole_state() {
    let fixture = fixture().await;
    for number in 0..5 {
        attached(&fixture, &format!("aks-{number}")).await;
    }
    let from = fixture.folder.path();
    let log = fs::read(from.join("wharf.db-wal")).expect("a log");
    let main = fs::read(from.join("wharf.db")).expect("a database");
    let folder = TempDir::new().expect("a folder");
    let mut most = 0;
    for cut in 0..=40 {
        let file = place(&folder, &main);
        let length = cut * log.len() / 40;
        fs::write(folder.path().join("wharf.db-wal"), &log[..length]).expect("written");
        let store = open(&file).await.expect("a whole state");
        let mut session = store.read().await.expect("a session");
        let workspace = fixture.workspace.id;
        let there = session.compute_list(&workspace, None, 10).await;
        let there = there.expect("read").len();
        // Commits go in order: never fewer with more of the log.
        assert!(there >= most, "{length}: {there} after {most}");
        most = there;
        drop(session);
        store.close().await;
    }
    assert_eq!(most, 5, "the whole log has them all");
}
