//! `backup test`: checks one after the other whether everything that the other commands need is available.

mod rights;

use std::collections::BTreeMap;
use std::sync::Arc;

use broker_manifest::{Auth, Manifest, Operation, ResourceRule, Scope, StoreKind};
use bytes::Bytes;
use futures_util::future::join_all;
use host_base::{Author, Failure, Hint, Outcome, Problem, Report, Reporter, text};
use host_cluster::{Candidate, ClusterError, Deadlines, ObjectScope, Origin, ServerVersion};
use host_engine::EngineFile;
use host_objectstore::Google;
use http::Request as HttpRequest;
use http_body_util::BodyExt as _;
use rights::{Asked, NeededBy, right, rights};

use super::backends::BackendClient;
use super::choose::{EngineChoice, chosen};
use super::credentials::CredentialsRequest;
use super::engines::in_words;
use super::network::Endpoints;
use super::running::Running;
use super::session::Request;
use super::{Host, OpsError, Session};
use crate::results::{CheckResult, CheckUp};

/// The oldest version of Kubernetes that this program is tested with.
const OLDEST_SERVER: (u32, u32) = (1, 26);

/// Longest id of an access key that is shown, in characters.
const MAX_KEY_ID: usize = 128;

/// A finished check, with facts that its row does not show.
struct Check {
    row: CheckResult,
    failure: Option<Failure>,
    /// Whether the backend is absent. With `auto`, another engine may be the right one.
    absent: bool,
}

/// Checks the API server, the user's permissions, the target and the chosen engine. With `auto`, every engine
/// is checked.
///
/// A failed check does not end the test. The checks that still make sense run, the others are `skipped`.
///
/// With `auto`, an engine without a listening port is only a warning if another engine answers: few clusters
/// have every backend.
///
/// # Errors
/// When the engine does not exist, or there is no configuration of a cluster. Failed checks are no errors:
/// [`CheckUp::failure`] has the gravest of them.
pub async fn test(host: &Host, mut request: Request) -> Result<CheckUp, OpsError> {
    let choice = request.engine.clone();
    let engines: Vec<_> = chosen(host.engines(), &choice)?
        .into_iter()
        .cloned()
        .collect();
    // An unreadable Secret should fail only one of the checks.
    let mut named = request.named_credentials.values();
    let from_secret = request.credentials.from_secret.is_some()
        || named.any(|credentials| credentials.from_secret.is_some());
    let credentials = from_secret.then(|| {
        let shared = std::mem::take(&mut request.credentials);
        (shared, std::mem::take(&mut request.named_credentials))
    });
    let mut session = Session::open(host, request).await?;
    for engine in &engines {
        session.check_no_options(engine, "test")?;
    }
    let mut checks = Vec::new();
    let (answers, version) = server(&session, &mut checks).await;
    let reached = answers && {
        let asked = Asked {
            engines: &engines,
            from_secret,
            version,
        };
        rights(&session, asked, &mut checks).await
    };
    let has_target = engines.iter().any(|file| file.manifest().has_target());
    let ready = reached && (!has_target || target(&session, &mut checks).await);
    let with_credentials = match credentials {
        Some((shared, named)) if reached => {
            secret(&mut session, &shared, &named, &mut checks).await
        }
        _ => reached,
    };
    if !reached && has_target {
        checks.push(Check::skipped(None, "target"));
    }
    let mut of_engines = join_all(engines.iter().map(|file| async {
        if ready {
            Box::pin(engine(&session, file, with_credentials)).await
        } else {
            all_skipped(file)
        }
    }))
    .await;
    if choice == EngineChoice::Auto {
        excuse_absent(&mut of_engines);
    }
    checks.extend(of_engines.into_iter().flatten());
    session.note_requests();
    Ok(CheckUp {
        namespace: session.cluster.namespace().to_owned(),
        statefulset: has_target.then(|| session.statefulset().to_owned()),
        failure: gravest(&checks),
        checks: checks.into_iter().map(|check| check.row).collect(),
    })
}

/// Checks whether the API server answers. Returns whether further checks are possible, and the version of the
/// server.
async fn server(session: &Session, checks: &mut Vec<Check>) -> (bool, Option<(u32, u32)>) {
    let answer = session.cluster.server_version().await;
    let version = answer.as_ref().ok().and_then(|version| version.numbers);
    let reached = matches!(answer, Ok(_) | Err(ClusterError::Forbidden { .. }));
    let skipped = (!reached).then(|| Check::skipped(None, "rights"));
    checks.push(match answer {
        Ok(version) => judged(&version, session.cluster.server()),
        Err(ClusterError::Forbidden { .. }) => Check::warned(
            "api-server",
            format!(
                "{} answers, but you may not read its version",
                session.cluster.server()
            ),
            None,
        ),
        Err(error) => Check::failed(None, "api-server", &error),
    });
    checks.extend(skipped);
    (reached, version)
}

