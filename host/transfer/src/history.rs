//! Records the operations on this machine, in a file that is only appended to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use host_base::files;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::part::create_private;
use super::{TransferError, plain};

/// The maximum length of one field, in characters: its text may come from a server.
const LONGEST_TEXT: usize = 2000;

/// The maximum length of a line that is read, in bytes. An entry with the longest texts and the most files is
/// shorter.
const LONGEST_LINE: u64 = 16 << 20;

/// One operation. Its text is unescaped: escape it before you show it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Entry {
    /// When the entry was added.
    #[serde(with = "time")]
    pub time: Timestamp,
    /// The operation: `create`, `download`, `verify`, `restore` or `delete`.
    pub operation: String,
    /// The engine of the operation.
    pub engine: String,
    /// Context, namespace and target of the operation.
    pub scope: String,
    /// Id of the backup.
    pub id: Option<String>,
    /// Path of the file, or the folder of several files.
    pub file: Option<String>,
    /// Size of the file in bytes, or of all files together.
    pub bytes: Option<u64>,
    /// SHA-256 digest in hexadecimal.
    pub sha256: Option<String>,
    /// Name of the cluster in the kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The store that the copy went to or came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// When the backup was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The outcome: `Succeeded`, `Unproven`, or the name of a [`host_base::Failure`].
    pub outcome: String,
    /// The error message, or a note.
    pub message: Option<String>,
    /// The complete files, if the operation may save several or is an engine's own verb. They are complete even
    /// if the operation failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SavedPart>,
}

/// A complete file of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SavedPart {
    /// Path of the file.
    pub file: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 digest in hexadecimal.
    pub sha256: String,
}

/// The readable entries, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The entries, the oldest first.
    pub entries: Vec<Entry>,
    /// The number of unreadable lines, such as one that a power loss cut.
    pub unreadable: usize,
}

/// The history of this user.
#[derive(Clone, Debug)]
pub struct History {
    folder: PathBuf,
    most: usize,
}

impl History {
    /// Opens the history in the state folder, which is created with the first entry. The last 10,000 entries
    /// are kept.
    #[must_use]
    pub fn new(state_folder: &Path) -> Self {
        Self {
            folder: state_folder.to_owned(),
            most: 10_000,
        }
    }

    /// Sets the number of entries that are kept.
    #[must_use]
    pub fn keeping(self, most: usize) -> Self {
        Self { most, ..self }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("history.jsonl")
    }

    /// Appends an entry. Processes that append at the same time wait for each other.
    ///
    /// # Errors
    /// When the file can't be written. The recorded operation itself has happened all the same.
    pub fn append(&self, entry: &Entry) -> Result<(), TransferError> {
        let path = self.path();
        let failed = |source| TransferError::io("write", &path, source);
        make_private_folder(&self.folder)
            .map_err(|source| TransferError::io("make folder", &self.folder, source))?;
        let _lock = self.lock().map_err(failed)?;
        let mut line = serde_json::to_vec(&entry.cut()).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        plain::target(&path).map_err(|error| failed(error.into()))?;
        let mut file = open(&path).map_err(failed)?;
        if is_torn(&mut file).map_err(failed)? {
            line.insert(0, b'\n');
        }
        // A single write lets readers without the lock see a whole line or none.
        file.write_all(&line)
            .and_then(|()| file.sync_data())
            .map_err(failed)?;
        self.rotate(&path).map_err(failed)
    }

