//! Connects Amazon's library through this program's own connections, so that proxies and certificates are the
//! same.

use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};

use super::client::Pool;

/// The maximum size of a response with credentials, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// The timeout of a request for which the library sets none.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn http_client(pool: Pool) -> SharedHttpClient {
    http_client_fn(move |settings, _| {
        let limits = [settings.connect_timeout(), settings.read_timeout()];
        let limit: Duration = limits.into_iter().flatten().sum();
        SharedHttpConnector::new(Connections {
            pool: pool.clone(),
            limit: if limit.is_zero() { PATIENCE } else { limit },
        })
    })
}

struct Connections {
    pool: Pool,
    limit: Duration,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (pool, limit) = (self.pool.clone(), self.limit);
        HttpConnectorFuture::new(async move {
            tokio::time::timeout(limit, exchange(pool, request))
                .await
                .map_err(|late| ConnectorError::timeout(late.into()))?
        })
    }
}

async fn exchange(pool: Pool, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let (head, body) = request.into_parts();
    // Requests for credentials have their body in memory.
    let body = body.bytes().map(Bytes::copy_from_slice);
    let body = body.ok_or_else(|| ConnectorError::user("the request is a stream".into()))?;
    let request = http::Request::from_parts(head, Full::new(body));
    let answer = pool
        .request(request)
        .await
        .map_err(|error| ConnectorError::io(error.into()))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    let body = body.map_err(ConnectorError::io)?.to_bytes();
    let answer = http::Response::from_parts(head, SdkBody::from(body));
    HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
}
