//! The copies of the documents, batch by batch.

use broker_engine::storage::{self, Duplicate, Object, Selection};
use broker_engine::{Error, ErrorKind, Result, clock, progress};

use crate::entry::{Entry, Skipped, VANISHED, is_of_one_part};
use crate::glob::Pattern;
use crate::id::Id;
use crate::journal::Header;
use crate::record::Documents;
use crate::text::line;

/// The maximum time that one call copies, in milliseconds, and the maximum number of documents.
const MAX_TIME: u64 = 30_000;
const MAX_OBJECTS: usize = 20_000;
/// How often a document is copied that changes meanwhile, and how often a store may copy nothing of a batch.
const TRIES: usize = 4;
/// The maximum length of a journal without its header, in bytes, and the length of a line beside its key.
const MAX_BATCH: usize = 900 << 10;
const LINE: usize = 450;
/// The maximum number of documents that could not be copied.
const MAX_MISSING: u64 = 10_000;
/// The maximum length of the names and reasons of all documents that were not copied, in bytes. They are in the memory
/// of the engine at the end.
const MAX_SKIPPED: u64 = 16 << 20;

/// The work of one call.
struct Copying<'a> {
    id: &'a Id,
    documents: &'a Documents,
    excluded: Vec<Pattern>,
    at: Header,
    /// Whether a part of the next batch may be copied.
    is_cut: bool,
    /// Whether the keys of a page may be those of earlier batches.
    is_catching_up: bool,
}

/// Copies the documents behind `at` until all are copied, or until it is enough for one call. Returns how far the run
/// is.
///
/// # Errors
/// Fails if the store refuses. The documents of complete batches are not copied again then.
pub fn go_on(id: &Id, documents: &Documents, at: Header) -> Result<Header> {
    check_useful(id, &at)?;
    if at.is_last {
        return Ok(at);
    }
    let excluded = documents.excluded.iter();
    let mut copying = Copying {
        id,
        documents,
        excluded: excluded.map(|it| Pattern::parse(it)).collect(),
        is_cut: at.has_begun_next(id)?,
        at,
        is_catching_up: true,
    };
    let begun = clock::now();
    let first = copying.at.objects;
    loop {
        copying.page()?;
        progress::report("documents copied", copying.at.objects, None);
        let copied = copying.at.objects - first;
        let late = clock::now().saturating_sub(begun) >= MAX_TIME;
        if copying.at.is_last || late || copied >= MAX_OBJECTS as u64 {
            return Ok(copying.at);
        }
    }
}

/// Fails if too many documents are left out.
fn check_useful(id: &Id, at: &Header) -> Result<()> {
    if at.missing <= MAX_MISSING && at.skipped_text <= MAX_SKIPPED {
        return Ok(());
    }
    Err(Error::failed(format!(
        "{} documents could not be copied, and {} vanished: the backup would be useless",
        at.missing,
        at.skipped - at.missing
    ))
    .with_hint(format!(
        "The reasons are in the journals in {}",
        id.shown("run/")
    )))
}

