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
            "backup is other, but retail-prd",
        ),
        (
            "/project",
            json!("shop"),
            "project is shop, but retail in the backup",
        ),
        ("/database/snapshot_id", json!("rds:y"), "snapshot is rds:y"),
        (
            "/database/size_bytes",
            json!(1),
            "database size is 1 bytes, but 45.2 GB",
        ),
        (
            "/document_library/object_count",
            json!(3),
            "objects is 3, but 2 in the backup; 2 of 3 are listed",
        ),
        (
            "/document_library/total_size_bytes",
            json!(3001),
            "the files have 3000 bytes, but the total is 3001",
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
        report.contains("warned   checksum: it matches none of the tried forms"),
        "{report}"
    );
    document["checksum"] = json!("md5:0");
    let error = manifest(&backed_up(), ID, Some(&document.to_string())).unwrap_err();
    assert!(
        error.message.contains("is not a SHA-256 digest"),
        "{}",
        error.message
    );
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
        ("\u{1f}\u{8b}", "is not a manifest"),
        ("{}", "names no backup"),
    ] {
        let error = manifest(&backed_up(), ID, Some(file)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Integrity);
        assert!(error.message.contains(part), "{}", error.message);
    }
}

fn at(host: &Host, name: &str) -> Result<String> {
    let given: [(&str, OptionValue); 2] = [("name", name.into()), ("location", true.into())];
    match host.act::<BackupRequest>("manifest", &given)? {
        Report::Text(text) => Ok(text),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_file_it_is_fetched_and_checked() {
    let key = "retail/prd/20251109-143000/manifest.json";
    let host = backed_up().stored("liferay-backups", key, snake().to_string());
    let report = manifest(&host, ID, None).unwrap();
    let begin = format!(
        "The manifest (spelling backup_id) is that of {ID}. It was read from s3://liferay-backups/retail/prd/20251109-143000/manifest.json.\n"
    );
    assert!(report.starts_with(&begin), "{report}");
    let other = backed_up().stored("liferay-backups", key, r#"{"backup_id": "other"}"#);
    let error = manifest(&other, ID, None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Integrity);
}

#[test]
fn a_key_without_a_bucket_is_one_in_the_bucket_of_the_backup() {
    let told = |path: &str| {
        let status = json!({"documentLibrary": {"manifestPath": path}});
        at(&host().object(request("a", status)), "a").unwrap()
    };
    assert_eq!(
        told("x/manifest.json"),
        "s3://liferay-backups/x/manifest.json"
    );
    assert_eq!(told("/x/m.json"), "s3://liferay-backups/x/m.json");
    assert_eq!(told("gs://other/m.json"), "gs://other/m.json");
}

#[test]
fn where_it_should_be_is_told_from_where_it_is() {
    assert_eq!(
        at(&backed_up(), ID).unwrap(),
        "s3://liferay-backups/retail/prd/20251109-143000/manifest.json"
    );
    let unsaid = host().object(request("a", json!({})));
    assert_eq!(
        at(&unsaid, "a").unwrap(),
        "s3://liferay-backups/retail/prd/20251109-143000/manifest.json"
    );
    assert_eq!(
        unsaid.warnings(),
        ["the controller has not reported where the manifest is; this is its expected place"]
    );
    let nowhere = host().object(lc2("b", json!({})));
    let error = manifest(&nowhere, "backuprequest.backup.lc2.io/b", None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    let error = manifest(&nowhere, "liferaybackup/x", None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
}

#[test]
fn what_can_not_be_fetched_can_be_checked_all_the_same() {
    let with = |path: &str| {
        let status = json!({"documentLibrary": {"manifestPath": path}});
        let mut host = host().object(request("a", status));
        if let Some((bucket, key)) = path.trim_start_matches("s3://").split_once('/') {
            let refused = Error::new(ErrorKind::Forbidden, "S3 answered 403");
            host = host.refused(bucket, key, refused);
        }
        manifest(&host, "a", None).unwrap_err()
    };
    let by_hand = |fetch: &str| {
        format!(
            "Fetch it by other means and check it: {fetch} | kubectl broker backup manifest a --file -"
        )
    };
    let refused = with("s3://acme/x/m.json.gz");
    assert_eq!(refused.kind, ErrorKind::Forbidden);
    let fetch = "aws s3 cp 's3://acme/x/m.json.gz' - | gunzip";
    assert_eq!(refused.hint, Some(by_hand(fetch)));
    let elsewhere = with("gs://b/m.json");
    assert_eq!(elsewhere.kind, ErrorKind::Unsupported);
    assert_eq!(
        elsewhere.hint,
        Some(by_hand("gcloud storage cat 'gs://b/m.json'"))
    );
    // The text comes from the controller, and the user may copy it into a shell.
    let hostile = with("s3://acme/x' ; rm -rf '~");
    assert_eq!(hostile.hint, Some(by_hand("FETCH IT")));
}

#[test]
fn to_check_a_file_and_to_say_where_it_lies_are_two_things() {
    let given: [(&str, OptionValue); 3] = [
        ("name", ID.into()),
        ("location", true.into()),
        ("file", "{}".into()),
    ];
    let error = backed_up().act::<BackupRequest>("manifest", &given);
    assert_eq!(error.unwrap_err().kind, ErrorKind::InvalidArgument);
}
