//! Where everything is: the document that clients read before they sign in.

use wharf_wire::arm::metadata::Metadata;

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// `GET /metadata/endpoints`.
pub(crate) async fn endpoints(call: Call) -> Answered {
    let version = call.query("api-version");
    let tenant = call.app().tenant();
    answer::ok(&Metadata::new(
        call.public_url(),
        tenant,
        version.as_deref(),
    ))
}
