use super::*;
use crate::mock::Called;
use crate::storage::Upload;
use crate::{aws as services, storage};

const MANIFEST: &str = r#"
    id = "acme/vault"
    version = "1.0.0"
    summary = "x"
    [operations.detect]
    [storage.vaults]
    kind = "s3"
    allow = ["get list in vaults", "put copy delete in vaults/archive/"]
    [aws.rds]
    version = "2014-10-31"
    allow = ["DescribeDBSnapshots"]
"#;

fn at(key: &str) -> Location {
    Location::of("vaults", key)
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind
}

#[test]
fn objects_are_read_written_copied_and_deleted() {
    let host = Host::new(MANIFEST)
        .stored("vaults", "a", "one")
        .stored("vaults", "archive/old", "");
    host.run(|| {
        let read = storage::get("vaults", &at("a")).unwrap();
        assert_eq!(read.read(10).unwrap(), b"one");
        let found = storage::head("vaults", &at("a")).unwrap();
        let changed = Duplicate {
            etag: Some("other".to_owned()),
            ..Duplicate::of("vaults", &found, at("archive/b"))
        };
        let copies = [
            Duplicate::of("vaults", &found, at("archive/a")),
            changed,
            Duplicate::of("vaults", &found, at("elsewhere")),
        ];
        let mut results = storage::copy("vaults", &copies).unwrap().into_iter();
        assert_eq!(results.next().unwrap().unwrap().key, "archive/a");
        assert_eq!(kind(results.next().unwrap()), ErrorKind::Conflict);
        assert_eq!(kind(results.next().unwrap()), ErrorKind::Denied);

        let put = |body: &[u8], condition| {
            storage::put("vaults", &at("archive/c"), body, None, &condition)
        };
        let first = put(b"1", Condition::Absent).unwrap();
        assert_eq!(kind(put(b"2", Condition::Absent)), ErrorKind::Conflict);
        put(b"2", Condition::Unchanged(first.etag.unwrap())).unwrap();
        let upload = |key| {
            let upload = Upload::begin("vaults", &at(key), None, &Condition::Absent)?;
            upload.write(b"p")?;
            upload.write(b"q")?;
            Ok(upload)
        };
        let _dropped: Upload = upload("archive/dropped").unwrap();
        upload("archive/d").unwrap().finish().unwrap();
        let again = upload("archive/d").unwrap().finish();
        assert_eq!(kind(again), ErrorKind::Conflict);
        assert_eq!(kind(upload("elsewhere")), ErrorKind::Denied);
        let keys = ["archive/old".to_owned(), "archive/none".to_owned()];
        let deleted = storage::delete("vaults", "vaults", &keys).unwrap();
        assert!(deleted.iter().all(Result::is_ok));
    });
    assert_eq!(host.bytes_of("vaults", "archive/a").unwrap(), b"one");
    assert_eq!(host.bytes_of("vaults", "archive/c").unwrap(), b"2");
    assert_eq!(host.bytes_of("vaults", "archive/d").unwrap(), b"pq");
    assert_eq!(host.bytes_of("vaults", "archive/dropped"), None);
    assert_eq!(host.bytes_of("vaults", "archive/old"), None);
    assert_eq!(host.bytes_of("vaults", "elsewhere"), None);
}

#[test]
fn lists_have_pages_and_folders() {
    let host = Host::new(MANIFEST);
    let host = ["a", "b/1", "b/2", "c"]
        .iter()
        .fold(host, |host, key| host.stored("vaults", key, ""));
    host.run(|| {
        let mut keys = Vec::new();
        let all = Selection {
            limit: Some(3),
            ..Selection::of("vaults", "")
        };
        storage::list_all("vaults", &all, |page| {
            keys.extend(page.objects.into_iter().map(|object| object.key));
            Ok(())
        })
        .unwrap();
        assert_eq!(keys, ["a", "b/1", "b/2", "c"]);
        let page = storage::list("vaults", &Selection::of("vaults", "").with_folders());
        let page = page.unwrap();
        assert_eq!(
            (page.objects.len(), page.folders),
            (2, vec!["b/".to_owned()])
        );
    });
}

