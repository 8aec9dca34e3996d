//! Catalogues that an operator gives instead of the built-in ones.

use std::{fs::File, io::Read as _, path::Path};

use wharf_core::{
    catalogue::Catalogue,
    finding::{Finding, Findings},
};
use wharf_wire::catalogue;

use crate::{config::ServerArgs, error::StartError};

/// Longest file that is read; what a region of Azure offers has some 200 KiB.
const LONGEST_FILE: u64 = 4 << 20;

/// What clusters are made of, by the settings.
pub(crate) fn read(args: &ServerArgs) -> Result<Catalogue, StartError> {
    let mut found = Catalogue::default();
    if let Some(path) = &args.vm_sizes {
        let option = "--vm-sizes";
        found.sizes = catalogue::vm_sizes(&text(option, path)?)
            .map_err(|faults| faulty(option, path, &faults))?;
    }
    if let Some(path) = &args.kubernetes_versions {
        let option = "--kubernetes-versions";
        found.versions = catalogue::kubernetes_versions(&text(option, path)?)
            .map_err(|faults| faulty(option, path, &faults))?;
    }
    Ok(found)
}

fn text(option: &'static str, path: &Path) -> Result<String, StartError> {
    let mut text = String::new();
    let read = File::open(path)
        .and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text))
        .map_err(|error| refused(option, path, &error))?;
    if u64::try_from(read).is_ok_and(|read| read > LONGEST_FILE) {
        let why = format!("has more than {LONGEST_FILE} bytes");
        return Err(refused(option, path, &why));
    }
    Ok(text)
}

fn refused(option: &'static str, path: &Path, why: &dyn std::fmt::Display) -> StartError {
    StartError::Setting {
        option,
        why: format!("{}: {why}", path.display()),
    }
}

fn faulty(option: &'static str, path: &Path, faults: &[Finding]) -> StartError {
    refused(option, path, &Findings(faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The JSON blocks of the page that describes the files.
    fn examples() -> Vec<&'static str> {
        let page = include_str!("../../../docs/reference/catalogues.md");
        let blocks = page.split("```json\n").skip(1);
        blocks.filter_map(|rest| rest.split("```").next()).collect()
    }

    #[test]
    fn the_examples_of_the_page_are_good() {
        let examples = examples();
        let [sizes, versions] = examples.as_slice() else {
            panic!("{} examples", examples.len());
        };
        let sizes = catalogue::vm_sizes(sizes).expect("good");
        assert_eq!(
            sizes.find("own_gpu_box").expect("a size of the page").gpus,
            2
        );
        let versions = catalogue::kubernetes_versions(versions).expect("good");
        assert_eq!(versions.default_version().to_string(), "1.34.4");
        assert_eq!(
            versions.supported_text(),
            "1.36 (preview), 1.35, 1.34, 1.33"
        );
    }
}
