//! The native implementation of object stores.

pub(crate) mod aws;
mod faults;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use broker_manifest::{StoreKind, StoreVerb, is_bucket};
use faults::Faults;
use sha2::{Digest as _, Sha256};

use super::{Answer, Host, Response, current};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{Condition, Duplicate, Location, Object, Page, Selection};

/// The maximum number of objects in a page, and in a batch. The host has the same limits.
const MAX_PAGE: usize = 1000;

/// The maximum length of an object that is written at once, and of a key, in bytes. The host has the same limits.
const MAX_PUT: usize = 1 << 20;
const MAX_KEY: usize = 1024;

/// The bucket and the key of an object. A bucket of Google Cloud Storage has its scheme in front, because stores of several
/// kinds may have buckets of one name.
type At = (String, String);

/// The objects and their faults, by bucket and key, and the answers to actions.
#[derive(Debug, Default)]
pub(super) struct Outside {
    objects: BTreeMap<At, Kept>,
    copied: Vec<String>,
    longest_write: usize,
    faults: Faults,
    actions: aws::Actions,
}

/// An object.
#[derive(Debug, Clone, Default)]
struct Kept {
    body: Vec<u8>,
    modified: Option<String>,
    has_digest: bool,
}

impl Host {
    /// Puts an object into all stores that speak S3. `gs://BUCKET` is a bucket of the stores of the kind `gcs`, here and
    /// wherever a bucket is named.
    #[must_use]
    pub fn stored(self, bucket: &str, key: &str, body: impl AsRef<[u8]>) -> Self {
        let kept = Kept {
            body: body.as_ref().to_vec(),
            ..Kept::default()
        };
        self.keep((bucket.to_owned(), key.to_owned()), kept);
        self
    }

    /// Sets the time of the last change of an object that exists.
    #[must_use]
    pub fn modified(self, bucket: &str, key: &str, time: &str) -> Self {
        let at = (bucket.to_owned(), key.to_owned());
        if let Some(kept) = self.0.borrow_mut().outside.objects.get_mut(&at) {
            kept.modified = Some(time.to_owned());
        }
        self
    }

    /// Removes an object from all stores.
    #[must_use]
    pub fn removed(self, bucket: &str, key: &str) -> Self {
        let at = (bucket.to_owned(), key.to_owned());
        self.0.borrow_mut().outside.objects.remove(&at);
        self
    }

    /// Returns the targets of all copies so far, as `BUCKET/KEY` and in order.
    #[must_use]
    pub fn copied(&self) -> Vec<String> {
        self.0.borrow().outside.copied.clone()
    }

    /// Returns the length of the longest piece that the engine wrote at once, in bytes.
    #[must_use]
    pub fn longest_write(&self) -> usize {
        self.0.borrow().outside.longest_write
    }

    /// Returns the keys of a bucket, in order.
    #[must_use]
    pub fn keys_of(&self, bucket: &str) -> Vec<String> {
        let script = self.0.borrow();
        let places = script.outside.objects.keys();
        let keys = places.filter(|(is, _)| is == bucket);
        keys.map(|(_, key)| key.clone()).collect()
    }

    fn keep(&self, at: At, kept: Kept) {
        self.0.borrow_mut().outside.objects.insert(at, kept);
    }

    fn kept(&self, at: &At) -> Result<Kept> {
        let kept = self.0.borrow().outside.objects.get(at).cloned();
        kept.ok_or_else(|| Error::not_found(format!("{} does not exist", address(at))))
    }

    /// Returns the kind of a store. Without a manifest, all speak S3.
    fn kind_of(&self, store: &str) -> StoreKind {
        let script = self.0.borrow();
        let manifest = script.manifest.as_ref();
        let store = manifest.and_then(|manifest| manifest.storage.get(store));
        store.map_or(StoreKind::S3, |store| store.kind)
    }

    fn note_write(&self, length: usize) {
        let outside = &mut self.0.borrow_mut().outside;
        outside.longest_write = outside.longest_write.max(length);
    }

    /// Returns the bytes of an object, if it exists.
    #[must_use]
    pub fn bytes_of(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let at = (bucket.to_owned(), key.to_owned());
        let script = self.0.borrow();
        script
            .outside
            .objects
            .get(&at)
            .map(|kept| kept.body.clone())
    }

