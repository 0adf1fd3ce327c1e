//! The kinds for Kafka, worked on by the operator. Here a script plays the worker, so that a test decides when and how
//! its work ends. `real` has the real one.

mod engine;
mod real;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Image, Testbed};

use super::permissions::{Granted, OPERATOR, in_file, seen};
use super::plant::{NAMESPACE, Plant, reason};

const BACKUPS: &str = "kafkabackups.kafka.oso.sh";
const RESTORES: &str = "kafkarestores.kafka.oso.sh";
const RESETS: &str = "kafkaoffsetresets.kafka.oso.sh";
const ROLLBACKS: &str = "kafkaoffsetrollbacks.kafka.oso.sh";
const VALIDATIONS: &str = "kafkabackupvalidations.kafka.oso.sh";

const IMAGE: &str = "registry.test/broker-kafka-worker:1";

/// It notes how it was started, says how far it is, and waits for the result that a test puts down.
const WORKER: &str = r#"#!/bin/sh
for word; do
    case $word in
    --object=*) object=${word#*=} ;;
    --termination-message=*) message=${word#*=} ;;
    esac
done
echo "$*" >> "$DESK/lines"
cp "$object" "$DESK/$1.json"
trap 'exit 130' TERM
echo '{"type":"progress","version":1,"command":"'"$1"'","status":{"recordsProcessed":5,"recordsRestored":5}}'
until [ -e "$DESK/$1.result" ]; do sleep 0.05; done
cat "$DESK/$1.result"
cat "$DESK/$1.result" > "$message"
exit "$(cat "$DESK/$1.code")"
"#;

/// A cluster with the operator, and the desk of a worker that is played.
struct Site {
    plant: Plant,
    desk: TempDir,
}

impl Site {
    fn start() -> Self {
        let mut site = Self::without_operator();
        site.plant.add_operator();
        site
    }

    fn without_operator() -> Self {
        Self::with_worker(|desk| {
            let program = desk.join("broker-kafka-worker");
            fs::write(&program, WORKER).expect("a script");
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&program, mode).expect("a program");
            Image::new(program).env("DESK", &desk.to_string_lossy())
        })
    }

    fn with_worker(worker: impl FnOnce(&Path) -> Image) -> Self {
        let desk = tempfile::tempdir().expect("a folder");
        let image = worker(desk.path());
        let builder = Testbed::builder().without_operators().image(IMAGE, image);
        let arguments = ["--controllers=backup,kafka", "--kafka-image", IMAGE];
        let plant = Plant::without_operator(builder, &arguments);
        for definition in operator_api::kafka_definitions() {
            plant.put(serde_json::to_value(definition).expect("JSON"));
        }
        plant.install("operator-kafka.yaml");
        Self { plant, desk }
    }

    /// Lets the worker of a command end like this.
    fn let_end(&self, command: &str, state: &str, code: u8, status: &Value) {
        let result = json!({
            "type": "result", "version": 1, "command": command, "state": state, "exitCode": code,
            "message": format!("{command}: {state}"), "warnings": [], "status": status,
            "startTime": self.plant.now(), "completionTime": self.plant.now(),
        });
        let put = |name: &str, text: String| {
            // The worker must not see a half of it.
            let new = self.desk.path().join("new");
            fs::write(&new, text).expect("a file");
            fs::rename(new, self.desk.path().join(format!("{command}.{name}"))).expect("a file");
        };
        put("code", code.to_string());
        put("result", result.to_string());
    }

    /// Makes the worker of a command wait again.
    fn hold(&self, command: &str) {
        let result = self.desk.path().join(format!("{command}.result"));
        fs::remove_file(result).expect("a result");
    }

    /// Returns the lines with which workers of a command were started.
    fn lines(&self, command: &str) -> Vec<String> {
        let text = fs::read_to_string(self.desk.path().join("lines")).unwrap_or_default();
        let of_command = text
            .lines()
            .filter(|it| it.split(' ').next() == Some(command));
        of_command.map(str::to_owned).collect()
    }

    /// Returns the object that the last worker of a command was given.
    fn given(&self, command: &str) -> Value {
        let file = self.desk.path().join(format!("{command}.json"));
        serde_json::from_slice(&fs::read(file).expect("an object")).expect("JSON")
    }

    fn add(&self, kind: &str, name: &str, spec: &Value) -> Value {
        self.plant.add(&object(kind, name, spec))
    }

    /// Waits until an object is in a phase, and moves the clock meanwhile.
    fn until(&self, resource: &str, name: &str, wanted: &str) -> Value {
        let step = SignedDuration::from_secs(5);
        let found = self.plant.until_stepping(step, resource, name, |it| {
            phase(it) == wanted || matches!(phase(it), "Completed" | "Failed" | "RolledBack")
        });
        assert_eq!(phase(&found), wanted, "{found:#}");
        found
    }

    /// Puts a claim into the cluster that no object asks for.
    fn put_claim(&self, name: &str) {
        self.plant.put(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {},
        }));
    }

    /// Waits until a worker of a command has begun.
    fn until_begun(&self, command: &str, count: usize) {
        self.plant.until(&format!("{count} of {command}"), |_| {
            (self.lines(command).len() >= count).then_some(())
        });
    }

    fn until_gone(&self, resource: &str, name: &str) {
        self.plant.until(&format!("no {resource} {name}"), |bed| {
            let found = bed.objects().get(resource, NAMESPACE, name);
            found.is_none().then_some(())
        });
    }

    /// Returns the names of the workers' pods.
    fn pods(&self) -> Vec<String> {
        let pods = self.plant.bed().objects().list("pods", Some(NAMESPACE));
        let names = pods.iter().filter_map(|it| it["metadata"]["name"].as_str());
        let workers = names.filter(|it| it.starts_with("kafka"));
        workers.map(str::to_owned).collect()
    }

    fn jobs(&self) -> Vec<String> {
        let jobs = self
            .plant
            .bed()
            .objects()
            .list("jobs.batch", Some(NAMESPACE));
        let names = jobs.iter().filter_map(|it| it["metadata"]["name"].as_str());
        names.map(str::to_owned).collect()
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "kafka.oso.sh/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec,
    })
}

