//! An HTTP client for machines outside the cluster. It adds to hyper:
//!
//! - http is used for loopback and for hosts that the user named, https for all others.
//! - Redirects are followed five times, and never from https to http. Credentials are sent only to the host
//!   and port that they are for.
//! - A response is read up to a limit, whatever its `Content-Length` says.
//! - A deadline limits the time until a response begins, and between two pieces of it.

mod redirect;

use bytes::Bytes;
use host_web::{self, Connector, Proxies, is_loopback};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::TokioExecutor;

use super::{Deadlines, SourceError, SourceOptions};

const MAX_REDIRECTS: usize = 5;

/// The maximum size of a refusal that is read for its reason, in bytes.
const MAX_REFUSAL: u64 = 16 * 1024;

const NAME: &str = concat!("kubectl-broker/", env!("CARGO_PKG_VERSION"));

pub(super) struct Client {
    pool: Pool<HttpsConnector<Connector>, Full<Bytes>>,
    insecure: Vec<String>,
    deadlines: Deadlines,
}

/// A complete response of any status.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn new(options: SourceOptions) -> Result<Self, SourceError> {
        let connector = Connector::new(
            Proxies::new(options.proxies)?,
            options.ca_file.as_deref(),
            options.deadlines.connect,
        )?;
        Ok(Self {
            pool: Pool::builder(TokioExecutor::new()).build(connector.over_tls()),
            insecure: options.insecure_registries,
            deadlines: options.deadlines,
        })
    }

    /// Returns true if the user allowed this host without TLS.
    pub(super) fn is_insecure(&self, authority: &str) -> bool {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        // An IPv6 address has brackets only if a port may follow.
        let bare = host.trim_matches(['[', ']']);
        self.insecure.iter().any(|named| {
            // Users copy URLs: `http://HOST:PORT/`.
            let named = named.split_once("://").map_or(named.as_str(), |it| it.1);
            let named = named.trim_end_matches('/');
            [authority, host, bare]
                .iter()
                .any(|known| named.eq_ignore_ascii_case(known))
        })
    }

    /// Requests `address` and follows redirects. A successful response is read up to `limit` bytes; of any
    /// other response only the beginning is read.
    pub(super) async fn get(
        &self,
        address: &Uri,
        mut headers: HeaderMap,
        limit: u64,
    ) -> Result<Answer, SourceError> {
        let mut at = address.clone();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send(Method::GET, &at, &headers, Bytes::new()).await?;
            let Some(next) = redirect::target(&at, &answer)? else {
                return self.read(&at, answer, limit).await;
            };
            if next.authority() != at.authority() || next.scheme() != at.scheme() {
                headers.remove(AUTHORIZATION);
            }
            at = next;
        }
        Err(SourceError::TooManyRedirects {
            url: shown(address),
            limit: MAX_REDIRECTS,
        })
    }

    /// Sends `body` to `address`. Redirects are returned and not followed.
    pub(super) async fn post(
        &self,
        address: &Uri,
        headers: HeaderMap,
        body: String,
        limit: u64,
    ) -> Result<Answer, SourceError> {
        let answer = self
            .send(Method::POST, address, &headers, body.into())
            .await?;
        self.read(address, answer, limit).await
    }

    async fn send(
        &self,
        method: Method,
        address: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, SourceError> {
        self.check(address)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = address.clone();
        *request.headers_mut() = headers.clone();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
        // Digests and limits refer to the unencoded bytes.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        match tokio::time::timeout(self.deadlines.idle, self.pool.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(host_web::failed(address, &error, self.deadlines.connect).into()),
            Err(_) => Err(self.late(address)),
        }
    }

    fn check(&self, address: &Uri) -> Result<(), SourceError> {
        let authority = address.authority().map_or("", |it| it.as_str());
        if authority.contains('@') {
            return Err(SourceError::BadUrl {
                url: shown(address),
                reason: "an address must not contain a user name and a password",
            });
        }
        match address.scheme_str() {
            Some("https") => Ok(()),
            Some("http") if is_loopback(address) || self.is_insecure(authority) => Ok(()),
            Some("http") => Err(SourceError::PlainHttp {
                url: shown(address),
            }),
            _ => Err(SourceError::BadUrl {
                url: shown(address),
                reason: "only https is supported",
            }),
        }
    }

    async fn read(
        &self,
        address: &Uri,
        answer: Response<Incoming>,
        limit: u64,
    ) -> Result<Answer, SourceError> {
        let (head, mut body) = answer.into_parts();
        let success = head.status.is_success();
        let limit = if success { limit } else { MAX_REFUSAL };
        let too_long = || SourceError::TooLong {
            what: shown(address),
            limit,
        };
        let announced = head.headers.get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if success && announced.is_some_and(|length| length > limit) {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        while let Some(frame) = tokio::time::timeout(self.deadlines.idle, body.frame())
            .await
            .map_err(|_| self.late(address))?
        {
            let frame = frame.map_err(|error| SourceError::Broken {
                what: shown(address),
                reason: error.to_string(),
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if (bytes.len() + data.len()) as u64 > limit {
                if success {
                    return Err(too_long());
                }
                break;
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: bytes,
        })
    }

    fn late(&self, address: &Uri) -> SourceError {
        SourceError::TimedOut {
            what: shown(address),
            after: self.deadlines.idle,
        }
    }
}

impl Answer {
    /// Returns the response if it is successful, and an error otherwise. `what` names the requested item.
    pub(super) fn successful(self, what: &str) -> Result<Self, SourceError> {
        let what = what.to_owned();
        match self.status.as_u16() {
            200 => Ok(self),
            404 | 410 => Err(SourceError::NotFound {
                what,
                message: self.message(),
            }),
            status @ (401 | 403 | 407) => Err(SourceError::NotAllowed {
                what,
                status,
                message: self.message(),
            }),
            status => Err(SourceError::Status {
                what,
                status,
                message: self.message(),
            }),
        }
    }

    /// Returns a registry's message about a refusal, or a short text. A page for browsers gives no message.
    fn message(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Refusal {
            errors: Vec<Reason>,
        }
        #[derive(serde::Deserialize)]
        struct Reason {
            #[serde(default)]
            message: String,
        }
        if let Ok(refusal) = serde_json::from_slice::<Refusal>(&self.body) {
            let first = refusal.errors.into_iter().next();
            return first.map(|reason| reason.message).unwrap_or_default();
        }
        let text = String::from_utf8_lossy(&self.body);
        let text = text.trim();
        if text.starts_with(['<', '{', '[']) || text.contains('\n') {
            return String::new();
        }
        text.to_owned()
    }
}

/// Returns a URL for people, without its password and without its query, where pre-signed URLs have their
/// secrets.
pub(super) fn shown(address: &Uri) -> String {
    let host = address.authority().map_or("", |it| {
        let text = it.as_str();
        text.rsplit_once('@').map_or(text, |(_, host)| host)
    });
    let scheme = address.scheme_str().unwrap_or_default();
    format!("{scheme}://{host}{}", address.path())
}

#[cfg(test)]
mod tests;
