//! What `wharf server` is told about fairness, quotas and the record of what was done.

use std::time::Duration;

use clap::{Args, builder::FalseyValueParser};
use wharf_api::Throttling;
use wharf_core::{bucket::Rate, quota::Quotas};
use wharf_store::AuditSettings;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// How much one principal or one workspace may take, and how long is remembered who did
/// what.
#[derive(Debug, Args)]
pub(crate) struct GuardArgs {
    /// Count no calls: let every principal call as fast as it likes
    #[arg(long, env = "WHARF_NO_THROTTLE", value_parser = FalseyValueParser::new())]
    no_throttle: bool,

    /// Reads of ARM by one principal in one subscription: so many at once, so many a
    /// second
    #[arg(long, env = "WHARF_ARM_READS", value_name = "BURST+PER_SECOND", default_value_t = Throttling::default().arm_reads)]
    arm_reads: Rate,

    /// Writes of ARM, likewise
    #[arg(long, env = "WHARF_ARM_WRITES", value_name = "BURST+PER_SECOND", default_value_t = Throttling::default().arm_writes)]
    arm_writes: Rate,

    /// Deletes of ARM, likewise
    #[arg(long, env = "WHARF_ARM_DELETES", value_name = "BURST+PER_SECOND", default_value_t = Throttling::default().arm_deletes)]
    arm_deletes: Rate,

    /// Reads of models, services and environments, likewise
    #[arg(long, env = "WHARF_DATA_READS", value_name = "BURST+PER_SECOND", default_value_t = Throttling::default().data_reads)]
    data_reads: Rate,

    /// Writes of models, services and environments, likewise
    #[arg(long, env = "WHARF_DATA_WRITES", value_name = "BURST+PER_SECOND", default_value_t = Throttling::default().data_writes)]
    data_writes: Rate,

    /// Versions of models that each workspace may have
    #[arg(long, env = "WHARF_MOST_MODELS", value_name = "NUMBER", default_value_t = Quotas::default().models, value_parser = counted())]
    most_models: u64,

    /// Gibibytes of uploaded files that each workspace may have
    #[arg(long, env = "WHARF_MOST_BYTES", value_name = "GIB", default_value_t = Quotas::default().bytes >> 30, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    most_bytes: u64,

    /// Services that each workspace may have
    #[arg(long, env = "WHARF_MOST_SERVICES", value_name = "NUMBER", default_value_t = Quotas::default().services, value_parser = counted())]
    most_services: u64,

    /// Operations that may be under way in each workspace
    #[arg(long, env = "WHARF_MOST_OPERATIONS", value_name = "NUMBER", default_value_t = Quotas::default().operations, value_parser = counted())]
    most_operations: u64,

    /// Computes that each workspace may have
    #[arg(long, env = "WHARF_MOST_COMPUTES", value_name = "NUMBER", default_value_t = Quotas::default().computes, value_parser = counted())]
    most_computes: u64,

    /// How long the audit log is kept, in days
    #[arg(
        long,
        env = "WHARF_AUDIT_DAYS",
        value_name = "DAYS",
        default_value = "90",
        value_parser = clap::value_parser!(u64).range(1..=3_650)
    )]
    audit_days: u64,

    /// Largest audit log, in MiB; the oldest entries go first
    #[arg(
        long,
        env = "WHARF_AUDIT_SIZE",
        value_name = "MIB",
        default_value = "1024",
        value_parser = clap::value_parser!(u64).range(16..=1_048_576)
    )]
    audit_size: u64,
}

fn counted() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=1_000_000_000)
}

impl GuardArgs {
    pub(crate) fn quotas(&self) -> Quotas {
        Quotas {
            models: self.most_models,
            bytes: self.most_bytes << 30,
            services: self.most_services,
            operations: self.most_operations,
            computes: self.most_computes,
        }
    }

    pub(crate) fn throttling(&self) -> Option<Throttling> {
        let rates = Throttling {
            arm_reads: self.arm_reads,
            arm_writes: self.arm_writes,
            arm_deletes: self.arm_deletes,
            data_reads: self.data_reads,
            data_writes: self.data_writes,
        };
        (!self.no_throttle).then_some(rates)
    }

    pub(crate) fn audit(&self) -> AuditSettings {
        AuditSettings {
            retention: Duration::from_secs(self.audit_days * DAY),
            most_bytes: self.audit_size << 20,
        }
    }
}
