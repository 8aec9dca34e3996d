//! What can be told about a template before it is written down.

use wharf_core::{
    backend::{BackendError, ContentSource},
    deployment::Template,
    digest::Digest,
    finding::Finding,
    quote::Quoted,
};

use super::archive::list_archive;

/// Where a service names its entry script (the SDK sets it).
const ENTRY_SCRIPT: &str = "AZUREML_ENTRY_SCRIPT";
const ENTRY_SCRIPT_FIELD: &str =
    "environmentImageRequest.environment.environmentVariables.AZUREML_ENTRY_SCRIPT";
/// Names of an archive's top that a message lists.
const MOST_NAMES: usize = 8;

/// Every broken rule. Reads each archive to its end: use it off the async threads.
pub(super) fn preflight(
    template: &Template,
    content: &dyn ContentSource,
) -> Result<Vec<Finding>, BackendError> {
    let mut findings = Vec::new();
    for model in template.models.iter().filter(|model| model.unpack) {
        for file in &model.files {
            if let Some(reason) = refusal(&file.digest, content, |_, _| {})? {
                findings.push(Finding::new(
                    "environmentImageRequest.modelIds",
                    format!("the archive of model `{}` is refused: {reason}", model.id),
                ));
            }
        }
    }
    let mut sources = Sources::of(template);
    for file in template.code.iter().filter(|file| file.unpack) {
        if let Some(reason) = refusal(&file.digest, content, |path, is_dir| {
            sources.add(path, is_dir);
        })? {
            findings.push(Finding::new(
                "environmentImageRequest.assets",
                format!("the archive of asset `{}` is refused: {reason}", file.name),
            ));
            // What it holds is not known to its end.
            sources.script = None;
        }
    }
    findings.extend(sources.missing_script());
    Ok(findings)
}

/// What the archives of a service's code hold, as far as its entry script goes.
struct Sources<'a> {
    /// The script to be found; `None` when it is there, or when nobody can tell.
    script: Option<&'a str>,
    /// The first names at the top, folders with a slash.
    top: Vec<String>,
    /// A file of the script's name in another folder.
    elsewhere: Option<String>,
}

impl<'a> Sources<'a> {
    fn of(template: &'a Template) -> Self {
        let code = &template.code;
        let script = template.environment.variables.get(ENTRY_SCRIPT);
        let script = script.map(String::as_str).filter(|script| {
            code.iter().any(|file| file.unpack)
                && !code.iter().any(|file| !file.unpack && file.name == *script)
        });
        Self {
            script,
            top: Vec::new(),
            elsewhere: None,
        }
    }

    fn add(&mut self, path: &str, is_dir: bool) {
        let top = match path.split_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None if is_dir => format!("{path}/"),
            None => path.to_owned(),
        };
        if self.top.len() <= MOST_NAMES && !self.top.contains(&top) {
            self.top.push(top);
        }
        let Some(script) = self.script.filter(|_| !is_dir) else {
            return;
        };
        if path == script {
            self.script = None;
        } else if self.elsewhere.is_none() && path.rsplit('/').next() == script.rsplit('/').next() {
            self.elsewhere = Some(path.to_owned());
        }
    }

    fn missing_script(&self) -> Option<Finding> {
        let script = self.script?;
        let shown: Vec<_> = self
            .top
            .iter()
            .take(MOST_NAMES)
            .map(|name| Quoted(name).to_string())
            .collect();
        let more = if self.top.len() > MOST_NAMES {
            ", …"
        } else {
            ""
        };
        let mut message = format!(
            "{} is not in the source directory, which has at its top: {}{more}",
            Quoted(script),
            shown.join(", ")
        );
        if let Some(path) = &self.elsewhere {
            message.push_str(&format!("; is {} meant?", Quoted(path)));
        }
        Some(Finding::new(ENTRY_SCRIPT_FIELD, message))
    }
}

/// Why an archive is refused; what it holds goes to `each`.
fn refusal(
    digest: &Digest,
    content: &dyn ContentSource,
    each: impl FnMut(&str, bool),
) -> Result<Option<String>, BackendError> {
    let reader = content.open(digest).map_err(|error| {
        BackendError::Unavailable(format!("cannot read the content {digest}: {error}"))
    })?;
    Ok(match list_archive(reader, each) {
        Ok(summary) if summary.entries == 0 => Some("it is empty".to_owned()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    })
}
