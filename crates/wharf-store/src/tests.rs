//! The store, seen from outside: real files in scratch folders.

use jiff::Timestamp;
use sqlx::Row as _;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use uuid::Uuid;
use wharf_core::{
    Secret,
    compute::{Compute, ComputeSpec, LoadBalancer, Origin, Purpose},
    digest::Digest,
    managed_cluster::{ManagedCluster, ManagedClusterSpec, ProviderKind},
    model::ModelSpec,
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    resource::{Failure, Generation, Observed},
    workspace::{ResourceGroup, Subscription, Workspace},
};

use crate::*;

mod compute_tls;
mod model_terms;
mod operation_logs;

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) workspace: Workspace,
    pub(crate) folder: TempDir,
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("a time")
}

pub(crate) async fn open(folder: &TempDir) -> Store {
    let seal = SealKey::new(&[7; 32]).expect("a key");
    Store::open(&folder.path().join("wharf.db"), seal)
        .await
        .expect("a database")
}

pub(crate) async fn fixture() -> Fixture {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).await;
    let workspace = Workspace {
        id: Uuid::new_v4(),
        subscription: Uuid::new_v4(),
        group: "Group".into(),
        name: "Main".parse().expect("a name"),
        location: "local".into(),
        friendly_name: String::new(),
        description: String::new(),
        tags: Default::default(),
        kept: Default::default(),
        created_at: now(),
    };
    let made = workspace.clone();
    store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                txn.subscription_insert(&Subscription {
                    id: made.subscription,
                    display_name: "Wharf".into(),
                    tenant: Uuid::new_v4(),
                })
                .await?;
                txn.resource_group_insert(&ResourceGroup {
                    subscription: made.subscription,
                    name: made.group.clone(),
                    location: "local".into(),
                    tags: Default::default(),
                })
                .await?;
                txn.workspace_insert(&made).await
            })
        })
        .await
        .expect("written");
    Fixture {
        store,
        workspace,
        folder,
    }
}

pub(crate) fn cluster(workspace: &Workspace, name: &str) -> ManagedCluster {
    ManagedCluster {
        id: Uuid::new_v4(),
        subscription: workspace.subscription,
        group: workspace.group.clone(),
        name: name.parse().expect("a name"),
        spec: ManagedClusterSpec {
            provider: ProviderKind::Local,
            location: "local".into(),
            kubernetes_version: "1.34.2".into(),
            node_count: 3,
            vm_size: "Standard_D3_v2".into(),
            server: None,
            tags: Default::default(),
            owned_by_compute: false,
            is_absent: false,
            extra: Default::default(),
        },
        generation: Generation::FIRST,
        observed: Observed::NotYet,
        created_at: now(),
        modified_at: now(),
    }
}

pub(crate) fn compute(workspace: &Workspace, cluster: &ManagedCluster, name: &str) -> Compute {
    Compute {
        id: Uuid::new_v4(),
        workspace: workspace.id,
        name: name.parse().expect("a name"),
        spec: ComputeSpec {
            origin: Origin::Attached,
            cluster: cluster.id,
            cluster_id: cluster.resource_id(),
            location: "local".into(),
            compute_location: None,
            description: None,
            tags: Default::default(),
            purpose: Purpose::DevTest,
            agent_count: 3,
            vm_size: "Standard_D3_v2".into(),
            network: None,
            load_balancer: LoadBalancer::Public,
            tls: Default::default(),
            kubernetes: None,
            removal: None,
            warnings: Vec::new(),
            extra: Default::default(),
        },
        generation: Generation::FIRST,
        observed: Observed::NotYet,
        created_at: now(),
        modified_at: now(),
    }
}

pub(crate) fn operation(target: Uuid, generation: u64) -> Operation {
    Operation {
        id: OperationId::random(),
        workspace: None,
        verb: Verb::Create,
        target_kind: TargetKind::Compute,
        target,
        target_name: "aks".into(),
        generation: Generation(generation),
        state: OperationState::InProgress,
        step: None,
        created_at: now(),
        ended_at: None,
    }
}

