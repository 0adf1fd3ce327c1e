//! Reading a manifest, line by line.

use std::io::Write as _;

use broker_engine::http::Response;
use broker_engine::{Error, ErrorKind, Result};
use flate2::write::GzDecoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{COMPRESSED, END_OF_FILES, FILES, PLAIN, frame};
use crate::entry::{Entry, Skipped};
use crate::id::{Id, hexadecimal};

/// The length of a piece that is read, in bytes. A compressed one may be a thousand times as long when it is expanded.
const PIECE: u64 = 64 << 10;
/// The maximum length of the text beside the list of documents, and of a line of that list, in bytes.
const MAX_HEAD: usize = 32 << 20;
const MAX_LINE: usize = 64 << 10;

/// The parts of a manifest beside its documents.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The manifest with an empty list of documents.
    pub document: Value,
    /// The name of the manifest within the backup.
    pub name: &'static str,
    /// Whether the checksum is that of the manifest. `None` if only the beginning was read.
    pub is_intact: Option<bool>,
}

/// A manifest that is being read.
pub struct Reader {
    name: &'static str,
    place: String,
    lines: Lines,
    head: String,
    has_files: bool,
}

/// Opens the manifest of a backup. `None` if it has none, because it is not complete.
///
/// # Errors
/// Fails if the store refuses, or if the beginning of the manifest is not understood.
pub fn find(id: &Id) -> Result<Option<Reader>> {
    match open(id, PLAIN)? {
        None => open(id, COMPRESSED),
        found => Ok(found),
    }
}

