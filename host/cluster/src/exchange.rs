//! One HTTP/1.1 connection over one tunnel, and what hyper's errors on it mean.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::refusal::causes;
use super::tunnel::{TunnelStream, Verdict};
use super::{ClusterError, PodPort, RequestBody};

/// Bound on hyper's read buffer, and with it on the size of the pieces of a body.
const READ_BUFFER: usize = 128 * 1024;

/// How long the last exchange may take to be cleared away. Only a request whose body the backend did
/// not want to read takes any time at all.
const SETTLING: Duration = Duration::from_millis(250);

pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    at: PodPort,
    verdict: Verdict,
    /// Whether it has carried an exchange before this one, and may have gone stale since.
    pub reused: bool,
    _driver: Driver,
}

/// The task that moves the bytes. It ends with the connection: nothing may outlive a deadline.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A request that got no answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub error: ClusterError,
    /// Whether it is certain that not one byte of it reached the backend.
    pub unsent: bool,
}

impl Connection {
    /// Speaks HTTP over `tunnel`. Nothing is sent yet.
    pub async fn over<S>(
        tunnel: TunnelStream<S>,
        at: PodPort,
        verdict: Verdict,
    ) -> Result<Self, ClusterError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::Builder::new()
            .max_buf_size(READ_BUFFER)
            .handshake(TokioIo::new(tunnel))
            .await;
        let (sender, connection) = handshake.map_err(|source| ClusterError::Http {
            at: at.clone(),
            source,
        })?;
        let driver = Driver(tokio::spawn(async move {
            // Its error is the exchange's error too, and is reported there.
            let _ = connection.await;
        }));
        Ok(Self {
            sender,
            at,
            verdict,
            reused: false,
            _driver: driver,
        })
    }

    pub fn at(&self) -> &PodPort {
        &self.at
    }

    /// Whether it can carry another exchange: not when the far end has closed.
    pub async fn is_usable(&mut self) -> bool {
        let ready = tokio::time::timeout(SETTLING, self.sender.ready()).await;
        matches!(ready, Ok(Ok(()))) && self.verdict.get().is_none()
    }

    pub async fn exchange(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let answered = self.sender.try_send_request(request).await;
        answered.map_err(|mut failed| {
            let unsent = failed.take_message().is_some();
            let source = failed.into_error();
            let error = self.verdict.error(&self.at, 0, None).unwrap_or_else(|| {
                if source.is_parse() {
                    ClusterError::NotHttp {
                        at: self.at.clone(),
                        source,
                    }
                } else if source.is_incomplete_message()
                    || source.is_canceled()
                    || source.is_closed()
                {
                    ClusterError::NoAnswer {
                        at: self.at.clone(),
                    }
                } else {
                    ClusterError::Http {
                        at: self.at.clone(),
                        source,
                    }
                }
            });
            Unanswered { error, unsent }
        })
    }

    /// What it means that a body broke off.
    pub fn body_error(
        &self,
        source: hyper::Error,
        received: u64,
        expected: Option<u64>,
    ) -> ClusterError {
        if let Some(error) = self.verdict.error(&self.at, received, expected) {
            return error;
        }
        let at = self.at.clone();
        if source.is_incomplete_message() || is_early_end(&source) {
            ClusterError::Incomplete {
                at,
                received,
                expected,
            }
        } else {
            ClusterError::Http { at, source }
        }
    }
}

/// hyper reports a body that is shorter than announced as an I/O error of kind `UnexpectedEof`.
fn is_early_end(error: &hyper::Error) -> bool {
    causes(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// Where a connection waits for its next exchange.
#[derive(Clone, Default)]
pub(super) struct Parking(Arc<Mutex<Option<Connection>>>);

impl Parking {
    pub fn take(&self) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub fn put(&self, mut connection: Connection) {
        connection.reused = true;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }
}