/// Writes a cluster with a compute and gives the compute.
pub(crate) async fn attached(fixture: &Fixture, name: &str) -> Compute {
    let cluster = cluster(&fixture.workspace, name);
    let compute = compute(&fixture.workspace, &cluster, name);
    let made = compute.clone();
    fixture
        .store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                txn.managed_cluster_insert(&cluster, None).await?;
                txn.compute_insert(&made).await
            })
        })
        .await
        .expect("written");
    compute
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    let fixture = fixture().await;
    let compute = attached(&fixture, "aks").await;
    // The files as a crash leaves them: nothing was closed or checkpointed.
    let after = TempDir::new().expect("a folder");
    for name in ["wharf.db", "wharf.db-wal"] {
        std::fs::copy(fixture.folder.path().join(name), after.path().join(name)).expect("a copy");
    }
    let store = open(&after).await;
    let mut session = store.read().await.expect("a session");
    let found = session
        .compute_get(&fixture.workspace.id, "AKS")
        .await
        .expect("read");
    assert_eq!(found, Some(compute));
}

#[tokio::test]
async fn a_stale_generation_writes_nothing() {
    let fixture = fixture().await;
    let compute = attached(&fixture, "aks").await;
    let spec = compute.spec.clone();
    let key = compute.id;
    let answers = fixture
        .store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                let second = Generation::FIRST.next();
                Ok([
                    txn.compute_update_spec(&key, second, &spec, now()).await?,
                    txn.compute_update_spec(&key, second, &spec, now()).await?,
                    txn.compute_write_observed(
                        &key,
                        Generation::FIRST,
                        &Observed::Reached(Generation::FIRST),
                        now(),
                    )
                    .await?,
                ])
            })
        })
        .await
        .expect("written");
    assert_eq!(answers, [true, false, false]);
    let mut session = fixture.store.read().await.expect("a session");
    assert_eq!(session.compute_unsettled().await.expect("read"), [key]);
}

#[tokio::test]
async fn an_operation_that_has_ended_never_changes() {
    let fixture = fixture().await;
    let compute = attached(&fixture, "aks").await;
    let (first, second) = (operation(compute.id, 1), operation(compute.id, 2));
    let (first_id, second_id) = (first.id, second.id);
    let key = compute.id;
    let failed = Observed::Failed {
        at: Generation(1),
        failure: Failure::new("Why", "because"),
    };
    fixture
        .store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                txn.operation_insert(&first).await?;
                txn.operation_insert(&second).await?;
                txn.operation_settle(&key, &failed, now()).await?;
                txn.operation_settle(&key, &Observed::Reached(Generation(2)), now())
                    .await
            })
        })
        .await
        .expect("written");
    let mut session = fixture.store.read().await.expect("a session");
    let first = session
        .operation_get(first_id)
        .await
        .expect("read")
        .expect("there");
    assert!(matches!(first.state, OperationState::Failed(_)));
    let second = session
        .operation_get(second_id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(second.state, OperationState::Succeeded);
    // Not even by hand.
    let refused = fixture
        .store
        .write::<_, StoreError, _>(|txn| {
            Box::pin(async move {
                sqlx::query("UPDATE operations SET is_open = 1")
                    .execute(txn.db())
                    .await?;
                Ok(())
            })
        })
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn names_and_clusters_are_taken_once() {
    let fixture = fixture().await;
    let first = attached(&fixture, "aks").await;
    let other = cluster(&fixture.workspace, "other");
    let same_name = compute(&fixture.workspace, &other, "AKS");
    let mut same_cluster = compute(&fixture.workspace, &other, "another");
    same_cluster.spec.cluster = first.spec.cluster;
    for taken in [same_name, same_cluster] {
        let other = other.clone();
        let refused = fixture
            .store
            .write::<_, StoreError, _>(move |txn| {
                Box::pin(async move {
                    txn.managed_cluster_insert(&other, None).await?;
                    txn.compute_insert(&taken).await
                })
            })
            .await;
        assert!(matches!(refused, Err(StoreError::Constraint(_))));
    }
    // Both attempts left nothing, not even their clusters.
    let mut session = fixture.store.read().await.expect("a session");
    let clusters = session
        .managed_cluster_list(&fixture.workspace.subscription, None, None, 10)
        .await
        .expect("read");
    assert_eq!(clusters.len(), 1);
}

#[tokio::test]
async fn jobs_that_commit_together_fail_alone() {
    let fixture = fixture().await;
    let mut jobs = tokio::task::JoinSet::new();
    for number in 0..100u32 {
        let store = fixture.store.clone();
        jobs.spawn(async move {
            store
                .write::<_, StoreError, _>(move |txn| {
                    Box::pin(async move {
                        txn.meta_put(&format!("key-{number}"), b"value").await?;
                        assert_ne!(number, 23, "a job that panics");
                        if number == 42 {
                            return Err(StoreError::Unreadable("on purpose".into()));
                        }
                        Ok(number)
                    })
                })
                .await
        });
    }
    let answers = jobs.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 98);
    let mut session = fixture.store.read().await.expect("a session");
    for number in 0..100u32 {
        let there = session
            .meta_get(&format!("key-{number}"))
            .await
            .expect("read");
        assert_eq!(there.is_some(), number != 42 && number != 23, "{number}");
    }
}

