//! Implements the interface `aws`.

use serde_json::json;

use super::bindings::kubectl_broker::engine::aws as wit;
use super::{WitError, to_wit};
use crate::instance::HostState;

impl wit::Host for HostState {
    async fn call(
        &mut self,
        service: String,
        action: String,
        parameters: Vec<(String, String)>,
        region: Option<String>,
    ) -> wasmtime::Result<Result<String, WitError>> {
        let lengths = parameters
            .iter()
            .map(|(name, value)| name.len() + value.len());
        self.count(lengths.sum())?;
        let names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
        let asked = Self::asked(
            || json!({ "service": service, "action": action, "parameters": names, "region": region }),
        );
        let called = self.call_action(service, action, parameters, region).await;
        self.tell(
            "aws.call",
            asked,
            &called,
            |xml| json!({ "bytes": xml.len() }),
        );
        Ok(called.map_err(to_wit))
    }
}
