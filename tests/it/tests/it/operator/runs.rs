//! Runs that go wrong: what the status, the condition and the Event of each say.

use std::os::unix::fs::PermissionsExt as _;

use jiff::SignedDuration;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::{BackupState, Pace, Testbed};

use super::plant::{
    BACKUPS, NAMESPACE, Plant, RESTORES, STORES, condition, of_kind, phase, reason,
};

/// Adds a Backup `once`, and returns after the operator has seen it.
fn once(plant: &Plant, more: &Value) {
    let mut spec = json!({"engine": {"name": "hivemq"}, "store": {"name": "nightly"}});
    for (name, value) in more.as_object().expect("fields") {
        spec[name] = value.clone();
    }
    plant.add(&of_kind("Backup", "once", &spec));
}

/// Moves the clock until a run has ended: Jobs wait before another attempt.
fn ended(plant: &Plant, resource: &str, name: &str) -> Value {
    plant.until_stepping(SignedDuration::from_secs(5), resource, name, |it| {
        matches!(phase(it), "Succeeded" | "Failed" | "Lost")
    })
}

/// Lets the broker complete the backup of a run.
fn complete(plant: &Plant, run: &Value) {
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    let id = run["status"]["backupId"].as_str().expect("an id");
    let mut backup = hivemq.backup(id).expect("a backup");
    backup.state = BackupState::Completed;
    backup.bytes = Some(4096);
    hivemq.put(backup);
}

fn failure<'a>(object: &'a Value, field: &str) -> &'a Value {
    &object["status"]["run"]["failure"][field]
}

fn attempts(object: &Value) -> usize {
    let attempts = object["status"]["run"]["attempts"].as_array();
    attempts.map_or(0, Vec::len)
}

#[test]
fn a_secret_that_is_missing_is_named_and_waited_for() {
    let plant = Plant::start();
    plant.add_store();
    once(
        &plant,
        &json!({"credentials": {"secret": {"name": "admin"}}}),
    );
    let waiting = plant.until_stepping(SignedDuration::from_secs(5), BACKUPS, "once", |it| {
        condition(it, "Progressing") == "False"
    });
    assert_eq!(reason(&waiting, "Progressing"), "FailedMount");
    assert_eq!(phase(&waiting), "Starting");
    plant.until_event("once", "FailedMount");
    plant.put(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "admin", "namespace": NAMESPACE},
        "data": {"username": "YWRtaW4=", "password": "eA=="},
    }));
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
}

#[test]
fn a_service_account_that_is_missing_is_named() {
    let plant = Plant::start();
    plant.add_store();
    once(&plant, &json!({"job": {"serviceAccountName": "nobody"}}));
    let waiting = plant.until_stepping(SignedDuration::from_secs(5), BACKUPS, "once", |it| {
        condition(it, "Progressing") == "False"
    });
    assert_eq!(reason(&waiting, "Progressing"), "FailedCreate");
}

#[test]
fn a_right_that_is_refused_ends_the_run_at_once() {
    let plant = Plant::start();
    plant.add_store();
    plant.modify(
        "roles.rbac.authorization.k8s.io",
        "kubectl-broker-runner",
        |role| {
            let rules = role["rules"].as_array_mut().expect("rules");
            rules.retain(|rule| rule["resources"] != json!(["pods/portforward"]));
        },
    );
    once(&plant, &json!({"connection": "PortForward"}));
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&backup), "Failed");
    assert_eq!(failure(&backup, "code"), "NotAllowed", "{backup:#}");
    assert_eq!(failure(&backup, "exitCode"), 12);
    assert_eq!(attempts(&backup), 1);
    assert_eq!(condition(&backup, "Failed"), "True");
}

#[test]
fn a_broken_backend_is_tried_again_and_then_reported() {
    let plant = Plant::start();
    plant.add_store();
    plant
        .bed()
        .faults()
        .set("hivemq-create-fails=disk full".parse().expect("a fault"));
    once(&plant, &json!({"retries": 2}));
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(
        (phase(&backup), attempts(&backup)),
        ("Failed", 3),
        "{backup:#}"
    );
    let message = failure(&backup, "message").as_str().expect("a message");
    assert!(message.contains("disk full"), "{message}");
    assert!(failure(&backup, "hint").is_string(), "{backup:#}");
    plant.until_event("once", "Failed");
}

