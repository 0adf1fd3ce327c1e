//! Implements the interface `target`.

use serde_json::json;

use super::bindings::kubectl_broker::engine::target as wit;
use crate::instance::HostState;

impl wit::Host for HostState {
    async fn get(&mut self) -> wasmtime::Result<wit::Target> {
        self.count(0)?;
        let target = &self.target;
        let asked = Self::asked(|| json!({}));
        self.tell("target.get", asked, &Ok(()), |()| json!({}));
        Ok(wit::Target {
            namespace: target.namespace.clone(),
            statefulset: target.statefulset.clone(),
            pod: target.pod.clone(),
            context: target.context.clone(),
        })
    }
}
