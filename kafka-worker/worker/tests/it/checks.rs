//! Checks of a set against a cluster.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use rcgen::KeyPair;
use serde_json::{Value, json};

use super::kafka::{Kafka, jars, kafka};
use super::witness::Witness;
use super::worker::{Desk, into_volume};

/// Starts a service that answers every request with the same status. Returns its address and the requests.
fn service(status: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (send, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let request = request(&mut stream);
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
            // A test that does not look at the requests has dropped the receiver.
            let _ = send.send(request);
        }
    });
    (format!("http://{address}/check"), requests)
}

/// Reads a request with its body.
fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).unwrap_or_default();
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head.to_ascii_lowercase();
        let length = length
            .split_once("content-length: ")
            .and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        if count == 0 || (text.contains("\r\n\r\n") && body.len() >= length.unwrap_or(0)) {
            return text;
        }
    }
}

#[test]
fn each_check_of_a_validation_has_its_outcome() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("checked", 2, 400, 40, false);
    witness.ask(&["commit", "checked-group", "checked", "0:5"]);
    let (backup, id) = desk.backup("checked", &into_volume(&kafka.cluster(), &["checked"]));
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];
    let check = |name: &str, checks: Value| {
        let spec = json!({ "backupRef": { "name": "checked" }, "kafkaCluster": kafka.cluster(), "checks": checks });
        desk.run(
            "validate",
            &desk.object("KafkaBackupValidation", name, &spec),
            &more,
        )
    };
    let (url, _requests) = service("204 No Content");
    let hook = |name: &str, code: u16| json!({ "name": name, "url": url, "expectedStatusCode": code, "timeoutSecs": 20 });
    let report = check(
        "good",
        json!({
            "messageCount": {}, "offsetRange": {}, "customWebhooks": [hook("one", 204)],
            "consumerGroupOffsets": { "consumerGroups": ["checked-group"] },
        }),
    );
    assert_eq!(report.code, Some(0), "{report:#?}");
    let status = &report.result()["status"];
    assert_eq!(status["validationResult"], "Pass", "{status}");
    assert_eq!([&status["checksTotal"], &status["checksPassed"]], [5, 5]);

    let report = check(
        "bad",
        json!({ "customWebhooks": [hook("two", 200)], "consumerGroupOffsets": { "consumerGroups": ["nobody"] } }),
    );
    let message = report.fails(13, "failed");
    assert!(message.contains("group nobody has no offsets"), "{message}");
    assert_eq!(
        [
            &report.result()["status"]["checksTotal"],
            &report.result()["status"]["checksFailed"]
        ],
        [3, 2]
    );

    // Further records are in the topic and not in the set.
    witness.ask(&["more", "checked", "2", "10", "40"]);
    check("less", json!({ "messageCount": {} })).fails(13, "failed");
    let report = check("enough", json!({ "messageCount": { "failThreshold": 5 } }));
    assert_eq!(report.code, Some(0), "{report:#?}");
}

