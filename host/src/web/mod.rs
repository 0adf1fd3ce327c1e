//! The way to machines outside the cluster: TLS, and the proxy that stands in between.
//!
//! The API server is reached by kube's own client, which takes the choice of a proxy from here, so that the
//! same variables mean the same for all that this program talks to.

mod connect;
mod error;
mod proxies;
mod proxy;
#[cfg(test)]
pub(crate) mod testing;

pub use error::WebError;
pub use proxies::ProxySettings;
pub use proxy::BadProxy;

pub(crate) use connect::{Connector, failed};
pub(crate) use proxies::{Proxies, is_loopback};
pub(crate) use proxy::proxy_for;
