//! Implements the interface `exec`: the host checks an engine's commands against its grants and runs them.

use serde_json::json;

use super::bindings::kubectl_broker::engine::exec as wit;
use super::{WitError, to_wit};
use crate::Ended;
use crate::instance::{HostResult, HostState};

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
        self.tell("exec.run", asked, &ended, |ended| {
            json!({
                "exitCode": ended.exit_code,
                "stdoutBytes": ended.stdout.len(),
                "stderrBytes": ended.stderr.len(),
            })
        });
        Ok(ended.map(output).map_err(to_wit))
    }
}

impl HostState {
    async fn granted_pods(&mut self) -> HostResult<Vec<String>> {
        self.grants.check_pods()?;
        self.commands.pods().await
    }

    async fn run_granted(
        &mut self,
        name: &str,
        pod: Option<String>,
        arguments: &[(String, String)],
    ) -> HostResult<Ended> {
        let command = self.grants.check_command(name, arguments);
        let command = command.inspect_err(|report| self.remember_refusal(report))?;
        self.commands.run(pod, command).await
    }
}

fn output(ended: Ended) -> wit::Output {
    wit::Output {
        exit_code: ended.exit_code,
        stdout: ended.stdout,
        stderr: ended.stderr,
    }
}