    /// Returns the place of an object.
    ///
    /// # Errors
    /// Fails if the manifest does not allow the call, or if the test refuses it.
    fn check_store(&self, store: &str, verb: StoreVerb, bucket: &str, key: &str) -> Result<At> {
        if !is_bucket(bucket) {
            let message = format!("`{bucket}` is not a name of a bucket");
            return Err(Error::invalid(message));
        }
        let climbs = key.split('/').any(|part| matches!(part, "." | ".."));
        if climbs || key.len() > MAX_KEY || key.contains(char::is_control) {
            return Err(Error::invalid(format!("{key:?} is not a key of an object")));
        }
        self.check_grant(store, verb, bucket, key)?;
        self.count()?;
        let key = if verb == StoreVerb::List { "" } else { key };
        let bucket = match self.kind_of(store) {
            StoreKind::S3 => bucket.to_owned(),
            kind @ StoreKind::Gcs => format!("{}{bucket}", kind.scheme()),
        };
        let at = (bucket, key.to_owned());
        self.check_refused(&at)?;
        Ok(at)
    }

    fn check_grant(&self, store: &str, verb: StoreVerb, bucket: &str, key: &str) -> Result<()> {
        let script = self.0.borrow();
        let Some(manifest) = &script.manifest else {
            return Ok(());
        };
        // The options of the call are not known here, so that a place that the user names fits any bucket.
        let allows = manifest.storage.get(store).is_some_and(|store| {
            store.allows(verb, bucket, key, |_| None)
                || store.allow.iter().any(|rule| {
                    let is_option =
                        matches!(rule.place(), broker_manifest::StorePlace::Option { .. });
                    is_option && rule.verbs().contains(&verb)
                })
        });
        if allows {
            return Ok(());
        }
        let message =
            format!("the manifest does not allow `{verb}` in `{bucket}/{key}` of store `{store}`");
        Err(Error::new(ErrorKind::Denied, message))
    }
}

/// Returns the address of an object.
fn address((bucket, key): &At) -> String {
    if bucket.starts_with(StoreKind::Gcs.scheme()) {
        return format!("{bucket}/{key}");
    }
    format!("{}{bucket}/{key}", StoreKind::S3.scheme())
}

fn facts(key: &str, kept: &Kept) -> Object {
    let body = &kept.body;
    // Any function of the bytes is good enough to notice a change.
    let sum = body.iter().fold(5381_u64, |sum, byte| {
        sum.wrapping_mul(33) ^ u64::from(*byte)
    });
    Object {
        key: key.to_owned(),
        size: body.len() as u64,
        modified: kept.modified.clone(),
        etag: Some(format!("\"{sum:x}\"")),
        sha256: kept.has_digest.then(|| digest(body)),
    }
}

