//! Old sets.

use std::fs;

use serde_json::json;

use super::kafka::kafka;
use super::witness::Witness;
use super::worker::{Desk, into_volume};

#[test]
fn old_sets_go_but_never_the_last_complete_one() {
    let Some(kafka) = kafka() else { return };
    let (witness, desk) = (Witness::of(kafka), Desk::new());
    witness.produce("kept", 1, 200, 40, false);
    let mut spec = into_volume(&kafka.cluster(), &["kept"]);
    spec["retention"] = json!({ "enabled": true, "keepLast": 2, "dryRun": true });
    let object = desk.object("KafkaBackup", "old", &spec);
    let ids = [
        "old-20200101-000000",
        "old-20200102-000000",
        "old-20200103-000000",
        "old-eu-20200101-000000",
    ];
    for id in ids {
        desk.complete("backup", &object, &["--backup-id", id]);
    }
    let status = desk.complete("prune", &object, &[]);
    assert_eq!(status["retentionInspectedBackups"], 3);
    assert_eq!(status["retentionEligibleBackups"], 1);
    assert_eq!(status["retentionDeletedBackups"], 0);
    assert!(status["retentionReclaimedBytes"].as_u64() > Some(0));
    assert_eq!(desk.sets().len(), 4);

    spec["retention"] = json!({ "enabled": true, "keepLast": 2 });
    let object = desk.object("KafkaBackup", "old", &spec);
    let status = desk.complete("prune", &object, &[]);
    assert_eq!(status["deletedBackups"], json!([ids[0]]));
    assert!(desk.segments(ids[0]).is_empty());

    // The newest set is incomplete: the last complete one stays, although both are too old.
    let manifest = desk
        .volume()
        .join("kafka")
        .join(ids[2])
        .join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    value["topics"][0]["partitions"][0]["snapshot_end_offset"] = json!(100_000);
    fs::write(&manifest, value.to_string()).expect("a manifest");
    spec["retention"] = json!({ "enabled": true, "keepLast": 1, "maxAgeDays": 1 });
    let object = desk.object("KafkaBackup", "old", &spec);
    let status = desk.complete("prune", &object, &[]);
    assert_eq!(status["retentionDeletedBackups"], 0, "{status}");
    assert_eq!(desk.segments(ids[1]).len(), 1);

    // A manifest that can't be read belongs to no complete set, and keeps nothing else from being deleted.
    fs::write(&manifest, "{").expect("a manifest");
    desk.complete("backup", &object, &["--backup-id", "old-20200104-000000"]);
    let status = desk.complete("prune", &object, &[]);
    assert_eq!(
        status["deletedBackups"],
        json!([ids[2], ids[1]]),
        "{status}"
    );
    assert_eq!(
        desk.termination()["warnings"]
            .as_array()
            .expect("warnings")
            .len(),
        1
    );
}
