//! What a server finds when it starts: workloads on disk, scorers among the
//! processes. Those that belong together are taken over as they are; scorers that
//! belong to nothing are killed, and so are workers whose scorer is gone.
//!
//! What cannot be read is not gone: such a workload is left as it is, served by the
//! replicas that say they are ready, until somebody says again what it is to be
//! ([`take_up`]) or that it is to go ([`clear`]).

use std::{
    collections::{BTreeSet, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use wharf_core::{
    backend::{ContentSource, Workload},
    deployment::WorkloadKey,
    route::{ReadyReplica, ReplicaAddress},
};

use super::{
    config::{GRACE, Identity, Listen},
    files::{
        ReplicaFolder, Scale, ScorerPhase, ScorerState, Staged, WorkloadFolder, discard, read_json,
    },
    process::{self, Found, Process, ProcessRecord},
    stage::make_app,
    stored,
    workload::{RunningWorkload, Shared, Survivor},
};

/// What a replica gets to end when it is not known how long its requests may take.
const LONG_ENOUGH: Duration = Duration::from_secs(65);

/// Running scorers by their configuration file.
type Scorers = HashMap<PathBuf, Found>;

/// What was taken over.
pub(super) struct Adopted {
    pub(super) workloads: Vec<Arc<RunningWorkload>>,
    /// Workloads that are there, but could not be read.
    pub(super) unknown: BTreeSet<WorkloadKey>,
    /// Ids of replicas that run and said that they are ready.
    pub(super) serving: Vec<String>,
}

/// A workload that goes on.
struct Taken {
    running: Arc<RunningWorkload>,
    serving: Vec<String>,
}

/// Who knows what a workload is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Only the files.
    Files,
    /// Whoever asked for it just now.
    Asked,
}

/// Takes over everything under `shared.root`.
pub(super) fn adopt(shared: &Arc<Shared>, content: &dyn ContentSource) -> io::Result<Adopted> {
    let mut scorers = scorers(&shared.root)?;
    // Before any replica is started again.
    process::kill_left_behind(&shared.root, scorers.values());
    let mut adopted = Adopted {
        workloads: Vec::new(),
        unknown: BTreeSet::new(),
        serving: Vec::new(),
    };
    for entry in fs::read_dir(&shared.root)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        let mut mine = split(&mut scorers, &path);
        let Some(key) = name.to_str().and_then(|it| it.parse::<WorkloadKey>().ok()) else {
            throw_away(&shared.root, &path, &mine);
            continue;
        };
        let all = mine.clone();
        match take_over(shared, &key, content, &mut mine, Source::Files) {
            Ok(Some(taken)) => {
                kill_orphans(&mine);
                adopted.serving.extend(taken.serving);
                adopted.workloads.push(taken.running);
            }
            Ok(None) => throw_away(&shared.root, &path, &all),
            Err(error) => {
                tracing::warn!(workload = %key, %error, "it cannot be read and is left as it is");
                publish_unknown(shared, &key, &all);
                adopted.unknown.insert(key);
            }
        }
    }
    kill_orphans(&scorers);
    Ok(adopted)
}

/// Takes over a workload that could not be read, now that it is known what it is to
/// be; `None` when nothing of it is of use.
pub(super) fn take_up(
    shared: &Arc<Shared>,
    workload: &Workload,
    content: &dyn ContentSource,
) -> io::Result<Option<Arc<RunningWorkload>>> {
    let folder = WorkloadFolder::new(&shared.root, &workload.key);
    fs::create_dir_all(folder.path())?;
    stored::write_workload(&folder.workload(), workload)?;
    let mut mine = split(&mut scorers(&shared.root)?, folder.path());
    let all = mine.clone();
    let taken = take_over(shared, &workload.key, content, &mut mine, Source::Asked)?;
    if let Some(taken) = taken {
        kill_orphans(&mine);
        return Ok(Some(taken.running));
    }
    throw_away(&shared.root, folder.path(), &all);
    Ok(None)
}