    /// Returns all entries. A missing file has no entries.
    ///
    /// # Errors
    /// When the file exists and can't be read.
    pub fn read(&self) -> Result<Past, TransferError> {
        let path = self.path();
        let failed = |source| TransferError::io("read", &path, source);
        let file = match files::open_plain(&path) {
            Ok(file) => file,
            // If the folder's path leads through a plain file, there is no history either.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Past::default());
            }
            Err(error) => return Err(failed(error)),
        };
        let mut past = Past::default();
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut reader)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line);
            if read.map_err(failed)? == 0 {
                return Ok(past);
            }
            match serde_json::from_slice(&line) {
                Ok(entry) => past.entries.push(entry),
                Err(_) if line.trim_ascii().is_empty() => {}
                Err(_) => past.unreadable += 1,
            }
        }
    }

    /// Locks a separate file, because [`History::rotate`] gives the name of the history to a new file.
    fn lock(&self) -> io::Result<File> {
        let lock = open(&self.folder.join("history.lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    /// Drops the oldest entries once there are a tenth too many, which is cheaper than at each entry.
    fn rotate(&self, path: &Path) -> io::Result<()> {
        // A symbolic link of the user stays a link.
        let path = &plain::target(path)?.path;
        let bytes = files::read_plain(path, u64::MAX)?;
        let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        if lines.len() <= self.most + self.most / 10 {
            return Ok(());
        }
        let new = path.with_extension("jsonl.new");
        let mut file = create_private(&new)?;
        file.write_all(&lines[lines.len() - self.most..].concat())?;
        file.sync_all()?;
        fs::rename(new, path)
    }
}

impl Entry {
    fn cut(&self) -> Self {
        let cut = |text: &String| text.chars().take(LONGEST_TEXT).collect::<String>();
        Self {
            time: self.time,
            operation: cut(&self.operation),
            engine: cut(&self.engine),
            scope: cut(&self.scope),
            id: self.id.as_ref().map(cut),
            file: self.file.as_ref().map(cut),
            bytes: self.bytes,
            sha256: self.sha256.as_ref().map(cut),
            cluster: self.cluster.as_ref().map(cut),
            store: self.store.as_ref().map(cut),
            created: self.created,
            outcome: cut(&self.outcome),
            message: self.message.as_ref().map(cut),
            files: self
                .files
                .iter()
                .map(|saved| SavedPart {
                    file: cut(&saved.file),
                    bytes: saved.bytes,
                    sha256: cut(&saved.sha256),
                })
                .collect(),
        }
    }
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Without this flag, opening a named pipe would block.
        let flags = rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

/// Returns true if the last line is incomplete.
fn is_torn(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Serializes times as RFC 3339 text in UTC.
mod time {
    use jiff::Timestamp;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> Entry {
        Entry {
            time: "2026-05-06T08:13:17Z".parse().expect("a time"),
            operation: "download".into(),
            id: Some(id.into()),
            bytes: Some(7),
            outcome: "succeeded".into(),
            ..Entry::default()
        }
    }

    fn ids(history: &History) -> Vec<String> {
        let past = history.read().expect("readable");
        past.entries
            .into_iter()
            .filter_map(|entry| entry.id)
            .collect()
    }

    #[test]
    fn what_is_appended_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::new(&folder.path().join("state"));
        assert_eq!(history.read().expect("readable"), Past::default());
        history.append(&entry("a\n\u{1b}[2J")).expect("written");
        history.append(&entry("b")).expect("written");
        let past = history.read().expect("readable");
        assert_eq!(past.entries, [entry("a\n\u{1b}[2J"), entry("b")]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(history.path())
                .expect("there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::new(folder.path());
        history.append(&entry("a")).expect("written");
        let whole = fs::read(history.path()).expect("readable");
        for cut in 1..whole.len() {
            fs::write(history.path(), [&whole[..], &whole[..cut]].concat()).expect("written");
            history.append(&entry("b")).expect("written");
            // If only the line break was cut, the next write completes the torn line.
            let found = ids(&history);
            assert!(
                found == ["a", "b"] || found == ["a", "a", "b"],
                "{cut}: {found:?}"
            );
        }
    }

    #[test]
    fn only_the_last_entries_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::new(folder.path()).keeping(10);
        for id in 0..25 {
            history.append(&entry(&id.to_string())).expect("written");
        }
        let found = ids(&history);
        assert!((10..=11).contains(&found.len()), "{found:?}");
        assert_eq!(found.last().map(String::as_str), Some("24"));
    }

    #[test]
    fn writers_at_the_same_time_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::new(folder.path());
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let history = &history;
                scope.spawn(move || {
                    for id in 0..10 {
                        history
                            .append(&entry(&format!("{writer}-{id}")))
                            .expect("written");
                    }
                });
            }
        });
        let past = history.read().expect("readable");
        assert_eq!((past.entries.len(), past.unreadable), (40, 0));
    }

    #[test]
    fn an_endless_text_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::new(folder.path());
        history
            .append(&entry(&"ä".repeat(1 << 20)))
            .expect("written");
        assert_eq!(ids(&history), ["ä".repeat(LONGEST_TEXT)]);
    }
}
