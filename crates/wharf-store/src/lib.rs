//! What is remembered: rows in SQLite, blobs and logs in files.
//!
//! ```text
//!  use cases ──read()──▶ pool of read-only connections ─┐
//!      │                                                ├──▶ wharf.db (WAL)
//!      └──write(job)──▶ queue ──▶ one writer ───────────┘
//!                                   BEGIN; job, job, job; COMMIT; answer all
//! ```
//!
//! - [`store`]: opening, reading, and the one writer with group commit
//! - one file per noun, each with its reads ([`Session`]) and writes ([`Txn`]); [`group_page`]: pages
//!   of what lies in resource groups
//! - [`blobs`]: bytes by their digest, and bytes of [`blocks`]; [`operation_logs`]: lines by operation;
//!   [`audit_log`]: who did what
//! - [`check`]: whether all of it still holds
//! - [`fault`]: where tests end the process
//! - [`seal`]: fields that must not be readable in the file

pub mod artifacts;
pub mod audit_log;
mod blob_files;
mod blob_names;
pub mod blobs;
pub mod blocks;
pub mod check;
pub mod compute_tls;
pub mod computes;
#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod damage_tests;
pub mod endpoint_terms;
pub mod endpoints;
pub mod environments;
pub mod error;
mod fault;
mod group_page;
pub mod managed_clusters;
pub mod meta;
pub mod model_terms;
pub mod models;
pub mod operation_logs;
pub mod operations;
#[cfg(test)]
mod plan_tests;
pub mod principals;
mod row;
pub mod seal;
pub mod session;
pub mod store;
pub mod template_deployments;
#[cfg(test)]
mod tests;
pub mod usage;
mod version;
pub mod workspaces;
mod writer;
#[cfg(test)]
mod writer_tests;

pub use audit_log::{AuditLog, AuditPage, AuditSettings};
pub use blobs::{BlobStore, BlobWriter, StoredBlob, StoredBlock};
pub use compute_tls::StoredLabel;
pub use error::StoreError;
pub use fault::FAULT_POINTS;
pub use model_terms::ModelFilter;
pub use operation_logs::OperationLogs;
pub use seal::SealKey;
pub use session::{Session, Txn};
pub use store::Store;
