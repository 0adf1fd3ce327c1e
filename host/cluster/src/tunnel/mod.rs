//! Opens a port-forward to one port of one pod: a websocket to `pods/portforward`, without a local port.

mod ending;
mod stream;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

pub(super) use ending::{Ending, Verdict};
pub(super) use stream::TunnelStream;

use super::request::PORT_FORWARD;
use super::{Cluster, ClusterError, PodPort};

/// The stream of a tunnel over the connection to the API server.
pub(super) type Tunnel = TunnelStream<TokioIo<Upgraded>>;

impl Cluster {
    /// Opens a tunnel. Only its first use shows whether anything listens on the port.
    pub(super) async fn open_tunnel(
        &self,
        at: &PodPort,
        verdict: Verdict,
    ) -> Result<Tunnel, ClusterError> {
        let access = self.access("get", &PORT_FORWARD, Some(&at.pod));
        let query = format!("ports={}", at.port);
        let what = format!("a port-forward to {at}");
        let websocket = self.open_websocket(&access, &query, &what).await?;
        Ok(TunnelStream::new(websocket, at.port, verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Answers, status};
    use super::super::{KubeletFailure, KubeletTrouble};
    use super::*;

    fn at() -> PodPort {
        PodPort {
            namespace: "mqtt".into(),
            pod: "broker-0".into(),
            port: 8081,
        }
    }

    const PATH: &str = "pods/broker-0/portforward";

    async fn refused(answers: Answers) -> (KubeletFailure, usize) {
        let cluster = answers.mocked();
        let error = cluster.open_tunnel(&at(), Verdict::default()).await.err();
        let Some(ClusterError::KubeletFailed(failure)) = error else {
            panic!("{error:?}");
        };
        // The last request asked about the pod's node.
        (*failure, cluster.request_count() - 1)
    }

    #[tokio::test(start_paused = true)]
    async fn a_kubelet_that_is_starting_or_away_is_asked_again_a_few_times() {
        let away =
            "error dialing backend: dial tcp 192.168.49.2:10250: connect: connection refused";
        let away = Answers::default().with(PATH, 500, &status(500, away));
        let unknown = |code, text| Answers::default().with_text(PATH, code, text);
        for (answers, trouble) in [
            (
                unknown(404, "pod does not exist\n"),
                KubeletTrouble::UnknownPod,
            ),
            (
                unknown(500, "pod not found (\"broker-0_mqtt\")"),
                KubeletTrouble::UnknownPod,
            ),
            (unknown(502, "Bad Gateway"), KubeletTrouble::Away),
            (away, KubeletTrouble::Away),
        ] {
            let (failure, asked) = refused(answers).await;
            assert_eq!((failure.trouble, failure.tries, asked), (trouble, 4, 4));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_get_better_is_asked_once() {
        let distrust = "error dialing backend: x509: certificate signed by unknown authority";
        let answers = Answers::default().with(PATH, 500, &status(500, distrust));
        let (failure, asked) = refused(answers).await;
        assert_eq!(
            (failure.trouble, failure.tries, asked),
            (KubeletTrouble::Distrust, 1, 1)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_is_busy_is_asked_again_and_blamed_itself() {
        for code in [429, 503, 504] {
            let busy = status(code, "the server is currently unable to handle the request");
            let cluster = Answers::default().with(PATH, code, &busy).mocked();
            let error = cluster.open_tunnel(&at(), Verdict::default()).await.err();
            assert!(matches!(error, Some(ClusterError::Api { .. })), "{error:?}");
            assert_eq!(cluster.request_count(), 4);
        }
    }
}
