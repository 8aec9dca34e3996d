//! Fairness: so many calls of one principal in one subscription, as ARM counts them.
//!
//! The numbers of ARM hold for its own surface
//! (<https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>).
//! The data plane, which SDKs poll, has more generous ones. Blobs are not counted.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    access::Scope,
    bucket::{Bucket, Rate},
};

use crate::{refusal::Refusal, router::Surface};

/// How fast the calls of one principal may come in one subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttling {
    /// Reads of ARM.
    pub arm_reads: Rate,
    /// Writes of ARM, and what is asked by POST.
    pub arm_writes: Rate,
    /// Deletes of ARM.
    pub arm_deletes: Rate,
    /// Reads of the data plane.
    pub data_reads: Rate,
    /// Writes and deletes of the data plane.
    pub data_writes: Rate,
}

impl Default for Throttling {
    fn default() -> Self {
        let rate = |burst, per_second| Rate { burst, per_second };
        Self {
            arm_reads: rate(250, 25),
            arm_writes: rate(200, 10),
            arm_deletes: rate(200, 10),
            data_reads: rate(2_500, 250),
            data_writes: rate(1_000, 100),
        }
    }
}

/// Parts of the table, each with a lock of its own that is held for a look-up.
const SHARDS: usize = 16;
/// Most callers remembered in one part; those with full buckets are forgotten first.
const MOST_REMEMBERED: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ArmReads,
    ArmWrites,
    ArmDeletes,
    DataReads,
    DataWrites,
}

const KINDS: usize = 5;

impl Kind {
    fn of(surface: Surface, method: &Method) -> Self {
        let is_read = method.is_safe();
        match surface {
            Surface::V1 if is_read => Self::DataReads,
            Surface::V1 => Self::DataWrites,
            _ if is_read => Self::ArmReads,
            _ if method == Method::DELETE => Self::ArmDeletes,
            _ => Self::ArmWrites,
        }
    }

    fn rate(self, rates: &Throttling) -> Rate {
        match self {
            Self::ArmReads => rates.arm_reads,
            Self::ArmWrites => rates.arm_writes,
            Self::ArmDeletes => rates.arm_deletes,
            Self::DataReads => rates.data_reads,
            Self::DataWrites => rates.data_writes,
        }
    }

    fn all() -> [Self; KINDS] {
        [
            Self::ArmReads,
            Self::ArmWrites,
            Self::ArmDeletes,
            Self::DataReads,
            Self::DataWrites,
        ]
    }

    /// Where ARM says what is left.
    fn header(self) -> Option<HeaderName> {
        Some(HeaderName::from_static(match self {
            Self::ArmReads => "x-ms-ratelimit-remaining-subscription-reads",
            Self::ArmWrites => "x-ms-ratelimit-remaining-subscription-writes",
            Self::ArmDeletes => "x-ms-ratelimit-remaining-subscription-deletes",
            Self::DataReads | Self::DataWrites => return None,
        }))
    }

    fn noun(self) -> &'static str {
        match self {
            Self::ArmReads | Self::DataReads => "reads",
            Self::ArmWrites | Self::DataWrites => "writes",
            Self::ArmDeletes => "deletes",
        }
    }
}

type Key = (Uuid, Uuid);
type Buckets = [Bucket; KINDS];

/// Counts the calls of everybody.
pub(crate) struct Throttle {
    rates: Throttling,
    hasher: RandomState,
    shards: [Mutex<HashMap<Key, Buckets>>; SHARDS],
}

/// What an answer says of what is left.
pub(crate) type Remaining = Option<(HeaderName, u64)>;