fn phase(object: &Value) -> &str {
    object["status"]["phase"].as_str().unwrap_or_default()
}

fn cluster() -> Value {
    json!({"bootstrapServers": ["kafka:9092"]})
}

fn backup(more: &Value) -> Value {
    let mut spec = json!({
        "kafkaCluster": cluster(), "topics": ["orders"],
        "storage": {"storageType": "pvc", "pvc": {"claimName": "backups", "create": {"enabled": true}}},
    });
    for (name, value) in more.as_object().expect("fields") {
        spec[name] = value.clone();
    }
    spec
}

fn restore() -> Value {
    json!({
        "backupRef": {"name": "nightly"}, "kafkaCluster": cluster(), "topics": ["orders"],
        "topicMapping": {"orders": "orders-restored"},
    })
}

#[test]
fn a_backup_runs_for_each_tick_and_shows_how_far_it_is() {
    let site = Site::start();
    site.add(
        "KafkaBackup",
        "nightly",
        &backup(&json!({"schedule": "0 0 * * * *"})),
    );
    let waiting = site.plant.until_object(BACKUPS, "nightly", |it| {
        it["status"]["nextScheduledBackup"] == "2026-03-02T11:00:00Z"
    });
    assert_eq!(phase(&waiting), "Ready");
    site.plant.advance(SignedDuration::from_mins(30));
    let step = SignedDuration::from_secs(5);
    let running = site.plant.until_stepping(step, BACKUPS, "nightly", |it| {
        it["status"]["recordsProcessed"] == 5
    });
    assert_eq!(phase(&running), "Running");
    assert_eq!(
        running["status"].get("backupId"),
        None,
        "no set is complete"
    );
    let numbers = json!({"recordsProcessed": 1000, "bytesProcessed": 4096, "segmentsCompleted": 1});
    site.let_end("backup", "complete", 0, &numbers);
    let done = site.until(BACKUPS, "nightly", "Completed");
    assert_eq!(done["status"]["recordsProcessed"], 1000);
    assert_eq!(done["status"]["backupId"], "nightly-20260302-110000");
    assert_eq!(reason(&done, "Ready"), "BackupSucceeded");
    let line = &site.lines("backup")[0];
    assert!(
        line.contains("--backup-id=nightly-20260302-110000"),
        "{line}"
    );
    assert_eq!(site.given("backup")["spec"]["topics"], json!(["orders"]));

    site.plant.advance(SignedDuration::from_hours(1));
    site.until_begun("backup", 2);
    site.plant.until_object(BACKUPS, "nightly", |it| {
        it["status"]["nextScheduledBackup"] == "2026-03-02T13:00:00Z" && phase(it) == "Completed"
    });
    assert_eq!(site.lines("backup").len(), 2);
}

