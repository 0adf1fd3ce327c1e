//! The manifest of a copy: JSON that other programs can read. It is written last, so a copy exists when its
//! manifest exists.

use std::collections::BTreeSet;

use bytes::Bytes;
use host_base::Sha256;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::names::{CopyName, DATA, Source, backup_key, short};

/// The version of the format.
const FORMAT: u32 = 1;
/// The maximum size of a manifest, in bytes. One of a copy with 10,000 files is smaller.
pub(crate) const MAX_MANIFEST: u64 = 16 << 20;

/// The manifest of a copy of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyManifest {
    /// The version of this format: 1. Programs must not read a newer one.
    pub format: u32,
    /// The origin of the backup.
    pub source: Origin,
    /// Id of the backup.
    pub id: String,
    /// When the backup was created, by the clock of its backend.
    pub created: Timestamp,
    /// When the copy was complete, by the clock of the program that wrote it.
    pub completed: Timestamp,
    /// Length of all files together in bytes, before encryption.
    pub length: u64,
    /// The digest of the file. With several files it is the SHA-256 of the lines that `sha256sum` prints for
    /// them, in the order of `files`.
    pub sha256: String,
    /// The files of the backup.
    pub files: Vec<CopyFile>,
    /// How the files are encrypted. Missing if they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// The protection against deletion. Missing if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// The program that wrote the copy, with its version.
    pub program: String,
    /// A random text that makes the names of the data unique.
    pub nonce: String,
}

/// The origin of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Name of the cluster, as in the kubeconfig.
    pub cluster: String,
    /// Namespace of the target.
    pub namespace: String,
    /// Name of the StatefulSet. Missing if the engine has no target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statefulset: Option<String>,
    /// Name of the pod. Missing if all pods have the same backups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Id of the engine.
    pub engine: String,
    /// Version of the engine. Missing if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// SHA-256 digest of the engine's component. Missing if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_digest: Option<String>,
}

/// A file of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyFile {
    /// Name of the file, as the backend or the engine gave it.
    pub name: String,
    /// Length in bytes, before encryption.
    pub length: u64,
    /// SHA-256 digest, before encryption.
    pub sha256: String,
    /// The proof that the file was complete when it was received: `checksum`, `length`, `end-of-stream`,
    /// `structure` or `unproven`.
    pub proof: String,
    /// The bytes in the store.
    pub stored: Stored,
}

/// The bytes of a file in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Name of the object, below the folder that `store.json` is in.
    pub object: String,
    /// Length in bytes, after encryption.
    pub length: u64,
    /// SHA-256 digest, after encryption.
    pub sha256: String,
    /// The entity tag that the service gave. A folder has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// How files are encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// The format: `age`.
    pub format: String,
    /// The recipients. Each of them can decrypt the files.
    pub recipients: Vec<String>,
}

/// The protection of a copy against deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub mode: String,
    /// When the protection ends.
    pub until: Timestamp,
}

/// The reason why a manifest can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is damaged.
    Bad(String),
    /// A newer version of this program wrote it.
    Newer(String),
}

impl From<String> for Unreadable {
    fn from(reason: String) -> Self {
        Self::Bad(reason)
    }
}

impl Origin {
    /// Returns the source, which retention counts by itself.
    #[must_use]
    pub fn source(&self) -> Source {
        let target = self.pod.as_ref().or(self.statefulset.as_ref());
        Source {
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            target: target.cloned().unwrap_or_default(),
            engine: self.engine.clone(),
        }
    }
}

impl CopyManifest {
    pub(crate) const FORMAT: u32 = FORMAT;

    /// Returns the name of the copy.
    #[must_use]
    pub fn name(&self) -> Option<CopyName> {
        let digest = self.sha256.parse().ok()?;
        let source = self.source.source();
        Some(CopyName::new(
            &source,
            &self.id,
            self.created,
            self.length,
            digest,
        ))
    }

