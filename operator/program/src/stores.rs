//! Stores: Jobs that test and count them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::{Api, ResourceExt as _};
use operator_api::{
    BackupStore, BackupStoreStatus, Condition, Phase, RunStatus, Status, job_name, set_condition,
};

use crate::context::Context;
use crate::error::OperatorError;
use crate::job::{Plan, create_job};
use crate::metrics::OfKind;
use crate::owner::{check_owner, is_of, owner};
use crate::runs::{seconds_of, write_status};
use crate::verdict::{Facts, Verdict, judge};

/// Longest time of one attempt to test a store, in seconds.
const TEST: i64 = 300;
/// How long the Job of a test is kept, in seconds. A store that fails has a new one every ten minutes.
const TEST_KEPT: i32 = 3600;
/// Longest time between a failed test and the next, in seconds.
const AGAIN: i64 = 600;

/// Tests a store when its spec changes, and then by its interval.
pub(crate) async fn reconcile(
    object: Arc<BackupStore>,
    context: Arc<Context>,
) -> Result<Action, OperatorError> {
    let kind = OfKind {
        kind: "BackupStore".to_owned(),
    };
    context.metrics.reconciles.get_or_create(&kind).inc();
    let namespace = object.namespace().unwrap_or_default();
    let name = object.name_any();
    let wake = |time| context.wakes.stores.set(&namespace, &name, time);
    if object.metadata.deletion_timestamp.is_some() {
        wake(None);
        return Ok(Action::await_change());
    }
    let old = object.status.as_ref();
    let mut status = old.cloned().unwrap_or_default();
    let generation = object.metadata.generation;
    let now = context.clock.now();
    let is_new = status.observed_generation != generation;
    if let Some(is_ready) = is_ready(&status) {
        context.set_store(&object, is_ready);
    }
    let next = next_test(&object, &status);
    let is_due = is_new || next.is_some_and(|next| next <= now);
    if !is_due {
        wake(next);
        return Ok(Action::await_change());
    }
    // One Job per generation and round, so that two operators make the same.
    let round = if is_new {
        Timestamp::UNIX_EPOCH
    } else {
        status.last_check_time.unwrap_or_default()
    };
    let round = format!("{name}-{}-{}", generation.unwrap_or(0), round.as_second());
    let job = job_name("check", &round);
    let jobs: Api<Job> = Api::namespaced(context.client.clone(), &namespace);
    let Some(found) = jobs.get_opt(&job).await? else {
        create_test(&context, &object, job).await?;
        return Ok(Action::await_change());
    };
    check_owner(&found, &namespace, &object.uid().unwrap_or_default())?;
    let mut pods = context.seen.pods_of(&namespace, &job);
    pods.retain(|pod| is_of(pod, Some(&found)));
    let pods: Vec<&Pod> = pods.iter().map(AsRef::as_ref).collect();
    let known = RunStatus::default();
    let verdict = judge(Facts {
        job: Some(&found),
        pods: &pods,
        known: &known,
        now,
    });
    let ended = verdict.phase.is_terminal();
    let look_again = verdict.look_again;
    let Some((holds, reason, message)) = meaning(&verdict) else {
        wake(look_again);
        return Ok(Action::await_change());
    };
    if ended {
        status.observed_generation = generation;
        status.last_check_time = Some(now);
        status.failure = verdict.failure;
    }
    let was = status.conditions.iter().find(|it| it.type_ == "Ready");
    let is_news = was.is_none_or(|was| was.reason != reason);
    let condition = Condition::new("Ready", holds, &reason, &message, now, generation);
    set_condition(&mut status.conditions, condition);
    context.set_store(&object, holds);
    let stores: Api<BackupStore> = Api::namespaced(context.client.clone(), &namespace);
    let uid = object.uid().unwrap_or_default();
    write_status(&stores, &name, &uid, old, &status).await?;
    if is_news {
        let type_ = if holds {
            EventType::Normal
        } else {
            EventType::Warning
        };
        context.tell(&*object, type_, &reason, &message);
    }
    wake(if ended {
        next_test(&object, &status)
    } else {
        look_again
    });
    Ok(Action::await_change())
}

/// Makes the Job that tests a store.
async fn create_test(
    context: &Context,
    store: &BackupStore,
    name: String,
) -> Result<(), OperatorError> {
    let plan = Plan {
        name,
        namespace: store.namespace().unwrap_or_default(),
        owner: owner(store)?,
        arguments: vec![
            "run".to_owned(),
            format!("backupstore/{}", store.name_any()),
        ],
        settings: store.spec.job.as_deref(),
        work: None,
        store: Some(store),
        decrypts: false,
        timeout: TEST,
        retries: 1,
        kept: TEST_KEPT,
    };
    create_job(context, &plan, &store.uid().unwrap_or_default()).await
}

fn is_ready(status: &BackupStoreStatus) -> Option<bool> {
    let known = status.conditions.iter().find(|it| it.type_ == "Ready");
    known.map(|it| it.status == Status::True)
}

/// Returns when a store is to be tested again, apart from a change of its spec.
fn next_test(store: &BackupStore, status: &BackupStoreStatus) -> Option<Timestamp> {
    let interval = match seconds_of(&store.spec.check_interval) {
        // A store that was away may be back long before the next day.
        0 if is_ready(status) == Some(false) => AGAIN,
        usual if is_ready(status) == Some(false) => usual.min(AGAIN),
        usual => usual,
    };
    let last = status.last_check_time.filter(|_| interval > 0)?;
    Some(last + SignedDuration::from_secs(interval))
}

/// Returns whether a test passed, with the reason in one word and for people. None while it is under way.
fn meaning(verdict: &Verdict) -> Option<(bool, String, String)> {
    if verdict.phase == Phase::Succeeded {
        return Some((true, "Tested".to_owned(), "the last test passed".to_owned()));
    }
    if let Some(failure) = &verdict.failure {
        return Some((false, failure.code.clone(), failure.message.clone()));
    }
    let (reason, message) = verdict.waiting.clone()?;
    Some((false, reason, message))
}