#[test]
fn a_second_attempt_follows_what_the_first_has_begun() {
    let plant = Plant::start();
    plant.add_store();
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    let before = hivemq.backups().len();
    hivemq.set_pace(Pace::Polls(u32::MAX));
    once(&plant, &json!({}));
    let running = plant.until_object(BACKUPS, "once", |it| it["status"]["backupId"].is_string());
    let pod = running["status"]["run"]["attempts"][0]["pod"]
        .as_str()
        .expect("a pod");
    assert!(plant.bed().evict(NAMESPACE, pod), "{pod}");
    complete(&plant, &running);
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(
        (phase(&backup), attempts(&backup)),
        ("Succeeded", 2),
        "{backup:#}"
    );
    assert_eq!(hivemq.backups().len(), before + 1);
    assert_eq!(backup["status"]["backupId"], running["status"]["backupId"]);
}

#[test]
fn a_run_past_its_timeout_says_so() {
    let plant = Plant::start();
    plant.add_store();
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    hivemq.set_pace(Pace::Polls(u32::MAX));
    // The shortest that the schema allows. The program measures it with the real clock.
    once(&plant, &json!({"timeout": "10s", "retries": 0}));
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&backup), "Failed");
    assert_eq!(failure(&backup, "code"), "TimedOut", "{backup:#}");
    assert_eq!(failure(&backup, "exitCode"), 124);
}

#[test]
fn a_store_that_can_not_be_written_fails_the_run_and_the_store() {
    let plant = Plant::start();
    plant.add_store();
    let folder = plant.folder.path().join("store");
    let closed = std::fs::Permissions::from_mode(0o500);
    // Root may write everywhere: then the folder must be gone.
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::fs::remove_dir_all(&folder).expect("a folder");
        std::fs::write(&folder, "no folder").expect("a file");
    } else {
        std::fs::set_permissions(&folder, closed).expect("a folder of ours");
    }
    once(&plant, &json!({"retries": 0}));
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&backup), "Failed", "{backup:#}");
    plant.modify(STORES, "nightly", |it| {
        it["spec"]["checkInterval"] = json!("2h");
    });
    let store = plant.until_stepping(SignedDuration::from_secs(5), STORES, "nightly", |it| {
        condition(it, "Ready") == "False"
    });
    assert!(
        store["status"]["failure"]["message"].is_string(),
        "{store:#}"
    );
    if is_root {
        std::fs::remove_file(&folder).expect("a file");
        std::fs::create_dir(&folder).expect("a folder");
    } else {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).expect("ours");
    }
    // It is tested again long before the interval has passed.
    let before = plant.bed().clock().now();
    plant.until_stepping(SignedDuration::from_mins(1), STORES, "nightly", |it| {
        condition(it, "Ready") == "True"
    });
    assert!(plant.bed().clock().now() < before + SignedDuration::from_hours(1));
}

#[test]
fn a_pod_out_of_memory_is_named() {
    let plant = Plant::start();
    plant.add_store();
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    hivemq.set_pace(Pace::Polls(u32::MAX));
    once(&plant, &json!({"retries": 0}));
    let running = plant.until_object(BACKUPS, "once", |it| it["status"]["backupId"].is_string());
    let pod = running["status"]["run"]["attempts"][0]["pod"]
        .as_str()
        .expect("a pod");
    assert!(plant.bed().run_out_of_memory(NAMESPACE, pod));
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(failure(&backup, "code"), "OOMKilled", "{backup:#}");
}

#[test]
fn a_store_that_does_not_exist_is_waited_for() {
    let plant = Plant::start();
    once(&plant, &json!({}));
    let waiting = plant.until_object(BACKUPS, "once", |it| {
        reason(it, "Progressing") == "StoreNotFound"
    });
    assert_eq!(phase(&waiting), "Queued");
    plant.add_store();
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
}

