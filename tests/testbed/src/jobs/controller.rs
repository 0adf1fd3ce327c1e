//! The Job controller. One step looks at one Job and its pods, and writes what follows.
//!
//! The texts and the order of the conditions are those of Kubernetes 1.36.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::creation;
use super::deletion::{self, Options, Propagation};
use super::events::{Recorder, Reporter};
use super::fields::{
    Condition, TRACKING, at, condition, controller, has_finalizer, is_deleted, is_over, is_true,
    items, namespace, phase, remove_finalizer, text, time, uid,
};
use super::policy::{self, Verdict};
use crate::api::objects::{Objects, key};
use crate::api::store::Key;
use crate::clock::{Clock, seconds};
use crate::faults::Faults;

/// The first delay after a failed pod, and the longest one.
const BACK_OFF: (i64, i64) = (10, 600);
/// The same after pods that the API server refused.
const REFUSED: (i64, i64) = (1, 60);

/// Returns the delay after a number of failures in a row.
pub fn delay((first, longest): (i64, i64), failures: u32) -> SignedDuration {
    let factor = 2_i64.saturating_pow(failures.saturating_sub(1));
    SignedDuration::from_secs(first.saturating_mul(factor).min(longest))
}

/// The controller's memory of a Job. A real one also loses it with its process.
#[derive(Debug, Default)]
struct Memory {
    /// The failures since the last success, and the time of the last one.
    failures: u32,
    last: Option<Timestamp>,
    /// The refused pods in a row, and the time of the next attempt.
    refused: u32,
    again: Option<Timestamp>,
}

#[derive(Debug)]
pub struct JobController {
    objects: Objects,
    clock: Clock,
    faults: Faults,
    events: Recorder,
    memory: HashMap<String, Memory>,
    /// The pods that each Job controls, by its `uid`.
    pods: HashMap<String, BTreeSet<Key>>,
}

/// The pods of a Job, counted.
struct Counted {
    succeeded: i64,
    failed: i64,
    active: Vec<(Key, Arc<Value>)>,
    ready: usize,
    terminating: usize,
    /// The pods whose finalizer goes, because they are counted.
    release: Vec<Key>,
    /// The message of a rule of `podFailurePolicy` that fails the Job.
    policy: Option<String>,
}

impl JobController {
    pub fn new(objects: Objects, clock: Clock, faults: Faults, events: Recorder) -> Self {
        Self {
            objects,
            clock,
            faults,
            events,
            memory: HashMap::new(),
            pods: HashMap::new(),
        }
    }

    /// Takes in a pod that a Job controls.
    pub fn add(&mut self, job: &str, pod: Key) {
        self.pods.entry(job.to_owned()).or_default().insert(pod);
    }

    /// Forgets a Job that is gone, and lets go of its pods.
    pub fn forget(&mut self, job: &str) {
        self.memory.remove(job);
        let pods = self.pods.remove(job);
        self.release(pods.iter().flatten());
    }

    /// Takes the next step with a Job. Returns the time of the next one, if it depends on the time.
    pub fn step(&mut self, key: &Key) -> Option<Timestamp> {
        let job = self.objects.store.get(key)?;
        let pods = self.pods(&job);
        if is_true(&job, "Complete") || is_true(&job, "Failed") {
            self.memory.remove(uid(&job));
            self.release(pods.iter().map(|(key, _)| key));
            return self.expire(key, &job);
        }
        let counted = self.count(&job, &pods);
        let mut next = Value::clone(&job);
        if !next["status"].is_object() {
            next["status"] = json!({});
        }
        let mut wake = None;
        if !is_deleted(&job) {
            wake = self.manage(&job, &mut next, &counted);
        }
        // Pods may have come or gone in this step.
        let (mut active, mut ready, mut terminating) = (0, 0, 0);
        for (_, pod) in self.pods(&job) {
            if is_deleted(&pod) {
                terminating += usize::from(!is_over(&pod));
            } else if !is_over(&pod) {
                active += 1;
                ready += usize::from(is_true(&pod, "Ready"));
            }
        }
        let status = &mut next["status"];
        for (field, number) in [
            ("succeeded", counted.succeeded),
            ("failed", counted.failed),
            ("active", active),
        ] {
            if number == 0 {
                status.as_object_mut().and_then(|it| it.remove(field));
            } else {
                status[field] = json!(number);
            }
        }
        status["ready"] = json!(ready);
        status["terminating"] = json!(terminating);
        status["uncountedTerminatedPods"] = json!({});
        let status = status.clone();
        deletion::settle(&self.objects, key, |job| job["status"] = status.clone());
        self.release(&counted.release);
        wake
    }

