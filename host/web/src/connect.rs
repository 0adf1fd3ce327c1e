//! Connects to an address, through a proxy if one is configured.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use host_base::files;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Error as RequestError;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::WebError;
use super::proxies::{Proxies, Proxy};
use super::read_ahead::ReadAhead;
use super::tls::{Anchors, Trust, client_config, explain};

/// The maximum size of a file with trusted certificates, in bytes. That of a system has about 200 KiB.
const MAX_CERTIFICATES: u64 = 16 << 20;

type Stream = ReadAhead<MaybeHttpsStream<TokioIo<TcpStream>>>;
type BoxError = Box<dyn StdError + Send + Sync>;

/// Opens connections to servers. TLS with the server itself is added on top.
#[derive(Clone)]
pub struct Connector {
    tcp: HttpConnector,
    tls: Arc<ClientConfig>,
    proxies: Arc<Proxies>,
}

impl Connector {
    /// Creates a connector that trusts the certificates of the system or of a file. A connection attempt ends
    /// at `deadline`.
    ///
    /// # Errors
    /// When the file can't be read, or has no certificate.
    pub fn new(
        proxies: Proxies,
        ca_file: Option<&Path>,
        deadline: Duration,
    ) -> Result<Self, WebError> {
        Ok(Self::with_tls(proxies, Arc::new(tls(ca_file)?), deadline))
    }

    /// Creates a connector with other TLS settings, which also apply to proxies with TLS.
    pub fn with_tls(proxies: Proxies, tls: Arc<ClientConfig>, deadline: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(deadline));
        Self {
            tcp,
            tls,
            proxies: Arc::new(proxies),
        }
    }

    /// Returns a connector that uses TLS for addresses with `https`.
    pub fn over_tls(self) -> HttpsConnector<Self> {
        let tls = Arc::clone(&self.tls);
        HttpsConnector::from((self, tls))
    }
}

/// Returns TLS settings that trust the certificates of the system, or only those in `ca_file`.
fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, WebError> {
    let trust = match ca_file {
        None => Trust::System,
        Some(path) => Trust::Only(anchors(path)?),
    };
    client_config(trust, None).map_err(|reason| WebError::Configuration {
        what: "TLS of this system".to_owned(),
        reason,
    })
}

fn anchors(path: &Path) -> Result<Anchors, WebError> {
    let unusable = |reason: String| WebError::Configuration {
        what: format!("{}, the file of trusted certificates,", path.display()),
        reason,
    };
    let pem = files::read(path, MAX_CERTIFICATES).map_err(|error| unusable(error.to_string()))?;
    Anchors::from_pem(&pem).map_err(|reason| unusable(reason.to_owned()))
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Stream, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Self {
            mut tcp,
            tls,
            proxies,
        } = self.clone();
        Box::pin(async move {
            let stream = match proxies.of(&server)? {
                None => MaybeHttpsStream::Http(tcp.call(server).await?),
                Some(Proxy::Tunnel {
                    address,
                    authorization,
                }) => {
                    let mut tunnel = Tunnel::new(address, HttpsConnector::from((tcp, tls)));
                    if let Some(authorization) = authorization {
                        tunnel = tunnel.with_auth(authorization);
                    }
                    tunnel.call(server).await?
                }
                Some(Proxy::Socks { address, login }) => {
                    let mut socks = SocksV5::new(address, tcp);
                    if let Some((user, password)) = login {
                        socks = socks.with_auth(user, password);
                    }
                    MaybeHttpsStream::Http(socks.call(server).await?)
                }
            };
            Ok(ReadAhead::new(stream))
        })
    }
}

/// Returns the error for a request that got no response.
pub fn failed(address: &Uri, error: &RequestError, deadline: Duration) -> WebError {
    let host = address
        .authority()
        .map_or_else(String::new, ToString::to_string);
    let mut last: &(dyn StdError + 'static) = error;
    loop {
        // An `io::Error` returns the source of the error inside it and skips that error itself.
        let carried = last
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn StdError + 'static));
        match carried.or_else(|| last.source()) {
            Some(next) => last = next,
            None => break,
        }
        let late = last.downcast_ref::<io::Error>();
        if late.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return WebError::TimedOut {
                host,
                after: deadline,
            };
        }
        if let Some(refused) = last.downcast_ref::<rustls::Error>() {
            let reason = explain(refused);
            return match refused {
                rustls::Error::InvalidCertificate(_) => WebError::Certificate { host, reason },
                _ => WebError::Unreachable { host, reason },
            };
        }
    }
    WebError::Unreachable {
        host,
        reason: last.to_string(),
    }
}
