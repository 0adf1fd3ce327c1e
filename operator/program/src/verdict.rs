//! The verdict about a run: from its Job, its pods and their reports.

use host_base::text::printable;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use operator_api::{Fault, Phase, RunStatus};

use crate::job::PROGRAM_CONTAINER;

/// How long nothing may be heard of a pod before its run counts as lost.
pub(crate) const SILENCE: SignedDuration = SignedDuration::from_mins(10);
/// How long a Job may have no pod, and a pod no container, before the operator asks for the reason.
pub(crate) const PATIENCE: SignedDuration = SignedDuration::from_secs(10);
/// How long the operator waits before it asks again.
pub(crate) const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// The longest code of a failure, and the longest message and hint, in characters.
const CODE: usize = 64;
const WORDS: usize = 2048;
/// How long the operator leaves a pod alone that can't start. No watch tells it that the Job was deleted.
const RECHECK: SignedDuration = SignedDuration::from_mins(1);

/// The facts about a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// The Job, if there is one.
    pub(crate) job: Option<&'a Job>,
    /// The pods of the Job.
    pub(crate) pods: &'a [&'a Pod],
    /// The facts that were known before.
    pub(crate) known: &'a RunStatus,
    pub(crate) now: Timestamp,
}

/// The verdict about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) phase: Phase,
    pub(crate) failure: Option<Fault>,
    /// Why it does not go on, in one word and for people.
    pub(crate) waiting: Option<(String, String)>,
    /// When to look again although nothing changes.
    pub(crate) look_again: Option<Timestamp>,
    /// Uid of the object whose Events may say why nothing goes on.
    pub(crate) ask_events_of: Option<String>,
}

impl Verdict {
    /// A run that waits for a place.
    pub(crate) fn queued() -> Self {
        Self::of(Phase::Queued)
    }

    /// A run whose Job is being made.
    pub(crate) fn starting() -> Self {
        Self::of(Phase::Starting)
    }

    /// A run that failed before it began.
    pub(crate) fn failed(failure: &Fault) -> Self {
        Self::ended(Phase::Failed, failure)
    }

    fn of(phase: Phase) -> Self {
        Self {
            phase,
            failure: None,
            waiting: None,
            look_again: None,
            ask_events_of: None,
        }
    }

    fn ended(phase: Phase, failure: &Fault) -> Self {
        Self {
            failure: Some(bounded(failure)),
            ..Self::of(phase)
        }
    }
}

fn fault(code: &str, message: impl Into<String>, hint: &str) -> Fault {
    Fault {
        code: code.to_owned(),
        exit_code: None,
        message: message.into(),
        hint: Some(hint.to_owned()).filter(|hint| !hint.is_empty()),
    }
}

/// Returns a reason that a condition takes: it has at least one character, and not too many.
fn named(reason: &str, otherwise: &str, limit: usize) -> String {
    let reason = if reason.is_empty() { otherwise } else { reason };
    printable(reason, limit).chars().take(limit).collect()
}

/// Returns a message that a condition takes. An escape is longer than the character that it stands for.
fn worded(message: &str) -> String {
    printable(message, WORDS).chars().take(WORDS).collect()
}

/// Returns why something waits, in a form that a condition takes.
pub(crate) fn said_why(reason: &str, otherwise: &str, message: &str) -> (String, String) {
    (named(reason, otherwise, CODE), worded(message))
}

/// Returns what is said in a form that the schema of the status takes: the text comes from a pod, a node or a controller.
fn bounded(fault: &Fault) -> Fault {
    Fault {
        code: named(fault.code.trim(), "Failed", CODE),
        exit_code: fault.exit_code,
        message: worded(&fault.message),
        hint: fault.hint.as_deref().map(worded),
    }
}

