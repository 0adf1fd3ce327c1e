use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker_manifest::{Auth, Endpoint, Manifest, StoreKind};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use host_base::{Failure, Problem, Report, ReportKind, text};
use host_cluster::{
    Cluster, ClusterError, Deadlines, EndpointSpec, RequestBody, Target, TargetPod, TlsTrouble,
    is_refusal,
};
use host_engine::{Answer, Network, Outgoing, Sent, StoreAccess};
use host_transfer::retry_after;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use tokio::sync::OnceCell;

use super::backends::{BackendAnswer, BackendClient, Backends};
use super::credentials::Logins;
use super::file_body::file_body;
use super::form_body::form_body;
use super::outside::{Clouds, access};
use super::passing::Passed;
use super::tls::{self, TlsRequest};

/// Where the requests of an engine go, and with which credentials.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) cluster: Cluster,
    /// Finds the pods and ports of the endpoints.
    pub(super) finder: Arc<dyn Backends>,
    pub(super) target: Target,
    pub(super) manifest: Manifest,
    /// Values of the port flags that manifests declare, by flag.
    pub(super) ports: BTreeMap<String, u16>,
    /// The user's settings of TLS, by port flag.
    pub(super) tls: BTreeMap<String, TlsRequest>,
    pub(super) logins: Logins,
    pub(super) clouds: Clouds,
    pub(super) search: Search,
    /// Whether the user has not chosen the target. Nothing is changed there then, and object stores get no
    /// credentials.
    pub(super) is_survey: bool,
}

/// When the pods and ports of endpoints are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Before the engine runs, so that problems with the target don't pass through the engine. Optional endpoints
    /// are found when they are used.
    First,
    /// When they are used, for an operation that is also about pods that don't answer.
    WhenUsed,
}

/// Carries the requests of one engine to the pods of one target, and to object stores.
pub(super) struct Endpoints {
    route: Route,
    /// The ways to the endpoints in pods. Those that are not found yet are empty.
    backends: BTreeMap<String, OnceCell<Arc<dyn BackendClient>>>,
    deadlines: Deadlines,
    /// The ways to single pods, by endpoint and pod.
    single: Mutex<BTreeMap<(String, String), SinglePod>>,
    pods: OnceCell<Vec<TargetPod>>,
    latest_errors: LatestErrors,
    /// Notes about the delays that backends asked for.
    waited: Mutex<Vec<String>>,
    /// Whether a backend has answered a request that may change something with success.
    accepted: AtomicBool,
    /// The number of requests that may have changed something: they were sent, and not refused.
    changes: AtomicUsize,
    /// The last answer, if it demands credentials.
    demand: Mutex<Option<Demand>>,
}

/// A backend's demand for credentials: an answer with the status 401.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    /// The credentials that the manifest asks for at the endpoint.
    pub(super) auth: Auth,
    /// Whether credentials were sent.
    pub(super) were_sent: bool,
}

/// The way to one pod, found once.
type SinglePod = Arc<OnceCell<Arc<dyn BackendClient>>>;

/// Number of delays, and the longest one, that a backend may ask for before a retry (RFC 9110, 10.2.3).
const WAITS: u32 = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The latest errors that the engine received, in their original form. The types of the engine interface lose
/// details. Requests that run at the same time may fail together, and the engine chooses which error to pass on.
///
/// All services of an engine share them, because the errors of one call follow each other.
#[derive(Clone, Default)]
pub(super) struct LatestErrors(Arc<Mutex<VecDeque<Passed<ClusterError>>>>);

/// The number of errors that are kept.
const MAX_KEPT: usize = 64;

impl Endpoints {
    /// Finds the pods and ports of the endpoints of a manifest that are to be found before the engine runs. No
    /// port-forward is opened yet.
    pub(super) async fn find(route: Route) -> Result<Self, ClusterError> {
        let endpoints = route.manifest.endpoints.iter();
        let is_first = |endpoint: &Endpoint| route.search == Search::First && !endpoint.optional;
        let first = endpoints.filter(|(_, it)| it.is_in_pods() && is_first(it));
        let backends = first.map(|(name, endpoint)| async {
            let backend = route.backend(name, endpoint).await?;
            Ok((name.clone(), backend))
        });
        let backends = try_join_all(backends).await?.into_iter().collect();
        Ok(Self::over(backends, route))
    }

