//! Where everything is: the document that clients read before they sign in.

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// `GET /metadata/endpoints`.
pub(crate) async fn endpoints(call: Call) -> Answered {
    answer::ok(&call.public_url())
}