/// Judges a run whose Job was made.
pub(crate) fn judge(facts: Facts<'_>) -> Verdict {
    let Facts {
        job, known, now, ..
    } = facts;
    let Some(job) = job else {
        let message = "the Job is gone, and did not say how it ended";
        let hint = "Create another object for the run";
        return Verdict::ended(Phase::Failed, &fault("JobDeleted", message, hint));
    };
    let status = job.status.as_ref();
    let conditions = status
        .and_then(|it| it.conditions.as_deref())
        .unwrap_or(&[]);
    let holds = |type_: &str| {
        conditions
            .iter()
            .find(|it| it.type_ == type_ && it.status == "True")
    };
    if holds("Complete").is_some() {
        return Verdict::of(Phase::Succeeded);
    }
    if let Some(failed) = holds("Failed") {
        let reason = failed.reason.as_deref().unwrap_or("Failed");
        let message = failed.message.as_deref().unwrap_or("the Job failed");
        return Verdict::ended(Phase::Failed, &cause(facts, reason, message));
    }
    let Some(pod) = newest(facts.pods) else {
        return slow_start(&job.metadata, now);
    };
    if let Some(waiting) = waiting(pod) {
        return Verdict {
            waiting: Some(waiting),
            look_again: Some(now + RECHECK),
            ..Verdict::of(Phase::Starting)
        };
    }
    if phase_of(pod) != "Running" {
        let waiting = unscheduled(pod);
        return match waiting {
            Some(_) => Verdict {
                waiting,
                look_again: Some(now + RECHECK),
                ..Verdict::of(Phase::Starting)
            },
            // A volume whose Secret is missing shows nowhere but in an Event of the pod.
            None => slow_start(&pod.metadata, now),
        };
    }
    let heard = known.progress.as_ref().and_then(|it| it.heartbeat_time);
    let started = pod.status.as_ref().and_then(|it| it.start_time.as_ref());
    let heard = heard.max(started.map(|it| it.0)).unwrap_or(now);
    let silent_at = heard + SILENCE;
    if now >= silent_at {
        let name = pod.metadata.name.as_deref().unwrap_or("?");
        let minutes = SILENCE.as_mins();
        let message = format!("nothing was heard of pod {name} for {minutes} minutes");
        let hint = format!("Look at its node: kubectl get pod {name} -o wide");
        return Verdict::ended(Phase::Lost, &fault("Lost", message, &hint));
    }
    Verdict {
        look_again: Some(silent_at),
        ..Verdict::of(Phase::Running)
    }
}

/// Judges a Job without a pod, or a pod that does not start. If that lasts, only an Event says why.
fn slow_start(of: &ObjectMeta, now: Timestamp) -> Verdict {
    let created = of.creation_timestamp.as_ref();
    let patient_until = created.map_or(now, |it| it.0 + PATIENCE);
    let is_patient = now < patient_until;
    Verdict {
        look_again: Some(if is_patient {
            patient_until
        } else {
            now + ASK_AGAIN
        }),
        ask_events_of: of.uid.clone().filter(|_| !is_patient),
        ..Verdict::of(Phase::Starting)
    }
}

/// Returns why a run failed: the program's own words, else the kubelet's, else the Job's.
fn cause(facts: Facts<'_>, reason: &str, message: &str) -> Fault {
    if reason == "DeadlineExceeded" {
        // The pod is deleted, and with it what it waited for. It is still known from before.
        let waited = facts
            .known
            .conditions
            .iter()
            .find(|it| it.type_ == "Progressing");
        let waited = waited.filter(|it| it.status == operator_api::Status::False);
        if let Some(waited) = waited {
            return fault(&waited.reason, waited.message.clone(), "");
        }
    }
    let pod = newest(facts.pods);
    let name = pod.and_then(|pod| pod.metadata.name.as_deref());
    let reported = facts.known.attempts.last().filter(|attempt| {
        // The words of an earlier pod explain nothing about a later one.
        name.is_none_or(|name| name == attempt.pod)
    });
    if let Some(failure) = reported.and_then(|it| it.failure.clone()) {
        return failure;
    }
    if let Some(found) = pod.and_then(of_pod) {
        return found;
    }
    fault(reason, message, "")
}

