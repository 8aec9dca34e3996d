//! The local cluster: replicas are child processes of this machine.
//!
//! They live on when this server dies and are adopted when it comes back, so all
//! that is known of them is on disk before it happens. Per workload there is
//! `ROOT/KEY/` with the application folder and one folder for each replica:
//!
//! - [`backend`]: the way in; what a cluster has to do
//! - [`adoption`]: what a start finds on disk and among the processes
//! - [`workload`]: how many replicas a workload has
//! - [`replica`]: the life of one replica, from start to restart to end
//! - [`strays`]: what a replica left behind
//! - [`process`], [`probe`], [`config`], [`logs`]: its process, its health, what it
//!   is told, what it said; [`allotment`]: what it is told to take of the machine
//! - [`stage`], [`archive`]: the application folder
//! - [`fault`]: where tests end the process
//! - [`marker`], [`files`], [`stored`]: who owns the cluster; what lies where and in
//!   which form

mod adoption;
mod allotment;
mod archive;
mod backend;
mod config;
mod fault;
mod files;
mod logs;
mod marker;
mod preflight;
mod probe;
mod process;
mod replica;
mod sockets;
mod stage;
mod stored;
mod strays;
mod workload;

pub use self::{
    archive::{
        ArchiveError, ArchiveSummary, LONGEST_PATH, MOST_BYTES, MOST_ENTRIES, check_archive,
    },
    backend::{LocalBackend, LocalSettings},
    fault::FAULT_POINTS,
};
pub(crate) use self::{
    marker::cluster_folder,
    process::{boot_id, kill_group},
};
