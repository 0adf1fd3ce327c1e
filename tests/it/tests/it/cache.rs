//! The cache of native code: it is used only if it can be trusted.

use std::fs::{self, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::support::{Component, Folders, Invocation, programs};

/// A separate cache that has compiled the small engine once.
struct Cache {
    folders: Folders,
    folder: TempDir,
}

impl Cache {
    /// Returns a copy of a cache that was filled once for all tests.
    fn filled() -> Self {
        static FILLED: LazyLock<(TempDir, Folders)> = LazyLock::new(|| {
            let cache = Cache::empty();
            assert_eq!(cache.compiled(), 1);
            (cache.folder, cache.folders)
        });
        let cache = Self::empty();
        let original = &FILLED.1;
        for (from, to) in [
            (original.native(), cache.folders.native()),
            (folder_of(&original.key()), folder_of(&cache.folders.key())),
        ] {
            copy(&from, &to);
        }
        assert_eq!(cache.compiled(), 0);
        cache
    }

    fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            folders: Folders::shared(folder.path()),
            folder,
        }
    }

    /// Lists backups, and returns the number of engines that were compiled for it.
    fn compiled(&self) -> usize {
        self.list().0
    }

    /// Lists backups, and returns the number of compiled engines and the warnings.
    fn list(&self) -> (usize, String) {
        let run = self.program().run("backup list --engine small -o json -v");
        assert_eq!(run.ids(), ["one"]);
        let count = run
            .stderr
            .lines()
            .find(|line| line.contains("compiled by this process"));
        let count = count.expect("a line about compilations").split_whitespace();
        let count = count.into_iter().find_map(|word| word.parse().ok());
        let outcome = run.message();
        let warnings: Vec<_> = outcome
            .lines()
            .filter(|line| line.starts_with("warning"))
            .collect();
        (count.expect("a number"), warnings.join("\n"))
    }

    /// Returns the program. Its engine sends no requests, so it needs no cluster.
    fn program(&self) -> Invocation {
        Invocation::new(&programs().with_engines, &self.folders)
            .engines([&programs().small])
            .unreachable_cluster()
    }

    fn native(&self) -> PathBuf {
        let files = self.folders.native_files();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().expect("a folder").to_owned()
}

/// Copies the files of a folder; only this user can access the copy.
fn copy(from: &Path, to: &Path) {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to)
        .expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("permissions");
}

#[test]
fn an_engine_is_compiled_once() {
    let cache = Cache::filled();
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&cache.folders.native()), 0o700);
    assert_eq!(mode(&cache.native()), 0o600);
    assert_eq!(mode(&cache.folders.key()), 0o600);
}

#[test]
fn a_changed_byte_anywhere_is_noticed_and_mended() {
    let cache = Cache::filled();
    let good = fs::read(cache.native()).expect("native code");
    // The offsets are in the code's MAC, its header, its middle and its end.
    for at in [0, 40, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(cache.native(), &bad).expect("written");
        assert_eq!(cache.compiled(), 1, "byte {at}");
    }
    assert_eq!(cache.compiled(), 0);
}

#[test]
fn a_file_that_is_cut_or_longer_is_noticed_and_mended() {
    let cache = Cache::filled();
    let good = fs::read(cache.native()).expect("native code");
    let longer = [&good[..], b"more"].concat();
    for bad in [&good[..good.len() - 1], &good[..0], &longer] {
        fs::write(cache.native(), bad).expect("written");
        assert_eq!(cache.compiled(), 1, "{} bytes", bad.len());
    }
    assert_eq!(cache.compiled(), 0);
}

#[test]
fn code_of_another_engine_under_its_name_is_not_used() {
    let cache = Cache::filled();
    let native = cache.native();
    let other = Component::small().replace("\"acme/small\"", "\"acme/other\"");
    let other = other.save(&cache.folder, "other.wasm");
    let program = cache.program().only_engines([other]);
    assert_eq!(program.run("backup list --engine other").code, 0);
    let files = cache.folders.native_files();
    let other = files.iter().find(|file| **file != native);
    fs::copy(other.expect("a second file"), &native).expect("copied");
    assert_eq!(cache.compiled(), 1);
}

#[test]
fn without_its_key_nothing_of_it_is_trusted() {
    let cache = Cache::filled();
    fs::remove_file(cache.folders.key()).expect("removed");
    assert_eq!(cache.compiled(), 1);
    assert_eq!(cache.compiled(), 0);
    fs::write(cache.folders.key(), "short").expect("written");
    assert_eq!(cache.compiled(), 1);
    assert_eq!(cache.compiled(), 0);
}

#[test]
fn a_folder_that_others_can_reach_is_not_used() {
    let cache = Cache::filled();
    set_mode(&cache.folders.native(), 0o755);
    let (compiled, warnings) = cache.list();
    assert_eq!(compiled, 1);
    assert_snapshot!(warnings, @"warning: engines are compiled again each time: other users can reach $XDG_CACHE_HOME/kubectl-broker/native; run `chmod go-rwx` on it");
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let cache = Cache::filled();
    set_mode(&cache.folders.key(), 0o644);
    let (compiled, warnings) = cache.list();
    assert_eq!(compiled, 1);
    assert_snapshot!(warnings, @"warning: engines are compiled again each time: other users can reach $XDG_DATA_HOME/kubectl-broker/keys/native-code.key; run `chmod go-rwx` on it");
}

#[test]
fn a_file_that_others_can_write_is_compiled_again() {
    let cache = Cache::filled();
    set_mode(&cache.native(), 0o666);
    assert_eq!(cache.compiled(), 1);
    assert_eq!(cache.compiled(), 0);
}

#[test]
fn links_are_not_followed() {
    let cache = Cache::filled();
    let native = cache.native();
    let elsewhere = native.with_extension("moved");
    fs::rename(&native, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, &native).expect("linked");
    assert_eq!(cache.compiled(), 1);
}

/// Without a writable cache everything works, but more slowly.
#[test]
fn a_cache_that_can_not_be_written_is_no_error() {
    let cache = Cache::filled();
    fs::remove_dir_all(cache.folders.native()).expect("removed");
    fs::write(cache.folders.native(), "a file where the folder should be").expect("written");
    let (compiled, warnings) = cache.list();
    assert_eq!(compiled, 1);
    assert_snapshot!(warnings, @"warning: engines are compiled again each time: can't use $XDG_CACHE_HOME/kubectl-broker/native: File exists (os error 17)");
}

#[test]
fn the_first_use_says_which_engines_it_compiles_and_the_next_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let folders = Folders::shared(folder.path());
    let program = Invocation::new(&programs().kubectl_broker, &folders).unreachable_cluster();
    let engines = || program.run("engines").stderr;
    let first = engines();
    assert!(
        first.contains("\nCompiling engines ") && first.contains("kubectl-broker/"),
        "{first}"
    );
    let next = engines();
    assert!(!next.contains("Compiling"), "{next}");
}
