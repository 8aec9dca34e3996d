//! Images of the v1 SDK's older way to deploy: there are none, and it is said how
//! to do without.

use serde_json::{Value, json};

/// What to do instead of making an image.
pub const INSTEAD: &str = "images are not supported: the packages of an environment are installed \
     where the model runs. Deploy with `Model.deploy(workspace, name, models, \
     InferenceConfig(entry_script=…, environment=…), deployment_config, target)`";

/// The list of images.
pub fn none() -> Value {
    json!({"value": []})
}
