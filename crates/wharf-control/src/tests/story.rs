//! Stories that walk every step of every reconciler, told with kills and
//! mishaps in it, and what must be the same whichever way it is told.

use std::{collections::BTreeSet, fmt::Write as _};

use wharf_core::{
    Secret,
    compute::{ComputeRequest, Removal},
    deployment::DeploymentState,
    endpoint_request::VersionRequest,
    operation::{OperationId, OperationState},
};
use wharf_testkit::Start;

use crate::{
    reconcile::FaultPoint,
    testing::{TestApp, default, endpoint_request, version, versions_request},
};

/// What clients ask for, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chapter {
    CreateCompute,
    ResizeCompute,
    Deploy,
    /// A new revision whose replicas take their time.
    SlowUpdate,
    Scale,
    /// A new revision whose replicas do not start.
    BadUpdate,
    Repair,
    DeleteEndpoint,
    DeleteCompute,
    Attach,
    Detach,
    /// An endpoint with one version.
    DeployVersions,
    AddVersion,
    /// New code of the second version, which does not start.
    BadVersion,
    /// The second version becomes the default one, and its code stays bad.
    ShiftTraffic,
    /// The first version goes; what serves of the second gets everything.
    DropVersion,
    DeleteVersions,
}

use Chapter::*;

/// A service with one deployment, and its computes.
pub(super) const SERVICE: &[Chapter] = &[
    CreateCompute,
    ResizeCompute,
    Deploy,
    SlowUpdate,
    Scale,
    BadUpdate,
    Repair,
    DeleteEndpoint,
    DeleteCompute,
    Attach,
    Detach,
];

/// An endpoint with versions.
pub(super) const VERSIONS: &[Chapter] = &[
    CreateCompute,
    DeployVersions,
    AddVersion,
    BadVersion,
    ShiftTraffic,
    DropVersion,
    DeleteVersions,
];

/// A story under way.
pub(super) struct Told {
    story: &'static [Chapter],
    pub(super) test: TestApp,
    /// How many points each life passes before it is killed.
    life: Option<usize>,
    /// Where it was killed.
    pub(super) killed_at: BTreeSet<FaultPoint>,
    operations: Vec<OperationId>,
}

impl Told {
    pub(super) fn new(story: &'static [Chapter], test: TestApp) -> Self {
        Self {
            story,
            test,
            life: None,
            killed_at: BTreeSet::new(),
            operations: Vec::new(),
        }
    }

    /// Kills it at `first`, and each later life after `life` points.
    pub(super) fn kill(&mut self, first: Option<FaultPoint>, life: usize) {
        let faults = &self.test.app.inner.faults;
        match first {
            Some(point) => faults.stop_at(point),
            None => faults.stop_after(life),
        }
        self.life = Some(life);
    }

    /// Tells it to the end; what is remembered after each chapter. `expected` is what
    /// another telling remembered: the chapter is over when it is the same. Without
    /// it, a chapter is over when nothing is under way.
    pub(super) async fn tell(&mut self, expected: Option<&[String]>) -> Vec<String> {
        self.test.upload_script().await;
        self.test.register_model("iris").await;
        self.test.register_model("iris").await;
        self.test.start_reconcilers();
        let mut remembered = Vec::new();
        for (number, chapter) in self.story.iter().copied().enumerate() {
            let operation = self.ask(chapter).await;
            self.operations.push(operation);
            if chapter == SlowUpdate {
                self.until_transitioning().await;
                self.test.backend.set_start(Start::Ready);
            }
            self.until_ended(chapter, operation).await;
            if chapter == DropVersion {
                self.until_forgotten().await;
            }
            match expected {
                None => self.test.stop_reconcilers().await,
                Some(expected) => self.until_like(chapter, &expected[number]).await,
            }
            remembered.push(self.memory().await);
            if matches!(chapter, Repair | DropVersion) {
                // Not before: the bad revision would come up after all.
                self.test.backend.set_start(Start::Ready);
            }
            self.test.start_reconcilers();
        }
        remembered
    }