impl Copying<'_> {
    /// Copies the documents of one page.
    fn page(&mut self) -> Result<()> {
        let Documents { bucket, prefix, .. } = self.documents;
        let selection = Selection {
            cursor: self.at.cursor.clone(),
            ..bucket.select(prefix)
        };
        let page = match bucket.list(&selection) {
            // A cursor is not valid for ever: the list begins anew, and goes on behind the last key.
            Err(error)
                if error.kind == ErrorKind::InvalidArgument && selection.cursor.is_some() =>
            {
                self.at.cursor = None;
                self.is_catching_up = true;
                return self.skim();
            }
            other => other?,
        };
        self.take(page, selection.cursor.as_ref())
    }

    /// Reads pages from the beginning until one has keys behind the last one.
    fn skim(&mut self) -> Result<()> {
        let Documents { bucket, prefix, .. } = self.documents;
        let mut selection = bucket.select(prefix);
        loop {
            let page = bucket.list(&selection)?;
            let is_new = page
                .objects
                .last()
                .is_some_and(|it| it.key > self.at.last_key);
            if is_new || page.next.is_none() {
                return self.take(page, selection.cursor.as_ref());
            }
            if page.next == selection.cursor {
                return Err(self.endless());
            }
            selection.cursor = page.next;
        }
    }

    fn endless(&self) -> Error {
        let bucket = &self.documents.bucket;
        Error::protocol(format!("the list of bucket {bucket} does not end"))
    }

    /// Copies the documents of a page, in one batch or in several.
    fn take(&mut self, page: storage::Page, cursor: Option<&String>) -> Result<()> {
        let mut objects = page.objects;
        let is_sorted = objects.windows(2).all(|pair| pair[0].key < pair[1].key);
        let mut ends_after = is_sorted;
        if self.is_catching_up {
            objects.retain(|object| object.key > self.at.last_key);
        } else if let Some(first) = objects.first() {
            ends_after &= first.key > self.at.last_key;
        }
        if !ends_after {
            let bucket = &self.documents.bucket;
            return Err(Error::protocol(format!(
                "the list of bucket {bucket} is not in the order of the keys, so that it can't be continued"
            )));
        }
        if page.next.is_some() && page.next.as_ref() == cursor {
            return Err(self.endless());
        }
        self.is_catching_up &= objects.is_empty();
        let mut batches = batches(objects).into_iter().peekable();
        // The last page may be empty, and ends the run all the same.
        if batches.peek().is_none() && page.next.is_some() {
            self.at.cursor = page.next;
            return Ok(());
        }
        let batches: Vec<_> = match batches.peek() {
            Some(_) => batches.collect(),
            None => vec![Vec::new()],
        };
        let last = batches.len() - 1;
        for (number, batch) in batches.into_iter().enumerate() {
            let is_end = number == last;
            let mut next = self.at.clone();
            next.cursor = if is_end {
                page.next.clone()
            } else {
                cursor.cloned()
            };
            next.is_last = is_end && page.next.is_none();
            if let Some(object) = batch.last() {
                next.last_key.clone_from(&object.key);
            }
            let (skipped, entries) = self.batch(batch)?;
            next.add(self.id, &skipped, &entries)?;
            self.at = next;
            self.is_cut = false;
            check_useful(self.id, &self.at)?;
        }
        Ok(())
    }

    /// Copies one batch.
    fn batch(&self, objects: Vec<Object>) -> Result<(Vec<Skipped>, Vec<Entry>)> {
        let mut skipped = Vec::new();
        let mut entries = Vec::new();
        let mut to_copy = Vec::new();
        for object in objects {
            let rest = object.key.strip_prefix(&self.documents.prefix);
            let rest = rest.unwrap_or(&object.key);
            if self.excluded.iter().any(|pattern| pattern.fits(rest)) {
                continue;
            }
            if let Some(reason) = unsupported(&object.key) {
                skipped.push(Skipped::new(&object.key, reason));
                continue;
            }
            match self.copied_before(&object)? {
                Some(entry) => entries.push(entry),
                None => to_copy.push(object),
            }
        }
        if !to_copy.is_empty() {
            self.at.begin_next(self.id)?;
            let is_first = self.at.objects == 0 && entries.is_empty();
            self.copy(to_copy, is_first, &mut skipped, &mut entries)?;
        }
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        skipped.sort_by(|a, b| a.key.cmp(&b.key));
        Ok((skipped, entries))
    }

    /// Returns the facts about a document of a batch that was interrupted, if its copy exists and is equal.
    fn copied_before(&self, object: &Object) -> Result<Option<Entry>> {
        if !self.is_cut || !is_of_one_part(object.etag.as_deref()) {
            return Ok(None);
        }
        match self.id.at(&self.id.name_of_copy(&object.key)).head() {
            Ok(copy) if copy.size == object.size && copy.etag == object.etag => {
                Ok(Some(self.entry(object, &copy)))
            }
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(None),
        }
    }

    /// Copies documents, and those again that changed meanwhile.
    fn copy(
        &self,
        objects: Vec<Object>,
        is_first: bool,
        skipped: &mut Vec<Skipped>,
        entries: &mut Vec<Entry>,
    ) -> Result<()> {
        // Each with the number of its versions that were not copied.
        let mut left: Vec<_> = objects.into_iter().map(|object| (object, 0)).collect();
        let mut refused = None;
        let mut patience = Patience::default();
        while !left.is_empty() {
            let duplicates: Vec<_> = left.iter().map(|(it, _)| self.duplicate(it)).collect();
            let results = self.id.bucket.copy(&duplicates)?;
            patience.note(&results);
            let mut again = Vec::new();
            for ((object, versions), result) in left.into_iter().zip(results) {
                let error = match result {
                    Ok(copy) => {
                        entries.push(self.entry(&object, &copy));
                        continue;
                    }
                    Err(error) => error,
                };
                if is_busy(&error) {
                    again.push((object, versions));
                    patience.check(error)?;
                    continue;
                }
                match self.after(&object, error, versions + 1)? {
                    After::Again(now) => again.push((now, versions + 1)),
                    After::Skip(reason) => skipped.push(Skipped::new(&object.key, reason)),
                    After::Refuse(error) => {
                        let reason = format!("refused: {}", line(&error.message));
                        skipped.push(Skipped::new(&object.key, reason));
                        refused.get_or_insert(error);
                    }
                }
            }
            left = again;
        }
        // A store that refuses everything refuses the backup.
        match refused {
            Some(error) if is_first && entries.is_empty() => Err(error),
            _ => Ok(()),
        }
    }

    fn entry(&self, object: &Object, copy: &Object) -> Entry {
        let name = self.id.name_of_copy(&object.key);
        Entry::of(object, copy, &name, self.id.bucket.is_google())
    }

    fn duplicate(&self, object: &Object) -> Duplicate {
        let target = self.id.at(&self.id.name_of_copy(&object.key));
        self.documents.bucket.duplicate(object, &target)
    }

    /// Decides what becomes of a document that was not copied.
    ///
    /// # Errors
    /// Returns the error if no further document could be copied either.
    fn after(&self, object: &Object, error: Error, attempt: usize) -> Result<After> {
        use ErrorKind as K;

        let is_over = attempt == TRIES;
        match error.kind {
            K::Cancelled | K::Unauthenticated | K::Denied => Err(error),
            K::NotFound | K::Conflict if !error.message.contains("InvalidObjectState") => {
                match self.documents.bucket.at(object.key.as_str()).head() {
                    // Then it is the bucket of the destination that does not exist.
                    Ok(_) if is_over && error.kind == K::NotFound => Err(error),
                    Ok(_) if is_over => Ok(After::Skip("changed again and again".to_owned())),
                    Ok(now) => Ok(After::Again(Object {
                        key: object.key.clone(),
                        ..now
                    })),
                    Err(gone) if gone.kind == K::NotFound => Ok(After::Skip(VANISHED.to_owned())),
                    Err(other) => Err(other),
                }
            }
            K::Forbidden => Ok(After::Refuse(error)),
            _ => Ok(After::Skip(format!("failed: {}", line(&error.message)))),
        }
    }
}

