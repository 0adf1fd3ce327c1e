//! Moments at which an operator, its watches or its requests fail, and what is left afterwards.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testbed::{NodeDeath, Pace, Testbed};

use super::plant::{
    BACKUPS, BEGIN, NAMESPACE, Plant, SCHEDULES, condition, of_kind, phase, reason,
};

const JOBS: &str = "jobs.batch";

fn once(plant: &Plant, more: &Value) {
    let mut spec = json!({"engine": {"name": "hivemq"}, "store": {"name": "nightly"}});
    for (name, value) in more.as_object().expect("fields") {
        spec[name] = value.clone();
    }
    plant.add(&of_kind("Backup", "once", &spec));
}

/// Loses the run `once` with its node. Pods write their heartbeats with the time of this machine, so the clock must pass
/// that.
pub fn lose(plant: &Plant) {
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    hivemq.set_pace(Pace::Polls(u32::MAX));
    once(plant, &json!({}));
    let running = plant.until_object(BACKUPS, "once", |it| it["status"]["backupId"].is_string());
    let pod = running["status"]["run"]["attempts"][0]["pod"].as_str();
    let pod = plant
        .bed()
        .objects()
        .get("pods", NAMESPACE, pod.expect("a name"));
    let node = pod.expect("a pod")["spec"]["nodeName"].clone();
    plant
        .bed()
        .node_dies(node.as_str().expect("a node"), NodeDeath::Off);
    let begin: Timestamp = BEGIN.parse().expect("a time");
    plant.advance(Timestamp::now().duration_since(begin) + SignedDuration::from_hours(1));
    let lost = plant.until_ended(BACKUPS, "once");
    assert_eq!(phase(&lost), "Lost", "{lost:#}");
}

/// Waits until the Job of a run is deleted. Its pod may wait for its node.
pub fn until_no_job(plant: &Plant) {
    plant.until("the deletion of the Job", |bed| {
        let job = bed.objects().get(JOBS, NAMESPACE, "backup-once");
        let is_deleted = |job: Value| job["metadata"]["deletionTimestamp"].is_string();
        job.is_none_or(is_deleted).then_some(())
    });
}

#[test]
fn the_job_of_a_lost_run_is_deleted_by_the_next_operator() {
    let mut plant = Plant::start();
    plant.add_store();
    let deny = "deny=delete:jobs".parse().expect("a fault");
    plant.bed().faults().set(deny);
    lose(&plant);
    plant.operators[0].kill();
    plant.bed().faults().clear();
    let job = plant.bed().objects().get(JOBS, NAMESPACE, "backup-once");
    assert!(job.is_some_and(|job| job["metadata"]["deletionTimestamp"].is_null()));
    plant.restart_operator(0);
    until_no_job(&plant);
}

#[test]
fn a_watch_that_comes_late_leaves_no_copy_behind() {
    let mut plant = Plant::start();
    plant.add_store();
    once(&plant, &json!({"deletionPolicy": "Delete"}));
    let backup = plant.until_ended(BACKUPS, "once");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    plant.operators[0].kill();
    plant.delete(BACKUPS, "once");
    let deny = "deny=list:backupstores".parse().expect("a fault");
    plant.bed().faults().set(deny);
    plant.restart_operator(0);
    plant.until("an operator that sees Backups", |_| {
        let log = plant.operators[0].log();
        (log.matches("a watch is interrupted").count() > 1).then_some(())
    });
    plant.bed().faults().clear();
    plant.until("no object", |bed| {
        let found = bed.objects().get(BACKUPS, NAMESPACE, "once");
        found.is_none().then_some(())
    });
    let listed = plant.run("store ls URL -o json").json();
    assert_eq!(listed["items"], json!([]));
}

#[test]
fn a_job_that_is_deleted_before_its_pod_began_is_made_again() {
    let plant = Plant::start();
    plant.add_store();
    once(
        &plant,
        &json!({"job": {"image": "registry.test/missing:1"}}),
    );
    plant.until_object(BACKUPS, "once", |it| {
        reason(it, "Progressing") == "ErrImagePull"
            || reason(it, "Progressing") == "ImagePullBackOff"
    });
    let job = |bed: &Testbed| {
        let job = bed.objects().get(JOBS, NAMESPACE, "backup-once")?;
        job["metadata"]["uid"].as_str().map(str::to_owned)
    };
    let first = job(plant.bed()).expect("a Job");
    let removed = plant.bed().objects().remove(JOBS, NAMESPACE, "backup-once");
    removed.expect("the Job");
    plant.advance(SignedDuration::from_mins(2));
    plant.until("another Job", |bed| job(bed).filter(|uid| *uid != first));
}

/// The API server has the last word: a run that is left out because of an old view would never come back.
#[test]
fn a_run_is_not_left_out_because_a_watch_has_not_seen_the_end_of_the_one_before() {
    let plant = Plant::start();
    plant.add_store();
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    hivemq.set_pace(Pace::Polls(u32::MAX));
    let spec = json!({
        "engine": {"name": "hivemq"},
        "schedule": "0 * * * *",
        "store": {"name": "nightly"},
        "concurrencyPolicy": "Forbid",
    });
    plant.add(&of_kind("BackupSchedule", "hourly", &spec));
    plant.until_object(SCHEDULES, "hourly", |it| {
        !condition(it, "Scheduled").is_empty()
    });
    plant.advance(SignedDuration::from_mins(30));
    plant.until_object(BACKUPS, "hourly-29540820", |it| phase(it) == "Running");

    let deny = "deny=watch:backups".parse().expect("a fault");
    plant.bed().faults().set(deny);
    plant.bed().break_connections();
    plant.until("an operator that sees no change of Backups", |_| {
        let log = plant.operators[0].log();
        log.contains("a watch is interrupted").then_some(())
    });
    let ended = plant
        .bed()
        .objects()
        .modify(BACKUPS, NAMESPACE, "hourly-29540820", |it| {
            it["status"]["run"]["phase"] = json!("Succeeded");
        });
    ended.expect("a run");
    plant.advance(SignedDuration::from_hours(1));
    plant.until("the next run", |bed| {
        bed.objects().get(BACKUPS, NAMESPACE, "hourly-29540880")
    });
}