#[test]
fn an_operator_that_dies_leaves_no_run_behind() {
    let mut plant = Plant::start();
    plant.add_store();
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    hivemq.set_pace(Pace::Polls(u32::MAX));
    once(&plant, &json!({}));
    let running = plant.until_object(BACKUPS, "once", |it| it["status"]["backupId"].is_string());
    plant.operators[0].kill();
    complete(&plant, &running);
    plant.until("the end of the Job", |bed| {
        let job = bed.objects().get("jobs.batch", NAMESPACE, "backup-once")?;
        job["status"]["completionTime"].is_string().then_some(())
    });
    plant.add_operator();
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    assert_eq!(attempts(&backup), 1);
}

#[test]
fn a_second_replica_takes_over() {
    let mut plant = Plant::start();
    plant.add_store();
    plant.add_operator();
    plant.operators[0].kill();
    once(&plant, &json!({}));
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    let lease = |bed: &Testbed| {
        bed.objects().get(
            "leases.coordination.k8s.io",
            "kubectl-broker",
            "broker-operator",
        )
    };
    let holder = lease(plant.bed()).expect("a Lease");
    assert_eq!(holder["spec"]["holderIdentity"], "broker-operator-1");
    // A clean end releases the Lease, so that another one need not wait for it.
    plant.operators[1].signal(Signal::TERM);
    assert_eq!(
        plant.operators[1].wait(),
        Some(0),
        "{}",
        plant.operators[1].log()
    );
    let released = lease(plant.bed()).expect("a Lease");
    assert_eq!(released["spec"]["holderIdentity"], "");
}

#[test]
fn runs_wait_for_a_place() {
    let mut plant = Plant::without_operator(Testbed::builder(), &["--max-runs", "1"]);
    plant.add_operator();
    plant.add_store();
    plant
        .bed()
        .faults()
        .set("pods-pending".parse().expect("a fault"));
    once(&plant, &json!({}));
    plant.until_object(BACKUPS, "once", |it| phase(it) == "Starting");
    let spec = json!({"engine": {"name": "hivemq"}, "store": {"name": "nightly"}});
    plant.add(&of_kind("Backup", "later", &spec));
    let later = plant.until_object(BACKUPS, "later", |it| phase(it) == "Queued");
    assert_eq!(reason(&later, "Progressing"), "Queued");
    plant.bed().faults().clear();
    let first = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&first), "Succeeded", "{first:#}");
    plant.until_object(BACKUPS, "later", |it| phase(it) != "Queued");
}

#[test]
fn a_restore_needs_the_name_of_its_target() {
    let plant = Plant::start();
    plant.add_store();
    once(&plant, &json!({}));
    let backup = ended(&plant, BACKUPS, "once");
    let spec = |more: Value| {
        let mut spec = json!({
            "engine": {"name": "hivemq"},
            "from": {"backupId": backup["status"]["backupId"]},
        });
        for (name, value) in more.as_object().expect("fields") {
            spec[name] = value.clone();
        }
        of_kind("Restore", "back", &spec)
    };
    let refused = plant.create(&spec(json!({})));
    assert!(refused.is_err_and(|it| it.contains("confirm")));
    let refused = plant.create(&spec(json!({"confirm": "other"})));
    assert!(refused.is_err_and(|it| it.contains("confirm")));
    let both = json!({"backupId": "1", "backup": {"name": "once"}});
    let refused = plant.create(&spec(json!({"confirm": "broker", "from": both})));
    assert!(refused.is_err_and(|it| it.contains("exactly one")));
    plant.add(&spec(json!({"confirm": "broker"})));
    let restore = ended(&plant, RESTORES, "back");
    assert_eq!(phase(&restore), "Succeeded", "{restore:#}");
    assert_eq!(restore["status"]["backupId"], backup["status"]["backupId"]);
    // HiveMQ takes no files, so it restores what it keeps itself.
    let mut by_object = spec(json!({"confirm": "broker", "from": {"backup": {"name": "once"}}}));
    by_object["metadata"]["name"] = json!("again");
    plant.add(&by_object);
    let restore = ended(&plant, RESTORES, "again");
    assert_eq!(phase(&restore), "Succeeded", "{restore:#}");
    assert_eq!(restore["status"]["backupId"], backup["status"]["backupId"]);
}

