//! Schedules: runs at their times, and nothing twice.

use jiff::SignedDuration;
use serde_json::{Value, json};
use testbed::{Pace, Testbed};

use super::plant::{BACKUPS, NAMESPACE, Plant, SCHEDULES, condition, of_kind, phase, reason};

/// The runs of 11:00 and of 12:00. Each test begins at 10:30.
const FIRST: &str = "hourly-29540820";
const SECOND: &str = "hourly-29540880";

fn hourly(plant: &Plant, more: &Value) {
    let mut spec = json!({
        "engine": {"name": "hivemq"},
        "schedule": "0 * * * *",
        "store": {"name": "nightly"},
    });
    for (name, value) in more.as_object().expect("fields") {
        spec[name] = value.clone();
    }
    plant.add(&of_kind("BackupSchedule", "hourly", &spec));
    if !plant.operators.is_empty() {
        plant.until_object(SCHEDULES, "hourly", |it| {
            !condition(it, "Scheduled").is_empty()
        });
    }
}

fn backups(bed: &Testbed) -> Vec<String> {
    let backups = bed.objects().list(BACKUPS, Some(NAMESPACE));
    let name = |it: &Value| it["metadata"]["name"].as_str().expect("a name").to_owned();
    backups.iter().map(name).collect()
}

/// Returns the sizes of the copies that a person sees.
fn copies(plant: &Plant) -> usize {
    let listed = plant.run("store ls URL -o json").json();
    listed["items"].as_array().expect("a list").len()
}

/// Waits until the next tick is known, so that the operator has seen the present.
fn until_next(plant: &Plant, time: &str) -> Value {
    plant.until_object(SCHEDULES, "hourly", |it| {
        it["status"]["nextRunTime"] == time
    })
}

#[test]
fn a_schedule_fires_and_its_copy_is_in_the_store() {
    let plant = Plant::start();
    plant.add_store();
    hourly(&plant, &json!({}));
    assert_eq!(backups(plant.bed()), [""; 0]);
    plant.advance(SignedDuration::from_mins(30));
    let backup = plant.until_ended(BACKUPS, FIRST);
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    let copy = &backup["status"]["copy"];
    assert!(copy["verifiedAt"].is_string(), "{copy}");

    let listed = plant.run("store ls URL -o json").json();
    assert_eq!(listed["items"][0]["reference"], copy["reference"]);
    assert_eq!(listed["items"][0]["state"], json!("checked"));

    let schedule = plant.until_object(SCHEDULES, "hourly", |it| condition(it, "Healthy") == "True");
    let status = &schedule["status"];
    assert_eq!(status["lastTickTime"], json!("2026-03-02T11:00:00Z"));
    assert_eq!(status["nextRunTime"], json!("2026-03-02T12:00:00Z"));
    assert_eq!(status["active"], json!(0));
    plant.until_event("hourly", "RunCreated");
    assert_eq!(plant.events("hourly"), ["RunCreated"]);
}

#[test]
fn one_missed_run_is_caught_up_and_never_more() {
    let mut plant = Plant::start();
    plant.add_store();
    hourly(&plant, &json!({}));
    plant.operators.clear();
    plant.advance(SignedDuration::from_mins(30 + 5 * 60));
    plant.add_operator();
    let newest = "hourly-29541120";
    let backup = plant.until_ended(BACKUPS, newest);
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    until_next(&plant, "2026-03-02T17:00:00Z");
    assert_eq!(backups(plant.bed()), [newest]);
    plant.until_event("hourly", "RunsMissed");
}

#[test]
fn a_run_that_is_too_late_is_left_out() {
    let mut plant = Plant::start();
    plant.add_store();
    hourly(&plant, &json!({"startingDeadlineSeconds": 600}));
    plant.operators.clear();
    plant.advance(SignedDuration::from_mins(45));
    plant.add_operator();
    until_next(&plant, "2026-03-02T12:00:00Z");
    plant.until_object(SCHEDULES, "hourly", |it| {
        it["status"]["lastTickTime"] == "2026-03-02T11:00:00Z"
    });
    assert_eq!(backups(plant.bed()), [""; 0]);
}

#[test]
fn a_suspended_schedule_catches_nothing_up() {
    let plant = Plant::start();
    plant.add_store();
    hourly(&plant, &json!({"suspend": true}));
    let suspended = plant.until_object(SCHEDULES, "hourly", |it| {
        condition(it, "Scheduled") == "False"
    });
    assert_eq!(reason(&suspended, "Scheduled"), "Suspended");
    plant.advance(SignedDuration::from_hours(3));
    plant.modify(SCHEDULES, "hourly", |it| {
        it["spec"]["suspend"] = json!(false);
    });
    until_next(&plant, "2026-03-02T14:00:00Z");
    assert_eq!(backups(plant.bed()), [""; 0]);
    plant.advance(SignedDuration::from_mins(30));
    assert_eq!(
        phase(&plant.until_ended(BACKUPS, "hourly-29541000")),
        "Succeeded"
    );
    assert_eq!(backups(plant.bed()), ["hourly-29541000"]);
}

#[test]
fn a_clock_that_is_set_back_makes_no_run_twice() {
    let plant = Plant::start();
    plant.add_store();
    hourly(&plant, &json!({}));
    plant.advance(SignedDuration::from_mins(30));
    assert_eq!(phase(&plant.until_ended(BACKUPS, FIRST)), "Succeeded");
    plant.advance(SignedDuration::from_mins(-20));
    plant.advance(SignedDuration::from_mins(25));
    plant.advance(SignedDuration::from_mins(55));
    let second = plant.until_ended(BACKUPS, SECOND);
    assert_eq!(phase(&second), "Succeeded", "{second:#}");
    assert_eq!(backups(plant.bed()), [FIRST, SECOND]);
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    let made = hivemq.backups().into_iter().map(|it| it.id);
    let made: Vec<_> = made.filter(|id| id.as_str() >= "20260302-11").collect();
    assert_eq!(made, ["20260302-110000", "20260302-120000"]);
}

