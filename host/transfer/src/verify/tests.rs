use std::fs;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use host_base::{Failure, Problem as _};
use tempfile::TempDir;

use super::*;
use crate::Event;
use crate::testing::{Observer, lock, noise};

const CONTENT: &[u8] = b"a backup";
const DIGEST: &str = "a968d5c50a922d27bb0b3bd6ae2a844277ecaf681d1ca081fd5306603cdb5111";
const OTHER: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Runs an action as soon as the first bytes were read.
struct Meanwhile<F>(F);

impl<F: Fn() + Send + Sync> Progress for Meanwhile<F> {
    fn bytes(&self, _: u64, _: Option<u64>) {
        self.0();
    }
    fn event(&self, _: &Event<'_>) {}
}

/// Creates a folder with `backup.sql`, and returns both paths.
fn backup(content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("backup.sql");
    fs::write(&path, content).expect("room");
    (folder, path)
}

fn digest_of(text: &str) -> Sha256 {
    text.parse().expect("a digest")
}

#[track_caller]
fn found(path: &Path, wanted: &Wanted) -> Verification {
    verify(path, wanted, &Observer::default()).expect("a readable file")
}

fn check<'a>(verification: &'a Verification, name: &str) -> (Outcome, &'a str) {
    let check = verification.checks.iter().find(|check| check.name == name);
    let check = check.expect("the check");
    (check.outcome, &check.message)
}

/// Verifies a file beside a `backup.sql.sha256` with this text.
fn beside(text: &str, given: Option<&str>) -> (Outcome, String) {
    let (folder, path) = backup(CONTENT);
    fs::write(folder.path().join("backup.sql.sha256"), text).expect("room");
    let wanted = Wanted {
        sha256: given.map(digest_of),
        ..Wanted::default()
    };
    let verification = found(&path, &wanted);
    let (outcome, message) = check(&verification, "sha256");
    (outcome, message.to_owned())
}

#[test]
fn a_file_of_which_nothing_is_known_is_not_judged() {
    let (_folder, path) = backup(CONTENT);
    let verification = found(&path, &Wanted::default());
    assert_eq!(verification.path, path);
    assert_eq!(verification.length, 8);
    assert_eq!(verification.sha256, digest_of(DIGEST));
    let checks: Vec<_> = verification
        .checks
        .iter()
        .map(|check| (check.name, check.outcome, check.message.clone()))
        .collect();
    let missing = format!("{DIGEST}; there is no backup.sql.sha256 to compare with");
    assert_eq!(
        checks,
        [
            (
                "length",
                Outcome::Skipped,
                "8 bytes; no length is known".into()
            ),
            ("sha256", Outcome::Skipped, missing),
            (
                "structure",
                Outcome::Skipped,
                "it is not an archive of a known kind".into()
            ),
        ]
    );
    assert!(verification.holds());
    assert!(!verification.is_compared());
    assert!(verification.require().is_ok());
}

#[test]
fn the_length_is_compared() {
    let (_folder, path) = backup(CONTENT);
    let wanted = |length| Wanted {
        length: Some(length),
        sha256: None,
    };
    let right = found(&path, &wanted(8));
    assert_eq!(check(&right, "length"), (Outcome::Passed, "8 bytes"));
    assert!(right.is_compared());
    let wrong = found(&path, &wanted(9));
    assert_eq!(
        check(&wrong, "length"),
        (Outcome::Failed, "it has 8 bytes and should have 9")
    );
    assert!(!wrong.holds());
    assert!(!wrong.is_compared());
}

#[test]
fn the_digest_of_the_record_is_compared() {
    let (_folder, path) = backup(CONTENT);
    let wanted = |digest| Wanted {
        length: None,
        sha256: Some(digest_of(digest)),
    };
    let right = found(&path, &wanted(DIGEST));
    let message = format!("{DIGEST}, as recorded when it was downloaded");
    assert_eq!(check(&right, "sha256"), (Outcome::Passed, &*message));
    assert!(right.is_compared());
    let wrong = found(&path, &wanted(OTHER));
    let message = format!(
        "the SHA-256 is {DIGEST} and should be {OTHER}, as recorded when it was downloaded"
    );
    assert_eq!(check(&wrong, "sha256"), (Outcome::Failed, &*message));
}

