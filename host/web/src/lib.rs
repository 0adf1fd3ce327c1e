//! The way to servers: TLS, certificates, and the proxy that stands in between.
//!
//! The API server is reached in the same way as registries and object storage, so that the same variables and the
//! same certificates mean the same for all that this program talks to.

mod certificate;
mod connect;
mod error;
mod proxies;
mod proxy;
mod read_ahead;
mod tls;

pub use error::WebError;
pub use proxies::ProxySettings;
pub use proxy::BadProxy;

pub use connect::{Connector, failed};
pub use proxies::{Proxies, is_loopback};
pub use tls::{Anchors, ClientCertificate, Trust, client_config, explain};
