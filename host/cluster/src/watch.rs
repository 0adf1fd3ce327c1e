//! Watches objects, and continues when a watch ends early.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, TryStreamExt as _};
use kube::core::WatchEvent;
use serde_json::Value;

use super::objects::{ObjectType, Selection};
use super::request::Message;
use super::{Cluster, ClusterError, refusal};

/// The time after which the server ends a watch, in seconds. A connection that died silently is noticed then.
const WATCH_SECONDS: u32 = 290;
/// The pauses before an interrupted watch is restarted. The last one repeats.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];
/// How often in a row a watch may be interrupted without a single event.
const MAX_BREAKS: usize = 8;

/// The kind of change of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The object was created, or existed when the watch began.
    Added,
    /// The object was modified.
    Modified,
    /// The object was deleted.
    Deleted,
}

/// One change of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectEvent {
    /// The kind of change.
    pub change: Change,
    /// The object after the change.
    pub object: Value,
}

type Events = Pin<Box<dyn Stream<Item = Result<WatchEvent<Value>, kube::Error>> + Send>>;

/// The changes of selected objects, beginning with the existing ones. It continues when its connection
/// breaks. If the server has forgotten past events (410), it lists the objects again.
pub struct ObjectWatch {
    cluster: Cluster,
    ty: ObjectType,
    selection: Selection,
    /// The reported objects, to find out after a list what has changed meanwhile.
    known: BTreeMap<String, Value>,
    /// Events to report before the stream is read, the next one last.
    waiting: Vec<ObjectEvent>,
    /// The version up to which everything was reported; `None` if a list is needed.
    version: Option<String>,
    events: Option<Events>,
    breaks: usize,
}

impl Cluster {
    /// Creates a watch. It makes no request before the first event is requested.
    #[must_use]
    pub fn watch_objects(&self, ty: &ObjectType, selection: Selection) -> ObjectWatch {
        ObjectWatch {
            cluster: self.clone(),
            ty: ty.clone(),
            selection,
            known: BTreeMap::new(),
            waiting: Vec::new(),
            version: None,
            events: None,
            breaks: 0,
        }
    }

    /// Waits until an object changes after `version`, its `resourceVersion`.
    ///
    /// # Errors
    /// When it can't be watched; the caller must then poll it.
    pub async fn object_changed(
        &self,
        ty: &ObjectType,
        name: &str,
        version: &str,
    ) -> Result<(), ClusterError> {
        let selection = Selection {
            name: Some(name.to_owned()),
            ..Selection::default()
        };
        let mut events = self.open_watch(ty, &selection, version).await?;
        loop {
            match events.try_next().await {
                Ok(Some(WatchEvent::Bookmark(_))) => {}
                // The caller checks the object after any event, and also after the end of the watch.
                Ok(_) => return Ok(()),
                Err(error) => return Err(refusal::unreachable(&self.0.identity, &error)),
            }
        }
    }

    async fn open_watch(
        &self,
        ty: &ObjectType,
        selection: &Selection,
        version: &str,
    ) -> Result<Events, ClusterError> {
        let access = ty.access("watch", None);
        let mut query = selection.query();
        query.push(("watch", "true".to_owned()));
        query.push(("allowWatchBookmarks", "true".to_owned()));
        query.push(("timeoutSeconds", WATCH_SECONDS.to_string()));
        query.push(("resourceVersion", version.to_owned()));
        let request = access.request(&Message {
            query,
            ..Message::default()
        })?;
        self.count_request();
        let opened = async {
            let events = self.0.client.request_events::<Value>(request).await;
            events.map_err(|error| match error {
                kube::Error::Api(status) => {
                    refusal::judged(&self.0.identity, &access, status.code, status.message)
                }
                other => refusal::unreachable(&self.0.identity, &other),
            })
        };
        let events = self.within_timeout(&access, opened).await?;
        Ok(Box::pin(events))
    }
}

