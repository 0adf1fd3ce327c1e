use std::time::Duration;

use clap::Args;
use host_cluster::ConnectOptions;

/// kubectl's own flags.
#[derive(Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ConnectionArgs {
    /// Namespace of the target [default: namespace of the context]
    #[arg(short, long, global = true)]
    namespace: Option<String>,
    /// Context of the kubeconfig [default: current context]
    #[arg(long, global = true)]
    context: Option<String>,
    /// Kubeconfig files, separated by colons [default: $KUBECONFIG or ~/.kube/config]
    #[arg(long, global = true, value_name = "FILES")]
    kubeconfig: Option<String>,
    /// Cluster of the kubeconfig [default: cluster of the context]
    #[arg(long, global = true)]
    cluster: Option<String>,
    /// User of the kubeconfig [default: user of the context]
    #[arg(long, global = true)]
    user: Option<String>,
    /// User to impersonate
    #[arg(id = "as", long = "as", global = true, value_name = "USER")]
    impersonate: Option<String>,
    /// Group to impersonate; repeatable
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    impersonate_groups: Vec<String>,
    /// Maximum time for one request to the API server, such as 30s or 2m; 0 means no limit [default: 30s]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_request_timeout)]
    request_timeout: Option<RequestTimeout>,
    /// Name to expect in the certificate of the API server
    #[arg(long, global = true, value_name = "NAME")]
    tls_server_name: Option<String>,
    /// Skip the check of the API server's certificate; insecure
    #[arg(long, global = true)]
    insecure_skip_tls_verify: bool,
}

impl ConnectionArgs {
    /// Returns the given options. As in kubectl, an empty value counts as absent.
    pub(super) fn into_options(self) -> ConnectOptions {
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let mut groups = self.impersonate_groups;
        groups.retain(|group| !group.is_empty());
        ConnectOptions {
            kubeconfig: given(self.kubeconfig),
            context: given(self.context),
            cluster: given(self.cluster),
            user: given(self.user),
            namespace: given(self.namespace),
            impersonate_user: given(self.impersonate),
            impersonate_groups: groups,
            request_timeout: self.request_timeout.and_then(|RequestTimeout(time)| time),
            tls_server_name: given(self.tls_server_name),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            // Pods are reached at their addresses only from a pod.
            dials_pods: false,
        }
    }
}

/// The value of `--request-timeout`; none where it is empty.
#[derive(Clone, Copy, Debug)]
struct RequestTimeout(Option<Duration>);

fn parse_request_timeout(text: &str) -> Result<RequestTimeout, String> {
    if text.is_empty() {
        return Ok(RequestTimeout(None));
    }
    parse_duration(text).map(|time| RequestTimeout(Some(time)))
}

/// The longest time that a flag takes: a hundred years. Clocks can be moved by it without an overflow.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// kubectl's form: a number of seconds, or numbers with units (`1m30s`).
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let length = if is_number {
        // A number that does not fit is too long.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        text.parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|length| Duration::try_from(length).ok())
            .ok_or_else(|| "it must be a time such as 30s, 2m or 1m30s".to_owned())?
    };
    if length > LONGEST {
        let hours = LONGEST.as_secs() / 3600;
        return Err(format!("it is longer than a hundred years ({hours}h)"));
    }
    Ok(length)
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

    #[test]
    fn a_time_that_no_clock_can_be_moved_by_is_refused() {
        assert_eq!(parse_duration("876000h"), Ok(LONGEST));
        for text in [
            "876001h",
            "3153600001",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999999999",
            "9223372036854775807s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
