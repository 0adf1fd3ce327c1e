//! Secrets, volumes, and the configuration of the library.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use host_base::files;
use kafka_backup_core::config::KafkaConfig;
use kafka_backup_core::storage::{
    StorageBackend, StorageBackendConfig, create_backend_from_config,
};
use kafka_spec::{Azure, CircuitBreaker, Gcs, KafkaCluster, Pvc, S3, Storage};
use serde_json::{Value, json};

use crate::error::{During as _, Result, WorkError};
use crate::text::keep_secret;

/// A Secret of Kubernetes holds at most 1 MiB.
const LARGEST: u64 = 1 << 20;

/// The folders with Secrets and volumes.
#[derive(Clone, Debug)]
pub struct Places {
    pub secrets: Option<PathBuf>,
    pub volumes: Option<PathBuf>,
}

impl Places {
    /// Returns the path of one key of a Secret.
    pub fn key(&self, secret: &str, key: &str) -> Result<PathBuf> {
        let folder = self.secrets.as_ref().ok_or_else(|| {
            WorkError::usage(format!(
                "Secret {secret} is needed, but no folder of Secrets is given"
            ))
            .with_hint("Pass --secrets DIR")
        })?;
        let path = folder.join(plain(secret)?).join(plain(key)?);
        if path.is_file() {
            return Ok(path);
        }
        Err(WorkError::usage(format!(
            "Secret {secret} has no key {key}"
        )))
    }

    /// Reads one key of a Secret. Its value never gets into a text.
    pub fn secret(&self, secret: &str, key: &str) -> Result<String> {
        let path = self.key(secret, key)?;
        let text = files::read_text(&path, LARGEST).map_err(|error| {
            WorkError::usage(format!(
                "key {key} of Secret {secret} can't be read: {error}"
            ))
        })?;
        keep_secret(&text);
        // `kubectl create secret --from-file` keeps the line end of an editor.
        Ok(text.trim_end_matches(['\n', '\r']).to_owned())
    }

    /// Returns a folder of a volume. It must be there, unless it is below the volume.
    pub fn folder(&self, claim: &str, path: Option<&str>) -> Result<PathBuf> {
        let volumes = self.volumes.as_ref().ok_or_else(|| {
            WorkError::usage(format!(
                "PersistentVolumeClaim {claim} is needed, but no folder of volumes is given"
            ))
            .with_hint("Pass --volumes DIR")
        })?;
        let volume = volumes.join(plain(claim)?);
        if !volume.is_dir() {
            return Err(WorkError::usage(format!(
                "PersistentVolumeClaim {claim} is not mounted"
            )));
        }
        match path {
            Some(path) => Ok(volume.join(inside(path)?)),
            None => Ok(volume),
        }
    }

    /// Opens a storage of backup sets.
    pub fn storage(&self, storage: &Storage) -> Result<Place> {
        let config = self.storage_config(storage)?;
        let config: StorageBackendConfig = serde_json::from_value(config).map_err(|error| {
            WorkError::failed(format!("the storage can't be configured: {error}"))
        })?;
        let backend = create_backend_from_config(&config).during("opening the storage")?;
        Ok(Place { config, backend })
    }

    fn storage_config(&self, storage: &Storage) -> Result<Value> {
        match (storage.storage_type.as_str(), storage) {
            ("pvc", Storage { pvc: Some(pvc), .. }) => self.pvc(pvc),
            ("s3", Storage { s3: Some(s3), .. }) => self.s3(s3),
            (
                "azure",
                Storage {
                    azure: Some(azure), ..
                },
            ) => self.azure(azure),
            ("gcs", Storage { gcs: Some(gcs), .. }) => self.gcs(gcs),
            (ty, _) => Err(WorkError::usage(format!("storage {ty} is not described"))),
        }
    }

    fn pvc(&self, pvc: &Pvc) -> Result<Value> {
        let folder = self.folder(&pvc.claim_name, pvc.sub_path.as_deref())?;
        Ok(json!({ "backend": "filesystem", "path": folder }))
    }

    fn s3(&self, s3: &S3) -> Result<Value> {
        let secret = &s3.credentials_secret;
        Ok(json!({
            "backend": "s3",
            "bucket": s3.bucket,
            "region": s3.region,
            "endpoint": s3.endpoint,
            "access_key": self.secret(&secret.name, &secret.access_key_id_key)?,
            "secret_key": self.secret(&secret.name, &secret.secret_access_key_key)?,
            "prefix": s3.prefix,
            "path_style": s3.path_style.unwrap_or_default(),
            "allow_http": s3.allow_http.unwrap_or_default(),
        }))
    }

