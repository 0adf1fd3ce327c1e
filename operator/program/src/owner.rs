//! The objects that Jobs and pods belong to.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt as _};

use crate::error::OperatorError;

/// Refuses a Job of another object. An object that was created again has the names of the Jobs of the one before, until
/// they are collected.
pub(crate) fn check_owner(job: &Job, namespace: &str, owner: &str) -> Result<(), OperatorError> {
    if job.owner_references().iter().any(|it| it.uid == owner) {
        return Ok(());
    }
    Err(OperatorError::NameTaken {
        job: job.name_any(),
        namespace: namespace.to_owned(),
    })
}

/// Returns whether a pod is one of a Job. Without the Job, its pods can't be told from others with its label.
pub(crate) fn is_of(pod: &Pod, job: Option<&Job>) -> bool {
    job.is_none_or(|job| {
        let uid = job.metadata.uid.as_ref();
        pod.owner_references().iter().any(|it| Some(&it.uid) == uid)
    })
}

/// Returns the reference that makes a Job belong to an object.
pub(crate) fn owner<K: Resource<DynamicType = ()>>(
    object: &K,
) -> Result<OwnerReference, OperatorError> {
    object.controller_owner_ref(&()).ok_or(OperatorError::NoUid)
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    fn owned_by<K: DeserializeOwned>(uid: &str, owner: &str) -> K {
        let object = json!({"metadata": {
            "name": "backup-a", "namespace": "prod", "uid": uid,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Owner", "name": "a", "uid": owner}],
        }});
        serde_json::from_value(object).expect("an object")
    }

    #[test]
    fn a_job_of_an_object_before_is_not_taken_for_ones_own() {
        let job: Job = owned_by("job", "first");
        assert!(check_owner(&job, "prod", "first").is_ok());
        let refused = check_owner(&job, "prod", "second").expect_err("another owner");
        assert!(matches!(refused, OperatorError::NameTaken { .. }));
    }

    #[test]
    fn a_pod_counts_only_for_its_own_job() {
        let pod: Pod = owned_by("pod", "job");
        assert!(is_of(&pod, Some(&owned_by("job", "a"))));
        assert!(!is_of(&pod, Some(&owned_by("other", "a"))));
        assert!(is_of(&pod, None), "only the label is known");
    }
}
