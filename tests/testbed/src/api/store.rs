//! Objects with revisions and a history, like etcd and the watch cache.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

/// Number of past events that a watch can start from.
const HISTORY: usize = 4096;

/// The key of an object. Lists have the order of the keys: by namespace, then by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Plural and group, such as `statefulsets.apps`.
    pub resource: String,
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: String,
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// One change of an object.
#[derive(Debug, Clone)]
pub struct Event {
    pub revision: u64,
    pub change: Change,
    pub key: Key,
    pub object: Arc<Value>,
    /// The object before the change.
    pub previous: Option<Arc<Value>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreError {
    Exists,
    Missing,
    /// The revision that the writer knows isn't the current one.
    Stale,
}

/// The error that the history no longer contains a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOld {
    pub oldest: u64,
}

#[derive(Debug)]
pub struct Store {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
    /// The number of reads of each object, and a signal for each read.
    looks: Mutex<BTreeMap<Key, u32>>,
    looked: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    revision: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Event>,
    /// The newest revision that is no longer in the history.
    forgotten: u64,
}

impl Default for Store {
    fn default() -> Self {
        // A cluster's revisions never start at 0: in a watch, 0 means "any".
        let first = 1000;
        Self {
            state: Mutex::new(State {
                revision: first,
                objects: BTreeMap::new(),
                history: VecDeque::new(),
                forgotten: first,
            }),
            revision: watch::Sender::new(first),
            looks: Mutex::default(),
            looked: watch::Sender::new(()),
        }
    }
}

impl Store {
    /// Returns a receiver of the store's revisions.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Counts that a client has read an object.
    pub fn look(&self, key: &Key) {
        *self.count().entry(key.clone()).or_default() += 1;
        self.looked.send_replace(());
    }

    /// Returns the number of reads of an object since the counter was reset.
    pub fn looks(&self, key: &Key) -> u32 {
        self.count().get(key).copied().unwrap_or_default()
    }

    pub fn forget_looks(&self, key: &Key) {
        self.count().remove(key);
    }

    /// Returns a receiver that signals reads of objects.
    pub fn subscribe_to_looks(&self) -> watch::Receiver<()> {
        self.looked.subscribe()
    }

    fn count(&self) -> MutexGuard<'_, BTreeMap<Key, u32>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.with(|state| state.objects.get(key).cloned())
    }

    /// Returns the objects of a resource, in one namespace or in all, and their revision.
    pub fn list(&self, resource: &str, namespace: Option<&str>) -> (u64, Vec<(Key, Arc<Value>)>) {
        self.with(|state| {
            let wanted = |key: &Key| {
                key.resource == resource && namespace.is_none_or(|ns| key.namespace == ns)
            };
            let first = Key {
                resource: resource.to_owned(),
                namespace: namespace.unwrap_or_default().to_owned(),
                name: String::new(),
            };
            let objects = state
                .objects
                .range(first..)
                .take_while(|(key, _)| wanted(key))
                .map(|(key, object)| (key.clone(), Arc::clone(object)))
                .collect();
            (state.revision, objects)
        })
    }

    /// Returns the objects of a resource as they were at a revision.
    pub fn list_at(
        &self,
        resource: &str,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Vec<(Key, Arc<Value>)>, TooOld> {
        let (_, now) = self.list(resource, namespace);
        let mut objects: BTreeMap<Key, Arc<Value>> = now.into_iter().collect();
        for event in self.events_after(revision)?.into_iter().rev() {
            let within = namespace.is_none_or(|namespace| event.key.namespace == namespace);
            if event.key.resource != resource || !within {
                continue;
            }
            match event.previous {
                Some(previous) => objects.insert(event.key, previous),
                None => objects.remove(&event.key),
            };
        }
        Ok(objects.into_iter().collect())
    }

    pub fn revision(&self) -> u64 {
        self.with(|state| state.revision)
    }

    /// Returns every key in a namespace, of any resource.
    pub fn keys_in(&self, namespace: &str) -> Vec<Key> {
        self.with(|state| {
            let keys = state.objects.keys();
            keys.filter(|k| k.namespace == namespace).cloned().collect()
        })
    }

    pub fn insert(&self, key: Key, object: Value) -> Result<Arc<Value>, StoreError> {
        self.write(|state| {
            if state.objects.contains_key(&key) {
                return Err(StoreError::Exists);
            }
            Ok(state.record(Change::Added, key, object))
        })
    }

    /// Replaces an object; `seen` is the revision that the change is based on.
    pub fn replace(
        &self,
        key: Key,
        object: Value,
        seen: Option<&str>,
    ) -> Result<Arc<Value>, StoreError> {
        self.write(|state| {
            let present = state.objects.get(&key).ok_or(StoreError::Missing)?;
            if seen.is_some_and(|seen| revision_of(present) != Some(seen)) {
                return Err(StoreError::Stale);
            }
            // The real server doesn't write a change that changes nothing.
            if **present == object {
                return Ok(Arc::clone(present));
            }
            Ok(state.record(Change::Modified, key, object))
        })
    }

    pub fn remove(&self, key: Key) -> Result<Arc<Value>, StoreError> {
        self.write(|state| {
            let present = state.objects.get(&key).ok_or(StoreError::Missing)?;
            let object = Value::clone(present);
            Ok(state.record(Change::Deleted, key, object))
        })
    }

    /// Returns the events after `revision`.
    pub fn events_after(&self, revision: u64) -> Result<Vec<Event>, TooOld> {
        self.with(|state| {
            if revision < state.forgotten {
                return Err(TooOld {
                    oldest: state.forgotten,
                });
            }
            let start = state.history.partition_point(|e| e.revision <= revision);
            Ok(state.history.range(start..).cloned().collect())
        })
    }

    /// Drops the history, like a compaction of etcd.
    pub fn compact(&self) {
        self.with(|state| {
            state.history.clear();
            state.forgotten = state.revision;
        });
    }

    pub fn compacted_at(&self) -> u64 {
        self.with(|state| state.forgotten)
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut state)?;
        // The signal is sent under the lock, so that watchers see revisions in order.
        self.revision.send_replace(state.revision);
        Ok(outcome)
    }
}

