//! The journal of an upload on this machine, from which the same command resumes it.
//!
//! The first line names the object, the upload and the bytes. Each further line is a part that the service has, with
//! the state of the digest after it. A line that a crash cut ends the journal: the parts after it are sent again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use host_base::{LockedFile, PrivateFolder};
use serde::{Deserialize, Serialize};

/// The maximum size of a journal that is read, in bytes. One of 10,000 parts has 4 MiB.
const LONGEST: u64 = 16 << 20;
const VERSION: u32 = 1;
/// How long parts are resumed after. Azure forgets them after seven days.
const LIFETIME: Duration = Duration::from_hours(6 * 24);

/// A journal, locked for this process.
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<LockedFile>,
}

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) version: u32,
    /// The nonce of the copy.
    pub(crate) nonce: String,
    /// Name of the object.
    pub(crate) object: String,
    /// Id of the upload.
    pub(crate) upload: String,
    /// Length of a part in bytes.
    pub(crate) part: u64,
    /// The fingerprint of the bytes, as JSON.
    pub(crate) fingerprint: String,
}

/// A part that the service has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) etag: String,
    /// The state of the digest after this part, in hexadecimal.
    pub(crate) state: String,
}

impl Header {
    pub(crate) const VERSION: u32 = VERSION;
}

impl Journal {
    /// Opens the journal `name` in a folder. None if another process has it: that one resumes. Without a journal
    /// an upload works, too, so errors of the disk lead to none.
    pub(crate) fn open(folder: &Path, name: &str) -> Option<Self> {
        let folder = PrivateFolder::open(folder).ok()?;
        let path = folder.path(&format!("{name}.jsonl"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).ok()?;
        let file = LockedFile::attempt(file).ok()?.ok()?;
        // Another process may have removed the file before this one had the lock.
        let is_it = path.exists();
        is_it.then(|| Self {
            path,
            file: Mutex::new(file),
        })
    }

    /// Returns what an earlier process has uploaded.
    pub(crate) fn read(&self) -> Option<(Header, Vec<Part>)> {
        let mut text = String::new();
        let age = self.with(|file| Ok(file.metadata()?.modified()?.elapsed().ok()));
        if age.is_ok_and(|age| age.is_some_and(|age| age > LIFETIME)) {
            return None;
        }
        self.with(|file| {
            file.rewind()?;
            (&mut *file).take(LONGEST).read_to_string(&mut text)
        })
        .ok()?;
        let mut lines = text
            .split_inclusive('\n')
            .filter_map(|it| it.strip_suffix('\n'));
        let header: Header = serde_json::from_str(lines.next()?).ok()?;
        let parts = lines.map_while(|line| serde_json::from_str(line).ok());
        (header.version == VERSION).then(|| (header, parts.collect()))
    }

    /// Begins anew.
    pub(crate) fn begin(&self, header: &Header) -> io::Result<()> {
        self.with(|file| {
            file.set_len(0)?;
            file.rewind()?;
            write_line(file, header)
        })
    }

    /// Keeps the first parts of an earlier process, and forgets the others.
    pub(crate) fn keep(&self, header: &Header, parts: &[Part]) -> io::Result<()> {
        self.begin(header)?;
        parts.iter().try_for_each(|part| self.add(part))
    }

    /// Adds the next part.
    pub(crate) fn add(&self, part: &Part) -> io::Result<()> {
        self.with(|file| write_line(file, part))
    }

    /// Forgets the upload.
    pub(crate) fn forget(&self) {
        // Either of both is enough.
        let _ = fs::remove_file(&self.path);
        let _ = self.with(|file| file.set_len(0));
    }

    fn with<T>(&self, work: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut file)
    }
}

fn write_line(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            version: VERSION,
            nonce: "n".to_owned(),
            object: "data/a-n/1".to_owned(),
            upload: "u".to_owned(),
            part: 5 << 20,
            fingerprint: "{}".to_owned(),
        }
    }

    fn part(number: u32) -> Part {
        Part {
            etag: format!("e{number}"),
            state: "00".to_owned(),
        }
    }

    #[test]
    fn a_line_that_a_crash_cut_ends_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("uploads");
        let journal = Journal::open(&folder, "x").unwrap();
        assert_eq!(journal.read(), None);
        journal.keep(&header(), &[part(1), part(2)]).unwrap();
        let path = folder.join("x.jsonl");
        let length = fs::metadata(&path).unwrap().len();
        drop(journal);
        OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length - 1)
            .unwrap();
        let journal = Journal::open(&folder, "x").unwrap();
        assert_eq!(journal.read(), Some((header(), vec![part(1)])));
        assert!(Journal::open(&folder, "x").is_none(), "another process");
        journal.forget();
        drop(journal);
        assert_eq!(Journal::open(&folder, "x").unwrap().read(), None);
    }
}
