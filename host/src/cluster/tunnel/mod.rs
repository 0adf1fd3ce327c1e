//! A port-forward to one port of one pod: a websocket to `pods/portforward`, no local port.

mod ending;
mod stream;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

pub(super) use ending::Verdict;
pub(super) use stream::TunnelStream;

use super::request::PORT_FORWARD;
use super::{Cluster, ClusterError, PodPort};

/// The stream of a tunnel over the connection to the API server.
pub(super) type Tunnel = TunnelStream<TokioIo<Upgraded>>;

impl Cluster {
    /// Opens a tunnel. Whether anything listens on the port is only known when it is used.
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
    use super::super::testing::Answers;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_kubelet_that_is_starting_is_asked_again_a_few_times() {
        let path = "pods/broker-0/portforward";
        let cluster = Answers::default()
            .with_text(path, 404, "pod does not exist\n")
            .mocked();
        let at = PodPort {
            namespace: "mqtt".into(),
            pod: "broker-0".into(),
            port: 8081,
        };
        let error = cluster.open_tunnel(&at, Verdict::default()).await.err();
        assert!(matches!(
            error,
            Some(ClusterError::KubeletNotReady { tries: 4, .. })
        ));
        assert_eq!(cluster.request_count(), 4);
    }
}
