//! Tests where a file may be written, and which errors a file system reports.

use std::io;

use super::*;
use crate::space::Room;

async fn replacing(folder: &Path, backend: &Backend) -> Result<Saved, TransferError> {
    let observer = Observer::default();
    save(backend.download(&observer), &destination(folder, true)).await
}

#[cfg(unix)]
fn make_pipe(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status();
    assert!(status.expect("mkfifo").success());
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_never_replaced_whatever_its_name() {
    for name in [
        "backup.zip",
        "backup.zip.sha256",
        "backup.zip.unproven",
        ".backup.zip.part",
        ".backup.zip.part.json",
        ".backup.zip.part.json.new",
        ".backup.zip.sha256.new",
    ] {
        let folder = folder();
        let pipe = folder.path().join(name);
        make_pipe(&pipe);
        let backend = Backend::new(noise(5000, 40));
        let error = replacing(folder.path(), &backend).await.expect_err(name);
        assert!(
            matches!(
                error,
                TransferError::NotPlain { .. } | TransferError::UnsafePart { .. }
            ),
            "{name}: {error}"
        );
        assert!(is_pipe(&pipe), "{name}");
        assert!(!folder.path().join("backup.zip").is_file(), "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_that_comes_while_the_bytes_come_stays() {
    for name in ["backup.zip", "backup.zip.sha256"] {
        let folder = folder();
        let backend = Backend::new(noise(100_000, 41)).script([Turn::Hang(70_000)]);
        let observer = Observer {
            reached: Some((70_000, tokio::sync::Notify::new())),
            ..Observer::default()
        };
        let (_, reached) = observer.reached.as_ref().expect("given above");
        let to = destination(folder.path(), true);
        tokio::select! {
            _ = save(backend.download(&observer), &to) => panic!("the stream hangs"),
            () = reached.notified() => {}
        }
        // The rest arrives in one piece, after the first check.
        fail_once(folder.path(), Step::Verified, ErrorKind::Other);
        replacing(folder.path(), &backend)
            .await
            .expect_err("stopped");
        let pipe = folder.path().join(name);
        make_pipe(&pipe);
        let error = replacing(folder.path(), &backend)
            .await
            .expect_err("a pipe");
        assert!(matches!(error, TransferError::NotPlain { .. }), "{error}");
        assert!(is_pipe(&pipe));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_stays_and_the_file_behind_it_is_written() {
    let folder = folder();
    let real = folder.path().join("real");
    fs::create_dir(&real).expect("made");
    fs::write(real.join("first.zip"), "old").expect("written");
    let link = folder.path().join("backup.zip");
    std::os::unix::fs::symlink("real/first.zip", &link).expect("linked");
    let backend = Backend::new(noise(5000, 42));
    let error = save_to(folder.path(), &backend).await.expect_err("exists");
    assert!(matches!(error, TransferError::Exists { .. }), "{error}");
    let saved = replacing(folder.path(), &backend).await.expect("saved");
    assert_eq!(saved.path, real.join("first.zip"));
    assert!(link.is_symlink());
    assert!(fs::read(&link).expect("there") == *lock(&backend.content));
    assert_eq!(
        names(&real),
        ["first.zip", "first.zip.sha256"].map(Into::into).into()
    );
    let verified = verify(&link, &Wanted::default(), &Observer::default()).expect("readable");
    assert!(verified.is_compared());
}

#[test]
fn errors_of_the_file_system_say_what_is_lacking() {
    let path = Path::new("backups/.a.part");
    let of = |kind: io::Error, bytes, inodes| {
        let room = Room { bytes, inodes };
        TransferError::of_io("write", path, kind, Path::new("backups"), room).keeping(5)
    };
    let full = || io::Error::from(ErrorKind::StorageFull);
    for (error, message, hint) in [
        (
            of(full(), Some(0), Some(7)),
            "folder backups has no room left",
            "make room (`df -h backups`), or choose another folder with `--output-dir`; the same command \
             resumes after the 5 bytes that are kept",
        ),
        (
            of(full(), Some(9000), Some(0)),
            "folder backups has no room for another file: its file system has no inodes left",
            "remove unused files (`df -i backups`), or choose another folder with \
             `--output-dir`; the same command resumes after the 5 bytes that are kept",
        ),
        (
            of(ErrorKind::QuotaExceeded.into(), Some(9000), Some(9)),
            "your quota is used up in folder backups",
            "remove files of yours, or ask for more (`quota -s`; `df -h backups`), or choose another \
             folder with `--output-dir`; the same command resumes after the 5 bytes that are kept",
        ),
    ] {
        assert_eq!(error.to_string(), message);
        assert_eq!(error.advice().as_deref(), Some(hint));
        assert_eq!(error.failure(), Failure::Failed);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn other_errors_of_the_file_system_say_what_to_do() {
    use rustix::io::Errno;

    for (number, hint) in [
        (Errno::ROFS, "mounted read-only"),
        (Errno::NAMETOOLONG, "shorter one"),
        (Errno::FBIG, "too large"),
        (Errno::MFILE, "ulimit -n"),
        (Errno::NFILE, "ulimit -n"),
        (Errno::ACCESS, "check the permissions"),
        (Errno::NOTDIR, "another folder"),
    ] {
        let source = io::Error::from(number);
        let error = TransferError::io("write", Path::new("a"), source).keeping(7);
        let hint_given = error.advice().expect("a hint");
        assert!(hint_given.contains(hint), "{hint_given}");
        assert!(hint_given.contains("7 bytes that are kept"), "{hint_given}");
    }
}

#[tokio::test]
async fn what_could_not_be_written_down_is_not_said_to_be_kept() {
    let folder = folder();
    let backend = Backend::new(noise(300_000, 43));
    fail_once(
        folder.path(),
        Step::CheckpointSynced,
        ErrorKind::StorageFull,
    );
    let error = save_to(folder.path(), &backend).await.expect_err("full");
    let kept = match error {
        TransferError::NoSpace { kept, .. } | TransferError::NoInodes { kept, .. } => kept,
        other => panic!("{other}"),
    };
    let observer = Observer::default();
    let to = destination(folder.path(), false);
    let saved = save(backend.download(&observer), &to).await.expect("saved");
    assert_eq!(saved.resumed, kept);
}
