//! Implements the interface `exec`.

use serde_json::json;

use super::bindings::kubectl_broker::engine::exec as wit;
use super::{WitError, to_wit};
use crate::Ended;
use crate::instance::HostState;

impl wit::Host for HostState {
    async fn pods(&mut self) -> wasmtime::Result<Result<Vec<String>, WitError>> {
        self.count(0)?;
        let asked = Self::asked(|| json!({}));
        let pods = self.granted_pods().await;
        self.tell("exec.pods", asked, &pods, |pods| json!(pods));
        Ok(pods.map_err(to_wit))
    }

    async fn run(
        &mut self,
        name: String,
        pod: Option<String>,
        arguments: Vec<(String, String)>,
    ) -> wasmtime::Result<Result<wit::Output, WitError>> {
        self.count(arguments.iter().map(|(_, value)| value.len()).sum())?;
        let asked = Self::asked(|| json!({ "command": name, "pod": pod, "arguments": arguments }));
        let ended = self.run_granted(&name, pod, &arguments).await;
        self.tell("exec.run", asked, &ended, Ended::known);
        Ok(ended.map(output).map_err(to_wit))
    }
}

fn output(ended: Ended) -> wit::Output {
    wit::Output {
        exit_code: ended.exit_code,
        stdout: ended.stdout,
        stderr: ended.stderr,
    }
}
