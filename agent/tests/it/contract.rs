use crate::support::{BEARER, Bench, artifact, until};
use crate::wire::{Reply, send};

/// Returns a bench with a known dump and headers of its own.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.configure(
        "type: postgres
artifact: {filename: app.dump, format: postgres-custom, content_type: application/x-dump}
config:
  command: printf 'a dump for %s' \"${SIDE_CAR_DRIVE_FOLDER_ID:-nobody}\"",
    );
    bench
}

#[test]
fn capabilities_are_those_of_the_configuration() {
    let bench = bench();
    let reply = bench.start().get("/backup/capabilities");
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json"))
    );
    assert_eq!(
        reply.text(),
        r#"{"version":"v1","types":["test"],"est_seconds":3}"#
    );
}

#[test]
fn an_export_has_the_headers_of_both_families() {
    let bench = bench();
    let agent = bench.start();
    let reply = agent.export();
    assert_eq!(artifact(&reply), b"a dump for nobody");
    assert_eq!(reply.header("content-type"), Some("application/x-dump"));
    assert_eq!(
        reply.header("content-disposition"),
        Some("attachment; filename=\"app.dump\"")
    );
    assert_eq!(reply.header("x-backup-format"), Some("postgres-custom"));
    assert_eq!(reply.header("x-format"), Some("postgres-custom"));
    assert_eq!(reply.header("x-drive-folder-id"), None);
    until("the files are removed", || bench.is_clean());
}

#[test]
fn a_folder_reaches_the_command_and_comes_back() {
    let bench = bench();
    let agent = bench.start();
    let reply = agent.export_with("?x=1&drive_folder_id=1AbC_d%2D9");
    assert_eq!(artifact(&reply), b"a dump for 1AbC_d-9");
    assert_eq!(reply.header("x-drive-folder-id"), Some("1AbC_d-9"));
    let reply = agent.export_with("?drive_folder_id=");
    assert_eq!(artifact(&reply), b"a dump for nobody");
}

#[test]
fn nothing_is_said_without_the_token() {
    let bench = bench();
    let agent = bench.start();
    let ask = |header: &str| {
        let lines = ["POST /backup/export HTTP/1.1", header];
        send(agent.address, &lines, b"")
    };
    let refused = |reply: &Reply| {
        assert_eq!(reply.status, 401);
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        reply.error()
    };
    for header in [
        "X-Nothing: 1",
        "Authorization: Basic YTpi",
        "Authorization: Bearer ",
        "Authorization: a-token-of-a-test",
    ] {
        assert_eq!(refused(&ask(header)), "Missing Bearer token", "{header}");
    }
    for header in [
        "Authorization: Bearer wrong",
        "Authorization: Bearer a-token-of-a-tes",
    ] {
        assert_eq!(
            refused(&ask(header)),
            "Invalid authorization token",
            "{header}"
        );
    }
    assert_eq!(ask("authorization: BEARER a-token-of-a-test").status, 200);
    let capabilities = send(
        agent.address,
        &["GET /backup/capabilities HTTP/1.1", "X-A: b"],
        b"",
    );
    assert_eq!(refused(&capabilities), "Missing Bearer token");
    assert!(
        !agent.log().contains(crate::support::TOKEN),
        "{}",
        agent.log()
    );
}

#[test]
fn what_there_is_not_is_an_error_in_json() {
    let bench = bench();
    let agent = bench.start();
    for path in [
        "/",
        "/backup/export/",
        "/backup/capabilities/",
        "/backup//export",
        "/x",
    ] {
        let reply = agent.get(path);
        assert_eq!(
            (reply.status, reply.error().as_str()),
            (404, "Not found"),
            "{path}"
        );
    }
    let reply = agent.get("/backup/export");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert_eq!(reply.error(), "Method not allowed");
    let reply = send(
        agent.address,
        &["POST /backup/capabilities HTTP/1.1", BEARER],
        b"",
    );
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
}

#[test]
fn the_body_of_a_request_is_ignored_up_to_a_bound() {
    let bench = bench();
    let agent = bench.start();
    let ask = |size| {
        send(
            agent.address,
            &["POST /backup/export HTTP/1.1", BEARER],
            &vec![b'x'; size],
        )
    };
    assert_eq!(artifact(&ask(60_000)), b"a dump for nobody");
    assert_eq!(ask(100_000).status, 413);
}

#[test]
fn health_and_metrics_need_no_token_and_tell_no_secret() {
    let bench = bench();
    let agent = bench.start();
    let health = send(agent.address, &["GET /healthz HTTP/1.1", "X-A: b"], b"");
    assert_eq!(
        (health.status, health.text().as_str()),
        (200, r#"{"status":"ok"}"#)
    );
    artifact(&agent.export());
    until("the export is counted", || {
        agent.metric("broker_agent_exports_total{outcome=\"succeeded\"}") == "1"
    });
    assert_eq!(agent.metric("broker_agent_sent_bytes_total"), "17");
    assert_eq!(agent.metric("broker_agent_last_artifact_bytes"), "17");
    let seconds = agent.metric("broker_agent_last_success_timestamp_seconds");
    assert!(seconds.parse::<f64>().expect("a number") > 1e9, "{seconds}");
    assert_eq!(agent.metric("broker_agent_exports_running"), "0");
    let metrics = send(agent.address, &["GET /metrics HTTP/1.1", "X-A: b"], b"");
    assert!(
        metrics
            .header("content-type")
            .expect("a type")
            .starts_with("application/openmetrics-text")
    );
    let text = metrics.text();
    assert!(
        text.ends_with("# EOF\n") && !text.contains(crate::support::TOKEN),
        "{text}"
    );
    assert!(
        text.contains("broker_agent_http_requests_total{route=\"/healthz\",status=\"200\"} 1\n"),
        "{text}"
    );
}

#[test]
fn what_a_request_says_never_reaches_a_shell() {
    let bench = Bench::new();
    let marker = bench.path("injected");
    // The command omits the quotes, and even evaluates the value a second time.
    bench.configure(
        "type: custom
config:
  command: eval echo folder is $SIDE_CAR_DRIVE_FOLDER_ID > $SIDE_CAR_TEMP_DUMP",
    );
    let agent = bench.start();
    let touch = format!("touch%20{}", marker.display());
    for value in [
        format!("x;{touch}"),
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("x%0a{touch}"),
        format!("x%26%26{touch}"),
        format!("x|{touch}"),
        format!("%27;{touch};%27"),
        format!("%22;{touch}"),
        "x%0d%0aX-Injected:%201".to_owned(),
        "..%2f..%2fetc".to_owned(),
        "-n".to_owned(),
        "a%00b".to_owned(),
        "%zz".to_owned(),
    ] {
        let reply = agent.export_with(&format!("?drive_folder_id={value}"));
        assert_eq!(reply.status, 400, "{value}");
        assert!(
            reply.error().starts_with("Invalid drive_folder_id"),
            "{value}"
        );
        assert_eq!(reply.header("x-injected"), None);
    }
    assert!(!marker.exists());
    assert_eq!(
        artifact(&agent.export_with("?drive_folder_id=0Bx")),
        b"folder is 0Bx\n"
    );
    until("no export runs", || {
        agent.metric("broker_agent_exports_running") == "0"
    });
}
