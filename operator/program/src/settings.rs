use std::net::SocketAddr;

use clap::{Parser, ValueEnum};

use crate::history::{Unchecked, VARIABLE};

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

/// The forms of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// One JSON object per line.
    Json,
    /// Lines for people.
    Text,
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
