//! Engine kafka with the operator, from a user's point of view. `kafka` has the same commands with the simulated
//! kafka-backup-operator.

use serde_json::{Value, json};

use super::{BACKUPS, NAMESPACE, RESTORES, Site, phase};
use crate::support::Run;

const FLAGS: &str =
    "--bootstrap-servers kafka:9092 --topics orders,payments --storage pvc://kafka-backups";
const RESTORE: &str = "--topics orders --topic-mapping orders=orders-restored";

fn kafka(site: &Site, arguments: &str) -> Run {
    let command = format!("backup --engine kafka -n {NAMESPACE} {arguments}");
    site.plant.run(&command)
}

fn succeeds(site: &Site, arguments: &str) -> Run {
    let run = kafka(site, arguments);
    assert_eq!(run.code, 0, "{arguments}: {}", run.stderr);
    run
}

fn object(site: &Site, resource: &str, name: &str) -> Option<Value> {
    site.plant.bed().objects().get(resource, NAMESPACE, name)
}

/// Returns a cluster in which each work succeeds, and a backup of it.
fn with_backup() -> Site {
    let site = Site::start();
    site.put_claim("kafka-backups");
    let numbers =
        json!({"recordsProcessed": 2500, "bytesProcessed": 8 << 20, "segmentsCompleted": 6});
    site.let_end("backup", "complete", 0, &numbers);
    succeeds(&site, &format!("create --name mine {FLAGS}"));
    site
}

#[test]
fn a_backup_of_flags_is_made_listed_and_deleted() {
    let site = with_backup();
    let list = succeeds(&site, "list -o json").json();
    let item = &list["items"][0];
    assert_eq!(
        (&item["id"], &item["state"]),
        (&json!("mine"), &json!("Succeeded"))
    );
    assert_eq!(item["sizeBytes"], 8 << 20);
    assert_eq!(item["fields"]["records"], "2500");
    let again = succeeds(&site, "create --from mine --name again -o json").json();
    assert_eq!(again["item"]["state"], "Succeeded", "{again:#}");
    // With another exit code, it would be tried again.
    site.let_end("backup", "failed", 12, &json!({}));
    let refused = kafka(&site, "create --from mine --name refused");
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("backup: failed"),
        "{}",
        refused.stderr
    );
    succeeds(&site, "delete --id mine --yes");
    site.until_gone(BACKUPS, "mine");
}

#[test]
fn a_restore_runs_to_its_end_or_says_its_reason() {
    let site = with_backup();
    site.let_end("restore", "complete", 0, &json!({"recordsRestored": 2500}));
    let restore = |name: &str| format!("restore --id mine --yes --name {name} {RESTORE}");
    succeeds(&site, &restore("back"));
    let restored = object(&site, RESTORES, "back").expect("a restore");
    assert_eq!(phase(&restored), "Completed", "{restored:#}");
    let dry = format!("{} --dry-run", restore("tried"));
    succeeds(&site, &dry);
    site.until_gone(RESTORES, "tried");
    site.let_end("restore", "failed", 13, &json!({}));
    let failed = kafka(&site, &restore("damaged"));
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains("restore: failed"),
        "{}",
        failed.stderr
    );
}

#[test]
fn checks_and_offsets_have_their_results() {
    let site = with_backup();
    for (result, code) in [("Pass", 0), ("Warn", 0), ("Skip", 1), ("Fail", 13)] {
        let status = json!({"validationResult": result, "checkResults": [
            {"checkName": "messageCount", "outcome": "Passed"},
        ]});
        site.let_end("validate", "complete", 0, &status);
        let run = kafka(&site, "validate mine");
        assert_eq!(run.code, code, "{result}: {}", run.stderr);
    }
    let reset = "offset-reset app,billing --cluster-of mine --strategy to-earliest --yes";
    let all = json!({"groupsTotal": 2, "groupsReset": 2, "groupsFailed": 0});
    site.let_end("offset-reset", "complete", 0, &all);
    let run = succeeds(&site, reset);
    assert_eq!(run.stdout, "2 of 2 consumer groups were reset.\n");
    let one = json!({
        "groupsTotal": 2, "groupsReset": 1, "groupsFailed": 1, "groupResults": [
            {"groupId": "app", "success": true, "partitionsReset": 3},
            {"groupId": "billing", "success": false, "error": "it has 1 active member"},
        ],
    });
    site.let_end("offset-reset", "partial", 3, &one);
    let run = kafka(&site, reset);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("billing") && run.stderr.contains("active member"),
        "{}",
        run.stderr
    );
    let rolled = json!({"groupsRolledBack": 3, "groupsFailed": 0});
    site.let_end("offset-rollback", "complete", 0, &rolled);
    let run = succeeds(
        &site,
        "offset-rollback /state/a/snapshot.json --cluster-of mine --yes",
    );
    assert_eq!(run.stdout, "3 consumer groups were rolled back.\n");
}

#[test]
fn a_schedule_is_set_suspended_and_goes_on() {
    let site = with_backup();
    let schedule = |arguments: &[&str]| {
        let all = ["backup", "--engine", "kafka", "-n", NAMESPACE];
        let all: Vec<_> = all.iter().chain(arguments).copied().collect();
        site.plant.program().run_with(&all)
    };
    let run = schedule(&["schedule", "mine", "0 0 3 * * MON-FRI"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    site.plant.until_object(BACKUPS, "mine", |it| {
        it["status"]["nextScheduledBackup"] == "2026-03-03T03:00:00Z"
    });
    let row = succeeds(&site, "list -o json").json();
    assert_eq!(row["items"][0]["fields"]["schedule"], "0 0 3 * * MON-FRI");
    for (command, is_suspended) in [("suspend", true), ("resume", false)] {
        let run = schedule(&[command, "mine"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let found = object(&site, BACKUPS, "mine").expect("a backup");
        assert_eq!(found["spec"]["suspend"] == true, is_suspended);
    }
}
