//! The variables that point the clients at a server, sign them in and make them
//! trust it. They ran the SDKs, v1 and v2, with scripts that know nothing of Wharf.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::{admin_file::AdminFile, data_dir::DataDir};

/// Where the clients learn the addresses of everything.
pub(crate) const METADATA_URL: &str = "ARM_CLOUD_METADATA_URL";
/// Where they get tokens.
pub(crate) const TOKEN_URL: &str = "MSI_ENDPOINT";
/// What they show for a token.
pub(crate) const TOKEN_SECRET: &str = "MSI_SECRET";
/// The CAs that Python's `ssl` and most other programs trust.
pub(crate) const CA_FILE: &str = "SSL_CERT_FILE";
/// Path of the metadata; the version is the one whose answer is a list.
pub(crate) const METADATA_PATH: &str = "/metadata/endpoints?api-version=2019-05-01";
/// Path of the token endpoint.
pub(crate) const TOKEN_PATH: &str = "/msi/token";

/// Variables, in the order they are printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentBlock {
    variables: Vec<(&'static str, String)>,
    remarks: Vec<String>,
}

impl EnvironmentBlock {
    /// The block for the server of a data directory.
    pub fn new(admin: &AdminFile, dir: &DataDir) -> Self {
        let bundle = dir.ca_bundle().to_string_lossy().into_owned();
        let server = &admin.server_url;
        let variables = vec![
            (METADATA_URL, format!("{server}{METADATA_PATH}")),
            // Not `AzureCloud`: the v2 SDK never lets metadata change that one.
            ("AZUREML_CURRENT_CLOUD", "Wharf".to_owned()),
            // `requests` reads the first, `ssl` and with it `urllib` the second.
            ("REQUESTS_CA_BUNDLE", bundle.clone()),
            (CA_FILE, bundle),
            (TOKEN_URL, format!("{server}{TOKEN_PATH}")),
            (TOKEN_SECRET, admin.client_secret.reveal().to_owned()),
            // Without it the v1 SDK does not show the secret.
            ("APPSETTING_WEBSITE_SITE_NAME", "wharf".to_owned()),
            // The clients keep the metadata in `~/.azure/cloudEndpoints.json` for
            // ever, whatever address it came from, and one `~/.azure` cannot be
            // signed in to Azure and to Wharf at once. So they get a folder of
            // this server's own, and the user's stays as it is. The other lasting
            // cache, `~/.azureml/.discovery`, is keyed by the server's address and
            // the workspace's id, so it needs no such care.
            (
                "AZURE_CONFIG_DIR",
                dir.azure().to_string_lossy().into_owned(),
            ),
            // The v1 SDK's own is 32 s, made for a busy service far away.
            ("AZUREML_DEFAULT_BACKOFF", "1".to_owned()),
        ];
        let config = dir.workspace_config();
        let remarks = vec![format!(
            "The first workspace: Workspace.from_config(path=\"{}\")",
            config.display()
        )];
        Self { variables, remarks }
    }

    /// Names and values.
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// Lines for a POSIX shell.
    pub fn to_shell(&self) -> String {
        let mut text = String::new();
        for remark in &self.remarks {
            let line = remark.replace(['\n', '\r'], " ");
            let _ = writeln!(text, "# {line}");
        }
        for (name, value) in &self.variables {
            let _ = writeln!(text, "export {name}={}", quoted(value));
        }
        text
    }

    /// One JSON object.
    pub fn to_json(&self) -> String {
        let members: Map<String, Value> = self
            .variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
            .collect();
        format!("{:#}\n", Value::from(members))
    }
}

/// A word for a POSIX shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::admin_file::example;

    fn block(root: &str) -> EnvironmentBlock {
        EnvironmentBlock::new(&example(), &DataDir::new(root.into()))
    }

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let block = block("/home/o'neil/a \"b\" $HOME `x` \\\nexit 1 #");
        for (name, value) in block.variables() {
            let script = format!("{}\nprintf %s \"${name}\"", block.to_shell());
            let output = Command::new("sh").arg("-c").arg(script).output();
            let output = output.expect("a shell");
            assert!(output.status.success());
            assert_eq!(String::from_utf8_lossy(&output.stdout), *value, "{name}");
        }
    }

    #[test]
    fn json_has_the_same_variables() {
        let block = block("/data");
        let read: Map<String, Value> = serde_json::from_str(&block.to_json()).expect("JSON");
        assert_eq!(read.len(), block.variables().len());
        for (name, value) in block.variables() {
            assert_eq!(read[*name], *value.as_str());
        }
    }
}
