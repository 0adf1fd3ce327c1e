use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use host_base::{Report, ReportKind, text};
use host_cluster::{Cluster, Command, RunningPod, Target};
use host_engine::{Commands, Ended, GrantedCommand};
use tokio::sync::OnceCell;

use super::network::LatestErrors;

/// Runs the commands of one engine in the pods of one target. The cluster is not asked for anything before the
/// engine runs a command.
pub(super) struct PodCommands {
    cluster: Cluster,
    target: Target,
    pods: OnceCell<Vec<RunningPod>>,
    latest_errors: LatestErrors,
}

impl PodCommands {
    pub(super) fn new(cluster: &Cluster, target: &Target, latest_errors: LatestErrors) -> Self {
        Self {
            cluster: cluster.clone(),
            target: target.clone(),
            pods: OnceCell::new(),
            latest_errors,
        }
    }

    async fn running(&self) -> Result<&[RunningPod], Report> {
        let find = || Box::pin(self.cluster.running_pods(&self.target));
        let found = self.pods.get_or_try_init(find).await;
        found
            .map(Vec::as_slice)
            .map_err(|error| self.latest_errors.report(error))
    }

    /// Returns the pod with this name, if it belongs to the target.
    async fn pod(&self, name: Option<&str>) -> Result<&RunningPod, Report> {
        let running = self.running().await?;
        let found = match name {
            Some(name) => running.iter().find(|pod| pod.name == name),
            None => running.first(),
        };
        found.ok_or_else(|| {
            let name = text::printable(name.unwrap_or_default(), 80);
            Report::new(
                ReportKind::Denied,
                format!("`{name}` is not a running pod of the target"),
            )
        })
    }
}

impl Commands for PodCommands {
    fn pods(&self) -> BoxFuture<'_, Result<Vec<String>, Report>> {
        async {
            let running = self.running().await?;
            Ok(running.iter().map(|pod| pod.name.clone()).collect())
        }
        .boxed()
    }

    fn run(
        &self,
        pod: Option<String>,
        command: GrantedCommand,
    ) -> BoxFuture<'_, Result<Ended, Report>> {
        async move {
            let pod = self.pod(pod.as_deref()).await?;
            let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
            let container = command.container.as_ref().unwrap_or(&pod.default_container);
            let command = Command {
                pod: &pod.name,
                container,
                argv: &argv,
                deadline: command.timeout,
            };
            let output = self.cluster.exec(&command).await;
            let output = output.map_err(|error| self.latest_errors.report(error))?;
            Ok(Ended {
                exit_code: output.exit_code,
                stdout: output.stdout,
                stderr: output.stderr,
            })
        }
        .boxed()
    }
}

/// Refuses all commands: the user has not chosen the target.
pub(super) struct NoCommands;

impl NoCommands {
    fn refusal<T>() -> Result<T, Report> {
        let message = "`discover` runs no commands in pods";
        Err(Report::new(ReportKind::Denied, message))
    }
}

impl Commands for NoCommands {
    fn pods(&self) -> BoxFuture<'_, Result<Vec<String>, Report>> {
        async { Self::refusal() }.boxed()
    }

    fn run(&self, _: Option<String>, _: GrantedCommand) -> BoxFuture<'_, Result<Ended, Report>> {
        async { Self::refusal() }.boxed()
    }
}
