//! Stores of the operator: BackupStore objects.

use std::path::PathBuf;

use host_base::{Folders, PrivateFolder, Sha256};
use host_cluster::{Cluster, ConnectOptions};
use host_driver::OpsError;
use host_store::{IdentitySource, LockMode, LockSettings, StoreError, StoreSettings};
use operator_api::BackupStore;

use crate::error::CliError;
use crate::run::read;

/// The beginning of the name of a BackupStore, where a command takes a store.
pub(super) const PREFIX: &str = "backupstore/";

/// Reads the settings of a BackupStore. Its credentials are not read: they are found as for every other store.
pub(super) async fn settings(
    name: &str,
    connect: &ConnectOptions,
    folders: Option<&Folders>,
) -> Result<StoreSettings, CliError> {
    let cluster = Cluster::connect(connect).await.map_err(OpsError::from)?;
    let (_, store) = read::<BackupStore>(&cluster, "BackupStore", name).await?;
    let spec = store.spec;
    let ca = match &spec.ca_bundle {
        Some(pem) => Some(certificates(pem, folders)?),
        None => None,
    };
    let lock = spec.lock.map(|lock| LockSettings {
        mode: match lock.mode {
            operator_api::LockMode::Governance => LockMode::Governance,
            operator_api::LockMode::Compliance => LockMode::Compliance,
        },
        days: u32::try_from(lock.days).unwrap_or(0),
    });
    let encryption = spec.encryption.unwrap_or_default();
    let settings = StoreSettings {
        url: spec.url.parse()?,
        endpoint: spec.endpoint,
        region: spec.region,
        profile: None,
        ca,
        recipients: encryption.recipients,
        identity: encryption.identity.map(|key| IdentitySource::Secret {
            name: key.name,
            key: Some(key.key),
        }),
        lock,
        time_zone: spec.time_zone,
    };
    settings.check()?;
    Ok(settings)
}

/// Writes certificates to a file, which has the same name each time.
fn certificates(pem: &str, folders: Option<&Folders>) -> Result<PathBuf, CliError> {
    let folders = folders.ok_or(CliError::NoHome)?;
    let folder = PrivateFolder::open(&folders.state).map_err(StoreError::from)?;
    let name = format!("store-ca-{}.pem", Sha256::digest(pem.as_bytes()));
    folder
        .write(&name, &[pem.as_bytes()])
        .map_err(StoreError::from)?;
    Ok(folder.path(&name))
}