#[test]
fn a_run_is_left_out_while_the_one_before_is_under_way() {
    let plant = Plant::start();
    plant.add_store();
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    hivemq.set_pace(Pace::Polls(u32::MAX));
    hourly(&plant, &json!({}));
    plant.advance(SignedDuration::from_mins(30));
    plant.until_object(BACKUPS, FIRST, |it| it["status"]["backupId"].is_string());
    plant.advance(SignedDuration::from_hours(1));
    until_next(&plant, "2026-03-02T13:00:00Z");
    assert_eq!(backups(plant.bed()), [FIRST]);
    plant.until_event("hourly", "RunSkipped");
}

#[test]
fn the_retention_keeps_what_its_rules_say() {
    let plant = Plant::start();
    plant.add_store();
    hourly(
        &plant,
        &json!({"retention": {"keepLast": 1}, "successfulHistoryLimit": 1}),
    );
    for (name, next) in [(FIRST, "12"), (SECOND, "13")] {
        until_next(
            &plant,
            &format!(
                "2026-03-02T{:02}:00:00Z",
                next.parse::<u8>().expect("an hour") - 1
            ),
        );
        plant.advance(SignedDuration::from_mins(if name == FIRST {
            30
        } else {
            60
        }));
        assert_eq!(phase(&plant.until_ended(BACKUPS, name)), "Succeeded");
        let time = format!(
            "2026-03-02T{:02}:00:00Z",
            next.parse::<u8>().expect("an hour") - 1
        );
        let schedule = plant.until_object(SCHEDULES, "hourly", |it| {
            let done = &it["status"]["retention"];
            done["tickTime"] == json!(time) && done["finishedAt"].is_string()
        });
        assert_eq!(
            schedule["status"]["retention"]["succeeded"],
            json!(true),
            "{schedule:#}"
        );
    }
    assert_eq!(copies(&plant), 1);
    // The object of the older run is gone, too.
    plant.until("one object", |bed| (backups(bed) == [SECOND]).then_some(()));
}

#[test]
fn deep_checks_have_a_schedule_of_their_own() {
    let plant = Plant::start();
    plant.add_store();
    hourly(&plant, &json!({"deepCheck": {"schedule": "30 11 * * *"}}));
    plant.advance(SignedDuration::from_mins(30));
    plant.until_ended(BACKUPS, FIRST);
    plant.advance(SignedDuration::from_mins(30));
    let schedule = plant.until_object(SCHEDULES, "hourly", |it| {
        it["status"]["deepCheck"]["finishedAt"].is_string()
    });
    assert_eq!(
        schedule["status"]["deepCheck"]["succeeded"],
        json!(true),
        "{schedule:#}"
    );
    let listed = plant.run("store ls URL -o json").json();
    assert_eq!(
        listed["items"][0]["lastCheck"]["depth"],
        json!("deep"),
        "{listed:#}"
    );
}

#[test]
fn a_schedule_that_can_not_be_read_says_why() {
    let plant = Plant::start();
    hourly(&plant, &json!({"schedule": "0 0 31 2 *"}));
    let schedule = plant.until_object(SCHEDULES, "hourly", |it| {
        condition(it, "Scheduled") == "False"
    });
    assert_eq!(reason(&schedule, "Scheduled"), "InvalidSchedule");
    plant.until_event("hourly", "InvalidSchedule");
    assert_eq!(plant.events("hourly"), ["InvalidSchedule"]);
}

#[test]
fn what_has_no_meaning_is_refused_by_the_api_server() {
    let plant = Plant::without_operator(Testbed::builder(), &[]);
    let good = json!({"engine": {"name": "hivemq"}, "schedule": "@daily"});
    let with = |path: &str, value: Value| {
        let mut spec = good.clone();
        *spec.pointer_mut(path).unwrap_or(&mut Value::Null) = Value::Null;
        let (parent, name) = path.rsplit_once('/').expect("a path");
        spec.pointer_mut(parent).expect("a parent")[name] = value;
        spec
    };
    for (path, value) in [
        ("/schedule", json!("0 0 * *")),
        ("/schedule", json!("99")),
        ("/timeZone", json!("Europe/Berlln")),
        ("/timeZone", json!("Local")),
        ("/timeZone", json!("+02:00")),
        ("/timeout", json!("1d")),
        ("/timeout", json!("5s")),
        ("/retries", json!(11)),
        ("/retention", json!({})),
        ("/retention", json!({"keepLast": -1})),
        ("/retention", json!({"keepWithin": "soon"})),
        ("/concurrencyPolicy", json!("Maybe")),
        ("/ports", json!({"management-port": 70000})),
        ("/deepCheck", json!({"schedule": "0 0 * *"})),
    ] {
        let spec = with(path, value.clone());
        let refused = plant.create(&of_kind("BackupSchedule", "a", &spec));
        assert!(refused.is_err(), "{path}: {value}: {refused:?}");
    }
    let long = "a".repeat(44);
    let refused = plant.create(&of_kind("BackupSchedule", &long, &good));
    assert!(refused.is_err_and(|it| it.contains("43 characters")));
    for (path, value) in [
        ("/schedule", json!("H 2 * * MON-FRI")),
        ("/timeZone", json!("Europe/Berlin")),
        ("/timeout", json!("1h30m")),
        ("/retention", json!({"keepWithin": "1y6m"})),
    ] {
        let name = format!("good{}", path.replace('/', "-").to_lowercase());
        plant.add(&of_kind("BackupSchedule", &name, &with(path, value)));
    }
}