impl State {
    fn record(&mut self, change: Change, key: Key, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(object);
        let previous = if change == Change::Deleted {
            self.objects.remove(&key)
        } else {
            self.objects.insert(key.clone(), Arc::clone(&object))
        };
        self.history.push_back(Event {
            revision: self.revision,
            change,
            key,
            object: Arc::clone(&object),
            previous,
        });
        if self.history.len() > HISTORY
            && let Some(gone) = self.history.pop_front()
        {
            self.forgotten = gone.revision;
        }
        object
    }
}

/// Returns the `resourceVersion` of an object.
pub fn revision_of(object: &Value) -> Option<&str> {
    object.pointer("/metadata/resourceVersion")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            resource: "pods".to_owned(),
            namespace: "x".to_owned(),
            name: name.to_owned(),
        }
    }

    fn pod() -> Value {
        json!({"metadata": {}})
    }

    #[test]
    fn a_stale_writer_is_refused() {
        let store = Store::default();
        let first = store.insert(key("a"), pod()).unwrap();
        let seen = revision_of(&first);
        let mut changed = Value::clone(&first);
        changed["spec"] = json!({"n": 1});
        store.replace(key("a"), changed.clone(), seen).unwrap();
        changed["spec"] = json!({"n": 2});
        let error = store.replace(key("a"), changed, seen).unwrap_err();
        assert_eq!(error, StoreError::Stale);
    }

    #[test]
    fn an_earlier_list_is_rebuilt_from_the_history() {
        let store = Store::default();
        store.insert(key("a"), pod()).unwrap();
        let mut changed = pod();
        changed["x"] = json!(1);
        store.insert(key("b"), pod()).unwrap();
        let then = store.revision();
        store.replace(key("a"), changed, None).unwrap();
        store.remove(key("b")).unwrap();
        store.insert(key("c"), pod()).unwrap();
        let names: Vec<_> = store.list_at("pods", Some("x"), then).unwrap();
        let names: Vec<_> = names.iter().map(|(key, o)| (&*key.name, &o["x"])).collect();
        assert_eq!(names, [("a", &Value::Null), ("b", &Value::Null)]);
        store.compact();
        assert!(store.list_at("pods", None, then).is_err());
    }

    #[test]
    fn the_history_is_told_from_a_revision_on_until_it_is_compacted() {
        let store = Store::default();
        let (start, _) = store.list("pods", None);
        store.insert(key("a"), pod()).unwrap();
        store.remove(key("a")).unwrap();
        let changes: Vec<_> = store.events_after(start).unwrap();
        let changes: Vec<_> = changes.iter().map(|event| event.change).collect();
        assert_eq!(changes, [Change::Added, Change::Deleted]);
        store.compact();
        assert!(store.events_after(start).is_err());
    }

    #[test]
    fn a_list_ends_at_its_namespace_and_resource() {
        let store = Store::default();
        store.insert(key("a"), pod()).unwrap();
        let other = Key {
            namespace: "y".to_owned(),
            ..key("b")
        };
        store.insert(other, pod()).unwrap();
        let service = Key {
            resource: "services".to_owned(),
            ..key("c")
        };
        store.insert(service, pod()).unwrap();
        assert_eq!(store.list("pods", Some("x")).1.len(), 1);
        assert_eq!(store.list("pods", None).1.len(), 2);
    }
}
