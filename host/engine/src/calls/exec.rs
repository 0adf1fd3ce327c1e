//! Runs commands in pods, for each version of the interface.

use serde_json::{Value, json};

use crate::Ended;
use crate::instance::{HostResult, HostState};

impl Ended {
    /// Describes the result for the audit.
    pub(crate) fn known(&self) -> Value {
        json!({
            "exitCode": self.exit_code,
            "stdoutBytes": self.stdout.len(),
            "stderrBytes": self.stderr.len(),
        })
    }
}

impl HostState {
    /// Returns the names of the pods in which commands may run.
    pub(crate) async fn granted_pods(&mut self) -> HostResult<Vec<String>> {
        self.grants.check_pods()?;
        self.commands.pods().await
    }

    /// Runs a command that the grants allow.
    pub(crate) async fn run_granted(
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
