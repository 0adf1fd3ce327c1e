//! Connects to servers, with TLS, certificates and proxies.
//!
//! The API server, registries and object storage are reached in the same way. So the same variables and
//! certificates apply to everything that this program connects to.

mod certificate;
mod connect;
mod error;
mod peer;
mod proxies;
mod proxy;
mod read_ahead;
mod tls;

pub use error::WebError;
pub use peer::{Peer, TlsFault, TlsStream, tls_error};
pub use proxies::ProxySettings;
pub use proxy::BadProxy;

pub use connect::{Connector, failed};
pub use proxies::{Proxies, is_loopback};
pub use tls::{Anchors, ClientCertificate, Trust, client_config, explain};
