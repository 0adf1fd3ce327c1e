use std::time::Duration;

use clap::Args;

use crate::cluster::ConnectOptions;

/// kubectl's own flags.
#[derive(Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ConnectionArgs {
    /// Namespace of the StatefulSet [default: that of the context]
    #[arg(short, long, global = true)]
    namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, global = true)]
    context: Option<String>,
    /// Kubeconfig file, or several with colons between them [default: $KUBECONFIG, ~/.kube/config]
    #[arg(long, global = true, value_name = "FILES")]
    kubeconfig: Option<String>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true)]
    cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true)]
    user: Option<String>,
    /// User to impersonate
    #[arg(id = "as", long = "as", global = true, value_name = "USER")]
    impersonate: Option<String>,
    /// Group to impersonate; may be given several times
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    impersonate_groups: Vec<String>,
    /// Longest time for one request to the API server, as in 30s or 2m; 0 for none [default: 30s]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_timeout)]
    request_timeout: Option<Timeout>,
    /// Name that the API server's certificate must have
    #[arg(long, global = true, value_name = "NAME")]
    tls_server_name: Option<String>,
    /// Don't check the API server's certificate: anybody in between can then read and change everything
    #[arg(long, global = true)]
    insecure_skip_tls_verify: bool,
}

impl ConnectionArgs {
    /// A flag with an empty value is as if it were not there: scripts write `--context "$CONTEXT"`, and kubectl takes it.
    pub(super) fn into_options(self) -> ConnectOptions {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let mut impersonate_groups = self.impersonate_groups;
        impersonate_groups.retain(|group| !group.is_empty());
        ConnectOptions {
            kubeconfig: given(self.kubeconfig),
            context: given(self.context),
            cluster: given(self.cluster),
            user: given(self.user),
            namespace: given(self.namespace),
            impersonate_user: given(self.impersonate),
            impersonate_groups,
            request_timeout: self.request_timeout.and_then(|timeout| timeout.0),
            tls_server_name: given(self.tls_server_name),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
        }
    }
}

/// A time, or nothing where the flag has an empty value.
#[derive(Clone, Copy)]
struct Timeout(Option<Duration>);

fn parse_timeout(text: &str) -> Result<Timeout, String> {
    match text {
        "" => Ok(Timeout(None)),
        text => parse_duration(text).map(|time| Timeout(Some(time))),
    }
}

/// kubectl's form: a number of seconds, or numbers with units (`1m30s`).
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|length| Duration::try_from(length).ok())
        .ok_or_else(|| "it is a time such as 30s, 2m or 1m30s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_as_no_flag() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            connection: ConnectionArgs,
        }
        let flags = [
            "namespace",
            "context",
            "kubeconfig",
            "cluster",
            "user",
            "as",
            "as-group",
            "request-timeout",
            "tls-server-name",
        ];
        let words = flags.iter().map(|flag| format!("--{flag}="));
        let line =
            <Line as clap::Parser>::parse_from(std::iter::once("program".to_owned()).chain(words));
        let options = line.connection.into_options();
        let none = ConnectOptions::default();
        assert_eq!(format!("{options:?}"), format!("{none:?}"));
    }

    #[test]
    fn times_are_written_as_for_kubectl() {
        for (text, seconds) in [
            ("0", 0),
            ("45", 45),
            ("30s", 30),
            ("1m30s", 90),
            ("2m", 120),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "soon", "-5s", "5 parsecs"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
