//! What can be told about a template before it is written down.

use wharf_core::{
    backend::{BackendError, ContentSource},
    deployment::Template,
    digest::Digest,
    finding::Finding,
};

use super::archive::check_archive;

/// Every broken rule. Reads each archive to its end: use it off the async threads.
pub(super) fn preflight(
    template: &Template,
    content: &dyn ContentSource,
) -> Result<Vec<Finding>, BackendError> {
    let mut findings = Vec::new();
    if template.resources.gpu > 0 {
        findings.push(Finding::new(
            "containerResourceRequirements.gpu",
            "the local cluster has no GPUs; leave it out or set 0",
        ));
    }
    for model in template.models.iter().filter(|model| model.unpack) {
        for file in &model.files {
            if let Some(reason) = refusal(&file.digest, content)? {
                findings.push(Finding::new(
                    "environmentImageRequest.modelIds",
                    format!("the archive of model `{}` is refused: {reason}", model.id),
                ));
            }
        }
    }
    for file in template.code.iter().filter(|file| file.unpack) {
        if let Some(reason) = refusal(&file.digest, content)? {
            findings.push(Finding::new(
                "environmentImageRequest.assets",
                format!("the archive of asset `{}` is refused: {reason}", file.name),
            ));
        }
    }
    Ok(findings)
}

fn refusal(digest: &Digest, content: &dyn ContentSource) -> Result<Option<String>, BackendError> {
    let reader = content.open(digest).map_err(|error| {
        BackendError::Unavailable(format!("cannot read the content {digest}: {error}"))
    })?;
    Ok(check_archive(reader).err().map(|error| error.to_string()))
}
