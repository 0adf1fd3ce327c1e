//! The permissions of the operator and of its Jobs: each is used, and none is missing.
//!
//! One test brings about everything that needs a permission, the rare cases too, and compares what the API server
//! allowed with the files. Other tests remove one permission each, and see what fails.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::{Pace, Testbed};

use super::plant::{
    BACKUPS, NAMESPACE, Plant, RESTORES, SCHEDULES, documents, of_kind, phase, reason,
};
use super::restarts::{lose, until_no_job};

pub const OPERATOR: &str = "system:serviceaccount:kubectl-broker:broker-operator";
const RUNNER: &str = "system:serviceaccount:messaging:kubectl-broker";
/// The group and the plural of roles.
const ROLES: &str = "roles.rbac.authorization.k8s.io";
const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

/// A verb and a resource, as `VERB RESOURCE.GROUP`.
pub type Granted = BTreeSet<String>;

fn granted(verb: &str, resource: &str, group: &str) -> String {
    match group {
        "" => format!("{verb} {resource}"),
        group => format!("{verb} {resource}.{group}"),
    }
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter().map(|it| it.as_str().expect("a text")).collect()
}

/// Returns every permission in the roles of a file.
pub fn in_file(file: &str) -> Granted {
    let documents = documents(file);
    let of_role = documents
        .iter()
        .filter(|it| it["kind"] == "Role" || it["kind"] == "ClusterRole");
    let rules = of_role.flat_map(|it| it["rules"].as_array().expect("rules"));
    let mut found = Granted::new();
    for rule in rules {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    let is_new = found.insert(granted(verb, resource, group));
                    let exact = ["*"; 3] != [group, resource, verb];
                    let leases = resource == "leases";
                    assert!(exact && (is_new || leases), "{file}: {rule}");
                }
            }
        }
    }
    found
}

/// Returns the permissions that an account used, and those that it lacked.
pub fn seen(bed: &Testbed, account: &str) -> (Granted, Granted) {
    let (mut used, mut refused) = (Granted::new(), Granted::new());
    for request in bed.requests().all() {
        for (into, from) in [(&mut used, request.used), (&mut refused, request.refused)] {
            let ours = from.into_iter().filter(|it| it.user == account);
            into.extend(ours.map(|it| granted(&it.verb, &it.resource, &it.group)));
        }
    }
    (used, refused)
}

fn spec(more: &Value) -> Value {
    let mut spec = json!({"engine": {"name": "hivemq"}, "store": {"name": "nightly"}});
    for (name, value) in more.as_object().expect("fields") {
        spec[name] = value.clone();
    }
    spec
}

/// Runs a Backup to its end.
fn backup(plant: &Plant, name: &str, more: &Value) -> Value {
    plant.add(&of_kind("Backup", name, &spec(more)));
    let step = SignedDuration::from_secs(5);
    plant.until_stepping(step, BACKUPS, name, |it| {
        matches!(phase(it), "Succeeded" | "Failed" | "Lost")
    })
}

/// Brings about the steps of a schedule: runs, retention, history, deep checks, a suspension.
fn a_schedule(plant: &Plant) {
    let more = json!({
        "schedule": "0 * * * *", "retention": {"keepLast": 1}, "successfulHistoryLimit": 1,
        "deepCheck": {"schedule": "30 12 * * *"},
    });
    plant.add(&of_kind("BackupSchedule", "hourly", &spec(&more)));
    let next = |time: &str| {
        plant.until_object(SCHEDULES, "hourly", |it| {
            it["status"]["nextRunTime"] == time
        });
    };
    next("2026-03-02T11:00:00Z");
    plant.advance(SignedDuration::from_mins(30));
    plant.until_ended(BACKUPS, "hourly-29540820");
    next("2026-03-02T12:00:00Z");
    plant.advance(SignedDuration::from_hours(1));
    plant.until_ended(BACKUPS, "hourly-29540880");
    plant.until("the first run is history", |bed| {
        let first = bed.objects().get(BACKUPS, NAMESPACE, "hourly-29540820");
        first.is_none().then_some(())
    });
    plant.advance(SignedDuration::from_mins(30));
    let step = SignedDuration::from_secs(5);
    plant.until_stepping(step, SCHEDULES, "hourly", |it| {
        let status = &it["status"];
        status["deepCheck"]["succeeded"] == true && status["retention"]["succeeded"] == true
    });
    let suspend = |suspended: bool| {
        plant.modify(SCHEDULES, "hourly", |it| {
            it["spec"]["suspend"] = json!(suspended);
        });
        plant.until_object(SCHEDULES, "hourly", |it| {
            (reason(it, "Scheduled") == "Suspended") == suspended
        });
    };
    suspend(true);
    suspend(false);
    suspend(true);
}