fn judged(version: &ServerVersion, server: &str) -> Check {
    let message = format!("{server} answers, version {}", version.text);
    match version.numbers {
        Some(numbers) if numbers < OLDEST_SERVER => Check::warned(
            "api-server",
            message,
            Some(format!(
                "Update the cluster: kubectl-broker supports Kubernetes {}.{} and later",
                OLDEST_SERVER.0, OLDEST_SERVER.1
            )),
        ),
        _ => Check::passed(None, "api-server", message),
    }
}

/// Checks whether the target exists. Returns whether its pods can be asked.
async fn target(session: &Session, checks: &mut Vec<Check>) -> bool {
    let subject = match &session.target().pod {
        Some(pod) => format!("pod {pod}"),
        None => format!("StatefulSet {}", session.statefulset()),
    };
    match session.cluster.readiness(session.target()).await {
        Ok(found) => {
            let message = format!("{subject}: {} of {} ready", found.ready, found.wanted);
            checks.push(if found.ready >= found.wanted {
                Check::passed(None, "target", message)
            } else {
                let namespace = session.cluster.namespace();
                let hint = format!("Look at `kubectl get pods -n {namespace}`");
                let reasons = found.unready.join("; ");
                Check::warned("target", format!("{message}; {reasons}"), Some(hint))
            });
            true
        }
        // A user without permission to list pods may still reach one pod, or reach pods through a Service.
        Err(error) if error.failure() == Failure::NotAllowed => {
            let message = format!("{subject}: unknown, because it is {error}");
            checks.push(Check::warned("target", message, error.advice()));
            true
        }
        Err(error) => {
            checks.push(Check::failed(None, "target", &error));
            false
        }
    }
}

/// Checks whether the Secret with the credentials can be used.
async fn secret(
    session: &mut Session,
    shared: &CredentialsRequest,
    named: &BTreeMap<String, CredentialsRequest>,
    checks: &mut Vec<Check>,
) -> bool {
    let read = session.use_credentials(shared, named).await;
    let usable = read.is_ok();
    checks.push(match read {
        Ok(()) => {
            let all = [shared].into_iter().chain(named.values());
            let secrets: Vec<_> = all.filter_map(|it| it.from_secret.as_deref()).collect();
            let message = format!("read from Secret {}", secrets.join(", "));
            Check::passed(None, "credentials", message)
        }
        Err(error) => Check::failed(None, "credentials", &error),
    });
    usable
}

/// Runs the checks of one engine, with one port-forward for each endpoint.
async fn engine(session: &Session, file: &EngineFile, with_credentials: bool) -> Vec<Check> {
    let manifest = file.manifest();
    let name = &*file.shown_name();
    let route = session.route(file);
    let mut checks = of_objects(session, file).await;
    checks.extend(outside(session, name, manifest).await);
    if let Err(error) = session.check_credentials(manifest) {
        checks.push(Check::failed(Some(name), "credentials", &error));
        checks.extend(all_skipped(file));
        return checks;
    }
    let mut backends = BTreeMap::new();
    let (mut in_pods, mut found_first) = (0, 0);
    for (endpoint_name, endpoint) in &manifest.endpoints {
        if !endpoint.is_in_pods() {
            let check = format!("endpoint:{endpoint_name}");
            let is_signed = endpoint.auth == Auth::Aws;
            checks.extend(of_aws(session, name, check, "S3", is_signed).await);
            continue;
        }
        let found = route.backend(endpoint_name, endpoint).await;
        let (check, backend) = reach(name, endpoint_name, found).await;
        if endpoint.optional {
            checks.push(check.excused("operations that need it fail"));
        } else {
            in_pods += 1;
            checks.push(check);
        }
        if let Some(backend) = backend {
            found_first += usize::from(!endpoint.optional);
            backends.insert(endpoint_name.clone(), backend);
        }
    }
    if found_first < in_pods || !with_credentials {
        for backend in backends.values() {
            show_notes(&**session.reporter(), &**backend);
        }
        checks.extend(calls_skipped(file));
        return checks;
    }
    let network = Endpoints::over(backends, route);
    match detect(session, file, network).await {
        Err(error) => {
            checks.push(Check::failed(Some(name), "detect", &error));
            checks.extend(calls_skipped(file).into_iter().skip(1));
        }
        Ok((mut running, message)) => {
            checks.push(Check::passed(Some(name), "detect", message));
            if manifest.can(Operation::List) {
                checks.push(list(session, &mut running, name).await);
            }
        }
    }
    checks
}

