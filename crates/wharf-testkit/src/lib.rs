//! Test support: stand-ins for what is slow or far away, and the checks that the
//! stand-in and the real thing both have to pass. Never in a release build.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a check in a test ends by panicking"
)]

mod backend_contract;
mod certificates;
mod fake_backend;
mod fake_environments;
mod fake_provider;
mod interference;
mod manual_clock;

pub use backend_contract::{backend_contract, local_cluster, plain_workload};
pub use certificates::{FakeIssuer, own_pair};
pub use fake_backend::{FakeBackend, Start};
pub use fake_environments::{Build, FakeEnvironments};
pub use fake_provider::FakeProvider;
pub use interference::{Interference, Mishap};
pub use manual_clock::ManualClock;
