//! `migrate`: a service goes to another compute.

use serde_json::{Value, json};
use wharf_core::{
    endpoint::Endpoint, endpoint_request::EndpointRequest, finding::Finding, quote::Quoted,
    resource_id::ResourceId,
};

use crate::v1::fields::Fields;

/// Which service, and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct Migration {
    /// The service.
    pub service: String,
    /// The compute.
    pub compute: ResourceId,
}

/// Reads `{"serviceName", "computeTarget"}`; the target is the compute's whole id.
///
/// # Errors
/// Every wrong member at once.
pub fn read_migration(body: &Value) -> std::result::Result<Migration, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fields = Fields::of_body(body, &mut findings);
    let mut text = |name: &str| {
        let text = fields.text(name);
        let place = fields.place(name);
        if text.is_none() && !fields.is_told(&place) {
            fields.refuse(name, "is missing");
        }
        text
    };
    let (service, target) = (text("serviceName"), text("computeTarget"));
    let compute = target.and_then(|target| match target.parse::<ResourceId>() {
        Ok(id) if is_compute(&id) => Some(id),
        _ => {
            fields.refuse(
                "computeTarget",
                format!(
                    "{} must be the id of a compute: /subscriptions/S/resourceGroups/G/providers/\
                     Microsoft.MachineLearningServices/workspaces/W/computes/NAME",
                    Quoted(&target)
                ),
            );
            None
        }
    });
    match (service, compute) {
        (Some(service), Some(compute)) if findings.is_empty() => Ok(Migration { service, compute }),
        _ => Err(findings),
    }
}

fn is_compute(id: &ResourceId) -> bool {
    id.resource_type()
        .eq_ignore_ascii_case("Microsoft.MachineLearningServices/workspaces/computes")
}

/// The service as it is, on another compute.
///
/// # Errors
/// Every rule that a service of an older release breaks.
pub fn moved(
    endpoint: &Endpoint,
    compute: &str,
) -> std::result::Result<EndpointRequest, Vec<Finding>> {
    let mut request = super::update(endpoint, &json!([]))?;
    request.compute_name = Some(compute.to_owned());
    Ok(request)
}
