//! The PersistentVolumeClaims that the operator makes: storages with `create`, and the one for notes.
//!
//! They belong to no object. A set must stay when its KafkaBackup is deleted.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kafka_spec::{Pvc, PvcCreation, Storage};
use operator_api::{LABEL_MANAGED_BY, PROGRAM};

/// The size of the claim for notes. A snapshot has a few bytes for each partition of a group.
const STATE_SIZE: &str = "1Gi";

/// Returns the claim of a storage that asks for one.
pub(super) fn of_storage(storage: &Storage, namespace: &str) -> Option<PersistentVolumeClaim> {
    let pvc: &Pvc = storage
        .pvc
        .as_ref()
        .filter(|_| storage.storage_type == "pvc")?;
    let creation = pvc.create.as_ref().filter(|it| it.enabled)?;
    Some(claim(&pvc.claim_name, namespace, creation))
}

/// Returns the claim for notes and snapshots.
pub(super) fn of_state(name: &str, namespace: &str) -> PersistentVolumeClaim {
    let creation = PvcCreation {
        enabled: true,
        storage_class_name: None,
        size: STATE_SIZE.to_owned(),
        access_modes: vec!["ReadWriteOnce".to_owned()],
    };
    claim(name, namespace, &creation)
}

fn claim(name: &str, namespace: &str, creation: &PvcCreation) -> PersistentVolumeClaim {
    let size = Quantity(creation.size.clone());
    let label = (LABEL_MANAGED_BY.to_owned(), PROGRAM.to_owned());
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(BTreeMap::from([label])),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(creation.access_modes.clone()),
            storage_class_name: creation.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), size)])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn made(storage: Value) -> Option<Value> {
        let storage: Storage = serde_json::from_value(storage).expect("a storage");
        let claim = of_storage(&storage, "kafka")?;
        serde_json::to_value(claim).ok()
    }

    #[test]
    fn a_claim_is_made_only_if_its_storage_asks_for_it() {
        let made_of =
            |create: Value| made(json!({ "pvc": { "claimName": "backups", "create": create } }));
        assert_eq!(made_of(Value::Null), None);
        assert_eq!(made_of(json!({ "size": "5Gi" })), None, "it is not enabled");
        let claim = made_of(json!({ "enabled": true, "storageClassName": "fast" })).expect("it");
        assert_eq!(claim["metadata"]["name"], "backups");
        assert_eq!(claim["metadata"].get("ownerReferences"), None);
        assert_eq!(
            claim["spec"],
            json!({
                "accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
                "resources": { "requests": { "storage": "100Gi" } },
            })
        );
        let unused = json!({ "storageType": "s3", "pvc": { "claimName": "a", "create": { "enabled": true } } });
        assert_eq!(made(unused), None);
    }

    #[test]
    fn the_claim_for_notes_is_small() {
        let claim = serde_json::to_value(of_state("kafka-state", "kafka")).expect("JSON");
        assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1Gi");
    }
}
