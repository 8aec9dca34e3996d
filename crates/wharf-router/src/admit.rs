//! How many requests a workload works on: each replica has as many slots as it
//! works on at once, and a request needs one.
//!
//! This state outlives every change of routes and replicas, since requests in
//! flight do. Its lock is held for a few instructions and never across an await.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::{Instant, timeout_at};
use wharf_core::{deployment::WorkloadKey, route::ReadyReplica};

use crate::{
    balance::{Member, pick},
    breaker::{Breaker, Outcome},
    load::LoadMeter,
    queue::{Queue, Turn},
    replica::Replica,
};

/// Why there is no slot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// So many wait already.
    QueueFull(usize),
    /// All replicas stayed busy until the deadline.
    StayedBusy,
    /// There was no replica that could be asked until the deadline.
    NoReplica,
    /// The workload serves no route any more, or lost its last replica.
    Moved,
}

/// Everything that one workload's requests share.
#[derive(Debug)]
pub(crate) struct Workload {
    key: WorkloadKey,
    queue_floor: usize,
    queue_factor: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    concurrency: u32,
    members: Vec<Member>,
    queue: Queue,
    /// No route leads here.
    is_retired: bool,
    first: usize,
    load: LoadMeter,
}

/// What autoscaling looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Requests being worked on or waiting, on average since the last look.
    pub(crate) requests: f64,
    /// Replicas that are ready.
    pub(crate) ready: u32,
}

impl Workload {
    pub(crate) fn new(key: WorkloadKey, queue_floor: usize, queue_factor: usize) -> Self {
        Self {
            key,
            queue_floor,
            queue_factor,
            inner: Mutex::new(Inner {
                concurrency: 1,
                members: Vec::new(),
                queue: Queue::default(),
                is_retired: true,
                first: 0,
                load: LoadMeter::new(Instant::now()),
            }),
        }
    }

    pub(crate) fn key(&self) -> &WorkloadKey {
        &self.key
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while the lock is held; if it did, the numbers are
        // still the best there are.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the tables say. `concurrency` is `None` when no route leads here
    /// any more. Then waiters are sent back to look again, and also when the last
    /// replica has left: another deployment may answer for this one.
    pub(crate) fn update(self: &Arc<Self>, concurrency: Option<u32>, ready: &[ReadyReplica]) {
        let dismissed = {
            let mut inner = self.lock();
            let had_replica = inner.has_replica_beside(&[]);
            for member in &mut inner.members {
                member.is_ready = ready.iter().any(|replica| member.replica.is(replica));
            }
            for replica in ready {
                if !inner
                    .members
                    .iter()
                    .any(|member| member.replica.is(replica))
                {
                    inner.members.push(Member {
                        replica: Arc::new(Replica::new(replica)),
                        busy: 0,
                        is_ready: true,
                        breaker: Breaker::default(),
                    });
                }
            }
            inner
                .members
                .retain(|member| member.is_ready || member.busy > 0);
            inner.is_retired = concurrency.is_none();
            inner.concurrency = concurrency.unwrap_or(1).max(1);
            let is_left = had_replica && !inner.has_replica_beside(&[]);
            let mut dismissed = VecDeque::new();
            if inner.is_retired || is_left {
                dismissed = inner.queue.dismiss();
                inner.note_load();
            }
            dismissed
        };
        for waiter in dismissed {
            // Who does not listen any more has left by itself.
            let _ = waiter.turn.send(Turn::Moved);
        }
        self.call_waiters();
    }

    /// A slot, at once or as soon as one is free before the deadline. Replicas in
    /// `avoid` have failed this request already. One that is not patient is refused at
    /// once while there is no replica that could be asked.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        deadline: Instant,
        avoid: &[Arc<Replica>],
        is_patient: bool,
    ) -> Result<Slot, Refused> {
        let (ticket, called) = {
            let mut inner = self.lock();
            if inner.is_retired {
                return Err(Refused::Moved);
            }
            // Who waits already goes first.
            if inner.queue.len() == 0
                && let Some(index) = inner.free(avoid)
            {
                return Ok(self.take(&mut inner, index));
            }
            if !is_patient && !inner.has_replica_beside(avoid) {
                return Err(Refused::NoReplica);
            }
            let limit = self
                .queue_floor
                .max(inner.capacity().saturating_mul(self.queue_factor));
            if inner.queue.len() >= limit {
                return Err(Refused::QueueFull(limit));
            }
            let place = inner.queue.join(avoid);
            inner.note_load();
            place
        };
        let _place = Place {
            workload: self,
            ticket,
        };
        // Something may be free that those in front could not use.
        self.call_waiters();
        match timeout_at(deadline, called).await {
            Ok(Ok(Turn::Slot(slot))) => Ok(slot),
            Ok(Ok(Turn::Moved)) => Err(Refused::Moved),
            // The sender is dropped only together with the workload.
            Ok(Err(_)) => Err(Refused::Moved),
            Err(_) if self.has_replica_beside(avoid) => Err(Refused::StayedBusy),
            Err(_) => Err(Refused::NoReplica),
        }
    }

