//! Manages the partial download and the record beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use host_base::LockedFile;

use super::TransferError;
use super::destination::{Paths, remove};
use super::fail_point::{Step, reach};
use super::record::Record;

/// A partial download, locked.
///
/// When it is dropped, the file stays if a later run can resume it, and is removed otherwise.
pub(super) struct Part {
    file: LockedFile,
    pub(super) paths: Paths,
    state: Mutex<State>,
}

struct State {
    record: Record,
    /// The number of restarts. A checkpoint of an earlier generation is void.
    generation: u64,
    /// True if dropping must not touch the file any more.
    settled: bool,
}

impl Part {
    pub(super) fn new(file: LockedFile, paths: Paths, record: Record) -> Self {
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

    /// Returns how many bytes are on the disk and in the record.
    pub(super) fn durable(&self) -> u64 {
        self.state().record.durable
    }

    /// Returns how many bytes a later run can reuse.
    pub(super) fn kept(&self) -> u64 {
        let state = self.state();
        if state.record.is_resumable() && !state.settled {
            state.record.durable
        } else {
            0
        }
    }

    /// Continues with the partial download of an earlier run.
    pub(super) fn take_over(&self, found: Record) {
        self.state().record = found;
    }

    /// Begins again, for the bytes of `record`.
    ///
    /// The old record is removed first, and synced. Beside new bytes it would be wrong, and the next run
    /// would trust it.
    ///
    /// Returns the generation for the next checkpoints.
    pub(super) fn restart(&self, record: Record) -> Result<u64, TransferError> {
        let mut state = self.state();
        state.record = record;
        state.generation += 1;
        if remove(&self.paths.record)? {
            self.paths.sync_folder()?;
        }
        let mut file = self.file();
        file.set_len(0)
            .and_then(|()| file.rewind())
            .map_err(|source| TransferError::io("empty", self.path(), source))?;
        Ok(state.generation)
    }

    /// Syncs the first `written` bytes to the disk and records their number.
    ///
    /// Bytes of an earlier `generation` than the current one are void and are ignored.
    pub(super) fn checkpoint(&self, written: u64, generation: u64) -> Result<(), TransferError> {
        let mut state = self.state();
        if generation != state.generation || written <= state.record.durable {
            return Ok(());
        }
        self.record(&mut state, written, File::sync_data)
    }

    /// Makes the last checkpoint, like [`Part::checkpoint`], and also syncs the metadata of the file.
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
        sync(self.file()).map_err(failed)?;
        reach(Step::CheckpointSynced, self.path()).map_err(failed)?;
        let mut record = state.record.clone();
        record.durable = written;
        if record.is_resumable() {
            self.write_record(&record)
                .map_err(|source| TransferError::io("write", &self.paths.record, source))?;
        }
        // The state changes only after the record is written: bytes without a record are not kept.
        state.record = record;
        reach(Step::CheckpointRecorded, self.path()).map_err(failed)
    }

    /// Writes the record completely or not at all. It is not synced: an older record is correct, too, and one
    /// that a power loss left empty counts as none.
    fn write_record(&self, record: &Record) -> io::Result<()> {
        let write = || {
            let mut file = create_private(&self.paths.new_record)?;
            file.write_all(&record.to_json())?;
            fs::rename(&self.paths.new_record, &self.paths.record)
        };
        write().inspect_err(|_| {
            // On a full disk, even this small file takes space that is needed.
            let _ = fs::remove_file(&self.paths.new_record);
        })
    }

    /// Marks the file as final or abandoned: dropping removes nothing.
    pub(super) fn settle(&self) {
        self.state().settled = true;
    }

    /// Discards the partial download, because its bytes are in doubt.
    pub(super) fn discard(&self) {
        self.settle();
        // A file that can't be removed now is emptied by the next run.
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

/// Creates an empty file that only this user can read. The lock of the partial download protects the path, so
/// an existing file was left by a run that died.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    remove(path).map_err(|_| io::Error::from(io::ErrorKind::PermissionDenied))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