#[test]
fn the_file_of_digests_beside_it_is_compared() {
    let right = format!("{DIGEST}, as in backup.sql.sha256");
    for text in [
        format!("{DIGEST}  backup.sql\n"),
        format!("{DIGEST} *backup.sql\r\n"),
        format!("{OTHER}  other.sql\n{DIGEST}  backup.sql\n"),
        DIGEST.to_uppercase(),
    ] {
        assert_eq!(beside(&text, None), (Outcome::Passed, right.clone()));
    }
    let wrong = format!("the SHA-256 is {DIGEST} and should be {OTHER}, as backup.sql.sha256 says");
    let text = format!("{OTHER}  backup.sql\n");
    assert_eq!(beside(&text, None), (Outcome::Failed, wrong));
}

#[test]
fn a_file_of_digests_without_one_of_this_file_proves_nothing() {
    for (text, why) in [
        (format!("{}  backup.sql\n", &DIGEST[1..]), "has no SHA-256"),
        (String::new(), "has no SHA-256"),
        ("<html>not found</html>".to_owned(), "has no SHA-256"),
        ("\0\u{feff}".to_owned(), "has no SHA-256"),
        (
            format!("{OTHER}  a\n{}  b\n", "0".repeat(64)),
            "has digests of 2 files, and none of this one",
        ),
    ] {
        let message = format!("{DIGEST}; backup.sql.sha256 {why}");
        assert_eq!(beside(&text, None), (Outcome::Skipped, message));
        // The record of the download counts instead.
        let message = format!("{DIGEST}, as recorded when it was downloaded");
        assert_eq!(beside(&text, Some(DIGEST)), (Outcome::Passed, message));
    }
}

#[test]
fn a_file_and_its_digest_may_be_renamed_together() {
    let (folder, path) = backup(CONTENT);
    let sums = folder.path().join("backup.sql.sha256");
    fs::write(&sums, format!("{DIGEST}  old.sql\n")).expect("room");
    let verification = found(&path, &Wanted::default());
    assert_eq!(verification.proven(), Proven::Checksum);
    assert_eq!(
        verification.note.as_deref(),
        Some("backup.sql.sha256 names the file `old.sql`; its digest was compared nevertheless")
    );
    fs::write(&sums, format!("{OTHER}  old.sql\n")).expect("room");
    let message = format!(
        "the SHA-256 is {DIGEST} and should be {OTHER}, as backup.sql.sha256 says of `old.sql`"
    );
    let verification = found(&path, &Wanted::default());
    assert_eq!(check(&verification, "sha256"), (Outcome::Failed, &*message));
}

#[test]
fn a_digest_beside_the_file_counts_for_more_than_the_record() {
    let right = format!("{DIGEST}  backup.sql\n");
    let wrong = format!("{OTHER}  backup.sql\n");
    let message = format!("{DIGEST}, as in backup.sql.sha256");
    for recorded in [DIGEST, OTHER] {
        let found = beside(&right, Some(recorded));
        assert_eq!(found, (Outcome::Passed, message.clone()));
    }
    let message =
        format!("the SHA-256 is {DIGEST} and should be {OTHER}, as backup.sql.sha256 says");
    assert_eq!(beside(&wrong, Some(DIGEST)), (Outcome::Failed, message));
}

#[test]
fn the_strongest_check_that_passed_is_what_is_proven() {
    let (_folder, path) = backup(CONTENT);
    let proven = |wanted: &Wanted| found(&path, wanted).proven();
    assert_eq!(proven(&Wanted::default()), Proven::Nothing);
    let length = Wanted {
        length: Some(8),
        sha256: None,
    };
    assert_eq!(proven(&length), Proven::Length);
    let both = Wanted {
        sha256: Some(digest_of(DIGEST)),
        ..length
    };
    assert_eq!(proven(&both), Proven::Checksum);
    let (_folder, path) = backup(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(found(&path, &Wanted::default()).proven(), Proven::Structure);
}

#[track_caller]
fn error_of(path: &Path) -> TransferError {
    verify(path, &Wanted::default(), &Observer::default()).expect_err("not readable")
}

#[test]
fn what_is_no_file_of_digests_is_said_to_be_none() {
    let (folder, path) = backup(CONTENT);
    let sums = folder.path().join("backup.sql.sha256");
    let skipped = |why: &str| {
        let verification = found(&path, &Wanted::default());
        let message = format!("{DIGEST}; backup.sql.sha256 {why}");
        assert_eq!(
            check(&verification, "sha256"),
            (Outcome::Skipped, &*message)
        );
        let note = format!("backup.sql.sha256 {why}, and was not compared");
        assert_eq!(verification.note, Some(note));
    };
    fs::create_dir(&sums).expect("room");
    skipped("is a folder");
    fs::remove_dir(&sums).expect("removed");
    let line = format!("{DIGEST}  backup.sql\n");
    fs::write(&sums, line.repeat(14_000)).expect("room");
    skipped("is too long for a file of digests");
    let lines = usize::try_from(sum_file::LONGEST).expect("small") / line.len();
    fs::write(&sums, line.repeat(lines)).expect("room");
    assert!(found(&path, &Wanted::default()).is_compared());
    #[cfg(unix)]
    {
        fs::remove_file(&sums).expect("removed");
        make_pipe(&sums);
        skipped("is a pipe or a device");
    }
}

#[test]
fn a_missing_file_and_a_folder_are_errors_that_say_so() {
    let (folder, _) = backup(CONTENT);
    let missing = folder.path().join("missing");
    let error = error_of(&missing);
    assert_eq!(
        error.to_string(),
        format!(
            "can't read {}: No such file or directory (os error 2)",
            missing.display()
        )
    );
    assert_eq!(error.advice().as_deref(), Some("check the path"));
    let error = error_of(folder.path());
    assert_eq!(
        error.to_string(),
        format!("{} is a folder, not a file", folder.path().display())
    );
    assert_eq!(error.failure(), Failure::Usage);
    let above = folder.path().join("..");
    assert!(matches!(error_of(&above), TransferError::NotAFile { .. }));
}

/// Opening a named pipe blocks until somebody writes into it.
#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_and_not_waited_for() {
    let (folder, _) = backup(CONTENT);
    let message = |path: &Path| {
        format!(
            "can't read {}: it is a pipe or a device, not a plain file",
            path.display()
        )
    };
    let pipe = folder.path().join("pipe");
    make_pipe(&pipe);
    assert_eq!(error_of(&pipe).to_string(), message(&pipe));
    let device = Path::new("/dev/zero");
    assert_eq!(error_of(device).to_string(), message(device));
}