#[test]
fn each_kind_has_its_worker_and_its_end() {
    let site = Site::start();
    site.let_end("backup", "complete", 0, &json!({"recordsProcessed": 7}));
    site.let_end(
        "prune",
        "complete",
        0,
        &json!({"retentionDeletedBackups": 2}),
    );
    let kept = json!({"retention": {"enabled": true, "keepLast": 3}});
    site.add("KafkaBackup", "nightly", &backup(&kept));
    let step = SignedDuration::from_secs(5);
    let done = site.plant.until_stepping(step, BACKUPS, "nightly", |it| {
        it["status"]["retentionDeletedBackups"] == 2
    });
    assert_eq!(phase(&done), "Completed");
    let id = done["status"]["backupId"]
        .as_str()
        .expect("an id")
        .to_owned();

    site.let_end("restore", "complete", 0, &json!({"recordsRestored": 7}));
    site.add("KafkaRestore", "back", &restore());
    let restored = site.until(RESTORES, "back", "Completed");
    assert_eq!(restored["status"]["recordsRestored"], 7);
    let line = &site.lines("restore")[0];
    assert!(line.contains(&format!("--backup-id={id}")), "{line}");
    assert!(
        line.contains("--backup=") && line.contains("--state="),
        "{line}"
    );

    let snapshot = json!({"snapshotPath": "a/snapshot.json", "groupsReset": 1});
    site.let_end("offset-reset", "complete", 0, &snapshot);
    site.add(
        "KafkaOffsetReset",
        "again",
        &json!({
            "kafkaCluster": cluster(), "consumerGroups": ["billing"], "resetStrategy": "to-earliest",
        }),
    );
    site.until(RESETS, "again", "Completed");

    site.let_end(
        "offset-rollback",
        "complete",
        0,
        &json!({"groupsRolledBack": 1}),
    );
    let reset = json!({"kafkaCluster": cluster(), "snapshotRef": {"name": "again", "path": "a/snapshot.json"}});
    site.add("KafkaOffsetRollback", "undo", &reset);
    site.until(ROLLBACKS, "undo", "Completed");

    site.let_end(
        "validate",
        "complete",
        0,
        &json!({"validationResult": "Pass"}),
    );
    let check = json!({"backupRef": {"name": "nightly"}, "checks": {"offsetRange": {}}, "kafkaCluster": cluster()});
    site.add("KafkaBackupValidation", "check", &check);
    let checked = site.until(VALIDATIONS, "check", "Completed");
    assert_eq!(checked["status"]["validationResult"], "Pass");

    for (resource, name) in [
        (BACKUPS, "nightly"),
        (RESTORES, "back"),
        (RESETS, "again"),
        (ROLLBACKS, "undo"),
        (VALIDATIONS, "check"),
    ] {
        site.plant.delete(resource, name);
        site.until_gone(resource, name);
    }
    for command in [
        "backup",
        "prune",
        "restore",
        "offset-reset",
        "offset-rollback",
        "validate",
    ] {
        assert_eq!(site.lines(command).len(), 1, "{command}");
    }
    let claims = site
        .plant
        .bed()
        .objects()
        .list("persistentvolumeclaims", Some(NAMESPACE));
    let names = claims
        .iter()
        .filter_map(|it| it["metadata"]["name"].as_str());
    // Those of the brokers are not ours.
    let names: BTreeSet<_> = names.filter(|it| !it.starts_with("data-")).collect();
    assert_eq!(
        names,
        BTreeSet::from(["backups", "broker-kafka-state"]),
        "sets and snapshots stay"
    );
}

