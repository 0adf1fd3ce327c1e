use super::*;

const ID: &str = "retail-prd-backup-20251109-143000";

fn manifest(host: &Host, name: &str, file: Option<&str>) -> Result<String> {
    let mut given: Vec<(&str, OptionValue)> = vec![("name", name.into())];
    given.extend(file.map(|file| ("file", file.into())));
    match host.act::<BackupRequest>("manifest", &given)? {
        Report::Text(text) => Ok(text),
        other => panic!("{other:?}"),
    }
}

fn backed_up() -> Host {
    host().object(request(
        "retail-prd-backup-20251109-143000",
        json!({
            "state": "Succeeded", "database": {"snapshotId": "rds:x", "size": "45.2 GB"},
            "documentLibrary": {
                "objectCount": 2, "totalSize": "3.0 KB",
                "manifestPath": "s3://liferay-backups/retail/prd/20251109-143000/manifest.json",
            },
        }),
    ))
}

fn snake() -> Value {
    json!({
        "version": "1.0", "project": "retail", "environment": "prd", "backup_id": ID,
        "database": {"snapshot_id": "rds:x", "instance_id": "retail-prd-db", "size_bytes": 48_586_496_000_u64},
        "document_library": {
            "destination_bucket": "liferay-backups", "object_count": 2, "total_size_bytes": 3000,
            "files": [{"key": "a", "size_bytes": 1000}, {"key": "b", "size_bytes": 2000}],
        },
    })
}

fn camel() -> Value {
    json!({
        "version": "1.0", "projectId": "retail", "environment": "prd", "backupId": ID,
        "database": {"snapshotId": "rds:x", "instanceId": "retail-prd-db", "sizeBytes": 45_200_000_000_u64},
        "documentLibrary": {
            "objectCount": 2, "totalSizeBytes": 3000,
            "files": [{"key": "a", "sizeBytes": 1000}, {"key": "b", "sizeBytes": 2000}],
        },
    })
}

fn refined() -> Value {
    json!({
        "projectId": "retail", "environment": "prd", "backupId": ID, "initiator": "cron",
        "database": {"type": "rds-snapshot", "snapshotId": "rds:x", "instanceId": "retail-prd-db", "size": "45.2 GB"},
        "documentLibrary": {"bucket": "liferay-backups", "objectCount": 2, "totalSize": "3.0 KB"},
    })
}

#[test]
fn a_manifest_is_checked_in_each_spelling() {
    for (document, spelling) in [
        (snake(), "(spelling backup_id)"),
        (camel(), "(spelling backupId)"),
        (refined(), "(spelling backupId, without version)"),
    ] {
        let report = manifest(&backed_up(), ID, Some(&document.to_string())).unwrap();
        assert!(report.contains(spelling), "{report}");
        for line in [
            "passed   backup: retail-prd-backup-20251109-143000",
            "passed   project: retail",
            "passed   database instance: retail-prd-db",
            "passed   snapshot: rds:x",
            "passed   objects: 2",
            "45.2 GB",
            "3.0 KB",
            "warned   checksum: the manifest has none",
        ] {
            assert!(report.contains(line), "{line}\n{report}");
        }
    }
}

#[test]
fn a_manifest_of_another_backup_is_an_error_that_names_every_difference() {
    for (place, value, part) in [
        (
            "/backup_id",
            json!("other"),
            "backup is other, and retail-prd",
        ),
        (
            "/project",
            json!("shop"),
            "project is shop, and retail in the backup",
        ),
        ("/database/snapshot_id", json!("rds:y"), "snapshot is rds:y"),
        (
            "/database/size_bytes",
            json!(1),
            "database size is 1 bytes, and 45.2 GB",
        ),
        (
            "/document_library/object_count",
            json!(3),
            "objects is 3, and 2 in the backup; 2 of 3 are listed",
        ),
        (
            "/document_library/total_size_bytes",
            json!(3001),
            "the files have 3000 bytes, and 3001 in total",
        ),
        ("/version", json!("1.0"), ""),
    ] {
        let mut document = snake();
        *document.pointer_mut(place).unwrap() = value;
        let checked = manifest(&backed_up(), ID, Some(&document.to_string()));
        match part {
            "" => drop(checked.unwrap()),
            part => {
                let error = checked.unwrap_err();
                assert_eq!(error.kind, ErrorKind::Integrity);
                assert!(error.message.contains(part), "{}", error.message);
            }
        }
    }
}

#[test]
fn a_checksum_that_fits_no_form_is_a_warning_and_one_that_is_none_an_error() {
    let mut document = snake();
    document["checksum"] = json!(format!("sha256:{}", "0".repeat(64)));
    let report = manifest(&backed_up(), ID, Some(&document.to_string())).unwrap();
    assert!(
        report.contains("warned   checksum: it fits none of the forms"),
        "{report}"
    );
    document["checksum"] = json!("md5:0");
    let error = manifest(&backed_up(), ID, Some(&document.to_string())).unwrap_err();
    assert!(error.message.contains("is no sha256"), "{}", error.message);
}

#[test]
fn a_list_that_the_controller_has_ended_is_a_warning() {
    let file = json!({"key": "a", "sizeBytes": 1});
    let mut document = camel();
    document["documentLibrary"] =
        json!({"objectCount": 12453, "totalSizeBytes": 12453, "files": vec![file; 10_000]});
    let host = host().object(request(ID, json!({"state": "Succeeded"})));
    let report = manifest(&host, ID, Some(&document.to_string())).unwrap();
    assert!(
        report.contains("10000 of 12453 are listed: the controller lists no more"),
        "{report}"
    );
}

#[test]
fn what_is_no_manifest_is_said() {
    for (file, part) in [
        ("\u{1f}\u{8b}", "is no manifest"),
        ("{}", "names no backup"),
    ] {
        let error = manifest(&backed_up(), ID, Some(file)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Integrity);
        assert!(error.message.contains(part), "{}", error.message);
    }
}

#[test]
fn without_a_file_it_is_said_where_the_manifest_lies() {
    let report = manifest(&backed_up(), ID, None).unwrap();
    assert!(
        report.ends_with(
            "aws s3 cp 's3://liferay-backups/retail/prd/20251109-143000/manifest.json' - | kubectl broker backup manifest retail-prd-backup-20251109-143000 --file -"
        ),
        "{report}"
    );
    // The controller has not said so.
    let host = host().object(request("a", json!({})));
    let report = manifest(&host, "a", None).unwrap();
    assert!(
        report.starts_with(
            "s3://liferay-backups/retail/prd/20251109-143000/manifest.json (the controller has not said so"
        ),
        "{report}"
    );
    let host = host.object(lc2("b", json!({})));
    let report = manifest(&host, "backuprequest.backup.lc2.io/b", None).unwrap();
    assert!(
        report.starts_with("The controller has not said where"),
        "{report}"
    );
    let error = manifest(&host, "liferaybackup/x", None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}
