//! The act of scaling: looks at the load, decides, asks for a number.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{MissedTickBehavior, interval, timeout};
use wharf_core::{
    deployment::WorkloadKey,
    scaling::{Autoscale, Scaling},
};

use crate::{
    admit::Workload,
    autoscale::{decide, periods_down},
    drain::Stop,
    table::Current,
};

/// The shortest refresh period there is.
const TICK: Duration = Duration::from_secs(1);

/// How long one call of [`Scaler::scale`] may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever can change how many replicas a workload has.
#[async_trait]
pub trait Scaler: Send + Sync {
    /// Asks for `replicas` of a workload. Called only when the number changes;
    /// after an error it is asked again in the next refresh period.
    async fn scale(&self, key: &WorkloadKey, replicas: u32) -> Result<(), String>;
}

/// What is remembered of one workload between two looks.
#[derive(Debug, Default)]
struct Memory {
    history: VecDeque<f64>,
    asked: Option<u32>,
    ticks: u32,
}

struct Subject {
    workload: Arc<Workload>,
    rules: Autoscale,
    concurrency: u32,
}

/// Runs until the router drains.
pub(crate) async fn run(current: Arc<Current>, scaler: Arc<dyn Scaler>, mut stop: Stop) {
    let mut memories: HashMap<WorkloadKey, Memory> = HashMap::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.draining() => return,
        }
        let subjects = subjects(&current);
        memories.retain(|key, _| subjects.contains_key(key));
        for (key, subject) in &subjects {
            let memory = memories.entry(key.clone()).or_default();
            look(subject, memory, &*scaler).await;
        }
    }
}

/// All workloads that scale by load; two routes may lead to the same one.
fn subjects(current: &Current) -> HashMap<WorkloadKey, Subject> {
    let snapshot = current.load();
    let mut subjects = HashMap::new();
    for target in snapshot.targets() {
        if let Scaling::Auto(rules) = target.scaling {
            subjects.insert(
                target.workload.key().clone(),
                Subject {
                    workload: Arc::clone(&target.workload),
                    rules,
                    concurrency: target.concurrency,
                },
            );
        }
    }
    subjects
}

async fn look(subject: &Subject, memory: &mut Memory, scaler: &dyn Scaler) {
    memory.ticks += 1;
    if memory.ticks < subject.rules.refresh_seconds.get() {
        return;
    }
    memory.ticks = 0;
    let load = subject.workload.observe();
    memory.history.push_back(load.requests);
    while memory.history.len() > periods_down(&subject.rules) {
        memory.history.pop_front();
    }
    if memory.asked.is_none() && load.ready == 0 {
        // After a restart, replicas that run may not be known yet; to ask for
        // the least number now could end them.
        return;
    }
    // Before anything was asked for, what is there counts.
    let current = memory.asked.unwrap_or(0).max(load.ready);
    let wanted = decide(
        &subject.rules,
        subject.concurrency,
        current,
        &memory.history,
    );
    if wanted == current || memory.asked == Some(wanted) {
        return;
    }
    let key = subject.workload.key();
    match timeout(PATIENCE, scaler.scale(key, wanted)).await {
        Ok(Ok(())) => {
            tracing::info!(
                workload = %key, from = current, to = wanted, load = load.requests, "scaled"
            );
            if wanted < current {
                // A further step down needs a full time of its own.
                memory.history.clear();
            }
            memory.asked = Some(wanted);
        }
        Ok(Err(error)) => tracing::warn!(workload = %key, %error, "scaling failed"),
        Err(_) => tracing::warn!(workload = %key, "scaling took too long"),
    }
}
