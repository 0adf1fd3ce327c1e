use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use host_web::ProxySettings;

/// How components are fetched.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// No socket is opened and no credential helper is run; only files can be read.
    pub offline: bool,
    /// `HOST` or `HOST:PORT` of what may be spoken to without TLS. An address of loopback needs it for
    /// registries only: there it says which of http and https is spoken.
    pub insecure_registries: Vec<String>,
    /// Certificates in PEM that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The folder of docker's `config.json`.
    pub docker_config: Option<PathBuf>,
    /// Where credential helpers are looked for, if not in the `PATH` of this process.
    pub helper_path: Option<OsString>,
    pub proxies: ProxySettings,
    pub deadlines: Deadlines,
}

/// How long to wait before giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    pub connect: Duration,
    /// Until an answer begins, and between two pieces of it.
    pub idle: Duration,
    /// One component with all that belongs to it.
    pub total: Duration,
    /// All signatures of one component. They are small, and most engines have none.
    pub signatures: Duration,
    /// One run of a credential helper. Some ask the user.
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
    /// What the environment says, as other programs read it.
    ///
    /// `SSL_CERT_FILE` is OpenSSL's: the certificates in it are trusted instead of the system's, on
    /// every system. `DOCKER_CONFIG` is the folder of docker's configuration, by default `~/.docker`.
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
