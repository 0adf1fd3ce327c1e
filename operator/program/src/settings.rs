use std::net::SocketAddr;
use std::sync::Arc;

use clap::{Parser, ValueEnum};

use operator_api::JobSettings;

use crate::history::{Unchecked, VARIABLE};
use crate::kafka::WorkerSettings;
use crate::requests::RequestSettings;

/// Makes backups by schedule. It needs no permission for Secrets, and runs no engine: each run is a Job.
#[derive(Debug, Parser)]
#[command(name = "broker-operator", version)]
pub(crate) struct Settings {
    /// Namespace to work in [default: all]
    #[arg(long, env = "BROKER_OPERATOR_WATCH_NAMESPACE", value_name = "NAME")]
    pub(crate) watch_namespace: Option<String>,
    /// Image of kubectl-broker for the Jobs
    #[arg(long, env = "BROKER_OPERATOR_IMAGE", value_name = "IMAGE")]
    pub(crate) image: String,
    /// Service account of the Jobs, in the namespace of each object
    #[arg(
        long,
        env = "BROKER_OPERATOR_SERVICE_ACCOUNT",
        value_name = "NAME",
        default_value = "kubectl-broker"
    )]
    pub(crate) service_account: String,
    /// Label of the Jobs for a queue, such as kueue.x-k8s.io/queue-name=backups
    #[arg(long, env = "BROKER_OPERATOR_QUEUE_LABEL", value_name = "KEY=VALUE", value_parser = parse_label)]
    pub(crate) queue_label: Option<(String, String)>,
    /// Runs that may be under way at a time; 0 means no limit
    #[arg(
        long,
        env = "BROKER_OPERATOR_MAX_RUNS",
        value_name = "COUNT",
        default_value_t = 50
    )]
    pub(crate) max_runs: usize,
    /// Runs that may be under way at a time in each namespace; 0 means no limit
    #[arg(
        long,
        env = "BROKER_OPERATOR_MAX_RUNS_PER_NAMESPACE",
        value_name = "COUNT",
        default_value_t = 10
    )]
    pub(crate) max_runs_per_namespace: usize,
    /// Groups of kinds to work on; `backup` must be one of them
    #[arg(
        long,
        env = "BROKER_OPERATOR_CONTROLLERS",
        value_name = "GROUP",
        value_enum,
        value_delimiter = ',',
        default_value = "backup"
    )]
    pub(crate) controllers: Vec<Group>,
    /// Backups of a project that may be under way at a time for its requests; 0 means no limit
    #[arg(
        long,
        env = "BROKER_OPERATOR_MAX_CONCURRENT_PER_PROJECT",
        value_name = "COUNT",
        default_value_t = 2
    )]
    pub(crate) max_concurrent_per_project: usize,
    /// Settings of the Jobs of requests, as JSON of a Backup's `spec.job`
    #[arg(
        long,
        env = "BROKER_OPERATOR_REQUEST_JOB",
        value_name = "JSON",
        value_parser = parse_job
    )]
    pub(crate) request_job: Option<Arc<JobSettings>>,
    /// Image of broker-kafka-worker for the Jobs of `kafka`
    #[arg(long, env = "BROKER_OPERATOR_KAFKA_IMAGE", value_name = "IMAGE")]
    pub(crate) kafka_image: Option<String>,
    /// Settings of the Jobs of `kafka`, as JSON of a Backup's `spec.job`
    #[arg(
        long,
        env = "BROKER_OPERATOR_KAFKA_JOB",
        value_name = "JSON",
        value_parser = parse_job
    )]
    pub(crate) kafka_job: Option<Arc<JobSettings>>,
    /// PersistentVolumeClaim for notes and snapshots of offsets, made in each namespace that needs it
    #[arg(
        long,
        env = "BROKER_OPERATOR_KAFKA_STATE_CLAIM",
        value_name = "NAME",
        default_value = "broker-kafka-state"
    )]
    pub(crate) kafka_state_claim: String,
    /// Namespace of the Lease [default: namespace of this pod]
    #[arg(long, env = "BROKER_OPERATOR_LEASE_NAMESPACE", value_name = "NAME")]
    pub(crate) lease_namespace: Option<String>,
    /// Name of the Lease
    #[arg(long, value_name = "NAME", default_value = "broker-operator")]
    pub(crate) lease_name: String,
    /// Name of this replica in the Lease [default: $POD_NAME, or a random one]
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub(crate) identity: Option<String>,
    /// Address for the page, /metrics, /healthz and /readyz
    #[arg(
        long,
        env = "BROKER_OPERATOR_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080"
    )]
    pub(crate) listen: SocketAddr,
    /// Whether the page for people is served at /
    #[arg(
        long,
        env = "BROKER_OPERATOR_PAGE",
        value_name = "true|false",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    pub(crate) page: bool,
    /// Database for the history of runs: postgres://USER:PASSWORD@HOST/DATABASE or sqlite:FILE
    #[arg(long, env = VARIABLE, hide_env_values = true, value_name = "URL")]
    pub(crate) history: Option<Unchecked>,
    /// Form of the log
    #[arg(
        long,
        env = "BROKER_OPERATOR_LOG",
        value_name = "FORM",
        default_value = "json"
    )]
    pub(crate) log: LogForm,
}