#[cfg(unix)]
fn make_pipe(path: &Path) {
    let status = std::process::Command::new("mkfifo").arg(path).status();
    assert!(status.expect("mkfifo").success());
}

/// The digest is searched beside the given name, and then beside the file that the name links to.
#[cfg(unix)]
#[test]
fn a_link_is_followed() {
    let (folder, path) = backup(CONTENT);
    let link = folder.path().join("latest");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let message = |verification: &Verification| check(verification, "sha256").1.to_owned();
    let none = format!("{DIGEST}; there is no latest.sha256 to compare with");
    assert_eq!(message(&found(&link, &Wanted::default())), none);
    let sums = |name: &str| folder.path().join(format!("{name}.sha256"));
    fs::write(sums("backup.sql"), format!("{DIGEST}  backup.sql\n")).expect("room");
    let there = format!("{DIGEST}, as in backup.sql.sha256");
    assert_eq!(message(&found(&link, &Wanted::default())), there);
    fs::write(sums("latest"), format!("{DIGEST}  latest\n")).expect("room");
    let here = format!("{DIGEST}, as in latest.sha256");
    assert_eq!(message(&found(&link, &Wanted::default())), here);
    fs::remove_file(&path).expect("removed");
    assert_eq!(error_of(&link).advice().as_deref(), Some("check the path"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_unicode_has_its_digest_beside_it() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let (folder, _) = backup(CONTENT);
    let path = folder.path().join(OsStr::from_bytes(b"\xff.sql"));
    fs::write(&path, CONTENT).expect("room");
    let sums = folder.path().join(OsStr::from_bytes(b"\xff.sql.sha256"));
    fs::write(sums, [DIGEST.as_bytes(), b"  \xff.sql\n"].concat()).expect("room");
    let verification = found(&path, &Wanted::default());
    assert_eq!(check(&verification, "sha256").0, Outcome::Passed);
}

#[test]
fn a_file_that_grows_is_read_to_its_old_end_and_does_not_hold() {
    // The content is longer than one read.
    let content = noise(600_000, 1);
    let (_folder, path) = backup(&content);
    let grow = || {
        let mut file = File::options().append(true).open(&path).expect("the file");
        file.write_all(&content).expect("room");
    };
    let wanted = Wanted {
        length: Some(600_000),
        sha256: None,
    };
    let verification = verify(&path, &wanted, &Meanwhile(grow)).expect("a readable file");
    assert_eq!(verification.length, 600_000);
    assert_eq!(
        check(&verification, "length"),
        (
            Outcome::Failed,
            "it changed while it was read: something still writes to it"
        )
    );
    assert!(!verification.is_compared());
}

#[test]
fn a_file_that_is_cut_or_written_over_meanwhile_does_not_hold() {
    let content = noise(600_000, 2);
    let cut = |path: &Path| {
        let file = File::options().write(true).open(path).expect("the file");
        file.set_len(300_000).expect("shorter");
    };
    let write_over = |path: &Path| {
        let mut file = File::options().write(true).open(path).expect("the file");
        file.write_all(b"x").expect("room");
        // The clock of a file system may be too coarse for a test.
        let later = SystemTime::now() + Duration::from_mins(1);
        file.set_modified(later).expect("a time");
    };
    let changes: [&(dyn Fn(&Path) + Sync); 2] = [&cut, &write_over];
    for change in changes {
        let (_folder, path) = backup(&content);
        let progress = Meanwhile(|| change(&path));
        let verification = verify(&path, &Wanted::default(), &progress).expect("a readable file");
        assert_eq!(check(&verification, "length").0, Outcome::Failed);
        assert!(!verification.holds());
    }
}

#[test]
fn progress_is_told_up_to_the_length() {
    let (_folder, path) = backup(&noise(600_000, 3));
    let observer = Observer::default();
    verify(&path, &Wanted::default(), &observer).expect("a readable file");
    let told = lock(&observer.bytes);
    assert!(told.is_sorted());
    assert_eq!(told.last(), Some(&600_000));
}

/// The archive check reads from the end, so the position must be reset.
#[test]
fn the_file_that_is_handed_on_stands_at_its_start() {
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    zip.start_file("a", zip::write::SimpleFileOptions::default())
        .expect("memory");
    zip.write_all(CONTENT).expect("memory");
    let zip = zip.finish().expect("memory").into_inner();
    for content in [CONTENT, b"", &zip] {
        let (_folder, path) = backup(content);
        let mut verification = found(&path, &Wanted::default());
        // Another file has the name by now.
        fs::rename(&path, path.with_extension("old")).expect("renamed");
        fs::write(&path, "something else").expect("room");
        let mut read = Vec::new();
        verification.file.read_to_end(&mut read).expect("readable");
        assert_eq!(read, content);
    }
}

#[test]
fn an_archive_is_checked_by_its_structure() {
    let (_folder, path) = backup(b"PK\x03\x04 and no more");
    let verification = found(&path, &Wanted::default());
    assert_eq!(
        check(&verification, "structure"),
        (
            Outcome::Failed,
            "the zip has no end: it was cut, or something was added to it"
        )
    );
    let error = verification.require().expect_err("damaged");
    assert_eq!(
        error.to_string(),
        format!(
            "{} is damaged: the zip has no end: it was cut, or something was added to it",
            path.display()
        )
    );
    assert_eq!(error.failure(), Failure::Integrity);
}

#[test]
fn what_is_required_fails_with_the_first_check_that_did() {
    let (folder, path) = backup(b"");
    let wanted = Wanted {
        length: Some(8),
        sha256: Some(digest_of(DIGEST)),
    };
    let error = found(&path, &wanted).require().expect_err("damaged");
    assert_eq!(
        error.to_string(),
        format!(
            "{} is damaged: it has 0 bytes and should have 8",
            path.display()
        )
    );
    let sums = format!("{DIGEST}  backup.sql\n");
    fs::write(folder.path().join("backup.sql.sha256"), sums).expect("room");
    let error = found(&path, &Wanted::default())
        .require()
        .expect_err("damaged");
    assert_eq!(
        error.to_string(),
        format!(
            "{} is damaged: the SHA-256 is {OTHER} and should be {DIGEST}, as backup.sql.sha256 says",
            path.display()
        )
    );
}

/// A name may be long, and messages are cut, so the digests precede the name.
#[test]
fn both_digests_are_shown_whatever_the_name() {
    let (folder, _) = backup(CONTENT);
    let name = "n".repeat(200);
    let path = folder.path().join(&name);
    fs::write(&path, CONTENT).expect("room");
    let sums = format!("{OTHER}  {name}\n");
    fs::write(folder.path().join(format!("{name}.sha256")), sums).expect("room");
    let error = found(&path, &Wanted::default())
        .require()
        .expect_err("damaged")
        .to_string();
    assert!(error.contains(DIGEST) && error.contains(OTHER), "{error}");
}

/// A name is untrusted text.
#[cfg(unix)]
#[test]
fn a_name_cannot_drive_the_terminal() {
    let (folder, _) = backup(CONTENT);
    let path = folder.path().join("\u{1b}[2J");
    fs::write(&path, CONTENT).expect("room");
    fs::write(folder.path().join("\u{1b}[2J.sha256"), OTHER).expect("room");
    let error = found(&path, &Wanted::default())
        .require()
        .expect_err("damaged")
        .to_string();
    assert!(!error.contains('\u{1b}'));
    assert!(error.ends_with("as \\u{1b}[2J.sha256 says"), "{error}");
}
