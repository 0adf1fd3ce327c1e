//! A listener with TLS and SASL, and users with few permissions.

use std::fs;
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use super::kafka::{Kafka, Security, jars};
use super::witness::Witness;
use super::worker::{Desk, into_volume};

const PASSWORD: &str = "canary-of-scram";

struct Secured {
    kafka: Kafka,
    /// The authority of the listener and of clients, in PEM.
    authority: String,
    /// The certificate and the key of a client, in PEM.
    client: (String, String),
}

/// Returns a Kafka with users, or `None` on a machine that can't run one.
fn secured() -> Option<&'static Secured> {
    static SECURED: OnceLock<Option<Secured>> = OnceLock::new();
    let start = || {
        let jars = jars()?;
        let mut params = CertificateParams::new(vec!["authority".to_owned()]).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
            .expect("an authority");
        let signed = |name: &str| {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec![name.to_owned()]).expect("names");
            let certificate = params.signed_by(&key, &authority).expect("a certificate");
            (certificate.pem(), key.serialize_pem())
        };
        let (certificate, key) = signed("localhost");
        let security = Security {
            authority: authority.pem(),
            certificate,
            key,
            users: vec![("admin", "canary-of-admin"), ("reader", PASSWORD)],
        };
        Some(Secured {
            kafka: Kafka::start(&jars, Some(&security)),
            authority: authority.pem(),
            client: signed("client"),
        })
    };
    SECURED.get_or_init(start).as_ref()
}

impl Secured {
    fn cluster(&self) -> Value {
        json!({
            "bootstrapServers": [self.kafka.secured], "securityProtocol": "SASL_SSL",
            "caSecret": { "name": "authority" },
            "tlsSecret": { "name": "client", "certKey": "tls.crt", "keyKey": "tls.key" },
            "saslSecret": { "name": "user", "mechanism": "SCRAM-SHA-512" },
        })
    }

    fn desk(&self, user: &str, password: &str) -> Desk {
        let desk = Desk::new();
        desk.secret("authority", &[("ca.crt", &self.authority)]);
        desk.secret(
            "client",
            &[("tls.crt", &self.client.0), ("tls.key", &self.client.1)],
        );
        desk.secret("user", &[("username", user), ("password", password)]);
        desk
    }
}

