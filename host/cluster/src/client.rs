//! Sends requests to the API server: credentials, address, TLS, and a proxy if one is configured.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use host_web::{Connector, Proxies};
use http::header::AUTHORIZATION;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use kube::client::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tower_service::Service;

use super::credentials::{Authorization, CredentialError};
use super::kubeconfig::UserEntry;

type BoxError = Box<dyn StdError + Send + Sync>;

/// The settings of a client.
pub(super) struct Parts {
    pub address: Uri,
    pub tls: ClientConfig,
    /// The name that the server's certificate must have, if it differs from the address.
    pub server_name: Option<ServerName<'static>>,
    pub proxies: Proxies,
    pub connect_timeout: Duration,
    pub authorization: Authorization,
    /// Headers that are added to every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Clone)]
struct Requests {
    http: legacy::Client<Timely<HttpsConnector<Connector>>, Body>,
    shared: Arc<Shared>,
}

struct Shared {
    address: Uri,
    authorization: Authorization,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Creates a client; it sends nothing. Call it within the async runtime.
pub(super) fn client(parts: Parts) -> kube::Client {
    let tls = Arc::new(parts.tls);
    let connector = Connector::with_tls(parts.proxies, Arc::clone(&tls), parts.connect_timeout);
    let mut builder = HttpsConnectorBuilder::new()
        .with_tls_config(ClientConfig::clone(&tls))
        .https_or_http();
    if let Some(name) = parts.server_name {
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = Timely {
        inner: builder.enable_http1().wrap_connector(connector),
        deadline: parts.connect_timeout,
    };
    let requests = Requests {
        http: legacy::Client::builder(TokioExecutor::new()).build(connector),
        shared: Arc::new(Shared {
            address: parts.address,
            authorization: parts.authorization,
            headers: parts.headers,
        }),
    };
    kube::Client::new(requests, "default")
}

impl Service<Request<Body>> for Requests {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Self { http, shared } = self.clone();
        Box::pin(async move {
            *request.uri_mut() = shared.whole(request.uri())?;
            let authorization = shared.authorization.header().await?;
            let headers = request.headers_mut();
            if let Some(value) = authorization {
                headers.insert(AUTHORIZATION, value);
            }
            for (name, value) in &shared.headers {
                headers.append(name, value.clone());
            }
            let response = http.request(request).await?;
            if response.status() == StatusCode::UNAUTHORIZED {
                shared.authorization.refused().await;
            }
            Ok(response)
        })
    }
}

impl Shared {
    /// Returns the full address of an API path on this server.
    fn whole(&self, path: &Uri) -> Result<Uri, http::Error> {
        let path = path.path_and_query().map_or("/", PathAndQuery::as_str);
        let before = self.address.path().trim_end_matches('/');
        let mut parts = self.address.clone().into_parts();
        parts.path_and_query = Some(format!("{before}{path}").parse::<PathAndQuery>()?);
        Ok(Uri::from_parts(parts)?)
    }
}

/// Limits the time to connect: name resolution, TCP, proxy and TLS together.
#[derive(Clone)]
struct Timely<C> {
    inner: C,
    deadline: Duration,
}

impl<C> Service<Uri> for Timely<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Response: Send + 'static,
    C::Error: Into<BoxError>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<C::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let deadline = self.deadline;
        let connecting = self.inner.call(server);
        Box::pin(async move {
            match tokio::time::timeout(deadline, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("no connection within {deadline:?}"),
                )
                .into()),
            }
        })
    }
}

/// The characters that client-go's `headerKeyEscape` keeps: those of a header name except the percent sign.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'*')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Returns the headers that ask the server to impersonate another user.
pub(super) fn impersonation(
    user: &UserEntry,
) -> Result<Vec<(HeaderName, HeaderValue)>, CredentialError> {
    if user.impersonate.is_empty() {
        return Ok(Vec::new());
    }
    let value = |what: &str, text: &str| {
        HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
            CredentialError::Entry(format!(
                "the {what} to impersonate has a line break or another control character"
            ))
        })
    };
    let named = HeaderName::from_static;
    let mut headers = vec![(named("impersonate-user"), value("user", &user.impersonate)?)];
    if !user.impersonate_uid.is_empty() {
        headers.push((
            named("impersonate-uid"),
            value("uid", &user.impersonate_uid)?,
        ));
    }
    for group in &user.impersonate_groups {
        headers.push((named("impersonate-group"), value("group", group)?));
    }
    for (key, values) in &user.impersonate_extra {
        let name = format!("impersonate-extra-{}", utf8_percent_encode(key, ESCAPED));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            CredentialError::Entry("a key of `as-user-extra` can't be sent".to_owned())
        })?;
        for extra in values {
            headers.push((name.clone(), value("extra value", extra)?));
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_address_comes_before_that_of_the_request() {
        for (address, expected) in [
            ("https://api:6443", "https://api:6443/api/v1/pods?watch=1"),
            (
                "https://api/k8s/c-1",
                "https://api/k8s/c-1/api/v1/pods?watch=1",
            ),
            (
                "http://[::1]:80/x/",
                "http://[::1]:80/x/api/v1/pods?watch=1",
            ),
        ] {
            let shared = Shared {
                address: address.parse().unwrap(),
                authorization: Authorization::None,
                headers: Vec::new(),
            };
            let whole = shared.whole(&Uri::from_static("/api/v1/pods?watch=1"));
            assert_eq!(whole.unwrap(), expected);
        }
    }

    #[test]
    fn whoever_is_impersonated_stands_in_headers() {
        let text = "users: [{user: {as: eve, as-uid: '7', as-groups: [a, b], as-user-extra: {example.com/Team%: [x]}}}]";
        let config = super::super::kubeconfig::Kubeconfig::parse(text).unwrap();
        let headers = impersonation(&config.users[0].user).unwrap();
        let shown: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            shown,
            [
                "impersonate-user: eve",
                "impersonate-uid: 7",
                "impersonate-group: a",
                "impersonate-group: b",
                "impersonate-extra-example.com%2fteam%25: x",
            ]
        );
        let broken = UserEntry {
            impersonate: "eve\nx".into(),
            ..UserEntry::default()
        };
        assert!(impersonation(&broken).is_err());
    }
}
