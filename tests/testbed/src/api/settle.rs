//! The controllers that finish deletions: of namespaces, and of CustomResourceDefinitions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::custom::definition;
use super::objects::Objects;
use super::store::{Key, revision_of};
use crate::clock::{Clock, seconds};
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
            // Another deletion may have been faster.
            let _ = objects.store.remove(key);
        }
    }
    let definitions = format!("{}.{}", definition::PLURAL, definition::GROUP);
    for (key, object) in deleted(&definitions) {
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
        let Some(object) = objects.store.get(key) else {
            continue;
        };
        gone &= delete(objects, clock, key, &object).is_none();
    }
    gone
}

/// Deletes an object. If something holds the object, it is marked as deleted and returned.
///
/// Pods disappear at once, because the testbed has no kubelet that would end them gracefully.
pub fn delete(
    objects: &Objects,
    clock: &Clock,
    key: &Key,
    present: &Arc<Value>,
) -> Option<Arc<Value>> {
    let mut marked = Value::clone(present);
    let now = seconds(clock.now());
    let definition = key.resource == format!("{}.{}", definition::PLURAL, definition::GROUP);
    let contents = if definition {
        !objects.store.list(&key.name, None).1.is_empty()
    } else {
        key.resource == "namespaces" && !objects.store.keys_in(&key.name).is_empty()
    };
    if contents && definition {
        if !marked["metadata"]["finalizers"].is_array() {
            marked["metadata"]["finalizers"] = json!([]);
        }
        if let Some(list) = marked["metadata"]["finalizers"].as_array_mut()
            && !list.iter().any(|it| it == definition::FINALIZER)
        {
            list.push(json!(definition::FINALIZER));
        }
        let message = "CustomResource deletion is in progress";
        definition::condition(
            &mut marked["status"],
            "Terminating",
            true,
            "InstanceDeletionInProgress",
            message,
            &now,
        );
    }
    if contents && key.resource == "namespaces" {
        marked["status"]["phase"] = json!("Terminating");
    }
    let finalizers = marked["metadata"]["finalizers"].as_array();
    let held = contents || finalizers.is_some_and(|list| !list.is_empty());
    if !held {
        let _ = objects.store.remove(key.clone());
        if definition {
            objects.undefine(&key.name);
        }
        return None;
    }
    if marked["metadata"]["deletionTimestamp"].is_null() {
        marked["metadata"]["deletionTimestamp"] = json!(now);
        marked["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        if let Some(generation) = marked["metadata"]["generation"].as_i64() {
            marked["metadata"]["generation"] = json!(generation + 1);
        }
    }
    let stored = objects
        .store
        .replace(key.clone(), marked, revision_of(present));
    match stored {
        Ok(object) => Some(object),
        // Somebody was faster: the object may be gone, or must be deleted in its new form.
        Err(_) => {
            let newer = objects.store.get(key)?;
            delete(objects, clock, key, &newer)
        }
    }
}
