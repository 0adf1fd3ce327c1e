use std::time::Duration;

use super::BadProxy;
use crate::model::text::printable;
use crate::model::{Failure, Problem};

/// How many characters of a text from outside one message may hold.
const SHOWN: usize = 300;

/// Why no connection to a machine came about.
///
/// Fields hold text as it came; messages show it through [`printable`].
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error("{what} can't be used: {}", show(reason))]
    Configuration { what: String, reason: String },
    #[error(transparent)]
    Proxy(#[from] BadProxy),
    #[error("can't reach {}: {}", show(host), show(reason))]
    Unreachable { host: String, reason: String },
    #[error("the certificate of {} is not trusted: {}", show(host), show(reason))]
    Certificate { host: String, reason: String },
    #[error("a connection to {} did not come within {after:?}", show(host))]
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

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Configuration { .. } | Self::Proxy(_) => "Correct it, or take it away",
            Self::Unreachable { .. } => {
                "Look at the name, the network, and HTTPS_PROXY and NO_PROXY"
            }
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
