//! Registered environments: not kept yet. A deployment carries its whole
//! environment, and that is what runs.

use wharf_core::{Error, workspace::Caller};

use crate::{answer::Answered, call::Call};

fn unsupported() -> Error {
    Error::Unsupported {
        what: "registered environments are not supported yet; give the environment to \
               InferenceConfig, which sends it with the deployment"
            .to_owned(),
    }
}

async fn refuse(call: &Call, caller: &Caller) -> Answered {
    call.app().workspace_get(caller, &call.workspace()).await?;
    Err(unsupported().into())
}

/// All environments.
pub(super) async fn list(call: Call, caller: Caller) -> Answered {
    refuse(&call, &caller).await
}

/// One environment.
pub(super) async fn get(call: Call, caller: Caller) -> Answered {
    refuse(&call, &caller).await
}

/// Registers an environment.
pub(super) async fn put(call: Call, caller: Caller) -> Answered {
    refuse(&call, &caller).await
}
