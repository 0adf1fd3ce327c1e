use broker_manifest::Operation;
use host_base::{Check, Outcome, text};
use host_cluster::TargetPod;
use host_engine::{EngineError, HealthReport};

use super::network::Search;
use super::running::Running;
use super::{OpsError, Session};
use crate::results::Health;

/// The check of a pod that the engine could not ask.
const POD: &str = "pod";

/// Asks a backend how it is, and each of its replicas if the engine can.
///
/// A pod that can't be asked is part of the result, as a failed check.
///
/// # Errors
/// When no engine can check the health, or when nothing is known about it: no pod runs, or the engine failed.
pub async fn health(session: &mut Session) -> Result<Health, OpsError> {
    // The health is also about pods that don't answer, so a search for a ready one must not fail first.
    session.search = Search::WhenUsed;
    let operation = Operation::Health;
    let mut running = session.engine_for(operation).await?;
    let options = session.options(&running.manifest, operation);
    let reported = running.instance().health(&options).await;
    let mut reports = running.original(reported)?;
    if running.manifest.has_target() {
        complete(session, &running, &mut reports).await?;
    }
    Ok(Health {
        scope: running.scope(),
        reports,
    })
}

/// Checks that all reports are about pods of the target, and adds those about the pods that can't be asked.
async fn complete(
    session: &Session,
    running: &Running,
    reports: &mut Vec<HealthReport>,
) -> Result<(), OpsError> {
    let asks_each = running.manifest.endpoints.values().any(|it| it.replicas);
    if !asks_each && reports.iter().all(|report| report.pod.is_none()) {
        return Ok(());
    }
    let target = running.network.target();
    let mut pods = running.network.pods_of_target().await?.to_vec();
    let of_target = |name: &String| pods.iter().any(|pod| pod.name == *name);
    let mut named = reports.iter().filter_map(|report| report.pod.as_ref());
    if let Some(stranger) = named.find(|name| !of_target(name)) {
        return Err(OpsError::Engine(EngineError::BadResult {
            engine: format!("engine {}", running.manifest.id),
            operation: Operation::Health,
            what: format!(
                "`{}` is not a pod of the target",
                text::printable(stranger, 80)
            ),
        }));
    }
    if !asks_each {
        return Ok(());
    }
    if target.pod.is_none() {
        let missing = session.finder.missing(target, &pods).await;
        pods.extend(missing.into_iter().map(|name| TargetPod {
            name,
            problem: Some("the pod does not exist".to_owned()),
        }));
    }
    for pod in &pods {
        let is_reported = reports.iter().any(|it| it.pod.as_ref() == Some(&pod.name));
        if let (Some(problem), false) = (&pod.problem, is_reported) {
            reports.push(HealthReport {
                pod: Some(pod.name.clone()),
                checks: vec![Check {
                    name: POD.to_owned(),
                    outcome: Outcome::Failed,
                    message: Some(problem.clone()),
                }],
            });
        }
    }
    // The missing pods come last, and the report about the whole backend first.
    let position = |report: &HealthReport| {
        let name = report.pod.as_ref()?;
        pods.iter().position(|pod| pod.name == *name)
    };
    reports.sort_by_key(position);
    Ok(())
}

#[cfg(test)]
mod tests {
    use host_base::{Failure, Problem as _};

    use super::*;
    use crate::testing::{Reply, Script, faults, hivemq, open};

    const HEALTH: &str = "GET /api/v1/health/";
    /// The last port of the health endpoint, and of the management API.
    const HEALTH_PORT: u16 = 8889;
    const API_PORT: u16 = 8081;

    fn up() -> Reply {
        Reply::text(200, &r#"{"status": "UP"}"#)
    }

    /// Returns pod, check and outcome of each check.
    fn shown(health: &Health) -> Vec<String> {
        let of = |report: &HealthReport| {
            let pod = report.pod.clone().unwrap_or_default();
            let checks = report.checks.iter();
            let lines = checks.map(|it| format!("{pod} {} {}", it.name, it.outcome.name()));
            lines.collect::<Vec<_>>()
        };
        health.reports.iter().flat_map(of).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn pods_that_cant_be_asked_or_are_missing_stand_in_their_places() {
        let script = Script::default()
            .answers(HEALTH, [up()])
            .spoils("broker-1", "it is being deleted")
            .lacks("broker-3");
        let mut opened = open("auto", script).await;
        let found = health(&mut opened.session).await.expect("a result");
        assert_eq!(
            shown(&found),
            [
                "broker-0 health passed",
                "broker-1 pod failed",
                "broker-2 health passed",
                "broker-3 pod failed",
            ]
        );
        assert_eq!(found.failure(), Some(Failure::Failed));
        let asked = opened.script.asked_for(HEALTH).into_iter();
        let pods: Vec<_> = asked.map(|asked| asked.pod).collect();
        assert_eq!(pods, ["broker-0", "broker-2"]);
        // No ready pod is looked for.
        assert_eq!(opened.script.searches(API_PORT), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_the_user_chose_is_the_only_one() {
        let script = Script::default().answers(HEALTH, [up()]).lacks("broker-3");
        let mut opened = open("hivemq", script).await;
        opened.session.choose_pod("broker-1");
        let found = health(&mut opened.session).await.expect("a result");
        assert_eq!(shown(&found), ["broker-1 health passed"]);
        assert_eq!(found.failure(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_keeps_its_cause_and_has_both_hints() {
        let reply = Reply::Fails(faults::port_closed);
        let script = Script::default().answers(HEALTH, [reply]);
        let mut opened = open("auto", script).await;
        let error = health(&mut opened.session).await.expect_err("an error");
        assert_eq!(error.failure(), Failure::Failed);
        let hint = error.hint().expect("a hint").to_string();
        assert!(hint.contains("is enabled in the backend"), "{hint}");
        assert!(hint.contains("<health-api>"), "{hint}");
    }

    #[tokio::test(start_paused = true)]
    async fn other_operations_dont_look_for_an_optional_endpoint() {
        let script = Script::default()
            .answers(hivemq::LIST, [hivemq::list(&["a"])])
            .finds(HEALTH_PORT, [Err(faults::no_port)]);
        let opened = open("hivemq", script).await;
        crate::list(&opened.session, None).await.expect("a list");
        assert_eq!(opened.script.searches(HEALTH_PORT), 0);
    }
}