/// Lets the replicas of a workload that could not be read finish and end.
pub(super) async fn clear(shared: &Shared, key: &WorkloadKey) -> io::Result<()> {
    let folder = WorkloadFolder::new(&shared.root, key);
    let mine = split(&mut scorers(&shared.root)?, folder.path());
    shared.table.send_modify(|table| {
        Arc::make_mut(table).replicas.remove(key);
    });
    let mut ends = tokio::task::JoinSet::new();
    for (config, found) in mine {
        let identity = read_json::<Identity>(&config).ok().flatten();
        let drain = identity.and_then(|it| it.drain_ms);
        let drain = drain.map_or(LONG_ENOUGH, Duration::from_millis);
        if let Some(process) = Process::adopt(&found, &shared.strays) {
            ends.spawn(process.stop(drain + GRACE));
        }
    }
    while ends.join_next().await.is_some() {}
    Ok(())
}

fn scorers(root: &Path) -> io::Result<Scorers> {
    let found = process::find_scorers(root)?.into_iter();
    Ok(found.map(|it| (it.config.clone(), it)).collect())
}

/// Takes those out whose configuration lies under `path`.
fn split(scorers: &mut Scorers, path: &Path) -> Scorers {
    scorers
        .extract_if(|config, _| config.starts_with(path))
        .collect()
}

fn kill_orphans(scorers: &Scorers) {
    for scorer in scorers.values() {
        tracing::warn!(pid = scorer.pid, config = %scorer.config.display(), "killing an orphan");
    }
    process::kill_orphans(scorers.values());
}

/// Removes what is no workload, or not a whole one, with its processes first.
fn throw_away(root: &Path, path: &Path, scorers: &Scorers) {
    kill_orphans(scorers);
    tracing::info!(path = %path.display(), "removing what an interrupted run left");
    let removed = match path.is_dir() {
        true => discard(root, path),
        false => fs::remove_file(path),
    };
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "cannot remove it");
    }
}

/// One workload; `None` when its folder was never whole. Takes those out of
/// `scorers` that it goes on with.
///
/// # Errors
/// When it cannot be told. No replica was touched then.
fn take_over(
    shared: &Arc<Shared>,
    key: &WorkloadKey,
    content: &dyn ContentSource,
    scorers: &mut Scorers,
    source: Source,
) -> io::Result<Option<Taken>> {
    let folder = WorkloadFolder::new(&shared.root, key);
    let Some(workload) = stored::read_workload(&folder.workload())? else {
        return Ok(None);
    };
    if workload.key != *key {
        return Err(io::Error::other(
            "it is the description of another workload",
        ));
    }
    if !folder.app().try_exists()? {
        return Ok(None);
    }
    remove_unfinished(&shared.root, &folder)?;
    let staged = readable(read_json::<Staged>(&folder.staged()))?;
    let is_of_this_boot = staged.is_some_and(|staged| staged.boot == shared.boot);
    // What runs was started in this boot.
    if !is_of_this_boot && scorers.is_empty() {
        // The machine went down: what was written last may not have reached the disk.
        make_app(
            &shared.root,
            &shared.boot,
            &folder,
            &workload.template,
            content,
        )
        .map_err(io::Error::other)?;
    }
    let mut replicas = Vec::new();
    for index in folder.replicas()? {
        replicas.push(look(&folder, index, scorers, source)?);
    }
    // Nothing fails from here on but what concerns dead replicas.
    let mut survivors = Vec::new();
    let mut strangers = Vec::new();
    for replica in replicas {
        scorers.remove(&folder.replica(replica.index).config());
        match replica.into_survivor(shared, &folder) {
            Kept::Survivor(survivor) => survivors.push(survivor),
            Kept::Stranger(index, process) => strangers.push((index, process)),
            Kept::Nothing => {}
        }
    }
    let alive = survivors.iter().filter(|it| it.process.is_some()).count();
    let wanted = match read_json::<Scale>(&folder.scale()) {
        Ok(Some(scale)) => scale.wanted,
        Ok(None) => workload.scaling.initial(),
        // As many as there are.
        Err(_) => workload
            .scaling
            .clamp(u32::try_from(alive).unwrap_or(u32::MAX)),
    };
    // Those beyond the number are about to leave.
    let kept = usize::try_from(wanted).unwrap_or(usize::MAX);
    survivors
        .iter_mut()
        .skip(kept)
        .for_each(|survivor| survivor.is_serving = false);
    let running = Arc::new(RunningWorkload::new(Arc::clone(shared), folder, workload));
    let serving = survivors.iter().filter(|it| it.is_serving);
    let serving = serving.map(|it| it.id.clone()).collect();
    tracing::info!(workload = %key, alive, wanted, "workload taken over");
    running.take_over(survivors);
    for (index, process) in strangers {
        running.retire(index, process);
    }
    if let Err(error) = running.resize(wanted) {
        // Whoever asks for the workload next sets the number.
        tracing::warn!(workload = %key, %error, "the number of replicas stays");
    }
    Ok(Some(Taken { running, serving }))
}