#[test]
fn what_the_manifest_does_not_allow_is_denied_and_a_test_can_refuse() {
    let refused = Error::new(ErrorKind::Forbidden, "no");
    let host = Host::new(MANIFEST)
        .stored("other", "a", "")
        .refused("vaults", "a", refused.clone())
        .refused("vaults", "", refused);
    host.run(|| {
        let get = |store, bucket| kind(storage::get(store, &Location::of(bucket, "a")));
        assert_eq!(get("vaults", "other"), ErrorKind::Denied);
        assert_eq!(get("others", "vaults"), ErrorKind::Denied);
        assert_eq!(get("vaults", "vaults"), ErrorKind::Forbidden);
        let list = |bucket| kind(storage::list("vaults", &Selection::of(bucket, "")));
        assert_eq!(list("vaults"), ErrorKind::Forbidden);
        assert_eq!(list("other"), ErrorKind::Denied);
        let many = vec!["archive/x".to_owned(); 1001];
        let deleted = storage::delete("vaults", "vaults", &many);
        assert_eq!(kind(deleted), ErrorKind::InvalidArgument);
        let denied = services::action("rds", "DeleteDBSnapshot").call();
        assert_eq!(kind(denied), ErrorKind::Denied);
    });
    assert_eq!(host.called(), []);
}

#[test]
fn an_action_has_parameters_and_answers_with_xml() {
    let host = Host::new(MANIFEST).action("rds:DescribeDBSnapshots", Ok("<Snapshots/>".to_owned()));
    host.run(|| {
        let action = services::action("rds", "DescribeDBSnapshots");
        let said = action
            .parameter("MaxRecords", "20")
            .region("eu-west-1")
            .call();
        assert_eq!(said.unwrap(), "<Snapshots/>");
    });
    let called = Called {
        action: "rds:DescribeDBSnapshots".to_owned(),
        parameters: vec![("MaxRecords".to_owned(), "20".to_owned())],
        region: Some("eu-west-1".to_owned()),
    };
    assert_eq!(host.called(), [called]);
}

#[test]
fn copies_and_written_objects_have_a_digest_and_lists_have_none() {
    let host = Host::new(MANIFEST)
        .stored("vaults", "a", "one")
        .modified("vaults", "a", "2025-11-08T10:15:00Z")
        .stored("vaults", "b", "two")
        .without_digest("vaults", "b");
    host.run(|| {
        let listed = storage::list("vaults", &Selection::of("vaults", "")).unwrap();
        let [a, b] = &listed.objects[..] else {
            panic!("two objects");
        };
        assert_eq!(a.modified.as_deref(), Some("2025-11-08T10:15:00Z"));
        assert_eq!(storage::head("vaults", &at("a")).unwrap().sha256, None);
        let copies = [(a, "archive/a"), (b, "archive/b")];
        let copies = copies.map(|(it, key)| Duplicate::of("vaults", it, at(key)));
        let results = storage::copy("vaults", &copies).unwrap();
        let digests = results.into_iter().map(|it| it.unwrap().sha256);
        // printf one | sha256sum
        let of_one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
        assert_eq!(digests.collect::<Vec<_>>(), [Some(of_one.to_owned()), None]);
        let there = storage::head("vaults", &at("archive/a")).unwrap();
        assert_eq!(there.sha256.as_deref(), Some(of_one));
        let page = storage::list("vaults", &Selection::of("vaults", "archive/")).unwrap();
        assert!(page.objects.iter().all(|it| it.sha256.is_none()));
    });
    assert_eq!(host.copied(), ["vaults/archive/a", "vaults/archive/b"]);
    let keys = ["a", "archive/a", "archive/b", "b"];
    assert_eq!(host.keys_of("vaults"), keys);
    let host = host.removed("vaults", "a");
    assert_eq!(host.keys_of("vaults"), keys[1..]);
}

#[test]
fn objects_change_and_vanish_before_they_are_copied() {
    let host = Host::new(MANIFEST)
        .stored("vaults", "a", "one")
        .before_copy("vaults", "a", Some(b"two"))
        .before_copy("vaults", "a", None);
    host.run(|| {
        let copy = || {
            let found = storage::head("vaults", &at("a"))?;
            let copy = Duplicate::of("vaults", &found, at("archive/a"));
            storage::copy("vaults", &[copy])?.remove(0)
        };
        assert_eq!(kind(copy()), ErrorKind::Conflict);
        assert_eq!(kind(copy()), ErrorKind::NotFound);
        assert_eq!(kind(copy()), ErrorKind::NotFound);
    });
    assert_eq!(host.copied(), [""; 0]);
}

#[test]
fn a_busy_store_refuses_some_copies() {
    let host = Host::new(MANIFEST).stored("vaults", "a", "").busy_every(2);
    host.run(|| {
        let found = storage::head("vaults", &at("a")).unwrap();
        let copies = ["archive/a", "archive/b", "archive/c"];
        let copies = copies.map(|key| Duplicate::of("vaults", &found, at(key)));
        let results = storage::copy("vaults", &copies).unwrap();
        let done: Vec<_> = results.iter().map(Result::is_ok).collect();
        assert_eq!(done, [true, false, true]);
        assert!(results[1].as_ref().is_err_and(|error| error.retryable));
    });
    assert_eq!(host.copied().len(), 2);
}

