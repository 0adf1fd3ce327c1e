//! Finalizers: an object stays until the last one is removed.

use std::fmt::Debug;

use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::OperatorError;

/// Returns whether an object has a finalizer.
pub(crate) fn has<K: Resource>(object: &K, finalizer: &str) -> bool {
    object.finalizers().iter().any(|it| it == finalizer)
}

/// Adds or removes a finalizer. Returns false if the object has changed or is gone: the watch brings the newer one, and with it
/// the next look.
pub(crate) async fn set<K>(
    objects: &Api<K>,
    object: &K,
    finalizer: &str,
    held: bool,
) -> Result<bool, OperatorError>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let mut finalizers = object.finalizers().to_vec();
    finalizers.retain(|it| it != finalizer);
    if held {
        finalizers.push(finalizer.to_owned());
    }
    let change = json!({"metadata": {
        "finalizers": finalizers,
        // Another writer of finalizers must not lose its own.
        "resourceVersion": object.resource_version(),
    }});
    let change = Patch::Merge(change);
    let changed = objects
        .patch(&object.name_any(), &PatchParams::default(), &change)
        .await;
    match changed {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
