//! File systems without enough space for a download.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Desk, ID, Run};

/// Runs a download into a small separate file system. Returns `None` if this user may not mount one.
fn download_into(desk: &Desk, options: &str) -> Option<Run> {
    let program = desk.bed.program().in_folder(desk.folder.path());
    let small = desk.folder.path().join("small");
    std::fs::create_dir_all(&small).expect("a folder");
    let command = program.command(&format!("backup download --id {ID} --output-dir small"));
    let output = in_file_system(&command, &small, options)?;
    Some(program.ended(&output))
}

fn in_file_system(command: &Command, folder: &Path, options: &str) -> Option<Output> {
    let may = Command::new("unshare").args(["--mount", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut mounted = Command::new("unshare");
    mounted
        .args(["--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o \"$0\" tmpfs \"$1\" && shift && exec \"$@\"")
        .arg(options)
        .arg(folder)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            mounted.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        mounted.current_dir(folder);
    }
    Some(mounted.output().expect("unshare runs"))
}

#[test]
fn a_file_system_without_inodes_is_said_to_have_none() {
    let desk = Desk::with(&["download-resume=on"]);
    // The inodes are for the root and the partial download. One more is for the record of the partial
    // download, which leaves none for the digest.
    for (inodes, hint) in [
        (2, "choose another folder with `--output-dir`\n"),
        (3, "resumes after the 1500000 bytes that are kept\n"),
    ] {
        let Some(run) = download_into(&desk, &format!("nr_inodes={inodes}")) else {
            return;
        };
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(
            run.stderr.contains(
                "error: folder small has no room for another file: its file system has no inodes left"
            ),
            "{}",
            run.stderr
        );
        assert!(run.stderr.ends_with(hint), "{}", run.stderr);
    }
}

#[test]
fn a_read_only_file_system_is_said_to_be_one() {
    let desk = Desk::with(&[]);
    let Some(run) = download_into(&desk, "ro") else {
        return;
    };
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("mounted read-only"), "{}", run.stderr);
}
