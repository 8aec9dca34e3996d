//! What a server finds when it starts: workloads on disk, scorers among the
//! processes. Those that belong together are taken over as they are; scorers that
//! belong to nothing are killed, and so are workers whose scorer is gone.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use wharf_core::{
    backend::{ContentSource, Workload},
    deployment::WorkloadKey,
};

use super::{
    backend::make_app,
    config::{Listen, ReplicaConfig},
    files::{
        ReplicaFolder, Scale, ScorerPhase, ScorerState, Staged, WorkloadFolder, discard, read_json,
    },
    process::{self, Found, Process, ProcessRecord},
    workload::{RunningWorkload, Shared, Survivor},
};

/// What was taken over.
pub(super) struct Adopted {
    pub(super) workloads: Vec<Arc<RunningWorkload>>,
    /// Ids of replicas that run and said that they are ready.
    pub(super) serving: Vec<String>,
}

/// Takes over everything under `shared.root`.
pub(super) fn adopt(shared: &Arc<Shared>, content: &dyn ContentSource) -> io::Result<Adopted> {
    let mut scorers: HashMap<PathBuf, Found> = process::find_scorers(&shared.root)?
        .into_iter()
        .map(|found| (found.config.clone(), found))
        .collect();
    let mut adopted = Adopted {
        workloads: Vec::new(),
        serving: Vec::new(),
    };
    for entry in fs::read_dir(&shared.root)? {
        let entry = entry?;
        let name = entry.file_name();
        let key = name.to_str().and_then(|it| it.parse::<WorkloadKey>().ok());
        let is_whole = match key {
            Some(key) => load(shared, &key, content, &mut scorers, &mut adopted)?,
            None => false,
        };
        if !is_whole {
            throw_away(&shared.root, &entry.path(), &mut scorers);
        }
    }
    for scorer in scorers.values() {
        tracing::warn!(pid = scorer.pid, config = %scorer.config.display(), "killing an orphan");
        process::kill_group(scorer.pid);
    }
    Ok(adopted)
}

/// Removes what is no workload, or not a whole one, with its processes first.
fn throw_away(root: &Path, path: &Path, scorers: &mut HashMap<PathBuf, Found>) {
    scorers.retain(|config, scorer| {
        let is_inside = config.starts_with(path);
        if is_inside {
            process::kill_group(scorer.pid);
        }
        !is_inside
    });
    tracing::info!(path = %path.display(), "removing what an interrupted run left");
    let removed = match path.is_dir() {
        true => discard(root, path),
        false => fs::remove_file(path),
    };
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "cannot remove it");
    }
}

/// One workload; `false` when its folder is not whole.
fn load(
    shared: &Arc<Shared>,
    key: &WorkloadKey,
    content: &dyn ContentSource,
    scorers: &mut HashMap<PathBuf, Found>,
    adopted: &mut Adopted,
) -> io::Result<bool> {
    let folder = WorkloadFolder::new(&shared.root, key);
    let workload = match read_json::<Workload>(&folder.workload()) {
        Ok(Some(workload)) if workload.key == *key && folder.app().is_dir() => workload,
        Ok(_) => return Ok(false),
        Err(error) => {
            tracing::warn!(workload = %key, %error, "its description cannot be read");
            return Ok(false);
        }
    };
    remove_unfinished(&shared.root, &folder)?;
    let staged = read_json::<Staged>(&folder.staged()).ok().flatten();
    if staged.is_none_or(|staged| staged.boot != shared.boot) {
        // The machine went down: what was written last may not have reached the
        // disk. Nothing of ours can be running.
        if let Err(error) = make_app(shared, &folder, &workload, content) {
            tracing::warn!(workload = %key, %error, "its files cannot be made again");
            return Ok(false);
        }
    }
    let scale = read_json::<Scale>(&folder.scale()).ok().flatten();
    let wanted = scale.map_or(workload.scaling.initial(), |it| it.wanted);
    let mut survivors = Vec::new();
    for index in folder.replicas()? {
        survivors.extend(survivor(shared, &folder, index, scorers)?);
    }
    // Those beyond the number are about to leave.
    let kept = usize::try_from(wanted).unwrap_or(usize::MAX);
    survivors
        .iter_mut()
        .skip(kept)
        .for_each(|survivor| survivor.is_serving = false);
    let running = Arc::new(RunningWorkload::new(Arc::clone(shared), folder, workload));
    let serving = survivors.iter().filter(|it| it.is_serving);
    adopted.serving.extend(serving.map(|it| it.id.clone()));
    let alive = survivors.iter().filter(|it| it.process.is_some()).count();
    tracing::info!(workload = %key, alive, wanted, "workload taken over");
    running.take_over(survivors);
    running.resize(wanted)?;
    adopted.workloads.push(running);
    Ok(true)
}

/// One replica; `None` when nothing usable is known of it.
fn survivor(
    shared: &Shared,
    folder: &WorkloadFolder,
    index: u32,
    scorers: &mut HashMap<PathBuf, Found>,
) -> io::Result<Option<Survivor>> {
    let replica = folder.replica(index);
    let record = read_json::<ProcessRecord>(&replica.process())
        .ok()
        .flatten();
    let found = scorers.remove(&replica.config());
    let config = read_json::<ReplicaConfig>(&replica.config()).ok().flatten();
    let Some(config) = config else {
        if let Some(found) = found {
            process::kill_group(found.pid);
        }
        discard(&shared.root, replica.path())?;
        return Ok(None);
    };
    let process = found.and_then(|it| Process::adopt(it.pid, it.start_time));
    if let (Some(record), None) = (&record, &process) {
        process::kill_remains(record, &shared.boot);
    }
    let restarts = record.map_or(0, |record| record.restarts);
    let Listen::Unix(socket) = config.listen;
    Ok(Some(Survivor {
        index,
        id: config.replica,
        socket: PathBuf::from(socket),
        restarts: restarts + u32::from(process.is_none()),
        is_serving: process.is_some() && says_ready(&replica),
        process,
    }))
}

fn says_ready(replica: &ReplicaFolder) -> bool {
    let state = read_json::<ScorerState>(&replica.state());
    matches!(state, Ok(Some(state)) if state.phase == ScorerPhase::Ready)
}

/// Removes half-made application folders and half-written files.
fn remove_unfinished(root: &Path, folder: &WorkloadFolder) -> io::Result<()> {
    for entry in fs::read_dir(folder.path())? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            discard(root, &entry.path()).or_else(|_| fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}