/// Deletes a Backup whose copy goes with it.
fn a_deletion(plant: &Plant) {
    let deleted = backup(plant, "deleted", &json!({"deletionPolicy": "Delete"}));
    assert_eq!(phase(&deleted), "Succeeded", "{deleted:#}");
    plant.delete(BACKUPS, "deleted");
    plant.until("the end of a Backup", |bed| {
        let found = bed.objects().get(BACKUPS, NAMESPACE, "deleted");
        found.is_none().then_some(())
    });
}

/// Restores a backup in two attempts: the second one finds the Lease of the first.
fn a_restore(plant: &Plant) {
    let made = backup(plant, "made", &json!({}));
    let id = made["status"]["backupId"].as_str().expect("an id");
    let hivemq = plant.bed().hivemq(NAMESPACE).expect("a broker");
    // Long enough that the second attempt is the one that sees the end.
    hivemq.set_pace(Pace::Polls(4));
    let spec = json!({"engine": {"name": "hivemq"}, "from": {"backupId": id}, "confirm": "broker"});
    plant.add(&of_kind("Restore", "back", &spec));
    // The id comes with the answer of the backend. An attempt that ends earlier can't be taken up.
    let running = plant.until_object(RESTORES, "back", |it| it["status"]["backupId"].is_string());
    let pod = running["status"]["run"]["attempts"][0]["pod"].as_str();
    assert!(plant.bed().evict(NAMESPACE, pod.expect("a pod")));
    let step = SignedDuration::from_secs(5);
    let restore = plant.until_stepping(step, RESTORES, "back", |it| {
        matches!(phase(it), "Succeeded" | "Failed" | "Lost")
    });
    assert_eq!(phase(&restore), "Succeeded", "{restore:#}");
    hivemq.set_pace(Pace::default());
}

/// Waits for a Secret: only an Event says that it is missing.
fn a_missing_secret(plant: &Plant) {
    let more = json!({"credentials": {"secret": {"name": "admin"}}});
    plant.add(&of_kind("Backup", "waiting", &spec(&more)));
    let step = SignedDuration::from_secs(15);
    plant.until_stepping(step, BACKUPS, "waiting", |it| {
        reason(it, "Progressing") == "FailedMount"
    });
    plant.put(json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "admin", "namespace": NAMESPACE},
        "data": {"username": "YWRtaW4=", "password": "eA=="},
    }));
    plant.until_ended(BACKUPS, "waiting");
}

#[test]
fn every_permission_is_used_and_none_is_missing() {
    let mut plant = Plant::without_operator(Testbed::builder(), &[]);
    plant.add_operator();
    plant.add_store();
    a_schedule(&plant);
    a_deletion(&plant);
    a_restore(&plant);
    a_missing_secret(&plant);
    // A target that is named wrongly: the error names those that exist.
    let more = json!({"target": {"statefulSet": "brokr"}, "retries": 0});
    let wrong = backup(&plant, "wrong", &more);
    assert_eq!(phase(&wrong), "Failed", "{wrong:#}");
    lose(&plant);
    until_no_job(&plant);
    plant.operators[0].signal(Signal::TERM);
    assert_eq!(plant.operators[0].wait(), Some(0));

    let (used, refused) = seen(plant.bed(), OPERATOR);
    assert_eq!(refused, Granted::new());
    assert_eq!(used, in_file("operator.yaml"));
    let (used, refused) = seen(plant.bed(), RUNNER);
    // Engines ask for more than a Job may do, and go without it: the free space in a pod, whether a namespace exists.
    assert_eq!(
        refused,
        Granted::from(["get namespaces", "get pods/exec"].map(str::to_owned))
    );
    assert_eq!(used, in_file("runner.yaml"));
}

