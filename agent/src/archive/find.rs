//! Patterns of Python's `glob`: `*`, `?`, `[…]`, and `**` for nested folders.
//!
//! The crate matches one name at a time. Its own search omits names that are not UTF-8, and with `.*` it
//! leaves the folder through `..`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::ArchiveError;

const RECURSIVE: &str = "**";
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Returns the paths that match an absolute pattern, sorted.
///
/// `folder/**` returns only the folder itself, because the caller adds the contents of folders anyway.
pub fn find(pattern: &str) -> Result<Vec<PathBuf>, ArchiveError> {
    let parts = pattern.split('/').filter(|part| !matches!(*part, "" | "."));
    let mut parts: Vec<_> = parts.collect();
    while parts.last() == Some(&RECURSIVE) {
        parts.pop();
    }
    let mut found = Vec::new();
    expand(Path::new("/"), &parts, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn expand(folder: &Path, parts: &[&str], found: &mut Vec<PathBuf>) -> Result<(), ArchiveError> {
    let Some((part, rest)) = parts.split_first() else {
        // The path may be a symbolic link to a missing file.
        if fs::symlink_metadata(folder).is_ok() {
            found.push(folder.to_owned());
        }
        return Ok(());
    };
    if *part == RECURSIVE {
        expand(folder, rest, found)?;
        for (path, name, is_folder) in children(folder)? {
            if is_folder && !is_hidden(&name) {
                expand(&path, parts, found)?;
            }
        }
        return Ok(());
    }
    if !part.contains(['*', '?', '[']) {
        return expand(&folder.join(part), rest, found);
    }
    let pattern = Pattern::new(part).map_err(|e| ArchiveError::Pattern {
        pattern: (*part).to_owned(),
        reason: e.msg.to_owned(),
    })?;
    for (path, name, _) in children(folder)? {
        if pattern.matches_with(&name, OPTIONS) {
            expand(&path, rest, found)?;
        }
    }
    Ok(())
}

/// Returns the path and the name of each entry, and whether it is a folder and not a symbolic link. Returns
/// an empty list if the folder does not exist.
fn children(folder: &Path) -> Result<Vec<(PathBuf, String, bool)>, ArchiveError> {
    let read = || -> io::Result<Vec<_>> {
        let mut children = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            children.push((entry.path(), text(&entry.file_name()), is_folder));
        }
        Ok(children)
    };
    match read() {
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        children => children.map_err(|source| ArchiveError::Read {
            path: folder.to_owned(),
            source,
        }),
    }
}

/// Returns the name as text. `*` and `?` also match a name that is not UTF-8.
fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}
