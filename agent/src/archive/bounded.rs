use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A signal that stops a thread when it is dropped.
#[derive(Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn bound<W>(&self, to: W, limit: u64) -> Bounded<W> {
        Bounded {
            to,
            left: limit,
            is_full: false,
            is_cancelled: Arc::clone(&self.0),
        }
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A writer that accepts a limited number of bytes, and none after its [`Cancel`] is dropped.
#[derive(Debug)]
pub struct Bounded<W> {
    to: W,
    left: u64,
    is_full: bool,
    is_cancelled: Arc<AtomicBool>,
}

impl<W> Bounded<W> {
    pub fn into_inner(self) -> W {
        self.to
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "nobody waits for it",
            ));
        }
        // A caller that ignores the error and writes on must not fill the disk.
        if self.is_full || bytes.len() as u64 > self.left {
            self.is_full = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let written = self.to.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A byte that is written twice counts twice. A zip rewrites only a few bytes per file.
impl<W: Seek> Seek for Bounded<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.to.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_beyond_the_limit_is_written() {
        let cancel = Cancel::default();
        let mut to = cancel.bound(Vec::new(), 3);
        to.write_all(b"abc").expect("there is room");
        let error = to.write_all(b"d").expect_err("there is no room");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(to.write(b"").is_err(), "an error stays");
        assert_eq!(to.into_inner(), b"abc");
    }

    #[test]
    fn nothing_is_written_for_nobody() {
        let cancel = Cancel::default();
        let mut to = cancel.bound(Vec::new(), 3);
        drop(cancel);
        assert!(to.write_all(b"a").is_err());
    }
}