#[test]
fn groups_that_can_not_be_read_are_reported() {
    let Some(secured) = secured() else { return };
    let witness = Witness::of(&secured.kafka);
    witness.produce("guarded", 2, 500, 40, false);
    for group in ["seen", "hidden"] {
        witness.ask(&["commit", group, "guarded", "0:5", "1:6"]);
    }
    for [kind, name, operation] in [
        ["TOPIC", "guarded", "READ"],
        ["TOPIC", "guarded", "DESCRIBE"],
        ["BROKER", "kafka-cluster", "DESCRIBE"],
        ["GROUP", "seen", "DESCRIBE"],
    ] {
        witness.ask(&["allow", "reader", kind, name, operation]);
    }
    let desk = secured.desk("reader", PASSWORD);
    let mut spec = into_volume(&secured.cluster(), &["guarded"]);
    spec["consumerGroupSnapshot"] = json!(true);
    let object = desk.object("KafkaBackup", "guarded", &spec);
    let report = desk.run("backup", &object, &[]);
    let message = report.fails(3, "partial");
    assert!(
        message.contains("the offsets of group hidden are missing"),
        "{message}"
    );
    let status = &report.result()["status"];
    assert_eq!(
        status["groupsNotRead"].as_array().expect("groups").len(),
        1,
        "{status}"
    );
    assert_eq!(status["groupsNotRead"][0]["groupId"], "hidden");
    assert_eq!(status["recordsProcessed"], 500);
    let kept = desk
        .volume()
        .join("kafka")
        .join(status["backupId"].as_str().expect("an id"));
    let kept = fs::read_to_string(kept.join("consumer-groups-snapshot.json")).expect("offsets");
    assert!(
        kept.contains("\"seen\"") && !kept.contains("hidden"),
        "{kept}"
    );
    assert!(!format!("{report:?}").contains(PASSWORD));

    // With the permission, another run completes the same set.
    witness.ask(&["allow", "reader", "GROUP", "hidden", "DESCRIBE"]);
    let id = status["backupId"].as_str().expect("an id").to_owned();
    let status = desk.complete("backup", &object, &["--backup-id", &id]);
    assert_eq!(
        [&status["groupsNotRead"], &status["missing"]],
        [&json!([]), &json!([])]
    );
    let kept = desk
        .volume()
        .join("kafka")
        .join(&id)
        .join("consumer-groups-snapshot.json");
    let kept = fs::read_to_string(kept).expect("offsets");
    assert!(
        kept.contains("\"seen\"") && kept.contains("hidden"),
        "{kept}"
    );

    // The same user may not write.
    let spec = json!({
        "backupRef": { "name": "guarded", "backupId": status["backupId"] }, "kafkaCluster": secured.cluster(),
        "topics": ["guarded"], "topicMapping": { "guarded": "guarded-copy" }, "createTopics": true,
    });
    let restore = desk.object("KafkaRestore", "guarded", &spec);
    let report = desk.run(
        "restore",
        &restore,
        &["--backup", &object.display().to_string()],
    );
    let message = report.fails(12, "failed");
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn an_administrator_backs_up_and_restores_over_tls() {
    let Some(secured) = secured() else { return };
    let witness = Witness::of(&secured.kafka);
    witness.produce("sealed", 3, 900, 60, true);
    let desk = secured.desk("admin", "canary-of-admin\n");
    let (backup, id) = desk.backup("sealed", &into_volume(&secured.cluster(), &["sealed"]));
    let spec = json!({
        "backupRef": { "name": "sealed", "backupId": id }, "kafkaCluster": secured.cluster(),
        "topics": ["sealed"], "topicMapping": { "sealed": "sealed-copy" }, "createTopics": true,
    });
    desk.complete(
        "restore",
        &desk.object("KafkaRestore", "sealed", &spec),
        &["--backup", &backup.display().to_string()],
    );
    assert!(witness.same("sealed", "sealed-copy", "-") > 600);
}

#[test]
fn wrong_credentials_and_certificates_are_told_apart() {
    let Some(secured) = secured() else { return };
    let spec = into_volume(&secured.cluster(), &["guarded"]);
    let desk = secured.desk("reader", "canary-that-is-wrong");
    let report = desk.run("backup", &desk.object("KafkaBackup", "wrong", &spec), &[]);
    report.fails(12, "failed");
    assert!(
        report.result()["hint"]
            .as_str()
            .expect("a hint")
            .starts_with("Check user, password")
    );
    assert!(!format!("{report:?}").contains("canary-that-is-wrong"));

    let desk = secured.desk("reader", PASSWORD);
    let other = KeyPair::generate().expect("a key");
    let other = CertificateParams::new(vec!["other".to_owned()])
        .expect("names")
        .self_signed(&other)
        .expect("an authority");
    desk.secret("authority", &[("ca.crt", &other.pem())]);
    let report = desk.run("backup", &desk.object("KafkaBackup", "wrong", &spec), &[]);
    let message = report.fails(1, "failed");
    assert!(
        message
            .contains("accepts connections, but no session: check securityProtocol and caSecret"),
        "{message}"
    );

    desk.secret("authority", &[("ca.crt", "not a certificate")]);
    let report = desk.run("backup", &desk.object("KafkaBackup", "wrong", &spec), &[]);
    assert_ne!(report.code, Some(0), "{report:?}");

    let mut plain = spec.clone();
    plain["kafkaCluster"]["bootstrapServers"] = json!(["127.0.0.1:1"]);
    let report = desk.run(
        "backup",
        &desk.object("KafkaBackup", "nothing", &plain),
        &[],
    );
    assert!(
        report
            .fails(1, "failed")
            .contains("127.0.0.1:1: Connection refused")
    );
}
