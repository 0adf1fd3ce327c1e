//! Checks of a set against a cluster.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use super::kafka::kafka;
use super::witness::Witness;
use super::worker::{Desk, into_volume};

/// Starts a service that answers every request with 204, and returns its address.
fn service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    format!("http://{address}/check")
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
    let hook = |name: &str, code: u16| json!({ "name": name, "url": service(), "expectedStatusCode": code, "timeoutSecs": 20 });
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
