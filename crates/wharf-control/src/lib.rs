//! What Wharf does: use cases that write what should be, and reconcilers that
//! make it so.
//!
//! ```text
//!  surfaces ──▶ App (use cases) ──▶ store ──▶ reconcile ──▶ Backend, Provider,
//!                    │  signal                    │            EnvironmentBuilder
//!                    └──────────────▶ wake ───────┘──▶ status, operations, routes
//! ```
//!
//! A use case validates everything at once, then writes the spec and an
//! operation in one transaction. Only a reconciler touches a cluster; it takes
//! keys, never changes, and may be killed at any step.
//!
//! - [`app`]: what everything hangs on; [`bootstrap`]: what a first start makes
//! - [`cache`]: reads that need not be repeated
//! - who asks: [`access`], [`token`], [`principals`]; who did: [`audit`]; where: [`places`]
//! - the nouns: [`workspaces`], [`template_deployments`], [`computes`], [`credentials`],
//!   [`managed_clusters`], [`operations`],
//!   [`artifacts`], [`blobs`], [`models`], [`environments`], [`endpoints`]
//! - [`sweep`]: bytes that nothing names any more
//! - `testing` (feature): a whole App over fakes
//! - [`reconcile`]: the loops and their pure decisions; [`routes`]: what routers get

pub mod access;
pub mod app;
pub mod artifacts;
pub mod audit;
pub mod blobs;
pub mod bootstrap;
mod cache;
pub mod computes;
pub mod credentials;
pub mod endpoints;
pub mod environments;
pub mod labels;
pub mod managed_clusters;
pub mod models;
pub mod operations;
pub mod page;
pub mod places;
pub mod principals;
pub mod reconcile;
pub mod routes;
pub mod sas;
mod sweep;
pub mod template_deployments;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod token;
pub mod workspaces;

pub use app::{App, AppSettings};
pub use computes::{MOST_UNHELD_LABELS, TlsAuthority};
pub use page::{Listed, Page, Written};
pub use reconcile::FAULT_POINTS;
