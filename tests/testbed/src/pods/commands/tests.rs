use super::*;

const FOLDER: &str = "/opt/hivemq/backup";

fn volume() -> Volume {
    let mut volume = Volume::new(FOLDER);
    volume.put_folder("/opt/hivemq/backup/one");
    volume.put_file("/opt/hivemq/backup/one/one.backup", 50_335_969);
    volume
}

/// Returns the exit code, standard output and standard error of a command line.
fn sh(volume: &mut Volume, line: &str) -> (u8, String, String) {
    let process = Process {
        argv: words(line),
        environment: vec![("NAME".to_owned(), "value".to_owned())],
    };
    match run(&process, volume) {
        Outcome::Exited {
            code,
            stdout,
            stderr,
        } => (code, stdout, stderr),
        Outcome::NotFound => panic!("{line}: no such program"),
    }
}

fn says(volume: &mut Volume, line: &str) -> String {
    let (code, stdout, stderr) = sh(volume, line);
    assert_eq!((code, stderr.as_str()), (0, ""), "{line}");
    stdout
}

fn fails(volume: &mut Volume, line: &str) -> String {
    let (code, stdout, stderr) = sh(volume, line);
    assert!(code == 1 && stdout.is_empty(), "{line}: {code} {stdout}");
    stderr
}

#[test]
fn paths_are_tested_and_listed() {
    let volume = &mut volume();
    assert_eq!(sh(volume, "test -d /opt/hivemq/backup/one").0, 0);
    assert_eq!(sh(volume, "test -d /opt/hivemq/backup/two").0, 1);
    assert_eq!(sh(volume, "[ -f backup//one/./one.backup ]").0, 0);
    assert_eq!(sh(volume, "test -w /etc").0, 1);
    assert_eq!(says(volume, "ls /opt/hivemq/backup"), "one\n");
    let (code, _, stderr) = sh(volume, "ls -1 /nowhere");
    let words = "ls: cannot access '/nowhere': No such file or directory\n";
    assert_eq!((code, stderr.as_str()), (2, words));
}

#[test]
fn a_folder_is_made_and_probed_where_that_is_allowed() {
    let volume = &mut volume();
    assert_eq!(says(volume, "mkdir -p /mnt/a/b"), "");
    assert_eq!(says(volume, "mkdir -p /mnt/a/b"), "");
    assert_eq!(says(volume, "touch /mnt/a/b/.probe"), "");
    assert_eq!(says(volume, "rm /mnt/a/b/.probe"), "");
    assert_eq!(
        fails(volume, "mkdir -p /srv/x"),
        "mkdir: cannot create directory '/srv': Permission denied\n"
    );
    assert_eq!(
        fails(volume, "touch /readonly/x"),
        "touch: cannot touch '/readonly/x': Read-only file system\n"
    );
    assert_eq!(
        fails(volume, "rm /mnt/a/b"),
        "rm: cannot remove '/mnt/a/b': Is a directory\n"
    );
    assert_eq!(
        fails(volume, "mkdir"),
        "mkdir: missing operand\nTry 'mkdir --help' for more information.\n"
    );
}

#[test]
fn sizes_are_told_as_du_tells_them() {
    let volume = &mut volume();
    let path = "/opt/hivemq/backup/one";
    assert_eq!(
        says(volume, &format!("du -sh {path}")),
        format!("49M\t{path}\n")
    );
    assert_eq!(
        says(volume, &format!("du -sb {path}")),
        format!("50340065\t{path}\n")
    );
    assert_eq!(human(512), "512");
    assert_eq!(human(1536), "1.5K");
    assert_eq!(human(10 << 30), "10G");
    assert_eq!(
        fails(volume, "du -sh /nowhere"),
        "du: cannot access '/nowhere': No such file or directory\n"
    );
}

#[test]
fn free_space_is_told_as_df_tells_it() {
    let volume = &mut volume();
    volume.set_free(Some(1024 * 1024));
    let table = says(volume, "df -Pk /opt/hivemq/backup/one");
    let mut lines = table.lines();
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        [
            "Filesystem",
            "1024-blocks",
            "Used",
            "Available",
            "Capacity",
            "Mounted",
            "on"
        ]
    );
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["/dev/sdb", "20971520", "20970496", "1024", "100%", FOLDER]
    );
    assert_eq!(
        fails(volume, "df -P /nowhere"),
        "df: /nowhere: No such file or directory\n"
    );
}

#[test]
fn a_backup_is_moved_whole_or_stays() {
    let volume = &mut volume();
    assert_eq!(
        fails(volume, "mv /opt/hivemq/backup/two /mnt"),
        "mv: cannot stat '/opt/hivemq/backup/two': No such file or directory\n"
    );
    assert_eq!(
        fails(volume, "mv /opt/hivemq/backup/one /etc/one"),
        "mv: cannot move '/opt/hivemq/backup/one' to '/etc/one': Permission denied\n"
    );
    volume.set_free(Some(1000));
    assert_eq!(
        fails(volume, "mv /opt/hivemq/backup/one /mnt/one"),
        "mv: error writing '/mnt/one/one.backup': No space left on device\n"
    );
    assert_eq!(sh(volume, "test -f /opt/hivemq/backup/one/one.backup").0, 0);
    volume.remove("/mnt/one");
    // A move on the same disk copies nothing.
    assert_eq!(says(volume, "mv backup/one /opt/hivemq/backup/two"), "");
    volume.set_free(None);
    assert_eq!(says(volume, "mv /opt/hivemq/backup/two /mnt"), "");
    assert_eq!(says(volume, "ls /mnt/two"), "one.backup\n");
    assert_eq!(says(volume, "ls /opt/hivemq/backup"), "");
}

#[test]
fn df_tells_of_each_path_and_mv_can_be_told_to_replace_nothing() {
    let volume = &mut volume();
    let table = says(volume, "df -Pk /opt/hivemq/backup /mnt");
    let disks: Vec<_> = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(disks, ["/dev/sdb", "overlay"]);
    assert_eq!(
        says(volume, "du -sk /opt/hivemq/backup/one"),
        "49164\t/opt/hivemq/backup/one\n"
    );
    volume.put_folder("/mnt/one");
    assert_eq!(says(volume, "mv -n /opt/hivemq/backup/one /mnt/"), "");
    assert_eq!(sh(volume, "test -e /opt/hivemq/backup/one/one.backup").0, 0);
    volume.remove("/mnt/one");
    assert_eq!(says(volume, "mv -n /opt/hivemq/backup/one /mnt/"), "");
    assert_eq!(sh(volume, "test -e /opt/hivemq/backup/one").0, 1);
    assert_eq!(sh(volume, "test -e /mnt/one/one.backup").0, 0);
}

#[test]
fn the_environment_is_printed_and_a_shell_knows_what_it_does_not_know() {
    let volume = &mut volume();
    assert_eq!(says(volume, "printenv NAME"), "value\n");
    assert_eq!(fails(volume, "printenv OTHER"), "");
    assert_eq!(says(volume, "sh -c \"printenv 'NAME'\""), "value\n");
    let (code, _, stderr) = sh(volume, "sh -c 'nope -x'");
    assert_eq!((code, stderr.as_str()), (127, "sh: 1: nope: not found\n"));
    let argv = vec!["nope".to_owned()];
    let process = Process {
        argv,
        ..Process::default()
    };
    assert_eq!(run(&process, volume), Outcome::NotFound);
}
