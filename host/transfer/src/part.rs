//! The file that a download is written to until it is whole, and the record beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::TransferError;
use super::destination::{Paths, remove};
use super::fail_point::{Step, reach};
use super::record::Record;

/// An unfinished download, locked.
///
/// When it is dropped, it stays if a later run can go on with it, and is removed if none can.
pub(super) struct Part {
    /// Its lock ends when it is closed.
    file: File,
    pub(super) paths: Paths,
    state: Mutex<State>,
}

struct State {
    record: Record,
    /// How often it began again: a checkpoint of an earlier time is void.
    generation: u64,
    /// Whether nothing is to be done with it any more.
    settled: bool,
}

impl Part {
    pub(super) fn new(file: File, paths: Paths, record: Record) -> Self {
        Self {
            file,
            paths,
            state: Mutex::new(State {
                record,
                generation: 0,
                settled: false,
            }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.paths.part
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// So many bytes are on the disk, and the record says so.
    pub(super) fn durable(&self) -> u64 {
        self.state().record.durable
    }

    /// So many bytes a later run need not ask for.
    pub(super) fn kept(&self) -> u64 {
        let state = self.state();
        if state.record.is_resumable() && !state.settled {
            state.record.durable
        } else {
            0
        }
    }

    /// Goes on with what an earlier run left.
    pub(super) fn take_over(&self, found: Record) {
        self.state().record = found;
    }

    /// Begins again, for the bytes of `record`.
    ///
    /// The old record goes first, and for good: with new bytes beside it, it would be a lie that the
    /// next run believes.
    ///
    /// Returns what its checkpoints have to give.
    pub(super) fn restart(&self, record: Record) -> Result<u64, TransferError> {
        let mut state = self.state();
        state.record = record;
        state.generation += 1;
        if remove(&self.paths.record)? {
            self.paths.sync_folder()?;
        }
        let mut file = &self.file;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .map_err(|source| TransferError::io("empty", self.path(), source))?;
        Ok(state.generation)
    }

    /// Puts the first `written` bytes on the disk and writes it down.
    ///
    /// `generation` is that of the bytes: after a restart they are void.
    pub(super) fn checkpoint(&self, written: u64, generation: u64) -> Result<(), TransferError> {
        let mut state = self.state();
        if generation != state.generation || written <= state.record.durable {
            return Ok(());
        }
        self.record(&mut state, written, File::sync_data)
    }

    /// As [`Part::checkpoint`], for the last bytes: what the system knows of the file is on the disk as well.
    pub(super) fn finish(&self, written: u64, generation: u64) -> Result<(), TransferError> {
        let mut state = self.state();
        if generation == state.generation && written > state.record.durable {
            return self.record(&mut state, written, File::sync_all);
        }
        let synced = self.file.sync_all();
        synced.map_err(|source| TransferError::io("sync", self.path(), source))
    }

    fn record(
        &self,
        state: &mut State,
        written: u64,
        sync: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<(), TransferError> {
        let failed = |source| TransferError::io("write", self.path(), source);
        sync(&self.file).map_err(failed)?;
        reach(Step::CheckpointSynced, self.path()).map_err(failed)?;
        let mut record = state.record.clone();
        record.durable = written;
        if record.is_resumable() {
            self.write_record(&record)
                .map_err(|source| TransferError::io("write", &self.paths.record, source))?;
        }
        // Not before it is written down: what has no record is not kept.
        state.record = record;
        reach(Step::CheckpointRecorded, self.path()).map_err(failed)
    }

    /// Whole or not at all. It is not synced: an older record is true, too, and one that a loss of
    /// power left empty is none.
    fn write_record(&self, record: &Record) -> io::Result<()> {
        let write = || {
            let mut file = create_private(&self.paths.new_record)?;
            file.write_all(&record.to_json())?;
            fs::rename(&self.paths.new_record, &self.paths.record)
        };
        write().inspect_err(|_| {
            // On a full disk the little that it takes counts, too.
            let _ = fs::remove_file(&self.paths.new_record);
        })
    }

    /// It is the final file now, or stays where it is: dropping it removes nothing.
    pub(super) fn settle(&self) {
        self.state().settled = true;
    }

    /// Throws it away: its bytes are in doubt.
    pub(super) fn discard(&self) {
        self.settle();
        // What can't be removed now is emptied by the next run.
        let _ = remove(&self.paths.record);
        let _ = remove(&self.paths.part);
    }

    pub(super) fn generation(&self) -> u64 {
        self.state().generation
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.state().settled && self.kept() == 0 {
            self.discard();
        }
    }
}

/// An empty file that only this user can read. It is under the lock of the part, so whatever is there
/// was left by a run that died.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    remove(path).map_err(|_| io::Error::from(io::ErrorKind::PermissionDenied))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
