//! Sign-in: who asks, and how they get a token.
//!
//! - [`bearer`]: the token of a request, and the challenge when it is not good
//! - [`errors`]: OAuth's shape of a refusal

pub(crate) mod bearer;
pub(crate) mod errors;
