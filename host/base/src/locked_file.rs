//! A file that is locked until it is dropped.

use std::fs::{File, TryLockError};
use std::io;
use std::ops::{Deref, DerefMut};

/// A locked file. Dropping it releases the lock at once.
///
/// Closing is not enough. A process that is being started shares all open files until it runs its own program,
/// and with them the lock.
#[derive(Debug)]
pub struct LockedFile(File);

impl LockedFile {
    /// Locks a file, without waiting. Another holder leads to the file itself, not locked.
    ///
    /// # Errors
    /// When the file can't be locked for another reason.
    pub fn attempt(file: File) -> io::Result<Result<Self, File>> {
        match file.try_lock() {
            Ok(()) => Ok(Ok(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(Err(file)),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Locks a file. If another process holds the lock, `wait` is called, and then the call waits.
    ///
    /// # Errors
    /// When the file can't be locked.
    pub fn wait(file: File, wait: impl FnOnce()) -> io::Result<Self> {
        match Self::attempt(file)? {
            Ok(locked) => Ok(locked),
            Err(file) => {
                wait();
                file.lock()?;
                Ok(Self(file))
            }
        }
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // The lock ends at the latest when the last process closes the file.
        let _ = self.0.unlock();
    }
}

impl Deref for LockedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for LockedFile {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_ends_although_another_process_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let open = || File::create(&path).unwrap();
        let attempt = || LockedFile::attempt(open()).unwrap();

        let file = open();
        // A process that is being started holds such a copy.
        let _copy = file.try_clone().unwrap();
        let locked = LockedFile::wait(file, || panic!("it is free")).unwrap();
        assert!(attempt().is_err());
        drop(locked);
        assert!(attempt().is_ok());
    }
}