/// A file that is torn counts as none; one that cannot be read is an error.
fn readable<T>(read: io::Result<Option<T>>) -> io::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        other => other,
    }
}

/// What is known of one replica.
struct Seen {
    index: u32,
    found: Option<Found>,
    record: Option<ProcessRecord>,
    /// `None` when it is not there, or damaged.
    identity: Option<Identity>,
    is_damaged: bool,
}

/// What becomes of it.
enum Kept {
    Survivor(Survivor),
    /// It runs, but nobody can reach it.
    Stranger(u32, Process),
    Nothing,
}

/// Looks at a replica without touching it.
fn look(
    folder: &WorkloadFolder,
    index: u32,
    scorers: &Scorers,
    source: Source,
) -> io::Result<Seen> {
    let replica = folder.replica(index);
    let found = scorers.get(&replica.config()).cloned();
    let identity = read_json::<Identity>(&replica.config());
    let is_damaged = identity
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::InvalidData);
    // One that runs is only given up by somebody who knows the workload.
    let is_hopeless = is_damaged && (found.is_none() || source == Source::Asked);
    Ok(Seen {
        index,
        found,
        record: readable(read_json(&replica.process()))?,
        identity: if is_hopeless { None } else { identity? },
        is_damaged,
    })
}

impl Seen {
    fn into_survivor(self, shared: &Shared, folder: &WorkloadFolder) -> Kept {
        let replica = folder.replica(self.index);
        let found = self.found.as_ref();
        let process = found.and_then(|it| Process::adopt(it, &shared.strays));
        let Some(identity) = self.identity else {
            match process {
                Some(process) if self.is_damaged => return Kept::Stranger(self.index, process),
                Some(_) => process::kill_orphans(found),
                None => {}
            }
            if let Err(error) = discard(&shared.root, replica.path()) {
                tracing::warn!(folder = %replica.path().display(), %error, "a replica's folder stays");
            }
            return Kept::Nothing;
        };
        if let (Some(record), None) = (&self.record, &process) {
            process::kill_remains(record, &shared.boot);
        }
        let restarts = self.record.map_or(0, |record| record.restarts);
        let Listen::Unix(socket) = identity.listen;
        Kept::Survivor(Survivor {
            index: self.index,
            id: identity.replica,
            socket: PathBuf::from(socket),
            restarts: restarts + u32::from(process.is_none()),
            is_serving: process.is_some() && says_ready(&replica),
            process,
        })
    }
}

/// Lets routers find what runs and says that it is ready.
fn publish_unknown(shared: &Shared, key: &WorkloadKey, scorers: &Scorers) {
    let folder = WorkloadFolder::new(&shared.root, key);
    let indices = folder.replicas().unwrap_or_default();
    let ready = indices.into_iter().filter_map(|index| {
        let replica = folder.replica(index);
        let is_serving = scorers.contains_key(&replica.config()) && says_ready(&replica);
        let identity = read_json::<Identity>(&replica.config()).ok().flatten()?;
        let Listen::Unix(socket) = identity.listen;
        is_serving.then(|| ReadyReplica {
            id: identity.replica,
            address: ReplicaAddress::Unix(PathBuf::from(socket)),
        })
    });
    let ready = ready.collect::<Vec<_>>();
    if !ready.is_empty() {
        shared.table.send_modify(|table| {
            Arc::make_mut(table).replicas.insert(key.clone(), ready);
        });
    }
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
