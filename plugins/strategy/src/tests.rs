use broker_engine::mock::{Answer, Host, Reply};
use broker_engine::{OptionSetting, OptionValue};

use super::*;

const CAPABILITIES: &str = "GET /backup/capabilities";
const EXPORT: &str = "POST /backup/export";
const LOOK: &str = "HEAD /backup/jobs/{job}";
const JOB: &str = "GET /backup/jobs/{job}";

/// The headers that the sidecar's source sends.
const SOURCE: &[(&str, &str)] = &[
    ("Content-Type", "application/gzip"),
    ("Content-Length", "5"),
    ("X-Backup-Format", "postgres-custom"),
    ("X-Checksum-Sha256", "not looked at here"),
];
/// The headers that the sidecar's documents describe.
const DOCUMENTS: &[(&str, &str)] = &[
    ("X-Checksum-SHA256", "not looked at here"),
    ("X-Size", "5"),
    ("X-Format", "postgres-custom"),
];
const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = headers.iter();
    Reply::Answer(Answer {
        status,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
    })
}

fn host(route: &str, status: u16, body: &str) -> Host {
    Host::new(MANIFEST).answer(route, Reply::text(status, body))
}

fn create(host: &Host, folder: Option<&str>) -> Result<Backup> {
    let options = folder.map(|folder| OptionSetting {
        name: "drive-folder-id".to_owned(),
        value: OptionValue::Text(folder.to_owned()),
    });
    host.run(|| {
        Strategy::create(CreateRequest {
            prepared: None,
            options: options.into_iter().collect(),
        })
    })
}

fn prepare(host: &Host) -> Result<Vec<String>> {
    let prepared = host.run(|| {
        Strategy::prepare(PrepareRequest {
            options: Vec::new(),
        })
    });
    prepared.map(|prepared| prepared.notes)
}

fn status(host: &Host, id: &str) -> Result<Backup> {
    let request = StatusRequest {
        id: id.to_owned(),
        options: Vec::new(),
    };
    host.run(|| Strategy::status(request))
}

fn download(host: &Host, id: &str) -> Result<Vec<Saved>> {
    let request = DownloadRequest {
        id: id.to_owned(),
        options: Vec::new(),
    };
    host.run(|| Strategy::download(request))
}

#[test]
fn detects_by_the_capabilities() {
    let body =
        r#"{"version": "v1", "types": ["db", "files"], "est_seconds": 123, "est_size": 104857600}"#;
    let detection = host(CAPABILITIES, 200, body).run(Strategy::detect).unwrap();
    assert_eq!(detection.product, "strategy sidecar");
    assert_eq!(detection.version.as_deref(), Some("v1"));
    assert_eq!(
        detection.detail.as_deref(),
        Some("db, files; about 123 s and 100.0MiB")
    );
    let least = r#"{"version": "v1", "types": []}"#;
    let detection = host(CAPABILITIES, 200, least)
        .run(Strategy::detect)
        .unwrap();
    assert_eq!(detection.detail, None);
}

