use host_base::{ReportKind, text};
use host_cluster::ClusterError;
use host_engine::{Detection, EngineError};

use crate::OpsError;
use crate::engines::in_words;

/// Longest reason, in characters.
const MAX_REASON: usize = 400;

/// The finding of an engine about a place.
#[derive(Debug)]
pub(super) enum Answer {
    /// The engine can serve it. The text describes the backend.
    Serves(String),
    /// The place has another backend, or none.
    Absent,
    /// The place has perhaps a backend, which can't be asked now for this reason.
    Unknown(String),
    /// The cluster did not let the place be asked.
    NotAsked(OpsError),
    /// The engine failed, which says nothing about the place.
    Fault(OpsError),
}

impl Answer {
    pub(super) fn of(detected: Result<Detection, OpsError>) -> Self {
        let error = match detected {
            Ok(detection) => return Self::Serves(in_words(detection)),
            Err(error) => error,
        };
        match &error {
            OpsError::NotAuthenticated(_) => Self::asks_for_credentials(),
            OpsError::Cluster(cause) => match &**cause {
                cause if cause.is_absence() => Self::Absent,
                // Another server listens there.
                ClusterError::NotHttp { .. } => Self::Absent,
                ClusterError::Forbidden { .. }
                | ClusterError::Unauthorized { .. }
                | ClusterError::Unreachable { .. }
                | ClusterError::NotKubernetes { .. }
                | ClusterError::Api { .. }
                | ClusterError::RequestTimedOut { .. }
                | ClusterError::AnswerTooLong { .. } => Self::NotAsked(error),
                _ => Self::Unknown(reason(&error)),
            },
            OpsError::Engine(EngineError::Reported { report, .. }) => match report.kind {
                ReportKind::Unauthenticated | ReportKind::Forbidden => Self::asks_for_credentials(),
                // Another server has other routes and other answers.
                ReportKind::NotFound
                | ReportKind::Protocol
                | ReportKind::Unsupported
                | ReportKind::InvalidArgument => Self::Absent,
                // The engine needs more than it may do at a target that the user has not chosen.
                ReportKind::Denied => Self::Fault(error),
                _ => Self::Unknown(reason(&error)),
            },
            OpsError::Engine(EngineError::Deadline { .. }) => Self::Unknown(reason(&error)),
            _ => Self::Fault(error),
        }
    }

    fn asks_for_credentials() -> Self {
        Self::Serves("asks for credentials".to_owned())
    }
}

/// Returns an error as one line.
pub(super) fn reason(error: &OpsError) -> String {
    text::printable(&error.to_string(), MAX_REASON).into_owned()
}

#[cfg(test)]
mod tests {
    use broker_manifest::Operation;
    use host_base::Report;
    use host_cluster::PodPort;

    use super::*;

    fn port() -> PodPort {
        PodPort {
            namespace: "mqtt".into(),
            pod: "broker-0".into(),
            port: 8081,
        }
    }

    /// Returns the name of the answer that an error stands for.
    fn name(error: impl Into<OpsError>) -> String {
        let answer = format!("{:?}", Answer::of(Err(error.into())));
        let end = answer.find('(').unwrap_or(answer.len());
        answer[..end].to_owned()
    }

    fn reported(kind: ReportKind) -> EngineError {
        EngineError::Reported {
            engine: "engine acme/vault".into(),
            report: Report::new(kind, "x"),
            is_bundled: false,
        }
    }

    #[test]
    fn a_backend_that_refuses_an_anonymous_user_is_there() {
        for kind in [ReportKind::Unauthenticated, ReportKind::Forbidden] {
            assert_eq!(name(reported(kind)), "Serves");
        }
    }

    #[test]
    fn other_programs_and_closed_ports_are_no_backends() {
        for kind in [
            ReportKind::NotFound,
            ReportKind::Protocol,
            ReportKind::Unsupported,
            ReportKind::InvalidArgument,
        ] {
            assert_eq!(name(reported(kind)), "Absent");
        }
        let closed = ClusterError::PortClosed {
            at: port(),
            reason: "connection refused".into(),
            flag: None,
        };
        assert_eq!(name(closed), "Absent");
    }

    #[test]
    fn a_backend_that_cant_answer_now_is_unknown() {
        for kind in [
            ReportKind::Unavailable,
            ReportKind::TimedOut,
            ReportKind::Failed,
        ] {
            assert_eq!(name(reported(kind)), "Unknown");
        }
        let late = EngineError::Deadline {
            engine: "engine acme/vault".into(),
            operation: Operation::Detect,
            seconds: 5,
        };
        assert_eq!(name(late), "Unknown");
    }

    #[test]
    fn an_engine_that_wants_more_than_it_may_has_failed() {
        assert_eq!(name(reported(ReportKind::Denied)), "Fault");
        let worker = OpsError::Worker { reason: "x".into() };
        assert_eq!(name(worker), "Fault");
    }
}
