//! The journals of a run: one object for each batch of documents, so that an interrupted run goes on.
//!
//! A journal has one JSON text per line: the header, the documents that were not copied, and those that were.

use broker_engine::storage::Condition;
use broker_engine::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Skipped};
use crate::id::Id;
use crate::record;

/// The maximum length of a journal, in bytes. The host writes no longer object at once.
const MAX_JOURNAL: u64 = 1 << 20;
/// The maximum length of a header, and of the pieces in which it is read, in bytes.
const MAX_HEADER: usize = 64 << 10;
const PIECE: u64 = 8 << 10;
/// The number of the batch that is being copied.
const NOW: &str = "run/now";

/// How far a run is after a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The number of the batch. The first one is 1.
    pub number: u32,
    /// The cursor of the page with the next documents. `None` is the first page.
    pub cursor: Option<String>,
    /// The last key of the batch.
    pub last_key: String,
    /// The number of documents in this journal that were not copied, and of those that were.
    pub skipped_here: usize,
    pub copied_here: usize,
    /// The number of documents that were copied so far, and their length in bytes.
    pub objects: u64,
    pub bytes: u64,
    /// The length of the lines of all documents so far, in bytes.
    pub text: u64,
    /// The number of documents that were not copied so far, and of those of them that have not vanished.
    pub skipped: u64,
    pub missing: u64,
    /// The length of the lines of all documents that were not copied so far, in bytes.
    pub skipped_text: u64,
    /// Whether there are no further documents.
    pub is_last: bool,
}

/// One batch.
#[derive(Debug)]
pub struct Journal {
    pub skipped: Vec<Skipped>,
    /// The lines of the documents, each ended by a line feed.
    pub lines: String,
}

impl Header {
    /// Returns the newest header of a run. The default is that of a run without a batch.
    ///
    /// # Errors
    /// Fails if the store refuses, or if the journal is not understood.
    pub fn newest(id: &Id) -> Result<Self> {
        let mut newest = 0;
        let folder = id.key("run/");
        id.bucket.list_all(&id.bucket.select(&folder), |page| {
            let names = page
                .objects
                .iter()
                .filter_map(|it| number(&folder, &it.key));
            newest = names.fold(newest, u32::max);
            Ok(())
        })?;
        match newest {
            0 => Ok(Self::default()),
            number => header(id, number),
        }
    }

    /// Adds a batch, and writes its journal.
    ///
    /// # Errors
    /// Fails if another process has written the same batch, or if the store refuses.
    pub fn add(&mut self, id: &Id, skipped: &[Skipped], entries: &[Entry]) -> Result<()> {
        let lines: Vec<_> = entries.iter().map(Entry::line).collect();
        let count = |number: usize| number as u64;
        self.number += 1;
        self.skipped_here = skipped.len();
        self.copied_here = entries.len();
        self.objects += count(entries.len());
        self.bytes += entries.iter().map(|entry| entry.size_bytes).sum::<u64>();
        self.text += lines.iter().map(|line| count(line.len())).sum::<u64>();
        self.skipped += count(skipped.len());
        let missing = skipped.iter().filter(|it| it.is_missing());
        self.missing += count(missing.count());
        let skipped: Vec<_> = skipped.iter().map(Skipped::line).collect();
        self.skipped_text += skipped.iter().map(|line| count(line.len())).sum::<u64>();
        let header = serde_json::to_string(self);
        let header = header.map_err(|error| Error::failed(format!("no JSON: {error}")))?;
        let all: Vec<_> = [header].into_iter().chain(skipped).chain(lines).collect();
        let body = all.join("\n") + "\n";
        let at = id.at(&name(self.number));
        let media = Some("application/x-ndjson");
        let written = at.put(body.as_bytes(), media, &Condition::Absent);
        match written {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::Conflict => Err(error
                .with_message(format!("another process makes the same backup {id}"))
                .with_hint("Let only one process make a backup; the other one goes on")),
            Err(error) => Err(error),
        }
    }

    /// Says that the next batch begins.
    ///
    /// # Errors
    /// Fails if the store refuses.
    pub fn begin_next(&self, id: &Id) -> Result<()> {
        record::write(&id.at(NOW), &(self.number + 1), &Condition::None)
    }

    /// Returns whether the next batch was begun before, so that a part of its documents may be copied.
    ///
    /// # Errors
    /// Fails if the store refuses.
    pub fn has_begun_next(&self, id: &Id) -> Result<bool> {
        let begun: Option<u32> = record::read(&id.at(NOW))?;
        Ok(begun == Some(self.number + 1))
    }
}

/// Reads the header of a journal, which is much shorter than the rest.
fn header(id: &Id, number: u32) -> Result<Header> {
    let name = name(number);
    let response = id.at(&name).get()?;
    let mut text = Vec::new();
    while !text.contains(&b'\n') && text.len() < MAX_HEADER {
        let Some(piece) = response.next_piece(PIECE)? else {
            break;
        };
        text.extend(piece);
    }
    let line = text.split(|byte| *byte == b'\n').next();
    let header = line.and_then(|line| serde_json::from_slice::<Header>(line).ok());
    header
        .filter(|header| header.number == number)
        .ok_or_else(|| damaged(id, &name))
}

/// Reads a journal.
///
/// # Errors
/// Fails if there is no such journal, or if it is not understood.
pub fn read(id: &Id, number: u32) -> Result<(Header, Journal)> {
    let name = name(number);
    let body = id.at(&name).get()?.read(MAX_JOURNAL)?;
    let bad = || damaged(id, &name);
    let body = String::from_utf8(body).map_err(|_| bad())?;
    let (header, mut rest) = body.split_once('\n').ok_or_else(bad)?;
    let header: Header = serde_json::from_str(header).map_err(|_| bad())?;
    let mut skipped = Vec::new();
    for _ in 0..header.skipped_here {
        let (line, others) = rest.split_once('\n').ok_or_else(bad)?;
        skipped.push(serde_json::from_str(line).map_err(|_| bad())?);
        rest = others;
    }
    let lines = rest.bytes().filter(|byte| *byte == b'\n').count();
    if header.number != number || lines != header.copied_here {
        return Err(bad());
    }
    let lines = rest.to_owned();
    Ok((header, Journal { skipped, lines }))
}

/// Deletes all journals of a run.
///
/// # Errors
/// Fails if the store refuses.
pub fn remove_all(id: &Id) -> Result<()> {
    let folder = id.key("run/");
    loop {
        let page = id.bucket.list(&id.bucket.select(&folder))?;
        let now = id.key(NOW);
        let keys = page.objects.into_iter().map(|object| object.key);
        let keys: Vec<_> = keys
            .filter(|key| *key == now || number(&folder, key).is_some())
            .collect();
        if keys.is_empty() {
            return Ok(());
        }
        id.bucket.remove(&keys)?;
    }
}

fn damaged(id: &Id, name: &str) -> Error {
    let message = format!("{} is damaged", id.shown(name));
    Error::new(ErrorKind::Integrity, message)
}

fn name(number: u32) -> String {
    format!("run/{number:06}.ndjson")
}

fn number(folder: &str, key: &str) -> Option<u32> {
    let digits = key.strip_prefix(folder)?.strip_suffix(".ndjson")?;
    digits.parse().ok()
}
