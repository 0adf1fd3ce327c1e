use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use host_web::ProxySettings;

/// Options for fetching components.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// True if no socket may be opened and no credential helper run; only files are read.
    pub offline: bool,
    /// Servers that may be used without TLS, as `HOST` or `HOST:PORT`. A loopback address needs an entry only
    /// for registries: the entry chooses between http and https.
    pub insecure_registries: Vec<String>,
    /// A PEM file of certificates that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The folder of docker's `config.json`.
    pub docker_config: Option<PathBuf>,
    /// Where credential helpers are searched, if not in the `PATH` of this process.
    pub helper_path: Option<OsString>,
    /// Proxies from the environment.
    pub proxies: ProxySettings,
    /// Maximum waiting times.
    pub deadlines: Deadlines,
}

/// The maximum waiting times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Time until a connection is open.
    pub connect: Duration,
    /// Time until a response begins, and between two pieces of it.
    pub idle: Duration,
    /// Time for one component with its signatures.
    pub total: Duration,
    /// Time for all signatures of one component. They are small, and most engines have none.
    pub signatures: Duration,
    /// Time for one run of a credential helper. Some ask the user.
    pub helper: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            total: Duration::from_mins(10),
            signatures: Duration::from_secs(20),
            helper: Duration::from_mins(1),
        }
    }
}

impl SourceOptions {
    /// Reads the options from the environment like other programs.
    ///
    /// `SSL_CERT_FILE` is OpenSSL's variable: the certificates in that file are trusted instead of the
    /// system's, on every system. `DOCKER_CONFIG` is the folder of docker's configuration, by default
    /// `~/.docker`.
    #[must_use]
    pub fn from_environment() -> Self {
        let folder = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            ca_file: folder("SSL_CERT_FILE"),
            docker_config: folder("DOCKER_CONFIG")
                .or_else(|| Some(std::env::home_dir()?.join(".docker"))),
            proxies: ProxySettings::from_variables(|name| std::env::var(name).ok()),
            ..Self::default()
        }
    }
}