#[tokio::test]
async fn versions_of_deleted_models_are_not_used_again() {
    let fixture = fixture().await;
    let workspace = fixture.workspace.id;
    let spec = ModelSpec {
        url: String::new(),
        asset: Uuid::nil(),
        mime_type: String::new(),
        unpack: false,
        description: None,
        tags: Default::default(),
        properties: Default::default(),
        framework: None,
        framework_version: None,
        resources: Default::default(),
        extra: Default::default(),
    };
    let versions = fixture
        .store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                let name = "iris".parse().expect("a name");
                let mut versions = Vec::new();
                for _ in 0..3 {
                    let model = txn
                        .model_insert(&workspace, &name, &spec, "me", now())
                        .await?;
                    versions.push(model.id.version);
                    txn.model_delete(&model.uuid).await?;
                }
                for name in ["a", "b", "c"] {
                    for _ in 0..3 {
                        let name = name.parse().expect("a name");
                        txn.model_insert(&workspace, &name, &spec, "me", now())
                            .await?;
                    }
                }
                Ok(versions)
            })
        })
        .await
        .expect("written");
    assert_eq!(versions, [1, 2, 3]);
    // Pages of two walk all nine once, newest first within a name.
    let mut session = fixture.store.read().await.expect("a session");
    let (mut seen, all) = (Vec::new(), ModelFilter::default());
    loop {
        let page = session.model_list(&workspace, &all, seen.last(), 2);
        let page = page.await.expect("read");
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|model| model.id));
    }
    let seen: Vec<_> = seen.iter().map(ToString::to_string).collect();
    assert_eq!(
        seen,
        [
            "a:3", "a:2", "a:1", "b:3", "b:2", "b:1", "c:3", "c:2", "c:1"
        ]
    );
}

#[tokio::test]
async fn sealed_fields_are_not_in_the_file() {
    let fixture = fixture().await;
    let cluster = cluster(&fixture.workspace, "imported");
    let key = cluster.id;
    let secret = Secret::new("client-key-data: do-not-find-me");
    let sealed = secret.clone();
    fixture
        .store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move { txn.managed_cluster_insert(&cluster, Some(&sealed)).await })
        })
        .await
        .expect("written");
    for entry in std::fs::read_dir(fixture.folder.path()).expect("a folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("bytes");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("do-not-find-me"));
    }
    let mut session = fixture.store.read().await.expect("a session");
    let opened = session
        .managed_cluster_kubeconfig(&key)
        .await
        .expect("read");
    assert_eq!(opened, Some(secret));
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("wharf.db");
    std::fs::write(
        &file,
        "not a database, but long enough to be looked at. ".repeat(100),
    )
    .expect("written");
    let seal = SealKey::new(&[7; 32]).expect("a key");
    let refused = Store::open(&file, seal).await.err().expect("refused");
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
}

