use broker_engine::mock::{Host, Reply};

use broker_engine::{Download, DownloadRequest, Restore, RestoreRequest, RestoreSource, Saved};

use super::*;

const LIST: &str = "GET /api/v1/management/backups";
const ONE: &str = "GET /api/v1/management/backups/{backupId}";

fn host(route: &str, status: u16, body: &str) -> Host {
    Host::new(MANIFEST).answer(route, Reply::text(status, body))
}

fn backups(host: &Host) -> Result<Vec<Backup>> {
    let page = host.run(|| {
        HiveMq::list(ListRequest {
            cursor: None,
            limit: None,
            options: Vec::new(),
        })
    });
    page.map(|page| page.backups)
}

fn status(host: &Host, id: &str) -> Result<Backup> {
    host.run(|| {
        HiveMq::status(StatusRequest {
            id: id.to_owned(),
            options: Vec::new(),
        })
    })
}

fn item(state: &str) -> String {
    format!(
        r#"{{"backup": {{"id": "20250806-080853", "createdAt": "2025-08-06T08:08:53.000Z", "bytes": 42, "state": "{state}"}}}}"#
    )
}

#[test]
fn a_running_backup_has_no_size_and_a_failed_one_its_reason() {
    let host = host(
        LIST,
        200,
        r#"{"items": [
            {"id": "20250905-130215", "createdAt": "2025-09-05T13:02:15Z", "bytes": null, "state": "IN_PROGRESS"},
            {"id": "20250905-130216", "createdAt": "2025-09-05T13:02:16Z", "state": "FAILED",
             "failReason": "Another backup is already running"}
        ]}"#,
    );
    let backups = backups(&host).unwrap();
    assert_eq!((backups[0].state, backups[0].size), (State::Running, None));
    assert_eq!(backups[1].state, State::Failed);
    assert_eq!(
        backups[1].failure.as_deref(),
        Some("Another backup is already running")
    );
}

#[test]
fn every_state_of_the_contract_is_known() {
    use Activity::{Backup as B, Restore as R};
    for (reported, expected) in [
        ("IN_PROGRESS", (B, State::Running)),
        ("COMPLETED", (B, State::Succeeded)),
        ("FAILED", (B, State::Failed)),
        ("RESTORE_IN_PROGRESS", (R, State::Running)),
        ("RESTORE_COMPLETED", (R, State::Succeeded)),
        ("RESTORE_FAILED", (R, State::Failed)),
        ("PAUSED", (B, State::Unknown)),
    ] {
        let backup = status(&host(ONE, 200, &item(reported)), "20250806-080853").unwrap();
        assert_eq!((backup.activity, backup.state), expected, "{reported}");
        assert_eq!(backup.reported_state.as_deref(), Some(reported));
    }
}

#[test]
fn the_documented_error_form_is_read_with_and_without_detail() {
    for (body, said) in [
        (
            r#"{"errors": [{"title": "Resource not found"}]}"#,
            "Resource not found",
        ),
        (
            r#"{"errors": [{"title": "Resource not found", "detail": "Backup x"}]}"#,
            "Resource not found: Backup x",
        ),
    ] {
        let error = status(&host(ONE, 404, body), "x").unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(error.message.ends_with(said), "{}", error.message);
        assert!(error.hint.is_some());
    }
}

#[test]
fn a_missing_permission_is_named() {
    let error = backups(&host(LIST, 403, "")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden);
    assert!(
        error
            .hint
            .unwrap()
            .contains("HIVEMQ_MANAGEMENT_BACKUPS_GET")
    );
}

#[test]
fn not_ready_is_worth_a_retry() {
    let body = r#"{"errors": [{"title": "The endpoint is temporarily not available"}]}"#;
    let error = backups(&host(LIST, 503, body)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.retryable);
}

#[test]
fn an_id_that_is_no_path_segment_never_leaves_the_host() {
    let host = host(ONE, 200, &item("COMPLETED"));
    let error = status(&host, "../../mqtt/clients").unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert!(host.sent().is_empty());
}

