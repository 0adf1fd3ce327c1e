//! Engine operator: the operator from the command line.

use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::{Value, json};
use testbed::{Pace, Testbed};

use super::plant::{
    BACKUPS, BEGIN, NAMESPACE, Plant, RESTORES, SCHEDULES, condition, of_kind, phase, reason,
};
use crate::support::{Bed, Invocation, Run, programs, workspace};

/// The run of 11:00. Each test begins at 10:30.
const FIRST: &str = "hourly-29540820";

fn operator(plant: &Plant, arguments: &str) -> Run {
    plant.run(&format!(
        "backup --engine operator -n {NAMESPACE} {arguments}"
    ))
}

/// Adds a schedule that runs each hour.
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
}

/// Returns a cluster with the operator, a store and a schedule.
fn started(more: &Value) -> Plant {
    let plant = Plant::start();
    plant.add_store();
    hourly(&plant, more);
    plant.until_object(SCHEDULES, "hourly", |it| {
        !condition(it, "Scheduled").is_empty()
    });
    plant
}

fn names(bed: &Testbed, resource: &str) -> Vec<String> {
    let objects = bed.objects().list(resource, Some(NAMESPACE));
    let name = |it: &Value| it["metadata"]["name"].as_str().expect("a name").to_owned();
    objects.iter().map(name).collect()
}

/// Returns the only item of a document.
fn only(run: &Run) -> Value {
    assert_eq!(run.code, 0, "{}", run.shown());
    let document = run.json();
    let items = document["items"].as_array().expect("a list");
    assert_eq!(items.len(), 1, "{document:#}");
    items[0].clone()
}

/// Returns the backup that a command has made and followed.
fn made(run: &Run) -> Value {
    assert_eq!(run.code, 0, "{}", run.shown());
    run.json()["item"].clone()
}

fn object(plant: &Plant, resource: &str, name: &str) -> Value {
    let object = plant.bed().objects().get(resource, NAMESPACE, name);
    object.expect("an object")
}

