//! The garbage collector: deletes the dependents of objects that are gone, by `ownerReferences` of any kind.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::deletion::{self, FOREGROUND, ORPHAN, Options, Propagation};
use super::fields::{has_finalizer, is_deleted, items, remove_finalizer, uid};
use crate::api::objects::Objects;
use crate::api::store::{Change, Event, Key};
use crate::clock::Clock;

/// The graph of owners and dependents.
#[derive(Debug)]
pub struct Collector {
    objects: Objects,
    clock: Clock,
    /// The objects that exist, by `uid`.
    alive: HashMap<String, Key>,
    /// The dependents of an owner, by its `uid`.
    dependents: HashMap<String, BTreeSet<Key>>,
    /// The objects to look at.
    dirty: BTreeSet<Key>,
}

/// The state of one owner reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Solid,
    /// The owner doesn't exist.
    Absent,
    /// The owner waits for its dependents.
    Waiting,
}

impl Collector {
    pub fn new(objects: Objects, clock: Clock) -> Self {
        Self {
            objects,
            clock,
            alive: HashMap::new(),
            dependents: HashMap::new(),
            dirty: BTreeSet::new(),
        }
    }

    /// Takes in an object that exists.
    pub fn add(&mut self, key: &Key, object: &Value) {
        self.alive.insert(uid(object).to_owned(), key.clone());
        for owner in items(object, "/metadata/ownerReferences") {
            let owner = owner["uid"].as_str().unwrap_or_default().to_owned();
            self.dependents
                .entry(owner)
                .or_default()
                .insert(key.clone());
            self.dirty.insert(key.clone());
        }
        if is_deleted(object) {
            self.dirty.insert(key.clone());
        }
    }

    pub fn see(&mut self, event: &Event) {
        if let Some(previous) = &event.previous {
            for owner in items(previous, "/metadata/ownerReferences") {
                let owner = owner["uid"].as_str().unwrap_or_default();
                if let Some(keys) = self.dependents.get_mut(owner) {
                    keys.remove(&event.key);
                    // An owner that waits may have waited for this one.
                    self.dirty.extend(self.alive.get(owner).cloned());
                }
            }
        }
        if event.change == Change::Deleted {
            self.alive.remove(uid(&event.object));
            let left = self.dependents.remove(uid(&event.object));
            self.dirty.extend(left.into_iter().flatten());
        } else {
            self.add(&event.key, &event.object);
        }
    }

    /// Deletes what has lost its owners, and lets go of owners whose dependents are gone.
    pub fn collect(&mut self) {
        for key in std::mem::take(&mut self.dirty) {
            let Some(object) = self.objects.store.get(&key) else {
                continue;
            };
            if is_deleted(&object) {
                self.owner(&key, &object);
            } else if !items(&object, "/metadata/ownerReferences").is_empty() {
                self.dependent(&key, &object);
            }
        }
    }

    fn dependent(&self, key: &Key, object: &Arc<Value>) {
        let owners = items(object, "/metadata/ownerReferences");
        let states: Vec<Owner> = owners.iter().map(|it| self.state(key, it)).collect();
        if states.contains(&Owner::Solid) {
            if states.iter().any(|state| *state != Owner::Solid) {
                let gone = owners
                    .iter()
                    .zip(&states)
                    .filter(|(_, s)| **s != Owner::Solid);
                let gone: Vec<Value> = gone.map(|(owner, _)| owner["uid"].clone()).collect();
                deletion::settle(&self.objects, key, |object| drop_owners(object, &gone));
            }
            return;
        }
        let has_dependents = self
            .dependents
            .get(uid(object))
            .is_some_and(|d| !d.is_empty());
        let propagation = if states.contains(&Owner::Waiting) && has_dependents {
            Propagation::Foreground
        } else {
            Propagation::Background
        };
        deletion::delete(
            &self.objects,
            self.clock.now(),
            key,
            Options::propagating(propagation),
        );
    }

    fn state(&self, dependent: &Key, owner: &Value) -> Owner {
        let present = self.alive.get(owner["uid"].as_str().unwrap_or_default());
        let in_scope =
            |key: &&Key| key.namespace.is_empty() || key.namespace == dependent.namespace;
        let Some(key) = present.filter(in_scope) else {
            // The collector can't tell whether an object of a type exists that the server doesn't serve.
            let served = self.objects.types().into_iter().any(|ty| {
                owner["kind"] == ty.kind.as_str() && owner["apiVersion"] == ty.api_version()
            });
            return if served { Owner::Absent } else { Owner::Solid };
        };
        let waiting = self
            .objects
            .store
            .get(key)
            .is_some_and(|owner| is_deleted(&owner) && has_finalizer(&owner, FOREGROUND));
        if waiting {
            Owner::Waiting
        } else {
            Owner::Solid
        }
    }

    /// Works on an owner that is being deleted.
    fn owner(&mut self, key: &Key, object: &Arc<Value>) {
        let dependents = self
            .dependents
            .get(uid(object))
            .cloned()
            .unwrap_or_default();
        if has_finalizer(object, ORPHAN) {
            let owner = [object["metadata"]["uid"].clone()];
            for dependent in &dependents {
                deletion::settle(&self.objects, dependent, |object| {
                    drop_owners(object, &owner);
                });
            }
            self.dependents.remove(uid(object));
            deletion::settle(&self.objects, key, |object| {
                remove_finalizer(object, ORPHAN);
            });
        } else if has_finalizer(object, FOREGROUND) {
            for dependent in &dependents {
                if let Some(found) = self
                    .objects
                    .store
                    .get(dependent)
                    .filter(|it| !is_deleted(it))
                {
                    self.dependent(dependent, &found);
                }
            }
            let blocks = |dependent: &Key| {
                let dependent = self.objects.store.get(dependent);
                dependent.is_some_and(|it| blocks(&it, &object["metadata"]["uid"]))
            };
            if !dependents.iter().any(blocks) {
                deletion::settle(&self.objects, key, |object| {
                    remove_finalizer(object, FOREGROUND);
                });
            }
        }
    }
}

/// Returns whether an object keeps its owner from being removed.
fn blocks(dependent: &Value, owner: &Value) -> bool {
    items(dependent, "/metadata/ownerReferences")
        .iter()
        .any(|it| it["uid"] == *owner && it["blockOwnerDeletion"] == true)
}

fn drop_owners(object: &mut Value, gone: &[Value]) {
    let list = object.pointer_mut("/metadata/ownerReferences");
    if let Some(list) = list.and_then(Value::as_array_mut) {
        list.retain(|owner| !gone.contains(&owner["uid"]));
    }
}