    fn azure(&self, azure: &Azure) -> Result<Value> {
        let mut config = json!({
            "backend": "azure",
            "account_name": azure.account_name,
            "container_name": azure.container,
            "prefix": azure.prefix,
            "endpoint": azure.endpoint,
            "use_workload_identity": azure.use_workload_identity,
        });
        if let Some(secret) = &azure.credentials_secret {
            config["account_key"] = json!(self.secret(&secret.name, &secret.account_key_key)?);
        }
        if let Some(secret) = &azure.sas_token_secret {
            config["sas_token"] = json!(self.secret(&secret.name, &secret.sas_token_key)?);
        }
        if let Some(secret) = &azure.service_principal_secret {
            config["client_id"] = json!(self.secret(&secret.name, &secret.client_id_key)?);
            config["tenant_id"] = json!(self.secret(&secret.name, &secret.tenant_id_key)?);
            config["client_secret"] = json!(self.secret(&secret.name, &secret.client_secret_key)?);
        }
        Ok(config)
    }

    fn gcs(&self, gcs: &Gcs) -> Result<Value> {
        let secret = &gcs.credentials_secret;
        Ok(json!({
            "backend": "gcs",
            "bucket": gcs.bucket,
            "prefix": gcs.prefix,
            "service_account_path": self.key(&secret.name, &secret.service_account_json_key)?,
        }))
    }

    /// Returns the configuration of a cluster. The library reads certificates from files itself.
    pub fn cluster(&self, cluster: &KafkaCluster, topics: &[String]) -> Result<KafkaConfig> {
        let mut security =
            json!({ "security_protocol": cluster.security_protocol.to_ascii_uppercase() });
        if let Some(secret) = &cluster.ca_secret {
            security["ssl_ca_location"] = json!(self.key(&secret.name, &secret.ca_key)?);
        }
        if let Some(secret) = &cluster.tls_secret {
            if let (Some(certificate), Some(key)) = (&secret.cert_key, &secret.key_key) {
                security["ssl_certificate_location"] = json!(self.key(&secret.name, certificate)?);
                security["ssl_key_location"] = json!(self.key(&secret.name, key)?);
            }
            // A Secret of a certificate may lack the authority. Then the one of caSecret counts, or the public ones.
            if cluster.ca_secret.is_none()
                && let Ok(path) = self.key(&secret.name, &secret.ca_key)
            {
                security["ssl_ca_location"] = json!(path);
            }
        }
        if let Some(secret) = &cluster.sasl_secret {
            security["sasl_mechanism"] = json!(secret.mechanism);
            security["sasl_username"] = json!(self.secret(&secret.name, &secret.username_key)?);
            security["sasl_password"] = json!(self.secret(&secret.name, &secret.password_key)?);
        }
        let connection = &cluster.connection;
        let config = json!({
            "bootstrap_servers": cluster.bootstrap_servers,
            "security": security,
            "topics": { "include": topics },
            "connection": {
                "tcp_keepalive": connection.tcp_keepalive,
                "keepalive_time_secs": connection.keepalive_time_secs,
                "keepalive_interval_secs": connection.keepalive_interval_secs,
                "tcp_nodelay": connection.tcp_nodelay,
                "connections_per_broker": connection.connections_per_broker,
            },
        });
        serde_json::from_value(config).map_err(|error| {
            WorkError::usage(format!("the Kafka cluster can't be configured: {error}"))
        })
    }
}

/// A storage, and how the library opens it again.
#[derive(Clone)]
pub struct Place {
    pub config: StorageBackendConfig,
    pub backend: Arc<dyn StorageBackend>,
}

/// Returns the library's settings of a circuit breaker.
pub fn breaker(breaker: &CircuitBreaker) -> Value {
    json!({
        "enabled": breaker.enabled,
        "failure_threshold": breaker.failure_threshold,
        "reset_timeout_ms": breaker.reset_timeout_secs.saturating_mul(1000),
        "success_threshold": breaker.success_threshold,
    })
}

/// Returns a warning about settings of a circuit breaker that are not the defaults. The library's breaker only logs, and never
/// keeps back a request.
pub fn no_breaker(breaker: &CircuitBreaker) -> Option<String> {
    let usual = CircuitBreaker::default();
    let settings = [
        ("enabled", breaker.enabled != usual.enabled),
        (
            "failureThreshold",
            breaker.failure_threshold != usual.failure_threshold,
        ),
        (
            "resetTimeoutSecs",
            breaker.reset_timeout_secs != usual.reset_timeout_secs,
        ),
        (
            "successThreshold",
            breaker.success_threshold != usual.success_threshold,
        ),
        (
            "operationTimeoutMs",
            breaker.operation_timeout_ms != usual.operation_timeout_ms,
        ),
    ];
    let changed = settings.iter().filter(|(_, is_changed)| *is_changed);
    let changed: Vec<_> = changed.map(|(name, _)| *name).collect();
    (!changed.is_empty()).then(|| {
        format!(
            "spec.circuitBreaker.{} has no effect: the worker gives up after a minute without progress",
            changed.join(", ")
        )
    })
}