#[test]
fn every_permission_for_kafka_is_used_and_none_is_missing() {
    let site = Site::start();
    site.add(
        "KafkaBackup",
        "endless",
        &backup(&json!({"continuous": true})),
    );
    let step = SignedDuration::from_secs(5);
    site.plant.until_stepping(step, BACKUPS, "endless", |it| {
        it["status"]["recordsProcessed"] == 5
    });
    site.plant.delete(BACKUPS, "endless");
    site.until_gone(BACKUPS, "endless");
    site.let_end("backup", "complete", 0, &json!({}));
    site.add("KafkaBackup", "nightly", &backup(&json!({})));
    site.until(BACKUPS, "nightly", "Completed");
    site.let_end(
        "restore",
        "complete",
        0,
        &json!({"offsetMappingPath": "a/mapping.json"}),
    );
    site.add("KafkaRestore", "back", &restore());
    site.until(RESTORES, "back", "Completed");
    site.let_end("offset-reset", "complete", 0, &json!({}));
    let mapping = json!({
        "kafkaCluster": cluster(), "consumerGroups": ["billing"], "resetStrategy": "from-mapping",
        "offsetMappingRef": {"restoreName": "back"},
    });
    site.add("KafkaOffsetReset", "again", &mapping);
    site.until(RESETS, "again", "Completed");
    site.let_end("offset-rollback", "complete", 0, &json!({}));
    let undo = json!({"kafkaCluster": cluster(), "snapshotRef": {"name": "again", "path": "a/snapshot.json"}});
    site.add("KafkaOffsetRollback", "undo", &undo);
    site.until(ROLLBACKS, "undo", "Completed");
    site.let_end(
        "validate",
        "complete",
        0,
        &json!({"validationResult": "Pass"}),
    );
    site.add(
        "KafkaBackupValidation",
        "check",
        &json!({"backupRef": {"name": "nightly"}, "checks": {"offsetRange": {}}, "kafkaCluster": cluster()}),
    );
    site.until(VALIDATIONS, "check", "Completed");

    let (used, refused) = seen(site.plant.bed(), OPERATOR);
    assert_eq!(refused, Granted::new());
    let base = in_file("operator.yaml");
    let used: Granted = used.difference(&base).cloned().collect();
    let more = in_file("operator-kafka.yaml");
    let more: Granted = more.difference(&base).cloned().collect();
    assert_eq!(used, more);
}

impl Site {
    /// Waits until the Job of an object is suspended, or goes on.
    fn until_suspended(&self, name: &str, wanted: bool) {
        let job = format!("kafkabackup-{name}-");
        self.plant.until("a suspension", |bed| {
            let jobs = bed.objects().list("jobs.batch", Some(NAMESPACE));
            let mut jobs = jobs.iter();
            let job = jobs.find(|it| {
                let name = it["metadata"]["name"].as_str();
                name.is_some_and(|it| it.starts_with(&job))
            })?;
            (job["spec"]["suspend"] == wanted).then_some(())
        });
    }
}

fn suspend(site: &Site, name: &str, is_suspended: bool) {
    site.plant.modify(BACKUPS, name, |it| {
        it["spec"]["suspend"] = json!(is_suspended);
    });
}

