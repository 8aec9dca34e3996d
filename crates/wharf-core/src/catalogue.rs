//! What a cluster can be made of: sizes of machines and Kubernetes versions. Both are
//! built in, and an operator can replace either.

use crate::{kubernetes_version::KubernetesVersions, vm_size::VmSizes};

/// The catalogues of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// Sizes of nodes.
    pub sizes: VmSizes,
    /// Versions of Kubernetes.
    pub versions: KubernetesVersions,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self {
            sizes: VmSizes::builtin(),
            versions: KubernetesVersions::builtin(),
        }
    }
}
