//! What a look-up or a write costs does not depend on how much there is: steps of
//! SQLite's virtual machine are counted, not times.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;
use wharf_core::{
    Secret,
    endpoint::{Endpoint, EndpointStatus},
    keys::EndpointKeys,
    model::{Asset, AssetArtifact, ModelId, ModelSpec},
    operation::{Operation, OperationState},
    resource::{Failure, Generation},
};

use crate::{
    ModelFilter, Session, StoreError, Txn,
    endpoint_terms::{Term, TermKind},
    tests::{self, Fixture, attached, fixture, now, operation},
};

const FEW: u64 = 100;
const MANY: u64 = 1_000;
/// A page, of which even `FEW` fill several.
const PAGE: u32 = 10;

fn spec(number: u64) -> ModelSpec {
    serde_json::from_value(serde_json::json!({
        "url": "", "asset": Uuid::from_u128(u128::from(number)), "mime_type": "",
        "unpack": false, "description": null, "framework": "Onnx", "framework_version": null,
        "tags": {"stage": "gold", "number": number.to_string()}, "properties": {"all": ""},
        "resources": {}, "extra": {},
    }))
    .expect("a spec")
}

/// What the model with [`spec`] of this number is made of; nothing else is.
fn asset(number: u64) -> Asset {
    let path = format!("LocalUpload/crowd/{number}");
    Asset {
        id: Uuid::from_u128(u128::from(number)),
        name: "asset".to_owned(),
        artifacts: vec![AssetArtifact::Prefix(path)],
        created_at: now(),
    }
}

fn endpoint(workspace: Uuid, compute: Uuid, number: u64) -> (Endpoint, EndpointKeys) {
    let endpoint = Endpoint {
        id: Uuid::from_u128(1 << 64 | u128::from(number)),
        workspace,
        name: format!("service-{number:06}").parse().expect("a name"),
        spec: serde_json::from_value(serde_json::json!({
            "compute": compute, "compute_name": "aks", "authentication": "Open",
            "description": null, "tags": {"stage": "gold"}, "properties": {"all": ""},
            "deployments": [], "is_absent": false,
        }))
        .expect("a spec"),
        generation: Generation::FIRST,
        status: EndpointStatus::default(),
        created_by: "me".into(),
        created_at: now(),
        modified_at: now(),
    };
    let keys = EndpointKeys {
        primary: Secret::new("first-key"),
        secondary: Secret::new("second-key"),
    };
    (endpoint, keys)
}

fn operation_of(number: u64) -> Operation {
    let mut ended = operation(Uuid::from_u128(1 << 64 | u128::from(number)), 1);
    ended.id.0 = Uuid::from_u128(2 << 64 | u128::from(number));
    ended.state = OperationState::Failed(Failure::new("Gone", "gone"));
    ended.ended_at = Some(now());
    ended
}

/// A workspace with so many versions of one name, so many names, services, operations.
async fn filled(count: u64) -> (Fixture, Uuid) {
    let fixture = fixture().await;
    let compute = attached(&fixture, "aks").await.id;
    let place = fixture.workspace.clone();
    let workspace = place.id;
    fixture
        .store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                for number in 1..=count {
                    let name = format!("c-{number:06}");
                    let cluster = tests::cluster(&place, &name);
                    txn.managed_cluster_insert(&cluster, None).await?;
                    txn.compute_insert(&tests::compute(&place, &cluster, &name))
                        .await?;
                }
                for number in 1..=count + 2 {
                    txn.asset_insert(&workspace, &asset(number)).await?;
                }
                for number in 1..=count {
                    for name in ["iris".to_owned(), format!("name-{number:06}")] {
                        let name = name.parse().expect("a name");
                        txn.model_insert(&workspace, &name, &spec(number), "me", now())
                            .await?;
                    }
                    let (endpoint, keys) = endpoint(workspace, compute, number);
                    txn.endpoint_insert(&endpoint, &keys).await?;
                    txn.operation_insert(&operation_of(number)).await?;
                }
                Ok(())
            })
        })
        .await
        .expect("written");
    (fixture, compute)
}

/// Counts the steps of what a connection runs from now on.
async fn counting(session: &mut Session) -> Arc<AtomicU64> {
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    let mut handle = session.db().lock_handle().await.expect("a connection");
    handle.set_progress_handler(1, move || {
        counter.fetch_add(1, Ordering::Relaxed);
        true
    });
    steps
}

