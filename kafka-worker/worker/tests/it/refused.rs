//! Requests that can't be carried out, and hostile answers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use super::worker::{Desk, into_volume};

fn backup_of(desk: &Desk, change: impl Fn(&mut Value)) -> super::worker::Report {
    let mut spec = into_volume(&json!({ "bootstrapServers": ["127.0.0.1:1"] }), &["orders"]);
    change(&mut spec);
    let object = desk.object("KafkaBackup", "refused", &spec);
    desk.run("backup", &object, &[])
}

#[test]
fn what_can_not_work_is_refused_with_its_field() {
    let desk = Desk::new();
    let servers = |servers: Value| {
        move |spec: &mut Value| spec["kafkaCluster"]["bootstrapServers"] = servers.clone()
    };
    let report = backup_of(&desk, servers(json!(["[::1]:9092"])));
    let message = report.fails(2, "failed");
    assert!(
        message.contains("IPv6 address \"[::1]:9092\", which is not supported: use a host name"),
        "{message}"
    );
    assert!(
        backup_of(&desk, servers(json!(["::1"])))
            .fails(2, "failed")
            .contains("IPv6")
    );
    let report = backup_of(&desk, |spec| {
        spec["kafkaCluster"]["securityProtocol"] = json!("SASL_PLAINTEXT");
        spec["kafkaCluster"]["saslSecret"] = json!({ "name": "user", "mechanism": "OAUTHBEARER" });
    });
    assert!(
        report
            .fails(2, "failed")
            .contains("must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512")
    );
    let report = backup_of(&desk, |spec| {
        spec["kafkaCluster"]["securityProtocol"] = json!("SASL_PLAINTEXT");
        spec["kafkaCluster"]["saslSecret"] = json!({ "name": "user", "mechanism": "PLAIN" });
    });
    assert_eq!(report.fails(2, "failed"), "Secret user has no key username");
    let report = backup_of(&desk, |spec| {
        spec["storage"]["pvc"]["claimName"] = json!("other");
    });
    assert_eq!(
        report.fails(2, "failed"),
        "PersistentVolumeClaim other is not mounted"
    );
    let report = backup_of(&desk, |spec| spec["topics"] = json!("orders"));
    assert!(
        report
            .fails(2, "failed")
            .starts_with("KafkaBackup refused can't be used: ")
    );
    // A cluster that does not answer is no error of the object.
    let report = backup_of(&desk, |_| {});
    assert!(report.fails(1, "failed").contains("connecting to Kafka"));
    assert_eq!(desk.termination()["exitCode"], 1);

    let object = desk.object("KafkaRestore", "kind", &json!({}));
    assert!(
        desk.run("backup", &object, &[])
            .fails(2, "failed")
            .contains("must be a KafkaBackup")
    );
    let file = desk.folder.path().join("objects/broken.yaml");
    fs::write(&file, "kind: [").expect("a file");
    assert!(
        desk.run("backup", &file, &[])
            .fails(2, "failed")
            .contains("is neither JSON nor YAML")
    );
}

#[test]
fn an_object_may_be_yaml() {
    let desk = Desk::new();
    let file = desk.folder.path().join("objects/backup.yaml");
    let text = "apiVersion: kafka.oso.sh/v1alpha1\nkind: KafkaBackup\nmetadata: {name: yaml}\nspec:\n  \
                kafkaCluster: {bootstrapServers: ['127.0.0.1:1']}\n  topics: [a]\n  storage: {pvc: {claimName: backups}}\n";
    fs::write(&file, text).expect("a file");
    assert!(
        desk.run("backup", &file, &[])
            .fails(1, "failed")
            .contains("connecting to Kafka")
    );
}

#[test]
fn a_hostile_answer_of_a_store_is_shown_without_its_controls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let body = format!(
                "<Error><Code>No</Code><Message>\u{1b}[2Jcanary-of-s3\u{202e}{}\n\tat line</Message></Error>",
                "x".repeat(20_000)
            );
            let head = format!(
                "HTTP/1.1 400 Bad\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    let desk = Desk::new();
    desk.secret(
        "keys",
        &[
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", "canary-of-s3"),
        ],
    );
    let report = backup_of(&desk, |spec| {
        spec["storage"] = json!({ "storageType": "s3", "s3": {
            "bucket": "b", "region": "us-east-1", "endpoint": format!("http://{address}"), "pathStyle": true,
            "credentialsSecret": { "name": "keys" },
        }});
    });
    let message = report.fails(1, "failed");
    assert!(
        message.starts_with("reading the manifest of backup refused-"),
        "{message}"
    );
    assert!(message.len() < 3000);
    assert!(
        !message.contains(|c: char| c.is_control() || c == '\u{202e}'),
        "{message:?}"
    );
    let all = format!("{message}{}{}", report.stderr, report.result());
    assert!(!all.contains("canary-of-s3"), "{all}");
}