#[test]
fn what_is_expected_of_a_backup_is_told_before_it_is_made() {
    let with = |more: &str| {
        let body = format!(r#"{{"version": "v1", "types": ["db"]{more}}}"#);
        prepare(&host(CAPABILITIES, 200, &body)).unwrap()
    };
    assert_eq!(with(""), Vec::<String>::new());
    assert_eq!(with(r#", "est_seconds": -1, "est_size": -1"#), with(""));
    for (more, told) in [
        (r#", "est_seconds": 7"#, "about 7 s;"),
        (r#", "est_size": 2048"#, "about 2.0KiB;"),
    ] {
        assert!(with(more)[0].contains(told), "{more}");
    }
}

#[test]
fn another_program_on_the_port_is_no_sidecar() {
    for (status, body) in [
        (200, "<!doctype html><title>Welcome</title>"),
        (200, "{}"),
        (200, r#"{"version": "v1", "types": "db"}"#),
        (404, "<!doctype html><title>404 Not Found</title>"),
    ] {
        let error = prepare(&host(CAPABILITIES, status, body)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{body}");
        assert!(error.hint.is_some());
    }
}

#[test]
fn another_version_of_the_contract_is_refused_before_any_work() {
    let body = r#"{"version": "v2", "types": ["db"]}"#;
    let error = prepare(&host(CAPABILITIES, 200, body)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.contains("\"v2\""), "{}", error.message);
}

#[test]
fn an_export_is_saved_with_either_family_of_headers() {
    for headers in [SOURCE, DOCUMENTS] {
        let host = Host::new(MANIFEST).answer(EXPORT, reply(200, headers, "bytes"));
        let backup = create(&host, None).unwrap();
        assert_eq!(host.saved(), [b"bytes".to_vec()]);
        assert_eq!((backup.state, backup.size), (State::Succeeded, Some(5)));
        assert_eq!(backup.fields.len(), 1);
        assert_eq!(backup.fields[0].name, "format");
        assert_eq!(backup.fields[0].value, "postgres-custom");
        assert_eq!(host.sent()[0].target, "/backup/export");
        assert_eq!(host.warnings(), Vec::<String>::new());
    }
}

#[test]
fn the_drive_folder_is_passed_on_and_its_echo_checked() {
    let with = |echo: &[(&str, &str)]| {
        let headers = [SOURCE, echo].concat();
        let host = Host::new(MANIFEST).answer(EXPORT, reply(200, &headers, "bytes"));
        let backup = create(&host, Some("1AbC")).unwrap();
        assert_eq!(host.sent()[0].target, "/backup/export?drive_folder_id=1AbC");
        (backup.fields.len(), host.warnings())
    };
    assert_eq!(with(&[("X-Drive-Folder-Id", "1AbC")]), (2, Vec::new()));
    assert_eq!(
        with(&[]),
        (
            1,
            vec!["the sidecar does not confirm that it used the Drive folder \"1AbC\"".to_owned()]
        )
    );
    assert_eq!(with(&[("X-Drive-Folder-Id", "other")]).1.len(), 1);
}

#[test]
fn a_failure_says_what_the_sidecar_said() {
    for (status, body, kind, message) in [
        (
            500,
            r#"{"error": "Command failed with exit code 1: pg_dump"}"#,
            ErrorKind::Failed,
            "POST /backup/export answered 500: Command failed with exit code 1: pg_dump",
        ),
        (
            500,
            "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>",
            ErrorKind::Failed,
            "POST /backup/export answered 500: an HTML page titled \"500 Internal Server Error\"",
        ),
        (
            401,
            r#"{"error": "Missing Bearer token"}"#,
            ErrorKind::Unauthenticated,
            "POST /backup/export answered 401: Missing Bearer token",
        ),
        (
            403,
            r#"{"error": "no"}"#,
            ErrorKind::Forbidden,
            "POST /backup/export answered 403: no",
        ),
        (
            404,
            "",
            ErrorKind::Protocol,
            "POST /backup/export answered 404",
        ),
    ] {
        let host = host(EXPORT, status, body);
        let error = create(&host, None).unwrap_err();
        assert_eq!((error.kind, &*error.message), (kind, message));
        assert!(error.hint.is_some(), "{message}");
        assert_eq!(host.saved(), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn an_answer_that_is_no_backup_is_not_saved() {
    for answer in [
        reply(200, JSON, r#"{"status": "ok"}"#),
        Reply::text(204, ""),
        Reply::text(206, "byt"),
    ] {
        let host = Host::new(MANIFEST).answer(EXPORT, answer);
        let error = create(&host, None).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol);
        assert_eq!(host.saved(), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn json_with_the_headers_of_a_backup_is_one() {
    let headers = [JSON, DOCUMENTS].concat();
    let host = Host::new(MANIFEST).answer(EXPORT, reply(200, &headers, "[1,2]"));
    create(&host, None).unwrap();
    assert_eq!(host.saved(), [b"[1,2]".to_vec()]);
}

#[test]
fn a_deferred_export_runs_until_its_status_url_has_the_backup() {
    let accepted = r#"{"job_id": "7", "status_url": "/backup/jobs/7"}"#;
    let host = Host::new(MANIFEST)
        .answer(EXPORT, reply(202, JSON, accepted))
        .answer(LOOK, Reply::text(202, ""))
        .answer(LOOK, reply(200, DOCUMENTS, ""))
        .answer(JOB, reply(200, DOCUMENTS, "bytes"));
    let begun = create(&host, None).unwrap();
    assert_eq!(
        (&*begun.id, begun.state),
        ("/backup/jobs/7", State::Running)
    );
    assert_eq!(status(&host, &begun.id).unwrap().state, State::Running);
    let ended = status(&host, &begun.id).unwrap();
    assert_eq!((ended.state, ended.size), (State::Succeeded, Some(5)));
    assert_eq!(host.saved(), Vec::<Vec<u8>>::new());
    download(&host, &begun.id).unwrap();
    assert_eq!(host.saved(), [b"bytes".to_vec()]);
}

#[test]
fn the_status_url_may_stand_in_the_location() {
    let headers = [("Location", "http://localhost:8000/backup/jobs/7")];
    let host = Host::new(MANIFEST).answer(EXPORT, reply(202, &headers, ""));
    assert_eq!(create(&host, None).unwrap().id, "/backup/jobs/7");
    let nowhere = Host::new(MANIFEST).answer(EXPORT, reply(202, JSON, r#"{"job_id": "7"}"#));
    assert_eq!(
        create(&nowhere, None).unwrap_err().kind,
        ErrorKind::Protocol
    );
}

#[test]
fn a_status_url_that_leads_elsewhere_is_not_asked() {
    for url in ["http://evil.example/backup/jobs/7", "/admin/7"] {
        let body = format!(r#"{{"status_url": "{url}"}}"#);
        let host = Host::new(MANIFEST).answer(EXPORT, reply(202, JSON, &body));
        let error = create(&host, None).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{url}");
        assert!(error.message.contains(url), "{}", error.message);
        assert_eq!(host.sent().len(), 1);
    }
}

#[test]
fn a_job_may_tell_its_state_in_json() {
    let job = |body: &str| {
        Host::new(MANIFEST)
            .answer(LOOK, Reply::text(405, ""))
            .answer(JOB, reply(200, JSON, body))
    };
    for (word, state) in [
        ("queued", State::Pending),
        ("RUNNING", State::Running),
        ("done", State::Succeeded),
        ("compressing", State::Unknown),
    ] {
        let backup = status(
            &job(&format!(r#"{{"status": "{word}"}}"#)),
            "/backup/jobs/7",
        );
        let backup = backup.unwrap();
        assert_eq!(backup.state, state, "{word}");
        assert_eq!(backup.reported_state.as_deref(), Some(word));
    }
    let failed = job(r#"{"state": "failed", "message": "disk full"}"#);
    let backup = status(&failed, "/backup/jobs/7").unwrap();
    assert_eq!(backup.state, State::Failed);
    assert_eq!(backup.failure.as_deref(), Some("disk full"));
    let error = status(&job("[]"), "/backup/jobs/7").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
}

#[test]
fn a_job_without_its_backup_is_not_downloaded() {
    for (reply, kind) in [
        (Reply::text(202, ""), ErrorKind::Conflict),
        (
            reply(200, JSON, r#"{"status": "running"}"#),
            ErrorKind::Conflict,
        ),
        (
            reply(200, JSON, r#"{"status": "failed", "error": "x"}"#),
            ErrorKind::Failed,
        ),
        (
            reply(200, JSON, r#"{"status": "done"}"#),
            ErrorKind::Protocol,
        ),
        (Reply::text(404, ""), ErrorKind::NotFound),
        (Reply::text(204, ""), ErrorKind::Protocol),
    ] {
        let host = Host::new(MANIFEST).answer(JOB, reply);
        let error = download(&host, "/backup/jobs/7").unwrap_err();
        assert_eq!(error.kind, kind, "{}", error.message);
        assert_eq!(host.saved(), Vec::<Vec<u8>>::new());
    }
    let unasked = Host::new(MANIFEST);
    assert_eq!(
        download(&unasked, "app.sql.gz").unwrap_err().kind,
        ErrorKind::NotFound
    );
    assert!(unasked.sent().is_empty());
}