    /// Uses endpoints that were found one by one. The others are found when they are used.
    pub(super) fn over(
        mut backends: BTreeMap<String, Arc<dyn BackendClient>>,
        route: Route,
    ) -> Self {
        let endpoints = route.manifest.endpoints.iter();
        let in_pods = endpoints.filter(|(_, endpoint)| endpoint.is_in_pods());
        let cells = in_pods.map(|(name, _)| {
            let found = backends.remove(name);
            (
                name.clone(),
                found.map_or_else(OnceCell::new, |it| OnceCell::new_with(Some(it))),
            )
        });
        Self {
            backends: cells.collect(),
            route,
            deadlines: Deadlines::default(),
            single: Mutex::default(),
            pods: OnceCell::new(),
            latest_errors: LatestErrors::default(),
            waited: Mutex::default(),
            accepted: AtomicBool::default(),
            changes: AtomicUsize::default(),
            demand: Mutex::default(),
        }
    }

    /// Finds the endpoints again, because the pods may have changed.
    pub(super) async fn find_again(&self) -> Result<Self, Report> {
        let found = Self::find(self.route.clone()).await;
        let mut found = found.map_err(|error| {
            // A restarted pod comes back, so a retry may help.
            let retryable = error.failure() != Failure::NotAllowed;
            Report {
                retryable,
                ..self.latest_errors.report(error)
            }
        })?;
        found.latest_errors = self.latest_errors.clone();
        Ok(found)
    }

    /// Identifies what a request asks for and where. It is the same in every process and has no credentials.
    pub(super) fn identity(&self, outgoing: &Outgoing) -> String {
        let Route {
            cluster,
            target,
            manifest,
            ..
        } = &self.route;
        [
            cluster.server().to_string().as_str(),
            cluster.namespace(),
            &target.statefulset,
            &manifest.id.to_string(),
            &outgoing.endpoint,
            outgoing.request.method().as_str(),
            &outgoing.request.uri().to_string(),
        ]
        .join(" ")
    }

    /// Returns the new notes for the user, and forgets them.
    pub(super) fn take_notes(&self) -> Vec<String> {
        let mut notes = std::mem::take(&mut *self.waited());
        notes.extend(self.found().flat_map(|it| it.take_notes()));
        notes
    }