    async fn ask(&self, chapter: Chapter) -> OperationId {
        let test = &self.test;
        let (app, caller, path) = (&test.app, &test.caller, &test.path);
        let put = async |name: &str, request: ComputeRequest| {
            let written = app.compute_put(caller, path, name, request).await;
            written.expect("accepted").operation
        };
        let update = async |model: &str, replicas: i64| {
            let mut request = endpoint_request("iris", "mine", &[model]);
            request.replicas = Some(replicas);
            let now = test.endpoint("iris").await.generation;
            let written = app
                .endpoint_update(caller, path, "iris", now, request)
                .await;
            written.expect("accepted").operation
        };
        let versions = async |versions: Vec<VersionRequest>| {
            let now = test.endpoint("duo").await.generation;
            let request = versions_request("duo", "mine", versions);
            let written = app.endpoint_update(caller, path, "duo", now, request).await;
            written.expect("accepted").operation
        };
        let one = |share| version("one", "iris:1", share);
        let two = |model, share| version("two", model, share);
        match chapter {
            DeployVersions => {
                let mut request = versions_request("duo", "mine", vec![default(one(None))]);
                request.primary_key = Some(Secret::new("the-primary-key"));
                request.secondary_key = Some(Secret::new("the-secondary-key"));
                test.create_endpoint(request).await.operation
            }
            AddVersion => versions(vec![default(one(None)), two("iris:2", Some(30.0))]).await,
            BadVersion => {
                test.backend.set_start(Start::Fail("KeyError: 'x'".into()));
                let mut bad = two("iris:1", Some(40.0));
                bad.is_touched = true;
                versions(vec![default(one(None)), bad]).await
            }
            ShiftTraffic => versions(vec![one(Some(10.0)), default(two("iris:1", None))]).await,
            DropVersion => versions(vec![default(two("iris:1", None))]).await,
            DeleteVersions => {
                let deleted = app.endpoint_delete(caller, path, "duo").await;
                deleted.expect("accepted").expect("it is there")
            }
            CreateCompute => put("mine", ComputeRequest::default()).await,
            ResizeCompute => {
                let agent_count = Some(4);
                put(
                    "mine",
                    ComputeRequest {
                        agent_count,
                        is_read_back: true,
                        ..Default::default()
                    },
                )
                .await
            }
            Deploy => {
                let mut request = endpoint_request("iris", "mine", &["iris:1"]);
                request.primary_key = Some(Secret::new("the-primary-key"));
                request.secondary_key = Some(Secret::new("the-secondary-key"));
                test.create_endpoint(request).await.operation
            }
            SlowUpdate => {
                test.backend.set_start(Start::Hang);
                update("iris:2", 1).await
            }
            Scale => update("iris:2", 2).await,
            BadUpdate => {
                test.backend.set_start(Start::Fail("KeyError: 'x'".into()));
                update("iris:1", 1).await
            }
            Repair => update("iris:2", 1).await,
            DeleteEndpoint => {
                let deleted = app.endpoint_delete(caller, path, "iris").await;
                deleted.expect("accepted").expect("it is there")
            }
            DeleteCompute => self.remove("mine", Removal::Delete).await,
            Attach => {
                let resource_id = Some(test.local_cluster_id());
                put(
                    "other",
                    ComputeRequest {
                        resource_id,
                        ..Default::default()
                    },
                )
                .await
            }
            Detach => self.remove("other", Removal::Detach).await,
        }
    }

    async fn remove(&self, name: &str, removal: Removal) -> OperationId {
        let test = &self.test;
        let removed = test
            .app
            .compute_remove(&test.caller, &test.path, name, removal)
            .await;
        removed.expect("accepted").expect("it is there")
    }

    /// Waits, through kills and restarts.
    async fn until(&mut self, what: &str, look: impl AsyncFn(&TestApp) -> bool) {
        loop {
            let mut stopped = self.test.app.inner.faults.stopped();
            let mut changes = self.test.backend.changes();
            let waiting = async {
                let mut commits = self.test.store().commits();
                while !look(&self.test).await {
                    tokio::select! {
                        _ = commits.changed() => {}
                        _ = changes.recv() => {}
                    }
                }
            };
            // Only for a stall: a busy machine syncs its disk slowly.
            let patience = std::time::Duration::from_secs(60);
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => {}
                ended = tokio::time::timeout(patience, waiting) => {
                    // The caller's own check says what is different.
                    assert!(ended.is_ok() || what.is_empty(), "{what}");
                    return;
                }
            }
            self.killed_at
                .extend(self.test.app.inner.faults.stopped_at());
            self.test.restart().await;
            if let Some(life) = self.life {
                self.test.app.inner.faults.stop_after(life);
            }
            self.test.start_reconcilers();
        }
    }

    async fn until_ended(&mut self, chapter: Chapter, operation: OperationId) {
        let ended = async |test: &TestApp| !test.operation(operation).await.state.is_open();
        self.until(&format!("{chapter:?} does not end"), ended)
            .await;
    }

    async fn until_transitioning(&mut self) {
        let is_transitioning = async |test: &TestApp| {
            let endpoint = test.endpoint("iris").await;
            let mut statuses = endpoint.status.deployments.values();
            statuses.any(|status| status.state == DeploymentState::Transitioning)
        };
        self.until("a slow update is not seen", is_transitioning)
            .await;
    }

    async fn until_forgotten(&mut self) {
        let is_forgotten = async |test: &TestApp| {
            let endpoint = test.endpoint("duo").await;
            endpoint.status.deployments.len() == endpoint.spec.deployments.len()
        };
        self.until("a version that went is remembered", is_forgotten)
            .await;
    }

    async fn until_like(&mut self, chapter: Chapter, expected: &str) {
        let operations = self.operations.clone();
        let look = async |test: &TestApp| memory(test, &operations).await == expected;
        self.until("", look).await;
        let memory = self.memory().await;
        assert_eq!(memory, expected, "after {chapter:?}");
    }

    async fn memory(&self) -> String {
        memory(&self.test, &self.operations).await
    }
}

