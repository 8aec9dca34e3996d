//! What things are: names, specs, states and the pure decisions about them.
//!
//! No I/O lives here, no clock and no spelling of Azure's. Whatever can be tested
//! without touching the world belongs here; the crates above bring the world.
//!
//! - names and ids: [`name`], [`resource_id`], [`digest`], [`secret`]
//! - desired state and its end: [`resource`], [`operation`], [`error`]
//! - what a refusal says: [`finding`], [`quote`]
//! - the nouns: [`workspace`], [`template_deployment`], [`managed_cluster`], [`compute`], [`model`],
//!   [`environment`], [`endpoint`], [`endpoint_request`], [`deployment`],
//!   [`built_in_script`], [`version`], [`kubeconfig`]
//! - what fits where: [`capacity`]; who gets which requests: [`traffic`]; who may do
//!   what: [`access`], how often: [`bucket`], how much: [`mod@quota`], and who did:
//!   [`audit`]
//! - what routers read: [`route`], [`keys`], [`token`], [`scaling`]; how many may come: [`room`]
//! - names and certificates of computes: [`tls`]
//! - what others implement: [`backend`], [`clock`]
//! - what clusters are made of: [`catalogue`] of [`vm_size`] and
//!   [`kubernetes_version`]; [`network`], [`limits`]
//! - where tests end a process: [`fault`]

pub mod access;
pub mod audit;
pub mod backend;
pub mod bucket;
pub mod built_in_script;
pub mod capacity;
pub mod catalogue;
pub mod clock;
pub mod compute;
pub mod deployment;
pub mod digest;
pub mod endpoint;
pub mod endpoint_request;
pub mod environment;
pub mod error;
pub mod fault;
pub mod finding;
pub mod keys;
pub mod kubeconfig;
pub mod kubernetes_version;
pub mod limits;
pub mod managed_cluster;
pub mod model;
pub mod name;
pub mod network;
pub mod operation;
pub mod quota;
pub mod quote;
pub mod resource;
pub mod resource_id;
pub mod room;
pub mod route;
pub mod scaling;
pub mod secret;
pub mod template_deployment;
pub mod tls;
pub mod token;
pub mod traffic;
pub mod version;
pub mod vm_size;
pub mod workspace;

pub use error::{Error, Kind, Result};
pub use secret::Secret;
