use broker_engine::yaml;

use super::*;
use crate::create::{COPY, WORK};

/// Prepares and creates a backup, as the host does.
fn create(host: &Host, given: &[(&str, OptionValue)]) -> Result<(Backup, Vec<String>)> {
    host.run(|| {
        let options = options(given);
        let preparation = Operator::prepare(PrepareRequest {
            options: options.clone(),
        })?;
        let created = Operator::create(CreateRequest {
            prepared: preparation.token,
            options,
        })?;
        Ok((created, preparation.notes))
    })
}

fn refused(given: &[(&str, OptionValue)]) -> Error {
    let host = host();
    let error = create(&host, given).unwrap_err();
    assert_eq!(host.done(), []);
    error
}

#[test]
fn a_run_of_a_schedule_has_its_work_and_belongs_to_it() {
    let host = host();
    let (created, notes) = create(&host, &[("from-schedule", "nightly".into())]).unwrap();
    assert_eq!(created.state, State::Pending);
    assert_eq!(notes, [""; 0]);
    let done = done(&host);
    assert_eq!((done.verb, done.kind.as_str()), ("create", BACKUP));
    assert_eq!(
        done.sent,
        json!({
            "metadata": {
                "generateName": "nightly-run-",
                "labels": {"kubectl-broker.io/schedule": "nightly"},
                "annotations": {"kubectl-broker.io/origin": "command-line"},
            },
            "spec": {
                "engine": {"name": "hivemq"}, "target": {"statefulSet": "mqtt"}, "options": {"scope": "all"},
                "ports": {"management-port": 8081}, "credentials": {"secret": {"name": "admin"}},
                "timeout": "30m", "retries": 1, "connection": "PortForward", "tls": {"a-ca": "system"}, "job": {"labels": {"a": "b"}},
                "store": {"name": "s3"}, "verify": "Deep", "deletionPolicy": "Delete",
                "schedule": {"name": "nightly", "uid": "uid-nightly", "time": "2026-03-02T10:30:00Z"},
            },
        })
    );
}

/// Returns the properties of a spec in the definition of a kind.
fn properties(kind: &str) -> Vec<String> {
    let definitions = include_str!("../../../../deploy/operator/crds.yaml");
    let definitions = definitions.split("\n---\n").skip(1);
    let mut definitions = definitions.map(|text| yaml::parse(text).expect("YAML"));
    let of_kind = definitions.find(|it| it["spec"]["names"]["kind"] == kind);
    let of_kind = of_kind.expect("a definition");
    let spec =
        of_kind.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties");
    let spec = spec.and_then(Value::as_object).expect("a schema");
    spec.keys().cloned().collect()
}

#[test]
fn a_run_takes_every_field_that_the_definitions_share() {
    let (backup, schedule) = (properties("Backup"), properties("BackupSchedule"));
    // In a schedule that is the text with the times.
    let shared = backup
        .iter()
        .filter(|it| schedule.contains(it) && *it != "schedule");
    let mut taken: Vec<_> = WORK.iter().chain(&COPY).collect();
    taken.sort();
    assert_eq!(shared.collect::<Vec<_>>(), taken);
    let restore = properties("Restore");
    let shared = backup.iter().filter(|it| restore.contains(it));
    let mut taken: Vec<_> = WORK.iter().collect();
    taken.sort();
    assert_eq!(shared.collect::<Vec<_>>(), taken);
}

#[test]
fn the_runs_of_a_schedule_follow_each_other() {
    let run = |policy: &str, uid: &str, status: Value| {
        let schedule = json!({"engine": {"name": "hivemq"}, "concurrencyPolicy": policy});
        let mut spec = spec_of_run();
        spec["schedule"]["uid"] = json!(uid);
        let mut active = object("Backup", "nightly-29541000", &spec, &status);
        active["metadata"]["labels"] = json!({"kubectl-broker.io/schedule": "nightly"});
        let host = Host::new(MANIFEST)
            .object(object("BackupSchedule", "nightly", &schedule, &json!({})))
            .object(active);
        create(&host, &[("from-schedule", "nightly".into())])
    };
    let running = json!({"run": {"phase": "Running"}});
    for status in [
        running.clone(),
        json!({}),
        json!({"run": {"phase": "Napping"}}),
    ] {
        let error = run("Forbid", "uid-nightly", status).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert_eq!(
            error.message,
            "Backup nightly-29541000 of BackupSchedule nightly is under way"
        );
        let hint = error.hint.expect("a hint");
        assert!(hint.contains("--id nightly-29541000 --watch"), "{hint}");
    }
    assert!(run("Allow", "uid-nightly", running.clone()).is_ok());
    assert!(run("Forbid", "uid-nightly", failed()).is_ok());
    // The run of an earlier schedule of that name.
    assert!(run("Forbid", "uid-before", running).is_ok());
}

#[test]
fn a_suspended_schedule_runs_by_hand_with_a_note() {
    let schedule = json!({"engine": {"name": "hivemq"}, "suspend": true});
    let (_, notes) = create(
        &one("BackupSchedule", &schedule, &json!({})),
        &[("from-schedule", "x".into())],
    )
    .unwrap();
    assert_eq!(
        notes,
        ["BackupSchedule x is suspended; this backup begins all the same"]
    );
}