/// Takes one verb on one resource out of the rules of a role.
fn remove(rules: &mut Vec<Value>, verb: &str, resource: &str, group: &str) {
    let all = std::mem::take(rules);
    let mut was_there = false;
    for rule in all {
        let has = |field: &str, wanted: &str| texts(&rule[field]).contains(&wanted);
        if !(has("apiGroups", group) && has("resources", resource) && has("verbs", verb)) {
            rules.push(rule);
            continue;
        }
        was_there = true;
        let without = |field: &str, one: &str| -> Vec<String> {
            let all = texts(&rule[field]).into_iter();
            all.filter(|it| *it != one).map(str::to_owned).collect()
        };
        let (mut others, mut rest) = (rule.clone(), rule.clone());
        others["resources"] = json!(without("resources", resource));
        rest["resources"] = json!([resource]);
        rest["verbs"] = json!(without("verbs", verb));
        rules.extend([others, rest]);
    }
    assert!(was_there, "{verb} {resource}.{group}");
}

/// A role of the files.
struct Role {
    kind: &'static str,
    namespace: &'static str,
    name: &'static str,
}

const OF_OPERATOR: Role = Role {
    kind: CLUSTER_ROLES,
    namespace: "",
    name: "broker-operator",
};
const OF_LEADER: Role = Role {
    kind: ROLES,
    namespace: "kubectl-broker",
    name: "broker-operator-leader",
};
const OF_RUNNER: Role = Role {
    kind: ROLES,
    namespace: NAMESPACE,
    name: "kubectl-broker-runner",
};

impl Role {
    /// Does something while one permission is missing. `permission` is the verb, the resource and its group.
    fn lacking<T>(
        &self,
        plant: &mut Plant,
        permission: &str,
        act: impl FnOnce(&mut Plant) -> T,
    ) -> T {
        let (verb, what) = permission.split_once(' ').expect("a verb");
        let (resource, group) = what.split_once('.').unwrap_or((what, ""));
        let change = |plant: &Plant, change: &dyn Fn(&mut Vec<Value>)| {
            let changed =
                plant
                    .bed()
                    .objects()
                    .modify(self.kind, self.namespace, self.name, |role| {
                        change(role["rules"].as_array_mut().expect("rules"));
                    });
            changed.expect("a role");
        };
        let role = plant
            .bed()
            .objects()
            .get(self.kind, self.namespace, self.name);
        let before = role.expect("a role")["rules"]
            .as_array()
            .expect("rules")
            .clone();
        change(plant, &|rules| remove(rules, verb, resource, group));
        let done = act(plant);
        change(plant, &|rules| rules.clone_from(&before));
        done
    }
}

/// Waits until the log of the operator has a text.
fn until_said(plant: &mut Plant, text: &str) {
    // It is JSON, in which quotation marks have backslashes.
    let log = |plant: &Plant| plant.operators[0].log().replace('\\', "");
    let patience = std::time::Instant::now() + std::time::Duration::from_mins(2);
    while !log(plant).contains(text) {
        assert!(
            std::time::Instant::now() < patience,
            "{text}: {}",
            log(plant)
        );
        // It looks again after half a second at the latest.
        plant.look_again();
    }
}

