use std::collections::VecDeque;
use std::io;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::unix::pipe::Receiver;

use crate::log::Log;

/// A longer line is cut into several.
const LONGEST_LINE: usize = 4096;
/// How many of the last lines are kept for the error.
const LINES: usize = 20;

/// What a command says: each line goes to the log, and the last ones are kept, without the secrets in them.
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

    /// Reads until the command, and whatever it started, has closed it.
    ///
    /// # Errors
    ///
    /// If the pipe can't be read.
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

    /// The last lines, if there are any.
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