#[test]
fn a_validation_leaves_a_signed_report_and_tells_a_service() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("audited", 1, 100, 40, false);
    let (backup, id) = desk.backup("audited", &into_volume(&kafka.cluster(), &["audited"]));
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];
    let (good, requests) = service("200 OK");
    let (bad, _) = service("500 No");
    desk.secret("slack", &[("url", &good), ("bad", &bad)]);
    let key = KeyPair::generate().expect("a key").serialize_pem();
    desk.secret("signer", &[("private", &key)]);
    let mut spec = json!({
        "backupRef": { "name": "audited" }, "kafkaCluster": kafka.cluster(), "checks": { "offsetRange": {} },
        "evidence": {
            "formats": ["json", "pdf"],
            "signing": { "enabled": true, "keySecret": { "name": "signer", "privateKeyKey": "private", "publicKeyKey": "public" } },
            "storage": { "pvc": { "claimName": "backups", "subPath": "audit" } },
        },
        "notifications": { "slack": { "webhookSecret": { "name": "slack", "key": "url" } } },
    });
    let object = desk.object("KafkaBackupValidation", "audit", &spec);
    let status = desk.complete("validate", &object, &more);
    assert_eq!(status["evidenceReportSigned"], true, "{status}");
    let path = status["evidenceReportPath"].as_str().expect("a path");
    let path = desk.volume().join("audit").join(path);
    let report = fs::read_to_string(&path).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(
        report["validation"]["results"][0]["check_name"], "segments",
        "{report}"
    );
    assert_eq!(report["backup"]["id"], id.as_str());
    let files = fs::read_dir(path.parent().expect("a folder")).expect("a folder");
    assert_eq!(
        files.count(),
        3,
        "the report in two formats, and its signature"
    );
    assert!(requests.recv().expect("a message").contains("PASSED"));

    // A report that can't be written, and a service that can't be told, don't change the result of the checks.
    spec["evidence"]["signing"]["keySecret"]["privateKeyKey"] = json!("other");
    spec["notifications"]["slack"]["webhookSecret"]["key"] = json!("bad");
    let object = desk.object("KafkaBackupValidation", "audit", &spec);
    let report = desk.run("validate", &object, &more);
    let message = report.fails(3, "partial");
    assert!(
        message.contains("the evidence report was not written: Secret signer has no key other"),
        "{message}"
    );
    assert_eq!(report.result()["status"]["validationResult"], "Pass");
    let warning = report.result()["warnings"][0].as_str().expect("a warning");
    assert!(warning.starts_with("Slack was not told: "), "{warning}");
}

#[test]
fn a_check_without_names_looks_at_the_groups_of_the_backup_and_of_the_cluster() {
    let Some(jars) = jars() else { return };
    // A cluster of its own: other tests make groups at any time.
    let kafka = Kafka::start(&jars, None);
    let (witness, desk) = (Witness::of(&kafka), Desk::new());
    witness.produce("alone", 1, 100, 40, false);
    let mut spec = into_volume(&kafka.cluster(), &["alone"]);
    spec["consumerGroupSnapshot"] = json!(true);
    let check = |id: &str| {
        let spec = json!({
            "backupRef": { "name": "alone", "backupId": id }, "kafkaCluster": kafka.cluster(),
            "checks": { "consumerGroupOffsets": {} },
        });
        let storage = into_volume(&kafka.cluster(), &["alone"]);
        let object = desk.object("KafkaBackup", "alone", &storage);
        let status = desk.complete(
            "validate",
            &desk.object("KafkaBackupValidation", "alone", &spec),
            &["--backup", &object.display().to_string()],
        );
        (
            status["validationResult"].clone(),
            status["checkResults"][1].clone(),
        )
    };
    let (_, without) = desk.backup("alone", &spec);
    let (result, checked) = check(&without);
    assert_eq!([&result, &checked["outcome"]], ["Warn", "Skipped"]);

    for group in ["first", "second"] {
        witness.ask(&["commit", group, "alone", "0:5"]);
    }
    let object = desk.object("KafkaBackup", "alone", &spec);
    let with = "alone-20990101-000000";
    desk.complete("backup", &object, &["--backup-id", with]);
    for id in [without.as_str(), with] {
        let (result, checked) = check(id);
        assert_eq!(result, "Pass", "{checked}");
        assert_eq!(checked["message"], "2 groups have 2 offsets");
    }

    // The backup that has the group warns; the other one does not know it.
    witness.ask(&["forget", "second"]);
    let (result, checked) = check(with);
    assert_eq!(result, "Warn", "{checked}");
    assert_eq!(checked["message"], "group second has no offsets");
    let (result, checked) = check(&without);
    assert_eq!(result, "Pass", "{checked}");
    assert_eq!(checked["message"], "1 groups have 1 offsets");
}
