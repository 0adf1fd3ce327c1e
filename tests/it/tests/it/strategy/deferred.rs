//! Backups that the sidecar makes after its answer: 202 and a status URL.

use insta::assert_snapshot;
use testbed::Fault;

use super::App;
use crate::support::names;

#[test]
fn a_deferred_backup_is_waited_for_and_downloaded() {
    let app = App::with(&["strategy-deferred=/backup/jobs/7", "strategy-job-looks=1"]);
    assert_snapshot!(app.create("").outcome(), @"
    stdout:
    BACKUP   STATE   SIZE   FORMAT
    /backup/jobs/7   Succeeded   1.4MiB   postgres-custom
    file: ./backups/app-TIME.sql.gz
    verified-by: checksum
    note: 120 100.0
    note: /backup/jobs/7 300
    note: 155ffefa57ae7edea17c07349c02579f4f3ff59865c6da75aedaf301bbd77528
    exit 0
    ");
    assert_eq!(app.exports(), 1);
    assert_eq!(names(&app.path("backups")).len(), 2);
    assert_eq!(app.bed.backend_requests().count("HEAD", "/jobs/7"), 2);
    assert_eq!(app.bed.backend_requests().count("GET", "/jobs/7"), 1);
}

#[test]
fn a_status_url_is_followed_in_each_form_on_the_same_sidecar() {
    for url in [
        "jobs/7",
        "../api/jobs/7",
        "http://localhost:8000/backup/status/7",
    ] {
        let app = App::with(&[&format!("strategy-deferred={url}")]);
        let run = app.create("");
        assert_eq!(run.code, 0, "{url}: {}", run.stderr);
        assert_eq!(names(&app.path("backups")).len(), 2, "{url}");
    }
}

#[test]
fn a_status_url_that_leads_elsewhere_is_refused() {
    let app = App::with(&["strategy-deferred=http://169.254.169.254/backup/jobs/7"]);
    assert_snapshot!(app.create("").message(), @r#"
    note: 120 100.0
    Failed: the sidecar makes the backup in the background, and its status URL "http://169.254.169.254/backup/jobs/7" names another server: it is not followed
    exit 1
    "#);
    let app = App::with(&["strategy-deferred=/admin/reset"]);
    assert_snapshot!(app.create("").shown(), @r#"
    stderr:
    The sidecar expects a backup to take about 120 s and 100.0MiB; the first byte arrives when the backup is made
    error: the sidecar makes the backup in the background, and its status URL "/admin/reset" leads to none of the routes that this engine may ask for: it is not followed
    hint: They are /api/jobs/ID, /backup/export/ID, /backup/jobs/ID and /backup/status/ID
    exit 1
    "#);
    let last = app.bed.backend_requests().all().pop().expect("a request");
    assert_eq!(last.path, "/backup/export");
    app.assert_nothing();
}

#[test]
fn a_deferred_backup_that_fails_says_why() {
    let app = App::with(&[
        "strategy-deferred=/backup/jobs/7",
        "strategy-job-fails=disk full",
    ]);
    assert_snapshot!(app.create("").outcome(), @"
    note: 120 100.0
    note: /backup/jobs/7 300
    Failed: /backup/jobs/7
    exit 1
    ");
    app.assert_nothing();
}

#[test]
fn a_deferred_backup_that_does_not_end_in_time_can_be_got_later() {
    let app = App::with(&[
        "strategy-deferred=/backup/jobs/7",
        "strategy-job-looks=1000",
    ]);
    assert_snapshot!(app.create("--timeout 1s").outcome(), @"
    note: 120 100.0
    note: /backup/jobs/7 1
    TimedOut: /backup/jobs/7 1
    hint: `--timeout` `kubectl broker backup status --engine strategy --id /backup/jobs/7`
    exit 124
    ");
    let status = app.run("backup status --engine strategy --id /backup/jobs/7 -o json");
    assert_eq!(status.json()["item"]["state"], "Running");
    let run = app.run("backup download --engine strategy --id /backup/jobs/7");
    assert_eq!(run.code, 11, "{}", run.stderr);
    let ended: Fault = "strategy-job-looks=0".parse().expect("a fault");
    app.bed.faults().set(ended);
    let run = app.run("backup download --engine strategy --id /backup/jobs/7");
    assert_eq!(run.code, 0, "{}", run.stderr);
    app.assert_whole(&app.path("backups/app.sql.gz"));
}
