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
    answering: bool,
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
                answering: true,
            });
            entries.len() - 1
        });
        Answering {
            log: self.clone(),
            index,
        }
    }
}

/// Marks a request as being answered until this value is dropped.
pub(crate) struct Answering {
    log: Log<ApiRequest>,
    index: usize,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.log.with(|entries| {
            // The log may have been cleared in between.
            if let Some(entry) = entries.get_mut(self.index) {
                entry.answering = false;
            }
        });
    }
}