/// Returns whether the store may make the same copy a moment later. The host has tried it several times already.
pub fn is_busy(error: &Error) -> bool {
    let is_late = matches!(error.kind, ErrorKind::Unavailable | ErrorKind::TimedOut);
    is_late || (error.retryable && error.kind != ErrorKind::Cancelled)
}

/// The patience with a store that is too busy: it ends when nothing is copied several times.
#[derive(Default)]
pub struct Patience {
    in_vain: usize,
}

impl Patience {
    /// Looks at the results of a batch.
    pub fn note(&mut self, results: &[Result<Object>]) {
        let has_copied = results.iter().any(Result::is_ok);
        self.in_vain = if has_copied { 0 } else { self.in_vain + 1 };
    }

    /// Returns the error of a busy store when the patience has ended.
    ///
    /// # Errors
    /// That error.
    pub fn check(&self, error: Error) -> Result<()> {
        if self.in_vain < TRIES {
            Ok(())
        } else {
            Err(error)
        }
    }
}

/// The fate of a document that was not copied.
enum After {
    Again(Object),
    Skip(String),
    /// The store has no permission for it.
    Refuse(Error),
}

/// Splits the documents of a page, so that each journal is short enough.
fn batches(objects: Vec<Object>) -> Vec<Vec<Object>> {
    let mut batches: Vec<Vec<Object>> = Vec::new();
    let mut length = MAX_BATCH;
    for object in objects {
        // The key is there twice if it is refused: in the reason as well. Escapes make it longer.
        let own = LINE + 3 * object.key.len();
        if length + own > MAX_BATCH {
            batches.push(Vec::new());
            length = 0;
        }
        length += own;
        if let Some(batch) = batches.last_mut() {
            batch.push(object);
        }
    }
    batches
}

/// Returns why a document can't be copied, by its key. Servers may take such a key for another one, and the host
/// refuses it.
pub fn unsupported(key: &str) -> Option<&'static str> {
    if key.contains(char::is_control) {
        return Some("unsupported: the key has a control character");
    }
    let climbs = key.split('/').any(|part| matches!(part, "." | ".."));
    climbs.then_some("unsupported: the key has a segment `.` or `..`")
}
