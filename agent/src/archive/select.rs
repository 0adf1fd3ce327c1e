//! The selection of files for the archive, and their names in it.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::ArchiveError;
use super::find::find;
use crate::config::FileArchive;

/// One entry of the archive.
#[derive(Debug)]
pub struct Entry {
    /// The name in the archive: relative, without `..`.
    pub name: PathBuf,
    pub source: PathBuf,
    pub metadata: Metadata,
    pub kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Link { target: PathBuf },
}

/// The device and the inode, which identify a file independently of its name.
pub type Identity = (u64, u64);

/// Finds the paths that match the patterns, and the contents of matching folders. The paths of each pattern
/// are sorted; each path occurs once.
pub fn select(
    archive: &FileArchive,
    except: &[PathBuf],
    note: &mut dyn FnMut(String),
) -> Result<Vec<Entry>, ArchiveError> {
    let except = except
        .iter()
        .filter_map(|path| fs::symlink_metadata(path).ok());
    let mut selection = Selection {
        archive,
        except: except.map(|metadata| identity(&metadata)).collect(),
        entries: Vec::new(),
        names: HashMap::new(),
        note,
    };
    for pattern in &archive.patterns {
        let roots = find(pattern)?;
        if roots.is_empty() {
            (selection.note)(format!("nothing matches {pattern}"));
        }
        for root in roots {
            let name = archive_name(&root, &archive.base_dir);
            selection.add(&root, &name, &mut Vec::new())?;
        }
    }
    if selection.entries.is_empty() {
        return Err(ArchiveError::NoMatch);
    }
    Ok(selection.entries)
}

/// Returns the path relative to the base. A path outside the base keeps only its last part.
fn archive_name(path: &Path, base: &Path) -> PathBuf {
    let relative = path.strip_prefix(base).ok();
    let is_plain = |path: &&Path| {
        path.components()
            .all(|part| matches!(part, Component::Normal(_)))
    };
    match relative.filter(is_plain) {
        Some(relative) => relative.to_owned(),
        None => path.file_name().map(PathBuf::from).unwrap_or_default(),
    }
}

struct Selection<'a> {
    archive: &'a FileArchive,
    except: Vec<Identity>,
    entries: Vec<Entry>,
    names: HashMap<PathBuf, usize>,
    note: &'a mut dyn FnMut(String),
}

impl Selection<'_> {
    /// Adds a path and its contents. `above` are the enclosing folders, which detects a link back to one of
    /// them.
    fn add(
        &mut self,
        path: &Path,
        name: &Path,
        above: &mut Vec<Identity>,
    ) -> Result<(), ArchiveError> {
        let read = |source| ArchiveError::Read {
            path: path.to_owned(),
            source,
        };
        let mut metadata = fs::symlink_metadata(path).map_err(read)?;
        if metadata.is_symlink() && self.archive.follow_symlinks {
            match fs::metadata(path) {
                Ok(target) => metadata = target,
                // A symbolic link to a missing file is kept as a link.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(read(e)),
            }
        }
        let this = identity(&metadata);
        if self.except.contains(&this) {
            return Ok(());
        }
        let kind = if metadata.is_dir() {
            Kind::Folder
        } else if metadata.is_file() {
            Kind::File
        } else if metadata.is_symlink() {
            let target = fs::read_link(path).map_err(read)?;
            Kind::Link { target }
        } else {
            (self.note)(format!(
                "{} is left out: it is not a file, folder or link",
                path.display()
            ));
            return Ok(());
        };
        let is_folder = kind == Kind::Folder;
        self.push(Entry {
            name: name.to_owned(),
            source: path.to_owned(),
            metadata,
            kind,
        })?;
        if !is_folder {
            return Ok(());
        }
        if above.contains(&this) {
            return Err(ArchiveError::Loop {
                path: path.to_owned(),
            });
        }
        above.push(this);
        let children = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut children = children.map_err(read)?;
        children.sort_by_key(fs::DirEntry::file_name);
        for child in children {
            self.add(&child.path(), &name.join(child.file_name()), above)?;
        }
        above.pop();
        Ok(())
    }

    /// Adds an entry. Two patterns may match the same file, and two folders of one name are merged; any other
    /// conflict is an error.
    fn push(&mut self, entry: Entry) -> Result<(), ArchiveError> {
        // The base folder itself has no name.
        if entry.name.as_os_str().is_empty() {
            return Ok(());
        }
        if let Some(index) = self.names.get(&entry.name) {
            let first = &self.entries[*index];
            let is_same = identity(&first.metadata) == identity(&entry.metadata);
            let are_folders = first.kind == Kind::Folder && entry.kind == Kind::Folder;
            if is_same || are_folders {
                return Ok(());
            }
            return Err(ArchiveError::SameName {
                name: entry.name,
                first: first.source.clone(),
                second: entry.source,
            });
        }
        self.names.insert(entry.name.clone(), self.entries.len());
        self.entries.push(entry);
        Ok(())
    }
}

pub fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}
