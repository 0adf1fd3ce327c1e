//! All that is said of bytes that did not become a file.

use insta::assert_snapshot;
use testbed::messages;

use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

fn io(kind: io::ErrorKind, kept: u64) -> TransferError {
    TransferError::Io {
        doing: "write",
        path: "a.zip".into(),
        source: kind.into(),
        kept,
    }
}

fn checksum(origin: Origin) -> TransferError {
    let digest = host_base::Sha256::digest;
    TransferError::WrongChecksum {
        actual: digest(b"a"),
        expected: digest(b""),
        origin,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "all errors stand in one table")]
fn what_is_said_of_bytes_that_did_not_become_a_file() {
    let errors = [
        TransferError::BadFileName {
            given: text("a/b"),
            better: Some(text("a-b")),
        },
        TransferError::BadFileName {
            given: text("/"),
            better: None,
        },
        TransferError::SameName {
            name: "a.tar".to_owned(),
        },
        TransferError::TooManyFiles { most: 1000 },
        TransferError::Exists {
            path: "a.zip".into(),
        },
        TransferError::NotAFile { path: "a".into() },
        TransferError::NotPlain {
            path: "a".into(),
            what: "a named pipe",
        },
        TransferError::NotPlain {
            path: "a".into(),
            what: "a link of another user",
        },
        TransferError::NotPlain {
            path: "a".into(),
            what: "a socket",
        },
        TransferError::Busy {
            path: "a.zip".into(),
        },
        TransferError::UnsafePart {
            path: "a.zip.part".into(),
            reason: "it belongs to another user",
        },
        io(io::ErrorKind::PermissionDenied, 0),
        io(io::ErrorKind::PermissionDenied, 7),
        io(io::ErrorKind::ReadOnlyFilesystem, 0),
        io(io::ErrorKind::InvalidFilename, 0),
        io(io::ErrorKind::FileTooLarge, 0),
        io(io::ErrorKind::NotADirectory, 0),
        io(io::ErrorKind::Unsupported, 0),
        io(io::ErrorKind::NotFound, 0),
        io(io::ErrorKind::BrokenPipe, 0),
        io(io::ErrorKind::BrokenPipe, 7),
        TransferError::NoSpace {
            folder: "backups".into(),
            needed: Some(9),
            free: Some(5),
            kept: 0,
        },
        TransferError::NoSpace {
            folder: "backups".into(),
            needed: None,
            free: Some(0),
            kept: 7,
        },
        TransferError::NoSpace {
            folder: "backups".into(),
            needed: None,
            free: Some(5),
            kept: 7,
        },
        TransferError::NoInodes {
            folder: "backups".into(),
            kept: 0,
        },
        TransferError::QuotaUsedUp {
            folder: "backups".into(),
            kept: 0,
        },
        TransferError::Status {
            status: http::StatusCode::UNAUTHORIZED,
        },
        TransferError::Status {
            status: http::StatusCode::FORBIDDEN,
        },
        TransferError::Status {
            status: http::StatusCode::NOT_FOUND,
        },
        TransferError::Status {
            status: http::StatusCode::CONFLICT,
        },
        TransferError::Status {
            status: http::StatusCode::GATEWAY_TIMEOUT,
        },
        TransferError::Status {
            status: http::StatusCode::INTERNAL_SERVER_ERROR,
        },
        TransferError::WebPage {
            content_type: text("text/html"),
        },
        TransferError::Encoded {
            encoding: text("br"),
        },
        TransferError::Empty,
        TransferError::Contradiction {
            first: (Origin::Header("Content-Length"), text("1")),
            second: (Origin::Engine, text("2")),
        },
        TransferError::BadChecksum {
            origin: Origin::List,
            value: text("aa"),
        },
        TransferError::WrongRange {
            asked: 5,
            got: text("bytes 0-9/10"),
        },
        TransferError::Source(
            Report::new(ReportKind::Unavailable, "connection reset").with_hint("Try another pod"),
        ),
        TransferError::Interrupted {
            report: Report::new(ReportKind::Unavailable, "connection reset"),
            received: 5,
            total: None,
            kept: 0,
        },
        TransferError::Interrupted {
            report: Report::new(ReportKind::Unavailable, "connection reset")
                .with_hint("Try another pod"),
            received: 5,
            total: Some(9),
            kept: 0,
        },
        TransferError::Interrupted {
            report: Report::new(ReportKind::Unavailable, "connection reset"),
            received: 5,
            total: Some(9),
            kept: 5,
        },
        TransferError::EndsThere {
            received: 5,
            announced: None,
            report: Report::new(ReportKind::Unavailable, "connection reset"),
            kept: 0,
        },
        TransferError::EndsThere {
            received: 5,
            announced: Some((Origin::Header("Content-Length"), 9)),
            report: Report::new(ReportKind::Unavailable, "connection reset")
                .with_hint("Try another pod"),
            kept: 5,
        },
        TransferError::KeepsChanging { received: 5 },
        TransferError::Unproven {
            received: 5,
            kept: None,
        },
        TransferError::Unproven {
            received: 5,
            kept: Some("a.zip.unproven".into()),
        },
        TransferError::CutShort {
            received: 5,
            kept: Some("a.zip.unproven".into()),
            reason: text("the archive has no end"),
        },
        TransferError::CutShort {
            received: 5,
            kept: None,
            reason: text("the archive has no end"),
        },
        TransferError::WrongLength {
            received: 5,
            expected: 9,
            origin: Origin::Header("Content-Length"),
        },
        checksum(Origin::Header("Repr-Digest")),
        checksum(Origin::List),
        TransferError::Damaged {
            path: "a.zip".into(),
            reason: text("the archive has no end"),
        },
        TransferError::Output(io::ErrorKind::BrokenPipe.into()),
        TransferError::CannotRestart { written: 5 },
        TransferError::Stopped,
    ];
    for error in &errors {
        let hint = error.advice().unwrap_or_default();
        let advises = hint.contains("`--output-file");
        assert_eq!(error.wants_other_name(), advises, "{hint}");
    }
    let table = messages!(
        TransferError {
            BadFileName,
            SameName,
            TooManyFiles,
            Exists,
            NotAFile,
            NotPlain,
            Busy,
            UnsafePart,
            Io,
            NoSpace,
            NoInodes,
            QuotaUsedUp,
            Status,
            WebPage,
            Encoded,
            Empty,
            Contradiction,
            BadChecksum,
            WrongRange,
            Source,
            Interrupted,
            EndsThere,
            KeepsChanging,
            Unproven,
            CutShort,
            WrongLength,
            WrongChecksum,
            Damaged,
            Output,
            CannotRestart,
            Stopped,
        },
        errors
    );
    assert_snapshot!(table, @"
    BadFileName, exit 2
      `a/b` can't be the name of a backup file
      hint: choose another name, for example `a-b`
    BadFileName, exit 2
      `/` can't be the name of a backup file
      hint: choose a name of letters, digits, dots and dashes
    SameName, exit 1
      two files have the name a.tar
      hint: report this to the engine's author
    TooManyFiles, exit 14
      more than 1000 files are to be saved
      hint: as SameName
    Exists, exit 11
      a.zip exists already
      hint: give another name with `--output-file`, or replace the file with `--force`: the old file stays until the new one is complete and verified
    NotAFile, exit 2
      a is a folder, not a file
      hint: name a file in this folder, or another file
    NotPlain, exit 2
      a is a named pipe, not a plain file, and is never replaced
      hint: write to stdout with `--output-file -`, and redirect it, as in `--output-file - > a`
    NotPlain, exit 2
      a is a link of another user, not a plain file, and is never replaced
      hint: name the target of the link, or another file, with `--output-file`
    NotPlain, exit 2
      a is a socket, not a plain file, and is never replaced
      hint: name another file with `--output-file`
    Busy, exit 11
      another process is downloading to a.zip
      hint: wait until the other download has ended, or give another name with `--output-file`
    UnsafePart, exit 1
      the partial download a.zip.part can't be used: it belongs to another user
      hint: check who created it, remove it with `rm a.zip.part`, and run the same command again
    Io, exit 1
      can't write a.zip: {source}
      hint: check the permissions (`ls -l`), or choose another folder for downloads with `--output-dir`
    Io, exit 1
      can't write a.zip: {source}
      hint: check the permissions (`ls -l`), or choose another folder for downloads with `--output-dir`; the same command resumes after the 7 bytes that are kept
    Io, exit 1
      can't write a.zip: {source}
      hint: this file system is mounted read-only: choose a folder on another file system with `--output-dir`
    Io, exit 1
      can't write a.zip: {source}
      hint: this name is too long for the file system: give a shorter one with `--output-file`
    Io, exit 1
      can't write a.zip: {source}
      hint: this file is too large for the file system, or for the limit of this shell (`ulimit -f`): choose a folder on another file system with `--output-dir`
    Io, exit 1
      can't write a.zip: {source}
      hint: a part of this path is a file: choose another folder with `--output-dir`
    Io, exit 1
      can't write a.zip: {source}
      hint: this file system lacks a feature that safe downloads need: choose a folder on another file system with `--output-dir`
    Io, exit 10
      can't write a.zip: {source}
      hint: check the path
    Io, exit 1
      can't write a.zip: {source}
    Io, exit 1
      can't write a.zip: {source}
      hint: the same command resumes after the 7 bytes that are kept
    NoSpace, exit 1
      folder backups has no room: 9 bytes are needed, 5 are free
      hint: make room (`df -h backups`), or choose another folder with `--output-dir`
    NoSpace, exit 1
      folder backups has no room left
      hint: make room (`df -h backups`), or choose another folder with `--output-dir`; the same command resumes after the 7 bytes that are kept
    NoSpace, exit 1
      folder backups has no room left: 5 bytes are free
      hint: the same
    NoInodes, exit 1
      folder backups has no room for another file: its file system has no inodes left
      hint: remove unused files (`df -i backups`), or choose another folder with `--output-dir`
    QuotaUsedUp, exit 1
      your quota is used up in folder backups
      hint: remove files of yours, or ask for more (`quota -s`; `df -h backups`), or choose another folder with `--output-dir`
    Status, exit 12
      the backend answered 401 Unauthorized instead of the bytes of the backup
      hint: check the user name and the password
    Status, exit 12
      the backend answered 403 Forbidden instead of the bytes of the backup
      hint: ask for the permission to download backups
    Status, exit 10
      the backend answered 404 Not Found instead of the bytes of the backup
      hint: check the id with `kubectl broker backup list`
    Status, exit 11
      the backend answered 409 Conflict instead of the bytes of the backup
    Status, exit 124
      the backend answered 504 Gateway Timeout instead of the bytes of the backup
    Status, exit 1
      the backend answered 500 Internal Server Error instead of the bytes of the backup
    WebPage, exit 13
      the backend answered with a web page (text/html) instead of the backup
      hint: a login page or a proxy may have answered: check the port and the credentials with `kubectl broker backup test`
    Encoded, exit 13
      the backend encoded the backup as `br`, although it was asked not to
      hint: something between this machine and the backend compresses: reach the pod directly with `--pod`
    Empty, exit 13
      the backend answered with an empty body
      hint: check whether the backup is complete with `kubectl broker backup list`
    Contradiction, exit 13
      the backend contradicts itself: the header Content-Length says 1, and the backend's description says 2
      hint: nothing was kept; check the log of the backend
    BadChecksum, exit 13
      the list of backups has `aa`, which is not a SHA-256 digest
      hint: as Contradiction
    WrongRange, exit 13
      the request was for the bytes from 5 on, but the backend answered with `bytes 0-9/10`
      hint: the partial download was discarded: run the same command again
    Source, exit 1
      connection reset
      hint: Try another pod
    Interrupted, exit 1
      the download was interrupted after 5 bytes: connection reset
      hint: run the same command again
    Interrupted, exit 1
      the download was interrupted after 5 of 9 bytes: connection reset
      hint: as Source
    Interrupted, exit 1
      the download was interrupted after 5 of 9 bytes: connection reset
      hint: run the same command again: it resumes after the 5 bytes that are kept
    EndsThere, exit 1
      the backend ended the backup after 5 bytes each time: connection reset
      hint: another attempt ends at the same byte until the backend is repaired: check the log of the backend
    EndsThere, exit 13
      the backend ended the backup after 5 bytes each time, but the header Content-Length says 9: connection reset
      hint: another attempt ends at the same byte until the backend is repaired: Try another pod; the 5 received bytes are kept
    KeepsChanging, exit 1
      the backup has another ETag in each answer, so no download can resume; the last was interrupted after 5 bytes
      hint: wait until nothing writes to the backup, or reach one pod directly with `--pod`: several pods behind one port may give different ETags
    Unproven, exit 3
      nothing proves that the backup is complete: the backend gave neither length nor checksum; 5 bytes arrived before the connection closed
      hint: download it to a file to check it; `--accept-unproven` accepts it as complete
    Unproven, exit 3
      nothing proves that the backup is complete: the backend gave neither length nor checksum; 5 bytes arrived before the connection closed; they are kept in a.zip.unproven
      hint: check that file, and rename it if it is complete; `--accept-unproven` gives such a file its final name
    CutShort, exit 3
      the backup is not complete: the archive has no end; 5 bytes arrived before the connection closed; they are kept in a.zip.unproven
      hint: run the same command again, and check the log of the backend if it happens twice; `--accept-unproven` gives even such a file its final name
    CutShort, exit 3
      the backup is not complete: the archive has no end; 5 bytes arrived before the connection closed
      hint: run the same command again, and check the log of the backend if it happens twice; `--accept-unproven` accepts even such a backup as complete
    WrongLength, exit 13
      5 bytes arrived, but the header Content-Length says 9
      hint: nothing was kept: run the same command again, and check the log of the backend if it happens twice
    WrongChecksum, exit 13
      the bytes have the SHA-256 digest ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb, but the header Repr-Digest says e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      hint: as WrongLength
    WrongChecksum, exit 13
      the bytes have the SHA-256 digest ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb, but the list of backups says e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      hint: nothing was kept: the backup may be damaged in its store; `kubectl broker backup list` shows others
    Damaged, exit 13
      a.zip is damaged: the archive has no end
      hint: download it again with `--force`; `kubectl broker backup list` shows the backups
    Output, exit 1
      can't write to the output: broken pipe
      hint: the output is not a complete backup: discard it; a download to a file can resume
    CannotRestart, exit 1
      the download was interrupted after 5 bytes, which are written already, and the backend can't resume
      hint: as Output
    Stopped, exit 1
      the download was stopped by a bug of kubectl-broker
    ");
}
