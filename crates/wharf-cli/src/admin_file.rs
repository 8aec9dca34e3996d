//! `admin.json`: who the first administrator is, what the first workspace is
//! called, and where the server is. Tools read it, so its members do not change.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use wharf_core::Secret;

use crate::{data_dir::DataDir, error::CliError};

/// The content of `admin.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminFile {
    /// The tenant's id.
    pub tenant_id: String,
    /// The first subscription's id.
    pub subscription_id: String,
    /// The first resource group.
    pub resource_group: String,
    /// The first workspace.
    pub workspace_name: String,
    /// For a client-credentials sign-in.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// `https://HOST:PORT` of the control plane.
    pub server_url: String,
    /// Certificate of the CA that signed the server's.
    pub ca_file: PathBuf,
}

impl AdminFile {
    /// The text of the file.
    pub fn to_json(&self) -> String {
        let value = json!({
            "tenantId": self.tenant_id,
            "subscriptionId": self.subscription_id,
            "resourceGroup": self.resource_group,
            "workspaceName": self.workspace_name,
            "clientId": self.client_id,
            "clientSecret": self.client_secret.reveal(),
            "serverUrl": self.server_url,
            "caFile": self.ca_file.to_string_lossy(),
        });
        format!("{value:#}\n")
    }

    /// Reads the file of a data directory.
    ///
    /// # Errors
    /// When there is none, or it is not what a server wrote.
    pub fn read(dir: &DataDir) -> Result<Self, CliError> {
        let path = dir.admin();
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => CliError::failed(format!(
                "no server was ever ready in {}",
                dir.root().display()
            ))
            .with_hint("start one with `wharf server`, or say where with `--data-dir`"),
            _ => CliError::file("read", &path, &error),
        })?;
        Self::parse(&text).map_err(|why| CliError::file("use", &path, &why))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let members: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let member = |name: &str| match members.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            _ => Err(format!("`{name}` must be a text that is not empty")),
        };
        Ok(Self {
            tenant_id: member("tenantId")?,
            subscription_id: member("subscriptionId")?,
            resource_group: member("resourceGroup")?,
            workspace_name: member("workspaceName")?,
            client_id: member("clientId")?,
            client_secret: Secret::new(member("clientSecret")?),
            server_url: member("serverUrl")?,
            ca_file: PathBuf::from(member("caFile")?),
        })
    }

    /// The text of the `config.json` that `Workspace.from_config` reads.
    pub fn workspace_config(&self) -> String {
        let value = json!({
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "workspace_name": self.workspace_name,
        });
        format!("{value:#}\n")
    }
}

#[cfg(test)]
pub(crate) fn example() -> AdminFile {
    AdminFile {
        tenant_id: "11111111-1111-4111-8111-111111111111".into(),
        subscription_id: "22222222-2222-4222-8222-222222222222".into(),
        resource_group: "wharf".into(),
        workspace_name: "default".into(),
        client_id: "33333333-3333-4333-8333-333333333333".into(),
        client_secret: Secret::new("s3cret's"),
        server_url: "https://localhost:8443".into(),
        ca_file: "/data/tls/ca.pem".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let file = example();
        assert_eq!(AdminFile::parse(&file.to_json()), Ok(file));
    }

    #[test]
    fn a_member_that_is_missing_is_named() {
        let error = AdminFile::parse(r#"{"tenantId": "t"}"#).expect_err("refused");
        assert_eq!(error, "`subscriptionId` must be a text that is not empty");
    }
}
