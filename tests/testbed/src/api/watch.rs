//! The verb `watch`: a stream of events, one JSON object per line.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::read::{Form, parse_revision, partial, versioned};
use super::route::Target;
use super::selector::Selector;
use super::server::ApiServer;
use super::status::ApiError;
use super::store::{Change, Event, Key, Store, revision_of};
use super::table;
use crate::clock::Clock;
use crate::web::{Query, Reply};

/// The duration of a watch that doesn't request one.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);
const BOOKMARK_INTERVAL: Duration = Duration::from_mins(1);

impl ApiServer {
    pub(super) fn watch(
        &self,
        target: &Target,
        headers: &HeaderMap,
        query: &Query,
    ) -> Result<Reply, ApiError> {
        let initial = match query.get("sendInitialEvents") {
            None | Some("") => None,
            Some(_) => Some(query.flag("sendInitialEvents")),
        };
        let matching = query.get("resourceVersionMatch").unwrap_or_default();
        if initial.is_some() && matching != "NotOlderThan" {
            let problem = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to \
                           NotOlderThan";
            return Err(ApiError::options("resourceVersionMatch", problem));
        }
        if initial.is_none() && !matching.is_empty() {
            let problem = "Forbidden: resourceVersionMatch is forbidden for watch unless \
                           sendInitialEvents is provided";
            return Err(ApiError::options("resourceVersionMatch", problem));
        }
        let (labels, fields) = (query.get("labelSelector"), query.get("fieldSelector"));
        let timeout = query.get("timeoutSeconds").and_then(|s| s.parse().ok());
        let store = Arc::clone(&self.objects.store);
        // The subscription starts before the first read, so that no change is missed.
        let revisions = store.subscribe();
        let mut watch = Watch {
            resource: target.ty.qualified(),
            selector: Selector::parse(&target.ty, labels, fields)?,
            single: fields.is_some_and(|fields| fields.contains("metadata.name=")),
            form: Form::parse(headers, query),
            definitions: target
                .ty
                .structural
                .is_some()
                .then(|| self.objects.subscribe_to_definitions()),
            deadline: Instant::now() + timeout.map_or(DEFAULT_TIMEOUT, Duration::from_secs),
            next_bookmark: query
                .flag("allowWatchBookmarks")
                .then(|| Instant::now() + BOOKMARK_INTERVAL),
            target: target.clone(),
            clock: self.clock.clone(),
            defined: false,
            ended: false,
            at: 0,
            pending: Vec::new(),
            store,
            revisions,
        };
        let since = query.get("resourceVersion").unwrap_or_default();
        if let Some(initial) = initial {
            if !since.is_empty() {
                self.check_reached(parse_revision(since)?)?;
            }
            watch.begin_with(initial);
        } else {
            watch.begin(since)?;
        }
        let lines = stream::unfold(watch, |mut watch| async {
            let lines = watch.next().await?;
            Some((Ok::<_, io::Error>(Frame::data(Bytes::from(lines))), watch))
        });
        let mut reply = Response::new(StreamBody::new(lines).boxed_unsync());
        let json = http::HeaderValue::from_static("application/json");
        reply.headers_mut().insert(http::header::CONTENT_TYPE, json);
        Ok(reply)
    }
}

struct Watch {
    store: Arc<Store>,
    revisions: Receiver<u64>,
    target: Target,
    resource: String,
    selector: Selector,
    /// Whether the watch is about one object, by its name.
    single: bool,
    form: Form,
    /// Signals changes of the custom types, which end the watches of their objects.
    definitions: Option<Receiver<u64>>,
    deadline: Instant,
    /// The time of the next bookmark, if the client wants bookmarks.
    next_bookmark: Option<Instant>,
    clock: Clock,
    /// Whether the columns have been sent.
    defined: bool,
    ended: bool,
    /// The revision up to which all events have been sent.
    at: u64,
    pending: Vec<u8>,
}

impl Watch {
    /// Starts the watch. Without a revision, or from 0, it begins with the existing objects.
    fn begin(&mut self, since: &str) -> Result<(), ApiError> {
        if !since.is_empty() && since != "0" {
            self.at = parse_revision(since)?;
            return Ok(());
        }
        self.tell_present();
        Ok(())
    }

    /// Starts the watch with the existing objects and a mark at their end, or without them.
    fn begin_with(&mut self, initial: bool) {
        if !initial {
            self.at = self.store.revision();
            return;
        }
        self.tell_present();
        if self.next_bookmark.is_some() {
            self.bookmark(true);
        }
    }

