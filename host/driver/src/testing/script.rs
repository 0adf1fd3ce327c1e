//! A network that follows a script.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use host_cluster::{
    Candidate, ClusterError, Deadlines, EndpointSpec, PodPort, RequestBody, Target, TargetPod,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backends::{BackendAnswer, BackendClient, Backends};

/// The error that the connection to a port of a pod ends with.
pub(crate) type Fault = fn(PodPort) -> ClusterError;

/// The answers of all backends. Clones share the script and its record.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    is_asked: Notify,
}

#[derive(Default)]
struct State {
    /// Answers by method and path, such as `GET /backups`. The last answer is given again and again.
    replies: BTreeMap<String, VecDeque<Reply>>,
    /// Results of the search for pods, by the last port of the endpoint. The last result stays, and without a
    /// result the pod is `broker-0`.
    pods: BTreeMap<u16, VecDeque<Result<&'static str, Fault>>>,
    /// The reasons why pods can't be asked, by pod.
    problems: BTreeMap<&'static str, String>,
    /// The pods that the target lacks.
    missing: Vec<String>,
    asked: Vec<Asked>,
    /// The last port of each endpoint that was searched for.
    searches: Vec<u16>,
}

/// A request that a backend received.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) pod: String,
    /// Method and path.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) at: Instant,
}

/// An answer of a backend.
#[derive(Clone)]
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
        end: End,
    },
    /// No answer arrives, for this reason.
    Fails(Fault),
    /// No answer ever arrives.
    Hangs,
}

/// The end of a body, after its last byte.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Whole,
    Breaks(Fault),
    Hangs,
}

impl Reply {
    pub(crate) fn text(status: u16, body: &impl Display) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: body.to_string().into(),
            end: End::Whole,
        }
    }

    pub(crate) fn bytes(status: u16, body: &[u8], end: End) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: Bytes::copy_from_slice(body),
            end,
        }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.to_string()));
        }
        self
    }
}

impl Script {
    /// Answers requests with this method and path.
    pub(crate) fn answers<const N: usize>(self, line: &str, replies: [Reply; N]) -> Self {
        self.state().replies.insert(line.to_owned(), replies.into());
        self
    }

    /// Sets the results of the searches for the pods of an endpoint. `port` is the last port that its manifest
    /// tries.
    pub(crate) fn finds<const N: usize>(
        self,
        port: u16,
        pods: [Result<&'static str, Fault>; N],
    ) -> Self {
        self.state().pods.insert(port, pods.into());
        self
    }

    /// Makes a pod unusable, for this reason.
    pub(crate) fn spoils(self, pod: &'static str, problem: &str) -> Self {
        self.state().problems.insert(pod, problem.to_owned());
        self
    }

    /// Makes the target larger by a pod that does not exist.
    pub(crate) fn lacks(self, pod: &str) -> Self {
        self.state().missing.push(pod.to_owned());
        self
    }

    /// Returns the requests, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// Returns method and path of the requests, in order.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// Returns the requests with this method and path.
    pub(crate) fn asked_for(&self, line: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.line == line);
        asked
    }

    /// Returns how often the pods of an endpoint were searched for. `port` is its last port.
    pub(crate) fn searches(&self, port: u16) -> usize {
        let state = self.state();
        state.searches.iter().filter(|it| **it == port).count()
    }

    /// Waits for a request with this method and path.
    pub(crate) async fn until_asked_for(&self, line: &str) {
        loop {
            let next = self.0.is_asked.notified();
            if !self.asked_for(line).is_empty() {
                return;
            }
            next.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the first value, and removes it unless it is the last one.
fn next<T: Clone>(values: &mut VecDeque<T>) -> Option<T> {
    if values.len() > 1 {
        values.pop_front()
    } else {
        values.front().cloned()
    }
}

impl Backends for Script {
    fn find<'a>(
        &'a self,
        target: &'a Target,
        spec: &'a EndpointSpec,
    ) -> BoxFuture<'a, Result<Arc<dyn BackendClient>, ClusterError>> {
        let port = spec.port.numbers.last().expect("a port").get();
        let mut state = self.state();
        state.searches.push(port);
        let found = state.pods.get_mut(&port).and_then(next);
        let at = |pod: &str| PodPort {
            namespace: "messaging".to_owned(),
            pod: pod.to_owned(),
            port,
        };
        let chosen = target.pod.as_deref().unwrap_or("broker-0");
        let found = match found.unwrap_or(Ok(chosen)) {
            Ok(pod) => Ok(Arc::new(Scripted {
                script: self.clone(),
                at: at(pod),
            }) as Arc<dyn BackendClient>),
            Err(fault) => Err(fault(at(&target.statefulset))),
        };
        std::future::ready(found).boxed()
    }

    fn pods<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Vec<TargetPod>, ClusterError>> {
        let pods = match &target.pod {
            Some(pod) => vec![pod.as_str()],
            None => vec!["broker-0", "broker-1", "broker-2"],
        };
        let pods = pods.into_iter().map(|name| TargetPod {
            name: name.to_owned(),
            problem: self.state().problems.get(name).cloned(),
        });
        std::future::ready(Ok(pods.collect())).boxed()
    }

    fn missing<'a>(&'a self, _: &'a Target, _: &'a [TargetPod]) -> BoxFuture<'a, Vec<String>> {
        std::future::ready(self.state().missing.clone()).boxed()
    }
}

