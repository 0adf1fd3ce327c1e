//! Manifest files in S3.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{DONE, FAILED, S3_CHECK, line};
use crate::FROZEN;
use crate::support::{AccessKey, Bed, Cloud, Invocation, Run, S3, Verbatim};

const BUCKET: &str = "liferay-backups";
/// The key at which the controller of the demonstration stores the manifest of [`DONE`].
const KEY: &str = "retail/prd/20250905-100000/manifest.json";

fn document() -> Value {
    json!({
        "version": "1.0", "timestamp": "2025-09-05T10:21:00Z", "projectId": "retail",
        "environment": "prd", "backupId": DONE,
        "database": {
            "snapshotId": "rds:us-east-1:retail-prd-20250905-100000", "instanceId": "retail-prd-db",
            "sizeBytes": 48_586_496_000_u64, "engine": "postgres", "engineVersion": "15.4",
        },
        "documentLibrary": {"objectCount": 12453, "totalSizeBytes": 135_291_469_824_u64},
    })
}

fn manifest(program: &Invocation, more: &str) -> Run {
    program.run(&line(&format!("manifest {DONE} {more}")))
}

/// Returns the output without the random part of a key's id.
fn shown(run: &Run, key: &AccessKey) -> String {
    assert!(!run.stdout.contains(&key.secret) && !run.stderr.contains(&key.secret));
    run.outcome().replace(&key.id, "KEY")
}

/// Returns S3 with the manifest, and a user who may read it.
fn with_manifest() -> (S3, AccessKey) {
    let s3 = S3::with_bucket(BUCKET);
    s3.put(KEY, document().to_string().as_bytes());
    let reader = s3.user("reader", &["s3:GetObject"]);
    (s3, reader)
}

#[test]
fn it_is_fetched_and_checked() {
    let bed = Bed::start();
    let folder = TempDir::new().expect("a folder");
    let (s3, reader) = with_manifest();
    let packed = format!("{KEY}.gz");
    s3.put(&packed, &gzip(document().to_string().as_bytes()));
    s3.close();
    let program = reader.known_to(s3.without_key(bed.program()));
    let run = manifest(&program.in_folder(folder.path()), "--audit calls.jsonl");
    assert_snapshot!(shown(&run, &reader), @"
    stdout:
    The manifest (spelling backupId) is that of retail-prd-backup-20250905-100000. It was read from s3://liferay-backups/retail/prd/20250905-100000/manifest.json.
    passed   backup: retail-prd-backup-20250905-100000
    passed   project: retail
    passed   environment: prd
    passed   database instance: retail-prd-db
    passed   snapshot: rds:us-east-1:retail-prd-20250905-100000
    warned   destination bucket: the manifest does not say; liferay-backups in the backup
    passed   objects: 12453
    passed   database size: 48586496000 bytes (45.2 GB)
    passed   library size: 135291469824 bytes (126.0 GB)
    warned   files: the manifest lists none
    warned   checksum: the manifest has none
    exit 0
    ");
    let calls = fs::read_to_string(folder.path().join("calls.jsonl")).expect("an audit");
    let call = match FROZEN {
        None => "storage.get",
        Some(_) => "/{bucket}/{+key}",
    };
    assert!(calls.contains(call), "{calls}");
    assert!(
        !calls.contains(&reader.secret) && !calls.contains("AWS4"),
        "{calls}"
    );

    bed.objects()
        .modify(super::REQUESTS, super::NAMESPACE, DONE, |object| {
            let path = json!(format!("s3://{BUCKET}/{packed}"));
            object["status"]["documentLibrary"]["manifestPath"] = path;
        })
        .expect("it is there");
    let program = reader.known_to(s3.without_key(bed.program()));
    let run = manifest(&program, "");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains(".json.gz.\n"), "{}", run.stdout);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, bytes).expect("a file");
    let output = Command::new("gzip").arg("-c").arg(&file).output();
    output.expect("gzip").stdout
}