/// The groups of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// The operator's own kinds.
    Backup,
    /// The kinds of the backup-controller plan.
    Liferay,
    /// The kinds of kafka-backup-operator.
    Kafka,
}

impl Settings {
    /// Returns how requests are worked on, if they are.
    ///
    /// # Errors
    /// When the kinds that requests need are left out.
    pub(crate) fn requests(&self) -> Result<Option<RequestSettings>, String> {
        if !self.controllers.contains(&Group::Backup) {
            return Err("--controllers must have `backup`: all runs are Backups".to_owned());
        }
        let is_wanted = self.controllers.contains(&Group::Liferay);
        Ok(is_wanted.then(|| RequestSettings {
            per_project: self.max_concurrent_per_project,
            namespace: self.watch_namespace.clone(),
            job: self.request_job.clone(),
        }))
    }

    /// Returns how objects of `kafka.oso.sh` are worked on, if they are.
    ///
    /// # Errors
    /// When their Jobs have no image.
    pub(crate) fn kafka(&self) -> Result<Option<WorkerSettings>, String> {
        if !self.controllers.contains(&Group::Kafka) {
            return Ok(None);
        }
        let image = self.kafka_image.clone();
        let image = image.ok_or("--controllers=kafka needs --kafka-image")?;
        let job = self.kafka_job.as_deref().cloned();
        Ok(Some(WorkerSettings {
            image,
            job: job.unwrap_or_default(),
            state_claim: self.kafka_state_claim.clone(),
            queue: self.queue_label.clone(),
        }))
    }
}

/// The forms of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// One JSON object per line.
    Json,
    /// Lines for people.
    Text,
}

fn parse_job(text: &str) -> Result<Arc<JobSettings>, String> {
    let settings = serde_json::from_str(text);
    settings.map(Arc::new).map_err(|error| error.to_string())
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn requests_are_worked_on_only_if_that_is_said() {
        let settings = |arguments: &[&str]| {
            let all = ["broker-operator", "--image=x"];
            Settings::try_parse_from(all.iter().chain(arguments)).map(|it| it.requests())
        };
        let requests = |arguments| settings(arguments).expect("settings");
        assert!(requests(&[]).expect("a choice").is_none());
        let wanted = requests(&[
            "--controllers=backup,liferay",
            r#"--request-job={"serviceAccountName": "backups"}"#,
        ]);
        let wanted = wanted.expect("a choice").expect("requests");
        assert_eq!(wanted.per_project, 2);
        let account = wanted.job.and_then(|it| it.service_account_name.clone());
        assert_eq!(account.as_deref(), Some("backups"));
        assert!(requests(&["--controllers=liferay"]).is_err());
        assert!(settings(&["--controllers=velero"]).is_err());
        assert!(settings(&["--request-job=[1]"]).is_err());
    }

    #[test]
    fn objects_of_kafka_need_an_image() {
        let settings = |arguments: &[&str]| {
            let all = ["broker-operator", "--image=x"];
            let settings = Settings::try_parse_from(all.iter().chain(arguments));
            settings.expect("settings").kafka()
        };
        assert!(settings(&["--kafka-image=y"]).expect("a choice").is_none());
        assert!(settings(&["--controllers=backup,kafka"]).is_err());
        let wanted = settings(&["--controllers=backup,kafka", "--kafka-image=y"]);
        assert_eq!(wanted.expect("a choice").expect("settings").image, "y");
    }

    #[test]
    fn the_address_of_the_history_is_never_shown() {
        let command = Settings::command();
        let history = command.get_arguments().find(|it| it.get_id() == "history");
        assert!(history.expect("an argument").is_hide_env_values_set());
        let address = "--history=postgres://a:s3cr3t@b/c";
        let settings = Settings::try_parse_from(["broker-operator", "--image=x", address]);
        let shown = format!("{settings:?}");
        assert!(shown.contains("history: Some(***)"), "{shown}");
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
