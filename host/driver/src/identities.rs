//! Reads age identities, from files and from Secrets.

use std::sync::Arc;

use host_cluster::{Cluster, ClusterError, ConnectOptions};
use host_store::{Identities, IdentitySource, identity_key};

use super::{OpsError, Session};

/// Reads identities. The cluster is reached only if one of them is in a Secret.
///
/// # Errors
/// When one of the places can't be read, or has no identity.
pub async fn identities(
    sources: &[IdentitySource],
    connect: &ConnectOptions,
) -> Result<Option<Arc<Identities>>, OpsError> {
    let is_secret = |it: &IdentitySource| matches!(it, IdentitySource::Secret { .. });
    let cluster = if sources.iter().any(is_secret) {
        Some(Cluster::connect(connect).await?)
    } else {
        None
    };
    read(sources, cluster.as_ref()).await
}

impl Session {
    /// Reads identities, in the same way and with the connection of the session.
    ///
    /// # Errors
    /// When one of the places can't be read, or has no identity.
    pub async fn identities(
        &self,
        sources: &[IdentitySource],
    ) -> Result<Option<Arc<Identities>>, OpsError> {
        read(sources, Some(&self.cluster)).await
    }
}

async fn read(
    sources: &[IdentitySource],
    cluster: Option<&Cluster>,
) -> Result<Option<Arc<Identities>>, OpsError> {
    let mut all: Option<Identities> = None;
    for source in sources {
        let found = match (source, cluster) {
            (IdentitySource::Secret { name, key }, Some(cluster)) => {
                of_secret(cluster, name, key.as_deref()).await?
            }
            _ => Identities::read(source)?,
        };
        match &mut all {
            Some(all) => all.extend(found),
            None => all = Some(found),
        }
    }
    Ok(all.map(Arc::new))
}

async fn of_secret(
    cluster: &Cluster,
    name: &str,
    key: Option<&str>,
) -> Result<Identities, OpsError> {
    let key = identity_key(key);
    let refused = |source: ClusterError| OpsError::IdentitySecret {
        source: Box::new(source),
    };
    let keys = cluster.secret(name).await.map_err(refused)?;
    let content = keys.require(key).map_err(refused)?;
    Identities::parse(content).map_err(|reason| OpsError::BadIdentitySecret {
        name: name.to_owned(),
        namespace: cluster.namespace().to_owned(),
        key: key.to_owned(),
        reason,
    })
}
