//! The Secrets and the volumes that a Job needs, from the specs of its objects.

use std::collections::{BTreeMap, BTreeSet};

use kafka_spec::{
    BackupRef, Evidence, KafkaCluster, Notifications, PvcPlace, Storage, ValidationSpec,
};

use super::Refusal;

/// Whether a volume is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    Read,
    Write,
}

/// The Secrets and the PersistentVolumeClaims that a Job needs, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) secrets: BTreeSet<String>,
    pub(super) claims: BTreeMap<String, Access>,
    /// Whether the pod needs the identity that Azure gives to its service account.
    pub(super) is_azure_workload: bool,
}

/// The longest name of an object.
const LONGEST: usize = 253;

impl Needs {
    pub(super) fn secret(&mut self, name: &str) {
        self.secrets.insert(name.to_owned());
    }

    /// Adds a claim. One that anything writes to is mounted for writing.
    pub(super) fn claim(&mut self, name: &str, access: Access) {
        let known = self.claims.entry(name.to_owned()).or_insert(access);
        *known = (*known).max(access);
    }

    pub(super) fn place(&mut self, place: Option<&PvcPlace>) {
        if let Some(place) = place {
            self.claim(&place.pvc_name, Access::Write);
        }
    }

    pub(super) fn cluster(&mut self, cluster: &KafkaCluster) {
        let names = [
            cluster.ca_secret.as_ref().map(|it| &it.name),
            cluster.tls_secret.as_ref().map(|it| &it.name),
            cluster.sasl_secret.as_ref().map(|it| &it.name),
        ];
        for name in names.into_iter().flatten() {
            self.secret(name);
        }
    }

    /// Adds a storage. Blocks of another type than `storageType` have no effect.
    pub(super) fn storage(&mut self, storage: &Storage, access: Access) {
        match storage.storage_type.as_str() {
            "pvc" => {
                if let Some(pvc) = &storage.pvc {
                    self.claim(&pvc.claim_name, access);
                }
            }
            "s3" => {
                if let Some(s3) = &storage.s3 {
                    self.secret(&s3.credentials_secret.name);
                }
            }
            "azure" => {
                if let Some(azure) = &storage.azure {
                    let names = [
                        azure.credentials_secret.as_ref().map(|it| &it.name),
                        azure.sas_token_secret.as_ref().map(|it| &it.name),
                        azure.service_principal_secret.as_ref().map(|it| &it.name),
                    ];
                    for name in names.into_iter().flatten() {
                        self.secret(name);
                    }
                    self.is_azure_workload |= azure.use_workload_identity;
                }
            }
            "gcs" => {
                if let Some(gcs) = &storage.gcs {
                    self.secret(&gcs.credentials_secret.name);
                }
            }
            // The rules refuse it.
            _ => {}
        }
    }

    /// Adds the storage of a set: that of the reference, else that of its KafkaBackup.
    pub(super) fn set(&mut self, of: &BackupRef, backup: Option<&Storage>, access: Access) {
        if let Some(storage) = of.storage.as_ref().or(backup) {
            self.storage(storage, access);
        }
    }

    pub(super) fn validation(&mut self, spec: &ValidationSpec) {
        if let Some(cluster) = &spec.kafka_cluster {
            self.cluster(cluster);
        }
        if let Some(evidence) = &spec.evidence {
            self.evidence(evidence);
        }
        if let Some(notifications) = &spec.notifications {
            self.notifications(notifications);
        }
    }

    fn evidence(&mut self, evidence: &Evidence) {
        if let Some(storage) = &evidence.storage {
            self.storage(storage, Access::Write);
        }
        let signing = evidence.signing.as_ref().filter(|it| it.enabled);
        if let Some(key) = signing.and_then(|it| it.key_secret.as_ref()) {
            self.secret(&key.name);
        }
    }

    fn notifications(&mut self, notifications: &Notifications) {
        let slack = notifications.slack.as_ref();
        let duty = notifications.pagerduty.as_ref();
        let keys = [
            slack.map(|it| &it.webhook_secret),
            duty.map(|it| &it.routing_key_secret),
        ];
        for key in keys.into_iter().flatten() {
            self.secret(&key.name);
        }
    }

    /// Returns the names that no Secret and no claim can have. They would become folders elsewhere in the pod.
    pub(super) fn problems(&self) -> Vec<String> {
        let secrets = self.secrets.iter().map(|name| ("a Secret", name));
        let claims = self
            .claims
            .keys()
            .map(|name| ("a PersistentVolumeClaim", name));
        secrets
            .chain(claims)
            .filter(|(_, name)| !is_name(name))
            .map(|(what, name)| format!("{name:?} is not the name of {what}"))
            .collect()
    }
}

impl Needs {
    /// Returns the needs, if all names are valid. Those of other objects were not checked with the spec.
    pub(super) fn checked(self) -> Result<Self, Refusal> {
        match Refusal::invalid(&self.problems()) {
            Some(refusal) => Err(refusal),
            None => Ok(self),
        }
    }
}

/// Returns whether a text is the name of an object: a DNS subdomain of RFC 1123.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    name.len() <= LONGEST && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn storage(value: Value) -> Storage {
        serde_json::from_value(value).expect("a storage")
    }

    #[test]
    fn only_the_block_of_the_type_counts() {
        let mut needs = Needs::default();
        needs.storage(
            &storage(json!({
                "storageType": "s3", "pvc": { "claimName": "unused" },
                "s3": { "bucket": "b", "credentialsSecret": { "name": "keys" } },
            })),
            Access::Write,
        );
        assert_eq!(needs.secrets, BTreeSet::from(["keys".to_owned()]));
        assert_eq!(needs.claims, BTreeMap::new());
    }

    #[test]
    fn a_claim_that_is_read_and_written_is_mounted_for_writing() {
        let mut needs = Needs::default();
        needs.claim("backups", Access::Read);
        assert_eq!(needs.claims["backups"], Access::Read);
        needs.claim("backups", Access::Write);
        needs.claim("backups", Access::Read);
        assert_eq!(needs.claims["backups"], Access::Write);
    }

    #[test]
    fn a_name_that_leaves_its_folder_is_refused() {
        let mut needs = Needs::default();
        for name in [
            "../etc",
            "a/b",
            "",
            "A",
            "a..b",
            "-a",
            "tls.example.com",
            "a",
        ] {
            needs.secret(name);
        }
        assert_eq!(needs.problems().len(), 6, "{:?}", needs.problems());
    }

    #[test]
    fn an_identity_of_azure_and_every_secret_of_a_cluster_are_found() {
        let mut needs = Needs::default();
        let cluster = json!({
            "bootstrapServers": ["k:1"], "caSecret": { "name": "ca" }, "tlsSecret": { "name": "tls" },
            "saslSecret": { "name": "user", "mechanism": "PLAIN" },
        });
        needs.cluster(&serde_json::from_value(cluster).expect("a cluster"));
        needs.storage(
            &storage(json!({ "storageType": "azure", "azure": {
                "container": "c", "accountName": "a", "useWorkloadIdentity": true,
            }})),
            Access::Read,
        );
        let names: Vec<_> = needs.secrets.iter().map(String::as_str).collect();
        assert_eq!(names, ["ca", "tls", "user"]);
        assert!(needs.is_azure_workload);
    }
}