#[test]
fn the_log_names_what_the_operator_may_not_do() {
    let mut plant = Plant::without_operator(Testbed::builder(), &[]);
    plant.add_operator();
    plant.add_store();
    let cannot = |verb: &str, resource: &str| format!("cannot {verb} resource \"{resource}\"");
    // Watches, and the Lease: at the start.
    for (role, verb, resource, group) in [
        (OF_OPERATOR, "list", "backups", "kubectl-broker.io"),
        (OF_OPERATOR, "list", "restores", "kubectl-broker.io"),
        (OF_OPERATOR, "list", "backupstores", "kubectl-broker.io"),
        (OF_OPERATOR, "list", "backupschedules", "kubectl-broker.io"),
        (OF_OPERATOR, "watch", "jobs", "batch"),
        (OF_OPERATOR, "watch", "pods", ""),
        (OF_LEADER, "get", "leases", "coordination.k8s.io"),
    ] {
        role.lacking(&mut plant, &granted(verb, resource, group), |plant| {
            plant.operators[0].kill();
            plant.restart_operator(0);
            until_said(plant, &cannot(verb, resource));
        });
    }
    plant.operators[0].kill();
    plant.restart_operator(0);
    // Work.
    let add = |plant: &Plant, name: &str, more: Value| {
        plant.add(&of_kind("Backup", name, &spec(&more)));
    };
    OF_OPERATOR.lacking(
        &mut plant,
        "patch backups/status.kubectl-broker.io",
        |plant| {
            add(plant, "a", json!({}));
            until_said(plant, &cannot("patch", "backups/status"));
        },
    );
    OF_OPERATOR.lacking(&mut plant, "create jobs.batch", |plant| {
        add(plant, "b", json!({}));
        until_said(plant, &cannot("create", "jobs"));
    });
    OF_OPERATOR.lacking(&mut plant, "patch backups.kubectl-broker.io", |plant| {
        add(plant, "d", json!({"deletionPolicy": "Delete"}));
        until_said(plant, &cannot("patch", "backups"));
    });
    OF_OPERATOR.lacking(&mut plant, "list events", |plant| {
        add(
            plant,
            "e",
            json!({"credentials": {"secret": {"name": "admin"}}}),
        );
        plant.until_object(BACKUPS, "e", |it| phase(it) == "Starting");
        plant.until("a pod", |bed| {
            let pods = bed.objects().list("pods", Some(NAMESPACE));
            let of_run = |pod: &Value| {
                let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                name.starts_with("backup-e-")
            };
            pods.iter().any(of_run).then_some(())
        });
        plant.advance(SignedDuration::from_secs(30));
        until_said(plant, &cannot("list", "events"));
    });
    OF_OPERATOR.lacking(&mut plant, "get namespaces", |plant| {
        plant.until_ended(BACKUPS, "d");
        plant.delete(BACKUPS, "d");
        until_said(plant, &cannot("get", "namespaces"));
    });
    OF_OPERATOR.lacking(&mut plant, "create backups.kubectl-broker.io", |plant| {
        let more = json!({"schedule": "@every 1h"});
        plant.add(&of_kind("BackupSchedule", "hourly", &spec(&more)));
        plant.until_object(SCHEDULES, "hourly", |it| {
            it["status"]["nextRunTime"].is_string()
        });
        plant.advance(SignedDuration::from_hours(1));
        until_said(plant, &cannot("create", "backups"));
    });
}

#[test]
fn a_run_names_what_its_account_may_not_do() {
    let mut plant = Plant::start();
    plant.add_store();
    for (at, permission) in [
        "get backups.kubectl-broker.io",
        "patch backups/status.kubectl-broker.io",
        "get backupstores.kubectl-broker.io",
        "create pods/portforward",
    ]
    .into_iter()
    .enumerate()
    {
        OF_RUNNER.lacking(&mut plant, permission, |plant| {
            let more = json!({"connection": "PortForward"});
            let failed = backup(plant, &format!("run-{at}"), &more);
            let failure = &failed["status"]["run"]["failure"];
            assert_eq!(phase(&failed), "Failed", "{permission}: {failed:#}");
            // A pod that can't write its status says the reason at its end.
            assert_eq!(failure["exitCode"], 12, "{permission}: {failure}");
        });
    }
}
