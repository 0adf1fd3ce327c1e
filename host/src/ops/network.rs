use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use broker_manifest::Manifest;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use http::header::AUTHORIZATION;
use http_body_util::{BodyExt, Full};

use super::credentials::Credentials;
use crate::cluster::{Backend, Cluster, ClusterError, Deadlines, EndpointSpec, Target};
use crate::engine::{Answer, Network, Outgoing};
use crate::model::{Problem, Report, ReportKind};

/// Carries the requests of one engine to the pods of one target.
pub(super) struct PodNetwork {
    backends: BTreeMap<String, Backend>,
    deadlines: Deadlines,
    credentials: Credentials,
    last_error: LastError,
}

/// The last error that was handed to the engine, as it was before the engine's types made it poorer.
///
/// All that an engine reaches share it: the errors of one call follow each other.
#[derive(Clone, Default)]
pub(super) struct LastError(Arc<Mutex<Option<ClusterError>>>);

impl PodNetwork {
    /// Finds the pods and ports of every endpoint of a manifest. No port-forward is opened yet.
    ///
    /// It is done before the engine runs, so that what is wrong with the target is never told
    /// through the engine.
    pub(super) async fn find(
        cluster: &Cluster,
        target: &Target,
        manifest: &Manifest,
        ports: &BTreeMap<String, u16>,
        credentials: &Credentials,
    ) -> Result<Self, ClusterError> {
        let backends = manifest.endpoints.iter().map(|(name, endpoint)| async {
            let spec = EndpointSpec {
                name: name.clone(),
                select: endpoint.select,
                port: endpoint.port.clone(),
                explicit_port: endpoint
                    .port
                    .flag
                    .as_ref()
                    .and_then(|flag| ports.get(flag).copied()),
            };
            Ok((name.clone(), cluster.backend(target, &spec).await?))
        });
        Ok(Self {
            backends: try_join_all(backends).await?.into_iter().collect(),
            deadlines: Deadlines::default(),
            credentials: credentials.clone(),
            last_error: LastError::default(),
        })
    }

    /// What was not as expected, for the user.
    pub(super) fn take_notes(&self) -> Vec<String> {
        self.backends
            .values()
            .flat_map(Backend::take_notes)
            .collect()
    }

    /// Where the errors of other ways to the cluster are kept too.
    pub(super) fn last_error(&self) -> LastError {
        self.last_error.clone()
    }

    /// The error of the cluster that an engine passed on as its own, if `report` is that.
    pub(super) fn original_of(&self, report: &Report) -> Option<ClusterError> {
        self.last_error
            .take_if(|error| error.to_string() == report.message)
    }
}

impl LastError {
    fn take_if(&self, is_it: impl Fn(&ClusterError) -> bool) -> Option<ClusterError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.take_if(|error| is_it(error))
    }

    /// What the engine is told of an error, which is kept.
    pub(super) fn report(&self, error: ClusterError) -> Report {
        let report = report(&error);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        report
    }
}

impl Network for PodNetwork {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Answer, Report>> {
        async move {
            let backend = self.backends.get(&outgoing.endpoint).ok_or_else(|| {
                let endpoint = &outgoing.endpoint;
                Report::new(
                    ReportKind::Denied,
                    format!("there is no endpoint `{endpoint}`"),
                )
            })?;
            let deadlines = Deadlines {
                first_byte: outgoing.patience.unwrap_or(self.deadlines.first_byte),
                ..self.deadlines
            };
            let mut request = outgoing.request;
            if let Some(value) = self.credentials.header(outgoing.auth) {
                request.headers_mut().insert(AUTHORIZATION, value.clone());
            }
            let response = backend
                .send(request.map(Full::new), &deadlines)
                .await
                .map_err(|error| self.last_error.report(error))?;
            let last_error = self.last_error.clone();
            Ok(response.map(|body| {
                body.map_err(move |error| last_error.report(error))
                    .boxed_unsync()
            }))
        }
        .boxed()
    }
}

/// An error of the cluster in the terms of the engine interface.
pub(super) fn report(error: &ClusterError) -> Report {
    let (kind, retryable) = match error {
        ClusterError::PortClosed { .. }
        | ClusterError::AllPortsClosed { .. }
        | ClusterError::ContainerNotRunning { .. }
        | ClusterError::PodGone { .. }
        | ClusterError::NoAnswer { .. }
        | ClusterError::Unreachable { .. }
        | ClusterError::KubeletNotReady { .. } => (ReportKind::Unavailable, true),
        ClusterError::TunnelLost { .. } | ClusterError::Incomplete { .. } => {
            (ReportKind::Failed, true)
        }
        ClusterError::TimedOut { .. } | ClusterError::RequestTimedOut { .. } => {
            (ReportKind::TimedOut, true)
        }
        // It may still run.
        ClusterError::CommandTimedOut { .. } => (ReportKind::TimedOut, false),
        ClusterError::CommandNotRun { .. } => (ReportKind::Unsupported, false),
        ClusterError::Unauthorized { .. } => (ReportKind::Unauthenticated, false),
        ClusterError::Forbidden { .. } => (ReportKind::Forbidden, false),
        ClusterError::NotHttp { .. } | ClusterError::CommandTooLoud { .. } => {
            (ReportKind::Protocol, false)
        }
        _ => (ReportKind::Failed, false),
    };
    Report {
        kind,
        message: error.to_string(),
        hint: error.hint(),
        retryable,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::PodContainer;

    #[test]
    fn what_came_of_a_command_is_told_apart_and_never_asks_for_a_repetition() {
        let at = PodContainer {
            namespace: "mqtt".into(),
            pod: "broker-0".into(),
            container: "hivemq".into(),
        };
        let command = "mv a b".to_owned();
        let told = |error: ClusterError| {
            let report = report(&error);
            (report.kind, report.retryable)
        };
        let loud = ClusterError::CommandTooLoud {
            command: command.clone(),
            at: at.clone(),
            stream: "standard output",
            limit: 1 << 20,
        };
        assert_eq!(told(loud), (ReportKind::Protocol, false));
        let late = ClusterError::CommandTimedOut {
            command: command.clone(),
            at: at.clone(),
            after: Duration::from_secs(1),
        };
        assert_eq!(told(late), (ReportKind::TimedOut, false));
        let missing = ClusterError::CommandNotRun {
            command: command.clone(),
            at: at.clone(),
            reason: "no such program".into(),
        };
        assert_eq!(told(missing), (ReportKind::Unsupported, false));
        let lost = ClusterError::CommandLost {
            command,
            at,
            reason: "closed".into(),
        };
        assert_eq!(told(lost), (ReportKind::Failed, false));
    }
}
