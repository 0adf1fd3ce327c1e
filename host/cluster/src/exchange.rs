//! Runs one HTTP/1.1 connection over one tunnel, and interprets hyper's errors on it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host_web::{TlsFault, tls_error};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use super::first_bytes::FirstBytes;
use super::refusal::causes;
use super::tls_failure::{TlsFailure, TlsTrouble};
use super::tunnel::Verdict;
use super::{ClusterError, EndpointSpec, PodPort, RequestBody};

/// The limit of hyper's read buffer, in bytes, which also limits the pieces of a body.
const READ_BUFFER: usize = 128 * 1024;

/// How long the end of the last exchange may take. It takes time only if the backend did not read the whole
/// request body.
const SETTLING: Duration = Duration::from_millis(250);

pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    at: PodPort,
    verdict: Verdict,
    channel: Channel,
    /// True if the connection carried an earlier exchange, so that it may be stale.
    pub reused: bool,
    _driver: Driver,
}

/// The carrier of the bytes of a connection.
pub(super) struct Channel {
    /// The name of the server in requests.
    pub host: String,
    /// True with TLS.
    pub is_encrypted: bool,
    /// The first bytes of the server, inside the tunnel.
    pub first: FirstBytes,
}

/// The task that moves the bytes. It ends with the connection, so that it never outlives a deadline.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A request that got no response.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub error: ClusterError,
    /// True if it is certain that no byte of the request reached the backend.
    pub unsent: bool,
}

impl Connection {
    /// Starts HTTP over a tunnel, or over TLS inside one. It sends nothing yet.
    pub async fn over<S>(
        stream: S,
        at: PodPort,
        verdict: Verdict,
        channel: Channel,
    ) -> Result<Self, ClusterError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::Builder::new()
            .max_buf_size(READ_BUFFER)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = handshake.map_err(|source| ClusterError::Http {
            at: at.clone(),
            source,
        })?;
        let driver = Driver(tokio::spawn(async move {
            // The exchange reports the same error, so it is ignored here.
            let _ = connection.await;
        }));
        Ok(Self {
            sender,
            at,
            verdict,
            channel,
            reused: false,
            _driver: driver,
        })
    }

    pub fn at(&self) -> &PodPort {
        &self.at
    }

    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Returns true if the connection can carry another exchange. It can't if the far end has closed it.
    pub async fn is_usable(&mut self) -> bool {
        let ready = tokio::time::timeout(SETTLING, self.sender.ready()).await;
        matches!(ready, Ok(Ok(()))) && self.verdict.get().is_none()
    }

    pub async fn exchange(
        &mut self,
        request: Request<RequestBody>,
        spec: &EndpointSpec,
    ) -> Result<Response<Incoming>, Unanswered> {
        let answered = self.sender.try_send_request(request).await;
        if let Ok(response) = &answered
            && response.status() == StatusCode::BAD_REQUEST
            && self.wants_tls()
        {
            return Err(Unanswered {
                error: self.tls_failure(spec, TlsTrouble::Required),
                unsent: false,
            });
        }
        answered.map_err(|mut failed| {
            let unsent = failed.take_message().is_some();
            let source = failed.into_error();
            let error = self.verdict.error(&self.at, 0, None).unwrap_or_else(|| {
                if self.wants_tls() {
                    self.tls_failure(spec, TlsTrouble::Required)
                } else if let Some(trouble) = refused_client(&source, spec) {
                    self.tls_failure(spec, trouble)
                } else if source.is_parse() {
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

    /// Returns true if the server speaks TLS, and this connection does not.
    fn wants_tls(&self) -> bool {
        !self.channel.is_encrypted && self.channel.first.want_tls()
    }

    fn tls_failure(&self, spec: &EndpointSpec, trouble: TlsTrouble) -> ClusterError {
        ClusterError::Tls(Box::new(TlsFailure {
            at: self.at.clone(),
            trouble,
            flags: spec.tls.as_ref().map(|tls| tls.flags.clone()),
            port_flag: spec.port.flag.clone(),
        }))
    }

    /// Returns the error of an interrupted body.
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

/// Returns the refusal of a client certificate. With TLS 1.3 it arrives after the handshake.
fn refused_client(error: &hyper::Error, spec: &EndpointSpec) -> Option<TlsTrouble> {
    let mut of_tls = causes(error).filter_map(|it| it.downcast_ref::<io::Error>());
    let error = of_tls.find_map(tls_error)?;
    let was_given = spec.tls.as_ref()?.client.is_some();
    (TlsFault::of(error) == TlsFault::Client).then_some(TlsTrouble::Client { was_given })
}

/// Returns true for a body that is shorter than announced. hyper reports it as an I/O error of kind
/// `UnexpectedEof`.
fn is_early_end(error: &hyper::Error) -> bool {
    causes(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// The maximum number of connections that wait for their next exchange. An engine has no more requests at the
/// same time.
const MAX_PARKED: usize = 32;

/// A place where connections wait for their next exchange.
#[derive(Clone, Default)]
pub(super) struct Parking(Arc<Mutex<Vec<Connection>>>);

impl Parking {
    /// Returns the connection that was used last: it is the least likely to be stale.
    pub fn take(&self) -> Option<Connection> {
        self.parked().pop()
    }

    pub fn put(&self, mut connection: Connection) {
        connection.reused = true;
        let mut parked = self.parked();
        if parked.len() < MAX_PARKED {
            parked.push(connection);
        }
    }

    fn parked(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
