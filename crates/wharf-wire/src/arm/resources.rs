//! Resources of any type in one list, and the filter that picks among them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_core::{finding::Finding, quote::Quoted, resource_id::ResourceId};

/// What all resources have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenericResource {
    /// Its ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For example `Microsoft.MachineLearningServices/workspaces`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its location.
    pub location: String,
    /// Labels of the user.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl GenericResource {
    /// A resource with `id` at `location`.
    pub fn new(id: &ResourceId, location: &str, tags: &BTreeMap<String, String>) -> Self {
        Self {
            id: id.to_string(),
            name: id.name().to_owned(),
            kind: id.resource_type(),
            location: location.to_owned(),
            tags: tags.clone(),
        }
    }
}

/// `$filter` of a list of resources, as far as the clients use it:
/// `NAME eq 'VALUE'`, joined by `and`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceFilter {
    resource_type: Option<String>,
    /// The only resource group wanted.
    pub resource_group: Option<String>,
    name: Option<String>,
    /// What a name must hold; SDK v1 looks for its log store so.
    part_of_name: Option<String>,
}

impl ResourceFilter {
    /// Reads the text of `$filter`.
    ///
    /// # Errors
    /// A finding that says what can be asked for.
    pub fn parse(text: &str) -> Result<Self, Finding> {
        let mut filter = Self::default();
        for clause in text.split(" and ") {
            if let Some(part) = part_of_name(clause) {
                filter.part_of_name = Some(part);
                continue;
            }
            let Some((name, value)) = clause.split_once(" eq ") else {
                return Err(unknown(clause));
            };
            let value = value.trim();
            let value = value
                .strip_prefix('\'')
                .and_then(|value| value.strip_suffix('\''))
                .ok_or_else(|| unknown(clause))?
                .replace("''", "'");
            let place = match name.trim().to_ascii_lowercase().as_str() {
                "resourcetype" => &mut filter.resource_type,
                "resourcegroup" => &mut filter.resource_group,
                "name" => &mut filter.name,
                _ => return Err(unknown(clause)),
            };
            *place = Some(value);
        }
        Ok(filter)
    }

    /// Whether a resource is wanted, its group aside.
    pub fn wants(&self, resource: &GenericResource) -> bool {
        let is = |wanted: &Option<String>, text: &str| {
            wanted
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(text))
        };
        let has_part = self.part_of_name.as_deref().is_none_or(|part| {
            let name = resource.name.to_lowercase();
            name.contains(&part.to_lowercase())
        });
        is(&self.resource_type, &resource.kind) && is(&self.name, &resource.name) && has_part
    }

    /// Whether resources of type `kind` can be wanted at all.
    pub fn wants_type(&self, kind: &str) -> bool {
        let wanted = self.resource_type.as_deref();
        wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind))
    }
}

/// The text of `substringof('TEXT', name)`.
fn part_of_name(clause: &str) -> Option<String> {
    let arguments = clause.trim().strip_prefix("substringof(")?;
    let (text, name) = arguments.strip_suffix(')')?.rsplit_once(',')?;
    let text = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    (name.trim() == "name").then(|| text.replace("''", "'"))
}

fn unknown(clause: &str) -> Finding {
    Finding::new(
        "$filter",
        format!(
            "{} is not understood; write `resourceType eq '…'`, `resourceGroup eq '…'` or \
             `name eq '…'`, joined by ` and `",
            Quoted(clause)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_of_the_clients() {
        let filter = ResourceFilter::parse(
            "resourceType eq 'microsoft.machinelearningservices/workspaces' and name eq 'it''s'",
        )
        .expect("a filter");
        let resource = |name: &str| GenericResource {
            id: String::new(),
            name: name.to_owned(),
            kind: "Microsoft.MachineLearningServices/workspaces".to_owned(),
            location: String::new(),
            tags: BTreeMap::new(),
        };
        assert!(filter.wants(&resource("It's")));
        assert!(!filter.wants(&resource("its")));
        let filter = ResourceFilter::parse("resourceGroup eq 'rg'").expect("a filter");
        assert_eq!(filter.resource_group.as_deref(), Some("rg"));
        assert!(filter.wants_type("anything"));
        let filter = ResourceFilter::parse("substringof('DefaultWorkspace-x',name)");
        let filter = filter.expect("a filter");
        assert!(filter.wants(&resource("the defaultworkspace-x")));
        assert!(!filter.wants(&resource("another")));
        for bad in ["", "x", "location eq 'x'", "name eq x", "name ne 'x'"] {
            let finding = ResourceFilter::parse(bad).expect_err("no filter");
            assert_eq!(finding.field, "$filter", "{bad}");
        }
    }
}
