//! Azure's spellings stay in `wharf-wire`: in other crates no member of a JSON
//! object carries an Azure name, and serde renames nothing to camel case.
//!
//! The field that a finding names is text for people, not a member, and is free.

use crate::{finding::Finding, workspace::TextFile};

/// Files that write a format which is neither Azure's nor ours to choose, or
/// ours and spelled that way on purpose, each with the reason.
const OWN_FORMATS: &[(&str, &str)] = &[];

/// Serde's spellings that turn our names into Azure's.
const RENAMES: &[&str] = &["camelCase", "PascalCase"];

/// Members of Azure's bodies that nobody else would name so.
const MEMBERS: &[&str] = &[
    "aadAuthEnabled",
    "agentCount",
    "agentPoolProfiles",
    "agentVmSize",
    "aksNetworkingConfiguration",
    "appInsightsEnabled",
    "artifactContentInformation",
    "authEnabled",
    "autoScaler",
    "clusterFqdn",
    "clusterPurpose",
    "computeName",
    "computeType",
    "containerResourceRequirements",
    "contentUri",
    "createRequest",
    "dataCollection",
    "discoveryUrl",
    "driverProgram",
    "environmentImageRequest",
    "isAttachedCompute",
    "kvTags",
    "leafDomainLabel",
    "livenessProbeRequirements",
    "loadBalancerSubnet",
    "loadBalancerType",
    "loginEndpoint",
    "maxConcurrentRequestsPerContainer",
    "maxQueueWaitMs",
    "nextLink",
    "numReplicas",
    "operationLog",
    "primaryKey",
    "provisioningErrors",
    "provisioningState",
    "resourceManager",
    "scoringTimeoutMs",
    "scoringUri",
    "secondaryKey",
    "sslConfiguration",
    "systemServices",
    "vmSize",
];

pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let binds = file.is_rust()
        && !file.is_test()
        && file.crate_name().is_some_and(|name| name != "wharf-wire")
        && !OWN_FORMATS.iter().any(|(path, _)| *path == file.path);
    if !binds {
        return Vec::new();
    }
    // Tests inside a module stand at its end, by habit.
    file.lines()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter_map(|(number, line)| {
            let name = renamed(line).or_else(|| member(line))?;
            Some(Finding::new(
                &file.path,
                number,
                format!(
                    "`{name}` is Azure's spelling; put the shape into wharf-wire and convert there"
                ),
            ))
        })
        .collect()
}

/// `rename_all = "camelCase"`, `rename = "someName"`.
fn renamed(line: &str) -> Option<&str> {
    let at = line.find("rename")?;
    let value = line[at..].split_once("= \"")?.1.split('"').next()?;
    let is_spelling = RENAMES.contains(&value)
        || MEMBERS.contains(&value)
        || value.starts_with("properties.")
        || is_camel(value);
    is_spelling.then_some(value)
}

/// A camel-case name such as `tenantId`.
fn is_camel(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_lowercase())
        && value.chars().any(|c| c.is_ascii_uppercase())
        && value.chars().all(|c| c.is_ascii_alphanumeric())
}

/// `"provisioningState": …` and `["provisioningState"]`.
fn member(line: &str) -> Option<&'static str> {
    MEMBERS.iter().copied().find(|name| {
        let quoted = format!("\"{name}\"");
        line.match_indices(&quoted).any(|(at, _)| {
            let after = line[at + quoted.len()..].trim_start();
            let before = line[..at].trim_end();
            (after.starts_with(':') && !after.starts_with("::"))
                || (before.ends_with('[') && after.starts_with(']'))
                || before.ends_with("get(")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    fn found(path: &str, text: &str) -> usize {
        check(&sample(path, text)).len()
    }

    #[test]
    fn renames_outside_wire_fail() {
        let text = "//! A.\n#[serde(rename_all = \"camelCase\")]\n";
        assert_eq!(found("crates/wharf-api/src/v1/a.rs", text), 1);
        assert_eq!(found("crates/wharf-wire/src/v1/a.rs", text), 0);
        assert_eq!(
            found(
                "crates/wharf-core/src/a.rs",
                "#[serde(rename = \"tenantId\")]\n"
            ),
            1
        );
        assert_eq!(
            found(
                "crates/wharf-core/src/a.rs",
                "#[serde(rename_all = \"lowercase\")]\n"
            ),
            0
        );
    }

    #[test]
    fn members_outside_wire_fail() {
        assert_eq!(
            found(
                "crates/wharf-api/src/a.rs",
                "json!({ \"scoringUri\": uri })\n"
            ),
            1
        );
        assert_eq!(
            found("crates/wharf-api/src/a.rs", "body[\"kvTags\"].clone()\n"),
            1
        );
        assert_eq!(
            found("crates/wharf-api/src/a.rs", "body.get(\"kvTags\")\n"),
            1
        );
    }

    #[test]
    fn the_field_of_a_finding_is_free() {
        assert_eq!(
            found(
                "crates/wharf-core/src/a.rs",
                "refuse(\"numReplicas\", \"…\")\n"
            ),
            0
        );
    }

    #[test]
    fn tests_are_free() {
        let text =
            "fn a() {}\n#[cfg(test)]\nmod tests { const A: &str = r#\"{\"kvTags\": {}}\"#; }\n";
        assert_eq!(found("crates/wharf-core/src/a.rs", text), 0);
        assert_eq!(found("crates/wharf/tests/it/a.rs", "body[\"kvTags\"]\n"), 0);
    }
}
