use broker_engine::mock::{Host, Reply};
use broker_engine::{OptionSetting, OptionValue, Report};

use super::*;

const LOCAL: &str = "GET /v1/backup/list";
const REMOTE: &str = "GET /v1/backup/list-remote";

fn host(route: &str, status: u16, body: &str) -> Host {
    Host::new(MANIFEST).answer(route, Reply::text(status, body))
}

fn list(host: &Host) -> Result<Vec<Backup>> {
    let page = host.run(|| {
        Sidecar::list(ListRequest {
            cursor: None,
            limit: Some(1),
            options: Vec::new(),
        })
    });
    page.map(|page| page.backups)
}

fn status(host: &Host, id: &str) -> Result<Backup> {
    host.run(|| {
        Sidecar::status(StatusRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

const INVENTORY: &str = r#"{
    "cluster_backups": null,
    "backups": [
        {"name": "20250819-143025", "path": "/backup/20250819-143025", "size_bytes": 2048,
         "last_modified": "2025-08-19T14:30:25Z", "status": "uploading"},
        {"name": "20250818-020000", "path": "/backup/20250818-020000", "size_bytes": 1,
         "last_modified": "2025-08-18T02:00:00Z", "status": "failed", "error": "no credentials"}
    ]
}"#;

const OBJECTS: &str = r#"{"backups": [
    {"key": "backup/a.backup", "last_modified": "2025-08-19T14:30:25+02:00", "size_bytes": 10},
    {"key": "backup/b.backup", "last_modified": "2025-08-20T14:30:25Z", "size_bytes": 20}
]}"#;

#[test]
fn lists_every_remote_object_and_leaves_the_limit_to_the_host() {
    let host = host(REMOTE, 200, OBJECTS);
    let backups = list(&host).unwrap();
    assert_eq!(backups.len(), 2);
    assert_eq!(backups[0].id, "backup/a.backup");
    assert_eq!(
        backups[0].created.as_deref(),
        Some("2025-08-19T14:30:25+02:00")
    );
    assert_eq!(backups[1].size, Some(20));
    assert_eq!(host.sent()[0].target, "/v1/backup/list-remote");
}

#[test]
fn an_empty_store_is_an_empty_list_in_both_spellings() {
    for body in [r#"{"backups": []}"#, r#"{"backups": null}"#] {
        assert_eq!(list(&host(REMOTE, 200, body)).unwrap(), Vec::new());
    }
}

#[test]
fn json_of_another_form_is_no_empty_list() {
    for body in [
        "{}",
        "[]",
        r#"{"backups": [{"key": 7}]}"#,
        "not json",
        "<html><title>x</title>",
    ] {
        let error = list(&host(REMOTE, 200, body)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{body}");
        assert!(error.hint.is_some());
    }
}

#[test]
fn an_error_status_says_what_the_server_said() {
    let error = list(&host(REMOTE, 500, "token vendor: connection refused\n")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert_eq!(
        error.message,
        "GET /v1/backup/list-remote answered 500: token vendor: connection refused"
    );
    let error = list(&host(REMOTE, 401, "")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
}

#[test]
fn status_is_the_upload_state_of_a_local_backup() {
    let host = host(LOCAL, 200, INVENTORY);
    let backup = status(&host, "20250819-143025").unwrap();
    assert_eq!(backup.state, State::Running);
    assert_eq!(backup.reported_state.as_deref(), Some("uploading"));
    let backup = status(&host, "20250818-020000").unwrap();
    assert_eq!(backup.state, State::Failed);
    assert_eq!(backup.failure.as_deref(), Some("no credentials"));
}

#[test]
fn status_of_an_object_key_is_looked_up_in_the_remote_store() {
    let host = host(LOCAL, 200, INVENTORY).answer(REMOTE, Reply::text(200, OBJECTS));
    let backup = status(&host, "backup/b.backup").unwrap();
    assert_eq!(backup.state, State::Succeeded);
    let error = status(&host, "nothing").unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[test]
fn a_state_that_is_not_in_the_contract_is_unknown_and_shown_as_it_is() {
    let body = INVENTORY.replace("uploading", "compacting");
    let backup = status(&host(LOCAL, 200, &body), "20250819-143025").unwrap();
    assert_eq!(backup.state, State::Unknown);
    assert_eq!(backup.reported_state.as_deref(), Some("compacting"));
}

#[test]
fn detects_by_the_local_inventory() {
    let detection = host(LOCAL, 200, INVENTORY).run(Sidecar::detect).unwrap();
    assert_eq!(detection.product, "broker-backup");
    assert_eq!(detection.detail.as_deref(), Some("2 local backups"));
    let refused = Host::new(MANIFEST).answer(LOCAL, Reply::unavailable("port 8085 is closed"));
    assert_eq!(
        refused.run(Sidecar::detect).unwrap_err().kind,
        ErrorKind::Unavailable
    );
}

const RESTORE: &str = "POST /v1/restore";
const PURGE: &str = "POST /v1/backup/purge";

fn list_scope(host: &Host, scope: &str) -> Vec<String> {
    let request = ListRequest {
        cursor: None,
        limit: None,
        options: vec![OptionSetting {
            name: "scope".to_owned(),
            value: OptionValue::Text(scope.to_owned()),
        }],
    };
    let backups = host.run(|| Sidecar::list(request)).unwrap();
    let backups = backups.backups.into_iter();
    backups.map(|backup| backup.id).collect()
}

#[test]
fn the_scope_says_which_inventory_is_listed() {
    let inventory = INVENTORY.replace(
        "null",
        r#"[{"name": "c", "size_bytes": 1, "last_modified": "2025-08-19T14:30:25Z", "status": "uploaded"}]"#,
    );
    let host = host(LOCAL, 200, &inventory).answer(REMOTE, Reply::text(200, OBJECTS));
    assert_eq!(
        list_scope(&host, "local"),
        ["20250819-143025", "20250818-020000"]
    );
    assert_eq!(list_scope(&host, "cluster"), ["c"]);
    assert_eq!(
        list_scope(&host, "remote"),
        ["backup/a.backup", "backup/b.backup"]
    );
}

fn restore(host: &Host, dry_run: bool) -> Result<Restoration> {
    let request = RestoreRequest {
        source: RestoreSource::Id("backup/a.backup".to_owned()),
        dry_run,
        options: Vec::new(),
    };
    host.run(|| Sidecar::restore(request))
}

const DRY: &str = r#"{"key": "backup/a.backup", "bytes": 10, "target_path": "/data/restore.zip",
    "dry_run": true, "last_checked": "2025-08-19T14:30:25Z"}"#;

#[test]
fn a_restore_says_what_was_put_where() {
    let host = host(RESTORE, 202, DRY);
    let done = restore(&host, true).unwrap();
    assert_eq!(done.backup.size, Some(10));
    assert_eq!(done.details[0].value, "/data/restore.zip");
    assert_eq!(
        host.sent()[0].body.as_deref(),
        Some(&br#"{"version":"backup/a.backup","dry_run":true}"#[..])
    );
}

#[test]
fn a_restore_that_is_only_accepted_is_not_done() {
    let full = DRY.replace("true", "false");
    for (body, size) in [
        (full.as_str(), Some(10)),
        (r#"{"status": "accepted"}"#, None),
        ("", None),
    ] {
        let done = restore(&host(RESTORE, 202, body), false).unwrap().backup;
        assert_eq!((done.state, done.size), (State::Pending, size), "{body}");
        assert_eq!(done.id, "backup/a.backup");
        assert_eq!(done.reported_state.as_deref(), Some("accepted"));
    }
    let done = restore(&host(RESTORE, 200, &full), false).unwrap();
    assert_eq!(done.backup.state, State::Succeeded);
    // The accepted dry run has reported no result yet.
    let error = restore(&host(RESTORE, 202, ""), true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
}

#[test]
fn a_dry_run_that_was_none_is_told() {
    let body = DRY.replace("true", "false");
    let error = restore(&host(RESTORE, 200, &body), true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
}

fn delete(host: &Host, id: &str, force: bool) -> Result<Vec<String>> {
    let request = DeleteRequest {
        id: id.to_owned(),
        force,
        options: Vec::new(),
    };
    host.run(|| Sidecar::delete(request))
}

#[test]
fn only_what_is_uploaded_is_purged_unless_forced() {
    let host = host(LOCAL, 200, INVENTORY);
    let error = delete(&host, "20250818-020000", false).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(host.sent().iter().all(|sent| sent.route == LOCAL));
    let error = delete(&host, "unknown", true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[test]
fn after_a_purge_the_backup_must_be_gone() {
    let empty = r#"{"cluster_backups": [], "backups": []}"#;
    let gone = host(LOCAL, 200, INVENTORY)
        .answer(LOCAL, Reply::text(200, empty))
        .answer(PURGE, Reply::text(202, ""));
    assert_eq!(delete(&gone, "20250818-020000", true), Ok(Vec::new()));
    let still_there = host(LOCAL, 200, INVENTORY).answer(PURGE, Reply::text(200, ""));
    let error = delete(&still_there, "20250818-020000", true).unwrap_err();
    assert!(error.message.contains("still exists"), "{}", error.message);
    let accepted = host(LOCAL, 200, INVENTORY).answer(PURGE, Reply::text(202, ""));
    let error = delete(&accepted, "20250818-020000", true).unwrap_err();
    assert!(
        error.message.contains("accepted to purge"),
        "{}",
        error.message
    );
}

const UPLOAD: &str = "POST /v1/backup/upload";
const METRICS: &str = "GET /metrics";

fn act(host: &Host, verb: &str, settings: &[(&str, OptionValue)]) -> Result<Report> {
    host.act::<Sidecar>(verb, settings)
}

#[test]
fn an_upload_is_asked_for_and_said_to_be_accepted() {
    for status in [200, 202] {
        let host = host(UPLOAD, status, "");
        let Report::Text(text) = act(&host, "upload", &[("name", "a".into())]).unwrap() else {
            panic!("an upload reports text");
        };
        assert!(
            text.starts_with("The sidecar accepted the upload of backup a."),
            "{text}"
        );
        assert_eq!(
            host.sent()[0].body.as_deref(),
            Some(&br#"{"type":"backup","name":"a"}"#[..])
        );
    }
}

#[test]
fn the_type_of_an_upload_is_passed_on() {
    let host = host(UPLOAD, 202, "");
    let settings = [("name", "a".into()), ("type", "cluster_backup".into())];
    act(&host, "upload", &settings).unwrap();
    assert_eq!(
        host.sent()[0].body.as_deref(),
        Some(&br#"{"type":"cluster_backup","name":"a"}"#[..])
    );
}

#[test]
fn an_upload_that_is_refused_says_why() {
    for (status, kind) in [
        (400, ErrorKind::InvalidArgument),
        (401, ErrorKind::Unauthenticated),
        (404, ErrorKind::NotFound),
        (500, ErrorKind::Failed),
    ] {
        let error = act(
            &host(UPLOAD, status, "no"),
            "upload",
            &[("name", "a".into())],
        );
        assert_eq!(error.unwrap_err().kind, kind, "{status}");
    }
}

#[test]
fn a_purge_is_a_delete_by_another_name() {
    let pending = host(LOCAL, 200, INVENTORY);
    let error = act(&pending, "purge", &[("name", "20250818-020000".into())]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    let forced = host(LOCAL, 200, INVENTORY)
        .answer(
            LOCAL,
            Reply::text(200, r#"{"cluster_backups": [], "backups": []}"#),
        )
        .answer(PURGE, Reply::text(202, ""));
    let settings = [("name", "20250818-020000".into()), ("force", true.into())];
    assert_eq!(act(&forced, "purge", &settings), Ok(Report::Done));
}

#[test]
fn metrics_are_passed_on_as_they_are() {
    let page = "# TYPE backup_count gauge\nbackup_count{status=\"failed\"} 1\n";
    let report = act(&host(METRICS, 200, page), "metrics", &[]);
    assert_eq!(report, Ok(Report::text(page)));
}

#[test]
fn a_page_of_another_program_is_no_metrics() {
    let html = act(&host(METRICS, 200, "<!DOCTYPE html>"), "metrics", &[]);
    assert_eq!(html.unwrap_err().kind, ErrorKind::Protocol);
    let missing = act(&host(METRICS, 404, "404 page not found"), "metrics", &[]);
    assert_eq!(missing.unwrap_err().kind, ErrorKind::Protocol);
}
