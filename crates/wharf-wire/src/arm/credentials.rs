//! Credentials of managed clusters.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// What `listClusterUserCredential` answers. Holds a secret: never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialResults {
    /// One kubeconfig.
    pub kubeconfigs: Vec<CredentialResult>,
}

/// One kubeconfig.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialResult {
    /// `clusterUser`.
    pub name: String,
    /// The file, in base64.
    pub value: String,
}

impl CredentialResults {
    /// A user's kubeconfig.
    pub fn of_user(kubeconfig: &str) -> Self {
        Self {
            kubeconfigs: vec![CredentialResult {
                name: "clusterUser".to_owned(),
                value: STANDARD.encode(kubeconfig),
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_goes_out_in_base64() {
        let shape = CredentialResults::of_user("kind: Config\n");
        assert_eq!(shape.kubeconfigs[0].name, "clusterUser");
        let file = STANDARD.decode(&shape.kubeconfigs[0].value);
        assert_eq!(file.as_deref(), Ok(&b"kind: Config\n"[..]));
    }
}