    fn take(self: &Arc<Self>, inner: &mut Inner, index: usize) -> Slot {
        inner.first = index + 1;
        let member = &mut inner.members[index];
        member.busy += 1;
        let replica = Arc::clone(&member.replica);
        inner.note_load();
        Slot {
            workload: Arc::clone(self),
            replica,
            outcome: Outcome::Unknown,
        }
    }

    /// Gives free slots to those who wait longest.
    fn call_waiters(self: &Arc<Self>) {
        loop {
            let (waiter, slot) = {
                let mut inner = self.lock();
                let Inner {
                    queue,
                    members,
                    concurrency,
                    first,
                    ..
                } = &mut *inner;
                let now = Instant::now();
                let Some((waiter, index)) =
                    queue.call(|waiter| pick(members, *concurrency, &waiter.avoid, *first, now))
                else {
                    return;
                };
                (waiter, self.take(&mut inner, index))
            };
            // One who left gives the slot back by dropping it, outside the lock.
            let _ = waiter.turn.send(Turn::Slot(slot));
        }
    }

    fn release(self: &Arc<Self>, replica: &Arc<Replica>, outcome: Outcome) {
        {
            let mut inner = self.lock();
            let now = Instant::now();
            if let Some(member) = inner
                .members
                .iter_mut()
                .find(|member| Arc::ptr_eq(&member.replica, replica))
            {
                member.busy = member.busy.saturating_sub(1);
                if member.breaker.note(outcome, now) {
                    tracing::warn!(workload = %self.key, replica = replica.id(), "replica ejected");
                }
            }
            inner
                .members
                .retain(|member| member.is_ready || member.busy > 0);
            inner.note_load();
        }
        self.call_waiters();
    }

    /// The load since the last call.
    pub(crate) fn observe(&self) -> Load {
        let mut inner = self.lock();
        let requests = inner.load.take_mean(Instant::now());
        let ready = inner
            .members
            .iter()
            .filter(|member| member.is_ready)
            .count();
        Load {
            requests,
            ready: u32::try_from(ready).unwrap_or(u32::MAX),
        }
    }

    /// Whether a replica could be asked.
    pub(crate) fn has_replica(&self) -> bool {
        self.has_replica_beside(&[])
    }

    /// Whether one could that is not in `avoid`.
    pub(crate) fn has_replica_beside(&self, avoid: &[Arc<Replica>]) -> bool {
        self.lock().has_replica_beside(avoid)
    }
}

impl Inner {
    fn free(&self, avoid: &[Arc<Replica>]) -> Option<usize> {
        pick(
            &self.members,
            self.concurrency,
            avoid,
            self.first,
            Instant::now(),
        )
    }

    fn has_replica_beside(&self, avoid: &[Arc<Replica>]) -> bool {
        let is_new = |member: &Member| !avoid.iter().any(|it| Arc::ptr_eq(it, &member.replica));
        let mut members = self.members.iter();
        members.any(|member| member.is_ready && is_new(member))
    }

    fn capacity(&self) -> usize {
        let ready = self.members.iter().filter(|member| member.is_ready).count();
        ready.saturating_mul(self.concurrency as usize)
    }

    fn note_load(&mut self) {
        let busy: u32 = self.members.iter().map(|member| member.busy).sum();
        let requests = f64::from(busy) + self.queue.len() as f64;
        self.load.set(requests, Instant::now());
    }
}

/// A place in the queue, given up when dropped.
struct Place<'a> {
    workload: &'a Arc<Workload>,
    ticket: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut inner = self.workload.lock();
        inner.queue.leave(self.ticket);
        inner.note_load();
    }
}

/// The right to give one request to one replica; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    workload: Arc<Workload>,
    replica: Arc<Replica>,
    outcome: Outcome,
}

impl Slot {
    pub(crate) fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }

    /// What the replica made of it; the last word counts.
    pub(crate) fn note(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.workload.release(&self.replica, self.outcome);
    }
}
