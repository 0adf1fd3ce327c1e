//! Damaged sets.

use std::fs;

use serde_json::{Value, json};

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

/// The fields that manifests of old versions lack.
const NEW_FIELDS: [&str; 7] = [
    "sha256",
    "uploaded_at",
    "covered_start_offset",
    "covered_end_offset",
    "covered_through",
    "snapshot_end_offset",
    "high_watermark_at_capture",
];

fn without_new_fields(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_new_fields),
        Value::Object(fields) => {
            fields.retain(|name, _| !NEW_FIELDS.contains(&name.as_str()));
            fields.values_mut().for_each(without_new_fields);
        }
        _ => {}
    }
}

#[test]
fn a_set_of_an_old_version_is_checked_and_restored() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("aged", 2, 1000, 60, false);
    let mut spec = into_volume(&kafka.cluster(), &["aged"]);
    spec["segmentMaxBytes"] = json!(20_000);
    let (backup, id) = desk.backup("aged", &spec);
    let manifest = desk.volume().join("kafka").join(&id).join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    without_new_fields(&mut value);
    fs::write(&manifest, value.to_string()).expect("a manifest");
    let more = [
        "--backup",
        &backup.display().to_string(),
        "--backup-id",
        &id,
    ];
    let spec = json!({
        "backupRef": { "name": "aged" }, "kafkaCluster": kafka.cluster(), "topics": ["aged"],
        "topicMapping": { "aged": "aged-restored" }, "createTopics": true,
    });
    let restore = desk.object("KafkaRestore", "aged", &spec);

    // Without a digest the checksum at the end of a segment finds the damage.
    let file = desk.segments(&id).remove(0);
    let whole = fs::read(&file).expect("a segment");
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    fs::write(&file, bytes).expect("a segment");
    let report = desk.run("restore", &restore, &more);
    assert!(
        report.fails(13, "failed").contains("CRC mismatch"),
        "{report:?}"
    );
    fs::write(&file, whole).expect("a segment");

    desk.complete("restore", &restore, &more);
    assert_eq!(witness.same("aged", "aged-restored", "-"), 1000);
}
