//! Template deployments, `Microsoft.Resources/deployments`.
//!
//! - [`lenient`]: the body, which is not always JSON
//! - [`template`]: from a body to what is to be made; [`parameters`]: its values;
//!   [`expression`]: `[…]` in its texts
//! - [`document`]: what answers say

mod document;
mod expression;
mod lenient;
mod parameters;
mod template;

pub use document::{Deployment, DeploymentOperation};
pub use lenient::parse as parse_body;
pub use template::{GroupScope, parse};