fn digest(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn get(store: &str, at: &Location) -> Result<Response> {
    let host = current();
    let place = host.check_store(store, StoreVerb::Get, &at.bucket, &at.key)?;
    let answer = Answer {
        status: 200,
        headers: Vec::new(),
        body: host.kept(&place)?.body,
    };
    Ok(Response(RefCell::new(answer)))
}

pub(crate) fn head(store: &str, at: &Location) -> Result<Object> {
    let host = current();
    let place = host.check_store(store, StoreVerb::Get, &at.bucket, &at.key)?;
    Ok(facts(&at.key, &host.kept(&place)?))
}

pub(crate) fn list(store: &str, selection: &Selection) -> Result<Page> {
    let Selection {
        bucket,
        prefix,
        folders,
        cursor,
        limit,
    } = selection;
    let host = current();
    let (bucket, _) = host.check_store(store, StoreVerb::List, bucket, prefix)?;
    let script = host.0.borrow();
    let number = format!("{}/", script.outside.faults.cursors());
    let cursor = cursor.as_ref().map(|cursor| {
        let last = cursor.strip_prefix(&number);
        last.ok_or_else(|| Error::invalid("the continuation token is incorrect"))
    });
    let cursor = cursor.transpose()?;
    let most = limit.map_or(MAX_PAGE, |limit| (limit as usize).clamp(1, MAX_PAGE));
    let mut page = Page {
        objects: Vec::new(),
        folders: Vec::new(),
        next: None,
    };
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let objects = script.outside.objects.iter();
    let objects =
        objects.filter(|((is, key), _)| *is == bucket && key.starts_with(prefix.as_str()));
    for ((_, key), kept) in objects {
        let end = key[prefix.len()..].find('/').filter(|_| *folders);
        let name = end.map_or(key.as_str(), |end| &key[..=prefix.len() + end]);
        if cursor.is_some_and(|cursor| name <= cursor) || seen.contains(name) {
            continue;
        }
        if page.objects.len() + page.folders.len() == most {
            page.next = seen.last().map(|name| format!("{number}{name}"));
            break;
        }
        seen.insert(name);
        match end {
            Some(_) => page.folders.push(name.to_owned()),
            // A list has no digests.
            None => page.objects.push(Object {
                sha256: None,
                ..facts(key, kept)
            }),
        }
    }
    Ok(page)
}

/// The maximum length of a piece of an upload, in bytes. The host has the same limit.
const MAX_PIECE: usize = 8 << 20;

/// An object that is written in pieces.
#[derive(Debug)]
pub(crate) struct Upload {
    store: String,
    at: Location,
    condition: Condition,
    bytes: RefCell<Vec<u8>>,
}

impl Upload {
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > MAX_PIECE {
            let message = format!("{} bytes at once", bytes.len());
            return Err(Error::invalid(message));
        }
        let host = current();
        host.count()?;
        host.note_write(bytes.len());
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn finish(&self) -> Result<Object> {
        let bytes = self.bytes.take();
        write(&self.store, &self.at, bytes, &self.condition)
    }
}

pub(crate) fn begin(
    store: &str,
    at: &Location,
    _: Option<&str>,
    condition: &Condition,
) -> Result<Upload> {
    current().check_store(store, StoreVerb::Put, &at.bucket, &at.key)?;
    if let Condition::Unchanged(_) = condition {
        return Err(Error::invalid(
            "an upload in pieces can't depend on a version".to_owned(),
        ));
    }
    Ok(Upload {
        store: store.to_owned(),
        at: at.clone(),
        condition: condition.clone(),
        bytes: RefCell::default(),
    })
}

pub(crate) fn put(
    store: &str,
    at: &Location,
    body: &[u8],
    _: Option<&str>,
    condition: &Condition,
) -> Result<Object> {
    if body.len() > MAX_PUT {
        let message = format!("the object has {} bytes", body.len());
        return Err(Error::invalid(message));
    }
    current().note_write(body.len());
    write(store, at, body.to_vec(), condition)
}

fn write(store: &str, at: &Location, body: Vec<u8>, condition: &Condition) -> Result<Object> {
    let host = current();
    let place = host.check_store(store, StoreVerb::Put, &at.bucket, &at.key)?;
    let old = host.kept(&place).ok();
    let etag = old.as_ref().and_then(|old| facts(&at.key, old).etag);
    let is_met = match condition {
        Condition::None => true,
        Condition::Absent => old.is_none(),
        Condition::Unchanged(expected) => etag.as_ref() == Some(expected),
    };
    if !is_met {
        let message = format!("{} is not as demanded", address(&place));
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    let kept = Kept {
        body,
        modified: None,
        has_digest: host.kind_of(store) == StoreKind::S3,
    };
    let facts = facts(&at.key, &kept);
    host.keep(place, kept);
    Ok(facts)
}

pub(crate) fn copy(store: &str, duplicates: &[Duplicate]) -> Result<Vec<Result<Object>>> {
    check_batch(duplicates.len())?;
    Ok(duplicates.iter().map(|one| copy_one(store, one)).collect())
}

fn copy_one(store: &str, one: &Duplicate) -> Result<Object> {
    let host = current();
    let (source, target) = (&one.source, &one.target);
    let from = host.check_store(store, StoreVerb::Get, &source.bucket, &source.key)?;
    let to = host.check_store(store, StoreVerb::Copy, &target.bucket, &target.key)?;
    host.count_copy()?;
    host.change(&from);
    let mut kept = host.kept(&from)?;
    kept.has_digest = host.kind_of(store) == StoreKind::S3 && host.digests(&from);
    let object = facts(&target.key, &kept);
    if one.etag.is_some() && one.etag != object.etag {
        let message = format!("{} has changed", address(&from));
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    let copied = format!("{}/{}", to.0, to.1);
    host.keep(to, kept);
    host.0.borrow_mut().outside.copied.push(copied);
    Ok(object)
}

pub(crate) fn delete(store: &str, bucket: &str, keys: &[String]) -> Result<Vec<Result<()>>> {
    check_batch(keys.len())?;
    let host = current();
    let deleted = keys.iter().map(|key| {
        let at = host.check_store(store, StoreVerb::Delete, bucket, key)?;
        host.0.borrow_mut().outside.objects.remove(&at);
        Ok(())
    });
    Ok(deleted.collect())
}

fn check_batch(number: usize) -> Result<()> {
    if number > MAX_PAGE {
        let message = format!("{number} objects at once");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