#[test]
fn whoever_may_not_read_it_is_told_what_is_missing() {
    let bed = Bed::start();
    let (s3, reader) = with_manifest();
    let stranger = s3.user("stranger", &[]);
    s3.close();
    let program = || s3.without_key(bed.program());
    assert_snapshot!(manifest(&program(), "").hint(), @"
    NotAllowed:
    hint: Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; if the profile uses single sign-on, log in with `aws sso login`. Fetch it by other means and check it: aws s3 cp 's3://liferay-backups/retail/prd/20250905-100000/manifest.json' - | kubectl broker backup manifest retail-prd-backup-20250905-100000 --file -
    exit 12
    ");
    let profile = program().env("AWS_PROFILE", "backups");
    let run = manifest(&profile, "");
    assert!(
        run.stderr.contains("in profile `backups`"),
        "{}",
        run.stderr
    );
    let run = manifest(&stranger.known_to(program()), "");
    assert_snapshot!(shown(&run, &stranger), @"
    NotAllowed: 403 KEY AccessDenied s3://liferay-backups/retail/prd/20250905-100000/manifest.json «Access Denied»
    hint: 's3://liferay-backups/retail/prd/20250905-100000/manifest.json' --file AWS_PROFILE retail-prd-backup-20250905-100000 s3 s3:GetObject s3:ListBucket
    exit 12
    ");
    let wrong = AccessKey {
        id: reader.id.clone(),
        secret: "canary".to_owned(),
    };
    let run = manifest(&wrong.known_to(program()), "");
    assert_snapshot!(shown(&run, &wrong), @"
    NotAllowed: 403 KEY SignatureDoesNotMatch s3://liferay-backups/retail/prd/20250905-100000/manifest.json
    hint: 's3://liferay-backups/retail/prd/20250905-100000/manifest.json' --file AWS_PROFILE retail-prd-backup-20250905-100000 s3
    exit 12
    ");
    let missing = line(&format!("manifest {FAILED}"));
    let run = reader.known_to(program()).run(&missing);
    assert_snapshot!(shown(&run.telling(Verbatim::Message), &reader), @"
    warning: engine kubectl-broker/backuprequest: the controller has not reported where the manifest is; this is its expected place
    NotFound: S3 answered 404 for s3://liferay-backups/retail/prd/20250906-100000/manifest.json with access key KEY: NoSuchKey (The specified key does not exist.)
    hint: 's3://liferay-backups/retail/prd/20250906-100000/manifest.json' --file AWS_ENDPOINT_URL_S3 retail-prd-backup-20250906-100000 s3
    exit 10
    ");
    let closed = reader.known_to(program());
    let closed = closed.env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1");
    assert_snapshot!(shown(&manifest(&closed, ""), &reader), @"
    Failed: 111 127.0.0.1:1 «Connection refused»
    hint: 's3://liferay-backups/retail/prd/20250905-100000/manifest.json' --file AWS_ENDPOINT_URL_S3 HTTPS_PROXY NO_PROXY retail-prd-backup-20250905-100000 s3
    exit 1
    ");
    let nowhere = reader.known_to(program());
    let nowhere = nowhere.env("AWS_ENDPOINT_URL_S3", "minio.local");
    assert_snapshot!(shown(&manifest(&nowhere, ""), &reader), @"
    Usage: `minio.local`
    hint: 's3://liferay-backups/retail/prd/20250905-100000/manifest.json' --file AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_REGION eu-west-1 https://HOST:PORT retail-prd-backup-20250905-100000 s3
    exit 2
    ");
}

#[test]
fn credentials_are_found_where_other_programs_for_aws_find_them() {
    let bed = Bed::start();
    let (s3, reader) = with_manifest();
    s3.close();
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let AccessKey { id, secret } = &reader;
    let keys = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    let credentials = file("credentials", &format!("[backups]\n{keys}"));
    let answer = json!({"Version": 1, "AccessKeyId": id, "SecretAccessKey": secret});
    let helper = file("helper", &format!("#!/bin/sh\necho '{answer}'\n"));
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("a program");
    let text = format!(
        "[profile helped]\ncredential_process = {}\n[profile broken]\ncredential_process = false\n",
        helper.display()
    );
    let config = file("config", &text);
    let with = |profile: &str| {
        let program = s3.without_key(bed.program()).env("AWS_PROFILE", profile);
        let program = program.env("AWS_SHARED_CREDENTIALS_FILE", &credentials);
        manifest(&program.env("AWS_CONFIG_FILE", &config), "")
    };
    for profile in ["backups", "helped"] {
        let run = with(profile);
        assert_eq!(run.code, 0, "{profile}: {}", run.stderr);
    }
    assert_snapshot!(shown(&with("broken"), &reader), @"
    NotAllowed: 1
    hint: 's3://liferay-backups/retail/prd/20250905-100000/manifest.json' --file `aws sts get-caller-identity` retail-prd-backup-20250905-100000 s3
    exit 12
    ");
}

#[test]
fn a_check_up_says_with_which_key_s3_is_asked() {
    let bed = Bed::start();
    let storage = |program: Invocation| {
        let run = program.run(&line("test -o json"));
        let checks = run.json()["items"].clone();
        let mut checks = checks.as_array().expect("a list").clone();
        checks.retain(|check| check["check"] == S3_CHECK);
        json!(checks)
            .to_string()
            .replace(S3_CHECK, "storage:manifests")
    };
    let user = AccessKey {
        id: "AKIAEXAMPLE".to_owned(),
        secret: "canary".to_owned(),
    };
    let known = user.known_to(bed.program()).env("AWS_REGION", "eu-west-1");
    assert_snapshot!(storage(known), @r#"[{"check":"storage:manifests","engine":"backuprequest","hint":null,"message":"S3 is asked with AWS access key AKIAEXAMPLE, region eu-west-1","outcome":"passed"}]"#);
    assert_snapshot!(storage(bed.program()), @r#"[{"check":"storage:manifests","engine":"backuprequest","hint":"Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; if the profile uses single sign-on, log in with `aws sso login`","message":"no AWS credentials were found, but they are required: operations that need S3 fail","outcome":"warned"}]"#);
}

#[test]
fn where_it_lies_is_said_without_asking_for_it() {
    let bed = Bed::start();
    assert_snapshot!(manifest(&bed.program(), "--location").outcome(), @"
    stdout:
    s3://liferay-backups/retail/prd/20250905-100000/manifest.json
    exit 0
    ");
}

#[test]
fn one_that_was_fetched_by_other_means_is_checked_as_well() {
    let bed = Bed::start();
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("manifest.json");
    let check = |document: &Value, file: &Path| {
        fs::write(file, document.to_string()).expect("a file");
        let program = bed.program();
        manifest(&program, &format!("--file {}", file.display())).message()
    };
    let mut document = document();
    assert_snapshot!(check(&document, &file), @"
    stdout:
    The manifest (spelling backupId) is that of retail-prd-backup-20250905-100000. It was read from the file.
    passed   backup: retail-prd-backup-20250905-100000
    passed   project: retail
    passed   environment: prd
    passed   database instance: retail-prd-db
    passed   snapshot: rds:us-east-1:retail-prd-20250905-100000
    warned   destination bucket: the manifest does not say; liferay-backups in the backup
    passed   objects: 12453
    passed   database size: 48586496000 bytes (45.2 GB)
    passed   library size: 135291469824 bytes (126.0 GB)
    warned   files: the manifest lists none
    warned   checksum: the manifest has none
    exit 0
    ");
    document["backupId"] = json!("another");
    assert_snapshot!(check(&document, &file), @"
    Integrity: the manifest, read from the file, is not that of retail-prd-backup-20250905-100000: backup is another, but retail-prd-backup-20250905-100000 in the backup
    hint: `kubectl broker backup manifest retail-prd-backup-20250905-100000 --location`
    exit 13
    ");
}