#[test]
fn answers_that_are_not_of_the_contract_are_refused() {
    for body in ["{}", r#"{"items": null}"#, "<!DOCTYPE html><html></html>"] {
        let error = backups(&host(LIST, 200, body)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{body}");
    }
}

const CREATE: &str = "POST /api/v1/management/backups";
const RESTORE: &str = "POST /api/v1/management/backups/{backupId}";
const UNKNOWN_ID: &str = r#"{"errors": [{"title": "Resource not found", "detail": "Backup x"}]}"#;

fn create(host: &Host) -> Result<Backup> {
    host.run(|| {
        HiveMq::create(CreateRequest {
            prepared: None,
            options: Vec::new(),
        })
    })
}

fn restore(host: &Host, dry_run: bool) -> Result<Backup> {
    let request = RestoreRequest {
        source: RestoreSource::Id("x".to_owned()),
        dry_run,
        options: Vec::new(),
    };
    host.run(|| HiveMq::restore(request))
        .map(|done| done.backup)
}

#[test]
fn a_backup_is_begun_with_one_post_and_no_body() {
    let host = host(CREATE, 200, &item("IN_PROGRESS"));
    assert_eq!(create(&host).unwrap().state, State::Running);
    assert_eq!(host.sent().len(), 1);
    assert_eq!(host.sent()[0].body, None);
}

#[test]
fn a_restore_that_answers_with_the_word_of_a_running_backup_is_a_running_restore() {
    for reported in ["IN_PROGRESS", "RESTORE_IN_PROGRESS"] {
        let before = Reply::text(200, &item("COMPLETED"));
        let host = host(RESTORE, 200, &item(reported)).answer(ONE, before);
        let backup = restore(&host, false).unwrap();
        assert_eq!(
            (backup.activity, backup.state),
            (Activity::Restore, State::Running)
        );
    }
    for before in ["COMPLETED", "RESTORE_COMPLETED", "RESTORE_FAILED"] {
        let host = host(RESTORE, 200, &item(before)).answer(ONE, Reply::text(200, &item(before)));
        let backup = restore(&host, false).unwrap();
        assert_eq!(backup.state, State::Pending, "{before} is from before");
    }
}

#[test]
fn an_end_in_the_answer_to_a_restore_is_its_end_only_if_it_was_not_there_before() {
    for (before, answered, state) in [
        ("COMPLETED", "RESTORE_FAILED", State::Failed),
        ("RESTORE_FAILED", "RESTORE_COMPLETED", State::Succeeded),
        ("RESTORE_COMPLETED", "FAILED", State::Failed),
        ("RESTORE_COMPLETED", "RESTORE_IN_PROGRESS", State::Running),
        // The state only says that there is a backup.
        ("RESTORE_FAILED", "COMPLETED", State::Pending),
    ] {
        let host = host(RESTORE, 200, &item(answered)).answer(ONE, Reply::text(200, &item(before)));
        let backup = restore(&host, false).unwrap();
        assert_eq!(
            (backup.activity, backup.state),
            (Activity::Restore, state),
            "{before} {answered}"
        );
    }
}

#[test]
fn a_size_that_changed_is_no_end_of_a_restore() {
    let after = item("RESTORE_COMPLETED");
    let before = after.replace(r#""bytes": 42"#, r#""bytes": 41"#);
    assert_ne!(before, after);
    let host = host(RESTORE, 200, &after).answer(ONE, Reply::text(200, &before));
    assert_eq!(restore(&host, false).unwrap().state, State::Pending);
}

#[test]
fn without_the_permission_to_look_before_a_restore_is_begun_all_the_same() {
    let host = host(RESTORE, 200, &item("COMPLETED")).answer(ONE, Reply::text(403, ""));
    assert_eq!(restore(&host, false).unwrap().state, State::Pending);
    let unknown = host_without(UNKNOWN_ID);
    assert_eq!(
        restore(&unknown, false).unwrap_err().kind,
        ErrorKind::NotFound
    );
    assert_eq!(unknown.sent().len(), 1, "nothing was begun");
}

fn host_without(body: &str) -> Host {
    host(ONE, 404, body).answer(RESTORE, Reply::text(404, body))
}

#[test]
fn only_a_missing_route_leads_to_the_older_way_to_restore() {
    let known = || Reply::text(200, &item("COMPLETED"));
    let unknown = host(RESTORE, 404, UNKNOWN_ID).answer(ONE, known());
    let error = restore(&unknown, false).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    let older = |status: &str, before: Reply| {
        let body = format!(r#"{{"id": "r", "status": "{status}", "backupId": "x"}}"#);
        host(RESTORE, 404, "404 page not found")
            .answer(ONE, before)
            .answer("POST /api/v1/management/restores", Reply::text(200, &body))
    };
    let host = older("STARTED", known());
    let backup = restore(&host, false).unwrap();
    assert_eq!(
        (
            backup.activity,
            backup.state,
            backup.reported_state.as_deref()
        ),
        (Activity::Restore, State::Pending, Some("COMPLETED"))
    );
    assert_eq!(
        host.sent()[2].body.as_deref(),
        Some(&br#"{"backupId":"x"}"#[..])
    );
    let blind = older("STARTED", Reply::text(404, "404 page not found"));
    assert_eq!(restore(&blind, false).unwrap().reported_state, None);
    let failed = restore(&older("FAILED", known()), false).unwrap();
    assert_eq!(failed.state, State::Failed);
}

#[test]
fn a_dry_run_never_becomes_a_restore() {
    let host = host(RESTORE, 200, &item("IN_PROGRESS"));
    assert_eq!(
        restore(&host, true).unwrap_err().kind,
        ErrorKind::Unsupported
    );
    assert!(host.sent().is_empty());
}

const FILE: &str = "GET /api/v1/management/files/backups/{backupId}";
const OLD_FILE: &str = "GET /api/v1/management/backups/{backupId}/file";

fn download(host: &Host) -> Result<Vec<Saved>> {
    host.run(|| {
        HiveMq::download(DownloadRequest {
            id: "x".to_owned(),
            options: Vec::new(),
        })
    })
}

#[test]
fn a_download_tries_older_routes_only_where_the_official_one_is_missing() {
    for no_route in [
        "not found",
        r#"{"errors": [{"title": "Resource not found"}]}"#,
    ] {
        let older = host(FILE, 404, no_route).answer(OLD_FILE, Reply::text(200, "bytes"));
        assert_eq!(download(&older).unwrap()[0].length, 5);
        assert_eq!(older.saved(), [b"bytes".to_vec()]);
    }
    let unknown = host(FILE, 404, UNKNOWN_ID);
    assert_eq!(download(&unknown).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(unknown.sent().len(), 1);
}
