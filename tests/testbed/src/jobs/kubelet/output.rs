//! The output of a container.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The output of one run of a container, standard output and standard error in order of arrival.
#[derive(Debug)]
pub struct Output {
    bytes: Mutex<Vec<u8>>,
    /// Whether the run has ended; every change of the bytes is signalled too.
    ended: watch::Sender<bool>,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            bytes: Mutex::default(),
            ended: watch::Sender::new(false),
        }
    }
}

impl Output {
    pub fn add(&self, bytes: &[u8]) {
        self.bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        self.ended.send_modify(|_| {});
    }

    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Returns the bytes from an offset on.
    pub fn since(&self, offset: usize) -> Vec<u8> {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.get(offset..).unwrap_or_default().to_vec()
    }

    /// Returns the offset of the last lines.
    pub fn tail(&self, lines: usize) -> usize {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        tail(&bytes, lines)
    }

    /// Returns the bytes after an offset, and waits for them until the run has ended.
    pub async fn next(self: &Arc<Self>, offset: usize) -> Option<Vec<u8>> {
        let mut ended = self.ended.subscribe();
        loop {
            let over = *ended.borrow_and_update();
            let bytes = self.since(offset);
            if !bytes.is_empty() {
                return Some(bytes);
            }
            if over || ended.changed().await.is_err() {
                return None;
            }
        }
    }
}

/// Returns the offset of the last lines of a text.
fn tail(bytes: &[u8], lines: usize) -> usize {
    let end = bytes.strip_suffix(b"\n").unwrap_or(bytes).len();
    if lines == 0 {
        return bytes.len();
    }
    let breaks = bytes[..end].iter().enumerate().rev();
    let mut breaks = breaks.filter(|(_, byte)| **byte == b'\n').skip(lines - 1);
    breaks.next().map_or(0, |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_begin_after_a_line_break() {
        for (text, lines, rest) in [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 1, "c"),
            ("a\n", 5, "a\n"),
            ("a\nb\n", 0, ""),
        ] {
            let at = tail(text.as_bytes(), lines);
            assert_eq!(&text[at..], rest, "{lines} of {text:?}");
        }
    }
}