    pub(crate) fn to_json(&self) -> serde_json::Result<Bytes> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json.into())
    }

    /// Reads the manifest of a copy, and checks that it belongs to its name.
    ///
    /// # Errors
    /// With the reason. [`Unreadable::Newer`] does not mean that the copy is damaged.
    pub(crate) fn parse(bytes: &[u8], name: &CopyName) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let version: Version = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if version.format != FORMAT {
            return Err(Unreadable::Newer(format!(
                "its format is {}, and this version reads {FORMAT}",
                version.format
            )));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if manifest.name().as_ref() != Some(name) {
            return Err("it describes another copy than its name".to_owned().into());
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// Refuses manifests that this program never writes. A manifest must not lead to objects outside the copy's own data.
    fn check(&self) -> Result<(), String> {
        if self.files.is_empty() {
            return Err("it names no file".to_owned());
        }
        // The data of another copy must never be read or deleted for this one.
        let own = backup_key(&self.source.source(), &self.id);
        let folder = format!("{DATA}/{own}-{}/", self.nonce);
        let mut objects = BTreeSet::new();
        for file in &self.files {
            if !objects.insert(&file.stored.object) {
                return Err("it names an object twice".to_owned());
            }
            let object = file.stored.object.strip_prefix(&folder);
            let is_inside = object.is_some_and(|rest| {
                let number = rest.strip_suffix(".age").unwrap_or(rest);
                !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
            });
            if !is_inside {
                return Err("it names an object outside of the data".to_owned());
            }
            for digest in [&file.sha256, &file.stored.sha256] {
                digest
                    .parse::<Sha256>()
                    .map_err(|error| error.to_string())?;
            }
            if file.name.is_empty() {
                return Err("one of its files has no name".to_owned());
            }
        }
        let total: Option<u64> = self
            .files
            .iter()
            .try_fold(0_u64, |sum, it| sum.checked_add(it.length));
        if total != Some(self.length) || digest_of(&self.files) != self.sha256 {
            return Err("its length or digest does not match its files".to_owned());
        }
        Ok(())
    }
}

/// Returns the digest of a copy with these files.
pub(crate) fn digest_of(files: &[CopyFile]) -> String {
    match files {
        [only] => only.sha256.clone(),
        files => {
            let lines = files
                .iter()
                .map(|it| format!("{}  {}\n", it.sha256, it.name));
            Sha256::digest(lines.collect::<String>().as_bytes()).to_string()
        }
    }
}

/// Returns a random text for names.
pub(crate) fn nonce() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Stopped)?;
    Ok(short(Sha256::digest(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> CopyManifest {
        let digest = Sha256::digest(b"x").to_string();
        let source = Origin {
            cluster: "prod".to_owned(),
            namespace: "hivemq".to_owned(),
            statefulset: Some("broker".to_owned()),
            engine: "hivemq".to_owned(),
            ..Origin::default()
        };
        let object = format!("data/{}-b/1", backup_key(&source.source(), "7"));
        CopyManifest {
            format: FORMAT,
            source,
            id: "7".to_owned(),
            created: "2026-11-27T01:02:03Z".parse().unwrap(),
            completed: "2026-11-27T01:03:03Z".parse().unwrap(),
            length: 1,
            sha256: digest.clone(),
            files: vec![CopyFile {
                name: "7.backup".to_owned(),
                length: 1,
                sha256: digest.clone(),
                proof: "checksum".to_owned(),
                stored: Stored {
                    object,
                    length: 1,
                    sha256: digest,
                    etag: None,
                },
            }],
            encryption: None,
            lock: None,
            program: "kubectl-broker 0.1.0".to_owned(),
            nonce: "b".to_owned(),
        }
    }

    fn read(manifest: &CopyManifest, name: &CopyName) -> Result<CopyManifest, Unreadable> {
        CopyManifest::parse(&manifest.to_json().unwrap(), name)
    }

    #[test]
    fn a_manifest_is_read_only_under_its_own_name() {
        let manifest = manifest();
        let name = manifest.name().unwrap();
        assert_eq!(read(&manifest, &name), Ok(manifest.clone()));
        let other = CopyManifest {
            id: "8".to_owned(),
            ..manifest
        };
        assert!(read(&other, &name).is_err());
    }

    #[test]
    fn a_manifest_can_not_lead_to_other_objects_or_lie_about_its_sum() {
        let changes: [fn(&mut CopyManifest); 10] = [
            |it| it.files[0].stored.object = "data/0123456789abcdef-b/1".to_owned(),
            |it| it.nonce = "c".to_owned(),
            |it| it.files.clear(),
            |it| it.files[0].stored.object = "data/../../other/secret".to_owned(),
            |it| it.files[0].stored.object = "copies/a/b".to_owned(),
            |it| it.files[0].stored.object = "data/a".to_owned(),
            |it| it.files[0].stored.sha256 = "x".to_owned(),
            |it| it.files[0].length = 2,
            |it| it.files[0].sha256 = Sha256::digest(b"y").to_string(),
            |it| it.format = 2,
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut other = manifest();
            let name = other.name().unwrap();
            change(&mut other);
            assert!(read(&other, &name).is_err(), "{index}");
        }
    }

    #[test]
    fn several_files_have_the_digest_of_what_sha256sum_prints() {
        let mut files = manifest().files;
        files.push(CopyFile {
            name: "b".to_owned(),
            ..files[0].clone()
        });
        let digest = Sha256::digest(b"x");
        let lines = format!("{digest}  7.backup\n{digest}  b\n");
        assert_eq!(
            digest_of(&files),
            Sha256::digest(lines.as_bytes()).to_string()
        );
    }
}