/// Returns why a pod failed, from its container or from its own status.
fn of_pod(pod: &Pod) -> Option<Fault> {
    let name = pod.metadata.name.as_deref().unwrap_or("?");
    if let Some(terminated) = state(pod).and_then(|it| it.terminated.as_ref()) {
        let reason = terminated.reason.as_deref().unwrap_or("Error");
        if reason == "OOMKilled" {
            let message = format!("pod {name} used more memory than it may");
            let hint = "Raise spec.job.resources.limits.memory";
            return Some(fault("OOMKilled", message, hint));
        }
        let said = terminated.message.as_deref().unwrap_or_default();
        if let Ok(found) = serde_json::from_str::<Fault>(said) {
            return Some(found);
        }
        let (message, hint) = of_log(said);
        let message = match message {
            "" => format!("pod {name} ended with exit code {}", terminated.exit_code),
            said => said.to_owned(),
        };
        let hint = match hint {
            "" => format!("See its log: kubectl logs {name}"),
            hint => hint.to_owned(),
        };
        return Some(Fault {
            exit_code: Some(terminated.exit_code),
            ..fault(reason, message, &hint)
        });
    }
    let status = pod.status.as_ref()?;
    if let Some(reason) = &status.reason {
        let message = status
            .message
            .clone()
            .unwrap_or_else(|| format!("pod {name}: {reason}"));
        return Some(fault(reason, message, ""));
    }
    let conditions = status.conditions.as_deref().unwrap_or(&[]);
    let disrupted = conditions
        .iter()
        .find(|it| it.type_ == "DisruptionTarget" && it.status == "True")?;
    let reason = disrupted.reason.as_deref().unwrap_or("Disrupted");
    let message = disrupted
        .message
        .clone()
        .unwrap_or_else(|| format!("pod {name} was removed"));
    Some(fault(reason, message, ""))
}

/// Returns what the newest pod said at its end.
pub(crate) fn said(pods: &[&Pod]) -> String {
    let said = newest(pods)
        .and_then(state)
        .and_then(|it| it.terminated.as_ref()?.message.clone());
    let said = said.unwrap_or_default();
    match serde_json::from_str::<Fault>(&said) {
        Ok(fault) => worded(&fault.message),
        Err(_) => worded(of_log(&said).0),
    }
}

/// Returns the error and the hint at the end of a log. Without such lines, the last line is the error.
///
/// A program that fails before it reads its object has said them only there.
fn of_log(text: &str) -> (&str, &str) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let with = |start: &str| {
        let found = lines.iter().rev().find_map(|line| line.strip_prefix(start));
        found.unwrap_or_default()
    };
    match with("error: ") {
        "" => {
            let last = lines.iter().rev().find(|line| !line.is_empty());
            (last.copied().unwrap_or_default(), "")
        }
        error => (error, with("hint: ")),
    }
}

pub(crate) fn newest<'a>(pods: &[&'a Pod]) -> Option<&'a Pod> {
    pods.iter().copied().max_by_key(|pod| {
        let created = pod.metadata.creation_timestamp.as_ref().map(|it| it.0);
        (created, pod.metadata.name.clone())
    })
}

fn phase_of(pod: &Pod) -> &str {
    let status = pod.status.as_ref();
    status
        .and_then(|it| it.phase.as_deref())
        .unwrap_or("Pending")
}

fn state(pod: &Pod) -> Option<&ContainerState> {
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    let ours = statuses.iter().find(|it| it.name == PROGRAM_CONTAINER)?;
    ours.state.as_ref()
}

/// Returns why the container can't start, if it can't: a Secret or an image is missing.
fn waiting(pod: &Pod) -> Option<(String, String)> {
    let waiting = state(pod)?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    if matches!(reason, "ContainerCreating" | "PodInitializing") {
        return None;
    }
    let message = waiting.message.as_deref().unwrap_or(reason);
    Some(said_why(reason, "Waiting", message))
}

/// Returns why no node takes the pod.
fn unscheduled(pod: &Pod) -> Option<(String, String)> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let found = conditions
        .iter()
        .find(|it| it.type_ == "PodScheduled" && it.status == "False")?;
    let reason = found.reason.as_deref().unwrap_or_default();
    let message = found.message.as_deref().unwrap_or_default();
    Some(said_why(reason, "Unschedulable", message))
}

