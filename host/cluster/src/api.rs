//! Lends this program's way to the API server to the `Api` of `kube`, for lists and watches. Their requests are
//! counted, limited and judged like all others.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::ACCEPT;
use http::{HeaderValue, Request, Response};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::client::Body;
use kube::core::GroupVersionKind;
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

use super::objects::ObjectType;
use super::request::Access;
use super::{Cluster, ClusterError, Identity, refusal};

/// The shortest time between the beginnings of two watches. `kube` restarts a watch at once after its end, so a
/// proxy that ends every watch would cause requests without a pause.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);

type BoxError = Box<dyn StdError + Send + Sync>;

/// The time at which the last watch began.
#[derive(Clone, Default)]
pub(super) struct Begun(Arc<Mutex<Option<Instant>>>);

/// The way of the requests of one `Api`.
#[derive(Clone)]
struct Requests {
    cluster: Cluster,
    ty: ObjectType,
    begun: Begun,
}

impl Cluster {
    /// Returns the objects of a type as `kube` accesses them. Call it within the async runtime.
    pub(super) fn api(&self, ty: &ObjectType, begun: &Begun) -> Api<DynamicObject> {
        let client = kube::Client::new(
            Requests {
                cluster: self.clone(),
                ty: ty.clone(),
                begun: begun.clone(),
            },
            ty.default_namespace(),
        );
        // Lists and watches use the plural only, and not the kind.
        let kind = GroupVersionKind::gvk(&ty.resource.group, &ty.resource.version, "");
        let resource = ApiResource::from_gvk_with_plural(&kind, &ty.resource.name);
        match ty.namespace() {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        }
    }
}

impl Service<Request<Body>> for Requests {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            // Lists and watches have no body.
            let mut request = request.map(|_| Vec::new());
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(ACCEPT, json);
            let query = request.uri().query().unwrap_or_default();
            let response = if query.split('&').any(|pair| pair == "watch=true") {
                this.watch(request).await
            } else {
                this.list(&request).await
            };
            response.map_err(Into::into)
        })
    }
}

impl Requests {
    async fn list(&self, request: &Request<Vec<u8>>) -> Result<Response<Body>, ClusterError> {
        let access = self.ty.access("list", None);
        let fetched = self.cluster.fetch(&access, request);
        let (status, _, bytes) = self.cluster.within_timeout(&access, fetched).await?;
        // The error of `kube` for a web page would not show the page.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]);
            let identity = &self.cluster.0.identity;
            return Err(refusal::not_kubernetes(identity, status.as_u16(), &begin));
        }
        Ok(Response::new(Body::from(bytes)))
    }

    async fn watch(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, ClusterError> {
        if let Some(begun) = self.begun.get() {
            sleep_until(begun + SHORTEST_WATCH).await;
        }
        self.begun.set();
        let access = self.ty.access("watch", None);
        let opened = self.cluster.open(&access, request);
        self.cluster.within_timeout(&access, opened).await
    }
}

impl Begun {
    fn set(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if the last watch began at least this time ago.
    pub fn is_before(&self, time: Duration) -> bool {
        self.get().is_some_and(|begun| begun.elapsed() >= time)
    }
}

/// Returns the error for a failed list or watch of an `Api` that [`Cluster::api`] returned.
pub(super) fn judged(identity: &Identity, access: &Access, error: kube::Error) -> ClusterError {
    match error {
        kube::Error::Service(error) => match error.downcast::<ClusterError>() {
            Ok(error) => *error,
            Err(error) => refusal::unreachable(identity, &kube::Error::Service(error)),
        },
        kube::Error::Api(status) => refusal::judged(identity, access, status.code, status.message),
        kube::Error::SerdeError(error) => {
            refusal::not_kubernetes(identity, 200, &error.to_string())
        }
        other => refusal::unreachable(identity, &other),
    }
}
