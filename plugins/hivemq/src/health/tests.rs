use broker_engine::mock::{Host, Reply};

use super::*;
use crate::MANIFEST;

const ROUTE: &str = "GET /api/v1/health/";

/// The document of a broker 4.42.0, shortened.
const UP: &str = r#"{
    "status": "UP",
    "components": {
        "cluster": {"status": "UP", "details": {
            "cluster-id": "Lh6ba", "cluster-nodes": ["a", "b", "c"], "cluster-size": 3, "node-id": "a",
            "node-state": "RUNNING", "is-leave-replication-in-progress": false, "is-merge-in-progress": false
        }},
        "extensions": {"status": "UP", "components": {
            "hivemq-kafka-extension": {"status": "UP", "components": {
                "application": {"status": "UP"},
                "internals": {"status": "UP", "components": {
                    "license": {"status": "UP", "details": {"is-enterprise": true, "is-trial": true}}
                }}
            }}
        }},
        "info": {"status": "UP", "details": {
            "cpu-count": 4, "log-level": "INFO", "started-at": 1722900000000, "version": "4.42.0"
        }},
        "mqtt": {"status": "UP", "components": {
            "tcp-listener-1883": {"status": "UP", "details": {
                "bind-address": "0.0.0.0", "port": 1883, "is-running": true, "type": "TCP Listener"
            }}
        }},
        "rest-api": {"status": "UP", "details": {"authentication-enabled": false, "enabled": true}}
    }
}"#;

fn host() -> Host {
    Host::new(MANIFEST).pods(&["broker-0"])
}

fn health(host: &Host) -> Result<Vec<HealthReport>> {
    host.run(|| {
        HiveMq::health(HealthRequest {
            options: Vec::new(),
        })
    })
}

/// Returns the lines of the checks of the only broker.
fn checks(status: u16, body: &str) -> Vec<String> {
    let host = host().answer(ROUTE, Reply::text(status, body));
    let reports = health(&host).expect("reports");
    let [report] = reports.as_slice() else {
        panic!("one broker has {} reports", reports.len());
    };
    let line = |check: &Check| {
        let message = check.message.as_deref().unwrap_or("-");
        let outcome = match check.outcome {
            Outcome::Passed => "Passed",
            Outcome::Warned => "Warned",
            Outcome::Failed => "Failed",
            Outcome::Skipped => "Skipped",
        };
        format!("{} {outcome} {message}", check.name)
    };
    report.checks.iter().map(line).collect()
}

#[test]
fn each_component_that_says_something_is_a_check_with_what_helps() {
    assert_eq!(
        checks(200, UP),
        [
            "health Passed -",
            "cluster Passed 3 nodes, this node is RUNNING",
            "extensions/hivemq-kafka-extension/application Passed -",
            "extensions/hivemq-kafka-extension/internals/license Passed trial licence, enterprise",
            "info Passed version 4.42.0",
            "mqtt/tcp-listener-1883 Passed 0.0.0.0:1883, TCP Listener",
            "rest-api Passed without authentication",
        ]
    );
}

#[test]
fn every_status_has_its_outcome_and_a_new_one_is_told() {
    for (status, expected) in [
        ("UP", "health Passed -"),
        ("DEGRADED", "health Warned DEGRADED"),
        ("UNKNOWN", "health Warned UNKNOWN"),
        ("DOWN", "health Failed DOWN"),
        ("OUT_OF_SERVICE", "health Failed OUT_OF_SERVICE"),
        ("up", "health Warned unknown status `up`"),
        ("", "health Warned unknown status ``"),
    ] {
        let body = format!(r#"{{"status": "{status}"}}"#);
        assert_eq!(checks(200, &body), [expected]);
    }
}

#[test]
fn a_component_that_is_down_comes_with_all_that_is_said_of_it_and_of_those_above() {
    let body = r#"{"status": "DOWN", "components": {"mqtt": {"status": "DOWN", "components": {
        "tcp-listener-1883": {"status": "DOWN", "details": {
            "port": 1883, "bind-address": "0.0.0.0", "is-running": false, "reason": "in use", "tries": 3,
            "nested": {"a": 1}
        }}
    }}}}"#;
    // A broker with a component that is down answers 503.
    assert_eq!(
        checks(503, body),
        [
            "health Failed DOWN",
            "mqtt Failed DOWN",
            "mqtt/tcp-listener-1883 Failed DOWN, 0.0.0.0:1883, not running, reason: in use, tries: 3",
        ]
    );
}

#[test]
fn an_answer_of_something_else_is_a_failed_check() {
    for (status, body) in [
        (200, "{}"),
        (200, "<html>"),
        (200, ""),
        (200, r#"{"status": 1}"#),
        (404, ""),
        (503, "busy"),
        (500, UP),
    ] {
        let found = checks(status, body);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("health Failed GET "), "{found:?}");
    }
}

#[test]
fn a_document_without_an_end_of_depth_or_of_components_is_bounded() {
    let deep = format!(
        "{}{}",
        r#"{"status": "UP", "components": {"a": "#.repeat(200),
        "}}".repeat(200)
    );
    assert!(checks(200, &deep)[0].starts_with("health Failed"));
    let many: Vec<_> = (0..3000)
        .map(|at| format!(r#""{at}": {{"status": "DOWN"}}"#))
        .collect();
    let many = format!(
        r#"{{"status": "UP", "components": {{{}}}}}"#,
        many.join(", ")
    );
    let found = checks(200, &many);
    assert_eq!(found.len(), 501);
    assert_eq!(
        found[500],
        "components Warned 2501 further components are left out"
    );
}

#[test]
fn if_no_broker_can_be_asked_nothing_is_known() {
    let failing = |kind| {
        let reply = Reply::Failure(Error::new(kind, "no way"));
        health(&host().answer(ROUTE, reply))
    };
    let error = failing(ErrorKind::Unavailable).expect_err("nothing listens");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.ends_with("health API: no way"));
    assert!(error.hint.is_some_and(|hint| hint.contains("<health-api>")));
    // A missing permission is not about HiveMQ.
    let error = failing(ErrorKind::Forbidden).expect_err("not allowed");
    assert_eq!((error.message.as_str(), error.hint), ("no way", None));
    // A broker that hangs is there.
    let reports = failing(ErrorKind::TimedOut).expect("a report");
    assert_eq!(reports[0].checks[0].outcome, Outcome::Failed);
}
