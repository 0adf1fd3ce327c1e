//! A fake of Google Cloud Storage: the JSON API, as far as programs need it that copy objects.
//!
//! A client gets there with `GOOGLE_BASE_URL` and `GOOGLE_BEARER_TOKEN`: see [`Google::variables`]. Not played are
//! buckets with versions, retention or keys of the customer, and the XML API. Follows
//! <https://cloud.google.com/storage/docs/json_api/v1/objects>.

mod api;
mod object;
mod server;
mod uploads;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::tasks::Tasks;
pub use object::Object;
use uploads::Session;

/// The running service. It ends when this value is dropped.
#[derive(Debug)]
pub struct Google {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    tasks: Tasks,
}

/// Everything that the service knows.
#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, BTreeMap<String, Object>>,
    sessions: BTreeMap<String, Session>,
    /// Bytes that copies under way have, by their tokens.
    rewrites: BTreeMap<String, u64>,
    /// The last generation, and the last number of a session or of a copy.
    serial: u64,
    /// The only valid token.
    token: Option<String>,
    denied: Vec<(String, String)>,
    faults: Vec<(&'static str, Turn, GoogleFault)>,
    counts: BTreeMap<&'static str, u64>,
    requests: Vec<(&'static str, String)>,
    page: Option<usize>,
    rewritten_at_once: Option<u64>,
    taken_at_once: Option<usize>,
}

/// The requests of one operation that something happens to. They are counted from 1.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// The request with this number.
    Nth(u64),
    /// The requests whose number is a multiple of this one.
    Every(u64),
}

/// An event that happens to a request.
#[derive(Clone, Debug)]
pub enum GoogleFault {
    /// It is refused with this status.
    Status(u16),
    /// The connection ends before it is carried out.
    CutBefore,
    /// The connection ends after it is carried out, without an answer.
    CutAfter,
    /// An object is replaced, or deleted, before it is carried out.
    Change {
        /// The bucket.
        bucket: String,
        /// The name.
        name: String,
        /// The new bytes.
        bytes: Option<Bytes>,
    },
}

impl Turn {
    const fn is(self, number: u64) -> bool {
        match self {
            Self::Nth(wanted) => number == wanted,
            Self::Every(step) => number.is_multiple_of(step),
        }
    }
}

impl Google {
    /// Starts the service. It has no buckets.
    ///
    /// # Errors
    /// Fails if no port of loopback is free.
    pub async fn start() -> io::Result<Self> {
        server::start().await
    }

    /// Returns the address as a URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the variables of a program that uses this service, with a token. The token is the only valid one from now
    /// on.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        let token = "ya29.c4nary";
        self.state().token = Some(token.to_owned());
        [
            ("GOOGLE_BASE_URL", self.url()),
            ("GOOGLE_BEARER_TOKEN", token.to_owned()),
        ]
    }

    /// Adds an empty bucket.
    pub fn add_bucket(&self, name: &str) {
        self.state()
            .buckets
            .insert(name.to_owned(), BTreeMap::new());
    }

    /// Writes an object, and replaces an older one. The bucket is created if there is none.
    pub fn put(&self, bucket: &str, name: &str, bytes: impl Into<Bytes>) {
        self.state().put(bucket, name, bytes.into());
    }

    /// Makes an object one that was composed of others: it has no MD5.
    pub fn make_composite(&self, bucket: &str, name: &str) {
        if let Some(object) = self.state().find_mut(bucket, name) {
            object.is_composite = true;
        }
    }

    /// Deletes an object.
    pub fn remove(&self, bucket: &str, name: &str) {
        if let Some(objects) = self.state().buckets.get_mut(bucket) {
            objects.remove(name);
        }
    }

    /// Returns an object.
    pub fn object(&self, bucket: &str, name: &str) -> Option<Object> {
        self.state().find(bucket, name).cloned()
    }

    /// Returns the names of the objects of a bucket, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let state = self.state();
        let objects = state.buckets.get(bucket);
        objects.map_or_else(Vec::new, |objects| objects.keys().cloned().collect())
    }

    /// Returns the number of uploads that were begun and neither completed nor cancelled.
    pub fn open_uploads(&self) -> usize {
        let state = self.state();
        let sessions = state.sessions.values();
        sessions.filter(|session| session.is_open()).count()
    }

    /// Refuses a permission, such as `storage.objects.create`, in a bucket.
    pub fn deny(&self, permission: &str, bucket: &str) {
        let denied = (permission.to_owned(), bucket.to_owned());
        self.state().denied.push(denied);
    }

    /// Lets something happen to requests of one operation. [`Google::requests`] lists the operations.
    pub fn fault(&self, operation: &'static str, turn: Turn, fault: GoogleFault) {
        self.state().faults.push((operation, turn, fault));
    }

    /// Sets the maximum number of objects and prefixes of a page.
    pub fn page_size(&self, entries: usize) {
        self.state().page = Some(entries);
    }

    /// Sets the number of bytes after which a copy must be continued by a further request.
    pub fn rewrites_at_once(&self, bytes: u64) {
        self.state().rewritten_at_once = Some(bytes);
    }

    /// Sets the number of bytes of one piece of an upload that are taken. The client must send the rest again.
    pub fn takes_at_once(&self, bytes: usize) {
        self.state().taken_at_once = Some(bytes);
    }

    /// Returns the operations so far, each with `BUCKET/NAME`: `list`, `get`, `media`, `insert`, `rewrite`, `delete`,
    /// `begin`, `piece` and `cancel`. Requests without a valid token are `unauthorized`.
    pub fn requests(&self) -> Vec<(&'static str, String)> {
        self.state().requests.clone()
    }

    /// Returns the number of requests of one operation so far.
    pub fn count(&self, operation: &str) -> usize {
        let state = self.state();
        let requests = state.requests.iter();
        requests.filter(|(name, _)| *name == operation).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Google {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

impl State {
    fn find(&self, bucket: &str, name: &str) -> Option<&Object> {
        self.buckets.get(bucket)?.get(name)
    }

    fn find_mut(&mut self, bucket: &str, name: &str) -> Option<&mut Object> {
        self.buckets.get_mut(bucket)?.get_mut(name)
    }

    fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn put(&mut self, bucket: &str, name: &str, bytes: Bytes) -> &mut Object {
        let generation = self.next();
        let objects = self.buckets.entry(bucket.to_owned()).or_default();
        let object = objects.entry(name.to_owned()).or_default();
        *object = Object::new(bytes, generation);
        object
    }

    /// Returns the faults of the next request of an operation.
    fn take_faults(&mut self, operation: &'static str) -> Vec<GoogleFault> {
        let count = self.counts.entry(operation).or_default();
        *count += 1;
        let number = *count;
        let faults = self.faults.iter();
        faults
            .filter(|(name, turn, _)| *name == operation && turn.is(number))
            .map(|(_, _, fault)| fault.clone())
            .collect()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