/// Returns a name that is one part of a path.
fn plain(name: &str) -> Result<&str> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(name),
        _ => Err(WorkError::usage(format!("{name:?} is not a name"))),
    }
}

/// Returns a path that stays below the folder that it is relative to.
pub fn inside(path: &str) -> Result<&Path> {
    let relative = Path::new(path);
    let stays = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    stays
        .then_some(relative)
        .ok_or_else(|| WorkError::usage(format!("{path:?} leaves its volume")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_leave_its_folder() {
        for name in ["", ".", "..", "a/b", "/etc"] {
            assert!(plain(name).is_err(), "{name:?}");
        }
        assert!(inside("a/../../b").is_err() && inside("/a").is_err());
        assert!(inside("a/b").is_ok());
    }

    #[test]
    fn a_missing_key_is_named_and_a_line_end_is_no_part_of_a_password() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("user")).expect("a Secret");
        std::fs::write(folder.path().join("user/password"), "hunter22\n").expect("a key");
        let places = Places {
            secrets: Some(folder.path().to_owned()),
            volumes: None,
        };
        assert_eq!(
            places.secret("user", "password").expect("a value"),
            "hunter22"
        );
        let error = places.secret("user", "username").unwrap_err();
        assert_eq!(error.message, "Secret user has no key username");
        let error = places.folder("data", None).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("Pass --volumes DIR"));
    }

    #[test]
    fn a_changed_circuit_breaker_is_told() {
        let breaker = |json: Value| no_breaker(&serde_json::from_value(json).expect("a breaker"));
        assert_eq!(breaker(json!({})), None);
        let told = breaker(json!({ "failureThreshold": 9, "operationTimeoutMs": 5 }));
        assert!(told.is_some_and(|told| {
            told.starts_with("spec.circuitBreaker.failureThreshold, operationTimeoutMs has no")
        }));
    }

    fn opened(places: &Places, storage: Value) -> StorageBackendConfig {
        let storage: Storage = serde_json::from_value(storage).expect("a storage");
        let config = places.storage_config(&storage).expect("a configuration");
        serde_json::from_value(config).expect("the library's form")
    }

    #[test]
    fn azure_and_google_get_their_own_settings() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("keys");
        std::fs::create_dir(&secret).expect("a Secret");
        for (key, value) in [
            ("AZURE_STORAGE_KEY", "a2V5"),
            ("AZURE_CLIENT_ID", "client"),
            ("AZURE_TENANT_ID", "tenant"),
            ("AZURE_CLIENT_SECRET", "canary-of-azure"),
            ("SERVICE_ACCOUNT_JSON", "{}"),
        ] {
            std::fs::write(secret.join(key), value).expect("a key");
        }
        let places = Places {
            secrets: Some(folder.path().to_owned()),
            volumes: None,
        };
        let azure = |way: &str| {
            json!({ "storageType": "azure", "azure": {
                "container": "backups", "accountName": "account", "prefix": "kafka", way: { "name": "keys" },
            }})
        };
        let StorageBackendConfig::Azure {
            account_key,
            container_name,
            prefix,
            client_secret,
            ..
        } = opened(&places, azure("credentialsSecret"))
        else {
            panic!("another storage");
        };
        assert_eq!(account_key.as_deref(), Some("a2V5"));
        assert_eq!(
            (container_name.as_str(), prefix.as_deref()),
            ("backups", Some("kafka"))
        );
        assert_eq!(client_secret, None);
        let StorageBackendConfig::Azure {
            account_key,
            client_id,
            tenant_id,
            client_secret,
            ..
        } = opened(&places, azure("servicePrincipalSecret"))
        else {
            panic!("another storage");
        };
        assert_eq!(account_key, None);
        let principal = [client_id, tenant_id, client_secret].map(Option::unwrap_or_default);
        assert_eq!(principal, ["client", "tenant", "canary-of-azure"]);

        let google = json!({ "storageType": "gcs", "gcs": { "bucket": "backups", "credentialsSecret": { "name": "keys" } } });
        let StorageBackendConfig::Gcs {
            bucket,
            service_account_path,
            ..
        } = opened(&places, google)
        else {
            panic!("another storage");
        };
        assert_eq!(bucket, "backups");
        let path = secret.join("SERVICE_ACCOUNT_JSON").display().to_string();
        assert_eq!(service_account_path, Some(path));
    }
}
