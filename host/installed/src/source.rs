//! Fetches components from their sources, each in a module of its own.
//!
//! | module | protocol |
//! |---|---|
//! | `path` | files of this machine |
//! | `https` | one file at a URL |
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

/// The maximum size of a component, in bytes: 64 MiB.
pub const MAX_ENGINE: u64 = 64 * 1024 * 1024;

/// The maximum size of a signature file, in bytes. A signature has about 100.
const MAX_SIGNATURE: u64 = 64 * 1024;

/// A fetched component that is not yet inspected.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The bytes of the component.
    pub bytes: Vec<u8>,
    /// The reference that gives the same bytes again. For a tag of a registry, it contains the current
    /// digest.
    pub pinned: Reference,
    /// The signatures that were found.
    pub signatures: Vec<DetachedSignature>,
    /// The reason why further signatures may exist: a server gave an unusual answer to their look-up. It
    /// matters only if a signature is required.
    pub not_looked_up: Option<Arc<SourceError>>,
}

/// A signature that was found beside a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachedSignature {
    /// The signature: ECDSA over P-256 and SHA-256, in DER.
    pub der: Vec<u8>,
    /// The signed bytes, if they are not the component itself.
    pub payload: Option<CosignPayload>,
    /// Where it was found, for people.
    pub origin: String,
}

/// The document that cosign signs in a registry, and the documents that lead from it to the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignPayload {
    /// A small JSON document that names the digest of the image manifest. These bytes are signed.
    pub document: Vec<u8>,
    /// The image manifest, which names the digest of the component.
    pub manifest: Vec<u8>,
}

/// All kinds of sources.
pub struct Sources {
    /// `None` when offline: then no code here can open a socket or run a helper.
    network: Option<Later>,
    total: Duration,
}

/// A network client that is created on first use, because files need neither certificates nor proxies.
struct Later {
    options: SourceOptions,
    made: OnceCell<Network>,
}

/// The parts that are needed to access another machine.
struct Network {
    client: Client,
    docker: DockerConfig,
    /// Time for all signatures of one component.
    signatures: Duration,
}

impl Sources {
    /// Creates the sources; it opens no file and no socket yet.
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

    /// Fetches the component and the signatures beside it. A missing signature is not an error, and neither
    /// is a failed look-up: see [`Fetched::not_looked_up`].
    ///
    /// # Errors
    /// When the component can't be fetched.
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
