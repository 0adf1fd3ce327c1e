//! Connects to the address of a pod, past the API server.
//!
//! Inside the cluster this is several times as fast as a port-forward, and costs the control plane nothing. Some backends
//! listen on the loopback address of their pod only, which refuses, and a `NetworkPolicy` drops packets in silence. So
//! the limit of a connection is short, and a port-forward is the fallback.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::request::PODS;
use super::tunnel::{Ending, Verdict};
use super::{Cluster, PodPort};

/// Maximum time to connect. A pod of the same cluster answers within milliseconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// A TCP connection that notes how it ended.
pub(super) struct DirectStream {
    stream: TcpStream,
    verdict: Verdict,
}

impl Cluster {
    /// Connects to a port at the address of its pod.
    ///
    /// The record of the pod is read each time. Since the last connection the address may have gone to another pod, and
    /// that one must not get the credentials.
    ///
    /// # Errors
    /// The reason why the address can't be used, as a clause.
    pub(super) async fn dial(
        &self,
        at: &PodPort,
        verdict: Verdict,
    ) -> Result<(SocketAddr, DirectStream), String> {
        let pod = self.get::<Pod>(&PODS, &at.pod).await;
        let pod = pod.map_err(|error| error.to_string())?;
        let pod = pod.ok_or("there is no such pod")?;
        let address = SocketAddr::new(address(&pod)?, at.port);
        let connecting = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address));
        let stream = match connecting.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(format!("{address}: {error}")),
            Err(_) => {
                return Err(format!(
                    "{address} did not answer within {} s",
                    CONNECT_LIMIT.as_secs()
                ));
            }
        };
        // Requests are written in one piece, so there is nothing to collect.
        let _ = stream.set_nodelay(true);
        Ok((address, DirectStream { stream, verdict }))
    }
}

/// Returns the address of a running pod.
fn address(pod: &Pod) -> Result<IpAddr, String> {
    let status = pod.status.as_ref();
    // The address of a pod that has ended may belong to another one.
    if status.and_then(|it| it.phase.as_deref()) != Some("Running") {
        return Err("the pod is not running".to_owned());
    }
    let text = status
        .and_then(|it| it.pod_ip.as_deref())
        .unwrap_or_default();
    let address: IpAddr = text
        .parse()
        .map_err(|_| "the pod has no address".to_owned())?;
    let address = address.to_canonical();
    if is_special(address) {
        return Err(format!("{address} is no address of a pod"));
    }
    Ok(address)
}

/// Returns true for addresses that a pod can't have.
///
/// A program that may write the status of pods could name one of them. It could so lead a run to the metadata service of
/// a cloud.
///
/// The API server forbids the same addresses in endpoints: `ValidateNonSpecialIP` of `k8s.io/kubernetes/pkg/apis/core`.
fn is_special(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    // A simulated cluster has its pods on loopback.
    let is_loopback = address.is_loopback() && !cfg!(debug_assertions);
    is_loopback || is_link_local || address.is_unspecified() || address.is_multicast()
}

impl AsyncRead for DirectStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        match &read {
            Ok(()) if buffer.filled().len() == before && buffer.remaining() > 0 => {
                self.verdict.set(Ending::Closed);
            }
            Ok(()) => {}
            Err(error) => self.verdict.set(Ending::Lost(error.to_string())),
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for DirectStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