impl ObjectWatch {
    /// Returns the next event.
    ///
    /// # Errors
    /// When the objects may not be listed or watched, or when the watch is interrupted too often.
    pub async fn next(&mut self) -> Result<ObjectEvent, ClusterError> {
        loop {
            if let Some(event) = self.waiting.pop() {
                return Ok(event);
            }
            let Some(version) = self.version.clone() else {
                self.list().await?;
                continue;
            };
            let Some(events) = &mut self.events else {
                let opened = self.cluster.open_watch(&self.ty, &self.selection, &version);
                match opened.await {
                    Ok(events) => self.events = Some(events),
                    Err(ClusterError::Api { status: 410, .. }) => self.version = None,
                    Err(error) => self.pause(error).await?,
                }
                continue;
            };
            match events.try_next().await {
                Ok(Some(event)) => self.take(event)?,
                // The server ended the watch because its time was over.
                Ok(None) => self.events = None,
                Err(error) => {
                    self.events = None;
                    let error = refusal::unreachable(&self.cluster.0.identity, &error);
                    self.pause(error).await?;
                }
            }
        }
    }

    /// Waits before the next attempt, if the error may be temporary.
    async fn pause(&mut self, error: ClusterError) -> Result<(), ClusterError> {
        let passes = match &error {
            ClusterError::Api { status, .. } => *status == 429 || *status >= 500,
            ClusterError::Unreachable { .. } | ClusterError::RequestTimedOut { .. } => true,
            _ => false,
        };
        if !passes || self.breaks >= MAX_BREAKS {
            return Err(error);
        }
        tokio::time::sleep(PAUSES[self.breaks.min(PAUSES.len() - 1)]).await;
        self.breaks += 1;
        Ok(())
    }

    fn take(&mut self, event: WatchEvent<Value>) -> Result<(), ClusterError> {
        self.breaks = 0;
        let (change, object) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let before = self.remember(&object);
                let Some(change) = before else { return Ok(()) };
                (change, object)
            }
            WatchEvent::Deleted(object) => {
                self.known.remove(name(&object));
                (Change::Deleted, object)
            }
            WatchEvent::Bookmark(bookmark) => {
                self.version = Some(bookmark.metadata.resource_version);
                return Ok(());
            }
            WatchEvent::Error(status) => {
                self.events = None;
                if status.code == 410 {
                    self.version = None;
                    return Ok(());
                }
                return Err(refusal::judged(
                    &self.cluster.0.identity,
                    &self.ty.access("watch", None),
                    status.code,
                    status.message,
                ));
            }
        };
        self.version = Some(version(&object).to_owned());
        self.waiting.push(ObjectEvent { change, object });
        Ok(())
    }

    /// Stores an object and returns its change; `None` if it has not changed.
    fn remember(&mut self, object: &Value) -> Option<Change> {
        match self.known.insert(name(object).to_owned(), object.clone()) {
            None => Some(Change::Added),
            Some(before) if version(&before) == version(object) => None,
            Some(_) => Some(Change::Modified),
        }
    }

    async fn list(&mut self) -> Result<(), ClusterError> {
        let listed = self.cluster.listed(&self.ty, &self.selection).await?;
        let mut happened = Vec::new();
        let mut gone = std::mem::take(&mut self.known);
        for object in listed.objects {
            if let Some(known) = gone.remove(name(&object)) {
                self.known.insert(name(&object).to_owned(), known);
            }
            if let Some(change) = self.remember(&object) {
                happened.push(ObjectEvent { change, object });
            }
        }
        happened.extend(gone.into_values().map(|object| ObjectEvent {
            change: Change::Deleted,
            object,
        }));
        happened.reverse();
        self.waiting = happened;
        self.version = Some(listed.version);
        Ok(())
    }
}

fn name(object: &Value) -> &str {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default()
}

fn version(object: &Value) -> &str {
    let version = object.pointer("/metadata/resourceVersion");
    version.and_then(Value::as_str).unwrap_or_default()
}
