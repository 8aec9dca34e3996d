//! Which server a command talks to, and as whom.

use std::path::PathBuf;

use wharf_core::Secret;

use crate::{
    admin_file::AdminFile,
    data_dir::HomeArgs,
    environment::{CA_FILE, METADATA_PATH, METADATA_URL, TOKEN_PATH, TOKEN_SECRET, TOKEN_URL},
    error::CliError,
};

/// A server and how to sign in to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// `https://HOST:PORT`.
    pub(crate) server_url: String,
    /// Gives tokens.
    pub(crate) token_url: String,
    pub(crate) secret: Secret,
    /// CAs to trust; the system's when there is none.
    pub(crate) ca_file: Option<PathBuf>,
    /// Known from a data directory alone.
    pub(crate) subscription: Option<String>,
    pub(crate) resource_group: Option<String>,
}

impl Session {
    /// A data directory that was named comes first, then the variables that
    /// `wharf env` sets, then the usual data directory.
    ///
    /// # Errors
    /// When there is neither.
    pub(crate) fn find(home: &HomeArgs) -> Result<Self, CliError> {
        if home.data_dir.is_none()
            && let Some(session) = Self::from_variables(|name| std::env::var(name).ok())
        {
            return Ok(session);
        }
        Ok(Self::from_admin(&AdminFile::read(&home.data_dir()?)?))
    }

    pub(crate) fn from_admin(admin: &AdminFile) -> Self {
        Self {
            server_url: admin.server_url.clone(),
            token_url: format!("{}{TOKEN_PATH}", admin.server_url),
            secret: admin.client_secret.clone(),
            ca_file: Some(admin.ca_file.clone()),
            subscription: Some(admin.subscription_id.clone()),
            resource_group: Some(admin.resource_group.clone()),
        }
    }

    /// What `wharf env` set; `None` unless all of it is there.
    pub(crate) fn from_variables(read: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let (path, _) = METADATA_PATH.split_once('?')?;
        let metadata = read(METADATA_URL)?;
        let (server_url, _) = metadata.split_once(path)?;
        Some(Self {
            server_url: server_url.trim_end_matches('/').to_owned(),
            token_url: read(TOKEN_URL)?,
            secret: Secret::new(read(TOKEN_SECRET)?),
            ca_file: read(CA_FILE).map(PathBuf::from),
            subscription: None,
            resource_group: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{admin_file::example, data_dir::DataDir, environment::EnvironmentBlock};

    #[test]
    fn the_variables_lead_to_the_same_server_as_the_data_directory() {
        let block = EnvironmentBlock::new(&example(), &DataDir::new("/data".into()));
        let read = |name: &str| {
            let found = block.variables().iter().find(|(there, _)| *there == name);
            found.map(|(_, value)| value.clone())
        };
        let session = Session::from_variables(read).expect("a session");
        let from_file = Session::from_admin(&example());
        assert_eq!(session.server_url, from_file.server_url);
        assert_eq!(session.token_url, from_file.token_url);
        assert_eq!(session.secret, from_file.secret);
    }

    #[test]
    fn half_of_the_variables_are_none() {
        let read =
            |name: &str| (name == METADATA_URL).then(|| "https://a/metadata/endpoints".to_owned());
        assert_eq!(Session::from_variables(read), None);
    }
}