/// Opens the manifest of this name. `None` if there is none.
///
/// # Errors
/// Those of [`find`].
pub fn open(id: &Id, name: &'static str) -> Result<Option<Reader>> {
    match id.at(name).get() {
        Ok(response) => Reader::open(id, name, response).map(Some),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Reader {
    fn open(id: &Id, name: &'static str, response: Response) -> Result<Self> {
        let mut reader = Self {
            name,
            place: id.shown(name),
            lines: Lines::new(response, name == COMPRESSED),
            head: String::new(),
            has_files: false,
        };
        while let Some(line) = reader.line(MAX_HEAD)? {
            if line == FILES {
                reader.has_files = true;
                break;
            }
            if reader.head.len() + line.len() > MAX_HEAD {
                return Err(reader.damaged("it is too long"));
            }
            reader.head += &line;
            reader.head.push('\n');
        }
        Ok(reader)
    }

    /// Returns the parts before the documents, without reading on.
    ///
    /// # Errors
    /// Fails if they are not understood.
    pub fn summary(&self) -> Result<Summary> {
        let end = if self.has_files {
            "\"files\": []}}"
        } else {
            ""
        };
        self.parse(end, None)
    }

    /// Reads the documents, and calls `each` with every one of them. Returns the other parts.
    ///
    /// # Errors
    /// Fails if the text is not in the form in which this engine writes it, or if `each` fails.
    pub fn read_rest(&mut self, mut each: impl FnMut(Entry) -> Result<()>) -> Result<Summary> {
        // The digest of the documents needs the text before them. The end can't change that text, except by fields
        // that this engine does not write there.
        let (before, behind) = frame(&self.summary()?.document);
        let mut digest = Sha256::new();
        digest.update(&before);
        let mut is_first = true;
        let mut tail = String::new();
        while self.has_files {
            let Some(line) = self.line(MAX_LINE)? else {
                return Err(self.damaged("it ends within the list of files"));
            };
            if line == END_OF_FILES {
                tail += "\"files\": []\n";
                break;
            }
            let text = line.trim();
            let text = text.strip_suffix(',').unwrap_or(text);
            let entry: Entry = serde_json::from_str(text)
                .map_err(|error| self.damaged(&format!("a file is not understood: {error}")))?;
            if !is_first {
                digest.update(",");
            }
            is_first = false;
            digest.update(entry.line());
            each(entry)?;
        }
        while let Some(line) = self.line(MAX_LINE)? {
            if tail.len() + line.len() > MAX_LINE {
                return Err(self.damaged("its end is too long"));
            }
            tail += &line;
            tail.push('\n');
        }
        digest.update(&behind);
        let checksum = format!("sha256:{}", hexadecimal(&digest.finalize()));
        let mut whole = self.parse(&tail, Some(true))?;
        // Fields behind the list of files count as well.
        let is_same = frame(&whole.document) == (before, behind);
        whole.is_intact = Some(is_same && whole.document["checksum"] == checksum);
        Ok(whole)
    }

    fn parse(&self, end: &str, is_intact: Option<bool>) -> Result<Summary> {
        let text = format!("{}{end}", self.head);
        let document: Value = serde_json::from_str(&text)
            .map_err(|error| self.damaged(&format!("it is not understood: {error}")))?;
        if !document.is_object() || document["version"] != "1.0" {
            return Err(self.damaged("it is no manifest of version 1.0"));
        }
        Ok(Summary {
            document,
            name: self.name,
            is_intact,
        })
    }

    fn line(&mut self, limit: usize) -> Result<Option<String>> {
        match self.lines.next(limit) {
            Ok(line) => Ok(line),
            Err(Broken::Store(error)) => Err(error),
            Err(Broken::Text(reason)) => Err(self.damaged(&reason)),
        }
    }

    fn damaged(&self, reason: &str) -> Error {
        let message = format!("{} is damaged: {reason}", self.place);
        Error::new(ErrorKind::Integrity, message)
    }
}

impl Summary {
    /// Returns the documents that were not copied.
    pub fn skipped(&self) -> Vec<Skipped> {
        let skipped = &self.document["document_library"]["skipped"];
        serde_json::from_value(skipped.clone()).unwrap_or_default()
    }

    /// Returns a number of the document library.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.document["document_library"][name].as_u64()
    }
}

enum Broken {
    Store(Error),
    Text(String),
}

/// The lines of an object. They are read in pieces.
struct Lines {
    response: Response,
    compressed: Option<GzDecoder<Vec<u8>>>,
    buffer: Vec<u8>,
    /// The beginning of the next line, and the end of the bytes without a line feed behind it.
    at: usize,
    searched: usize,
    has_ended: bool,
}

impl Lines {
    fn new(response: Response, is_compressed: bool) -> Self {
        Self {
            response,
            compressed: is_compressed.then(|| GzDecoder::new(Vec::new())),
            buffer: Vec::new(),
            at: 0,
            searched: 0,
            has_ended: false,
        }
    }

    fn next(&mut self, limit: usize) -> std::result::Result<Option<String>, Broken> {
        loop {
            let found = self.buffer[self.searched..]
                .iter()
                .position(|b| *b == b'\n');
            if let Some(length) = found {
                let end = self.searched + length;
                let line = self.take(end)?;
                self.at = end + 1;
                self.searched = self.at;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            self.searched = self.buffer.len();
            if self.searched > limit {
                return Err(Broken::Text("a line is too long".to_owned()));
            }
            if self.has_ended {
                let rest = self.take(self.searched)?;
                self.buffer.clear();
                self.searched = 0;
                return Ok(Some(rest).filter(|rest| !rest.is_empty()));
            }
            self.read()?;
        }
    }

    fn take(&self, end: usize) -> std::result::Result<String, Broken> {
        let bytes = self.buffer[self.at..end].to_vec();
        String::from_utf8(bytes).map_err(|_| Broken::Text("it is not UTF-8".to_owned()))
    }

    fn read(&mut self) -> std::result::Result<(), Broken> {
        let piece = self.response.next_piece(PIECE).map_err(Broken::Store)?;
        let Some(decoder) = &mut self.compressed else {
            self.has_ended = piece.is_none();
            self.buffer.extend(piece.unwrap_or_default());
            return Ok(());
        };
        let done = match piece {
            Some(piece) => decoder.write_all(&piece),
            None => {
                self.has_ended = true;
                decoder.try_finish()
            }
        };
        done.map_err(|error| Broken::Text(format!("it can't be expanded: {error}")))?;
        self.buffer.append(decoder.get_mut());
        Ok(())
    }
}