/// Returns where the objects of a rule are checked: for objects in any namespace, in that of the command.
fn scope_of(rule: &ResourceRule) -> ObjectScope {
    match rule.scope() {
        Scope::Command | Scope::Any => ObjectScope::Command,
        Scope::Namespace(name) => ObjectScope::Namespace(name.clone()),
        Scope::Cluster => ObjectScope::Cluster,
    }
}

/// Checks whether the cluster has the kinds that an engine works with, and what this user may do with them.
async fn of_objects(session: &Session, file: &EngineFile) -> Vec<Check> {
    let engine = &*file.shown_name();
    let rules = file.manifest().resources.iter().flat_map(|it| &it.allow);
    let mut checks = Vec::new();
    for rule in rules {
        let failed =
            |error| Check::failed(Some(engine), &format!("kind:{}", rule.kind().kind), error);
        let scope = scope_of(rule);
        let found = session.cluster.object_type(rule.kind(), &scope);
        let ty = match Box::pin(found).await {
            Ok(ty) => ty,
            Err(ClusterError::NoSuchKind { .. }) if rule.is_optional() => {
                checks.push(Check::done_without(engine, rule));
                continue;
            }
            Err(error) => {
                checks.push(failed(&error));
                continue;
            }
        };
        let verbs: Vec<_> = rule.verbs().iter().copied().collect();
        match Box::pin(session.cluster.object_rights(&ty, &verbs)).await {
            Ok(rights) => checks.extend(rights.iter().map(|rights| {
                let need = NeededBy {
                    what: format!("engine {engine}"),
                    required: &[],
                    losses: vec![(rights.missing.as_slice(), "operations that need them fail")],
                };
                let mut check = right(rights, &need);
                check.row.engine = Some(engine.to_owned());
                check
            })),
            Err(error) => checks.push(failed(&error)),
        }
    }
    checks
}

/// Checks whether an HTTP server listens at the endpoint. Any answer counts, so the request asks for nothing
/// that costs the backend work.
async fn reach(
    engine: &str,
    endpoint: &str,
    found: Result<Arc<dyn BackendClient>, ClusterError>,
) -> (Check, Option<Arc<dyn BackendClient>>) {
    let name = format!("endpoint:{endpoint}");
    let failed = |error: &ClusterError| {
        let mut check = Check::failed(Some(engine), &name, error);
        check.absent = error.is_absence();
        check
    };
    let backend = match found {
        Ok(backend) => backend,
        Err(error) => return (failed(&error), None),
    };
    let mut request = HttpRequest::new(Bytes::new().into());
    *request.method_mut() = http::Method::HEAD;
    match backend.send(request, &Deadlines::default()).await {
        Ok(answer) => {
            // The body is read to its end so that the connection can be reused.
            let _ = answer.into_body().collect().await;
            let place = backend.candidate().as_ref().map(place).unwrap_or_default();
            let tls = if backend.is_encrypted() {
                " with TLS"
            } else {
                ""
            };
            let message = format!("{place} answers{tls}");
            (Check::passed(Some(engine), &name, message), Some(backend))
        }
        Err(error) => (failed(&error), None),
    }
}

/// Checks the stores and the services outside the cluster.
async fn outside(session: &Session, engine: &str, manifest: &Manifest) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, store) in &manifest.storage {
        let check = format!("storage:{name}");
        checks.extend(match store.kind {
            StoreKind::S3 => of_aws(session, engine, check, "S3", store.is_signed()).await,
            StoreKind::Gcs => of_google(session, engine, &check, store.is_signed()),
        });
    }
    for name in manifest.aws.keys() {
        let check = format!("aws:{name}");
        checks.extend(of_aws(session, engine, check, name, true).await);
    }
    checks
}