#[test]
fn a_backup_without_an_end_is_suspended_and_goes_on() {
    let site = Site::start();
    site.add(
        "KafkaBackup",
        "endless",
        &backup(&json!({"continuous": true})),
    );
    let begun = site
        .plant
        .until_object(BACKUPS, "endless", |it| phase(it) == "Running");
    assert_eq!(
        begun["status"]["backupId"], "endless",
        "it can be restored at any time"
    );
    site.until_begun("backup", 1);
    suspend(&site, "endless", true);
    site.until_suspended("endless", true);
    let no_pod = |_: &Testbed| site.pods().is_empty().then_some(());
    site.plant.until("no pod", no_pod);
    suspend(&site, "endless", false);
    site.until_suspended("endless", false);
    site.until_begun("backup", 2);
    // A pod that ends is started again, whatever its end was.
    site.let_end("backup", "failed", 1, &json!({}));
    let step = SignedDuration::from_secs(5);
    let stumbled = site.plant.until_stepping(step, BACKUPS, "endless", |it| {
        it["status"]["message"] == "BackupFailed: backup: failed"
    });
    assert_eq!(phase(&stumbled), "Running");
    site.hold("backup");
    site.plant.until_stepping(step, BACKUPS, "endless", |it| {
        it["status"].get("message").is_none() && site.lines("backup").len() >= 3
    });
    let lines = site.lines("backup");
    let is_one = lines.iter().all(|it| it.contains("--backup-id=endless "));
    assert!(is_one, "they continue one set: {lines:?}");
}

#[test]
fn an_operator_that_dies_finds_its_runs_again() {
    let mut site = Site::start();
    site.add("KafkaBackup", "nightly", &backup(&json!({})));
    site.until_begun("backup", 1);
    site.plant.operators[0].kill();
    site.let_end("backup", "complete", 0, &json!({"recordsProcessed": 7}));
    site.plant.restart_operator(0);
    let done = site.until(BACKUPS, "nightly", "Completed");
    assert_eq!(done["status"]["recordsProcessed"], 7);
    assert_eq!(site.lines("backup").len(), 1, "{:?}", site.jobs());
}

#[test]
fn a_backup_that_can_not_be_made_says_why() {
    let site = Site::start();
    let wrong = backup(&json!({"schedule": "0 2 * * *"}));
    site.add("KafkaBackup", "five", &wrong);
    let refused = site.until(BACKUPS, "five", "Failed");
    assert_eq!(reason(&refused, "Ready"), "ValidationFailed");
    site.plant.until_event("five", "ValidationFailed");

    site.let_end("backup", "partial", 3, &json!({"recordsProcessed": 6}));
    site.add("KafkaBackup", "part", &backup(&json!({})));
    let part = site.until(BACKUPS, "part", "Failed");
    assert_eq!(reason(&part, "Ready"), "BackupPartial");
    assert!(part["status"]["backupId"].is_string(), "it can be restored");
    assert!(part["status"].get("lastBackupTime").is_none());
    assert_eq!(
        site.lines("backup").len(),
        1,
        "another attempt can't do better"
    );

    site.let_end("backup", "failed", 1, &json!({}));
    site.add("KafkaBackup", "away", &backup(&json!({})));
    let away = site.until(BACKUPS, "away", "Failed");
    assert_eq!(away["status"]["message"], "backup: failed");
    assert_eq!(site.lines("backup").len(), 1 + 6, "five further attempts");

    let secret = json!({"kafkaCluster": {
        "bootstrapServers": ["kafka:9092"], "saslSecret": {"name": "absent", "mechanism": "PLAIN"},
        "securityProtocol": "SASL_PLAINTEXT",
    }});
    site.add("KafkaBackup", "locked", &backup(&secret));
    let step = SignedDuration::from_secs(15);
    let locked = site.plant.until_stepping(step, BACKUPS, "locked", |it| {
        it["status"]["message"].is_string()
    });
    let message = locked["status"]["message"].as_str().expect("a message");
    assert!(message.contains("absent"), "{message}");
    assert_eq!(phase(&locked), "Running", "the Secret may come");
}

