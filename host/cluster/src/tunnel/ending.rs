use std::sync::{Arc, Mutex, PoisonError};

use super::super::{ClusterError, PodPort};

/// How a tunnel ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Ending {
    /// The far end closed the connection properly.
    Closed,
    /// The kubelet gave a reason on the error channel.
    Refused(String),
    /// The websocket died, or violated the protocol.
    Lost(String),
}

/// The ending of one tunnel, for code that only sees hyper's errors.
///
/// hyper knows that its connection failed, but only the tunnel knows why.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Verdict(Arc<Mutex<Option<Ending>>>);

impl Verdict {
    /// Sets the ending. The first one stays, except that a reason from the kubelet replaces any other.
    pub fn set(&self, ending: Ending) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_reason = |ending: &Ending| matches!(ending, Ending::Refused(_));
        let replaces = match &*slot {
            None => true,
            Some(known) => is_reason(&ending) && !is_reason(known),
        };
        if replaces {
            *slot = Some(ending);
        }
    }

    pub fn get(&self) -> Option<Ending> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the error of the ending, if it is one.
    pub fn error(
        &self,
        at: &PodPort,
        received: u64,
        expected: Option<u64>,
    ) -> Option<ClusterError> {
        match self.get()? {
            Ending::Closed => None,
            Ending::Refused(reason) => Some(refused(at.clone(), reason)),
            Ending::Lost(reason) => Some(ClusterError::ConnectionLost {
                at: at.clone(),
                reason,
                received,
                expected,
            }),
        }
    }
}

/// Classifies a text of the error channel.
///
/// Texts are free text of the container runtime:
///
/// - containerd: `failed to execute portforward in network namespace …: failed to connect to localhost:8081
///   inside namespace …: connect: connection refused`
/// - containerd, if the pod has stopped: `network namespace … is closed` or `not running`
/// - CRI-O: the output of socat, `Connection refused`
fn refused(at: PodPort, reason: String) -> ClusterError {
    let text = reason.to_ascii_lowercase();
    if text.contains("connection refused") {
        ClusterError::PortClosed {
            at,
            reason,
            flag: None,
        }
    } else if text.contains("not running")
        || text.contains("is closed")
        || text.contains("not found")
    {
        ClusterError::ContainerNotRunning { at, reason }
    } else {
        ClusterError::PortForward { at, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> ClusterError {
        let verdict = Verdict::default();
        verdict.set(Ending::Closed);
        verdict.set(Ending::Refused(text.into()));
        verdict.set(Ending::Lost("late".into()));
        let at = PodPort {
            namespace: "mqtt".into(),
            pod: "broker-0".into(),
            port: 8081,
        };
        verdict.error(&at, 0, None).unwrap()
    }

    #[test]
    fn the_words_of_the_kubelet_win_and_are_understood() {
        assert!(matches!(
            error("dial tcp4 127.0.0.1:8081: connect: connection refused"),
            ClusterError::PortClosed { .. }
        ));
        assert!(matches!(
            error("container not running (1234)"),
            ClusterError::ContainerNotRunning { .. }
        ));
        assert!(matches!(
            error("lost patience"),
            ClusterError::PortForward { .. }
        ));
    }
}
