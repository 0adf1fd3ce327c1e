//! Damaged sets.

use std::fs;

use serde_json::json;

use super::kafka::kafka;
use super::witness::Witness;
use super::worker::{Desk, into_volume};

#[test]
fn one_flipped_bit_is_found_and_nothing_is_restored() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("damaged", 3, 3000, 100, false);
    let mut spec = into_volume(&kafka.cluster(), &["damaged"]);
    spec["segmentMaxBytes"] = json!(30_000);
    let (backup, id) = desk.backup("damaged", &spec);
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];
    let validation = json!({ "backupRef": { "name": "damaged" }, "kafkaCluster": kafka.cluster(), "checks": { "messageCount": {} } });
    let validation = desk.object("KafkaBackupValidation", "damaged", &validation);
    let restore = json!({
        "backupRef": { "name": "damaged" }, "kafkaCluster": kafka.cluster(), "topics": ["damaged"],
        "topicMapping": { "damaged": "damaged-restored" }, "createTopics": true,
    });
    let restore = desk.object("KafkaRestore", "damaged", &restore);
    assert_eq!(
        desk.complete("validate", &validation, &more)["validationResult"],
        "Pass"
    );

    let files = desk.segments(&id);
    let second = files
        .iter()
        .filter(|file| file.to_string_lossy().contains("partition=1"))
        .nth(1)
        .expect("a second segment");
    let first = second
        .file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let first = first
        .trim_start_matches("segment-")
        .trim_end_matches(".bin")
        .trim_start_matches('0')
        .to_owned();
    let whole = fs::read(second).expect("a segment");
    let named = format!("damaged[1] offsets {first}–");
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(second, &bytes).expect("a segment");
    let report = desk.run("validate", &validation, &more);
    let message = report.fails(13, "failed");
    assert!(
        message.contains(&named) && message.contains("SHA-256"),
        "{message}"
    );
    assert_eq!(report.result()["status"]["validationResult"], "Fail");
    assert_eq!(
        report.result()["status"]["checkResults"][0]["outcome"],
        "Failed"
    );
    let report = desk.run("restore", &restore, &more);
    let message = report.fails(13, "failed");
    assert!(message.contains(&named), "{message}");
    assert!(!witness.has_topic("damaged-restored"));

    fs::remove_file(second).expect("a segment");
    let report = desk.run("restore", &restore, &more);
    let message = report.fails(13, "failed");
    assert!(
        message.contains(&named) && message.contains("is missing"),
        "{message}"
    );
    assert!(!witness.has_topic("damaged-restored"));

    fs::write(second, whole).expect("a segment");
    let manifest = desk.volume().join("kafka").join(&id).join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(
        &manifest,
        text.replace(&format!("{id}/topics"), "../../../../../etc/topics"),
    )
    .expect("a manifest");
    let report = desk.run("restore", &restore, &more);
    let message = report.fails(13, "failed");
    assert!(message.contains("outside the set"), "{message}");
    fs::write(&manifest, &text[..text.len() / 2]).expect("a manifest");
    desk.run("restore", &restore, &more).fails(13, "failed");

    fs::write(&manifest, text).expect("a manifest");
    desk.complete("restore", &restore, &more);
    assert_eq!(witness.same("damaged", "damaged-restored", "-"), 3000);
}
