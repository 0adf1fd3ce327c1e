//! The copies of documents back to a bucket.

use broker_engine::storage::{Condition, Duplicate, Object};
use broker_engine::{Error, ErrorKind, Result, clock};
use serde::{Deserialize, Serialize};

use crate::bucket::{Bucket, Place};
use crate::copying::{Patience, is_busy};
use crate::entry::Entry;
use crate::id::Id;
use crate::manifest;
use crate::record;
use crate::stream::Stream;
use crate::text::line;

/// The maximum time that one call copies, in milliseconds, and the maximum number of documents that it looks at.
const MAX_TIME: u64 = 30_000;
const MAX_OBJECTS: u64 = 20_000;
/// The number of documents that are compared and copied before the progress is written.
const BATCH: usize = 1000;
/// The maximum number of documents that an error names.
const MAX_NAMED: usize = 3;

/// The place of the documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub bucket: Bucket,
    /// The beginning of the keys: empty, or a folder with a slash at its end.
    pub prefix: String,
    /// Whether documents that differ are replaced.
    pub overwrite: bool,
}

/// The documents of a backup beside those of the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Documents that the target does not have, and those that are replaced.
    pub missing: u64,
    pub equal: u64,
    /// Documents that differ.
    pub other: u64,
    /// The length of the documents to copy, in bytes.
    pub bytes: u64,
    #[serde(skip)]
    pub named: Vec<String>,
}

/// How far a restore is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The cursors of the backup and of the target.
    source: Option<String>,
    target: Option<String>,
    /// The last key of the backup that is done.
    last_key: String,
    pub counts: Counts,
    pub is_done: bool,
}

enum Relation {
    Missing,
    Equal,
    Other,
}

/// Returns the name of the object with the progress of a restore.
pub fn progress_of(name: &str) -> String {
    format!("run/restore-{name}.progress.json")
}

impl Progress {
    /// Reads the progress, and the condition for writing it again.
    ///
    /// # Errors
    /// Fails if the store refuses, or if the object is not understood.
    pub fn read(id: &Id, name: &str) -> Result<(Self, Condition)> {
        let at = id.at(&progress_of(name));
        let facts = match at.head() {
            Ok(facts) => facts,
            Err(error) if error.kind == ErrorKind::NotFound => {
                return Ok((Self::default(), Condition::Absent));
            }
            Err(error) => return Err(error),
        };
        let condition = facts.etag.map_or(Condition::None, Condition::Unchanged);
        Ok((record::read(&at)?.unwrap_or_default(), condition))
    }

    fn write(&self, id: &Id, name: &str, condition: &Condition) -> Result<Condition> {
        let at = id.at(&progress_of(name));
        let body = serde_json::to_vec(self);
        let body = body.map_err(|error| Error::failed(format!("no JSON: {error}")))?;
        match at.put(&body, Some("application/json"), condition) {
            Ok(facts) => Ok(facts.etag.map_or(Condition::None, Condition::Unchanged)),
            Err(error) if error.kind == ErrorKind::Conflict => Err(error
                .with_message(format!("another process does the same restore {name}"))
                .with_hint("Let only one process restore a backup; the other one goes on")),
            Err(error) => Err(error),
        }
    }
}

/// Compares the documents of a backup with the target, and changes nothing.
///
/// # Errors
/// Fails if the store refuses.
pub fn preview(id: &Id, target: &Target) -> Result<Counts> {
    let mut pair = Pair::of(id, target, &Progress::default());
    let mut counts = Counts::default();
    while let Some((object, relation)) = pair.next()? {
        counts.add(target, pair.key_of(&object), object.size, &relation);
    }
    each_long(id, |entry, copy| {
        let there = target.bucket.at(target.prefix.clone() + &entry.key);
        let relation = relation_by_heads(copy, &there)?;
        counts.add(target, &entry.key, entry.size_bytes, &relation);
        Ok(())
    })?;
    Ok(counts)
}

/// Copies documents until all are copied, or until it is enough for one call. Returns what is done so far.
///
/// # Errors
/// Fails if the target has other documents meanwhile, or if the store refuses.
pub fn go_on(id: &Id, name: &str, target: &Target) -> Result<Counts> {
    let (mut progress, mut condition) = Progress::read(id, name)?;
    let begun = clock::now();
    let mut looked_at = 0;
    let mut pair = Pair::of(id, target, &progress);
    while !progress.is_done {
        let mut duplicates = Vec::new();
        let mut last_key = None;
        let mut is_end = true;
        for _ in 0..BATCH {
            let Some((object, relation)) = pair.next()? else {
                break;
            };
            is_end = false;
            let key = pair.key_of(&object).to_owned();
            progress.counts.add(target, &key, object.size, &relation);
            if let Some(to) = target.place(&key, &relation)? {
                duplicates.push(id.bucket.duplicate(&object, &to));
            }
            last_key = Some(object.key);
            looked_at += 1;
        }
        copy(&id.bucket, duplicates)?;
        if let Some(key) = last_key {
            progress.last_key = key;
        }
        progress.source = pair.source.cursor();
        progress.target = pair.target.cursor();
        if is_end {
            long(id, target, &mut progress.counts)?;
            progress.is_done = true;
        }
        condition = progress.write(id, name, &condition)?;
        let late = clock::now().saturating_sub(begun) >= MAX_TIME;
        if late || looked_at >= MAX_OBJECTS {
            break;
        }
    }
    Ok(progress.counts)
}

