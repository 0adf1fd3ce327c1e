use super::*;

#[tokio::test]
async fn a_full_disk_keeps_what_came() {
    let folder = folder();
    let backend = Backend::new(noise(300_000, 20)).script([Turn::Cut(150_000)]);
    let observer = Observer::default();
    // The disk is full when the rest arrives.
    let to = destination(folder.path(), false);
    *lock(&backend.script) = [Turn::Cut(150_000), Turn::Status(404)].into();
    save(backend.download(&observer), &to)
        .await
        .expect_err("gone");
    fail_once(folder.path(), Step::BytesWritten, ErrorKind::StorageFull);
    let error = save_to(folder.path(), &backend).await.expect_err("full");
    assert!(
        matches!(error, TransferError::NoSpace { kept: 150_000, .. }),
        "{error:?}"
    );
    assert!(
        error
            .advice()
            .expect("a hint")
            .contains("150000 bytes that are kept")
    );
    let saved = save_to(folder.path(), &backend).await.expect("saved");
    assert_eq!(saved.resumed, 150_000);
    assert_whole(folder.path(), &backend);
}

#[tokio::test]
async fn bytes_behind_the_record_are_not_believed() {
    let folder = folder();
    let backend = Backend::new(noise(200_000, 21)).script([Turn::Cut(100_000), Turn::Status(404)]);
    save_to(folder.path(), &backend).await.expect_err("gone");
    let part = folder.path().join(".backup.zip.part");
    let mut bytes = fs::read(&part).expect("the part");
    bytes.extend([0; 5000]);
    fs::write(&part, bytes).expect("written");
    assert_eq!(
        save_to(folder.path(), &backend)
            .await
            .expect("saved")
            .resumed,
        100_000
    );
    assert_whole(folder.path(), &backend);
}

#[tokio::test]
async fn a_record_that_is_not_true_is_not_believed() {
    let record = |source: &str, total: u64, durable: u64| {
        format!(
            r#"{{"version":1,"source":"{source}","etag":"\"v1\"","last_modified":null,"total":{total},"durable":{durable}}}"#
        )
    };
    for (text, resumed) in [
        (record("test/backup-1", 200_000, 1000), 1000),
        (record("test/backup-2", 200_000, 1000), 0),
        (record("test/backup-1", 200_001, 1000), 0),
        (record("test/backup-1", 200_000, 1001), 0),
        (record("test/backup-1", 200_000, 200_001), 0),
        (
            record("test/backup-1", 200_000, 1000).replace(":1,", ":2,"),
            0,
        ),
        (String::new(), 0),
        ("{".to_owned(), 0),
    ] {
        let folder = folder();
        let backend = Backend::new(noise(200_000, 22));
        let bytes = lock(&backend.content)[..1000].to_vec();
        fs::write(folder.path().join(".backup.zip.part"), bytes).expect("written");
        fs::write(folder.path().join(".backup.zip.part.json"), &text).expect("written");
        let saved = save_to(folder.path(), &backend).await.expect("saved");
        assert_eq!(saved.resumed, resumed, "{text}");
        assert_whole(folder.path(), &backend);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_part_that_is_not_ours_is_left_alone() {
    let folder = folder();
    let other = folder.path().join("other");
    fs::write(&other, "precious").expect("written");
    let part = folder.path().join(".backup.zip.part");
    std::os::unix::fs::symlink(&other, &part).expect("linked");
    let backend = Backend::new(noise(1000, 23));
    let error = save_to(folder.path(), &backend).await.expect_err("a link");
    assert!(matches!(error, TransferError::UnsafePart { .. }), "{error}");
    fs::remove_file(&part).expect("removed");

    fs::hard_link(&other, &part).expect("linked");
    save_to(folder.path(), &backend).await.expect("saved");
    assert_eq!(fs::read(&other).expect("there"), b"precious");
}

#[tokio::test]
async fn a_failure_at_the_end_leaves_the_old_file_or_the_new_one() {
    for step in Step::ALL {
        for replace in [false, true] {
            let folder = folder();
            let old = Backend::new(noise(1000, 24));
            if replace {
                save_to(folder.path(), &old).await.expect("saved");
            }
            fail_once(folder.path(), step, ErrorKind::Other);
            let new = Backend::new(noise(200_000, 25));
            let observer = Observer::default();
            let to = destination(folder.path(), replace);
            let first = save(new.download(&observer), &to).await;
            check_after(folder.path(), step, first.is_err(), &old, &new, replace).await;
        }
    }
}

#[test]
fn killed_at_any_step_the_old_file_or_the_new_one_is_whole() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    for step in Step::ALL {
        for replace in [false, true] {
            let folder = folder();
            let old = Backend::new(noise(1000, 24));
            if replace {
                runtime
                    .block_on(save_to(folder.path(), &old))
                    .expect("saved");
            }
            let status = Command::new(std::env::current_exe().expect("this test"))
                .args([
                    "--exact",
                    "save::tests::crashes::the_process_that_is_killed",
                ])
                .env(VARIABLE, step.name())
                .env("KILLED_IN", folder.path())
                .output()
                .expect("started")
                .status;
            let new = Backend::new(noise(200_000, 25));
            let killed = !status.success();
            runtime.block_on(check_after(
                folder.path(),
                step,
                killed,
                &old,
                &new,
                replace,
            ));
        }
    }
}

#[tokio::test]
async fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os("KILLED_IN") else {
        return;
    };
    let folder = Path::new(&folder);
    let replace = folder.join("backup.zip").exists();
    let backend = Backend::new(noise(200_000, 25));
    let observer = Observer::default();
    let _ = save(backend.download(&observer), &destination(folder, replace)).await;
}

/// Checks what must be true after a failure at any step, and that the next run repairs it.
async fn check_after(
    folder: &Path,
    step: Step,
    failed: bool,
    old: &Backend,
    new: &Backend,
    replace: bool,
) {
    let never = step == Step::OldDigestRemoved && !replace;
    assert_eq!(failed, !never, "{step:?} with replace {replace}");
    let path = folder.join("backup.zip");
    let mut is_new = false;
    if let Ok(found) = fs::read(&path) {
        is_new = found == *lock(&new.content);
        assert!(
            is_new || (replace && found == *lock(&old.content)),
            "{step:?}"
        );
        let verified = verify(&path, &Wanted::default(), &Observer::default()).expect("readable");
        assert!(verified.holds(), "{step:?}: {:?}", verified.checks);
        assert!(
            replace || verified.is_compared(),
            "{step:?}: never without its digest"
        );
    } else {
        assert!(!replace, "{step:?}: the old file is gone");
    }
    fail_no_more(folder);
    let observer = Observer::default();
    let saved = save(new.download(&observer), &destination(folder, true))
        .await
        .expect("saved");
    let lost = matches!(
        step,
        Step::PartOpened | Step::BytesWritten | Step::CheckpointSynced
    );
    assert!(is_new || lost || saved.resumed > 0, "{step:?}: {saved:?}");
    assert_whole(folder, new);
}
