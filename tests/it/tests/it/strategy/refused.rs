//! Unsupported operations, and commands that must not choose the engine.

use insta::assert_snapshot;

use super::App;
use crate::support::Bed;
#[test]
fn flags_that_make_no_sense_for_the_engine_are_refused_before_any_work() {
    let app = App::start();
    assert_snapshot!(app.create("--wait=false").outcome(), @"
    Usage: kubectl-broker/strategy
    hint: `--timeout` `--wait=false`
    exit 2
    ");
    assert_snapshot!(app.create("--destination /mnt/kept").outcome(), @"
    Usage: `create` `destination` kubectl-broker/strategy
    hint: `kubectl broker backup create --engine hivemq --destination /mnt/kept`
    exit 2
    ");
    assert_snapshot!(app.create("--output-file - -o json").outcome(), @"
    Usage:
      - --output
      - --output-file
    exit 2
    ");
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
    let told = bed.run("backup create --output-file a").stderr;
    assert!(
        told.contains("hivemq has no option `output-file`"),
        "{told}"
    );
    assert!(told.contains("strategy --output-file FILE`"), "{told}");
}

#[test]
fn auto_takes_it_only_where_no_other_backend_is_there() {
    if !crate::INSTALLED.is_empty() {
        // `auto` never chooses an installed engine.
        return;
    }
    let app = App::start();
    assert_snapshot!(app.run("backup create").outcome(), @"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    app-TIME.sql.gz   Succeeded   1.4MiB   postgres-custom
    file: ./backups/app-TIME.sql.gz
    verified-by: checksum
    note: app-0 `api` 8888 8081
    note: 120 100.0
    note: 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528
    exit 0
    ");
    let stranger = app.stranger().run("backup create --statefulset app");
    assert_snapshot!(stranger.outcome(), @"
    note: app-0 `api` 8888 8081
    NotAllowed: /backup/capabilities 401 GET
    hint: $BROKER_TOKEN `--credentials-secret` `secrets.api_token` `token`
    exit 12
    ");
    // The backend that answers with an error is the intended one.
    let bed = Bed::with(&["hivemq-auth=somebody:else"]);
    assert_snapshot!(bed.run("backup create").outcome(), @"
    NotAllowed: /api/v1/management/backups 401 GET
    hint: `--credentials-secret` `--password-stdin` `--username`
    exit 12
    ");
    // If nothing listens, the error is that of the preferred engine.
    let app = App::with(&["strategy-off"]);
    assert_snapshot!(app.run("backup create").outcome(), @"
    Failed: 8081 8888 `api` app-0
    hint: `--api-port`
    exit 1
    ");
}

#[test]
fn another_version_of_the_contract_is_refused_before_any_work() {
    let app = App::with(&["strategy-version=v2"]);
    assert_snapshot!(app.create("").shown(), @r#"
    stderr:
    error: the sidecar speaks version "v2" of its contract, but this engine speaks "v1"
    hint: Look for a newer version of kubectl-broker, or of the sidecar
    exit 2
    "#);
    assert_eq!(app.exports(), 0);
}

#[test]
fn what_it_keeps_none_of_can_not_be_listed_or_removed() {
    let app = App::start();
    assert_snapshot!(app.run("backup list --engine strategy").reason(), @"
    Usage: `list` kubectl-broker/strategy: the sidecar keeps no backups: it makes each when it is asked for it, and hands it out at once
    hint:
    exit 2
    ");
    let run = app.run("backup delete --engine strategy --id x --yes");
    assert_snapshot!(run.reason(), @"
    Usage: `delete` kubectl-broker/strategy: the sidecar keeps no backups: it removes each when it has handed it out
    hint:
    exit 2
    ");
    let run = app.run("backup status --engine strategy --id x");
    assert_snapshot!(run.shown(), @r#"
    stderr:
    error: the sidecar has no backup "x"
    hint: The sidecar stores no backups. Only a backup in the background has an id, which `backup create` shows: `/backup/jobs/ID`
    exit 10
    "#);
}
