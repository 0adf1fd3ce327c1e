//! The controllers that finish deletions: of namespaces, and of CustomResourceDefinitions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::custom::definition;
use super::objects::Objects;
use super::store::{Key, StoreError, revision_of};
use crate::clock::{Clock, seconds};
use crate::jobs::deletion::{self, Options};
use crate::tasks::Tasks;

/// Settles the cluster after every change.
pub fn start(objects: &Objects, clock: &Clock, tasks: &Tasks) {
    let (objects, clock) = (objects.clone(), clock.clone());
    let mut revisions = objects.store.subscribe();
    tasks.spawn(async move {
        loop {
            revisions.mark_unchanged();
            settle(&objects, &clock);
            if revisions.changed().await.is_err() {
                return;
            }
        }
    });
}

/// Empties what is being deleted, and removes what is empty.
pub fn settle(objects: &Objects, clock: &Clock) {
    let deleted = |resource: &str| {
        let (_, all) = objects.store.list(resource, None);
        all.into_iter()
            .filter(|(_, object)| !object["metadata"]["deletionTimestamp"].is_null())
    };
    for (key, _) in deleted("namespaces") {
        let inner = objects.store.keys_in(&key.name);
        if empty(objects, clock, &inner) {
            delete(objects, clock, &key, Options::default());
        }
    }
    for (key, object) in deleted(&definitions()) {
        let (_, inner) = objects.store.list(&key.name, None);
        let inner: Vec<Key> = inner.into_iter().map(|(key, _)| key).collect();
        let held = object["metadata"]["finalizers"].as_array();
        let others = held
            .into_iter()
            .flatten()
            .any(|it| it != definition::FINALIZER);
        if empty(objects, clock, &inner) && !others {
            objects.undefine(&key.name);
            let _ = objects.store.remove(key);
        }
    }
}

/// Deletes objects. Returns whether none of them remains.
fn empty(objects: &Objects, clock: &Clock, keys: &[Key]) -> bool {
    let mut gone = true;
    for key in keys {
        gone &= delete(objects, clock, key, Options::default()).is_none();
    }
    gone
}

/// Deletes an object. If something holds the object, it is marked as deleted and returned. A namespace or a
/// definition is held by its contents.
pub fn delete(objects: &Objects, clock: &Clock, key: &Key, options: Options) -> Option<Arc<Value>> {
    loop {
        let present = objects.store.get(key)?;
        let Some(marked) = held_by_contents(objects, key, &present, &seconds(clock.now())) else {
            let held = deletion::delete(objects, clock.now(), key, options);
            if held.is_none() && key.resource == definitions() {
                objects.undefine(&key.name);
            }
            return held;
        };
        let seen = revision_of(&present);
        match objects.store.replace(key.clone(), marked, seen) {
            Ok(stored) => return Some(stored),
            Err(StoreError::Stale) => {}
            Err(_) => return None,
        }
    }
}

fn definitions() -> String {
    format!("{}.{}", definition::PLURAL, definition::GROUP)
}

/// Returns a namespace or a definition as it is while its contents are deleted, or `None` without contents.
fn held_by_contents(objects: &Objects, key: &Key, present: &Value, now: &str) -> Option<Value> {
    let mut object = present.clone();
    if key.resource == "namespaces" {
        if objects.store.keys_in(&key.name).is_empty() {
            return None;
        }
        object["status"]["phase"] = json!("Terminating");
    } else if key.resource == definitions() {
        if objects.store.list(&key.name, None).1.is_empty() {
            return None;
        }
        if !object["metadata"]["finalizers"].is_array() {
            object["metadata"]["finalizers"] = json!([]);
        }
        if let Some(list) = object["metadata"]["finalizers"].as_array_mut()
            && !list.iter().any(|it| it == definition::FINALIZER)
        {
            list.push(json!(definition::FINALIZER));
        }
        let message = "CustomResource deletion is in progress";
        definition::condition(
            &mut object["status"],
            "Terminating",
            true,
            "InstanceDeletionInProgress",
            message,
            now,
        );
    } else {
        return None;
    }
    if object["metadata"]["deletionTimestamp"].is_null() {
        object["metadata"]["deletionTimestamp"] = json!(now);
        object["metadata"]["deletionGracePeriodSeconds"] = json!(0);
    }
    Some(object)
}
