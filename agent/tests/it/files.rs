//! Archives are read back by the tools that people restore them with.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::{Bench, artifact, tool, until};

/// Returns a bench with regular, empty and large files, modes, links, and unusual names.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("work/data/plain.txt", "some text\n");
    bench.write("work/data/.hidden", "hidden");
    bench.write("work/data/sub/empty", "");
    bench.write("work/data/sub/ünïcode $(name) 'x'.txt", "ü");
    let large: Vec<u8> = (0..700_000_u32)
        .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    bench.write("work/data/large.bin", large);
    symlink("plain.txt", bench.path("work/data/link")).expect("a link");
    let script = bench.path("work/data/run.sh");
    fs::write(&script, "#!/bin/sh\n").expect("a file");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o750)).expect("its mode");
    bench
}

fn export(bench: &Bench, options: &str, to: &str) {
    bench.configure(&format!("type: file_archive\nconfig: {options}"));
    let agent = bench.start();
    bench.write(to, artifact(&agent.export()));
    until("the files are removed", || bench.is_clean());
}

/// Checks that both trees have the same names, types, modes and contents.
fn same(left: &Path, right: &Path, links: bool) {
    let list = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.retain(|name| links || !folder.join(name).is_symlink());
        names.sort();
        names
    };
    assert_eq!(list(left), list(right));
    for name in list(left) {
        let (left, right) = (left.join(&name), right.join(&name));
        if left.is_symlink() {
            assert_eq!(
                fs::read_link(&left).expect("a link"),
                fs::read_link(&right).expect("a link")
            );
        } else if left.is_dir() {
            same(&left, &right, links);
        } else {
            assert_eq!(
                fs::read(&left).expect("a file"),
                fs::read(&right).expect("a file")
            );
            let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode();
            assert_eq!(mode(&left), mode(&right), "{}", left.display());
        }
    }
}

#[test]
fn a_tar_of_each_compression_is_what_it_was_made_of() {
    let bench = bench();
    for (word, program) in [
        ("store", None),
        ("gz", Some("gzip")),
        ("bz2", Some("bzip2")),
        ("xz", Some("xz")),
        ("zstd", Some("zstd")),
    ] {
        export(
            &bench,
            &format!("{{paths: [data], compression: {word}}}"),
            "download",
        );
        let plain = match program {
            Some(program) => tool(Command::new(program).arg("-dc"), &bench.path("download")),
            None => fs::read(bench.path("download")).expect("it is there"),
        };
        bench.write("plain.tar", plain);
        let unpacked = bench.path(&format!("unpacked-{word}"));
        fs::create_dir(&unpacked).expect("a folder");
        tool(
            Command::new("tar").args(["-xpf", "-", "-C"]).arg(&unpacked),
            &bench.path("plain.tar"),
        );
        same(&bench.path("work/data"), &unpacked.join("data"), true);
    }
}

#[test]
fn a_zip_stored_or_deflated_is_what_it_was_made_of_but_for_links() {
    let bench = bench();
    for word in ["store", "deflate"] {
        export(
            &bench,
            &format!("{{paths: ['data/**'], format: zip, compression: {word}}}"),
            "download.zip",
        );
        tool(
            Command::new("unzip")
                .arg("-tq")
                .arg(bench.path("download.zip")),
            Path::new("/dev/null"),
        );
        let unpacked = bench.path(&format!("unpacked-{word}"));
        let mut unzip = Command::new("unzip");
        unzip
            .arg("-q")
            .arg(bench.path("download.zip"))
            .arg("-d")
            .arg(&unpacked);
        tool(unzip.env("LC_ALL", "C.UTF-8"), Path::new("/dev/null"));
        same(&bench.path("work/data"), &unpacked.join("data"), false);
    }
}