#[test]
fn a_run_by_hand_belongs_to_its_schedule() {
    let plant = started(&json!({"successfulHistoryLimit": 1}));
    let made = only(&operator(&plant, "run hourly -o json"));
    assert_eq!(made["state"], "Succeeded", "{made:#}");
    assert_eq!(made["fields"]["schedule"], "hourly");
    let name = made["id"].as_str().expect("an id");
    assert!(name.starts_with("hourly-run-"), "{name}");

    let schedule = plant.until_object(SCHEDULES, "hourly", |it| condition(it, "Healthy") == "True");
    let backup = object(&plant, BACKUPS, name);
    assert_eq!(
        backup["spec"]["schedule"],
        json!({"name": "hourly", "uid": schedule["metadata"]["uid"], "time": BEGIN})
    );
    assert_eq!(
        made["fields"]["copy"],
        backup["status"]["copy"]["reference"]
    );

    // Its time is none of the schedule's, so that of 11:00 comes all the same. The limit of the history counts both.
    plant.advance(SignedDuration::from_mins(30));
    assert_eq!(phase(&plant.until_ended(BACKUPS, FIRST)), "Succeeded");
    plant.until("one object", |bed| {
        (names(bed, BACKUPS) == [FIRST]).then_some(())
    });
    let copies = plant.run("store ls URL -o json").json();
    assert_eq!(copies["items"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_backup_from_a_schedule_is_followed_to_its_end_and_listed() {
    let plant = started(&json!({"suspend": true, "verify": "Deep"}));
    let created = operator(&plant, "create --from-schedule hourly --name mine");
    assert_eq!(created.code, 0, "{}", created.shown());
    assert!(
        created.stderr.contains("is suspended"),
        "{}",
        created.stderr
    );
    assert_eq!(object(&plant, BACKUPS, "mine")["spec"]["verify"], "Deep");

    let listed = only(&operator(&plant, "list --of-schedule hourly -o json"));
    let copy = &object(&plant, BACKUPS, "mine")["status"]["copy"];
    assert_eq!(
        (
            &listed["id"],
            &listed["sizeBytes"],
            &listed["fields"]["store"]
        ),
        (&json!("mine"), &copy["bytes"], &json!("nightly"))
    );
    let again = operator(&plant, "create --from mine -o json");
    let again = made(&again);
    assert_eq!(again["fields"]["schedule"], Value::Null);
    let both = operator(&plant, "list -o json");
    assert_eq!(both.ids().len(), 2, "{}", both.stdout);
    let found = only(&plant.run("discover -A --engine operator -o json"));
    assert_eq!(found["namespace"], NAMESPACE, "{found:#}");
}

#[test]
fn a_backup_from_flags_needs_no_schedule() {
    let plant = Plant::start();
    plant.add_store();
    let created = operator(
        &plant,
        "create --run-engine hivemq --run-store nightly --run-verify none -o json",
    );
    let made = made(&created);
    assert_eq!(made["state"], "Succeeded", "{made:#}");
    assert_eq!(made["fields"]["store"], "nightly");
}

#[test]
fn a_schedule_is_suspended_and_resumed() {
    let plant = started(&json!({}));
    assert_snapshot!(operator(&plant, "schedules").stdout, @"
    NAME     OUTCOME   MESSAGE
    hourly   passed    0 * * * * UTC; next run 2026-03-02T11:00:00Z; no success yet
    ");
    assert_eq!(operator(&plant, "suspend hourly").code, 0);
    plant.until_object(SCHEDULES, "hourly", |it| {
        reason(it, "Scheduled") == "Suspended"
    });
    assert_snapshot!(operator(&plant, "schedules --name hourly").stdout, @"
    NAME     OUTCOME   MESSAGE
    hourly   skipped   0 * * * * UTC; suspended; no success yet
    ");
    plant.advance(SignedDuration::from_hours(3));
    assert_eq!(operator(&plant, "resume hourly").code, 0);
    plant.until_object(SCHEDULES, "hourly", |it| {
        it["status"]["nextRunTime"] == "2026-03-02T14:00:00Z"
    });
    assert_eq!(names(plant.bed(), BACKUPS), [""; 0]);
    plant.advance(SignedDuration::from_mins(30));
    assert_eq!(
        phase(&plant.until_ended(BACKUPS, "hourly-29541000")),
        "Succeeded"
    );
}

#[test]
fn the_runs_of_a_schedule_follow_each_other() {
    let plant = started(&json!({}));
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    hivemq.set_pace(Pace::Polls(u32::MAX));
    let left = operator(
        &plant,
        "create --from-schedule hourly --name mine --wait=false",
    );
    assert_eq!(left.code, 0, "{}", left.shown());
    plant.until_object(BACKUPS, "mine", |it| phase(it) == "Running");
    let second = operator(&plant, "run hourly");
    assert!(
        second
            .stderr
            .contains("Backup mine of BackupSchedule hourly is under way"),
        "{}",
        second.stderr
    );
    assert_eq!(names(plant.bed(), BACKUPS), ["mine"]);
    let kept = operator(&plant, "delete --id mine --yes");
    assert!(kept.stderr.contains("is under way"), "{}", kept.stderr);
    assert_eq!(operator(&plant, "delete --id mine --yes --force").code, 0);
    assert_eq!(names(plant.bed(), BACKUPS), [""; 0]);
}

#[test]
fn a_failure_comes_with_its_hint() {
    let plant = started(&json!({"retries": 0}));
    let fault = "hivemq-create-fails=disk full";
    plant.bed().faults().set(fault.parse().expect("a fault"));
    let run = operator(&plant, "run hourly");
    assert_eq!(run.code, 1, "{}", run.shown());
    assert!(run.stderr.contains("disk full"), "{}", run.stderr);
    let backups = names(plant.bed(), BACKUPS);
    let [name] = &backups[..] else {
        panic!("{backups:?}")
    };
    let failure = &object(&plant, BACKUPS, name)["status"]["run"]["failure"];
    let hint = failure["hint"].as_str().expect("a hint");
    // The host adds the namespace to its command.
    let (_, words) = hint.rsplit_once('`').expect("a command");
    let told = run.stderr.lines().find(|line| line.starts_with("hint: "));
    assert!(
        told.is_some_and(|told| told.ends_with(words)),
        "{}",
        run.stderr
    );
    // The same failure of a backup that the host follows.
    let create = operator(&plant, "create --from-schedule hourly --name mine");
    assert_eq!(create.code, 1, "{}", create.shown());
    assert!(create.stderr.contains("disk full"), "{}", create.stderr);
    assert!(create.stderr.contains("next step: "), "{}", create.stderr);
    let refused = operator(&plant, "restore --id mine --yes");
    assert!(
        refused.stderr.contains("Backup mine has not succeeded"),
        "{}",
        refused.stderr
    );
    assert_eq!(names(plant.bed(), RESTORES), [""; 0]);
}

#[test]
fn a_backup_is_restored_and_deleted() {
    let plant = started(&json!({"deletionPolicy": "Delete"}));
    made(&operator(
        &plant,
        "create --from-schedule hourly --name mine -o json",
    ));
    let unasked = operator(&plant, "restore --id mine");
    assert_ne!(unasked.code, 0, "{}", unasked.shown());
    assert_eq!(names(plant.bed(), RESTORES), [""; 0]);

    // HiveMQ takes no files and has no dry run. Both reasons come from the pod.
    let copy = operator(
        &plant,
        "restore --id mine --run-source copy --yes --name of-copy",
    );
    assert_eq!(copy.code, 1, "{}", copy.shown());
    let reason = "can't restore from a file (Usage); next step: Get the file with";
    assert!(copy.stderr.contains(reason), "{}", copy.stderr);
    assert_eq!(
        operator(&plant, "delete --id restore/of-copy --yes").code,
        0
    );
    let tried = operator(&plant, "restore --id mine --run-source backend --dry-run");
    assert_eq!(tried.code, 1, "{}", tried.shown());
    assert!(tried.stderr.contains("dry"), "{}", tried.stderr);
    assert_eq!(names(plant.bed(), RESTORES), [""; 0]);

    let restored = operator(&plant, "restore --latest --yes --name back");
    assert_eq!(restored.code, 0, "{}", restored.shown());
    let restore = object(&plant, RESTORES, "back");
    assert_eq!(phase(&restore), "Succeeded", "{restore:#}");
    assert_eq!(restore["spec"]["confirm"], "broker");
    let listed = only(&operator(&plant, "list --restores -o json"));
    assert_eq!(listed["id"], "restore/back");

    let deleted = operator(&plant, "delete --id mine --yes");
    assert_eq!(deleted.code, 0, "{}", deleted.shown());
    assert!(
        deleted.stderr.contains("is deleted with it"),
        "{}",
        deleted.stderr
    );
    let copies = plant.run("store ls URL -o json").json();
    assert_eq!(copies["items"], json!([]));
    assert_eq!(operator(&plant, "delete --id restore/back --yes").code, 0);
    assert_eq!(names(plant.bed(), RESTORES), [""; 0]);
}

#[test]
fn what_the_api_server_refuses_is_refused_before_anything_is_made() {
    let plant = Plant::start();
    let file = plant.folder.path().join("backup.yaml");
    let text = "kind: Backup\nspec: {engine: {name: hivemq}, timeout: 1s}\n";
    std::fs::write(file, text).expect("a file");
    let run = operator(&plant, "create --file backup.yaml");
    assert!(run.stderr.contains("timeout"), "{}", run.stderr);
    assert_eq!(names(plant.bed(), BACKUPS), [""; 0]);
}

#[test]
fn an_operator_that_does_not_run_is_told() {
    let plant = Plant::without_operator(Testbed::builder(), &[]);
    hourly(&plant, &json!({}));
    let run = operator(&plant, "run hourly --timeout 3s");
    assert_ne!(run.code, 0, "{}", run.shown());
    assert!(
        run.stderr
            .contains("the operator has not looked at Backup hourly-run-"),
        "{}",
        run.stderr
    );
    // The clock of the cluster is far behind that of this machine, so the object is old enough.
    let listed = only(&operator(&plant, "list -o json"));
    assert_eq!(listed["fields"]["reason"], "NotLookedAt", "{listed:#}");
    let create = operator(&plant, "create --run-engine hivemq --timeout 3s");
    assert_ne!(create.code, 0, "{}", create.shown());
    assert!(
        create.stderr.contains("Check that the operator runs"),
        "{}",
        create.stderr
    );
}

/// Returns the Role of the engine's page.
fn role_of_the_page() -> Value {
    let path = workspace().join("docs/engines/operator.md");
    let page = std::fs::read_to_string(path).expect("a page of this project");
    let block = page.split("```yaml\n").nth(1).expect("a Role");
    let block = block.split("```").next().expect("its end");
    serde_saphyr::from_str(block).expect("YAML")
}

#[test]
fn the_role_of_the_page_is_enough() {
    let plant = started(&json!({"retries": 0}));
    let mut role = role_of_the_page();
    role["metadata"]["namespace"] = json!(NAMESPACE);
    let name = role["metadata"]["name"].clone();
    plant.put(role);
    plant.put(json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "person", "namespace": NAMESPACE},
    }));
    plant.put(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "person", "namespace": NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "person", "namespace": NAMESPACE}],
    }));
    let kubeconfig = plant
        .bed()
        .service_account_kubeconfig(NAMESPACE, "person")
        .expect("a service account");
    let programs = programs();
    for line in [
        "test",
        "create --from-schedule hourly --name mine",
        "run hourly",
        "list",
        "status --id mine",
        "restore --id mine --run-source backend --yes --name back",
        "delete --id restore/back --yes",
        "delete --id mine --yes",
        "suspend hourly",
        "schedule hourly @daily",
        "schedules",
    ] {
        let run = Invocation::new(&programs.kubectl_broker, &programs.folders)
            .kubeconfig(&kubeconfig)
            .run(&format!("backup --engine operator -n {NAMESPACE} {line}"));
        assert_eq!(run.code, 0, "{line}: {}", run.shown());
        assert!(
            !run.stderr.contains("not allowed"),
            "{line}: {}",
            run.stderr
        );
    }
}

#[test]
fn a_verb_that_two_bundled_engines_have_needs_its_engine() {
    let bed = Bed::start();
    for line in [
        "suspend nightly",
        "resume nightly",
        "schedule nightly @daily",
    ] {
        let run = bed.run(&format!("backup {line}"));
        assert_eq!(run.code, 2, "{line}: {}", run.shown());
        for engine in ["kafka", "operator"] {
            let named = format!("--engine {engine}");
            assert!(run.stderr.contains(&named), "{line}: {}", run.stderr);
        }
    }
    assert_eq!(bed.requests().count("*", ""), 0);
}

#[test]
fn a_cluster_without_the_operator_says_how_to_install_it() {
    let bed = Bed::start();
    let run = bed.run("backup list --engine operator");
    assert_eq!(run.code, 10, "{}", run.shown());
    assert!(
        run.stderr.contains("Install broker-operator"),
        "{}",
        run.stderr
    );
}
