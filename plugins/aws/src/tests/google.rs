//! Backups of documents in Google Cloud Storage. No action of AWS has an answer in these tests.

use super::*;

const GS_ID: &str = "gs://acme-backups/retail/prd/20251109-143000";
const GS_SOURCE: &str = "gs://acme-documents";
const GS_BACKUPS: &str = "gs://acme-backups";
const GS_TARGET: &str = "gs://acme-new";

fn documents(number: usize) -> Host {
    (0..number).fold(host(), |host, at| {
        host.stored(GS_SOURCE, &format!("{at:04}.pdf"), format!("{at}"))
    })
}

fn given(more: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
    let mut all = vec![
        ("source-bucket", GS_SOURCE.into()),
        ("destination-bucket", GS_BACKUPS.into()),
        ("project", "retail".into()),
        ("environment", "prd".into()),
        ("at", TIME.into()),
    ];
    all.extend(more.iter().cloned());
    options(&all)
}

fn documents_alone() -> Vec<OptionSetting> {
    given(&[("documents-only", true.into())])
}

fn complete(number: usize) -> Host {
    let host = documents(number);
    assert!(prepare(&host, &documents_alone()).is_ok());
    assert_eq!(create(&host, &documents_alone()).unwrap().id, GS_ID);
    let backup = until_ended(&host, GS_ID).unwrap();
    assert_eq!(backup.state, State::Succeeded);
    finish(&host, GS_ID).unwrap();
    host
}

fn restore(host: &Host, given: &[(&str, OptionValue)]) -> Result<Restoration> {
    let mut all = vec![("restore-name", "back".into())];
    all.extend(given.iter().cloned());
    let options = options(&all);
    host.run(|| {
        Aws::restore(RestoreRequest {
            source: RestoreSource::Id(GS_ID.to_owned()),
            dry_run: false,
            options,
        })
    })
}

#[test]
fn a_backup_lives_in_google_cloud_storage_alone() {
    let host = complete(1_200);
    assert_eq!(host.keys_of(BACKUPS), Vec::<String>::new());
    let manifest = host.bytes_of(GS_BACKUPS, &format!("{FOLDER}/manifest.json"));
    let manifest: Value = serde_json::from_slice(&manifest.unwrap()).unwrap();
    let library = &manifest["document_library"];
    assert_eq!(library["source_bucket"], GS_SOURCE);
    assert_eq!(library["destination_bucket"], GS_BACKUPS);
    assert_eq!(library["object_count"], 1_200);
    // The service keeps no SHA-256.
    assert_eq!(library["files"][0]["checksum_type"], "none");
    assert_eq!(manifest["database"], Value::Null);

    let list = |bucket: &str| {
        let options = options(&[("destination-bucket", bucket.into())]);
        let page = host.run(|| {
            Aws::list(ListRequest {
                options,
                cursor: None,
                limit: None,
            })
        });
        page.unwrap().backups
    };
    let listed = list(GS_BACKUPS);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, GS_ID);
    let place = format!("{GS_ID}/manifest.json");
    assert_eq!(detail(&listed[0].fields, "manifest"), Some(place.as_str()));
    assert_eq!(detail(&listed[0].fields, "source"), Some(GS_SOURCE));
    // The bucket of the same name in S3 is another one.
    assert_eq!(list("acme-backups").len(), 0);
}

