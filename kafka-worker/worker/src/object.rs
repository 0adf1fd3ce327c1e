//! The object of a file.

use std::path::Path;

use host_base::files;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Result, WorkError};

/// An object is never larger: etcd keeps 1.5 MiB.
const LARGEST: u64 = 4 << 20;

/// An object of Kubernetes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: Value,
    #[serde(default)]
    pub status: Status,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    pub name: String,
    pub namespace: Option<String>,
    pub uid: Option<String>,
    pub generation: Option<i64>,
}

/// The part of the status that another object needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    pub backup_id: Option<String>,
}

impl Object {
    /// Reads an object of this kind, in JSON or YAML.
    ///
    /// # Errors
    /// When the file can't be read, or is another object.
    pub fn read(path: &Path, kind: &str) -> Result<Self> {
        let shown = path.display();
        let text = files::read_text(path, LARGEST)
            .map_err(|error| WorkError::usage(format!("{shown} can't be read: {error}")))?;
        let value: Value = serde_saphyr::from_str(&text).map_err(|error| {
            WorkError::usage(format!("{shown} is neither JSON nor YAML: {error}"))
        })?;
        let object: Self = serde_json::from_value(value).map_err(|error| {
            WorkError::usage(format!("{shown} is not an object of Kubernetes: {error}"))
        })?;
        if object.kind != kind || object.api_version != kafka_spec::API_VERSION {
            return Err(WorkError::usage(format!(
                "{shown} must be a {kind} of {}, not a {} of {}",
                kafka_spec::API_VERSION,
                object.kind,
                object.api_version
            )));
        }
        if object.metadata.name.is_empty() || object.metadata.name.contains('/') {
            return Err(WorkError::usage(format!("{shown} has no valid name")));
        }
        Ok(object)
    }

    /// Returns the spec, which must keep all rules.
    ///
    /// # Errors
    /// When a field is missing or has another type, or a rule is broken.
    pub fn spec<T: DeserializeOwned>(&self, rules: impl Fn(&T) -> Vec<String>) -> Result<T> {
        let name = format!("{} {}", self.kind, self.metadata.name);
        let spec = T::deserialize(&self.spec)
            .map_err(|error| WorkError::usage(format!("{name} can't be used: {error}")))?;
        let problems = rules(&spec);
        if problems.is_empty() {
            return Ok(spec);
        }
        Err(WorkError::usage(format!(
            "{name} can't be used: {}",
            problems.join("; ")
        )))
    }

    /// Returns a text that is the same for every attempt at this object's work, and another one after a change.
    pub fn identity(&self) -> String {
        let metadata = &self.metadata;
        let id = metadata.uid.as_deref().unwrap_or_default();
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        format!(
            "{}/{namespace}/{}/{id}/{}",
            self.kind,
            metadata.name,
            metadata.generation.unwrap_or_default()
        )
    }
}
