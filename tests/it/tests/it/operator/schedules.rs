//! Schedules: runs at their times, and nothing twice.

use jiff::SignedDuration;
use serde_json::json;

use super::plant::{BACKUPS, NAMESPACE, Plant, SCHEDULES, condition, of_kind, phase};

/// The run of 11:00, half an hour after each test begins.
const FIRST: &str = "hourly-29540820";

fn hourly(plant: &Plant, more: &serde_json::Value) {
    let mut spec = json!({
        "engine": {"name": "hivemq"},
        "schedule": "0 * * * *",
        "store": {"name": "nightly"},
    });
    for (name, value) in more.as_object().expect("fields") {
        spec[name] = value.clone();
    }
    plant.add(&of_kind("BackupSchedule", "hourly", &spec));
    plant.until_object(SCHEDULES, "hourly", |it| {
        condition(it, "Scheduled") == "True"
    });
}

#[test]
fn a_schedule_fires_and_its_copy_is_in_the_store() {
    let plant = Plant::start();
    plant.add_store();
    hourly(&plant, &json!({}));
    assert_eq!(plant.bed().objects().list(BACKUPS, None).len(), 0);
    plant.advance(SignedDuration::from_mins(30));
    let backup = plant.until_ended(BACKUPS, FIRST);
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    let copy = &backup["status"]["copy"];
    assert!(copy["verifiedAt"].is_string(), "{copy}");

    let listed = plant.run("store ls URL -o json").json();
    assert_eq!(listed["items"][0]["reference"], copy["reference"]);
    assert_eq!(listed["items"][0]["state"], json!("verified"));

    let schedule = plant.until_object(SCHEDULES, "hourly", |it| condition(it, "Healthy") == "True");
    let status = &schedule["status"];
    assert_eq!(status["lastTickTime"], json!("2026-03-02T11:00:00Z"));
    assert_eq!(status["nextRunTime"], json!("2026-03-02T12:00:00Z"));
    assert_eq!(status["active"], json!(0));
    assert_eq!(plant.events("hourly"), ["RunCreated"]);
    assert_eq!(
        plant
            .bed()
            .objects()
            .list("jobs.batch", Some(NAMESPACE))
            .len(),
        2
    );
}