/// Copies the documents whose copies have other names.
fn long(id: &Id, target: &Target, counts: &mut Counts) -> Result<()> {
    each_long(id, |entry, source| {
        let there = target.bucket.at(target.prefix.clone() + &entry.key);
        let relation = relation_by_heads(source, &there)?;
        counts.add(target, &entry.key, entry.size_bytes, &relation);
        match target.place(&entry.key, &relation)? {
            Some(to) => {
                let duplicate = Duplicate {
                    source: source.location(),
                    target: to.location(),
                    size: Some(entry.size_bytes),
                    etag: None,
                };
                copy(&id.bucket, vec![duplicate])
            }
            None => Ok(()),
        }
    })
}

impl Counts {
    fn add(&mut self, target: &Target, key: &str, bytes: u64, relation: &Relation) {
        match relation {
            Relation::Equal => self.equal += 1,
            Relation::Missing => self.missing += 1,
            Relation::Other => {
                self.other += 1;
                self.missing += u64::from(target.overwrite);
                if self.named.len() < MAX_NAMED {
                    self.named.push(line(key));
                }
            }
        }
        if target.overwrite || !matches!(relation, Relation::Other) {
            let is_copied = !matches!(relation, Relation::Equal);
            self.bytes += if is_copied { bytes } else { 0 };
        }
    }
}

impl Target {
    /// Returns where a document is copied to. `None` if it is there already.
    fn place(&self, key: &str, relation: &Relation) -> Result<Option<Place>> {
        let to = self.bucket.at(self.prefix.clone() + key);
        match relation {
            Relation::Equal => Ok(None),
            Relation::Other if !self.overwrite => Err(Error::conflict(format!(
                "{} differs from the document of the backup",
                line(&to.to_string())
            ))
            .with_hint("Something has written it since the restore began: restore again with --overwrite to replace it")),
            Relation::Missing | Relation::Other => Ok(Some(to)),
        }
    }
}

/// The documents of a backup and those of the target, both in the order of their keys.
struct Pair {
    source: Stream,
    target: Stream,
    /// The length of the prefixes of both.
    lengths: (usize, usize),
    buckets: (Bucket, Bucket),
}

impl Pair {
    fn of(id: &Id, target: &Target, from: &Progress) -> Self {
        let folder = id.key("dl/");
        let source = from.source.clone();
        Self {
            source: Stream::from(&id.bucket, &folder, source, &from.last_key),
            target: Stream::from(&target.bucket, &target.prefix, from.target.clone(), ""),
            lengths: (folder.len(), target.prefix.len()),
            buckets: (id.bucket.clone(), target.bucket.clone()),
        }
    }

    fn key_of<'a>(&self, object: &'a Object) -> &'a str {
        &object.key[self.lengths.0..]
    }

    /// Returns the next document of the backup, and how the one in the target relates to it.
    fn next(&mut self) -> Result<Option<(Object, Relation)>> {
        let Some(object) = self.source.next()? else {
            return Ok(None);
        };
        let key = self.key_of(&object).to_owned();
        let from = self.lengths.1;
        while self.target.peek()?.is_some_and(|it| it.key[from..] < *key) {
            self.target.next()?;
        }
        let there = self.target.peek()?.filter(|it| it.key[from..] == *key);
        let relation = match there {
            None => Relation::Missing,
            Some(there) if there.size != object.size => Relation::Other,
            Some(there) if there.etag.is_some() && there.etag == object.etag => Relation::Equal,
            // An `etag` depends on parts and on encryption, too.
            Some(there) => relation_by_heads(
                &self.buckets.0.at(object.key.as_str()),
                &self.buckets.1.at(there.key.clone()),
            )?,
        };
        Ok(Some((object, relation)))
    }
}

/// Compares two objects by their lengths and digests, or by their `etag`.
fn relation_by_heads(source: &Place, target: &Place) -> Result<Relation> {
    let there = match target.head() {
        Ok(there) => there,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Relation::Missing),
        Err(error) => return Err(error),
    };
    let ours = source.head()?;
    let has_same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    let is_equal = ours.size == there.size
        && (has_same(&ours.sha256, &there.sha256) || has_same(&ours.etag, &there.etag));
    Ok(if is_equal {
        Relation::Equal
    } else {
        Relation::Other
    })
}

/// Calls `each` with every document whose copy has another name, and the place of the copy.
fn each_long(id: &Id, mut each: impl FnMut(&Entry, &Place) -> Result<()>) -> Result<()> {
    if Stream::of(&id.bucket, &id.key("long/")).peek()?.is_none() {
        return Ok(());
    }
    let Some(mut reader) = manifest::find(id)? else {
        return Ok(());
    };
    let read = reader.read_rest(|entry| match &entry.stored_as {
        Some(name) => each(&entry, &id.at(name)),
        None => Ok(()),
    });
    read.map(drop)
}

/// Copies documents, and those again that the store was too busy for.
fn copy(bucket: &Bucket, duplicates: Vec<Duplicate>) -> Result<()> {
    let mut left = duplicates;
    let mut patience = Patience::default();
    while !left.is_empty() {
        let results = bucket.copy(&left)?;
        patience.note(&results);
        let mut again = Vec::new();
        for (duplicate, result) in left.into_iter().zip(results) {
            let Err(error) = result else {
                continue;
            };
            let key = line(&duplicate.target.key);
            let message = format!("{key} can't be restored: {}", error.message);
            let is_busy = is_busy(&error);
            let error = error.with_message(message);
            if !is_busy {
                return Err(error);
            }
            patience.check(error)?;
            again.push(duplicate);
        }
        left = again;
    }
    Ok(())
}