impl Throttle {
    pub(crate) fn new(rates: Throttling) -> Self {
        Self {
            rates,
            hasher: RandomState::new(),
            shards: Default::default(),
        }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// 429 with the time after which there is room again.
    pub(crate) fn count(
        &self,
        principal: Uuid,
        scope: &Scope,
        surface: Surface,
        method: &Method,
        now: Timestamp,
    ) -> Result<Remaining, Refusal> {
        let kind = Kind::of(surface, method);
        let key = (principal, subscription_of(scope));
        let rate = kind.rate(&self.rates);
        match self.take(key, kind, rate, now) {
            Ok(left) => Ok(kind.header().map(|name| (name, left))),
            Err(wait) => Err(refusal(kind, rate, wait)),
        }
    }

    fn take(&self, key: Key, kind: Kind, rate: Rate, now: Timestamp) -> Result<u64, Duration> {
        let shard = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        let shard = self.shards[shard].lock();
        let mut shard = shard.unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= MOST_REMEMBERED && !shard.contains_key(&key) {
            let is_full = |buckets: &Buckets| {
                let pairs = Kind::all().into_iter().zip(buckets);
                let mut full = pairs.map(|(kind, it)| it.is_full(kind.rate(&self.rates), now));
                full.all(|is_full| is_full)
            };
            shard.retain(|_, buckets| !is_full(buckets));
            if shard.len() >= MOST_REMEMBERED {
                // All of them at work at once: only the one that was quiet longest begins
                // anew.
                let last = |buckets: &Buckets| buckets.iter().map(Bucket::changed_at).max();
                let oldest = shard.iter().min_by_key(|(_, buckets)| last(buckets));
                if let Some(oldest) = oldest.map(|(key, _)| *key) {
                    shard.remove(&oldest);
                }
            }
        }
        let buckets = shard
            .entry(key)
            .or_insert_with(|| Kind::all().map(|kind| Bucket::full(kind.rate(&self.rates), now)));
        buckets[kind as usize].take(rate, now)
    }
}

/// `/subscriptions/ID/…` has one; what lies above has none.
fn subscription_of(scope: &Scope) -> Uuid {
    let mut segments = scope.as_str().split('/').skip(2);
    let id = segments.next().and_then(|id| id.parse().ok());
    id.unwrap_or(Uuid::nil())
}

fn refusal(kind: Kind, rate: Rate, wait: Duration) -> Refusal {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let noun = kind.noun();
    let refusal = Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        "TooManyRequests",
        format!(
            "The number of {noun} of this principal in the subscription is over {} at once and {} \
             a second. Please try again after '{seconds}' seconds.",
            rate.burst, rate.per_second
        ),
    )
    .with_header(header::RETRY_AFTER, HeaderValue::from(seconds));
    match kind.header() {
        Some(name) => refusal.with_header(name, HeaderValue::from(0)),
        None => refusal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_caller_stays_counted_whoever_else_comes() {
        let rates = Throttling {
            arm_reads: Rate {
                burst: 2,
                per_second: 1,
            },
            ..Throttling::default()
        };
        let throttle = Throttle::new(rates);
        let (scope, busy) = (Scope::root(), Uuid::from_u128(u128::MAX));
        let count = |principal, at: i64| {
            let now = Timestamp::from_microsecond(at).expect("a time");
            throttle.count(principal, &scope, Surface::Arm, &Method::GET, now)
        };
        assert!(count(busy, 0).is_ok() && count(busy, 0).is_ok());
        for number in 1..10_000_u16 {
            assert!(count(Uuid::from_u128(number.into()), number.into()).is_ok());
            assert!(count(busy, number.into()).is_err(), "{number}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::new(Throttling::default());
        let (scope, now) = (Scope::root(), Timestamp::UNIX_EPOCH);
        for number in 0..20_000 {
            let principal = Uuid::from_u128(number);
            let counted = throttle.count(principal, &scope, Surface::Arm, &Method::GET, now);
            assert!(counted.is_ok());
        }
        let lengths = throttle
            .shards
            .iter()
            .map(|it| it.lock().map_or(0, |it| it.len()));
        let all: usize = lengths.sum();
        assert!(all <= SHARDS * MOST_REMEMBERED, "{all}");
    }
}
