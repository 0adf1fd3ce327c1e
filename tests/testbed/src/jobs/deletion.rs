//! The deletion of objects: propagation, finalizers, and the grace period of pods.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::fields::{at, has_finalizer, is_deleted, is_of_job, is_over, items, text};
use crate::api::objects::Objects;
use crate::api::store::{Key, StoreError, revision_of};
use crate::clock::seconds;

/// The finalizer of an owner that waits for its dependents.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an owner whose dependents are to stay.
pub const ORPHAN: &str = "orphan";

/// The effect of a deletion on the dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    /// The collector deletes the dependents afterwards.
    #[default]
    Background,
    /// The owner stays until its blocking dependents are gone.
    Foreground,
    /// The dependents lose their reference and stay.
    Orphan,
}

/// The settings of a deletion.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub propagation: Propagation,
    /// The seconds until a pod is killed; `None` takes the pod's own.
    pub grace: Option<i64>,
}

impl Options {
    /// Reads `DeleteOptions` from a body, and else from the parameters of the query.
    pub fn read(body: &Value, propagation: Option<&str>, grace: Option<&str>) -> Self {
        let propagation = match body["propagationPolicy"].as_str().or(propagation) {
            Some("Foreground") => Propagation::Foreground,
            Some("Orphan") => Propagation::Orphan,
            None if body["orphanDependents"] == true => Propagation::Orphan,
            _ => Propagation::Background,
        };
        let in_query = || grace.and_then(|seconds| seconds.parse().ok());
        Self {
            propagation,
            grace: body["gracePeriodSeconds"].as_i64().or_else(in_query),
        }
    }

    pub fn propagating(propagation: Propagation) -> Self {
        Self {
            propagation,
            grace: None,
        }
    }
}

/// Deletes an object. Returns the object if it stays for a while: because of finalizers, or because it is a pod
/// whose process ends first.
pub fn delete(
    objects: &Objects,
    now: Timestamp,
    key: &Key,
    options: Options,
) -> Option<Arc<Value>> {
    loop {
        let present = objects.store.get(key)?;
        let mut object = Value::clone(&present);
        hold(&mut object, options.propagation);
        let grace = grace(&object, options.grace);
        if items(&object, "/metadata/finalizers").is_empty() && grace == 0 {
            // If another deletion was faster, the result is the same.
            let _ = objects.store.remove(key.clone());
            return None;
        }
        mark(&mut object, grace, now);
        match objects
            .store
            .replace(key.clone(), object, revision_of(&present))
        {
            Ok(stored) => return Some(stored),
            Err(StoreError::Stale) => {}
            Err(_) => return None,
        }
    }
}

/// Sets the finalizer that the propagation needs.
fn hold(object: &mut Value, propagation: Propagation) {
    let finalizer = match propagation {
        Propagation::Background => return,
        Propagation::Foreground => FOREGROUND,
        Propagation::Orphan => ORPHAN,
    };
    if has_finalizer(object, finalizer) {
        return;
    }
    if !object["metadata"]["finalizers"].is_array() {
        object["metadata"]["finalizers"] = json!([]);
    }
    if let Some(list) = object["metadata"]["finalizers"].as_array_mut() {
        list.retain(|present| present != FOREGROUND && present != ORPHAN);
        list.push(json!(finalizer));
    }
}

/// Returns the seconds until the object may go. Only a pod with a process has any.
fn grace(object: &Value, asked: Option<i64>) -> i64 {
    let at_once =
        !is_of_job(object) || is_over(object) || text(object, "/spec/nodeName").is_empty();
    if at_once {
        return 0;
    }
    let own = at(object, "/spec/terminationGracePeriodSeconds").as_i64();
    asked.or(own).unwrap_or(30).max(0)
}

/// Marks an object as deleted. A later deletion can only shorten the grace period.
fn mark(object: &mut Value, grace: i64, now: Timestamp) {
    let marked = at(object, "/metadata/deletionGracePeriodSeconds").as_i64();
    if is_deleted(object) && marked.is_none_or(|marked| marked <= grace) {
        return;
    }
    let metadata = &mut object["metadata"];
    if let Some(generation) = metadata["generation"].as_i64()
        && metadata["deletionTimestamp"].is_null()
    {
        metadata["generation"] = json!(generation + 1);
    }
    metadata["deletionTimestamp"] = json!(seconds(now + SignedDuration::from_secs(grace)));
    metadata["deletionGracePeriodSeconds"] = json!(grace);
}

/// Returns whether nothing holds a deleted object any longer.
pub fn is_due(object: &Value) -> bool {
    let grace = at(object, "/metadata/deletionGracePeriodSeconds").as_i64();
    is_deleted(object)
        && items(object, "/metadata/finalizers").is_empty()
        && grace.unwrap_or_default() == 0
}

/// Changes an object, and removes it if it is due afterwards. An object that no longer exists is ignored.
pub fn settle(objects: &Objects, key: &Key, change: impl Fn(&mut Value)) {
    let changed = objects.modify(&key.resource, &key.namespace, &key.name, change);
    if changed.is_ok_and(|object| is_due(&object)) {
        let _ = objects.store.remove(key.clone());
    }
}
