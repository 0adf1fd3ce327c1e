use std::time::Duration;

use futures_util::future::BoxFuture;
use host_base::Report;

/// A command that the grants allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedCommand {
    /// Name of the container. If it is `None`, the command runs in the pod's default container.
    pub container: Option<String>,
    /// The program and its arguments, with every placeholder filled in.
    pub argv: Vec<String>,
    /// Maximum time that the command may take.
    pub timeout: Duration,
}

/// The result of a command that ran to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Exit code of the command; 0 is success.
    pub exit_code: i32,
    /// Everything that the command wrote to its standard output.
    pub stdout: Vec<u8>,
    /// Everything that the command wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// Runs the commands of an engine in the pods of its target.
pub trait Commands: Send + Sync {
    /// Returns the names of the pods in which commands may run, the preferred pod first.
    fn pods(&self) -> BoxFuture<'_, Result<Vec<String>, Report>>;

    /// Runs a command to its end, in the preferred pod if `pod` is `None`. A pod outside the target is
    /// reported as `denied`.
    fn run(
        &self,
        pod: Option<String>,
        command: GrantedCommand,
    ) -> BoxFuture<'_, Result<Ended, Report>>;
}