#[test]
fn what_can_not_be_a_run_of_a_schedule_is_refused() {
    let from = |object: Value| {
        let host = Host::new(MANIFEST).object(object);
        create(&host, &[("from-schedule", "x".into())]).unwrap_err()
    };
    let spec = json!({"engine": {"name": "hivemq"}});
    let mut going = object("BackupSchedule", "x", &spec, &json!({}));
    going["metadata"]["deletionTimestamp"] = json!("2026-03-02T10:00:00Z");
    assert_eq!(from(going).message, "BackupSchedule x is being deleted");
    let mut without = object("BackupSchedule", "x", &spec, &json!({}));
    without["metadata"]["uid"] = Value::Null;
    assert_eq!(from(without).kind, ErrorKind::Protocol);
    let empty = object("BackupSchedule", "x", &json!({}), &json!({}));
    assert_eq!(from(empty).message, "x names no engine");
    let missing = refused(&[("from-schedule", "other".into())]);
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert_eq!(
        refused(&[("from-schedule", "a/b".into())]).kind,
        ErrorKind::NotFound
    );
}

#[test]
fn a_name_of_a_scheduled_run_is_refused() {
    for name in ["nightly-29540640", "other-00000000"] {
        let error = refused(&[("from-schedule", "nightly".into()), ("name", name.into())]);
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{name}");
        assert!(error.message.contains("scheduled run"), "{name}");
    }
    for name in [
        "nightly-2954064",
        "nightly-295406400",
        "29540640",
        "nightly-2954064x",
    ] {
        let host = host();
        let given = [("from-schedule", "nightly".into()), ("name", name.into())];
        let (created, _) = create(&host, &given).unwrap();
        assert_eq!(created.id, name);
    }
}

#[test]
fn what_the_api_server_refuses_is_not_created() {
    let invalid = Error::invalid("422: spec.timeout must be 10s–720h");
    let host = host().refuses_objects("create", BACKUP, invalid.clone());
    let prepared = host.run(|| {
        Operator::prepare(PrepareRequest {
            options: options(&[("from-schedule", "nightly".into())]),
        })
    });
    assert_eq!(prepared.map(|it| it.token), Err(invalid));
}

#[test]
fn a_backup_is_made_again_without_its_schedule() {
    let host = host();
    create(&host, &[("from", "nightly-29540640".into())]).unwrap();
    let sent = done(&host).sent;
    assert_eq!(
        sent["metadata"],
        json!({"generateName": "nightly-29540640-"})
    );
    let mut spec = spec_of_run();
    spec.as_object_mut().unwrap().remove("schedule");
    assert_eq!(sent["spec"], spec);
}

#[test]
fn flags_describe_a_backup_without_a_schedule() {
    let host = host();
    let given = [
        ("run-engine", "hivemq".into()),
        ("run-statefulset", "mqtt".into()),
        (
            "run-options",
            "scope=all, --retention=7d,empty=,pair=a=b".into(),
        ),
        ("run-store", "s3".into()),
        ("run-verify", "deep".into()),
        ("name", "before-upgrade".into()),
    ];
    let (created, _) = create(&host, &given).unwrap();
    assert_eq!(created.id, "before-upgrade");
    assert_eq!(
        done(&host).sent,
        json!({
            "metadata": {"generateName": "backup-", "name": "before-upgrade"},
            "spec": {
                "engine": {"name": "hivemq"}, "target": {"statefulSet": "mqtt"},
                "options": {"scope": "all", "retention": "7d", "empty": "", "pair": "a=b"},
                "store": {"name": "s3"}, "verify": "Deep",
            },
        })
    );
}

#[test]
fn sources_are_not_mixed() {
    let none = refused(&[]);
    assert_eq!(none.message, "nothing says what to back up");
    assert!(none.hint.expect("a hint").contains("--from-schedule NAME"));
    for other in ["from", "file", "run-engine", "run-store"] {
        let error = refused(&[("from-schedule", "nightly".into()), (other, "x".into())]);
        assert_eq!(
            error.message,
            format!("--from-schedule and --{other} exclude each other")
        );
    }
    for options in ["scope", "=all", "a=1,a=2", ""] {
        let given = [
            ("run-engine", "hivemq".into()),
            ("run-options", options.into()),
        ];
        assert_eq!(
            refused(&given).kind,
            ErrorKind::InvalidArgument,
            "{options}"
        );
    }
}

#[test]
fn a_file_is_a_backup_as_for_kubectl() {
    let host = host();
    let exported = "
apiVersion: kubectl-broker.io/v1alpha1
kind: Backup
metadata: {name: mine, uid: u, resourceVersion: '7', finalizers: [a/b], labels: {a: b}}
spec: {engine: {name: hivemq}, deletionPolicy: Delete}
status: {run: {phase: Failed}}
";
    create(&host, &[("file", exported.into())]).unwrap();
    assert_eq!(
        done(&host).sent,
        json!({
            "apiVersion": "kubectl-broker.io/v1alpha1", "kind": "Backup",
            "metadata": {"name": "mine", "labels": {"a": "b"}},
            "spec": {"engine": {"name": "hivemq"}, "deletionPolicy": "Delete"},
        })
    );
    for (text, message) in [
        ("a: [", "is not YAML"),
        ("kind: BackupSchedule\nspec: {}", "not a Backup"),
        ("kind: Backup", "not a Backup"),
        ("spec: {schedule: {name: a}}", "has spec.schedule"),
        (
            "metadata: {name: a-12345678}\nspec: {engine: {name: b}}",
            "scheduled run",
        ),
    ] {
        let error = refused(&[("file", text.into())]);
        assert_eq!(error.kind, ErrorKind::InvalidArgument, "{text}");
        assert!(error.message.contains(message), "{}", error.message);
    }
}
