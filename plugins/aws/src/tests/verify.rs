use super::*;

fn complete() -> Host {
    let host = with_snapshot(with_documents(1_200), 0);
    create(&host, &whole(&[])).unwrap();
    until_ended(&host, ID).unwrap();
    host
}

fn copy_of(key: &str) -> String {
    format!("{FOLDER}/dl/{key}")
}

/// Returns what is said about each document.
fn said(checks: &[Check]) -> Vec<String> {
    let documents = checks.iter().filter(|it| it.name.starts_with("document "));
    documents
        .map(|it| format!("{} {}", it.name, it.message.as_deref().unwrap_or_default()))
        .collect()
}

#[test]
fn changed_missing_and_additional_copies_are_found() {
    let host = complete();
    let checks = check(&host, &[]).unwrap();
    let snapshot = "snapshot retail-prd-20251109-143000";
    let names = ["manifest", "documents", snapshot];
    assert_eq!(outcomes(&checks), names.map(|name| (name, Outcome::Passed)));
    let host = host
        .stored(BACKUPS, &copy_of("20097/00/0.pdf"), "document 1")
        .stored(BACKUPS, &copy_of("20097/01/1.pdf"), "longer than before")
        .stored(BACKUPS, &copy_of("20097/02/another"), "")
        .removed(BACKUPS, &copy_of("20097/03/3.pdf"))
        .removed(BACKUPS, &copy_of("20097/36/998.pdf"))
        .stored(BACKUPS, &copy_of("z"), "")
        .stored(BACKUPS, &copy_of("!"), "");
    let checks = check(&host, &[]).unwrap();
    let expected = [
        "document ! is not in the manifest",
        "document 20097/00/0.pdf has been changed",
        "document 20097/01/1.pdf has 18 bytes, not 10",
        "document 20097/02/another is not in the manifest",
        "document 20097/03/3.pdf is missing",
        "document 20097/36/998.pdf is missing",
        "document z is not in the manifest",
    ];
    assert_eq!(said(&checks), expected);
    assert_eq!(outcomes(&checks)[1], ("documents", Outcome::Failed));
}

#[test]
fn digests_are_compared_on_demand() {
    let host = complete();
    let key = "20097/00/0.pdf";
    let bytes = host.bytes_of(BACKUPS, &copy_of(key)).unwrap();
    let checks = check(&host, &[("deep", true.into())]).unwrap();
    assert!(outcomes(&checks).contains(&("digests", Outcome::Passed)));
    // The same bytes, and the digest of the store is gone.
    let host = host.stored(BACKUPS, &copy_of(key), bytes);
    let checks = check(&host, &[("deep", true.into())]).unwrap();
    assert_eq!(
        said(&checks),
        [format!("document {key} has another digest")]
    );
    assert!(said(&check(&host, &[]).unwrap()).is_empty());
}

#[test]
fn a_changed_manifest_is_found() {
    let name = format!("{FOLDER}/manifest.json");
    let host = with_documents(3);
    backed_up(&host, &documents_only(&[]));
    let text = String::from_utf8(host.bytes_of(BACKUPS, &name).unwrap()).unwrap();
    let changes = [
        text.replace("\"project\": \"retail\"", "\"project\": \"other\""),
        text.replace("20097/01/1.pdf", "20097/01/2.pdf"),
        text.replace(
            "\"checksum\": \"sha256:",
            "\"more\": 1,\n  \"checksum\": \"sha256:",
        ),
        text.replace("sha256:", "sha256:0"),
        text.replace("    \"files\"", "    \"more\": 1,\n    \"files\""),
    ];
    for changed in changes {
        assert_ne!(changed, text);
        let host = host.clone().stored(BACKUPS, &name, &changed);
        let checks = check(&host, &[]).unwrap();
        assert_eq!(
            outcomes(&checks)[0],
            ("manifest", Outcome::Failed),
            "{changed}"
        );
    }
    // Other white space does not change the checksum.
    let spaced = text.replace("\"project\": ", "\"project\":   ");
    let host = host.clone().stored(BACKUPS, &name, spaced);
    assert_eq!(outcomes(&check(&host, &[]).unwrap())[0].1, Outcome::Passed);
    for broken in [
        "",
        "{}",
        "[1]",
        "{\"version\": \"2.0\"}",
        &text[..text.len() / 2],
        &text[..40],
    ] {
        let host = host.clone().stored(BACKUPS, &name, broken);
        let is_told = match check(&host, &[]) {
            Ok(checks) => checks[0].outcome == Outcome::Failed,
            Err(error) => error.kind == ErrorKind::Integrity,
        };
        assert!(is_told, "{broken}");
    }
}

#[test]
fn a_snapshot_that_is_gone_or_failed_is_found() {
    let gone = refused(
        "DescribeDBSnapshots",
        404,
        "DBSnapshotNotFound",
        ErrorKind::NotFound,
    );
    for (answer, expected) in [
        (Err(gone), "does not exist"),
        (Ok(snapshot("failed", "")), "is failed"),
    ] {
        let host = with_documents(1)
            .action("rds:CreateDBSnapshot", Ok("<x/>".to_owned()))
            .action("rds:DescribeDBSnapshots", Ok(snapshot("available", "")))
            .action("rds:DescribeDBSnapshots", Ok(snapshot("available", "")))
            .action("rds:DescribeDBSnapshots", Ok(snapshot("available", "")))
            .action("rds:DescribeDBSnapshots", answer);
        create(&host, &whole(&[])).unwrap();
        until_ended(&host, ID).unwrap();
        let checks = check(&host, &[]).unwrap();
        let last = checks.last().unwrap();
        assert_eq!(
            (last.outcome, last.message.as_deref()),
            (Outcome::Failed, Some(expected))
        );
    }
}

#[test]
fn a_backup_that_is_not_complete_fails_its_check() {
    let host = with_documents(3);
    create(&host, &documents_only(&[])).unwrap();
    let checks = check(&host, &[]).unwrap();
    assert_eq!(outcomes(&checks), [("manifest", Outcome::Failed)]);
}
