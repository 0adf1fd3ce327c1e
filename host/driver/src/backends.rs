//! The seam between the operations and the pods: the cluster implements it with port-forwards, tests with a
//! script.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_cluster::{
    Backend, Candidate, Cluster, ClusterError, Deadlines, EndpointSpec, RequestBody, Target,
    TargetPod,
};
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

/// A response of a backend, with its body as it arrives.
pub(super) type BackendAnswer = Response<UnsyncBoxBody<Bytes, ClusterError>>;

/// The way to one backend. The cluster's is a [`Backend`], which documents the methods.
pub(super) trait BackendClient: Send + Sync {
    fn send<'a>(
        &'a self,
        request: Request<RequestBody>,
        deadlines: &'a Deadlines,
    ) -> BoxFuture<'a, Result<BackendAnswer, ClusterError>>;

    fn candidate(&self) -> Option<Candidate>;

    fn is_encrypted(&self) -> bool;

    fn answered(&self) -> Option<String>;

    fn settle_on_pod(&self) -> Option<String>;

    fn take_notes(&self) -> Vec<String>;
}

/// Finds the pods and ports of endpoints.
pub(super) trait Backends: Send + Sync {
    fn find<'a>(
        &'a self,
        target: &'a Target,
        spec: &'a EndpointSpec,
    ) -> BoxFuture<'a, Result<Arc<dyn BackendClient>, ClusterError>>;

    /// Returns the pods of a target by ordinal. The pod that the user chose is the only one, and is not looked at.
    fn pods<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Vec<TargetPod>, ClusterError>>;

    /// Returns the names of the pods that a target lacks, as far as the user may know its size.
    fn missing<'a>(
        &'a self,
        target: &'a Target,
        known: &'a [TargetPod],
    ) -> BoxFuture<'a, Vec<String>>;
}

impl BackendClient for Backend {
    fn send<'a>(
        &'a self,
        request: Request<RequestBody>,
        deadlines: &'a Deadlines,
    ) -> BoxFuture<'a, Result<BackendAnswer, ClusterError>> {
        async {
            let answer = Self::send(self, request, deadlines).await?;
            Ok(answer.map(BodyExt::boxed_unsync))
        }
        .boxed()
    }

    fn candidate(&self) -> Option<Candidate> {
        self.candidate()
    }

    fn is_encrypted(&self) -> bool {
        self.is_encrypted()
    }

    fn answered(&self) -> Option<String> {
        self.answered()
    }

    fn settle_on_pod(&self) -> Option<String> {
        self.settle_on_pod()
    }

    fn take_notes(&self) -> Vec<String> {
        self.take_notes()
    }
}

impl Backends for Cluster {
    fn find<'a>(
        &'a self,
        target: &'a Target,
        spec: &'a EndpointSpec,
    ) -> BoxFuture<'a, Result<Arc<dyn BackendClient>, ClusterError>> {
        async {
            let backend = self.backend(target, spec).await?;
            Ok(Arc::new(backend) as Arc<dyn BackendClient>)
        }
        .boxed()
    }

    fn pods<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Vec<TargetPod>, ClusterError>> {
        async {
            match &target.pod {
                Some(pod) => Ok(vec![TargetPod {
                    name: pod.clone(),
                    problem: None,
                }]),
                None => self.pods_of(target).await,
            }
        }
        .boxed()
    }

    fn missing<'a>(
        &'a self,
        target: &'a Target,
        known: &'a [TargetPod],
    ) -> BoxFuture<'a, Vec<String>> {
        self.missing_pods(target, known).boxed()
    }
}