#[test]
fn a_pod_out_of_memory_is_named() {
    let site = Site::start();
    site.put_claim("backups");
    site.add("KafkaRestore", "back", &json!({
        "backupRef": {"name": "x", "backupId": "x-1", "storage": {"storageType": "pvc", "pvc": {"claimName": "backups"}}},
        "kafkaCluster": cluster(), "topics": ["orders"], "topicMapping": {"orders": "o"},
    }));
    let mut killed = BTreeSet::new();
    while killed.len() < 6 {
        let step = SignedDuration::from_secs(30);
        site.plant.until_stepping(step, RESTORES, "back", |_| {
            site.lines("restore").len() > killed.len()
        });
        let pods: BTreeSet<_> = site.pods().into_iter().collect();
        let new = pods.difference(&killed).next().expect("a pod").clone();
        site.plant.bed().run_out_of_memory(NAMESPACE, &new);
        killed.insert(new);
    }
    let failed = site.until(RESTORES, "back", "Failed");
    let message = failed["status"]["message"].as_str().expect("a message");
    assert!(message.contains("memory"), "{message}");
}

#[test]
fn a_worker_stops_before_its_object_goes() {
    let site = Site::start();
    site.add("KafkaBackup", "nightly", &backup(&json!({})));
    site.until_begun("backup", 1);
    site.plant.delete(BACKUPS, "nightly");
    site.until_gone(BACKUPS, "nightly");
    assert!(site.jobs().is_empty(), "{:?}", site.jobs());
    assert!(site.pods().is_empty(), "{:?}", site.pods());
}

#[test]
fn objects_of_another_operator_are_taken_over() {
    let mut site = Site::without_operator();
    let with_status = |kind: &str, name: &str, spec: &Value, status: Value| {
        let mut taken = object(kind, name, spec);
        taken["metadata"]["generation"] = json!(1);
        taken["status"] = status;
        site.plant.put(taken);
    };
    let hourly = backup(&json!({"schedule": "0 0 * * * *"}));
    with_status(
        "KafkaBackup",
        "nightly",
        &hourly,
        json!({
            "phase": "Completed", "observedGeneration": 1, "backupId": "nightly-20260302-100000",
            "lastScheduleTime": "2026-03-02T10:00:00Z", "lastBackupTime": "2026-03-02T10:05:00Z",
        }),
    );
    with_status(
        "KafkaBackup",
        "once",
        &backup(&json!({})),
        json!({
            "phase": "Completed", "observedGeneration": 1, "backupId": "once-20260301-100000",
        }),
    );
    with_status(
        "KafkaRestore",
        "left",
        &restore(),
        json!({"phase": "Running", "observedGeneration": 1}),
    );
    site.put_claim("backups");
    let broken = object("KafkaBackup", "broken", &json!({"topics": 5}));
    site.plant.put(broken);
    site.plant.add_operator();

    site.plant.until_object(BACKUPS, "nightly", |it| {
        it["status"]["nextScheduledBackup"] == "2026-03-02T11:00:00Z"
    });
    let left = site
        .plant
        .until_object(RESTORES, "left", |it| phase(it) == "Failed");
    assert_eq!(reason(&left, "Ready"), "LeftRunning");
    site.let_end("restore", "complete", 0, &json!({}));
    site.add("KafkaRestore", "back", &restore());
    site.until(RESTORES, "back", "Completed");
    let line = &site.lines("restore")[0];
    assert!(
        line.contains("--backup-id=nightly-20260302-100000"),
        "{line}"
    );
    assert_eq!(site.lines("backup"), [""; 0], "what has ended stays so");
}

#[test]
fn a_restore_waits_for_its_backup() {
    let site = Site::start();
    site.let_end("restore", "complete", 0, &json!({}));
    site.add("KafkaRestore", "back", &restore());
    let refused = site.until(RESTORES, "back", "Failed");
    assert_eq!(reason(&refused, "Ready"), "BackupNotFound");
    site.let_end("backup", "complete", 0, &json!({}));
    site.add("KafkaBackup", "nightly", &backup(&json!({})));
    site.until(BACKUPS, "nightly", "Completed");
    let step = SignedDuration::from_secs(5);
    site.plant
        .until_stepping(step, RESTORES, "back", |it| phase(it) == "Completed");
}