/// Everything that is stored and everything that the fakes hold and did, with ids
/// replaced by numbers in the order in which they come.
async fn memory(test: &TestApp, operations: &[OperationId]) -> String {
    let mut text = String::new();
    let mut session = test.store().read().await.expect("a session");
    let workspace = test.app.workspace_get(&test.caller, &test.path).await;
    let workspace = workspace.expect("the workspace");
    let (subscription, id) = (workspace.subscription, workspace.id);
    let clusters = session
        .managed_cluster_list(&subscription, None, None, 100)
        .await;
    let computes = session.compute_list(&id, None, 100).await;
    let endpoints = session.endpoint_list(&id, None, 100).await;
    writeln!(text, "clusters {:?}", clusters.expect("read")).expect("written");
    writeln!(text, "computes {:?}", computes.expect("read")).expect("written");
    for mut endpoint in endpoints.expect("read") {
        let mut statuses = std::mem::take(&mut endpoint.status.deployments);
        writeln!(text, "endpoint {endpoint:?}").expect("written");
        // In the order of the spec: their own is that of random ids.
        for deployment in &endpoint.spec.deployments {
            let status = statuses.remove(&deployment.id);
            writeln!(text, "{} {status:?}", deployment.name).expect("written");
        }
        writeln!(text, "others {statuses:?}").expect("written");
    }
    drop(session);
    for operation in operations {
        let operation = test.operation(*operation).await;
        let (verb, state) = (operation.verb, operation.state);
        writeln!(text, "{verb:?} {} {state:?}", operation.target_name).expect("written");
    }
    for effect in test.provider.effects() {
        writeln!(text, "{effect}").expect("written");
    }
    for effect in test.backend.effects() {
        writeln!(text, "{effect}").expect("written");
    }
    let routes = test.app.routes().borrow().clone();
    for name in ["iris", "duo"] {
        writeln!(text, "{:?}", routes.routes.get(name)).expect("written");
    }
    numbered(text)
}

/// Replaces each id, and the part of it that names clusters, by its number.
fn numbered(text: String) -> String {
    let mut ids: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_hexdigit() && c != '-') {
        // Alone, or in front of a workload's revision.
        let simple = word.split_once('-').map_or(word, |(first, _)| first);
        let id = if simple.len() == 32 { simple } else { word };
        if let Ok(id) = id.parse::<uuid::Uuid>()
            && !ids.contains(&id.to_string())
        {
            ids.push(id.to_string());
        }
    }
    let mut text = text;
    // When something was made is a matter of the clock alone.
    let moments: std::collections::BTreeSet<String> = text
        .split(|c: char| c.is_whitespace() || ",(){}".contains(c))
        .filter(|word| word.parse::<jiff::Timestamp>().is_ok())
        .map(str::to_owned)
        .collect();
    for moment in moments {
        text = text.replace(&moment, "#then");
    }
    for (number, id) in ids.iter().enumerate() {
        text = text.replace(id, &format!("#{number}"));
        text = text.replace(&id.replace('-', ""), &format!("#{number}"));
        text = text.replace(&format!("-{}", &id[..8]), &format!("-#{number}"));
    }
    text
}

/// What the operations of the whole story came to.
pub(super) async fn ends(told: &Told) -> Vec<OperationState> {
    let mut states = Vec::new();
    for operation in &told.operations {
        states.push(told.test.operation(*operation).await.state);
    }
    states
}
