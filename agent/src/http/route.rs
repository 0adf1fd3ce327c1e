//! The routes of the server.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::json;
use tokio::time;

use super::places::{Full, Place};
use super::reply::{self, Reply};
use super::{Agent, auth, export};
use crate::metrics;

/// Maximum length of the body of a request, in bytes. The contract says that bodies are ignored; longer
/// bodies are rejected.
const BODY: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Capabilities,
    Export,
    Health,
    Metrics,
}

impl Route {
    const ALL: [Self; 4] = [
        Self::Capabilities,
        Self::Export,
        Self::Health,
        Self::Metrics,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Capabilities => "/backup/capabilities",
            Self::Export => "/backup/export",
            Self::Health => "/healthz",
            Self::Metrics => "/metrics",
        }
    }

    /// Returns the methods of the route, as in an `Allow` header.
    fn allow(self) -> &'static str {
        match self {
            Self::Export => "POST",
            _ => "GET",
        }
    }

    fn needs_token(self) -> bool {
        matches!(self, Self::Capabilities | Self::Export)
    }
}

/// Answers one request, and counts it. This future is dropped when the client disconnects.
pub async fn answer(agent: &Arc<Agent>, place: &Place, request: Request<Incoming>) -> Reply {
    let found = Route::ALL
        .into_iter()
        .find(|route| route.path() == request.uri().path());
    let reply = match found {
        Some(route) => Box::pin(routed(agent, place, route, request)).await,
        None => reply::error(StatusCode::NOT_FOUND, "Not found"),
    };
    // Unknown paths share one name in the metrics. Otherwise any client could create an unlimited number of
    // them.
    let name = found.map_or("unknown", Route::path);
    agent.metrics.answered(name, reply.status().as_u16());
    agent.log.debug(&format!("{name}: {}", reply.status()));
    reply
}

async fn routed(
    agent: &Arc<Agent>,
    place: &Place,
    route: Route,
    request: Request<Incoming>,
) -> Reply {
    if request.method() != method(route) {
        let mut reply = reply::error(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
        reply::set(&mut reply, header::ALLOW, route.allow());
        return reply;
    }
    if route.needs_token() {
        if let Err(denied) = auth::check(request.headers(), &agent.config.api_token) {
            agent
                .log
                .warn(&format!("{}: {}", route.path(), denied.message()));
            let mut reply = reply::error(StatusCode::UNAUTHORIZED, denied.message());
            reply::set(&mut reply, header::WWW_AUTHENTICATE, "Bearer");
            return reply;
        }
        if let Err(Full) = place.authenticate() {
            return export::busy();
        }
    }
    match route {
        Route::Capabilities => reply::json(StatusCode::OK, &agent.config.capabilities),
        Route::Export => {
            let (head, body) = request.into_parts();
            // The body is read to its end, because only then does the server notice that the client has
            // disconnected.
            let body = Limited::new(body, BODY).collect();
            match within(agent.config.limits.request, body).await {
                Some(Ok(_)) => {}
                Some(Err(_)) => {
                    let text = "The body of the request is too large";
                    return reply::error(StatusCode::PAYLOAD_TOO_LARGE, text);
                }
                None => {
                    let text = "The body of the request took too long";
                    let mut reply = reply::error(StatusCode::REQUEST_TIMEOUT, text);
                    reply::set(&mut reply, header::CONNECTION, "close");
                    return reply;
                }
            }
            Box::pin(export::answer(agent, &head)).await
        }
        Route::Health => reply::json(StatusCode::OK, &json!({ "status": "ok" })),
        Route::Metrics => match agent.metrics.text() {
            Ok(text) => reply::full(StatusCode::OK, metrics::CONTENT_TYPE, text),
            Err(e) => reply::error(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
        },
    }
}

/// Returns `None` if the future takes longer than `limit`. A limit of zero means none.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        return Some(future.await);
    }
    time::timeout(limit, future).await.ok()
}

fn method(route: Route) -> Method {
    match route {
        Route::Export => Method::POST,
        _ => Method::GET,
    }
}