#[tokio::test]
async fn only_the_owner_reads_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("wharf.db");
    std::fs::write(&file, "").expect("written");
    let open_to_all = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&file, open_to_all).expect("as an older server left it");
    let _store = open(&folder).await;
    let files = std::fs::read_dir(folder.path()).expect("listed");
    let modes: Vec<_> = files
        .map(|entry| entry.and_then(|entry| entry.metadata()).expect("an entry"))
        .filter(std::fs::Metadata::is_file)
        .map(|data| data.permissions().mode() & 0o777)
        .collect();
    assert!(modes.len() >= 2, "the database and its companions");
    assert!(modes.iter().all(|mode| *mode == 0o600), "{modes:?}");
}

#[tokio::test]
async fn commits_survive_a_power_cut() {
    let fixture = fixture().await;
    let settings = fixture
        .store
        .write::<_, StoreError, _>(|txn| {
            Box::pin(async move {
                let mut settings = Vec::new();
                for pragma in ["journal_mode", "synchronous", "foreign_keys"] {
                    let sql = sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"));
                    let row = sqlx::query(sql).fetch_one(txn.db()).await?;
                    let text: Option<String> = row.try_get_unchecked(0).ok();
                    let number: i64 = row.try_get_unchecked(0).unwrap_or_default();
                    settings.push((text.unwrap_or_default(), number));
                }
                Ok(settings)
            })
        })
        .await
        .expect("read");
    assert_eq!(settings[0].0, "wal");
    // 2 is FULL: each commit of the WAL is synced before it is answered.
    assert_eq!(settings[1].1, 2);
    assert_eq!(settings[2].1, 1);
}

#[tokio::test]
async fn an_answer_comes_after_its_commit() {
    let fixture = fixture().await;
    let (before, commits) = (fixture.store.version(), fixture.store.commits());
    let counted = *commits.borrow();
    let seen = fixture.store.commits();
    fixture
        .store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                txn.meta_put("key", b"value").await?;
                // Inside, nothing is committed yet.
                assert_eq!(*seen.borrow(), counted);
                Ok(())
            })
        })
        .await
        .expect("written");
    assert!(*commits.borrow() > counted);
    assert!(fixture.store.version() > before);
    // Another connection sees it, which it could not before the commit.
    let mut session = fixture.store.read().await.expect("a session");
    assert!(session.meta_get("key").await.expect("read").is_some());
}

#[tokio::test]
async fn blobs_are_whole_or_absent() {
    let folder = TempDir::new().expect("a folder");
    let blobs = BlobStore::open(folder.path()).expect("a store");
    let mut half = blobs.begin(100).await.expect("begun");
    half.write(b"half").await.expect("written");
    std::mem::forget(half);
    let blobs = BlobStore::open(folder.path()).expect("opened again");
    let left = std::fs::read_dir(folder.path().join("unfinished")).expect("a folder");
    assert_eq!(left.count(), 0);

    let mut parts = Vec::new();
    for part in ["abc", "def"] {
        let mut writer = blobs.begin(3).await.expect("begun");
        writer.write(part.as_bytes()).await.expect("written");
        assert!(writer.would_pass_limit(1));
        assert!(writer.write(b"x").await.is_err());
        parts.push(writer.finish_block().await.expect("stored").file);
    }
    let whole = blobs.concat(&parts, 100).await.expect("stored");
    assert_eq!(whole.digest, Digest::of(b"abcdef"));
    assert_eq!(whole.md5, "6AtQFwmJUPxYqtg8jBSXjg==");
    let mut text = String::new();
    let mut reader = blobs.read(&whole.digest, 1, 3).await.expect("there");
    reader.read_to_string(&mut text).await.expect("read");
    assert_eq!(text, "bcd");
    assert!(blobs.read(&Digest::of(b"?"), 0, 1).await.is_err());
}
