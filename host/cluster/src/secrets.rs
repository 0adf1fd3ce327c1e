//! Reads one Secret of the namespace by its name.

use std::collections::BTreeMap;

use host_base::Secret;
use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::near::near;
use super::request::{SECRETS, check_name};
use super::{Cluster, ClusterError};

/// The decoded keys of a Secret.
#[derive(Clone, Debug)]
pub struct SecretKeys {
    name: String,
    namespace: String,
    keys: BTreeMap<String, Secret>,
}

#[derive(Deserialize)]
struct Record {
    // Empty Secrets have no field `data`.
    data: Option<BTreeMap<String, ByteString>>,
}

/// An entry of a list of Secrets, of which only the name is kept.
#[derive(Deserialize)]
struct Named {
    metadata: ObjectMeta,
}

impl Cluster {
    /// Reads a Secret, with one request. If it does not exist, two more requests find the reason.
    ///
    /// # Errors
    /// When it does not exist or may not be read. The error suggests similar names if the user may list
    /// Secrets.
    pub async fn secret(&self, name: &str) -> Result<SecretKeys, ClusterError> {
        check_name("Secret", name)?;
        let Some(record) = self.get::<Record>(&SECRETS, name).await? else {
            return Err(self.no_secret(name).await);
        };
        let keys = record.data.unwrap_or_default().into_iter();
        Ok(SecretKeys {
            name: name.to_owned(),
            namespace: self.namespace().to_owned(),
            keys: keys.map(|(key, value)| (key, value.0.into())).collect(),
        })
    }

    async fn no_secret(&self, name: &str) -> ClusterError {
        let (namespace_missing, existing) =
            tokio::join!(self.namespace_is_missing(), self.list::<Named>(&SECRETS));
        if namespace_missing {
            return self.no_namespace();
        }
        // Few users who may read one Secret may also list them. Without a list, the error suggests no names.
        let existing = existing.unwrap_or_default();
        let names = existing.iter().filter_map(|it| it.metadata.name.as_deref());
        ClusterError::SecretNotFound {
            name: name.to_owned(),
            namespace: self.namespace().to_owned(),
            near: near(name, names),
        }
    }
}

impl SecretKeys {
    /// Returns the value of a key, if the Secret has it.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Secret> {
        self.keys.get(key)
    }

    /// Returns the value of a required key.
    ///
    /// # Errors
    /// When the key is missing; the error names the existing keys.
    pub fn require(&self, key: &str) -> Result<&Secret, ClusterError> {
        self.find(key)
            .ok_or_else(|| ClusterError::SecretKeyMissing {
                key: key.to_owned(),
                name: self.name.clone(),
                namespace: self.namespace.clone(),
                existing: self.keys.keys().cloned().collect(),
            })
    }
}

#[cfg(test)]
mod tests {
    use host_base::{Failure, Problem};
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Answers, status};

    const NAMESPACE: &str = "/api/v1/namespaces/mqtt";

    fn secret(data: &Value) -> Value {
        json!({"kind": "Secret", "metadata": {"name": "hivemq-api"}, "data": data})
    }

    #[tokio::test]
    async fn the_keys_come_decoded_with_one_request_and_are_not_shown() {
        let data = json!({"username": "YWRtaW4=", "password": "Y2FuYXJ5", "raw": "/w=="});
        let cluster = Answers::default()
            .with("secrets/hivemq-api", 200, &secret(&data))
            .mocked();
        let keys = cluster.secret("hivemq-api").await.unwrap();
        let password = keys.require("password").unwrap();
        assert_eq!(password.expose(), b"canary");
        assert_eq!(keys.find("raw").unwrap().expose(), [0xff]);
        assert!(!format!("{keys:?}").contains("canary"));
        assert_eq!(cluster.request_count(), 1);
    }

    #[tokio::test]
    async fn a_missing_key_names_those_that_are_there() {
        let cluster = Answers::default()
            .with("secrets/a", 200, &secret(&json!({"user\u{1b}": "YQ=="})))
            .with("secrets/b", 200, &secret(&Value::Null))
            .mocked();
        let error = cluster.secret("a").await.unwrap();
        let error = error.require("username").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Secret a in namespace mqtt has no key username; it has user\\u{1b}"
        );
        assert_eq!(error.failure(), Failure::NotFound);
        let empty = cluster.secret("b").await.unwrap();
        let error = empty.require("token").unwrap_err();
        assert!(
            matches!(&error, ClusterError::SecretKeyMissing { existing, .. } if existing.is_empty()),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_secret_that_is_not_there_comes_with_near_names_where_they_may_be_listed() {
        let there = json!({"metadata": {"name": "mqtt"}});
        let listed = Answers::default().with(NAMESPACE, 200, &there);
        let cluster = listed
            .clone()
            .list("secrets", &[secret(&json!({}))])
            .mocked();
        let error = cluster.secret("hivemq-apu").await.unwrap_err();
        assert!(
            matches!(&error, ClusterError::SecretNotFound { near, .. } if *near == ["hivemq-api"]),
            "{error}"
        );
        assert_eq!(cluster.request_count(), 3);
        let forbidden = listed.with("secrets", 403, &status(403, "no"));
        let error = forbidden.mocked().secret("hivemq-apu").await.unwrap_err();
        assert!(
            matches!(&error, ClusterError::SecretNotFound { near, .. } if near.is_empty()),
            "{error}"
        );
        assert_eq!(error.failure(), Failure::NotFound);
        let nowhere = Answers::default().mocked().secret("x").await.unwrap_err();
        assert!(matches!(nowhere, ClusterError::NamespaceNotFound { .. }));
    }

    #[tokio::test]
    async fn a_forbidden_secret_names_the_rule_that_lets_it_be_read() {
        let answers = Answers::default().with("secrets/a", 403, &status(403, "no"));
        let error = answers.mocked().secret("a").await.unwrap_err();
        assert_eq!(error.failure(), Failure::NotAllowed);
        let hint = error.advice().unwrap();
        assert!(
            hint.contains(
                "`kubectl create role broker-secrets -n mqtt --verb=get --resource=secrets --resource-name=a`"
            ),
            "{hint}"
        );
    }

    #[tokio::test]
    async fn nothing_of_a_secret_of_another_form_is_shown() {
        for data in [json!("canary"), json!({"password": "canary!"})] {
            let answers = Answers::default().with("secrets/a", 200, &secret(&data));
            let error = answers.mocked().secret("a").await.unwrap_err();
            assert!(matches!(error, ClusterError::NotKubernetes { .. }));
            assert!(
                !format!("{error} {error:?}").contains("canary"),
                "{error:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_cannot_be_a_path() {
        let error = Answers::default().mocked().secret("../pods").await;
        assert!(matches!(error, Err(ClusterError::BadName { .. })));
    }
}
