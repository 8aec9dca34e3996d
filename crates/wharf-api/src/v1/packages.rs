//! Packages and profiles: container images are not made here. What would make one is
//! refused with what to do instead.

use wharf_core::{Error, workspace::Caller};

use crate::{answer::Answered, call::Call};

async fn refuse(call: &Call, caller: &Caller, what: &str) -> Answered {
    call.app().workspace_get(caller, &call.workspace()).await?;
    let what = what.to_owned();
    Err(Error::Unsupported { what }.into())
}

/// A package of models (`Model.package`).
pub(super) async fn package(call: Call, caller: Caller) -> Answered {
    let what = "packages (images or Dockerfiles of models) are not made here: deploy with \
                Model.deploy, or download the model with model.download and build the image \
                yourself";
    refuse(&call, &caller, what).await
}

/// A profile of models (`Model.profile`).
pub(super) async fn profile(call: Call, caller: Caller) -> Answered {
    let what = "profiles of models are not made here: deploy with the CPU and memory that you \
                expect and measure calls of the service";
    refuse(&call, &caller, what).await
}