#[test]
fn a_backup_is_verified_pinned_expired_and_deleted() {
    let host = complete(20);
    let verify = |deep: bool| {
        host.run(|| {
            Aws::verify(VerifyRequest {
                id: GS_ID.to_owned(),
                options: options(&[("deep", deep.into())]),
            })
        })
        .unwrap()
    };
    assert!(verify(false).iter().all(|it| it.outcome == Outcome::Passed));
    // There are no digests to compare.
    let digests = verify(true);
    let digests = digests.iter().find(|it| it.name == "digests").unwrap();
    assert_ne!(digests.outcome, Outcome::Passed);
    let act = |verb: &str, settings: &[(&str, OptionValue)]| host.act::<Aws>(verb, settings);
    act("pin", &[("backup", GS_ID.into())]).unwrap();
    let delete = |id: &str| {
        host.run(|| {
            Aws::delete(DeleteRequest {
                id: id.to_owned(),
                force: false,
                options: Vec::new(),
            })
        })
    };
    assert_eq!(delete(GS_ID).unwrap_err().kind, ErrorKind::Conflict);
    act("unpin", &[("backup", GS_ID.into())]).unwrap();
    let Report::Text(manifest) = act("manifest", &[("name", GS_ID.into())]).unwrap() else {
        panic!("a text");
    };
    assert!(manifest.contains("acme-documents"));
    let expire = [
        ("destination-bucket", GS_BACKUPS.into()),
        ("retention", "1m".into()),
    ];
    let late = host.clone().at(NOW + 3_600_000);
    let Report::Items(items) = late.act::<Aws>("expire", &expire).unwrap() else {
        panic!("items");
    };
    assert_eq!((items.len(), items[0].name.as_str()), (1, GS_ID));
    assert_eq!(delete(GS_ID), Ok(vec![]));
    assert_eq!(host.keys_of(GS_BACKUPS), Vec::<String>::new());
}

#[test]
fn documents_are_restored_within_google_cloud_storage() {
    let host = complete(1_200);
    restore(&host, &[("target-bucket", GS_TARGET.into())]).unwrap();
    let id = format!("{GS_ID}#restore-back");
    assert_eq!(until_ended(&host, &id).unwrap().state, State::Succeeded);
    assert_eq!(host.keys_of(GS_TARGET), host.keys_of(GS_SOURCE));
}

#[test]
fn an_interrupted_backup_goes_on() {
    for steps in [3, 10, 300, 1_199, 1_210] {
        let host = documents(1_200);
        create(&host, &documents_alone()).unwrap();
        let host = host.stopped_after(Some(steps));
        assert!(until_ended(&host, GS_ID).is_err(), "{steps}");
        let host = host.stopped_after(None);
        assert_eq!(until_ended(&host, GS_ID).unwrap().state, State::Succeeded);
        assert_eq!(host.copied().len(), 1_200, "{steps}");
    }
}

#[test]
fn clouds_are_not_mixed_and_there_is_no_database() {
    let host = complete(1);
    let in_s3 = ("destination-bucket", OptionValue::from(BACKUPS));
    let sources = [
        ("source-bucket", OptionValue::from(GS_SOURCE)),
        ("source-bucket", SOURCE.into()),
    ];
    for (source, destination) in [
        (&sources[0], in_s3),
        (&sources[1], ("destination-bucket", GS_BACKUPS.into())),
    ] {
        let given = [source.clone(), destination, ("documents-only", true.into())];
        let error = create(&host, &options(&given)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        assert!(error.message.contains("another cloud"), "{}", error.message);
    }
    for wrong in ["az://acme", "gs://", "gs://acme/folder"] {
        let given = [
            ("source-bucket", wrong.into()),
            ("destination-bucket", GS_BACKUPS.into()),
            ("documents-only", true.into()),
        ];
        let error = create(&host, &options(&given)).unwrap_err();
        assert!(
            error.message.contains("is not a bucket"),
            "{}",
            error.message
        );
    }
    for database in ["db-instance", "db-cluster"] {
        let given = given(&[(database, "retail".into())]);
        let error = prepare(&host, &given).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
        let hint = error.hint.unwrap();
        assert!(hint.contains("--documents-only"), "{hint}");
    }
    let error = prepare(&host, &given(&[])).unwrap_err();
    assert!(error.hint.unwrap().contains("Cloud SQL"));
    let error = restore(&host, &[("target-bucket", TARGET.into())]).unwrap_err();
    assert!(error.message.contains("another cloud"), "{}", error.message);
    let error = restore(&host, &[("db-instance", "new".into())]).unwrap_err();
    assert!(error.hint.unwrap().contains("Cloud SQL"));
    assert_eq!(host.called(), []);
}
