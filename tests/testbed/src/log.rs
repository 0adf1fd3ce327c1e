//! The requests to the API server and to the backends, which tests can count and inspect.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderMap;

use crate::backend::PodAddress;
use crate::faults::reply::BackendKind;

/// One request to the API server.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    pub method: String,
    pub path: String,
    /// The query as it was sent; empty without one.
    pub query: String,
    pub user_agent: String,
    /// Whether another request was being answered at the same time. A request counts as answered when its
    /// head has been sent, so a watch or a port-forward overlaps nothing afterwards.
    pub overlapped: bool,
    /// The permissions that the request needed and had.
    pub used: Vec<Permission>,
    /// The permissions that the request needed and lacked.
    pub refused: Vec<Permission>,
    answering: bool,
}

/// A permission of RBAC that a request needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// The name of the user: `system:serviceaccount:NAMESPACE:NAME` for a service account.
    pub user: String,
    pub verb: String,
    pub group: String,
    /// The resource with its subresource.
    pub resource: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
}

/// One request to a backend behind a pod.
#[derive(Debug, Clone)]
pub struct BackendRequest {
    pub backend: BackendKind,
    pub pod: PodAddress,
    pub method: String,
    pub path: String,
    /// The query as it was sent; empty without one.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The common properties of all recorded requests.
pub trait Recorded {
    fn method(&self) -> &str;
    fn path(&self) -> &str;
}

impl Recorded for ApiRequest {
    fn method(&self) -> &str {
        &self.method
    }
    fn path(&self) -> &str {
        &self.path
    }
}

impl Recorded for BackendRequest {
    fn method(&self) -> &str {
        &self.method
    }
    fn path(&self) -> &str {
        &self.path
    }
}

/// The list of requests in the order in which they began. Clones share it.
#[derive(Debug)]
pub struct Log<R> {
    entries: Arc<Mutex<Vec<R>>>,
}

impl<R> Clone for Log<R> {
    fn clone(&self) -> Self {
        Self {
            entries: Arc::clone(&self.entries),
        }
    }
}

impl<R> Default for Log<R> {
    fn default() -> Self {
        Self {
            entries: Arc::default(),
        }
    }
}

impl<R: Clone + Recorded> Log<R> {
    /// Returns every request so far.
    pub fn all(&self) -> Vec<R> {
        self.with(|entries| entries.clone())
    }

    /// Returns the number of requests with `method` (`*` for any) and a path that contains `part`.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.with(|entries| {
            entries
                .iter()
                .filter(|e| (method == "*" || e.method() == method) && e.path().contains(part))
                .count()
        })
    }

    /// Clears the list, so that a test can count from here.
    pub fn clear(&self) {
        self.with(Vec::clear);
    }

    pub(crate) fn push(&self, entry: R) {
        self.with(|entries| entries.push(entry));
    }

    fn with<T>(&self, look: impl FnOnce(&mut Vec<R>) -> T) -> T {
        look(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Log<ApiRequest> {
    pub(crate) fn begin(&self, request: &http::request::Parts) -> Answering {
        let index = self.with(|entries| {
            let mut overlapped = false;
            for other in entries.iter_mut().filter(|e| e.answering) {
                other.overlapped = true;
                overlapped = true;
            }
            let agent = request.headers.get(http::header::USER_AGENT);
            entries.push(ApiRequest {
                method: request.method.to_string(),
                path: request.uri.path().to_owned(),
                query: request.uri.query().unwrap_or_default().to_owned(),
                user_agent: agent
                    .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                    .unwrap_or_default(),
                overlapped,
                used: Vec::new(),
                refused: Vec::new(),
                answering: true,
            });
            entries.len() - 1
        });
        Answering(Entry {
            log: self.clone(),
            index,
        })
    }
}

/// The entry of one request.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    log: Log<ApiRequest>,
    index: usize,
}

impl Entry {
    /// Records a permission that the request needed, and whether it had it.
    pub(crate) fn needed(&self, permission: Permission, had: bool) {
        self.change(|entry| {
            let list = if had {
                &mut entry.used
            } else {
                &mut entry.refused
            };
            list.push(permission);
        });
    }

    fn change(&self, change: impl FnOnce(&mut ApiRequest)) {
        self.log.with(|entries| {
            // The log may have been cleared in between.
            if let Some(entry) = entries.get_mut(self.index) {
                change(entry);
            }
        });
    }
}

/// Marks a request as being answered until this value is dropped.
pub(crate) struct Answering(Entry);

impl Answering {
    pub(crate) fn entry(&self) -> Entry {
        self.0.clone()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.change(|entry| entry.answering = false);
    }
}
