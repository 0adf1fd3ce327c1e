//! The native implementation of object stores and of the services of AWS.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use broker_manifest::{StoreVerb, is_bucket};
use sha2::{Digest as _, Sha256};

use super::{Answer, Host, Response, current};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{Condition, Duplicate, Location, Object, Page, Selection};

/// The maximum number of objects in a page, and in a batch. The host has the same limits.
const MAX_PAGE: usize = 1000;

/// The maximum length of an object that is written at once, and of a key, in bytes. The host has the same limits.
const MAX_PUT: usize = 1 << 20;
const MAX_KEY: usize = 1024;

/// The bucket and the key of an object.
type At = (String, String);

/// The objects and their errors, by bucket and key, and the answers to actions.
#[derive(Debug, Default)]
pub(super) struct Outside {
    objects: BTreeMap<At, Kept>,
    refused: BTreeMap<At, Error>,
    /// Changes of objects just before they are copied. `None` is a deletion.
    changes: BTreeMap<At, VecDeque<Option<Vec<u8>>>>,
    /// Sources whose copies have no digest.
    undigested: BTreeSet<At>,
    copied: Vec<String>,
    /// The store is too busy for each copy whose number is a multiple of this one. 0 is never.
    busy_every: usize,
    tried: usize,
    longest_write: usize,
    /// Cursors of lists have this number; others are refused.
    cursors: usize,
    /// The number of further calls until the user stops the command.
    calls_left: Option<usize>,
    actions: BTreeMap<String, VecDeque<Result<String>>>,
    called: Vec<Called>,
}

/// An object.
#[derive(Debug, Clone, Default)]
struct Kept {
    body: Vec<u8>,
    modified: Option<String>,
    has_digest: bool,
}

/// An action that the engine called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The action as `SERVICE:ACTION`.
    pub action: String,
    /// The parameters, in order.
    pub parameters: Vec<(String, String)>,
    /// The region, if the engine named one.
    pub region: Option<String>,
}