type Costs = Vec<(String, u64)>;

/// What a piece of work costs the second time: the first prepares its statements too.
macro_rules! cost {
    ($costs:ident, $steps:ident, $what:expr, $work:expr) => {{
        $work.await.expect("an answer");
        $steps.store(0, Ordering::Relaxed);
        $work.await.expect("an answer");
        $costs.push(($what.to_string(), $steps.load(Ordering::Relaxed)));
    }};
}

async fn reads(fixture: &Fixture, compute: Uuid, count: u64) -> Costs {
    let mut session = fixture.store.read().await.expect("a session");
    let steps = counting(&mut session).await;
    let workspace = fixture.workspace.id;
    let mut costs = Costs::new();
    let id = |name: &str, version| ModelId {
        name: name.parse().expect("a name"),
        version,
    };
    let any = ModelFilter::default;
    let some = |value: &str| Some(value.to_owned());
    let filters = [
        ("all", any()),
        (
            "of a name",
            ModelFilter {
                name: some("iris"),
                ..any()
            },
        ),
        (
            "with a tag",
            ModelFilter {
                tags: vec![("stage".into(), some("gold"))],
                ..any()
            },
        ),
        (
            "with a tag's name",
            ModelFilter {
                tags: vec![("stage".into(), None)],
                ..any()
            },
        ),
        (
            "with a property",
            ModelFilter {
                properties: vec![("all".into(), None)],
                ..any()
            },
        ),
        (
            "of a framework",
            ModelFilter {
                framework: some("Onnx"),
                ..any()
            },
        ),
        (
            "of a run without models",
            ModelFilter {
                run_id: some("none"),
                ..any()
            },
        ),
        (
            "the newest",
            ModelFilter {
                latest_only: true,
                ..any()
            },
        ),
        (
            "the newest of a name",
            ModelFilter {
                latest_only: true,
                name: some("iris"),
                ..any()
            },
        ),
    ];
    for (what, filter) in &filters {
        let middle = id("iris", count / 2);
        for (where_, after) in [("first", None), ("middle", Some(&middle))] {
            let what = format!("{where_} page of models, {what}");
            cost!(
                costs,
                steps,
                what,
                session.model_list(&workspace, filter, after, PAGE)
            );
        }
    }
    let late = id(&format!("name-{:06}", count - u64::from(PAGE)), 1);
    cost!(
        costs,
        steps,
        "last page of models",
        session.model_list(&workspace, &any(), Some(&late), PAGE)
    );
    let one = id("iris", count / 2);
    cost!(costs, steps, "a model", session.model_get(&workspace, &one));
    cost!(
        costs,
        steps,
        "services of a model",
        session.model_used_by(&workspace, &one)
    );

    let middle = format!("service-{:06}", count / 2);
    let label = |kind, value: Option<&str>| Term {
        kind,
        name: if kind == TermKind::Tag {
            "stage"
        } else {
            "all"
        }
        .to_owned(),
        value: value.map(str::to_owned),
    };
    for (what, terms) in [
        ("all", vec![]),
        ("with a tag", vec![label(TermKind::Tag, Some("gold"))]),
        ("with a tag's name", vec![label(TermKind::Tag, None)]),
        (
            "with a property and a tag",
            vec![
                label(TermKind::Property, Some("")),
                label(TermKind::Tag, None),
            ],
        ),
    ] {
        for (where_, after) in [("first", None), ("middle", Some(middle.as_str()))] {
            let what = format!("{where_} page of services, {what}");
            cost!(
                costs,
                steps,
                what,
                session.endpoint_find(&workspace, &terms, after, PAGE)
            );
        }
    }
    let middle_compute = format!("c-{:06}", count / 2);
    let aks = wharf_core::compute::ComputeKind::Aks;
    let (subscription, group) = (fixture.workspace.subscription, &fixture.workspace.group);
    for (where_, after) in [("first", None), ("middle", Some(middle_compute.as_str()))] {
        cost!(
            costs,
            steps,
            format!("{where_} page of computes"),
            session.compute_list(&workspace, after, PAGE)
        );
        cost!(
            costs,
            steps,
            format!("{where_} page of computes of a type"),
            session.compute_list_of(&workspace, aks, after, PAGE)
        );
        let after = after.map(|name| (group.as_str(), name));
        for group in [None, Some(group.as_str())] {
            cost!(
                costs,
                steps,
                format!("{where_} page of clusters, of a group: {}", group.is_some()),
                session.managed_cluster_list(&subscription, group, after, PAGE)
            );
        }
    }
    let target = Uuid::from_u128(1 << 64 | u128::from(count / 2));
    let operation = operation_of(count / 2).id;
    cost!(
        costs,
        steps,
        "a service",
        session.endpoint_get(&workspace, &middle)
    );
    cost!(
        costs,
        steps,
        "names on a compute",
        session.endpoint_names_on(&compute)
    );
    cost!(
        costs,
        steps,
        "an operation",
        session.operation_get(operation)
    );
    cost!(
        costs,
        steps,
        "open operations",
        session.operation_open(&target)
    );
    cost!(
        costs,
        steps,
        "the operation of a generation",
        session.operation_at(&target, Generation::FIRST)
    );
    cost!(
        costs,
        steps,
        "how many are open",
        session.operation_open_count()
    );
    cost!(
        costs,
        steps,
        "a compute",
        session.compute_get(&workspace, "aks")
    );
    cost!(
        costs,
        steps,
        "a quota",
        session.usage_get(&workspace, wharf_core::quota::Quota::Models)
    );
    costs
}

