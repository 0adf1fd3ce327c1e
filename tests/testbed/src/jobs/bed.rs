//! The methods of a testbed for Jobs, their pods and their nodes.

use std::io;
use std::path::PathBuf;

use super::fields::uid;
use super::{Image, NodeDeath};
use crate::bed::Testbed;
use crate::kubeconfig::{self, Access};

/// An error of a test's access to a service account.
#[derive(Debug, thiserror::Error)]
pub enum ServiceAccountError {
    #[error("there is no service account `{name}` in namespace `{namespace}`")]
    Missing { namespace: String, name: String },
    #[error("cannot write the kubeconfig: {0}")]
    Kubeconfig(#[from] io::Error),
}

impl Testbed {
    /// Adds an image to the registry, or replaces it. Pods that wait for it find it at their next attempt.
    pub fn add_image(&self, name: &str, image: impl Into<Image>) {
        self.workloads().cluster.images.add(name, image.into());
    }

    /// Writes a kubeconfig with a token of a service account, and returns its path.
    ///
    /// RBAC's objects decide what the account may do.
    ///
    /// # Errors
    /// Fails if the service account doesn't exist, or if the file can't be written.
    pub fn service_account_kubeconfig(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<PathBuf, ServiceAccountError> {
        let token = self.workloads().cluster.tokens.issue(namespace, name, None);
        let token = token.ok_or_else(|| ServiceAccountError::Missing {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })?;
        let folder = tempfile::Builder::new()
            .prefix("account-")
            .tempdir_in(self.folder())?
            // The testbed's own folder is removed with it.
            .keep();
        let path = folder.join("kubeconfig");
        let access = Access {
            url: self.url(),
            ca_pem: self.ca_pem(),
            token: &token,
            namespace,
        };
        kubeconfig::write(&path, &access)?;
        Ok(path)
    }

    /// Evicts a pod, like `kubectl drain`. Returns whether it exists.
    pub fn evict(&self, namespace: &str, pod: &str) -> bool {
        let message = "Eviction API: evicting";
        self.workloads()
            .disrupt(namespace, pod, "EvictionByEvictionAPI", message)
    }

    /// Ends a pod for another one with a higher priority. Returns whether it exists.
    pub fn preempt(&self, namespace: &str, pod: &str) -> bool {
        let message = "default-scheduler: preempting to accommodate a higher priority pod";
        self.workloads()
            .disrupt(namespace, pod, "PreemptionByScheduler", message)
    }

    /// Lets the kernel kill the process of a pod for its memory. Returns whether it has one.
    pub fn run_out_of_memory(&self, namespace: &str, pod: &str) -> bool {
        let found = self.objects().get("pods", namespace, pod);
        let pods = &self.workloads().cluster.pods;
        found.is_some_and(|pod| pods.run_out_of_memory(uid(&pod)))
    }

    /// Lets a pod use more disk than it may, so that its kubelet evicts it. Returns whether it has a process.
    pub fn run_out_of_space(&self, namespace: &str, pod: &str) -> bool {
        let found = self.objects().get("pods", namespace, pod);
        let workloads = self.workloads();
        let pods = &workloads.cluster.pods;
        let runs = found.is_some_and(|pod| pods.run_out_of_space(uid(&pod)));
        workloads.wake();
        runs
    }

    /// Lets a node die. Its pods get no status any more; after 54 s the node counts as unreachable, and its pods
    /// are deleted when their tolerations end.
    pub fn node_dies(&self, node: &str, how: NodeDeath) {
        self.workloads().node_dies(node, how);
    }

    /// Lets a node that died report again.
    pub fn node_comes_back(&self, node: &str) {
        self.workloads().node_comes_back(node);
    }
}