    fn tell_present(&mut self) {
        let namespace = self.target.namespace.as_deref();
        let (revision, objects) = self.store.list(&self.resource, namespace);
        self.at = revision;
        for (key, object) in objects {
            if self.selector.matches(&object) {
                if !self.single {
                    self.store.look(&key);
                }
                let object = versioned(&self.target.ty, object);
                self.push("ADDED", &object);
            }
        }
    }

    /// Returns the next lines, or `None` at the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if !self.pending.is_empty() {
                return Some(std::mem::take(&mut self.pending));
            }
            if self.ended {
                return None;
            }
            self.revisions.mark_unchanged();
            self.collect();
            if !self.pending.is_empty() {
                continue;
            }
            tokio::select! {
                changed = self.revisions.changed() => self.ended = changed.is_err(),
                () = redefined(&mut self.definitions) => self.ended = true,
                () = reached(self.next_bookmark) => {
                    self.next_bookmark = self.next_bookmark.map(|it| it + BOOKMARK_INTERVAL);
                    self.bookmark(false);
                }
                () = tokio::time::sleep_until(self.deadline) => {
                    self.ended = true;
                    if self.next_bookmark.is_some() {
                        self.bookmark(false);
                    }
                }
            }
        }
    }

    /// Converts the events since the last call to lines.
    fn collect(&mut self) {
        match self.store.events_after(self.at) {
            Ok(events) => {
                for event in events {
                    self.at = event.revision;
                    if self.concerns(&event.key) {
                        self.tell(&event);
                    }
                }
            }
            Err(too_old) => {
                let message = format!("too old resource version: {} ({})", self.at, too_old.oldest);
                self.line("ERROR", &ApiError::expired(message).object());
                self.ended = true;
            }
        }
    }

    fn concerns(&self, key: &Key) -> bool {
        let namespace = self.target.namespace.as_ref();
        let name = self.target.name.as_ref();
        key.resource == self.resource
            && namespace.is_none_or(|namespace| key.namespace == *namespace)
            && name.is_none_or(|name| key.name == *name)
    }

    /// Adds an event. An object that begins or ceases to match the selector counts as added or deleted.
    fn tell(&mut self, event: &Event) {
        // A client that watches a single object only waits for a change and then reads the object.
        if !self.single {
            self.store.look(&event.key);
        }
        let matched = |object: &Value| self.selector.matches(object);
        let before = event.previous.as_deref().is_some_and(matched);
        let after = event.change != Change::Deleted && matched(&event.object);
        let object = versioned(&self.target.ty, Arc::clone(&event.object));
        match (before, after) {
            (false, true) => self.push("ADDED", &object),
            (true, true) => self.push("MODIFIED", &object),
            (true, false) => self.push("DELETED", &object),
            (false, false) => {}
        }
    }

    fn push(&mut self, kind: &str, object: &Value) {
        let include = match self.form {
            Form::Whole => return self.line(kind, object),
            Form::Metadata => return self.line(kind, &partial(object)),
            Form::Table(include) => include,
        };
        let row = table::row(&self.target.ty, object, include, self.clock.now());
        let columns = (!self.defined).then(|| table::definitions(&self.target.ty.columns));
        self.defined = true;
        let metadata = json!({"resourceVersion": revision_of(object)});
        self.line(kind, &table::table(&metadata, columns.as_ref(), &[row]));
    }

    /// Adds a bookmark, which can mark the end of the existing objects.
    fn bookmark(&mut self, initial_end: bool) {
        let ty = &self.target.ty;
        let mut object = json!({
            "kind": ty.kind,
            "apiVersion": ty.api_version(),
            "metadata": {"resourceVersion": self.at.to_string(), "creationTimestamp": null},
        });
        if initial_end {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        self.push("BOOKMARK", &object);
    }

    fn line(&mut self, kind: &str, object: &Value) {
        let line = json!({"type": kind, "object": object}).to_string();
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.push(b'\n');
    }
}

/// Waits for a change of the custom types, or forever for other types.
async fn redefined(definitions: &mut Option<Receiver<u64>>) {
    let changed = match definitions {
        Some(definitions) => definitions.changed().await,
        None => std::future::pending().await,
    };
    // The sender lives as long as the objects; without them the watch ends too.
    drop(changed);
}

/// Waits until the instant, or forever without one.
async fn reached(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