async fn writes(fixture: &Fixture, compute: Uuid, count: u64) -> Costs {
    let workspace = fixture.workspace.id;
    fixture
        .store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                let steps = counting(txn).await;
                let mut costs = Costs::new();
                let iris = "iris".parse().expect("a name");
                let specs = [spec(count + 1), spec(count + 2)];
                let mut specs = specs.iter();
                let mut next = || specs.next().expect("a spec");
                cost!(
                    costs,
                    steps,
                    "the next version of a model",
                    txn.model_insert(&workspace, &iris, next(), "me", now())
                );
                let versions = ModelFilter {
                    name: Some("iris".into()),
                    ..Default::default()
                };
                let newest = txn.model_list(&workspace, &versions, None, 2).await?;
                cost!(
                    costs,
                    steps,
                    "new tags of a model",
                    txn.model_update(&newest[0])
                );
                let mut newest = newest.iter().map(|it| it.uuid);
                let mut next = || newest.next().expect("a model");
                cost!(costs, steps, "delete of a model", txn.model_delete(&next()));

                let mut number = count;
                let mut next = || {
                    number += 1;
                    number
                };
                cost!(costs, steps, "a new service", {
                    let (endpoint, keys) = endpoint(workspace, compute, next());
                    insert(txn, endpoint, keys)
                });
                cost!(costs, steps, "a new operation", {
                    let mut open = operation_of(next());
                    (open.state, open.ended_at) = (OperationState::InProgress, None);
                    insert_operation(txn, open)
                });
                let mut number = count;
                cost!(costs, steps, "delete of a service", {
                    number += 1;
                    let key = endpoint(workspace, compute, number).0.id;
                    delete(txn, key)
                });
                Ok(costs)
            })
        })
        .await
        .expect("written")
}

async fn insert(txn: &mut Txn, endpoint: Endpoint, keys: EndpointKeys) -> Result<(), StoreError> {
    txn.endpoint_insert(&endpoint, &keys).await
}

async fn insert_operation(txn: &mut Txn, operation: Operation) -> Result<(), StoreError> {
    txn.operation_insert(&operation).await
}

async fn delete(txn: &mut Txn, key: Uuid) -> Result<bool, StoreError> {
    txn.endpoint_delete(&key).await
}

#[tokio::test]
async fn what_is_asked_costs_the_same_however_much_there_is() {
    let mut few = Costs::new();
    for count in [FEW, MANY] {
        let (fixture, compute) = filled(count).await;
        let mut costs = reads(&fixture, compute, count).await;
        costs.extend(writes(&fixture, compute, count).await);
        if count == FEW {
            few = costs;
            continue;
        }
        assert_eq!(few.len(), costs.len());
        let grown: Vec<_> = few
            .iter()
            .zip(&costs)
            .filter(|((_, few), (_, many))| *few == 0 || many > few)
            .map(|((what, few), (_, many))| {
                format!("{what}: {few} steps of {FEW}, {many} of {MANY}")
            })
            .collect();
        assert!(grown.is_empty(), "{}", grown.join("\n"));
    }
}
