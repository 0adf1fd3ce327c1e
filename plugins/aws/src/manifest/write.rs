//! Writing a manifest from the journals of a run.

use std::io::Write as _;

use broker_engine::storage::{Condition, Upload};
use broker_engine::{Error, ErrorKind, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{COMPRESSED, END_OF_FILES, FILES, PLAIN, Reader, document, find, frame};
use crate::entry::Skipped;
use crate::id::{Id, hexadecimal};
use crate::journal::{self, Header};
use crate::json::canonical;
use crate::rds::Snapshot;
use crate::record::Record;

/// The length from which a manifest is compressed, in bytes.
const COMPRESS_FROM: u64 = 1 << 20;
/// The length of the pieces that are written, in bytes.
const PIECE: usize = 1 << 20;
/// The order of the fields in the stored text. It is that of the plan of the backup controller.
const FIELDS: [&str; 8] = [
    "version",
    "timestamp",
    "project",
    "environment",
    "backup_id",
    "retention",
    "tags",
    "database",
];

/// Writes the manifest of a run whose documents are all copied.
///
/// # Errors
/// Fails if there is a manifest of something else, if a journal is damaged, or if the store refuses.
pub fn write(id: &Id, record: &Record, snapshot: Option<&Snapshot>, at: &Header) -> Result<()> {
    let mut skipped = Vec::new();
    for number in (1..=at.number).filter(|_| at.skipped > 0) {
        skipped.extend(journal::read(id, number)?.1.skipped);
    }
    let mut document = document(id, record, snapshot, at);
    let library = document["document_library"].as_object_mut();
    let has_documents = library.is_some();
    if let Some(library) = library {
        let skipped = skipped.iter().map(value_of);
        library.insert("skipped".to_owned(), skipped.collect());
    }
    let (before, behind) = frame(&document);
    let head = head(&document);
    // Six spaces, a comma and a line feed for each document.
    let length = head.len() as u64 + at.text + 8 * at.objects;
    let is_long = length >= COMPRESS_FROM;
    let name = if is_long { COMPRESSED } else { PLAIN };
    let mut out = Output::begin(id, name, is_long)?;
    let mut digest = Sha256::new();
    digest.update(&before);
    out.write(&head)?;
    if has_documents {
        let mut is_first = true;
        for number in 1..=at.number {
            let (_, journal) = journal::read(id, number)?;
            for line in journal.lines.lines() {
                if !is_first {
                    digest.update(",");
                    out.write(",\n")?;
                }
                is_first = false;
                digest.update(line);
                out.write("      ")?;
                out.write(line)?;
            }
        }
        let end = if is_first { "" } else { "\n" };
        out.write(&format!("{end}{END_OF_FILES}\n  }},\n"))?;
    }
    digest.update(&behind);
    let checksum = format!("sha256:{}", hexadecimal(&digest.finalize()));
    out.write(&format!("  \"checksum\": \"{checksum}\"\n}}\n"))?;
    match out.finish() {
        Ok(()) => Ok(()),
        Err(error) if error.kind == ErrorKind::Conflict => {
            // The response to the first attempt may have been lost.
            let is_same = find(id)?.is_some_and(|it| is_of(it, &checksum));
            if is_same {
                return Ok(());
            }
            Err(error
                .with_message(format!(
                    "there is another manifest already: {}",
                    id.shown(name)
                ))
                .with_hint(
                    "Look at it with the verb `manifest`; another --at makes another backup",
                ))
        }
        Err(error) => Err(error),
    }
}

/// Returns whether a manifest has this checksum.
fn is_of(mut reader: Reader, checksum: &str) -> bool {
    let summary = reader.read_rest(|_| Ok(()));
    summary.is_ok_and(|it| it.document["checksum"] == checksum)
}

fn value_of(skipped: &Skipped) -> Value {
    serde_json::json!({ "key": skipped.key, "reason": skipped.reason })
}

/// Returns the stored text up to the first document.
fn head(document: &Value) -> String {
    let mut head = "{\n".to_owned();
    for field in FIELDS {
        head += &format!("  \"{field}\": {},\n", canonical(&document[field]));
    }
    let Some(library) = document["document_library"].as_object() else {
        return head + "  \"document_library\": null,\n";
    };
    head += "  \"document_library\": {\n";
    for (field, value) in library {
        head += &format!("    \"{field}\": {},\n", canonical(value));
    }
    head + FILES + "\n"
}

/// The manifest that is written, in pieces.
struct Output {
    upload: Upload,
    compressed: Option<GzEncoder<Vec<u8>>>,
    plain: Vec<u8>,
}

impl Output {
    fn begin(id: &Id, name: &str, is_compressed: bool) -> Result<Self> {
        let media = if is_compressed {
            "application/gzip"
        } else {
            "application/json"
        };
        let at = id.at(name);
        Ok(Self {
            upload: at.begin(Some(media), &Condition::Absent)?,
            compressed: is_compressed.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
            plain: Vec::new(),
        })
    }

    fn write(&mut self, text: &str) -> Result<()> {
        // A text of many names that were skipped is long itself.
        for part in text.as_bytes().chunks(PIECE) {
            let ready = match &mut self.compressed {
                Some(encoder) => {
                    encoder.write_all(part).map_err(failed)?;
                    encoder.get_mut()
                }
                None => {
                    self.plain.extend_from_slice(part);
                    &mut self.plain
                }
            };
            if ready.len() >= PIECE {
                self.upload.write(ready)?;
                ready.clear();
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        let rest = match self.compressed {
            Some(encoder) => encoder.finish().map_err(failed)?,
            None => self.plain,
        };
        self.upload.write(&rest)?;
        self.upload.finish().map(drop)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it")]
fn failed(error: std::io::Error) -> Error {
    Error::failed(format!("the manifest can't be compressed: {error}"))
}