    /// Returns the pods that a Job controls.
    fn pods(&self, job: &Value) -> Vec<(Key, Arc<Value>)> {
        let keys = self.pods.get(uid(job)).into_iter().flatten();
        let mine = |pod: &Value| controller(pod).is_some_and(|it| it["uid"] == uid(job));
        keys.filter_map(|key| Some((key.clone(), self.objects.store.get(key)?)))
            .filter(|(_, pod)| mine(pod))
            .collect()
    }

    /// Lets go of pods.
    pub fn release<'a>(&self, pods: impl IntoIterator<Item = &'a Key>) {
        for key in pods {
            deletion::settle(&self.objects, key, |pod| remove_finalizer(pod, TRACKING));
        }
    }

    fn count(&mut self, job: &Value, pods: &[(Key, Arc<Value>)]) -> Counted {
        let number = |field: &str| at(job, &format!("/status/{field}")).as_i64().unwrap_or(0);
        let mut counted = Counted {
            succeeded: number("succeeded"),
            failed: number("failed"),
            active: Vec::new(),
            ready: 0,
            terminating: 0,
            release: Vec::new(),
            policy: None,
        };
        let only_failed = job["spec"]["podReplacementPolicy"] == "Failed";
        for (key, pod) in pods {
            if !is_over(pod) {
                if is_deleted(pod) {
                    counted.terminating += 1;
                } else {
                    counted.ready += usize::from(is_true(pod, "Ready"));
                    counted.active.push((key.clone(), Arc::clone(pod)));
                }
            }
            if !has_finalizer(pod, TRACKING) {
                continue;
            }
            // A deleted pod may never reach a phase that ends it, unless the Job waits for that.
            let failed = phase(pod) == "Failed"
                || is_deleted(pod)
                    && phase(pod) != "Succeeded"
                    && (!only_failed || is_deleted(job));
            if !failed && phase(pod) != "Succeeded" {
                continue;
            }
            counted.release.push(key.clone());
            let memory = self.memory.entry(uid(job).to_owned()).or_default();
            if !failed {
                counted.succeeded += 1;
                memory.failures = 0;
                continue;
            }
            memory.failures += 1;
            memory.last = memory.last.max(Some(finished(pod, self.clock.now())));
            match policy::verdict(job, pod) {
                Verdict::Count => counted.failed += 1,
                Verdict::Ignore => {}
                Verdict::FailJob(why) => {
                    counted.failed += 1;
                    counted.policy.get_or_insert(why);
                }
            }
        }
        counted
    }

    /// Decides about conditions and pods. `next` is the Job to be written.
    fn manage(&mut self, job: &Value, next: &mut Value, counted: &Counted) -> Option<Timestamp> {
        let now = self.clock.now();
        let suspended = job["spec"]["suspend"] == true;
        self.suspension(job, next, suspended, now);
        if is_true(job, "FailureTarget") || is_true(job, "SuccessCriteriaMet") {
            self.end(job, next, counted, now);
            return None;
        }
        if let Some((reason, message)) = failure(next, counted, suspended, now) {
            Condition::new("FailureTarget", "True", reason, &message).set(next, now);
            self.delete(job, &counted.active);
            return None;
        }
        if is_complete(job, counted) {
            let message = "Reached expected number of succeeded pods";
            Condition::new("SuccessCriteriaMet", "True", "CompletionsReached", message)
                .set(next, now);
            self.delete(job, &counted.active);
            return None;
        }
        if suspended {
            // Pods that a suspension deletes count as nothing, so their finalizer goes first.
            self.release(counted.active.iter().map(|(key, _)| key));
            self.delete(job, &counted.active);
            return None;
        }
        let deadline = deadline(next);
        let pods = self.fill_up(job, counted, now);
        [deadline, pods].into_iter().flatten().min()
    }

    /// Keeps `startTime` and the condition `Suspended`.
    fn suspension(&self, job: &Value, next: &mut Value, suspended: bool, now: Timestamp) {
        let was = is_true(job, "Suspended");
        if suspended && !was {
            let message = "Job suspended";
            Condition::new("Suspended", "True", "JobSuspended", message).set(next, now);
            self.events
                .normal(job, Reporter::JobController, "Suspended", message);
        } else if !suspended && was {
            let message = "Job resumed";
            Condition::new("Suspended", "False", "JobResumed", message).set(next, now);
            next["status"]["startTime"] = json!(seconds(now));
            self.events
                .normal(job, Reporter::JobController, "Resumed", message);
        } else if !suspended && next["status"]["startTime"].is_null() {
            next["status"]["startTime"] = json!(seconds(now));
        }
    }

    /// Turns the interim condition into the final one when the last pod has ended.
    fn end(&self, job: &Value, next: &mut Value, counted: &Counted, now: Timestamp) {
        self.delete(job, &counted.active);
        if !counted.active.is_empty() || counted.terminating > 0 {
            return;
        }
        let (interim, last) = match condition(job, "FailureTarget") {
            Some(interim) => (interim, "Failed"),
            None => match condition(job, "SuccessCriteriaMet") {
                Some(interim) => (interim, "Complete"),
                None => return,
            },
        };
        let (reason, message) = (text(interim, "/reason"), text(interim, "/message"));
        Condition::new(last, "True", reason, message).set(next, now);
        if last == "Complete" {
            next["status"]["completionTime"] = json!(seconds(now));
            let message = "Job completed";
            self.events
                .normal(job, Reporter::JobController, "Completed", message);
        } else {
            self.events
                .warning(job, Reporter::JobController, reason, message);
        }
    }

    fn delete(&self, job: &Value, pods: &[(Key, Arc<Value>)]) {
        for (key, _) in pods {
            deletion::delete(&self.objects, self.clock.now(), key, Options::default());
            let message = format!("Deleted pod: {}", key.name);
            self.events
                .normal(job, Reporter::JobController, "SuccessfulDelete", &message);
        }
    }

    /// Creates the missing pods, or deletes those that are too many.
    fn fill_up(&mut self, job: &Value, counted: &Counted, now: Timestamp) -> Option<Timestamp> {
        let parallelism = at(job, "/spec/parallelism").as_i64().unwrap_or(1);
        let active = i64::try_from(counted.active.len()).unwrap_or(i64::MAX);
        let wanted = match at(job, "/spec/completions").as_i64() {
            Some(completions) => parallelism.min(completions - counted.succeeded),
            None if counted.succeeded > 0 => active,
            None => parallelism,
        };
        if active > wanted {
            let spare = counted.active.len() - usize::try_from(wanted.max(0)).unwrap_or(0);
            let spare = &counted.active[..spare];
            self.release(spare.iter().map(|(key, _)| key));
            self.delete(job, spare);
            return None;
        }
        let mut missing = wanted - active;
        if job["spec"]["podReplacementPolicy"] == "Failed" {
            missing -= i64::try_from(counted.terminating).unwrap_or(i64::MAX);
        }
        if missing <= 0 {
            return None;
        }
        let memory = self.memory.entry(uid(job).to_owned()).or_default();
        let backed_off = memory.last.filter(|_| memory.failures > 0);
        let backed_off = backed_off.map(|last| last + delay(BACK_OFF, memory.failures));
        let waits = backed_off.max(memory.again).filter(|until| *until > now);
        if waits.is_some() {
            return waits;
        }
        for _ in 0..missing {
            match creation::create(&self.objects, &self.faults, job) {
                Ok(name) => {
                    let pod = key("pods", namespace(job), &name);
                    self.pods
                        .entry(uid(job).to_owned())
                        .or_default()
                        .insert(pod);
                    memory.refused = 0;
                    memory.again = None;
                    let message = format!("Created pod: {name}");
                    self.events
                        .normal(job, Reporter::JobController, "SuccessfulCreate", &message);
                }
                Err(why) => {
                    memory.refused += 1;
                    memory.again = Some(now + delay(REFUSED, memory.refused));
                    let message = format!("Error creating: {why}");
                    self.events
                        .warning(job, Reporter::JobController, "FailedCreate", &message);
                    return memory.again;
                }
            }
        }
        None
    }

    /// Deletes a finished Job whose time is over.
    fn expire(&self, key: &Key, job: &Value) -> Option<Timestamp> {
        let ttl = at(job, "/spec/ttlSecondsAfterFinished").as_i64()?;
        if is_deleted(job) {
            return None;
        }
        let finished = condition(job, "Complete").or_else(|| condition(job, "Failed"))?;
        let finished = time(&finished["lastTransitionTime"])?;
        let expires = finished + SignedDuration::from_secs(ttl);
        let now = self.clock.now();
        if expires > now {
            return Some(expires);
        }
        let options = Options::propagating(Propagation::Foreground);
        deletion::delete(&self.objects, now, key, options);
        None
    }
}