#[test]
fn a_restore_that_may_have_been_sent_is_not_sent_again() {
    let plant = Plant::start();
    let faults = plant.bed().faults();
    faults.set("hivemq-lost-answer".parse().expect("a fault"));
    let backups = plant.bed().hivemq(NAMESPACE).expect("a broker").backups();
    let backup = backups.iter().find(|it| it.state == BackupState::Completed);
    let spec = json!({
        "engine": {"name": "hivemq"},
        "from": {"backupId": backup.expect("a backup").id},
        "confirm": "broker",
        "retries": 2,
    });
    plant.add(&of_kind("Restore", "back", &spec));
    let restore = ended(&plant, RESTORES, "back");
    assert_eq!(phase(&restore), "Failed", "{restore:#}");
    assert_eq!(failure(&restore, "code"), "RestoreUnknown", "{restore:#}");
    assert_eq!(
        failure(&restore, "hint"),
        "Look at the target; if nothing was restored, create another Restore"
    );
    // The first got no answer. The second knows only that, and a third would know nothing more.
    assert_eq!(attempts(&restore), 2, "{restore:#}");
    // HiveMQ restores the backup that is posted.
    assert_eq!(plant.bed().backend_requests().count("POST", "/backups/"), 1);
}

#[test]
fn a_backup_that_may_have_begun_without_an_id_is_told() {
    let plant = Plant::start();
    plant.add_store();
    let faults = plant.bed().faults();
    // The first request does not end in time.
    faults.set("hivemq-drip=1".parse().expect("a fault"));
    once(&plant, &json!({"retries": 2}));
    let running = plant.until_object(BACKUPS, "once", |it| it["status"]["task"] == "sent");
    let pod = running["status"]["run"]["attempts"][0]["pod"].as_str();
    assert!(plant.bed().evict(NAMESPACE, pod.expect("a pod")));
    faults.clear();
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    let attempts = &backup["status"]["run"]["attempts"];
    assert_eq!(
        attempts[0]["failure"]["code"], "BackupUnknown",
        "{backup:#}"
    );
    assert_eq!(attempts[1]["failure"], Value::Null, "{backup:#}");
    assert_eq!(backup["status"]["task"], Value::Null, "{backup:#}");
}

#[test]
fn a_run_reaches_a_pod_at_its_own_address_unless_told_not_to() {
    let plant = Plant::start();
    plant.add_store();
    plant.listen("broker-0", 8081);
    let forwards = || plant.bed().requests().count("*", "/portforward");
    let target = json!({"pod": "broker-0"});
    once(&plant, &json!({"target": target}));
    let backup = ended(&plant, BACKUPS, "once");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    assert_eq!(forwards(), 0);
    let spec = json!({
        "engine": {"name": "hivemq"},
        "target": target,
        "connection": "PortForward",
    });
    plant.add(&of_kind("Backup", "forwarded", &spec));
    let backup = ended(&plant, BACKUPS, "forwarded");
    assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
    assert!(forwards() > 0);
}

#[test]
fn a_copy_goes_with_its_object_only_if_that_is_said() {
    let plant = Plant::start();
    plant.add_store();
    for (policy, left) in [("Retain", 1), ("Delete", 1)] {
        once(&plant, &json!({"deletionPolicy": policy}));
        let backup = ended(&plant, BACKUPS, "once");
        assert_eq!(phase(&backup), "Succeeded", "{backup:#}");
        plant.delete(BACKUPS, "once");
        plant.until("no object", |bed| {
            bed.objects()
                .get(BACKUPS, NAMESPACE, "once")
                .is_none()
                .then_some(())
        });
        let listed = plant.run("store ls URL -o json").json();
        assert_eq!(
            listed["items"].as_array().map(Vec::len),
            Some(left),
            "{policy}"
        );
    }
}

#[test]
fn the_spec_of_a_run_never_changes() {
    let plant = Plant::without_operator(Testbed::builder(), &[]);
    once(&plant, &json!({}));
    let patch = json!({"spec": {"retries": 5}});
    let refused = plant.patch("Backup", "once", &patch);
    assert!(refused.is_err_and(|it| it.contains("can't be changed")));
}
