//! How a run stands: from its Job and its pods.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use operator_api::{Fault, Phase, Progress, RunStatus};

use super::mirror::Outcome;
use crate::verdict::{Facts, Verdict, judge, newest};

/// How a run stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Standing {
    /// There is no Job. It was not made yet, or somebody deleted it.
    Missing,
    /// The Job is under way.
    UnderWay(Box<Going>),
    /// The Job has ended, and this is its result.
    Ended(Outcome),
    /// The Job has ended without a result of the worker, such as after a lack of memory.
    Broken(Fault),
}

/// A run that is under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Going {
    /// Why it waits, and when to look again.
    pub(super) verdict: Verdict,
    /// Name of the pod whose program runs, and has written lines.
    pub(super) running: Option<String>,
    /// The words of the attempt before, while its pod waits for the next one.
    pub(super) stumbled: Option<String>,
}

/// Judges a run. A pod reports nothing to the API server here, so only its node can say that it is lost: then the Job
/// replaces it.
pub(super) fn standing(job: Option<&Job>, pods: &[&Pod], now: Timestamp) -> Standing {
    if job.is_none() {
        return Standing::Missing;
    }
    let known = RunStatus {
        progress: Some(Progress {
            heartbeat_time: Some(now),
            ..Progress::default()
        }),
        ..RunStatus::default()
    };
    let verdict = judge(Facts {
        job,
        pods,
        known: &known,
        now,
    });
    let outcome = newest(pods).and_then(Outcome::of_pod);
    match (verdict.phase, outcome) {
        (Phase::Queued | Phase::Starting | Phase::Running, _) => {
            let is_running = |pod: &&Pod| {
                let status = pod.status.as_ref();
                status.and_then(|it| it.phase.as_deref()) == Some("Running")
            };
            let running = newest(pods).filter(is_running);
            let stumbled = running.filter(|it| is_between(it));
            let stumbled = stumbled.and_then(Outcome::of_pod).map(|it| it.words());
            let running = running.filter(|_| stumbled.is_none());
            Standing::UnderWay(Box::new(Going {
                running: running.and_then(|it| it.metadata.name.clone()),
                stumbled,
                verdict,
            }))
        }
        (Phase::Succeeded | Phase::Failed | Phase::Lost, Some(outcome)) => Standing::Ended(outcome),
        // The pod with the numbers is gone, and the Job still says that the work is done.
        (Phase::Succeeded, None) => Standing::Ended(Outcome::without_numbers()),
        (Phase::Failed | Phase::Lost, None) => {
            Standing::Broken(verdict.failure.unwrap_or_default())
        }
    }
}

/// Returns whether the program of a pod has ended and is to be started again.
fn is_between(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let containers = status.and_then(|it| it.container_statuses.as_ref());
    let mut containers = containers.into_iter().flatten();
    containers.any(|it| it.state.as_ref().is_some_and(|it| it.waiting.is_some()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kafka::mirror::State;

    fn job(condition: &Value) -> Job {
        serde_json::from_value(json!({
            "metadata": { "name": "j", "uid": "u", "creationTimestamp": "2025-09-06T10:00:00Z" },
            "status": { "conditions": [condition] },
        }))
        .expect("a Job")
    }

    fn pod(name: &str, minute: u8, phase: &str, state: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": name, "creationTimestamp": format!("2025-09-06T10:{minute:02}:00Z") },
            "status": {
                "phase": phase, "startTime": "2025-09-06T10:00:00Z",
                "containerStatuses": [{
                    "name": "run", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state,
                }],
            },
        }))
        .expect("a pod")
    }

    fn ended(code: i32, state: &str) -> Value {
        let message = json!({ "type": "result", "version": 1, "state": state, "message": "words" });
        json!({ "terminated": { "exitCode": code, "reason": "Error", "message": message.to_string() } })
    }

    fn noon() -> Timestamp {
        "2025-09-06T12:00:00Z".parse().expect("a time")
    }

    #[test]
    fn a_pod_that_runs_for_hours_is_not_lost() {
        let open = job(&json!({ "type": "Suspended", "status": "False" }));
        let running = pod("a", 0, "Running", &json!({ "running": {} }));
        let Standing::UnderWay(going) = standing(Some(&open), &[&running], noon()) else {
            panic!("it runs");
        };
        assert_eq!(going.verdict.phase, Phase::Running);
        assert_eq!(going.running.as_deref(), Some("a"));
        assert_eq!(standing(None, &[&running], noon()), Standing::Missing);
    }

    #[test]
    fn a_program_that_is_started_again_has_the_words_of_its_last_end() {
        let open = job(&json!({ "type": "Suspended", "status": "False" }));
        let mut pod = pod(
            "a",
            0,
            "Running",
            &json!({ "waiting": { "reason": "CrashLoopBackOff" } }),
        );
        let containers = pod
            .status
            .as_mut()
            .and_then(|it| it.container_statuses.as_mut());
        let before = serde_json::from_value(ended(1, "failed")).expect("a state");
        containers.expect("containers")[0].last_state = Some(before);
        let Standing::UnderWay(going) = standing(Some(&open), &[&pod], noon()) else {
            panic!("it goes on");
        };
        assert_eq!(going.stumbled.as_deref(), Some("words"));
        assert_eq!(going.running, None, "its log has no new line");
    }

    #[test]
    fn the_result_is_that_of_the_last_attempt() {
        let failed =
            job(&json!({ "type": "Failed", "status": "True", "reason": "PodFailurePolicy" }));
        let first = pod("a", 0, "Failed", &ended(1, "failed"));
        let last = pod("b", 5, "Failed", &ended(3, "partial"));
        let Standing::Ended(outcome) = standing(Some(&failed), &[&last, &first], noon()) else {
            panic!("it has ended");
        };
        assert_eq!(outcome.state, State::Partial);
        let open = job(&json!({ "type": "Suspended", "status": "False" }));
        let goes_on = standing(Some(&open), &[&first], noon());
        assert!(
            matches!(goes_on, Standing::UnderWay(_)),
            "another attempt follows"
        );
    }

    #[test]
    fn a_result_may_be_missing() {
        let failed =
            job(&json!({ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" }));
        let killed = json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } });
        let pod = pod("a", 0, "Failed", &killed);
        let Standing::Broken(fault) = standing(Some(&failed), &[&pod], noon()) else {
            panic!("it has no result");
        };
        assert_eq!(fault.code, "OOMKilled");
        let complete = job(&json!({ "type": "Complete", "status": "True" }));
        let Standing::Ended(outcome) = standing(Some(&complete), &[], noon()) else {
            panic!("it has ended");
        };
        assert_eq!(outcome.state, State::Complete);
    }
}
