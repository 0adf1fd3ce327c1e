use std::io;
use std::path::PathBuf;
use std::time::Duration;

use host_base::text::printable;
use host_base::{Failure, Problem};
use host_web::WebError;

use crate::SignatureError;

/// The maximum number of characters of foreign text in one message.
const SHOWN: usize = 300;

/// The reason why a component could not be fetched.
///
/// Fields contain foreign text unchanged; messages show it through [`printable`].
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file can't be read.
    #[error("can't read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The path is not a plain file.
    #[error("{} is not a plain file", path.display())]
    NotAFile { path: PathBuf },
    /// The content exceeds its limit.
    #[error("{} is too large: at most {limit} bytes are allowed", show(what))]
    TooLong { what: String, limit: u64 },
    /// The URL is invalid.
    #[error("`{}` is not a valid address of an engine: {reason}", show(url))]
    BadUrl { url: String, reason: &'static str },
    /// The URL would be fetched without TLS.
    #[error("refusing to fetch {} without TLS", show(url))]
    PlainHttp { url: String },
    /// The source needs the network, which `--offline` forbids.
    #[error("{} is on the network, which `--offline` excludes", show(what))]
    Offline { what: String },
    /// A setting is invalid.
    #[error("{what} can't be used: {}", show(reason))]
    Configuration { what: String, reason: String },
    /// No connection was made.
    #[error(transparent)]
    Web(#[from] WebError),
    /// No response arrived in time.
    #[error("fetching {} timed out after {after:?}", show(what))]
    TimedOut { what: String, after: Duration },
    /// The server redirected too often.
    #[error("{} redirects more than {limit} times", show(url))]
    TooManyRedirects { url: String, limit: usize },
    /// The server redirected from https to http.
    #[error("{} redirects to {} without TLS", show(from), show(to))]
    Downgrade { from: String, to: String },
    /// The item does not exist.
    #[error("{} does not exist{}", show(what), because(message))]
    NotFound { what: String, message: String },
    /// The server refused access.
    #[error("not allowed to read {} ({status}){}", show(what), because(message))]
    NotAllowed {
        what: String,
        status: u16,
        message: String,
    },
    /// The server responded with an error.
    #[error(
        "the server answered {status} to the request for {}{}",
        show(what),
        because(message)
    )]
    Status {
        what: String,
        status: u16,
        message: String,
    },
    /// The response is invalid.
    #[error("the answer for {} is invalid: {}", show(what), show(reason))]
    Broken { what: String, reason: String },
    /// The content has another digest than the expected one.
    #[error("{} has the digest {found}, not the expected {expected}", show(what))]
    Digest {
        what: String,
        /// The expected digest, with the algorithm before it, like `found`.
        expected: String,
        found: String,
    },
    /// The image is not an engine.
    #[error("{} is not an engine: {}", show(what), show(reason))]
    NotAnEngine { what: String, reason: String },
    /// Several images of an index may be the engine.
    #[error(
        "{} is an index of {} possible images",
        show(what),
        images.len()
    )]
    Index {
        what: String,
        /// The references of the possible images.
        images: Vec<String>,
    },
    /// The signature file is invalid.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The credential helper failed.
    #[error("the credential helper `{program}` {}", show(reason))]
    Helper { program: String, reason: String },
    /// The credential helper gave no answer in time.
    #[error("the credential helper `{program}` did not answer within {after:?}")]
    HelperTimedOut { program: String, after: Duration },
    /// The server demands a password, which is not sent without TLS.
    #[error("{} wants a password, which is not sent without TLS", show(host))]
    PasswordInClear { host: String },
}

impl Problem for SourceError {
    fn failure(&self) -> Failure {
        match self {
            Self::Unreadable { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Failure::NotFound,
                io::ErrorKind::PermissionDenied => Failure::NotAllowed,
                _ => Failure::Failed,
            },
            Self::NotAFile { .. }
            | Self::BadUrl { .. }
            | Self::PlainHttp { .. }
            | Self::Offline { .. }
            | Self::Index { .. }
            | Self::Configuration { .. } => Failure::Usage,
            Self::Web(error) => error.failure(),
            Self::TooLong { .. } | Self::NotAnEngine { .. } => Failure::PluginFault,
            Self::TooManyRedirects { .. }
            | Self::Downgrade { .. }
            | Self::Status { .. }
            | Self::Broken { .. } => Failure::Failed,
            Self::TimedOut { .. } | Self::HelperTimedOut { .. } => Failure::TimedOut,
            Self::NotFound { .. } => Failure::NotFound,
            Self::NotAllowed { .. } | Self::Helper { .. } | Self::PasswordInClear { .. } => {
                Failure::NotAllowed
            }
            Self::Digest { .. } => Failure::Integrity,
            Self::Signature(error) => error.failure(),
        }
    }

    fn advice(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable { .. } => "Check the path, and whether you may read it",
            Self::TooLong { .. } => {
                "Name the engine itself, a `.wasm` file; if this is the engine, ask its author for a smaller one"
            }
            Self::Signature(error) => return error.advice(),
            Self::NotAFile { .. } => "Name the `.wasm` file itself",
            Self::BadUrl { .. } => "Addresses look like https://HOST/ENGINE.wasm",
            Self::PlainHttp { .. } => {
                "Use https. For a registry of your own, `--insecure-registry HOST:PORT` allows it"
            }
            Self::Offline { .. } => {
                "Give a file or a bundle, or leave out `--offline`. `kubectl broker plugin bundle` makes a bundle on a machine with a network"
            }
            Self::Configuration { .. } => "Correct the setting, or remove it",
            Self::Web(WebError::Unreachable { .. }) => {
                "Check the name, the network, HTTPS_PROXY and NO_PROXY. A registry without TLS needs `--insecure-registry HOST:PORT`"
            }
            Self::Web(error) => return error.advice(),
            Self::TimedOut { .. } | Self::Status { .. } => "Try again later",
            Self::TooManyRedirects { .. } | Self::Downgrade { .. } => {
                "Ask the operator of that server, or give the final address"
            }
            Self::NotFound { .. } => "Check the name, the version, and the tag or digest",
            Self::NotAllowed { .. } => {
                "Log in to the registry with `docker login HOST` (or `oras login HOST`)"
            }
            Self::Broken { .. } => {
                "Try again; if the error repeats, ask the operator of the server"
            }
            Self::Digest { .. } => {
                "The bytes were damaged or replaced in transit. Ask the publisher for the digest"
            }
            Self::NotAnEngine { .. } => {
                "An engine is one layer of the type application/wasm: \
                 `oras push REF ENGINE.wasm:application/wasm`"
            }
            Self::Index { images, .. } => {
                let images: Vec<_> = images.iter().map(|image| show(image)).collect();
                return Some(format!("Name one of them: {}", images.join(", ")));
            }
            Self::Helper { .. } | Self::HelperTimedOut { .. } => {
                "The docker configuration names the helper in `credsStore` or `credHelpers`; `docker login` \
                 without a helper writes the password to that file"
            }
            Self::PasswordInClear { .. } => "Give the registry a certificate",
        };
        Some(hint.to_owned())
    }
}

fn show(text: &str) -> String {
    printable(text, SHOWN).into_owned()
}

fn because(message: &str) -> String {
    match message.trim() {
        "" => String::new(),
        message => format!(": {}", show(message)),
    }
}

#[cfg(test)]
mod messages;
