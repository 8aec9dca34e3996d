//! What can be typed.

use clap::Subcommand;

use crate::{
    audit::AuditArgs, cluster::ClusterArgs, doctor::DoctorArgs, env::EnvArgs, exec::ExecArgs,
    keys::KeysArgs, principal::PrincipalArgs, replicas::ReplicasArgs,
};

/// The commands of a person's shell.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the variables that point the SDK at Wharf
    Env(EnvArgs),
    /// Run a program with the variables of `wharf env`
    Exec(ExecArgs),
    /// Find out what is missing on this machine, and what to do about it
    Doctor(DoctorArgs),
    /// Tell Wharf of Kubernetes clusters, and look at those that it knows
    Cluster(ClusterArgs),
    /// List or end the replicas of a data directory, also without a server
    Replicas(ReplicasArgs),
    /// Say who else may sign in, and what they may do
    Principal(PrincipalArgs),
    /// Print who did what
    Audit(AuditArgs),
    /// Replace the key that signs tokens
    Keys(KeysArgs),
    /// Print the version
    Version,
}