/// The backend in one pod.
struct Scripted {
    script: Script,
    at: PodPort,
}

impl BackendClient for Scripted {
    fn send<'a>(
        &'a self,
        request: Request<RequestBody>,
        _: &'a Deadlines,
    ) -> BoxFuture<'a, Result<BackendAnswer, ClusterError>> {
        let line = format!("{} {}", request.method(), request.uri().path());
        let mut state = self.script.state();
        state.asked.push(Asked {
            pod: self.at.pod.clone(),
            line: line.clone(),
            headers: request.headers().clone(),
            at: Instant::now(),
        });
        let reply = state.replies.get_mut(&line).and_then(next);
        drop(state);
        self.script.0.is_asked.notify_waiters();
        match reply.unwrap_or_else(|| panic!("the script has no answer to {line}")) {
            Reply::Fails(fault) => std::future::ready(Err(fault(self.at.clone()))).boxed(),
            Reply::Hangs => std::future::pending().boxed(),
            Reply::Answer {
                status,
                headers,
                body,
                end,
            } => {
                let at = self.at.clone();
                let body = stream::iter([Ok(Frame::data(body))]);
                let body = match end {
                    End::Whole => StreamBody::new(body).boxed_unsync(),
                    End::Breaks(fault) => {
                        StreamBody::new(body.chain(stream::iter([Err(fault(at))]))).boxed_unsync()
                    }
                    End::Hangs => StreamBody::new(body.chain(stream::pending())).boxed_unsync(),
                };
                let mut answer = Response::new(body);
                *answer.status_mut() = status.try_into().expect("a status");
                answer.headers_mut().extend(headers.into_iter().map(|it| {
                    let value = HeaderValue::from_str(&it.1).expect("a value of a header");
                    (HeaderName::from_static(it.0), value)
                }));
                std::future::ready(Ok(answer)).boxed()
            }
        }
    }

    fn is_encrypted(&self) -> bool {
        false
    }

    fn candidate(&self) -> Option<Candidate> {
        None
    }

    fn answered(&self) -> Option<String> {
        Some(self.at.pod.clone())
    }

    fn settle_on_pod(&self) -> Option<String> {
        Some(self.at.pod.clone())
    }

    fn take_notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Errors of the cluster. Each is a [`Fault`].
pub(crate) mod faults {
    use std::time::Duration;

    use host_cluster::{ClusterError, Phase, PodPort};

    pub(crate) fn port_closed(at: PodPort) -> ClusterError {
        ClusterError::PortClosed {
            at,
            reason: "connection refused".to_owned(),
            flag: None,
        }
    }

    pub(crate) fn no_port(at: PodPort) -> ClusterError {
        ClusterError::NoPort {
            endpoint: "api".to_owned(),
            pod: at.pod,
            wanted: at.port.to_string(),
            declared: Vec::new(),
            flag: None,
        }
    }

    pub(crate) fn no_answer(at: PodPort) -> ClusterError {
        ClusterError::NoAnswer { at }
    }

    pub(crate) fn incomplete(at: PodPort) -> ClusterError {
        ClusterError::Incomplete {
            at,
            received: 1,
            expected: Some(2),
        }
    }

    pub(crate) fn tunnel_lost(at: PodPort) -> ClusterError {
        ClusterError::ConnectionLost {
            at,
            reason: "reset".to_owned(),
            received: 1,
            expected: None,
        }
    }

    pub(crate) fn timed_out(at: PodPort) -> ClusterError {
        ClusterError::TimedOut {
            at,
            phase: Phase::FirstByte,
            after: Duration::from_secs(30),
            received: 0,
            expected: None,
        }
    }

    pub(crate) fn pod_gone(at: PodPort) -> ClusterError {
        ClusterError::PodGone {
            pod: at.pod,
            namespace: at.namespace,
        }
    }

    pub(crate) fn pod_unscheduled(at: PodPort) -> ClusterError {
        ClusterError::PodUnscheduled {
            pod: at.pod,
            namespace: at.namespace,
        }
    }

    pub(crate) fn no_ready_pod(at: PodPort) -> ClusterError {
        ClusterError::NoReadyPod {
            statefulset: at.pod,
            namespace: at.namespace,
            reasons: Vec::new(),
        }
    }

    pub(crate) fn unauthorized(_: PodPort) -> ClusterError {
        ClusterError::Unauthorized {
            server: "https://127.0.0.1:1".to_owned(),
            who: "test".to_owned(),
            context: None,
        }
    }
}