    /// Sends a request. A request that changes nothing is retried when the backend asks for a delay.
    async fn ask(
        &self,
        backend: &dyn BackendClient,
        request: http::Request<Sent>,
        deadlines: &Deadlines,
    ) -> Result<BackendAnswer, Report> {
        let is_safe = request.method().is_safe();
        let is_repeatable = is_safe && matches!(request.body(), Sent::Bytes(_));
        let mut left = if is_repeatable { WAITS } else { 0 };
        loop {
            if !is_safe {
                // Counted before it is sent: the call may be dropped at any time.
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
            let sent = backend.send(request.clone().map(body), deadlines).await;
            let changed_nothing = match &sent {
                Ok(response) => is_refusal(response.status().as_u16()),
                Err(error) => error.changed_nothing(),
            };
            if !is_safe && changed_nothing {
                self.changes.fetch_sub(1, Ordering::Relaxed);
            }
            let response = sent.map_err(|error| self.latest_errors.report(error))?;
            if !is_safe && response.status().is_success() {
                self.accepted.store(true, Ordering::Relaxed);
            }
            let Some(wait) = asks_to_wait(&response).filter(|_| left > 0) else {
                return Ok(response);
            };
            left -= 1;
            self.waited().push(format!(
                "The backend answered {} and asked to wait {} s; asking again",
                response.status(),
                wait.as_secs()
            ));
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads an object of a store outside the cluster.
    async fn ask_store(
        &self,
        store: StoreAccess,
        outgoing: Outgoing,
        first_byte: Duration,
    ) -> Result<Answer, Report> {
        let access = access(store, self.route.is_survey);
        let request = outgoing.request.map(|_| Bytes::new());
        let Clouds { s3, google } = &self.route.clouds;
        match store.kind {
            StoreKind::S3 => {
                let answer = s3.send(request, access, first_byte).await;
                let answer = answer.map_err(|error| error.report())?;
                Ok(answer.map(|body| body.map_err(|error| error.report()).boxed_unsync()))
            }
            StoreKind::Gcs => {
                let answer = google.get(&request, access, first_byte).await;
                let answer = answer.map_err(|error| error.report())?;
                Ok(answer.map(|body| body.map_err(|error| error.report()).boxed_unsync()))
            }
        }
    }

    fn waited(&self) -> MutexGuard<'_, Vec<String>> {
        self.waited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the target of the endpoints.
    pub(super) fn target(&self) -> &Target {
        &self.route.target
    }

    /// Returns whether a backend has accepted a request that may change something.
    pub(super) fn has_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Returns whether a backend may have carried out a request that changes something.
    pub(super) fn may_have_changed(&self) -> bool {
        self.changes.load(Ordering::Relaxed) > 0
    }

    /// Returns the demand for credentials that the last answer was, if it was one.
    pub(super) fn demand(&self) -> Option<Demand> {
        let demand = self.demand.lock();
        demand.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the pod that has answered.
    pub(super) fn answered(&self) -> Option<String> {
        self.found().find_map(|it| it.answered())
    }

    /// Returns the pod that will be asked. All later requests go to that pod.
    pub(super) fn settle_on_pod(&self) -> Option<String> {
        self.found().find_map(|it| it.settle_on_pod())
    }

    /// Returns the ways that are found so far.
    fn found(&self) -> impl Iterator<Item = &Arc<dyn BackendClient>> {
        self.backends.values().filter_map(OnceCell::get)
    }

    /// Returns the latest errors, which other services of the engine share.
    pub(super) fn latest_errors(&self) -> LatestErrors {
        self.latest_errors.clone()
    }

    /// Returns the error of the cluster that an engine passed on as `report`, if there is one.
    pub(super) fn original_of(&self, report: &Report) -> Option<Passed<ClusterError>> {
        self.latest_errors.take(report)
    }

    /// Returns the way to the pods of an endpoint: to the chosen pod, or to the one that the engine names.
    async fn backend(
        &self,
        endpoint: &str,
        pod: Option<String>,
    ) -> Result<Arc<dyn BackendClient>, Report> {
        let chosen = self.backends.get(endpoint).ok_or_else(|| {
            let message = format!("there is no endpoint `{endpoint}`");
            Report::new(ReportKind::Denied, message)
        })?;
        let spec = &self.route.manifest.endpoints[endpoint];
        let Some(pod) = pod else {
            let found = chosen.get_or_try_init(|| self.route.backend(endpoint, spec));
            let found = found.await.map(Arc::clone);
            return found.map_err(|error| self.latest_errors.report(error));
        };
        if !self.replicas().await?.contains(&pod) {
            let pod = text::printable(&pod, 80);
            let message = format!("`{pod}` is not a running pod of the target");
            return Err(Report::new(ReportKind::Denied, message));
        }
        let found = {
            let key = (endpoint.to_owned(), pod.clone());
            let mut single = self.single.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(single.entry(key).or_default())
        };
        let find = || async {
            let target = Target {
                pod: Some(pod),
                ..self.route.target.clone()
            };
            self.route.backend_in(&target, endpoint, spec).await
        };
        let found = found.get_or_try_init(find).await;
        found
            .map(Arc::clone)
            .map_err(|error| self.latest_errors.report(error))
    }

    /// Returns the pods of the target, also those that can't be asked.
    pub(super) async fn pods_of_target(&self) -> Result<&[TargetPod], ClusterError> {
        let find = || self.route.finder.pods(&self.route.target);
        self.pods.get_or_try_init(find).await.map(Vec::as_slice)
    }

    /// Returns the names of the running pods of the target.
    async fn replicas(&self) -> Result<Vec<String>, Report> {
        let pods = self.pods_of_target().await;
        let pods = pods.map_err(|error| self.latest_errors.report(error))?;
        let running = pods.iter().filter(|pod| pod.problem.is_none());
        Ok(running.map(|pod| pod.name.clone()).collect())
    }
}

impl Route {
    /// Finds the pods and ports of one endpoint.
    pub(super) async fn backend(
        &self,
        name: &str,
        endpoint: &Endpoint,
    ) -> Result<Arc<dyn BackendClient>, ClusterError> {
        self.backend_in(&self.target, name, endpoint).await
    }

    /// Finds the pods and ports of one endpoint in a target.
    async fn backend_in(
        &self,
        target: &Target,
        name: &str,
        endpoint: &Endpoint,
    ) -> Result<Arc<dyn BackendClient>, ClusterError> {
        let spec = EndpointSpec {
            name: name.to_owned(),
            select: endpoint.select,
            port: endpoint.port.clone().unwrap_or_default(),
            ready: endpoint.ready(),
            explicit_port: endpoint
                .port_flag()
                .and_then(|flag| self.ports.get(flag).copied()),
            tls: tls::spec(endpoint, &self.tls),
        };
        self.finder.find(target, &spec).await
    }
}

impl LatestErrors {
    /// Returns the error that an engine's report is about, and forgets it.
    ///
    /// Without an identity in the report, only the latest error counts: an older one may have the same words.
    fn take(&self, report: &Report) -> Option<Passed<ClusterError>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = report.origin.map_or(kept.len().saturating_sub(1), |_| 0);
        let at = (first..kept.len()).find(|at| kept[*at].is(report))?;
        kept.remove(at)
    }

    /// Keeps an error, and returns its form for the engine.
    pub(super) fn report(&self, error: ClusterError) -> Report {
        let mut report = report(&error);
        let passed = Passed::new(error, &mut report);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back(passed);
        report
    }
}

impl Network for Endpoints {
    fn pods<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<String>, Report>> {
        self.replicas().boxed()
    }

    fn longest_secret(&self) -> usize {
        self.route.logins.longest()
    }

    fn reveals(&self, text: &[u8]) -> bool {
        self.route.logins.are_in(text)
    }

    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Answer, Report>> {
        async move {
            let first_byte = outgoing.patience.unwrap_or(self.deadlines.first_byte);
            if self.route.is_survey && !outgoing.request.method().is_safe() {
                let message = "`discover` changes nothing: only GET and HEAD are allowed";
                return Err(Report::new(ReportKind::Denied, message));
            }
            if let Some(store) = outgoing.store {
                return self.ask_store(store, outgoing, first_byte).await;
            }
            let backend = self.backend(&outgoing.endpoint, outgoing.pod).await?;
            let deadlines = Deadlines {
                first_byte,
                ..self.deadlines
            };
            let mut request = outgoing.request;
            let login = self.route.logins.header(&outgoing.auth);
            if let Some((name, value)) = login {
                request.headers_mut().insert(name, value.clone());
            }
            let were_sent = login.is_some();
            let response = self.ask(&*backend, request, &deadlines).await?;
            if response.status() == StatusCode::UNAUTHORIZED
                && !were_sent
                && let Some(name) = outgoing.auth.credentials()
            {
                self.waited().push(format!(
                    "The backend asks for credentials, and `{name}` were not given"
                ));
            }
            let demand = (response.status() == StatusCode::UNAUTHORIZED).then(|| Demand {
                auth: outgoing.auth.clone(),
                were_sent,
            });
            *self.demand.lock().unwrap_or_else(PoisonError::into_inner) = demand;
            let latest_errors = self.latest_errors.clone();
            Ok(response.map(|body| {
                body.map_err(move |error| latest_errors.report(error))
                    .boxed_unsync()
            }))
        }
        .boxed()
    }
}

/// Returns the delay that a busy backend asks for, if it is short enough to wait.
fn asks_to_wait<B>(response: &http::Response<B>) -> Option<Duration> {
    if !matches!(response.status().as_u16(), 429 | 503) {
        return None;
    }
    retry_after(response.headers()).filter(|wait| *wait <= LONGEST_WAIT)
}

fn body(sent: Sent) -> RequestBody {
    match sent {
        Sent::Bytes(bytes) => Full::new(bytes).into(),
        Sent::Artifact(artifact) => file_body(artifact),
        Sent::Form(form) => form_body(&form),
    }
}

/// Translates an error of the cluster into the terms of the engine interface.
pub(super) fn report(error: &ClusterError) -> Report {
    let (kind, retryable) = match error {
        ClusterError::PortClosed { .. }
        | ClusterError::AllPortsClosed { .. }
        | ClusterError::ContainerNotRunning { .. }
        | ClusterError::PodGone { .. }
        | ClusterError::PodUnscheduled { .. }
        | ClusterError::NoReadyPod { .. }
        | ClusterError::NoAnswer { .. }
        | ClusterError::Unreachable { .. } => (ReportKind::Unavailable, true),
        ClusterError::KubeletFailed(failure) => (ReportKind::Unavailable, failure.repeatable),
        ClusterError::ConnectionLost { .. } | ClusterError::Incomplete { .. } => {
            (ReportKind::Failed, true)
        }
        ClusterError::TimedOut { .. } | ClusterError::RequestTimedOut { .. } => {
            (ReportKind::TimedOut, true)
        }
        // The command may still be running.
        ClusterError::CommandTimedOut { .. } => (ReportKind::TimedOut, false),
        ClusterError::CommandNotRun { .. } => (ReportKind::Unsupported, false),
        ClusterError::Api { status: 404, .. } | ClusterError::NoSuchKind { .. } => {
            (ReportKind::NotFound, false)
        }
        ClusterError::Api { status: 409, .. } => (ReportKind::Conflict, false),
        ClusterError::Api { status, .. } if *status == 429 || *status >= 500 => {
            (ReportKind::Unavailable, true)
        }
        ClusterError::Rejected { .. } | ClusterError::BadName { .. } => {
            (ReportKind::InvalidArgument, false)
        }
        ClusterError::Unauthorized { .. } => (ReportKind::Unauthenticated, false),
        ClusterError::Tls(failure) => match failure.trouble {
            TlsTrouble::Client { .. } | TlsTrouble::Withheld => {
                (ReportKind::Unauthenticated, false)
            }
            TlsTrouble::Silent { .. } => (ReportKind::TimedOut, true),
            _ => (ReportKind::Failed, false),
        },
        ClusterError::Forbidden { .. } => (ReportKind::Forbidden, false),
        ClusterError::NotHttp { .. } | ClusterError::CommandTooLoud { .. } => {
            (ReportKind::Protocol, false)
        }
        _ => (ReportKind::Failed, false),
    };
    Report {
        kind,
        message: error.to_string(),
        hint: error.advice(),
        retryable,
        origin: None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use broker_manifest::Operation;
    use host_cluster::PodContainer;

    use super::*;
    use crate::testing::hivemq::{LIST, list};
    use crate::testing::{Opened, Reply, Script, open};

    /// Lists the backups of a backend that gives these answers. Returns the seconds between the requests.
    async fn list_over<const N: usize>(replies: [Reply; N]) -> (bool, Vec<u64>, Opened) {
        let opened = open("hivemq", Script::default().answers(LIST, replies)).await;
        let running = opened.session.engine_for(Operation::List).await;
        let mut running = running.expect("an engine");
        let listed = running.instance().list(None, &[]).await;
        let is_listed = running.original(listed).is_ok();
        let asked = opened.script.asked();
        let waits = asked
            .windows(2)
            .map(|two| (two[1].at - two[0].at).as_secs());
        (is_listed, waits.collect(), opened)
    }

    fn busy(seconds: u64) -> Reply {
        Reply::text(503, &"").with("retry-after", seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_backend_is_asked_again_when_it_wants_to_be() {
        let (is_listed, waits, opened) = list_over([busy(2), busy(30), list(&[])]).await;
        assert!(is_listed);
        assert_eq!(waits, [2, 30]);
        let told =
            "The backend answered 503 Service Unavailable and asked to wait 30 s; asking again";
        assert!(opened.told.has("note", told), "{:?}", opened.told.all());
    }

    #[tokio::test(start_paused = true)]
    async fn a_backend_that_stays_busy_is_not_asked_forever() {
        let (is_listed, waits, _) = list_over([busy(2)]).await;
        assert!(!is_listed);
        assert_eq!(waits, [2, 2, 2]);
        let (is_listed, waits, _) = list_over([busy(31), list(&[])]).await;
        assert!(!is_listed);
        assert!(waits.is_empty(), "nobody waits that long");
    }

    #[test]
    fn what_came_of_a_command_is_told_apart_and_never_asks_for_a_repetition() {
        let at = PodContainer {
            namespace: "mqtt".into(),
            pod: "broker-0".into(),
            container: "hivemq".into(),
        };
        let command = "mv a b".to_owned();
        let told = |error: ClusterError| {
            let report = report(&error);
            (report.kind, report.retryable)
        };
        let loud = ClusterError::CommandTooLoud {
            command: command.clone(),
            at: at.clone(),
            stream: "standard output",
            limit: 1 << 20,
        };
        assert_eq!(told(loud), (ReportKind::Protocol, false));
        let late = ClusterError::CommandTimedOut {
            command: command.clone(),
            at: at.clone(),
            after: Duration::from_secs(1),
        };
        assert_eq!(told(late), (ReportKind::TimedOut, false));
        let missing = ClusterError::CommandNotRun {
            command: command.clone(),
            at: at.clone(),
            reason: "no such program".into(),
        };
        assert_eq!(told(missing), (ReportKind::Unsupported, false));
        let lost = ClusterError::CommandLost {
            command,
            at,
            reason: "closed".into(),
        };
        assert_eq!(told(lost), (ReportKind::Failed, false));
    }
}
