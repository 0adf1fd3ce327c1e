use std::time::Duration;

use futures_util::future::BoxFuture;
use host_base::Report;

/// A command that has been granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedCommand {
    /// The pod's default container where it is none.
    pub container: Option<String>,
    /// The program and its arguments, with every placeholder filled in.
    pub argv: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a command that ran to its end left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// 0 is success.
    pub exit_code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// What runs the commands of an engine in the pods of its target.
pub trait Commands: Send + Sync {
    /// Names of the pods in which commands can be run, the first choice first.
    fn pods(&self) -> BoxFuture<'_, Result<Vec<String>, Report>>;

    /// Runs a command to its end, in the first pod where none is named. A pod that is not of the
    /// target is `denied`.
    fn run(
        &self,
        pod: Option<String>,
        command: GrantedCommand,
    ) -> BoxFuture<'_, Result<Ended, Report>>;
}