#[cfg(test)]
mod tests {
    use operator_api::{Attempt, Condition, Progress};
    use serde_json::{Value, json};

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + minute * 60).expect("a time")
    }

    fn job(conditions: &Value) -> Job {
        let job = json!({
            "metadata": {"name": "backup-a", "uid": "job", "creationTimestamp": at(0).to_string()},
            "status": {"conditions": conditions},
        });
        serde_json::from_value(job).expect("a Job")
    }

    fn failed(reason: &str) -> Job {
        job(
            &json!([{"type": "Failed", "status": "True", "reason": reason, "message": "the Job's words"}]),
        )
    }

    fn pod(status: &Value) -> Pod {
        let pod = json!({
            "metadata": {"name": "backup-a-x", "uid": "pod", "creationTimestamp": at(0).to_string()},
            "status": status,
        });
        serde_json::from_value(pod).expect("a Pod")
    }

    fn container(phase: &str, state: &Value) -> Pod {
        pod(&json!({
            "phase": phase,
            "startTime": at(0).to_string(),
            "containerStatuses": [{
                "name": "run", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": state,
            }],
        }))
    }

    fn judged(job: Option<&Job>, pod: Option<&Pod>, known: &RunStatus, minute: i64) -> Verdict {
        let pods: Vec<_> = pod.into_iter().collect();
        judge(Facts {
            job,
            pods: &pods,
            known,
            now: at(minute),
        })
    }

    fn code(verdict: &Verdict) -> &str {
        verdict.failure.as_ref().map_or("", |it| &it.code)
    }

    #[test]
    fn the_end_of_the_job_is_the_end_of_the_run() {
        let known = RunStatus::default();
        let complete = job(&json!([
            {"type": "SuccessCriteriaMet", "status": "True"},
            {"type": "Complete", "status": "True"},
        ]));
        let verdict = judged(Some(&complete), None, &known, 1);
        assert_eq!(verdict, Verdict::of(Phase::Succeeded));
        // It is about to fail, and its pod still ends.
        let failing = job(&json!([{"type": "FailureTarget", "status": "True"}]));
        let verdict = judged(Some(&failing), None, &known, 1);
        assert_eq!(verdict.phase, Phase::Starting);
        let verdict = judged(None, None, &known, 1);
        assert_eq!(
            (verdict.phase, code(&verdict)),
            (Phase::Failed, "JobDeleted")
        );
    }

    #[test]
    fn the_reason_is_that_of_the_one_who_knows_most() {
        let failed = failed("BackoffLimitExceeded");
        let mut known = RunStatus::default();
        let ended = |reason: &str, message: Value| {
            let terminated = json!({"exitCode": 1, "reason": reason, "message": message});
            container("Failed", &json!({"terminated": terminated}))
        };
        let said = r#"{"code": "NotFound", "exitCode": 10, "message": "no pod"}"#;
        for (pod, expected) in [
            (None, "BackoffLimitExceeded"),
            (Some(ended("Error", Value::Null)), "Error"),
            (Some(ended("Error", json!(said))), "NotFound"),
            (Some(ended("OOMKilled", json!(said))), "OOMKilled"),
            (
                Some(pod(
                    &json!({"phase": "Failed", "reason": "Evicted", "message": "m"}),
                )),
                "Evicted",
            ),
            (
                Some(pod(&json!({"phase": "Failed", "conditions": [{
                    "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
                }]}))),
                "PreemptionByScheduler",
            ),
        ] {
            let verdict = judged(Some(&failed), pod.as_ref(), &known, 1);
            assert_eq!((verdict.phase, code(&verdict)), (Phase::Failed, expected));
        }
        let attempt = |pod: &str| Attempt {
            pod: pod.to_owned(),
            started_at: at(0),
            finished_at: Some(at(1)),
            failure: Some(fault("Integrity", "damaged", "")),
        };
        known.attempts = vec![attempt("backup-a-x")];
        let verdict = judged(Some(&failed), Some(&ended("Error", Value::Null)), &known, 1);
        assert_eq!(code(&verdict), "Integrity");
        // The words of an earlier pod are no reason for the end of a later one.
        known.attempts = vec![attempt("backup-a-earlier")];
        let verdict = judged(
            Some(&failed),
            Some(&ended("OOMKilled", Value::Null)),
            &known,
            1,
        );
        assert_eq!(code(&verdict), "OOMKilled");
    }

    #[test]
    fn words_of_a_pod_fit_into_the_status() {
        let long = "\u{1b}[31m\n".repeat(3000);
        let failure = Verdict::failed(&fault(&long, long.as_str(), &long)).failure;
        let failure = failure.expect("a failure");
        assert!(failure.code.chars().count() <= 64, "{failure:?}");
        for text in [failure.message, failure.hint.expect("a hint")] {
            assert!(text.chars().count() <= 2048, "{text}");
            assert!(!text.contains(char::is_control), "{text}");
        }
        let nameless = Verdict::failed(&fault(" ", "", "")).failure;
        assert_eq!(nameless.map(|it| it.code).as_deref(), Some("Failed"));
    }

    #[test]
    fn an_error_at_the_end_of_a_log_comes_with_its_hint() {
        for (log, expected) in [
            ("note: a\nerror: b: c\nhint: Do d\n", ("b: c", "Do d")),
            ("error: b\n", ("b", "")),
            ("exec format error\n\n", ("exec format error", "")),
            ("", ("", "")),
        ] {
            assert_eq!(of_log(log), expected);
        }
    }

    #[test]
    fn a_deadline_keeps_the_reason_that_the_pod_waited_for() {
        let mut known = RunStatus::default();
        let condition = Condition::new(
            "Progressing",
            false,
            "CreateContainerConfigError",
            "secret \"s\" not found",
            at(0),
            None,
        );
        known.conditions = vec![condition];
        let verdict = judged(Some(&failed("DeadlineExceeded")), None, &known, 90);
        assert_eq!(code(&verdict), "CreateContainerConfigError");
    }

    #[test]
    fn a_pod_that_can_not_start_says_why() {
        let open = job(&json!([]));
        let known = RunStatus::default();
        let waits = |reason: &str| {
            container(
                "Pending",
                &json!({"waiting": {"reason": reason, "message": "m"}}),
            )
        };
        let verdict = judged(
            Some(&open),
            Some(&waits("CreateContainerConfigError")),
            &known,
            1,
        );
        assert_eq!(verdict.phase, Phase::Starting);
        assert_eq!(
            verdict.waiting,
            Some(("CreateContainerConfigError".to_owned(), "m".to_owned()))
        );
        assert_eq!(verdict.look_again, Some(at(1) + RECHECK));
        let verdict = judged(Some(&open), Some(&waits("ContainerCreating")), &known, 1);
        assert_eq!((verdict.phase, verdict.waiting), (Phase::Starting, None));
        let nowhere = pod(&json!({"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3",
        }]}));
        let verdict = judged(Some(&open), Some(&nowhere), &known, 1);
        assert_eq!(
            verdict.waiting,
            Some(("Unschedulable".to_owned(), "0/3".to_owned()))
        );
        assert_eq!(verdict.look_again, Some(at(1) + RECHECK));
        // Without a pod, an Event may say more, but not at once.
        let verdict = judged(Some(&open), None, &known, 0);
        assert_eq!(
            (verdict.look_again, verdict.ask_events_of),
            (Some(at(0) + PATIENCE), None)
        );
        let verdict = judged(Some(&open), None, &known, 1);
        assert_eq!(verdict.ask_events_of.as_deref(), Some("job"));
        let creating = container(
            "Pending",
            &json!({"waiting": {"reason": "ContainerCreating"}}),
        );
        let verdict = judged(Some(&open), Some(&creating), &known, 1);
        assert_eq!(verdict.ask_events_of.as_deref(), Some("pod"));
    }

    #[test]
    fn a_run_is_lost_after_a_long_silence_only() {
        let open = job(&json!([]));
        let running = container(
            "Running",
            &json!({"running": {"startedAt": at(0).to_string()}}),
        );
        let mut known = RunStatus::default();
        let verdict = judged(Some(&open), Some(&running), &known, 9);
        assert_eq!(
            (verdict.phase, verdict.look_again),
            (Phase::Running, Some(at(10)))
        );
        assert_eq!(
            judged(Some(&open), Some(&running), &known, 10).phase,
            Phase::Lost
        );
        known.progress = Some(Progress {
            heartbeat_time: Some(at(9)),
            ..Progress::default()
        });
        let verdict = judged(Some(&open), Some(&running), &known, 10);
        assert_eq!(
            (verdict.phase, verdict.look_again),
            (Phase::Running, Some(at(19)))
        );
        assert_eq!(
            judged(Some(&open), Some(&running), &known, 19).phase,
            Phase::Lost
        );
    }
}