/// Checks whether there are credentials for S3, or for another service.
///
/// The service itself is not asked, because the bucket or the action is not known yet. Only a chosen engine is
/// checked: users without the backend have no such credentials.
async fn of_aws(
    session: &Session,
    engine: &str,
    name: String,
    service: &str,
    is_signed: bool,
) -> Option<Check> {
    if *session.choice() == EngineChoice::Auto {
        return None;
    }
    if !is_signed {
        let message = format!("{service} is asked without credentials");
        return Some(Check::passed(Some(engine), &name, message));
    }
    Some(match session.clouds.s3.credentials().await {
        Ok((key, region)) => {
            let key = text::printable(&key, MAX_KEY_ID);
            let message = format!("{service} is asked with AWS access key {key}, region {region}");
            Check::passed(Some(engine), &name, message)
        }
        Err(error) => {
            let Report { message, hint, .. } = error.report();
            let message = format!("{message}: operations that need {service} fail");
            let mut check = Check::warned(&name, message, hint);
            check.row.engine = Some(engine.to_owned());
            check
        }
    })
}

/// Says where the credentials for Google Cloud Storage are from. No token is asked for: outside of Google's cloud nothing
/// would answer.
fn of_google(session: &Session, engine: &str, name: &str, is_signed: bool) -> Option<Check> {
    if *session.choice() == EngineChoice::Auto {
        return None;
    }
    let words = StoreKind::Gcs.words();
    let message = match Google::source_of_credentials() {
        _ if !is_signed => format!("{words} is asked without credentials"),
        Some(source) => format!(
            "{words} is asked with the credentials of {}",
            text::printable(&source, MAX_KEY_ID)
        ),
        None => format!(
            "{words} is asked with the credentials of the machine in Google's cloud, if it is one"
        ),
    };
    Some(Check::passed(Some(engine), name, message))
}

fn place(candidate: &Candidate) -> String {
    let origin = match &candidate.origin {
        Origin::Flag => "given by flag".to_owned(),
        Origin::Service(name) => format!("of Service {name}"),
        Origin::Container(name) => format!("of container {name}"),
        Origin::Undeclared => "not declared by the pod".to_owned(),
    };
    format!(
        "port {} of pod {} ({origin})",
        candidate.port, candidate.pod
    )
}

fn show_notes(reporter: &dyn Reporter, backend: &dyn BackendClient) {
    for note in backend.take_notes() {
        reporter.note(&note);
    }
}

async fn detect(
    session: &Session,
    file: &EngineFile,
    network: Endpoints,
) -> Result<(Running, String), OpsError> {
    let loaded = session.host.load(file).await?;
    let asked = session.ask_over(file, &loaded, network).await?;
    let detection = asked.answer?;
    Ok((asked.running, in_words(detection)))
}

async fn list(session: &Session, running: &mut Running, engine: &str) -> Check {
    let mut of_list = running.manifest.options_for(Operation::List);
    let required = of_list
        .find(|option| option.required)
        .map(|it| it.name.clone());
    drop(of_list);
    if let Some(option) = required {
        let message = format!("the engine needs its option `{option}`");
        return Check::of(Some(engine), "list", Outcome::Skipped, message);
    }
    let options = session.options(&running.manifest, Operation::List);
    let listed = running.instance().list(None, &options).await;
    match running.original(listed) {
        Ok(backups) => {
            let noun = if backups.len() == 1 {
                "backup"
            } else {
                "backups"
            };
            Check::passed(Some(engine), "list", format!("{} {noun}", backups.len()))
        }
        Err(error) => Check::failed(Some(engine), "list", &error),
    }
}

fn all_skipped(file: &EngineFile) -> Vec<Check> {
    let engine = &*file.shown_name();
    let endpoints = file.manifest().endpoints.keys();
    endpoints
        .map(|name| Check::skipped(Some(engine), &format!("endpoint:{name}")))
        .chain(calls_skipped(file))
        .collect()
}

/// Returns skipped checks for `detect`, and for `list` if the engine has it.
fn calls_skipped(file: &EngineFile) -> Vec<Check> {
    let engine = &*file.shown_name();
    let list = file.manifest().can(Operation::List);
    ["detect", "list"]
        .into_iter()
        .take(if list { 2 } else { 1 })
        .map(|check| Check::skipped(Some(engine), check))
        .collect()
}

/// Turns the failures of absent backends into warnings if another engine answers.
fn excuse_absent(of_engines: &mut [Vec<Check>]) {
    let answers = |checks: &Vec<Check>| {
        let mut checks = checks.iter();
        checks.any(|check| check.row.check == "detect" && check.row.outcome == Outcome::Passed)
    };
    if !of_engines.iter().any(answers) {
        return;
    }
    for check in of_engines.iter_mut().flatten().filter(|check| check.absent) {
        check.row.outcome = Outcome::Warned;
        check.failure = None;
    }
}