#[test]
fn links_are_followed_where_that_is_configured() {
    let bench = bench();
    bench.write("outside/file", "from outside");
    symlink(bench.path("outside"), bench.path("work/data/folder")).expect("a link");
    export(
        &bench,
        "{paths: [data], follow_symlinks: true}",
        "download.tar",
    );
    let list = tool(
        Command::new("tar").args(["-tf", "-"]),
        &bench.path("download.tar"),
    );
    let list = String::from_utf8(list).expect("names");
    assert!(list.contains("data/folder/file\n"), "{list}");
    let content = tool(
        Command::new("tar").args(["-xOf", "-", "data/link"]),
        &bench.path("download.tar"),
    );
    assert_eq!(content, b"some text\n");
}

#[test]
fn no_match_is_a_failure() {
    let bench = bench();
    bench.configure("type: filesystem\nconfig: {paths: ['*.sql', '/nowhere/*']}");
    let reply = bench.start().export();
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.error(),
        "File archive strategy did not match any files"
    );
}

#[test]
fn an_archive_of_the_folder_that_it_lies_in_does_not_contain_itself() {
    let bench = bench();
    let root = bench.path("").display().to_string();
    export(
        &bench,
        &format!("{{paths: ['**'], base_dir: '{root}'}}"),
        "download.tar",
    );
    let list = tool(
        Command::new("tar").args(["-tf", "-"]),
        &bench.path("download.tar"),
    );
    let list = String::from_utf8(list).expect("names");
    assert!(
        list.contains("work/data/plain.txt\n") && list.contains("temp/\n"),
        "{list}"
    );
    assert!(!list.contains("temp/dump"), "{list}");
}

#[test]
fn tar_takes_all_that_a_file_system_can_have_without_a_word() {
    let bench = bench();
    let root = bench.path("work/data");
    let before = |seconds| SystemTime::UNIX_EPOCH - Duration::from_secs(seconds);
    let after = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let old = [
        ("plain.txt", before(302_486_400)),
        ("run.sh", before(1) + Duration::from_millis(500)),
        (".hidden", SystemTime::UNIX_EPOCH),
        ("sub/empty", after(4_354_819_200)),
        ("large.bin", after(8_589_934_592)),
    ];
    for (name, time) in old {
        let file = fs::File::open(root.join(name)).expect("a file");
        file.set_modified(time).expect("its time");
    }
    fs::hard_link(root.join("large.bin"), root.join("sub/same.bin")).expect("a second name");
    symlink("/nowhere/folder/", root.join("slash")).expect("a link");
    symlink("x/".repeat(120), root.join("long-link")).expect("a link");
    for name in [
        &b"odd-\xff.sql"[..],
        &[b"\xff".repeat(120), b"\\end".to_vec()].concat(),
    ] {
        fs::write(root.join(OsStr::from_bytes(name)), "odd").expect("a file");
    }
    let _socket = UnixListener::bind(root.join("socket")).expect("a socket");

    export(&bench, "{paths: [data]}", "download.tar");
    fs::remove_file(root.join("socket")).expect("it is removed");
    let listed = Command::new("tar")
        .args(["-tvf", "download.tar"])
        .current_dir(bench.path(""))
        .output()
        .expect("tar is there");
    assert_eq!(String::from_utf8_lossy(&listed.stderr), "");
    assert!(listed.status.success());

    let out = bench.path("out");
    fs::create_dir(&out).expect("a folder");
    // For times before 1970, tar prints a warning when it unpacks, even for its own archives.
    let unpacked = Command::new("tar")
        .args([
            "--warning=no-timestamp",
            "-xpf",
            "download.tar",
            "-C",
            "out",
        ])
        .current_dir(bench.path(""))
        .output()
        .expect("tar is there");
    assert_eq!(String::from_utf8_lossy(&unpacked.stderr), "");
    assert!(unpacked.status.success());
    same(&root, &out.join("data"), true);
    for (name, _) in old {
        let time = |root: &Path| fs::metadata(root.join(name)).expect("a file").mtime();
        assert_eq!(time(&root), time(&out.join("data")), "{name}");
    }
    let inode = |name: &str| {
        fs::metadata(out.join("data").join(name))
            .expect("a file")
            .ino()
    };
    assert_eq!(inode("large.bin"), inode("sub/same.bin"));
}