/// Returns why the Job fails, if it does.
fn failure(
    job: &Value,
    counted: &Counted,
    suspended: bool,
    now: Timestamp,
) -> Option<(&'static str, String)> {
    if let Some(why) = &counted.policy {
        return Some(("PodFailurePolicy", why.clone()));
    }
    let limit = at(job, "/spec/backoffLimit").as_i64().unwrap_or(6);
    let restarts: i64 = counted.active.iter().map(|(_, pod)| restarts(pod)).sum();
    let on_failure = text(job, "/spec/template/spec/restartPolicy") == "OnFailure";
    let too_many = on_failure && restarts > 0 && restarts >= limit;
    if counted.failed > limit || too_many {
        let why = "Job has reached the specified backoff limit";
        return Some(("BackoffLimitExceeded", why.to_owned()));
    }
    if !suspended && deadline(job).is_some_and(|deadline| deadline <= now) {
        let why = "Job was active longer than specified deadline";
        return Some(("DeadlineExceeded", why.to_owned()));
    }
    None
}

/// Returns the time at which the Job has been active for too long.
fn deadline(job: &Value) -> Option<Timestamp> {
    let seconds = at(job, "/spec/activeDeadlineSeconds").as_i64()?;
    Some(time(&job["status"]["startTime"])? + SignedDuration::from_secs(seconds))
}

fn is_complete(job: &Value, counted: &Counted) -> bool {
    match at(job, "/spec/completions").as_i64() {
        Some(completions) => counted.succeeded >= completions,
        None => counted.succeeded > 0 && counted.active.is_empty(),
    }
}

fn restarts(pod: &Value) -> i64 {
    let statuses = items(pod, "/status/containerStatuses").iter();
    statuses
        .filter_map(|status| status["restartCount"].as_i64())
        .sum()
}

/// Returns the time at which a failed pod ended.
fn finished(pod: &Value, now: Timestamp) -> Timestamp {
    let statuses = items(pod, "/status/containerStatuses").iter();
    let ended = statuses.filter_map(|status| time(at(status, "/state/terminated/finishedAt")));
    ended.max().unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_ten_minutes() {
        let delays = [1, 2, 3, 7, 40].map(|failures| delay(BACK_OFF, failures).as_secs());
        assert_eq!(delays, [10, 20, 40, 600, 600]);
    }
}
