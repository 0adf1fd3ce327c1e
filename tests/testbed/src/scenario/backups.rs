//! The backups of the demonstration: fixed names, dates and sizes.

use jiff::{SignedDuration, Timestamp};

use super::World;
use crate::backend::PodAddress;
use crate::backend::hivemq::{Backup, BackupState, Hivemq};
use crate::backend::sidecar::{Entry, RemoteObject, Sidecar, UploadStatus};

const MEBIBYTE: u64 = 1024 * 1024;

/// Objects in the remote store, in no order. All keys are `backup/<time>.backup`.
const REMOTE: [(&str, u64); 12] = [
    ("20250812-020004", 1_873_741_824),
    ("20250819-143025", 2_254_857_830),
    ("20250706-020003", 734_003_200),
    ("20250905-130215", 2_469_606_195),
    ("20250615-020001", 402_653_184),
    ("20250720-020005", 981_467_136),
    ("20250803-020002", 1_610_612_736),
    ("20250826-020003", 2_305_843_009),
    ("20250629-020002", 655_360_000),
    ("20250713-020004", 858_993_459),
    ("20250727-020001", 1_288_490_188),
    ("20250622-020006", 512),
];

/// Returns the time in a name such as `20250819-143025`.
fn moment(name: &str) -> Timestamp {
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &digits);
    let time = time.and_then(|time| jiff::tz::TimeZone::UTC.to_timestamp(time));
    debug_assert!(time.is_ok(), "{name} is not a time");
    time.unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Fills the HiveMQ cluster of a namespace.
pub fn fill_hivemq(hivemq: &Hivemq, now: Timestamp) {
    let completed = BackupState::Completed;
    for (id, bytes, state) in [
        ("20250806-080853", 1_204_224, completed),
        (
            "20250812-020000",
            7 * MEBIBYTE + 11,
            BackupState::RestoreCompleted,
        ),
        ("20250819-143025", 48 * MEBIBYTE + 4321, completed),
        ("20250826-020000", 12 * MEBIBYTE, BackupState::RestoreFailed),
        ("20250905-130215", 21 * MEBIBYTE + 1, completed),
    ] {
        let mut backup = Backup::new(id, moment(id), Some(bytes), state);
        if state == BackupState::RestoreFailed {
            backup.fail_reason =
                Some("Node broker-2 left the cluster during the restore.".to_owned());
        }
        hivemq.put(backup);
    }
    // A failed backup is visible for only an hour, so this one is relative to now.
    let recent = now - SignedDuration::from_mins(20);
    let id = recent.strftime("%Y%m%d-%H%M%S").to_string();
    let mut failed = Backup::new(&id, recent, None, BackupState::Failed);
    failed.fail_reason = Some("Not enough disk space on node broker-1.".to_owned());
    hivemq.put(failed);
}

fn entry(name: &str, size_bytes: u64, status: UploadStatus) -> Entry {
    Entry {
        name: name.to_owned(),
        path: format!("/opt/hivemq/backup/{name}"),
        size_bytes,
        last_modified: moment(name),
        status,
        error: (status == UploadStatus::Failed).then(|| "upload timed out after 10m0s".to_owned()),
    }
}

/// Fills the sidecars of a namespace with three brokers.
pub fn fill_sidecar(sidecar: &Sidecar, namespace: &str) {
    for (name, size_bytes) in REMOTE {
        sidecar.put_remote(RemoteObject {
            key: format!("backup/{name}.backup"),
            last_modified: moment(name) + SignedDuration::from_mins(2),
            size_bytes,
        });
    }
    let pod = |index: usize| PodAddress::new(namespace, &format!("broker-{index}"));
    let [big, small] = [48 * MEBIBYTE + 4321, 21 * MEBIBYTE + 1];
    sidecar.put_local(
        &pod(0),
        entry("20250819-143025", big, UploadStatus::Uploaded),
    );
    sidecar.put_local(
        &pod(0),
        entry("20250905-130215", small, UploadStatus::Pending),
    );
    sidecar.put_local(
        &pod(1),
        entry("20250806-080853", 1_204_224, UploadStatus::Failed),
    );
    sidecar.put_local(
        &pod(2),
        entry("20250812-020000", 7 * MEBIBYTE + 11, UploadStatus::Uploaded),
    );
    let mut whole = entry("20250905-131500", 3 * big, UploadStatus::Uploaded);
    "/opt/hivemq/cluster-backup/20250905-131500".clone_into(&mut whole.path);
    sidecar.put_cluster(whole);
}

/// Fills both, if a namespace has both.
pub fn fill(world: &mut World, namespace: &str) {
    let now = world.now();
    fill_hivemq(&world.hivemq(namespace), now);
    fill_sidecar(&world.sidecar(namespace), namespace);
}
