//! The parts of the cluster that the controllers and the kubelets share.

use std::path::PathBuf;

use serde_json::Value;

use super::events::Recorder;
use super::fields::{items, namespace, text};
use super::images::Images;
use super::kubelet::Pods;
use crate::access::{Credentials, Tokens};
use crate::api::objects::Objects;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::tasks::Tasks;

/// The cluster, as its controllers see it. Clones share it.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub objects: Objects,
    pub clock: Clock,
    pub faults: Faults,
    pub events: Recorder,
    pub tasks: Tasks,
    pub images: Images,
    pub tokens: Tokens,
    pub pods: Pods,
    /// The folder for the files of pods.
    pub folder: PathBuf,
    /// The API server's address, and the certificate of its authority.
    pub url: String,
    pub ca_pem: String,
}

impl Cluster {
    /// Returns whether the kubelet of a node doesn't work.
    pub fn is_away(&self, node: &str) -> bool {
        self.pods.is_away(node) || self.faults.snapshot().node.not_ready.contains(node)
    }

    /// Returns the address of a node.
    pub fn address_of(&self, node: &str) -> String {
        let node = self.objects.get("nodes", "", node).unwrap_or_default();
        let address = items(&node, "/status/addresses")
            .iter()
            .find(|address| address["type"] == "InternalIP");
        let address = address.and_then(|address| address["address"].as_str());
        address.unwrap_or("192.168.49.2").to_owned()
    }

    /// Returns the access of a pod to the API server. Without a service account its token is empty.
    pub fn credentials(&self, pod: &Value) -> Credentials {
        let account = text(pod, "/spec/serviceAccountName");
        let token = self.tokens.issue(namespace(pod), account, Some(pod));
        self.access(namespace(pod), token.unwrap_or_default())
    }

    pub fn access(&self, namespace: &str, token: String) -> Credentials {
        Credentials {
            url: self.url.clone(),
            ca_pem: self.ca_pem.clone(),
            token,
            namespace: namespace.to_owned(),
        }
    }
}
