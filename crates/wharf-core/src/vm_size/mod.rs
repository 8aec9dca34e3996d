//! Sizes of virtual machines, as far as the rules need them: cores, memory, GPUs.
//!
//! - here: the catalogue; [`near`]: names that somebody may have meant
//! - [`builtin`]: the catalogue when no other is given

mod builtin;
mod near;

use std::collections::HashMap;

use crate::{finding::Finding, quote::Quoted};

/// A machine size under the name that Azure gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmSize {
    /// For example `Standard_D3_v2`.
    pub name: String,
    /// Virtual cores.
    pub cores: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// GPUs.
    pub gpus: u32,
}

/// The size of nodes when a request names none (the SDK documents it as default).
pub const DEFAULT: &str = "Standard_D3_v2";
/// Most sizes of a catalogue; a region of Azure has some 900.
pub const MOST_SIZES: usize = 5_000;
/// Most characters of a size's name; Azure's longest has some 30.
const LONGEST_NAME: usize = 64;
/// Most names that a refusal proposes.
const MOST_NEAR: usize = 3;

/// Sizes by their names, which compare without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmSizes {
    sizes: Vec<VmSize>,
    by_key: HashMap<String, usize>,
}

impl VmSizes {
    /// The sizes that Wharf brings along.
    pub fn builtin() -> Self {
        let size = |&(name, cores, memory_mib, gpus): &builtin::Row| VmSize {
            name: name.to_owned(),
            cores,
            memory_mib,
            gpus,
        };
        Self::indexed(builtin::SIZES.iter().map(size).collect())
    }

    /// A catalogue of `sizes`.
    ///
    /// # Errors
    /// Every broken rule, with the place in the list as its field.
    pub fn new(sizes: Vec<VmSize>) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        if sizes.len() > MOST_SIZES {
            let message = format!("has {} sizes; at most {MOST_SIZES} are read", sizes.len());
            return Err(vec![Finding::new("", message)]);
        }
        let mut seen = HashMap::new();
        for (index, size) in sizes.iter().enumerate() {
            let mut refuse = |field: &str, message: String| {
                findings.push(Finding::new(format!("[{index}].{field}"), message));
            };
            let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            let name = &size.name;
            if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_good) {
                refuse(
                    "name",
                    format!(
                        "{} must be 1 to {LONGEST_NAME} letters, digits, `_`, `-` and `.`",
                        Quoted(name)
                    ),
                );
            }
            if let Some(first) = seen.insert(name.to_ascii_lowercase(), index) {
                refuse("name", format!("{} is in [{first}] too", Quoted(name)));
            }
            if size.cores == 0 {
                refuse("numberOfCores", "must be at least 1".to_owned());
            }
            if size.memory_mib == 0 {
                refuse("memoryInMB", "must be at least 1".to_owned());
            }
        }
        if !seen.contains_key(&DEFAULT.to_ascii_lowercase()) {
            findings.push(Finding::new(
                "",
                format!("has no `{DEFAULT}`, the size of nodes when a request names none; add it"),
            ));
        }
        if findings.is_empty() {
            Ok(Self::indexed(sizes))
        } else {
            Err(findings)
        }
    }

    fn indexed(sizes: Vec<VmSize>) -> Self {
        let keys = sizes.iter().map(|size| size.name.to_ascii_lowercase());
        let by_key = keys.enumerate().map(|(index, key)| (key, index)).collect();
        Self { sizes, by_key }
    }

    /// Finds a size by its name, without regard to case.
    pub fn find(&self, name: &str) -> Option<&VmSize> {
        let index = self.by_key.get(&name.to_ascii_lowercase())?;
        self.sizes.get(*index)
    }

    /// The refusal of a name that no size has, with names that may be meant.
    pub fn refusal(&self, name: &str) -> String {
        let near = near::names(&self.sizes, name, MOST_NEAR);
        let proposal = match near.as_slice() {
            [] => format!("a common one is `{DEFAULT}`"),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        format!(
            "{} is not a size in the catalogue; {proposal}",
            Quoted(name)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(name: &str, cores: u32) -> VmSize {
        VmSize {
            name: name.to_owned(),
            cores,
            memory_mib: 1,
            gpus: 0,
        }
    }

    #[test]
    fn what_is_built_in_is_a_good_catalogue() {
        let builtin = VmSizes::builtin();
        assert_eq!(VmSizes::new(builtin.sizes.clone()), Ok(builtin.clone()));
        let found = builtin.find("STANDARD_d3_V2").expect("the default");
        assert_eq!(
            (found.name.as_str(), found.cores, found.memory_mib),
            (DEFAULT, 4, 14 * 1024)
        );
        let gpus = |name: &str| builtin.find(name).expect(name).gpus;
        assert_eq!(gpus("Standard_NC6"), 1);
        assert_eq!(gpus("standard_nc24s_v3"), 4);
        assert_eq!(gpus("Standard_ND96asr_v4"), 8);
        assert_eq!(builtin.find("Standard_D3"), None);
    }

    #[test]
    fn every_fault_of_a_catalogue_has_its_place() {
        let faults = VmSizes::new(vec![
            size("a", 1),
            size("A", 0),
            size("", 1),
            size(&"x".repeat(65), 1),
        ])
        .expect_err("much is wrong");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            ["[1].name", "[1].numberOfCores", "[2].name", "[3].name", ""]
        );
        assert!(faults[4].message.contains(DEFAULT), "{faults:?}");
    }

    #[test]
    fn a_refusal_proposes_what_may_be_meant() {
        let sizes = VmSizes::builtin();
        for (name, proposal) in [
            ("Standard_D3_v22", "did you mean `Standard_D3_v2`"),
            ("Standard_D3", "`Standard_D3_v2`"),
            ("D3_v2", "did you mean `Standard_D3_v2`"),
            ("standard_nc6_v3", "`Standard_NC6s_v3`"),
            ("mainframe", "a common one is `Standard_D3_v2`"),
        ] {
            let text = sizes.refusal(name);
            assert!(text.contains(proposal), "{text}");
        }
        let long = "Standard_D".repeat(1_000);
        assert!(sizes.refusal(&long).contains("a common one"));
    }
}
