//! The server: its connections, and the processing of one request.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::auth::{self, Access};
use super::connections::Connections;
use super::objects::Objects;
use super::route::{Route, Target, route};
use super::status::ApiError;
use super::{access_review, discovery, events, openapi, rules_review, self_review};
use crate::access::User;
use crate::backend::Backends;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::jobs::Workloads;
use crate::log::{ApiRequest, Entry, Log};
use crate::pods::PodFiles;
use crate::tasks::Tasks;
use crate::web::{self, Query, Reply};

/// Maximum length of a body, in bytes: more than the limit of etcd.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// The state of an API server.
pub struct ApiServer {
    pub objects: Objects,
    pub faults: Faults,
    pub clock: Clock,
    pub log: Log<ApiRequest>,
    pub connections: Connections,
    pub backends: Backends,
    pub files: PodFiles,
    pub tasks: Tasks,
    pub workloads: Workloads,
    pub token: String,
    /// Host and port, as discovery reports them.
    pub address: String,
}

impl ApiServer {
    /// Accepts connections until the testbed's tasks are stopped.
    pub async fn run(self: Arc<Self>, listener: TcpListener, tls: TlsAcceptor) {
        loop {
            // A failed accept concerns only one client.
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let connection = Arc::clone(&self).connection(stream, tls.clone());
            self.tasks.spawn(connection);
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, tls: TlsAcceptor) {
        // Otherwise small frames of a port-forward would wait for acknowledgements.
        let _ = stream.set_nodelay(true);
        let Some(stream) = self.connections.accept(stream) else {
            return;
        };
        // A client that distrusts the certificate ends here and reports its own error.
        let Ok(stream) = tls.accept(stream).await else {
            return;
        };
        let service = service_fn(move |request| {
            let server = Arc::clone(&self);
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (parts, body) = request.into_parts();
        let answering = self.log.begin(&parts);
        let faults = self.faults.snapshot().api;
        if faults.hang {
            std::future::pending::<()>().await;
        }
        if !faults.latency.is_zero() {
            tokio::time::sleep(faults.latency).await;
        }
        if faults.html {
            return web::proxy_page(StatusCode::BAD_GATEWAY);
        }
        if let Some(status) = faults.status {
            let reason = match status.as_u16() {
                429 => "TooManyRequests",
                503 => "ServiceUnavailable",
                _ => "InternalError",
            };
            let message = "the server is currently unable to handle the request";
            return ApiError::new(status, reason, message).reply();
        }
        let mut reply = match self.routed(parts, body, answering.entry()).await {
            Ok(reply) => reply,
            Err(error) => error.reply(),
        };
        // Clients judge leases by the server's clock, which only this header shows.
        let date = self.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        if let Ok(date) = HeaderValue::from_str(&date.to_string()) {
            reply.headers_mut().insert(header::DATE, date);
        }
        reply
    }

    async fn routed(
        &self,
        mut parts: Parts,
        body: Incoming,
        entry: Entry,
    ) -> Result<Reply, ApiError> {
        let route = route(parts.uri.path(), &self.objects);
        // These two routes need no authentication.
        match &route {
            Route::Health(name) => return Ok(health(name, &parts)),
            Route::ServerVersion => return Ok(version()),
            _ => {}
        }
        let faults = self.faults.snapshot().api;
        let tokens = &self.workloads.cluster.tokens;
        let caller = auth::authenticate(&parts.headers, &self.token, tokens, &faults)?;
        let user = auth::effective(caller, &self.objects, &faults)?;
        let types = self.objects.types();
        let found = match route {
            Route::Resource(target) => {
                let asker = Asker { user, entry };
                return self.resource(&target, &asker, &mut parts, body).await;
            }
            Route::AccessReview => {
                let body = read_body(body).await?;
                let objects = &self.objects;
                return access_review::answer(&parts.method, &user, objects, &faults, &body);
            }
            Route::RulesReview => {
                let body = read_body(body).await?;
                return rules_review::answer(&parts.method, &user, &self.objects, &body);
            }
            Route::SelfReview => {
                return self_review::answer(&parts.method, &user, &self.objects, &faults);
            }
            Route::Groups { core } => {
                Some(discovery::root(&types, core, &self.address, &parts.headers))
            }
            Route::Group(name) => discovery::group(&types, &name),
            Route::Version { group, version } => Some(discovery::version(&types, &group, &version)),
            Route::OpenApi(path) => openapi::answer(&types, &path),
            Route::NoSuchResource => return Err(ApiError::no_such_resource()),
            Route::Health(_) | Route::ServerVersion | Route::Nowhere => None,
        };
        Ok(found.unwrap_or_else(|| web::text(StatusCode::NOT_FOUND, "404 page not found")))
    }

    async fn resource(
        &self,
        target: &Target,
        asker: &Asker,
        parts: &mut Parts,
        body: Incoming,
    ) -> Result<Reply, ApiError> {
        let query = Query::parse(parts.uri.query());
        let verb = target.verb(&parts.method, &query);
        let field = query.get("fieldSelector").unwrap_or_default();
        let selected = field
            .strip_prefix("metadata.name=")
            .filter(|name| !name.contains(','));
        let mut access = Access {
            user: &asker.user,
            verb,
            ty: &target.ty,
            resource: &target.resource(),
            namespace: target.namespace.as_deref(),
            // A list of one object by its name counts as a request for that object.
            name: target.name.as_deref().or(selected),
        };
        self.authorize(&access, &asker.entry)?;
        let connects = matches!(target.subresource.as_deref(), Some("exec" | "portforward"));
        if connects && asker.user.is_bound_by_rbac() {
            // Since Kubernetes 1.35 a GET also requires the permission `create`.
            access.verb = "create";
            self.authorize(&access, &asker.entry)?;
        }
        parts.extensions.insert(asker.clone());
        match events::in_core(target, &self.objects) {
            None => self.served(target, target, verb, &query, parts, body).await,
            Some(core) => {
                let reply = self.served(target, &core, verb, &query, parts, body).await;
                reply.map(events::outward)
            }
        }
    }

    /// Allows a request, and records the permission.
    pub(super) fn authorize(&self, access: &Access, entry: &Entry) -> Result<(), ApiError> {
        let faults = self.faults.snapshot().api;
        let authorized = auth::authorize(access, &self.objects, &faults);
        entry.needed(access.permission(), authorized.is_ok());
        authorized
    }

    /// Answers a permitted request for a resource, which may be stored as another one.
    async fn served(
        &self,
        asked: &Target,
        target: &Target,
        verb: &str,
        query: &Query,
        parts: &mut Parts,
        body: Incoming,
    ) -> Result<Reply, ApiError> {
        let served: Vec<_> = target.ty.subresources().iter().map(|s| s.0).collect();
        match target.subresource.as_deref() {
            Some(name) if !served.contains(&name) => return Err(ApiError::no_such_resource()),
            Some("exec") => return self.exec(target, parts, query),
            Some("portforward") => return self.port_forward(target, parts, query),
            Some("log") if verb == "get" => return self.log(target, query),
            Some("log") => return Err(ApiError::method_not_allowed()),
            _ => {}
        }
        if parts.method == Method::GET || parts.method == Method::HEAD {
            return match verb {
                "watch" => self.watch(target, &parts.headers, query),
                "list" => self.list(target, &parts.headers, query),
                _ => self.get(target, &parts.headers, query),
            };
        }
        let mut body = read_body(body).await?;
        if asked.ty.group != target.ty.group {
            body = events::inward(&asked.ty, &body, verb == "create")?;
        }
        let headers = &parts.headers;
        match verb {
            "create" if target.subresource.as_deref() == Some("eviction") => {
                self.evict(target, &body)
            }
            "create" => {
                if let Some(asker) = parts.extensions.get::<Asker>() {
                    self.check_owners(target, asker, &body)?;
                }
                self.create(target, headers, query, &body)
            }
            "update" => self.update(target, headers, query, &body),
            "patch" => self.patch(target, headers, query, &body),
            "delete" => self.delete(target, query, &body),
            "deletecollection" => self.delete_collection(target, query, &body),
            _ => Err(ApiError::method_not_allowed()),
        }
    }
}

/// The user of a request, and its entry in the log.
#[derive(Clone)]
pub(super) struct Asker {
    pub user: User,
    pub entry: Entry,
}

async fn read_body(body: Incoming) -> Result<Bytes, ApiError> {
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            format!("Request entity too large: {error}"),
        )),
    }
}

fn health(name: &str, parts: &Parts) -> Reply {
    if Query::parse(parts.uri.query()).get("verbose").is_some() {
        return web::text(StatusCode::OK, &format!("[+]ping ok\n{name} check passed"));
    }
    web::reply(StatusCode::OK, "text/plain; charset=utf-8", "ok")
}

fn version() -> Reply {
    let version = json!({
        "major": "1",
        "minor": "32",
        "gitVersion": "v1.32.4",
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2025-04-22T16:08:09Z",
        "goVersion": "go1.23.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    });
    web::json(StatusCode::OK, &version)
}
