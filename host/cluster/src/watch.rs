//! Watches objects with `kube`'s watcher, and reports what has changed since the last report.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use kube::api::{DynamicObject, WatchParams};
use kube::core::WatchEvent;
use kube::runtime::watcher::{self, Config, Event, watcher};
use serde_json::Value;

use super::api::{self, Begun};
use super::objects::{ObjectType, Selection};
use super::{Cluster, ClusterError, Identity, refusal};

/// The pauses before an interrupted watch is restarted. The last one repeats.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];
/// How often in a row a watch may be interrupted without a single event.
const MAX_BREAKS: usize = 8;
/// The time after which a watch counts as working, even if nothing happens to the objects. A server sends a
/// bookmark about every minute, which the watcher does not show.
const WORKING: Duration = Duration::from_mins(1);

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

/// The changes of selected objects, beginning with the existing ones. It continues when its connection
/// breaks. If the server has forgotten past events (410), it lists the objects again.
pub struct ObjectWatch {
    cluster: Cluster,
    ty: ObjectType,
    selection: Selection,
    /// The events of the watcher; `None` if a list is needed.
    events: Option<BoxStream<'static, watcher::Result<Event<DynamicObject>>>>,
    begun: Begun,
    /// The reported objects by name, to find out after a list what has changed meanwhile.
    known: BTreeMap<String, DynamicObject>,
    /// The names of reported objects that the current list has not shown yet.
    unseen: BTreeSet<String>,
    /// Events to report before the stream is read.
    waiting: VecDeque<ObjectEvent>,
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
            events: None,
            begun: Begun::default(),
            known: BTreeMap::new(),
            unseen: BTreeSet::new(),
            waiting: VecDeque::new(),
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
        // `await_condition` would list the object first: one more request, and the permission `list`.
        let access = ty.access("watch", None);
        let judged = |error| api::judged(&self.0.identity, &access, error);
        let parameters = WatchParams::default().fields(&format!("metadata.name={name}"));
        let api = self.api(ty, &Begun::default());
        let mut events = pin!(api.watch(&parameters, version).await.map_err(judged)?);
        // The caller checks the object after any event, and also after the end of the watch.
        while let Some(WatchEvent::Bookmark(_)) = events.try_next().await.map_err(judged)? {}
        Ok(())
    }
}

impl ObjectWatch {
    /// Returns the next event.
    ///
    /// # Errors
    /// When the objects may not be listed or watched, or when the watch is interrupted too often.
    pub async fn next(&mut self) -> Result<ObjectEvent, ClusterError> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            let Some(events) = &mut self.events else {
                self.begin();
                continue;
            };
            match events.next().await {
                Some(Ok(event)) => self.take(event)?,
                Some(Err(error)) => self.pause(error).await?,
                None => self.events = None,
            }
        }
    }

    fn begin(&mut self) {
        let config = Config {
            label_selector: self.selection.labels.clone(),
            field_selector: self.selection.fields.clone(),
            ..Config::default()
        };
        let api = self.cluster.api(&self.ty, &self.begun);
        self.events = Some(watcher(api, config).boxed());
    }

    fn take(&mut self, event: Event<DynamicObject>) -> Result<(), ClusterError> {
        match event {
            Event::Init => self.unseen = self.known.keys().cloned().collect(),
            Event::InitApply(object) => {
                self.unseen.remove(name(&object));
                let limit = self
                    .selection
                    .limit
                    .map_or(usize::MAX, |limit| limit as usize);
                if self.known.len() < limit || self.known.contains_key(name(&object)) {
                    self.applied(object)?;
                }
            }
            Event::InitDone => {
                for name in std::mem::take(&mut self.unseen) {
                    self.deleted(&name, None)?;
                }
            }
            Event::Apply(object) => {
                self.breaks = 0;
                self.applied(object)?;
            }
            Event::Delete(object) => {
                self.breaks = 0;
                let name = name(&object).to_owned();
                self.deleted(&name, Some(object))?;
            }
        }
        Ok(())
    }

    /// Stores an object, and reports it unless this version was reported before.
    fn applied(&mut self, object: DynamicObject) -> Result<(), ClusterError> {
        let whole = self.whole(&object)?;
        let version = object.metadata.resource_version.clone();
        let change = match self.known.insert(name(&object).to_owned(), object) {
            None => Change::Added,
            Some(before) if before.metadata.resource_version == version => return Ok(()),
            Some(_) => Change::Modified,
        };
        self.report(change, whole);
        Ok(())
    }

    /// Reports that a known object is gone, with its last state.
    fn deleted(&mut self, name: &str, last: Option<DynamicObject>) -> Result<(), ClusterError> {
        if let Some(known) = self.known.remove(name) {
            let whole = self.whole(&last.unwrap_or(known))?;
            self.report(Change::Deleted, whole);
        }
        Ok(())
    }

    fn report(&mut self, change: Change, object: Value) {
        self.waiting.push_back(ObjectEvent { change, object });
    }

    fn whole(&self, object: &DynamicObject) -> Result<Value, ClusterError> {
        let whole = serde_json::to_value(object);
        whole.map_err(|error| refusal::not_kubernetes(self.identity(), 200, &error.to_string()))
    }

    /// Waits before the next attempt, if the error may be temporary.
    async fn pause(&mut self, error: watcher::Error) -> Result<(), ClusterError> {
        if matches!(error, watcher::Error::WatchFailed(_)) && self.begun.is_before(WORKING) {
            self.breaks = 0;
        }
        let error = self.judged(error);
        let passes = match &error {
            ClusterError::Api { status: 410, .. } => {
                // After a 410 in place of a watch, the watcher would ask for the forgotten events again.
                self.events = None;
                true
            }
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

    fn judged(&self, error: watcher::Error) -> ClusterError {
        let (verb, error) = match error {
            watcher::Error::InitialListFailed(error) => ("list", error),
            watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
                ("watch", error)
            }
            watcher::Error::WatchError(status) => ("watch", kube::Error::Api(status)),
            watcher::Error::NoResourceVersion => {
                let reason = "an object has no metadata.resourceVersion";
                return refusal::not_kubernetes(self.identity(), 200, reason);
            }
        };
        api::judged(self.identity(), &self.ty.access(verb, None), error)
    }

    fn identity(&self) -> &Identity {
        &self.cluster.0.identity
    }
}

fn name(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