/// Returns the failure for the exit code: first a missing permission, then a timeout, then any other.
fn gravest(checks: &[Check]) -> Option<Failure> {
    let has = |failure| checks.iter().any(|check| check.failure == Some(failure));
    let found = [Failure::NotAllowed, Failure::TimedOut]
        .into_iter()
        .find(|failure| has(*failure));
    let any = checks.iter().any(|check| check.failure.is_some());
    found.or(any.then_some(Failure::Failed))
}

impl Check {
    fn of(engine: Option<&str>, check: &str, outcome: Outcome, message: String) -> Self {
        Self {
            row: CheckResult {
                engine: engine.map(str::to_owned),
                check: check.to_owned(),
                outcome,
                message,
                hint: None,
            },
            failure: None,
            absent: false,
        }
    }

    fn passed(engine: Option<&str>, check: &str, message: String) -> Self {
        Self::of(engine, check, Outcome::Passed, message)
    }

    fn warned(check: &str, message: String, hint: Option<String>) -> Self {
        let mut warned = Self::of(None, check, Outcome::Warned, message);
        warned.row.hint = hint.map(|hint| Hint::new(hint, Author::Host));
        warned
    }

    fn failed(engine: Option<&str>, check: &str, problem: &dyn Problem) -> Self {
        let mut failed = Self::of(engine, check, Outcome::Failed, problem.to_string());
        failed.row.hint = problem.hint();
        failed.failure = Some(problem.failure());
        failed
    }

    /// Turns a failure into a warning, because only some operations suffer from it.
    fn excused(mut self, loss: &str) -> Self {
        if self.row.outcome == Outcome::Failed {
            self.row.outcome = Outcome::Warned;
            self.row.message = format!("{}; {loss}", self.row.message);
            self.failure = None;
            self.absent = false;
        }
        self
    }

    /// Returns the check for a kind that the cluster lacks and the engine does not need.
    fn done_without(engine: &str, rule: &ResourceRule) -> Self {
        let kind = rule.kind();
        let message = format!("the cluster does not have {kind}; operations that need it fail");
        let name = format!("kind:{}", kind.kind);
        Self::of(Some(engine), &name, Outcome::Skipped, message)
    }

    fn skipped(engine: Option<&str>, check: &str) -> Self {
        let message = "an earlier check failed".to_owned();
        Self::of(engine, check, Outcome::Skipped, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(engine: &str, failure: Failure) -> Check {
        let mut check = Check::of(Some(engine), "endpoint:api", Outcome::Failed, String::new());
        check.failure = Some(failure);
        check
    }

    #[test]
    fn a_missing_right_is_graver_than_a_deadline_and_that_than_all_else() {
        let mut checks = vec![Check::passed(None, "api-server", String::new())];
        assert_eq!(gravest(&checks), None);
        for (added, gravest_now) in [
            (Failure::NotFound, Failure::Failed),
            (Failure::TimedOut, Failure::TimedOut),
            (Failure::NotAllowed, Failure::NotAllowed),
            (Failure::PluginFault, Failure::NotAllowed),
        ] {
            checks.push(failed("x", added));
            assert_eq!(gravest(&checks), Some(gravest_now));
        }
    }

    #[test]
    fn an_absent_engine_is_excused_only_where_another_answers() {
        let absent = || {
            let mut check = failed("a", Failure::Failed);
            check.absent = true;
            vec![check]
        };
        let detected = Check::passed(Some("b"), "detect", String::new());
        let mut alone = [absent(), vec![Check::skipped(Some("b"), "detect")]];
        excuse_absent(&mut alone);
        assert_eq!(alone[0][0].row.outcome, Outcome::Failed);
        let mut together = [absent(), vec![detected, failed("b", Failure::TimedOut)]];
        excuse_absent(&mut together);
        assert_eq!(together[0][0].row.outcome, Outcome::Warned);
        assert_eq!(together[1][1].row.outcome, Outcome::Failed);
    }

    #[test]
    fn an_old_server_is_a_warning_with_the_version_that_is_wanted() {
        let of = |text: &str, numbers| {
            let text = text.to_owned();
            judged(&ServerVersion { text, numbers }, "https://x").row
        };
        let old = of("v1.25.16", Some((1, 25)));
        assert_eq!(old.outcome, Outcome::Warned);
        assert!(
            old.hint
                .is_some_and(|hint| hint.to_string().contains("1.26"))
        );
        assert_eq!(of("v1.26.0", Some((1, 26))).outcome, Outcome::Passed);
        assert_eq!(of("devel", None).outcome, Outcome::Passed);
    }
}
