//! Sign-in: who asks, and how they get a token.
//!
//! - [`bearer`]: the token of a request, and the challenge when it is not good
//! - [`authority`]: OAuth 2 under `/adfs`
//! - [`identity`]: the token endpoint of a managed identity
//! - [`basic`]: names and secrets in an `Authorization` header
//! - [`errors`]: OAuth's shape of a refusal

pub(crate) mod authority;
mod basic;
pub(crate) mod bearer;
pub(crate) mod errors;
pub(crate) mod identity;
