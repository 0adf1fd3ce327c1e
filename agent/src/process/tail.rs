use std::collections::VecDeque;
use std::io;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::unix::pipe::Receiver;

use crate::log::Log;

/// Maximum length of a line, in bytes. Longer lines are split.
const LONGEST_LINE: usize = 4096;
/// Number of last lines that an error contains.
const LINES: usize = 20;

/// The output of a command. Each line goes to the log, and the last lines are kept without secrets.
pub struct Tail<'a> {
    log: &'a Log,
    lines: VecDeque<String>,
}

impl<'a> Tail<'a> {
    pub fn new(log: &'a Log) -> Self {
        Self {
            log,
            lines: VecDeque::new(),
        }
    }

    /// Reads until the command and its child processes have closed the pipe.
    ///
    /// # Errors
    ///
    /// Fails if the pipe can't be read.
    pub async fn read(&mut self, from: Receiver) -> io::Result<()> {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            let bytes = from.fill_buf().await?;
            if bytes.is_empty() {
                break;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let room = LONGEST_LINE - line.len();
            let taken = end.unwrap_or(bytes.len()).min(room);
            line.extend_from_slice(&bytes[..taken]);
            let is_whole = end == Some(taken);
            from.consume(taken + usize::from(is_whole));
            if is_whole || line.len() == LONGEST_LINE {
                self.add(&line);
                line.clear();
            }
        }
        if !line.is_empty() {
            self.add(&line);
        }
        Ok(())
    }

    /// Returns the last lines, if there are any.
    pub fn last(&self) -> Option<String> {
        let lines: Vec<_> = self.lines.iter().map(String::as_str).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = self.log.redact(line.trim_end());
        if line.is_empty() {
            return;
        }
        self.log.info(&format!("command: {line}"));
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}