#[test]
fn cursors_are_forgotten_and_commands_stopped() {
    let host = Host::new(MANIFEST)
        .stored("vaults", "archive/a", "")
        .stored("vaults", "archive/b", "")
        .action("rds:DescribeDBSnapshots", Ok(String::new()));
    let first = Selection {
        limit: Some(1),
        ..Selection::of("vaults", "")
    };
    host.run(|| {
        let list = |cursor| {
            let selection = Selection {
                cursor,
                ..first.clone()
            };
            storage::list("vaults", &selection)
        };
        let cursor = list(None).unwrap().next;
        assert_eq!(list(cursor.clone()).unwrap().objects[0].key, "archive/b");
        let _host = host.clone().forgetting_cursors();
        assert_eq!(kind(list(cursor)), ErrorKind::InvalidArgument);
        let cursor = list(None).unwrap().next;
        assert_eq!(list(cursor).unwrap().objects[0].key, "archive/b");

        let _host = host.clone().stopped_after(Some(1));
        let keys = ["archive/a".to_owned(), "archive/b".to_owned()];
        let deleted = storage::delete("vaults", "vaults", &keys).unwrap();
        assert!(deleted[0].is_ok());
        assert_eq!(kind(deleted[1].clone()), ErrorKind::Cancelled);
        let action = || services::action("rds", "DescribeDBSnapshots").call();
        assert_eq!(kind(action()), ErrorKind::Cancelled);
        let _host = host.clone().stopped_after(None);
        assert_eq!(action(), Ok(String::new()));
    });
    assert_eq!(host.keys_of("vaults"), ["archive/b"]);
}

#[test]
fn writes_and_keys_have_the_limits_of_the_host() {
    let host = Host::new(MANIFEST);
    host.run(|| {
        let put = |key: &str, length| {
            let body = vec![0; length];
            storage::put("vaults", &at(key), &body, None, &Condition::None)
        };
        assert_eq!(
            kind(put("archive/a", MAX_PUT + 1)),
            ErrorKind::InvalidArgument
        );
        put("archive/a", 5).unwrap();
        let longest = format!("archive/{}", "k".repeat(MAX_KEY - 8));
        put(&longest, 0).unwrap();
        for key in [
            "archive/../a",
            "archive/./a",
            "archive/\t",
            &format!("{longest}k"),
        ] {
            assert_eq!(kind(put(key, 0)), ErrorKind::InvalidArgument, "{key}");
        }
        let upload = Upload::begin("vaults", &at("archive/b"), None, &Condition::None).unwrap();
        upload.write(&vec![0; MAX_PUT + 1]).unwrap();
        upload.finish().unwrap();
    });
    assert_eq!(host.longest_write(), MAX_PUT + 1);
}

#[test]
fn a_bucket_of_google_is_another_one_and_has_no_digests() {
    let manifest = MANIFEST.replace(
        "[aws.rds]",
        "[storage.google]\nkind = \"gcs\"\nallow = [\"get list put copy delete in any\"]\n[aws.rds]",
    );
    let host = Host::new(&manifest)
        .stored("vaults", "a", "of s3")
        .stored("gs://vaults", "a", "of google")
        .before_copy("gs://vaults", "a", Some(b"new"));
    host.run(|| {
        let read = |store| storage::get(store, &at("a")).unwrap().read(20).unwrap();
        assert_eq!(
            (read("vaults"), read("google")),
            (b"of s3".to_vec(), b"of google".to_vec())
        );
        let copy = || {
            let found = storage::head("google", &at("a")).unwrap();
            let copy = Duplicate::of("vaults", &found, at("b"));
            storage::copy("google", &[copy]).unwrap().remove(0)
        };
        let error = copy().unwrap_err();
        assert_eq!(error.message, "gs://vaults/a has changed");
        assert_eq!(copy().unwrap().sha256, None);
        let written = storage::put("google", &at("c"), b"1", None, &Condition::Absent);
        assert_eq!(written.unwrap().sha256, None);
    });
    assert_eq!(host.copied(), ["gs://vaults/b"]);
    assert_eq!(host.keys_of("gs://vaults"), ["a", "b", "c"]);
    assert_eq!(host.keys_of("vaults"), ["a"]);
}
