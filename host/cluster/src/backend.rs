//! Sends requests to one endpoint. The connection is opened for the first request and reused for the next ones.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker_manifest::Tls;
use host_web::{Peer, TlsFault, Trust, explain, tls_error};
use http::{HeaderValue, Request, Response, Uri, Version, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::error::show;
use super::exchange::{Channel, Connection, Parking};
use super::first_bytes::Remembering;
use super::security::{Authorities, Known, Security, Step, TlsSpec};
use super::tls_failure::{TlsFailure, TlsTrouble};
use super::tunnel::Verdict;
use super::{
    BackendBody, Candidate, Cluster, ClusterError, EndpointSpec, Phase, PodPort, RequestBody,
    Target,
};

/// The deadlines of a request. They are independent, so that a server that sends single bytes does not look
/// like one that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Maximum time until the connection is open.
    pub connect: Duration,
    /// Maximum time from the end of the request to the first byte of the response.
    pub first_byte: Duration,
    /// Maximum time between two pieces of the response, or of a streamed request.
    pub idle: Duration,
    /// Maximum time of the whole exchange; `None` means no limit.
    pub total: Option<Duration>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            total: None,
        }
    }
}

/// An endpoint whose pods and ports are known.
pub struct Backend {
    cluster: Cluster,
    target: Target,
    spec: EndpointSpec,
    state: Mutex<State>,
    parking: Parking,
    security: Security,
}

#[derive(Default)]
struct State {
    /// Pods and ports where the backend may be, the best first. The list is empty only after all pods have
    /// died.
    candidates: Vec<Candidate>,
    /// Index of the candidate in use.
    position: usize,
    notes: Vec<String>,
    /// True after the first response. From then on no other candidate is tried: backups may belong to the
    /// pod.
    answered: bool,
    /// True if no other pod may be asked, because the user was told about this one.
    settled: bool,
    dead_pods: BTreeSet<String>,
    /// The ways to ports of pods whose own address was tried.
    ways: BTreeMap<(String, u16), Way>,
    /// The failure of the last pod's node. It says more than an error that no pod is left.
    failed_node: Option<ClusterError>,
}

/// The way to a pod whose own address was tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    /// The address can't be used.
    Forwarded,
}

/// The bytes to and from a port of a pod.
trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// The next step after a candidate failed.
enum Next {
    TryAgain,
    GiveUp(ClusterError),
}

impl Cluster {
    /// Finds the endpoint. It opens no tunnel yet.
    ///
    /// # Errors
    /// When no ready pod is found, with the reason.
    pub async fn backend(
        &self,
        target: &Target,
        spec: &EndpointSpec,
    ) -> Result<Backend, ClusterError> {
        // Pod records are large values; boxing keeps the futures of all callers small.
        let found = Box::pin(self.resolve(target, spec)).await?;
        Ok(Backend {
            cluster: self.clone(),
            target: target.clone(),
            spec: spec.clone(),
            state: Mutex::new(State {
                candidates: found.candidates,
                notes: found.notes,
                ..State::default()
            }),
            parking: Parking::default(),
            security: Security::default(),
        })
    }
}

impl Backend {
    /// Returns the candidate that is in use or is tried next.
    #[must_use]
    pub fn candidate(&self) -> Option<Candidate> {
        let state = self.state();
        state.candidates.get(state.position).cloned()
    }

    /// Returns the pod that has responded, if one has.
    #[must_use]
    pub fn answered(&self) -> Option<String> {
        let state = self.state();
        let place = state.candidates.get(state.position);
        place
            .filter(|_| state.answered)
            .map(|place| place.pod.clone())
    }

