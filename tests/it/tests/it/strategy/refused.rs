//! Unsupported operations, and commands that must not choose the engine.

use insta::assert_snapshot;

use super::App;
use crate::support::Bed;
#[test]
fn flags_that_make_no_sense_for_the_engine_are_refused_before_any_work() {
    let app = App::start();
    assert_snapshot!(app.create("--wait=false").shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: engine strategy saves the backup that it makes: there is nothing to begin and leave
    hint: Leave `--wait=false` out; `--timeout` says how long all of it may take
    exit 2
    ");
    assert_snapshot!(app.create("--destination /mnt/kept").shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: engine kubectl-broker/strategy has no `--destination`
    hint: Leave it out, or choose another engine
    exit 2
    ");
    assert_snapshot!(app.create("--output-file - -o json").shown(), @r#"
    stderr:
    {
      "apiVersion": "kubectl-broker/v1",
      "code": "Usage",
      "exitCode": 2,
      "hint": null,
      "hintSource": null,
      "kind": "Error",
      "message": "stdout can't carry the backup and a result. Please either:\n- Leave --output out\n- Give --output-file a name",
      "source": null
    }
    exit 2
    "#);
    assert_eq!(app.exports(), 0);
    let bed = Bed::start();
    for flag in [
        "--output-dir kept",
        "--output-file a",
        "--force",
        "--drive-folder-id x",
    ] {
        let run = bed.run(&format!("backup create {flag}"));
        assert_eq!(run.code, 2, "{flag}: {}", run.stderr);
    }
    assert_eq!(bed.backend_requests().count("POST", ""), 0);
    assert_snapshot!(bed.run("backup create --output-file a").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: engine kubectl-broker/hivemq has no `--output-file`
    hint: Leave it out, or choose another engine
    exit 2
    ");
}

#[test]
fn auto_takes_it_only_where_no_other_backend_is_there() {
    if !crate::INSTALLED.is_empty() {
        // `auto` never chooses an installed engine.
        return;
    }
    let app = App::start();
    assert_snapshot!(app.run("backup create").shown(), @"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    app-TIME.sql.gz   Succeeded   1.4MiB   postgres-custom
    file: ./backups/app-TIME.sql.gz
    verified-by: checksum
    stderr:
    Using namespace apps of context testbed
    engine hivemq can't be used here (nothing listens on any of the ports of pod app-0 that endpoint `api` could have: 8888, 8081); using strategy
    Using folder ./backups
    The sidecar expects a backup to take about 120 s and 100.0MiB; its first byte comes when it is made
    SHA-256 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528, kept beside it
    exit 0
    ");
    let stranger = app.stranger().run("backup create --statefulset app");
    assert_snapshot!(stranger.shown(), @"
    stderr:
    Using namespace apps of context testbed
    engine hivemq can't be used here (nothing listens on any of the ports of pod app-0 that endpoint `api` could have: 8888, 8081); using strategy
    error: GET /backup/capabilities answered 401: Missing Bearer token
    hint: The sidecar wants the token of its configuration (`secrets.api_token`): put it into $BROKER_TOKEN, or name a Secret that has it as `token` with `--credentials-secret`
    exit 12
    ");
    // The backend that answers with an error is the intended one.
    let bed = Bed::with(&["hivemq-auth=somebody:else"]);
    assert_snapshot!(bed.run("backup create").shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    A backup takes disk space on the broker's nodes, and is not removed by itself
    error: GET /api/v1/management/backups answered 401
    hint: HiveMQ's REST API wants a user name and password of its own: give `--username` with `--password-stdin`, or `--credentials-secret`
    exit 12
    ");
    // If nothing listens, the error is that of the preferred engine.
    let app = App::with(&["strategy-off"]);
    assert_snapshot!(app.run("backup create").shown(), @"
    stderr:
    Using namespace apps of context testbed
    A backup takes disk space on the broker's nodes, and is not removed by itself
    error: nothing listens on any of the ports of pod app-0 that endpoint `api` could have: 8888, 8081
    hint: Is it switched on in the backend? Name its port with `--api-port`
    exit 1
    ");
}

#[test]
fn another_version_of_the_contract_is_refused_before_any_work() {
    let app = App::with(&["strategy-version=v2"]);
    assert_snapshot!(app.create("").shown(), @r#"
    stderr:
    Using namespace apps of context testbed
    error: the sidecar speaks version "v2" of its contract, and this engine "v1"
    hint: Look for a newer version of kubectl-broker, or of the sidecar
    exit 2
    "#);
    assert_eq!(app.exports(), 0);
}

#[test]
fn what_it_keeps_none_of_can_not_be_listed_or_removed() {
    let app = App::start();
    assert_snapshot!(app.run("backup list --engine strategy").shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: engine kubectl-broker/strategy can't `list`: the sidecar keeps no backups: it makes each when it is asked for it, and hands it out at once
    hint: Engines that can: backuprequest, hivemq, kafka, sidecar
    exit 2
    ");
    let run = app.run("backup delete --engine strategy --id x --yes");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using namespace apps of context testbed
    error: engine kubectl-broker/strategy can't `delete`: the sidecar keeps no backups: it removes each when it has handed it out
    hint: Engines that can: backuprequest, kafka, sidecar
    exit 2
    ");
    let run = app.run("backup status --engine strategy --id x");
    assert_snapshot!(run.shown(), @r#"
    stderr:
    Using namespace apps of context testbed
    error: the sidecar has no backup "x"
    hint: The sidecar keeps no backups. Only one that it makes in the background has an id, which `backup create` shows: `/backup/jobs/ID`
    exit 10
    "#);
}
