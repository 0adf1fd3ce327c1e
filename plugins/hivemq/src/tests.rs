use broker_engine::mock::{Host, Reply};

use super::*;

const LIST: &str = "GET /api/v1/management/backups";
const ONE: &str = "GET /api/v1/management/backups/{backupId}";

fn host(route: &str, status: u16, body: &str) -> Host {
    Host::new(MANIFEST).answer(route, Reply::text(status, body))
}

fn backups(host: &Host) -> Result<Vec<Backup>> {
    host.run(|| {
        HiveMq::list(ListRequest {
            limit: None,
            options: Vec::new(),
        })
    })
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