    /// Returns true if the server of the last connection speaks TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.security.is_expected()
    }

    /// Restricts all further requests to the current pod, and returns its name.
    pub fn settle_on_pod(&self) -> Option<String> {
        let mut state = self.state();
        state.settled = true;
        let place = state.candidates.get(state.position);
        place.map(|place| place.pod.clone())
    }

    /// Returns notes for the user about unexpected facts. Each note is returned once.
    #[must_use]
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notes)
    }

    /// Sends `request`, whose URI is a path with a query, and waits for the head of the response.
    ///
    /// A response of any status is returned as `Ok`, redirects included. A request is repeated only if it is
    /// safe (GET, HEAD) or if no byte of it can have reached the backend. A request with a streamed body
    /// ([`RequestBody::stream`]) is repeated only if nothing of the stream was taken.
    ///
    /// # Errors
    /// When no response arrives, or none in time.
    pub async fn send<B: Into<RequestBody>>(
        &self,
        request: Request<B>,
        deadlines: &Deadlines,
    ) -> Result<Response<BackendBody>, ClusterError> {
        let request = request.map(Into::into);
        let total = deadlines
            .total
            .and_then(|length| Some((length, Instant::now().checked_add(length)?)));
        let Some((length, at)) = total else {
            return self.exchange(request, deadlines, None).await;
        };
        let exchange = self.exchange(request, deadlines, total);
        tokio::time::timeout_at(at, exchange)
            .await
            .unwrap_or_else(|_| Err(late(self.place_or_target(), Phase::Total, length)))
    }

    async fn exchange(
        &self,
        request: Request<RequestBody>,
        deadlines: &Deadlines,
        total: Option<(Duration, Instant)>,
    ) -> Result<Response<BackendBody>, ClusterError> {
        let safe = request.method().is_safe();
        // An unsafe request uses a new connection. If the backend has just closed an old one, nothing would
        // show whether the request was carried out.
        let mut reuse = safe;
        loop {
            let Some(place) = self.candidate() else {
                self.find_pods().await?;
                continue;
            };
            let at = self.at(&place);
            let error = match self.connection(place, deadlines, reuse).await {
                Err(error) if self.turns_to_port_forward(&at, &error) => continue,
                Err(error) => error,
                Ok(mut connection) => {
                    let at = connection.at().clone();
                    self.check_secrecy(&request, &connection)?;
                    let addressed = addressed(&request, &connection.channel().host);
                    let answer = connection.exchange(addressed, &self.spec);
                    let answer = in_time(request.body(), deadlines, &at, answer).await?;
                    match answer {
                        Ok(response) => {
                            self.state().answered = true;
                            let (head, incoming) = response.into_parts();
                            let body = BackendBody::new(
                                incoming,
                                tells_its_end(&head.headers),
                                connection,
                                self.parking.clone(),
                                deadlines.idle,
                                total,
                            );
                            return Ok(Response::from_parts(head, body));
                        }
                        Err(unanswered)
                            if connection.reused
                                && (safe || unanswered.unsent)
                                && request.body().is_untouched() =>
                        {
                            reuse = false;
                            continue;
                        }
                        Err(unanswered)
                            if (safe || unanswered.unsent)
                                && request.body().is_untouched()
                                && self.turns_to_port_forward(&at, &unanswered.error) =>
                        {
                            continue;
                        }
                        Err(unanswered) => unanswered.error,
                    }
                }
            };
            if let Some(source) = request.body().take_failure() {
                let at = self.place_or_target();
                return Err(ClusterError::RequestBody { at, source });
            }
            if !request.body().is_untouched() {
                return Err(error);
            }
            match self.next_after(error, safe) {
                Next::TryAgain => {}
                Next::GiveUp(error) => return Err(error),
            }
        }
    }

    /// Refuses to send credentials in plain text, unless the manifest or the user says that there is no TLS.
    fn check_secrecy(
        &self,
        request: &Request<RequestBody>,
        connection: &Connection,
    ) -> Result<(), ClusterError> {
        let is_open = match &self.spec.tls {
            Some(tls) => tls.mode == Tls::No,
            None => true,
        };
        let mut values = request.headers().values();
        if is_open || connection.channel().is_encrypted || !values.any(HeaderValue::is_sensitive) {
            return Ok(());
        }
        Err(self.tls_failure(connection.at(), TlsTrouble::Withheld))
    }

    fn tls_failure(&self, at: &PodPort, trouble: TlsTrouble) -> ClusterError {
        ClusterError::Tls(Box::new(TlsFailure {
            at: at.clone(),
            trouble,
            flags: self.spec.tls.as_ref().map(|tls| tls.flags.clone()),
            port_flag: self.spec.port.flag.clone(),
        }))
    }

    /// Returns the parked connection if it still works and may be used, and a new one otherwise.
    async fn connection(
        &self,
        to: Candidate,
        deadlines: &Deadlines,
        reuse: bool,
    ) -> Result<Connection, ClusterError> {
        let at = self.at(&to);
        let is_shaking_hands = AtomicBool::new(false);
        let open = async {
            if reuse
                && let Some(mut parked) = self.parking.take()
                && parked.is_usable().await
            {
                return Ok(parked);
            }
            Box::pin(self.open(&to, &at, &is_shaking_hands)).await
        };
        let after = deadlines.connect;
        match tokio::time::timeout(after, open).await {
            Ok(opened) => opened,
            Err(_) if is_shaking_hands.load(Ordering::Relaxed) => {
                Err(self.tls_failure(&at, TlsTrouble::Silent { after }))
            }
            // The API server waits longer than this deadline for a node that is gone.
            Err(_) => Err(
                match Box::pin(self.cluster.silent_node(&at.pod, after)).await {
                    Some(error) => error,
                    None => late(at.clone(), Phase::Connect, after),
                },
            ),
        }
    }

    /// Reaches a port at the address of its pod if that is wanted and answers, else through a port-forward.
    async fn reach(&self, at: &PodPort, verdict: &Verdict) -> Result<Box<dyn Bytes>, ClusterError> {
        if self.cluster.0.dials_pods && self.way(at) != Some(Way::Forwarded) {
            match self.cluster.dial(at, verdict.clone()).await {
                Ok((address, stream)) => {
                    let note = format!("{at} is reached at its pod's own address, {address}");
                    self.note_way(at, Way::Direct, note);
                    return Ok(Box::new(stream));
                }
                Err(reason) => {
                    let note = format!(
                        "{at} is reached through a port-forward, because its pod's own address can't be used: {}",
                        show(&reason)
                    );
                    self.note_way(at, Way::Forwarded, note);
                }
            }
        }
        Ok(Box::new(
            self.cluster.open_tunnel(at, verdict.clone()).await?,
        ))
    }

    fn way(&self, at: &PodPort) -> Option<Way> {
        let key = (at.pod.clone(), at.port);
        self.state().ways.get(&key).copied()
    }

    /// Notes the way to a port if it is another one than before.
    fn note_way(&self, at: &PodPort, way: Way, note: String) {
        let mut state = self.state();
        let key = (at.pod.clone(), at.port);
        if state.ways.insert(key, way) != Some(way) {
            state.notes.push(note);
        }
    }

    /// Turns to a port-forward if a port was reached at its pod's own address and nothing came from there yet. A proxy of
    /// a service mesh accepts the connection and then drops it.
    fn turns_to_port_forward(&self, at: &PodPort, error: &ClusterError) -> bool {
        if self.state().answered || self.way(at) != Some(Way::Direct) {
            return false;
        }
        let note = format!(
            "{at} is reached through a port-forward, because it does not answer at its pod's own address: {error}"
        );
        self.note_way(at, Way::Forwarded, note);
        true
    }

    /// Opens a connection, with TLS if that is to be used.
    async fn open(
        &self,
        to: &Candidate,
        at: &PodPort,
        is_shaking_hands: &AtomicBool,
    ) -> Result<Connection, ClusterError> {
        let tls = self.spec.tls.as_ref();
        let mut step = self.security.step(tls, to);
        if let (Some(tls), Step::Tls | Step::Try) = (tls, step) {
            let peer = self.security.peer(&self.cluster, &self.target, tls, to);
            let known = match peer.await {
                Ok(known) => Some(known),
                // A backend without TLS needs no certificates.
                Err(error) if step == Step::Try => {
                    if !self.speaks_http(at, is_shaking_hands).await? {
                        return Err(error);
                    }
                    self.security.note_plain(to);
                    step = Step::Plain;
                    None
                }
                Err(error) => return Err(error),
            };
            if let Some(known) = known {
                let opened = self.open_tls(to, at, tls, &known, step, is_shaking_hands);
                if let Some(connection) = opened.await? {
                    return Ok(connection);
                }
            }
        }
        let verdict = Verdict::default();
        let stream = self.reach(at, &verdict).await?;
        let stream = Remembering::new(stream);
        if tls.is_some() {
            tracing::debug!("endpoint {}: {at} is asked without TLS", self.spec.name);
        }
        let channel = Channel {
            host: format!("localhost:{}", at.port),
            is_encrypted: false,
            first: stream.first(),
        };
        Connection::over(stream, at.clone(), verdict, channel).await
    }

    /// Opens a connection with TLS. Returns none if the server speaks plain HTTP, and that is allowed.
    async fn open_tls(
        &self,
        to: &Candidate,
        at: &PodPort,
        tls: &TlsSpec,
        known: &Known,
        step: Step,
        is_shaking_hands: &AtomicBool,
    ) -> Result<Option<Connection>, ClusterError> {
        let verdict = Verdict::default();
        let stream = self.reach(at, &verdict).await?;
        let stream = Remembering::new(stream);
        let first = stream.first();
        is_shaking_hands.store(true, Ordering::Relaxed);
        let shaken = known.peer.connect(stream).await;
        is_shaking_hands.store(false, Ordering::Relaxed);
        let is_http = first.are_http();
        let failed = match shaken {
            Ok(stream) => {
                self.security.note_tls();
                self.tell_tls(at, known);
                let channel = Channel {
                    host: format!("{}:{}", known.peer.name(), at.port),
                    is_encrypted: true,
                    first,
                };
                let connection = Connection::over(stream, at.clone(), verdict, channel);
                return connection.await.map(Some);
            }
            Err(error) => error,
        };
        if let Some(error) = verdict.error(at, 0, None) {
            return Err(error);
        }
        if !is_http {
            return Err(self.tls_failure(at, trouble(&failed, tls, known)));
        }
        if step == Step::Tls {
            return Err(self.tls_failure(at, TlsTrouble::Plain));
        }
        self.security.note_plain(to);
        Ok(None)
    }

    /// Returns true if the server answers a handshake in plain HTTP. Nothing is sent but the handshake.
    async fn speaks_http(
        &self,
        at: &PodPort,
        is_shaking_hands: &AtomicBool,
    ) -> Result<bool, ClusterError> {
        let Ok(peer) = Peer::new(Trust::System, &["localhost".to_owned()], None) else {
            return Ok(false);
        };
        let verdict = Verdict::default();
        let stream = self.reach(at, &verdict).await?;
        let stream = Remembering::new(stream);
        let first = stream.first();
        is_shaking_hands.store(true, Ordering::Relaxed);
        let _ = peer.connect(stream).await;
        is_shaking_hands.store(false, Ordering::Relaxed);
        match verdict.error(at, 0, None) {
            Some(error) => Err(error),
            None => Ok(first.are_http()),
        }
    }

    fn tell_tls(&self, at: &PodPort, known: &Known) {
        let endpoint = &self.spec.name;
        if self
            .spec
            .tls
            .as_ref()
            .is_some_and(|tls| tls.accepts_anything)
        {
            tracing::debug!(
                "endpoint {endpoint}: TLS with {at}, whose certificate is not verified"
            );
        } else {
            tracing::debug!(
                "endpoint {endpoint}: TLS with {at}, verified as {} by {}",
                show(&known.peer.name()),
                show(&known.trusted)
            );
        }
    }

    /// Decides what to do after a failure. A closed port never received a byte, so any request may try the
    /// next port of the same pod. Another pod is another backend, so it gets only safe requests.
    fn next_after(&self, error: ClusterError, safe: bool) -> Next {
        let mut state = self.state();
        if state.answered {
            return Next::GiveUp(error);
        }
        match &error {
            ClusterError::PortClosed { at, reason, .. } => {
                let next = state.candidates.get(state.position + 1);
                if next.is_some_and(|next| next.pod == at.pod) {
                    state.position += 1;
                    return Next::TryAgain;
                }
                let tried = &state.candidates[..=state.position];
                let ports: Vec<u16> = tried
                    .iter()
                    .filter(|candidate| candidate.pod == at.pod)
                    .map(|candidate| candidate.port)
                    .collect();
                state.position = 0;
                if ports.len() < 2 {
                    return Next::GiveUp(ClusterError::PortClosed {
                        at: at.clone(),
                        reason: reason.clone(),
                        flag: self.spec.port.flag.clone(),
                    });
                }
                Next::GiveUp(ClusterError::AllPortsClosed {
                    endpoint: self.spec.name.clone(),
                    pod: at.pod.clone(),
                    ports,
                    flag: self.spec.port.flag.clone(),
                })
            }
            ClusterError::PodGone { pod, .. }
            | ClusterError::PodUnscheduled { pod, .. }
            | ClusterError::ContainerNotRunning {
                at: PodPort { pod, .. },
                ..
            } if safe
                && self.target.pod.is_none()
                && !state.settled
                && state.dead_pods.len() < 3 =>
            {
                let pod = pod.clone();
                state.notes.push(format!("{error}; trying another pod"));
                state.candidates.retain(|candidate| candidate.pod != pod);
                state.position = 0;
                state.dead_pods.insert(pod);
                state.failed_node = None;
                Next::TryAgain
            }
            ClusterError::KubeletFailed(failure)
                if safe && self.target.pod.is_none() && state.dead_pods.len() < 3 =>
            {
                let pod = failure.pod.clone();
                state.notes.push(format!("{error}; trying another pod"));
                state.candidates.retain(|candidate| candidate.pod != pod);
                state.position = 0;
                state.dead_pods.insert(pod);
                state.failed_node = Some(error);
                Next::TryAgain
            }
            _ => Next::GiveUp(error),
        }
    }

    async fn find_pods(&self) -> Result<(), ClusterError> {
        let dead = self.state().dead_pods.clone();
        let search = self
            .cluster
            .ready_pods(&self.target, &self.spec, &[], &dead);
        let found = Box::pin(search).await;
        let mut state = self.state();
        let mut found = match (found, state.failed_node.take()) {
            (Err(ClusterError::NoReadyPod { .. }), Some(error)) => {
                // There is no other pod to try, and the error says the rest.
                state.notes.pop();
                return Err(error);
            }
            (found, _) => found?,
        };
        state.candidates = found.candidates;
        state.position = 0;
        state.notes.append(&mut found.notes);
        Ok(())
    }

    fn at(&self, to: &Candidate) -> PodPort {
        PodPort {
            namespace: self.cluster.namespace().to_owned(),
            pod: to.pod.clone(),
            port: to.port,
        }
    }

    /// Returns the pod and port for errors, even if no candidate is left.
    fn place_or_target(&self) -> PodPort {
        let place = self.candidate().map(|place| self.at(&place));
        place.unwrap_or_else(|| PodPort {
            namespace: self.cluster.namespace().to_owned(),
            pod: self.target.statefulset.clone(),
            port: 0,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the response as long as the request makes progress, and then for the first byte.
async fn in_time<T>(
    body: &RequestBody,
    deadlines: &Deadlines,
    at: &PodPort,
    answer: impl Future<Output = T>,
) -> Result<T, ClusterError> {
    let begun = Instant::now();
    let due = || body.due(begun, deadlines.first_byte, deadlines.idle);
    let mut answer = std::pin::pin!(answer);
    loop {
        if let Ok(answer) = tokio::time::timeout_at(due(), &mut answer).await {
            return Ok(answer);
        }
        if due() > Instant::now() {
            continue;
        }
        return Err(match body.unfinished() {
            Some(sent) => ClusterError::NotTaken {
                at: at.clone(),
                after: deadlines.idle,
                sent,
            },
            None => late(at.clone(), Phase::FirstByte, deadlines.first_byte),
        });
    }
}

/// Returns why a handshake failed.
fn trouble(error: &io::Error, tls: &TlsSpec, known: &Known) -> TlsTrouble {
    let Some(error) = tls_error(error) else {
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                "the connection was closed during the handshake".to_owned()
            }
            _ => error.to_string(),
        };
        return TlsTrouble::Other { reason };
    };
    let reason = || explain(error);
    match TlsFault::of(error) {
        TlsFault::Authority => TlsTrouble::Authority {
            trusted: known.trusted.clone(),
            is_system: tls.authorities == Authorities::System,
        },
        TlsFault::Name { presented } => TlsTrouble::Name {
            presented,
            accepted: known.names.clone(),
        },
        TlsFault::Time => TlsTrouble::Time { reason: reason() },
        TlsFault::Certificate => TlsTrouble::Certificate { reason: reason() },
        TlsFault::Client => TlsTrouble::Client {
            was_given: tls.client.is_some(),
        },
        TlsFault::Other => TlsTrouble::Other { reason: reason() },
    }
}

/// Returns the request as it is sent: path only, HTTP/1.1, addressed to the server.
///
/// With TLS the server is addressed by the name in its certificate, because some servers compare the two.
fn addressed(request: &Request<RequestBody>, host: &str) -> Request<RequestBody> {
    let mut addressed = Request::new(request.body().share());
    *addressed.method_mut() = request.method().clone();
    *addressed.headers_mut() = request.headers().clone();
    *addressed.version_mut() = Version::HTTP_11;
    if let Some(path) = request.uri().path_and_query().cloned() {
        *addressed.uri_mut() = Uri::from(path);
    }
    if let Ok(host) = HeaderValue::from_str(host) {
        addressed.headers_mut().insert(header::HOST, host);
    }
    addressed
}

/// Returns true if the headers say where the body ends (RFC 9112, section 6.3). Responses that never have a
/// body end at once anyway.
fn tells_its_end(headers: &http::HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING)
}

fn late(at: PodPort, phase: Phase, after: Duration) -> ClusterError {
    ClusterError::TimedOut {
        at,
        phase,
        after,
        received: 0,
        expected: None,
    }
}

#[cfg(test)]
mod tests;
