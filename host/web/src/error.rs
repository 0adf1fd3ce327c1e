use std::time::Duration;

use host_base::text::printable;
use host_base::{Failure, Problem};

use super::BadProxy;

/// The maximum number of characters of foreign text in one message.
const SHOWN: usize = 300;

/// The reason why no connection to a machine was made.
///
/// Fields contain foreign text unchanged; messages show it through [`printable`].
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// A setting is invalid.
    #[error("{what} can't be used: {}", show(reason))]
    Configuration { what: String, reason: String },
    /// The address of a proxy is invalid.
    #[error(transparent)]
    Proxy(#[from] BadProxy),
    /// The connection failed.
    #[error("can't reach {}: {}", show(host), show(reason))]
    Unreachable { host: String, reason: String },
    /// The certificate of the server is not trusted.
    #[error("the certificate of {} is not trusted: {}", show(host), show(reason))]
    Certificate { host: String, reason: String },
    /// The connection was not open in time.
    #[error("connecting to {} timed out after {after:?}", show(host))]
    TimedOut { host: String, after: Duration },
}

impl Problem for WebError {
    fn failure(&self) -> Failure {
        match self {
            Self::Configuration { .. } | Self::Proxy(_) => Failure::Usage,
            Self::Unreachable { .. } | Self::Certificate { .. } => Failure::Failed,
            Self::TimedOut { .. } => Failure::TimedOut,
        }
    }

    fn advice(&self) -> Option<String> {
        let hint = match self {
            Self::Configuration { .. } | Self::Proxy(_) => "Correct the setting, or remove it",
            Self::Unreachable { .. } => "Check the name, the network, HTTPS_PROXY and NO_PROXY",
            Self::Certificate { .. } => {
                "For a certificate authority of your own, set SSL_CERT_FILE to its certificate"
            }
            Self::TimedOut { .. } => "Try again later",
        };
        Some(hint.to_owned())
    }
}

fn show(text: &str) -> String {
    printable(text, SHOWN).into_owned()
}

#[cfg(test)]
mod messages;