impl Host {
    /// Puts an object into all stores.
    #[must_use]
    pub fn stored(self, bucket: &str, key: &str, body: impl AsRef<[u8]>) -> Self {
        let kept = Kept {
            body: body.as_ref().to_vec(),
            ..Kept::default()
        };
        self.keep(bucket, key, kept);
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

    /// Changes an object just before the engine copies it, or removes it. Further changes are for further copies.
    #[must_use]
    pub fn before_copy(self, bucket: &str, key: &str, body: Option<&[u8]>) -> Self {
        let at = (bucket.to_owned(), key.to_owned());
        let changes = &mut self.0.borrow_mut().outside.changes;
        let body = body.map(<[u8]>::to_vec);
        changes.entry(at).or_default().push_back(body);
        self.clone()
    }

    /// Lets the store be too busy for every third copy, for example. With 0 it is never too busy.
    #[must_use]
    pub fn busy_every(self, copies: usize) -> Self {
        self.0.borrow_mut().outside.busy_every = copies;
        self
    }

    /// Lets the store keep no digest of the copies of an object.
    #[must_use]
    pub fn without_digest(self, bucket: &str, key: &str) -> Self {
        let at = (bucket.to_owned(), key.to_owned());
        self.0.borrow_mut().outside.undigested.insert(at);
        self
    }

    /// Lets the store refuse the cursors of lists that it has given so far.
    #[must_use]
    pub fn forgetting_cursors(self) -> Self {
        self.0.borrow_mut().outside.cursors += 1;
        self
    }

    /// Lets the user stop the command after this number of calls that leave the sandbox: all others fail with
    /// `cancelled`. Each copy and each deletion of a batch counts. `None` lets all calls work again.
    #[must_use]
    pub fn stopped_after(self, calls: Option<usize>) -> Self {
        self.0.borrow_mut().outside.calls_left = calls;
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

    fn keep(&self, bucket: &str, key: &str, kept: Kept) {
        let at = (bucket.to_owned(), key.to_owned());
        self.0.borrow_mut().outside.objects.insert(at, kept);
    }

    fn kept(&self, at: &Location) -> Result<Kept> {
        let place = (at.bucket.clone(), at.key.clone());
        let kept = self.0.borrow().outside.objects.get(&place).cloned();
        kept.ok_or_else(|| {
            Error::not_found(format!("s3://{}/{} does not exist", at.bucket, at.key))
        })
    }

    /// Counts a call that leaves the sandbox.
    ///
    /// # Errors
    /// Fails if the user has stopped the command.
    fn count(&self) -> Result<()> {
        match &mut self.0.borrow_mut().outside.calls_left {
            Some(0) => {
                let message = "the command was stopped";
                Err(Error::new(ErrorKind::Cancelled, message))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Counts a copy.
    ///
    /// # Errors
    /// Fails if the store is too busy for it.
    fn count_copy(&self) -> Result<()> {
        let outside = &mut self.0.borrow_mut().outside;
        outside.tried += 1;
        if outside.busy_every == 0 || !outside.tried.is_multiple_of(outside.busy_every) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, "SlowDown").retry_can_help())
    }

    /// Makes the next change of an object that is about to be copied.
    fn change(&self, at: &At) {
        let mut script = self.0.borrow_mut();
        let outside = &mut script.outside;
        let changes = outside.changes.get_mut(at);
        match changes.and_then(VecDeque::pop_front) {
            Some(Some(body)) => {
                let kept = outside.objects.entry(at.clone()).or_default();
                (kept.body, kept.has_digest) = (body, false);
            }
            Some(None) => {
                outside.objects.remove(at);
            }
            None => {}
        }
    }

    fn note_write(&self, length: usize) {
        let outside = &mut self.0.borrow_mut().outside;
        outside.longest_write = outside.longest_write.max(length);
    }

    /// Lets every call for an object fail. With an empty key, it is the list of the bucket that fails.
    #[must_use]
    pub fn refused(self, bucket: &str, key: &str, error: Error) -> Self {
        let at = (bucket.to_owned(), key.to_owned());
        self.0.borrow_mut().outside.refused.insert(at, error);
        self
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

    /// Adds an answer to an action, `SERVICE:ACTION`. Calls get the answers in order; the last one is repeated.
    #[must_use]
    pub fn action(self, action: &str, answer: Result<String>) -> Self {
        let answers = &mut self.0.borrow_mut().outside.actions;
        answers
            .entry(action.to_owned())
            .or_default()
            .push_back(answer);
        self.clone()
    }

    /// Returns the actions that the engine called, in order.
    #[must_use]
    pub fn called(&self) -> Vec<Called> {
        self.0.borrow().outside.called.clone()
    }

    /// Fails if the manifest does not allow the call, or if the test refuses it.
    fn check_store(&self, store: &str, verb: StoreVerb, bucket: &str, key: &str) -> Result<()> {
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
        let at = (bucket.to_owned(), key.to_owned());
        let refused = self.0.borrow().outside.refused.get(&at).cloned();
        refused.map_or(Ok(()), Err)
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
    host.check_store(store, StoreVerb::Get, &at.bucket, &at.key)?;
    let answer = Answer {
        status: 200,
        headers: Vec::new(),
        body: host.kept(at)?.body,
    };
    Ok(Response(RefCell::new(answer)))
}

pub(crate) fn head(store: &str, at: &Location) -> Result<Object> {
    let host = current();
    host.check_store(store, StoreVerb::Get, &at.bucket, &at.key)?;
    Ok(facts(&at.key, &host.kept(at)?))
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
    host.check_store(store, StoreVerb::List, bucket, prefix)?;
    let script = host.0.borrow();
    let number = format!("{}/", script.outside.cursors);
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
    let objects = objects.filter(|((is, key), _)| is == bucket && key.starts_with(prefix.as_str()));
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
    host.check_store(store, StoreVerb::Put, &at.bucket, &at.key)?;
    let old = host.kept(at).ok();
    let etag = old.as_ref().and_then(|old| facts(&at.key, old).etag);
    let is_met = match condition {
        Condition::None => true,
        Condition::Absent => old.is_none(),
        Condition::Unchanged(expected) => etag.as_ref() == Some(expected),
    };
    if !is_met {
        let message = format!("s3://{}/{} is not as demanded", at.bucket, at.key);
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    let kept = Kept {
        body,
        modified: None,
        has_digest: true,
    };
    let facts = facts(&at.key, &kept);
    host.keep(&at.bucket, &at.key, kept);
    Ok(facts)
}

pub(crate) fn copy(store: &str, duplicates: &[Duplicate]) -> Result<Vec<Result<Object>>> {
    check_batch(duplicates.len())?;
    Ok(duplicates.iter().map(|one| copy_one(store, one)).collect())
}

fn copy_one(store: &str, one: &Duplicate) -> Result<Object> {
    let host = current();
    let (source, target) = (&one.source, &one.target);
    host.check_store(store, StoreVerb::Get, &source.bucket, &source.key)?;
    host.check_store(store, StoreVerb::Copy, &target.bucket, &target.key)?;
    host.count_copy()?;
    let place = (source.bucket.clone(), source.key.clone());
    host.change(&place);
    let mut kept = host.kept(source)?;
    kept.has_digest = !host.0.borrow().outside.undigested.contains(&place);
    let object = facts(&target.key, &kept);
    if one.etag.is_some() && one.etag != object.etag {
        let message = format!("s3://{}/{} has changed", source.bucket, source.key);
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    host.keep(&target.bucket, &target.key, kept);
    let copied = &mut host.0.borrow_mut().outside.copied;
    copied.push(format!("{}/{}", target.bucket, target.key));
    Ok(object)
}

pub(crate) fn delete(store: &str, bucket: &str, keys: &[String]) -> Result<Vec<Result<()>>> {
    check_batch(keys.len())?;
    let host = current();
    let deleted = keys.iter().map(|key| {
        host.check_store(store, StoreVerb::Delete, bucket, key)?;
        let at = (bucket.to_owned(), key.clone());
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

/// The native implementation of `aws`.
pub(crate) mod aws {
    use super::{Called, current};
    use crate::error::{Error, ErrorKind, Result};

    pub(crate) fn call(
        service: &str,
        action: &str,
        parameters: &[(String, String)],
        region: Option<&str>,
    ) -> Result<String> {
        let host = current();
        host.count()?;
        let mut script = host.0.borrow_mut();
        let name = format!("{service}:{action}");
        if let Some(manifest) = &script.manifest {
            let service = manifest.aws.get(service);
            let allows = service.is_some_and(|it| it.allow.iter().any(|known| known == action));
            if !allows {
                let message = format!("the manifest does not allow the action `{name}`");
                return Err(Error::new(ErrorKind::Denied, message));
            }
        }
        script.outside.called.push(Called {
            action: name.clone(),
            parameters: parameters.to_vec(),
            region: region.map(str::to_owned),
        });
        let answers = script.outside.actions.get_mut(&name);
        let answers = answers.unwrap_or_else(|| panic!("the test has no answer to {name}"));
        let answer = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        answer.unwrap_or_else(|| panic!("the test has no answer to {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Upload;
    use crate::{aws as services, storage};

    const MANIFEST: &str = r#"
        id = "acme/vault"
        version = "1.0.0"
        summary = "x"
        [operations.detect]
        [storage.vaults]
        kind = "s3"
        allow = ["get list in vaults", "put copy delete in vaults/archive/"]
        [aws.rds]
        version = "2014-10-31"
        allow = ["DescribeDBSnapshots"]
    "#;

    fn at(key: &str) -> Location {
        Location::of("vaults", key)
    }

    fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
        result.unwrap_err().kind
    }

    #[test]
    fn objects_are_read_written_copied_and_deleted() {
        let host =
            Host::new(MANIFEST)
                .stored("vaults", "a", "one")
                .stored("vaults", "archive/old", "");
        host.run(|| {
            let read = storage::get("vaults", &at("a")).unwrap();
            assert_eq!(read.read(10).unwrap(), b"one");
            let found = storage::head("vaults", &at("a")).unwrap();
            let changed = Duplicate {
                etag: Some("other".to_owned()),
                ..Duplicate::of("vaults", &found, at("archive/b"))
            };
            let copies = [
                Duplicate::of("vaults", &found, at("archive/a")),
                changed,
                Duplicate::of("vaults", &found, at("elsewhere")),
            ];
            let mut results = storage::copy("vaults", &copies).unwrap().into_iter();
            assert_eq!(results.next().unwrap().unwrap().key, "archive/a");
            assert_eq!(kind(results.next().unwrap()), ErrorKind::Conflict);
            assert_eq!(kind(results.next().unwrap()), ErrorKind::Denied);

            let put = |body: &[u8], condition| {
                storage::put("vaults", &at("archive/c"), body, None, &condition)
            };
            let first = put(b"1", Condition::Absent).unwrap();
            assert_eq!(kind(put(b"2", Condition::Absent)), ErrorKind::Conflict);
            put(b"2", Condition::Unchanged(first.etag.unwrap())).unwrap();
            let upload = |key| {
                let upload = Upload::begin("vaults", &at(key), None, &Condition::Absent)?;
                upload.write(b"p")?;
                upload.write(b"q")?;
                Ok(upload)
            };
            let _dropped: Upload = upload("archive/dropped").unwrap();
            upload("archive/d").unwrap().finish().unwrap();
            let again = upload("archive/d").unwrap().finish();
            assert_eq!(kind(again), ErrorKind::Conflict);
            assert_eq!(kind(upload("elsewhere")), ErrorKind::Denied);
            let keys = ["archive/old".to_owned(), "archive/none".to_owned()];
            let deleted = storage::delete("vaults", "vaults", &keys).unwrap();
            assert!(deleted.iter().all(Result::is_ok));
        });
        assert_eq!(host.bytes_of("vaults", "archive/a").unwrap(), b"one");
        assert_eq!(host.bytes_of("vaults", "archive/c").unwrap(), b"2");
        assert_eq!(host.bytes_of("vaults", "archive/d").unwrap(), b"pq");
        assert_eq!(host.bytes_of("vaults", "archive/dropped"), None);
        assert_eq!(host.bytes_of("vaults", "archive/old"), None);
        assert_eq!(host.bytes_of("vaults", "elsewhere"), None);
    }

    #[test]
    fn lists_have_pages_and_folders() {
        let host = Host::new(MANIFEST);
        let host = ["a", "b/1", "b/2", "c"]
            .iter()
            .fold(host, |host, key| host.stored("vaults", key, ""));
        host.run(|| {
            let mut keys = Vec::new();
            let all = Selection {
                limit: Some(3),
                ..Selection::of("vaults", "")
            };
            storage::list_all("vaults", &all, |page| {
                keys.extend(page.objects.into_iter().map(|object| object.key));
                Ok(())
            })
            .unwrap();
            assert_eq!(keys, ["a", "b/1", "b/2", "c"]);
            let page = storage::list("vaults", &Selection::of("vaults", "").with_folders());
            let page = page.unwrap();
            assert_eq!(
                (page.objects.len(), page.folders),
                (2, vec!["b/".to_owned()])
            );
        });
    }

    #[test]
    fn what_the_manifest_does_not_allow_is_denied_and_a_test_can_refuse() {
        let refused = Error::new(ErrorKind::Forbidden, "no");
        let host = Host::new(MANIFEST)
            .stored("other", "a", "")
            .refused("vaults", "a", refused.clone())
            .refused("vaults", "", refused);
        host.run(|| {
            let get = |store, bucket| kind(storage::get(store, &Location::of(bucket, "a")));
            assert_eq!(get("vaults", "other"), ErrorKind::Denied);
            assert_eq!(get("others", "vaults"), ErrorKind::Denied);
            assert_eq!(get("vaults", "vaults"), ErrorKind::Forbidden);
            let list = |bucket| kind(storage::list("vaults", &Selection::of(bucket, "")));
            assert_eq!(list("vaults"), ErrorKind::Forbidden);
            assert_eq!(list("other"), ErrorKind::Denied);
            let many = vec!["archive/x".to_owned(); 1001];
            let deleted = storage::delete("vaults", "vaults", &many);
            assert_eq!(kind(deleted), ErrorKind::InvalidArgument);
            let denied = services::action("rds", "DeleteDBSnapshot").call();
            assert_eq!(kind(denied), ErrorKind::Denied);
        });
        assert_eq!(host.called(), []);
    }

    #[test]
    fn an_action_has_parameters_and_answers_with_xml() {
        let host =
            Host::new(MANIFEST).action("rds:DescribeDBSnapshots", Ok("<Snapshots/>".to_owned()));
        host.run(|| {
            let action = services::action("rds", "DescribeDBSnapshots");
            let said = action
                .parameter("MaxRecords", "20")
                .region("eu-west-1")
                .call();
            assert_eq!(said.unwrap(), "<Snapshots/>");
        });
        let called = Called {
            action: "rds:DescribeDBSnapshots".to_owned(),
            parameters: vec![("MaxRecords".to_owned(), "20".to_owned())],
            region: Some("eu-west-1".to_owned()),
        };
        assert_eq!(host.called(), [called]);
    }

    #[test]
    fn copies_and_written_objects_have_a_digest_and_lists_have_none() {
        let host = Host::new(MANIFEST)
            .stored("vaults", "a", "one")
            .modified("vaults", "a", "2025-11-08T10:15:00Z")
            .stored("vaults", "b", "two")
            .without_digest("vaults", "b");
        host.run(|| {
            let listed = storage::list("vaults", &Selection::of("vaults", "")).unwrap();
            let [a, b] = &listed.objects[..] else {
                panic!("two objects");
            };
            assert_eq!(a.modified.as_deref(), Some("2025-11-08T10:15:00Z"));
            assert_eq!(storage::head("vaults", &at("a")).unwrap().sha256, None);
            let copies = [(a, "archive/a"), (b, "archive/b")];
            let copies = copies.map(|(it, key)| Duplicate::of("vaults", it, at(key)));
            let results = storage::copy("vaults", &copies).unwrap();
            let digests = results.into_iter().map(|it| it.unwrap().sha256);
            // printf one | sha256sum
            let of_one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
            assert_eq!(digests.collect::<Vec<_>>(), [Some(of_one.to_owned()), None]);
            let there = storage::head("vaults", &at("archive/a")).unwrap();
            assert_eq!(there.sha256.as_deref(), Some(of_one));
            let page = storage::list("vaults", &Selection::of("vaults", "archive/")).unwrap();
            assert!(page.objects.iter().all(|it| it.sha256.is_none()));
        });
        assert_eq!(host.copied(), ["vaults/archive/a", "vaults/archive/b"]);
        let keys = ["a", "archive/a", "archive/b", "b"];
        assert_eq!(host.keys_of("vaults"), keys);
        let host = host.removed("vaults", "a");
        assert_eq!(host.keys_of("vaults"), keys[1..]);
    }

    #[test]
    fn objects_change_and_vanish_before_they_are_copied() {
        let host = Host::new(MANIFEST)
            .stored("vaults", "a", "one")
            .before_copy("vaults", "a", Some(b"two"))
            .before_copy("vaults", "a", None);
        host.run(|| {
            let copy = || {
                let found = storage::head("vaults", &at("a"))?;
                let copy = Duplicate::of("vaults", &found, at("archive/a"));
                storage::copy("vaults", &[copy])?.remove(0)
            };
            assert_eq!(kind(copy()), ErrorKind::Conflict);
            assert_eq!(kind(copy()), ErrorKind::NotFound);
            assert_eq!(kind(copy()), ErrorKind::NotFound);
        });
        assert_eq!(host.copied(), [""; 0]);
    }

    #[test]
    fn a_busy_store_refuses_some_copies() {
        let host = Host::new(MANIFEST).stored("vaults", "a", "").busy_every(2);
        host.run(|| {
            let found = storage::head("vaults", &at("a")).unwrap();
            let copies = ["archive/a", "archive/b", "archive/c"];
            let copies = copies.map(|key| Duplicate::of("vaults", &found, at(key)));
            let results = storage::copy("vaults", &copies).unwrap();
            let done: Vec<_> = results.iter().map(Result::is_ok).collect();
            assert_eq!(done, [true, false, true]);
            assert!(results[1].as_ref().is_err_and(|error| error.retryable));
        });
        assert_eq!(host.copied().len(), 2);
    }

    #[test]
    fn cursors_are_forgotten_and_commands_stopped() {
        let host = Host::new(MANIFEST)
            .stored("vaults", "archive/a", "")
            .stored("vaults", "archive/b", "")
            .action("rds:DescribeDBSnapshots", Ok(String::new()));
        let first = Selection {
            limit: Some(1),
            ..Selection::of("vaults", "")
        };
        host.run(|| {
            let list = |cursor| {
                let selection = Selection {
                    cursor,
                    ..first.clone()
                };
                storage::list("vaults", &selection)
            };
            let cursor = list(None).unwrap().next;
            assert_eq!(list(cursor.clone()).unwrap().objects[0].key, "archive/b");
            let _host = host.clone().forgetting_cursors();
            assert_eq!(kind(list(cursor)), ErrorKind::InvalidArgument);
            let cursor = list(None).unwrap().next;
            assert_eq!(list(cursor).unwrap().objects[0].key, "archive/b");

            let _host = host.clone().stopped_after(Some(1));
            let keys = ["archive/a".to_owned(), "archive/b".to_owned()];
            let deleted = storage::delete("vaults", "vaults", &keys).unwrap();
            assert!(deleted[0].is_ok());
            assert_eq!(kind(deleted[1].clone()), ErrorKind::Cancelled);
            let action = || services::action("rds", "DescribeDBSnapshots").call();
            assert_eq!(kind(action()), ErrorKind::Cancelled);
            let _host = host.clone().stopped_after(None);
            assert_eq!(action(), Ok(String::new()));
        });
        assert_eq!(host.keys_of("vaults"), ["archive/b"]);
    }

    #[test]
    fn writes_and_keys_have_the_limits_of_the_host() {
        let host = Host::new(MANIFEST);
        host.run(|| {
            let put = |key: &str, length| {
                let body = vec![0; length];
                storage::put("vaults", &at(key), &body, None, &Condition::None)
            };
            assert_eq!(
                kind(put("archive/a", MAX_PUT + 1)),
                ErrorKind::InvalidArgument
            );
            put("archive/a", 5).unwrap();
            let longest = format!("archive/{}", "k".repeat(MAX_KEY - 8));
            put(&longest, 0).unwrap();
            for key in [
                "archive/../a",
                "archive/./a",
                "archive/\t",
                &format!("{longest}k"),
            ] {
                assert_eq!(kind(put(key, 0)), ErrorKind::InvalidArgument, "{key}");
            }
            let upload = Upload::begin("vaults", &at("archive/b"), None, &Condition::None).unwrap();
            upload.write(&vec![0; MAX_PUT + 1]).unwrap();
            upload.finish().unwrap();
        });
        assert_eq!(host.longest_write(), MAX_PUT + 1);
    }
}
