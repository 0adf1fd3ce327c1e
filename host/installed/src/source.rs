//! The places that components are fetched from, each in a module of its own.
//!
//! | module | what it speaks |
//! |---|---|
//! | `path` | files of this machine |
//! | `https` | one file at an address |
//! | `oci` | registries, by the distribution specification 1.1 |
//! | `client` | HTTP for the last two: limits, deadlines, redirects, TLS |

mod client;
mod error;
mod https;
mod oci;
mod options;
mod path;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use self::client::Client;
use self::oci::DockerConfig;
use super::Reference;

pub use error::SourceError;
pub(super) use oci::wasm_layer;
pub use options::{Deadlines, SourceOptions};
pub(super) use path::read_plain_file;

/// The most bytes that a component may have: 64 MiB.
pub const MAX_ENGINE: u64 = 64 * 1024 * 1024;

/// The most bytes of a file with a signature. A signature has about 100.
const MAX_SIGNATURE: u64 = 64 * 1024;

/// A component as it came, not yet looked at.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub bytes: Vec<u8>,
    /// The reference that gets the same bytes again: for a tag of a registry, its digest of that moment.
    pub pinned: Reference,
    pub signatures: Vec<DetachedSignature>,
    /// Why there may be signatures that are not among these: a server answered the question for them in an odd
    /// way. It matters only where a signature is demanded.
    pub not_looked_up: Option<Arc<SourceError>>,
}

/// A signature that came beside a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachedSignature {
    /// ECDSA over P-256 and SHA-256, in DER.
    pub der: Vec<u8>,
    /// What was signed, where that is not the component itself.
    pub payload: Option<CosignPayload>,
    /// Where it was found, for people.
    pub origin: String,
}

/// What cosign signs in a registry, with what it takes to get from there to the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignPayload {
    /// A small JSON document that names the digest of the image manifest. These bytes are signed.
    pub document: Vec<u8>,
    /// The image manifest, which names the digest of the component.
    pub manifest: Vec<u8>,
}

/// Every place that there is.
pub struct Sources {
    /// None when offline: without it nothing here can open a socket or run a helper.
    network: Option<Later>,
    total: Duration,
}

/// Made when it is needed first: files need neither certificates nor proxies.
struct Later {
    options: SourceOptions,
    made: OnceCell<Network>,
}

/// What it takes to ask another machine.
struct Network {
    client: Client,
    docker: DockerConfig,
    /// For all signatures of one component.
    signatures: Duration,
}

impl Sources {
    /// Opens no file and no socket yet.
    #[must_use]
    pub fn new(options: SourceOptions) -> Self {
        Self {
            total: options.deadlines.total,
            network: (!options.offline).then(|| Later {
                options,
                made: OnceCell::new(),
            }),
        }
    }

    /// Fetches the component and the signatures that lie beside it. A missing signature is none, and one that
    /// can't be looked up keeps nobody from the component: see [`Fetched::not_looked_up`].
    ///
    /// # Errors
    /// Why it could not be got.
    pub async fn fetch(&self, reference: &Reference) -> Result<Fetched, SourceError> {
        let fetching = Box::pin(self.fetch_from(reference));
        match tokio::time::timeout(self.total, fetching).await {
            Ok(result) => result,
            Err(_) => Err(SourceError::TimedOut {
                what: reference.to_string(),
                after: self.total,
            }),
        }
    }

    async fn network(&self, reference: &Reference) -> Result<&Network, SourceError> {
        let later = self.network.as_ref().ok_or_else(|| SourceError::Offline {
            what: reference.to_string(),
        })?;
        let make = || async {
            Ok(Network {
                docker: DockerConfig::of(&later.options),
                signatures: later.options.deadlines.signatures,
                client: Client::new(later.options.clone())?,
            })
        };
        later.made.get_or_try_init(make).await
    }

    async fn fetch_from(&self, reference: &Reference) -> Result<Fetched, SourceError> {
        match reference {
            Reference::Path(file) => path::fetch(file).await,
            Reference::Url(url) => https::fetch(self.network(reference).await?, url).await,
            Reference::Oci {
                registry,
                repository,
                version,
            } => {
                let network = self.network(reference).await?;
                oci::fetch(network, registry, repository, version).await
            }
        }
    }
}

#[cfg(test)]
mod tests;
