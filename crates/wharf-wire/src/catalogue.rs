//! Catalogues in files, as `az vm list-sizes -o json` and `az aks get-versions -o
//! json` print them.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};
use wharf_core::{
    finding::Finding,
    kubernetes_version::{KubernetesVersion, KubernetesVersions, OfferedVersion},
    quote::Quoted,
    vm_size::{VmSize, VmSizes},
};

/// A size. What `az` prints of disks is taken and not used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SizeRow {
    name: String,
    number_of_cores: u32,
    #[serde(rename = "memoryInMB", alias = "memoryInMb")]
    memory_in_mb: u32,
    /// `az` does not print it: without it a size has what the built-in one has.
    number_of_gpus: Option<u32>,
    #[serde(rename = "maxDataDiskCount")]
    _disks: Option<IgnoredAny>,
    #[serde(rename = "osDiskSizeInMB", alias = "osDiskSizeInMb")]
    _system_disk: Option<IgnoredAny>,
    #[serde(rename = "resourceDiskSizeInMB", alias = "resourceDiskSizeInMb")]
    _scratch_disk: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionFile {
    values: Vec<MinorRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MinorRow {
    version: String,
    is_default: Option<bool>,
    is_preview: Option<bool>,
    patch_versions: BTreeMap<String, PatchRow>,
    #[serde(rename = "capabilities")]
    _capabilities: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchRow {
    upgrades: Option<Vec<String>>,
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Finding>> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        vec![Finding::new(place, message)]
    })
}

/// Reads a catalogue of sizes: a list of `{"name", "numberOfCores", "memoryInMB",
/// "numberOfGpus"?}`.
///
/// # Errors
/// The first place that is no such list, or every broken rule with its place.
pub fn vm_sizes(text: &str) -> Result<VmSizes, Vec<Finding>> {
    let rows: Vec<SizeRow> = read(text)?;
    let builtin = VmSizes::builtin();
    let size = |row: SizeRow| VmSize {
        gpus: row
            .number_of_gpus
            .or_else(|| builtin.find(&row.name).map(|known| known.gpus))
            .unwrap_or(0),
        name: row.name,
        cores: row.number_of_cores,
        memory_mib: row.memory_in_mb,
    };
    VmSizes::new(rows.into_iter().map(size).collect())
}

/// Reads a catalogue of Kubernetes versions: `{"values": [{"version", "isDefault"?,
/// "isPreview"?, "patchVersions": {PATCH: {"upgrades"?}}}]}`. The newest patch of the
/// default minor is what new clusters get.
///
/// # Errors
/// The first place that has another shape, or every broken rule with its place.
pub fn kubernetes_versions(text: &str) -> Result<KubernetesVersions, Vec<Finding>> {
    let file: VersionFile = read(text)?;
    let mut findings = Vec::new();
    let mut offered = Vec::new();
    for (index, minor) in file.values.into_iter().enumerate() {
        let mut version = |place: String, text: &str| {
            text.parse::<KubernetesVersion>()
                .map_err(|error| {
                    let message = format!("{} {error}", Quoted(text));
                    findings.push(Finding::new(place, message));
                })
                .ok()
        };
        let place = format!("values[{index}].patchVersions");
        let mut patches = Vec::new();
        for (text, patch) in &minor.patch_versions {
            let found = version(place.clone(), text);
            let upgrades = patch.upgrades.as_ref().map(|upgrades| {
                let place = format!("{place}.{text}.upgrades");
                let read = upgrades.iter();
                read.filter_map(|to| version(place.clone(), to)).collect()
            });
            patches.extend(found.map(|version| (version, upgrades)));
        }
        let is_of_minor = |it: &KubernetesVersion| format!("{}.{}", it.major, it.minor);
        for (version, _) in &patches {
            if is_of_minor(version) != minor.version {
                let message = format!("`{version}` is no patch of {}", Quoted(&minor.version));
                findings.push(Finding::new(place.clone(), message));
            }
        }
        let newest = patches.iter().map(|(version, _)| *version).max();
        if minor.patch_versions.is_empty() {
            findings.push(Finding::new(place, "has no patch"));
        }
        offered.extend(
            patches
                .into_iter()
                .map(|(version, upgrades)| OfferedVersion {
                    version,
                    is_default: minor.is_default == Some(true) && Some(version) == newest,
                    is_preview: minor.is_preview == Some(true),
                    upgrades,
                }),
        );
    }
    if findings.is_empty() {
        KubernetesVersions::new(offered)
    } else {
        Err(findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_az_prints_them() {
        let sizes = vm_sizes(
            r#"[
  {"name": "Standard_D3_v2", "numberOfCores": 4, "memoryInMB": 14336, "maxDataDiskCount": 16,
   "osDiskSizeInMB": 1047552, "resourceDiskSizeInMB": 204800},
  {"name": "Standard_NC6", "numberOfCores": 6, "memoryInMB": 57344},
  {"name": "Own_Box", "numberOfCores": 2, "memoryInMB": 8192, "numberOfGpus": 1}
]"#,
        )
        .expect("good");
        let gpus = |name: &str| sizes.find(name).expect(name).gpus;
        assert_eq!(
            (
                gpus("standard_d3_v2"),
                gpus("Standard_NC6"),
                gpus("own_box")
            ),
            (0, 1, 1)
        );
    }

    #[test]
    fn faults_of_sizes_have_lines_or_places() {
        let text = |file: &str| vm_sizes(file).expect_err(file)[0].to_string();
        assert_eq!(
            text("[\n  {\"name\": \"a\"}\n]"),
            "`line 2 column 15`: missing field `numberOfCores`"
        );
        let typo = text("[{\"name\": \"a\",\n\"cores\": 1}]");
        assert!(
            typo.starts_with("`line 2 column 7`: unknown field `cores`"),
            "{typo}"
        );
        let zero = r#"[{"name": "Standard_D3_v2", "numberOfCores": 0, "memoryInMB": 1}]"#;
        assert_eq!(text(zero), "`[0].numberOfCores`: must be at least 1");
    }

    #[test]
    fn versions_are_read_as_az_prints_them() {
        let versions = kubernetes_versions(
            r#"{"values": [
  {"version": "1.30", "isDefault": null, "isPreview": null, "capabilities": {"supportPlan": []},
   "patchVersions": {"1.30.4": {"upgrades": ["1.31.2"]}}},
  {"version": "1.31", "isDefault": true,
   "patchVersions": {"1.31.9": {"upgrades": null}, "1.31.10": {}}},
  {"version": "1.32", "isPreview": true, "patchVersions": {"1.32.0": {"upgrades": []}}}
]}"#,
        )
        .expect("good");
        assert_eq!(versions.default_version().to_string(), "1.31.10");
        let upgrades = |from: &str| {
            let to = versions.upgrades(from.parse().expect("a version"));
            to.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(upgrades("1.30.4"), ["1.31.2"]);
        assert_eq!(upgrades("1.31.9"), ["1.31.10", "1.32.0"]);
    }

    #[test]
    fn faults_of_versions_have_lines_or_places() {
        let faults = kubernetes_versions(
            r#"{"values": [
  {"version": "1.30", "patchVersions": {"1.31.4": {"upgrades": ["next"]}}},
  {"version": "1.31", "patchVersions": {}}
]}"#,
        )
        .expect_err("three faults");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "values[0].patchVersions.1.31.4.upgrades",
                "values[0].patchVersions",
                "values[1].patchVersions"
            ]
        );
        let faults = kubernetes_versions("{\"values\": 3}").expect_err("no list");
        assert_eq!(faults[0].field, "line 1 column 12");
    }
}
