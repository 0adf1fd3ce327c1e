//! The ways in which TLS with a backend fails, and the next step after each.

use std::fmt;
use std::time::Duration;

use broker_manifest::TlsFlags;
use host_base::Failure;
use host_base::text::printable;

use super::PodPort;
use super::error::show;

/// The maximum number of names that a message lists.
const MOST_NAMES: usize = 6;

/// A failure of TLS with a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFailure {
    /// The port of the backend.
    pub at: PodPort,
    /// The kind of failure.
    pub trouble: TlsTrouble,
    /// The flags with which the user sets TLS; none for an endpoint without TLS.
    pub flags: Option<TlsFlags>,
    /// The flag that selects another port, without its dashes.
    pub port_flag: Option<String>,
}

/// The kind of a failure of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsTrouble {
    /// No trusted authority has signed the certificate.
    Authority {
        /// The trusted authorities.
        trusted: String,
        /// True if they are those of this system.
        is_system: bool,
    },
    /// The certificate has none of the accepted names.
    Name {
        /// The names in the certificate.
        presented: Vec<String>,
        /// The accepted names.
        accepted: Vec<String>,
    },
    /// The certificate is not valid at this time.
    Time {
        /// The fault, as a sentence.
        reason: String,
    },
    /// The certificate has another fault.
    Certificate {
        /// The fault, as a sentence.
        reason: String,
    },
    /// The backend refuses the client certificate, or the lack of one.
    Client {
        /// True if a client certificate was given.
        was_given: bool,
    },
    /// The backend speaks plain HTTP, and TLS was expected.
    Plain,
    /// The backend speaks plain HTTP, so that credentials are not sent.
    Withheld,
    /// The backend speaks TLS, and was asked without.
    Required,
    /// The backend did not answer the handshake.
    Silent {
        /// How long it had time.
        after: Duration,
    },
    /// A setting can't be used.
    Setting {
        /// The setting.
        what: String,
        /// The fault.
        reason: String,
        /// The flag that replaces it, without its dashes.
        flag: String,
    },
    /// Anything else.
    Other {
        /// The fault.
        reason: String,
    },
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.at;
        match &self.trouble {
            TlsTrouble::Authority { trusted, is_system } => {
                let by = if *is_system { "" } else { "an authority of " };
                write!(
                    f,
                    "can't verify {at}: its certificate is not signed by {by}{}",
                    show(trusted)
                )
            }
            TlsTrouble::Name {
                presented,
                accepted,
            } => write!(
                f,
                "can't verify {at}: its certificate is for {}, and not for {}",
                names(presented, "no name"),
                names(accepted, "no name")
            ),
            TlsTrouble::Time { reason } | TlsTrouble::Certificate { reason } => {
                write!(f, "can't verify {at}: {}", show(reason))
            }
            TlsTrouble::Client { was_given: true } => {
                write!(f, "{at} refuses the client certificate")
            }
            TlsTrouble::Client { was_given: false } => {
                write!(f, "{at} requires a client certificate")
            }
            TlsTrouble::Plain => write!(f, "{at} speaks plain HTTP instead of TLS"),
            TlsTrouble::Withheld => write!(
                f,
                "the credentials are not sent to {at}, because it speaks plain HTTP"
            ),
            TlsTrouble::Required => write!(f, "{at} speaks TLS, and was asked in plain HTTP"),
            TlsTrouble::Silent { after } => {
                write!(f, "{at} did not answer the TLS handshake within {after:?}")
            }
            TlsTrouble::Setting { what, reason, .. } => {
                write!(
                    f,
                    "{} can't be used for TLS with {at}: {}",
                    show(what),
                    show(reason)
                )
            }
            TlsTrouble::Other { reason } => write!(f, "TLS with {at} failed: {}", show(reason)),
        }
    }
}

impl TlsFailure {
    pub(super) fn failure(&self) -> Failure {
        match self.trouble {
            TlsTrouble::Client { .. } | TlsTrouble::Withheld => Failure::NotAllowed,
            TlsTrouble::Silent { .. } => Failure::TimedOut,
            TlsTrouble::Setting { .. } => Failure::Usage,
            _ => Failure::Failed,
        }
    }

    pub(super) fn advice(&self) -> Option<String> {
        let flags = self.flags.as_ref();
        Some(match &self.trouble {
            TlsTrouble::Authority { .. } => {
                let flag = flags?.ca();
                format!(
                    "name the certificate of the authority that signed it: `--{flag} secret/NAME:KEY`, or `--{flag} FILE`"
                )
            }
            TlsTrouble::Name { presented, .. } => {
                let name = presented.iter().find(|name| is_plain(name));
                let name = name.map_or("NAME", String::as_str);
                format!(
                    "if this is the backend you mean, accept its name with `--{} {name}`",
                    flags?.server_name()
                )
            }
            TlsTrouble::Time { .. } => {
                "renew the certificate of the backend, or correct the clock of this machine".into()
            }
            TlsTrouble::Certificate { .. } => "replace the certificate of the backend".into(),
            TlsTrouble::Client { was_given } => match (flags?.client_cert(), was_given) {
                (None, _) => {
                    "the engine does not provide for client certificates: its author can add `tls-client = true` to the manifest"
                        .into()
                }
                (Some(flag), false) => {
                    format!("name one with `--{flag} secret/NAME`, or `--{flag} FILE`")
                }
                (Some(flag), true) => format!(
                    "name one that the backend accepts with `--{flag} secret/NAME`, or `--{flag} FILE`"
                ),
            },
            TlsTrouble::Plain | TlsTrouble::Withheld => format!(
                "if this backend has no TLS, give `--{} no`; requests and credentials then travel in plain text inside the cluster",
                flags?.mode()
            ),
            TlsTrouble::Silent { .. } => format!(
                "try again; if this backend has no TLS, give `--{} no`",
                flags?.mode()
            ),
            TlsTrouble::Required => match (flags, &self.port_flag) {
                (Some(flags), _) => format!("ask with TLS: give `--{} yes`", flags.mode()),
                (None, Some(port)) => format!(
                    "this engine asks without TLS: name a port without TLS with `--{port}`"
                ),
                (None, None) => {
                    "this engine asks without TLS: turn TLS off for this port of the backend".into()
                }
            },
            TlsTrouble::Setting { flag, .. } => format!("correct it with `--{flag}`"),
            TlsTrouble::Other { .. } => {
                let (pod, namespace) = (show(&self.at.pod), show(&self.at.namespace));
                format!("look at `kubectl logs {pod} -n {namespace} --all-containers`")
            }
        })
    }
}

/// Returns true for a name that can be pasted as it is.
fn is_plain(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(fits)
}

fn names(names: &[String], none: &str) -> String {
    if names.is_empty() {
        return none.to_owned();
    }
    let shown = names.iter().take(MOST_NAMES);
    let shown: Vec<_> = shown.map(|name| printable(name, 100)).collect();
    let more = if names.len() > MOST_NAMES {
        " and more"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}
