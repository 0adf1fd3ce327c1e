//! Chooses among the credentials of a kubeconfig like client-go, and adds them to requests.
//!
//! Sources: `validateAuthInfo` and `getUserIdentificationPartialConfig` in `clientcmd`,
//! `HTTPWrappersForConfig` in `transport`, `UpdateTransportConfig` in `plugin/pkg/client/auth/exec`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use host_base::{Secret, files};
use host_web::ClientCertificate;
use http::HeaderValue;

use super::exec_plugin::Plugin;
use super::kubeconfig::{AuthProvider, ClusterEntry, UserEntry, data};

/// The maximum size of a token file, in bytes. A header can't be longer anyway.
const MAX_TOKEN: u64 = 1 << 20;
/// The maximum size of a certificate or key file, in bytes.
const MAX_PEM: u64 = 16 << 20;
/// How long a token from a file is used before the file is read again. Kubelets renew the tokens of pods.
const READ_AGAIN: Duration = Duration::from_mins(1);

/// The reason why credentials are unusable. It contains nothing of the credentials themselves.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum CredentialError {
    /// The user entry of the kubeconfig must be corrected.
    #[error("{0}")]
    Entry(String),
    /// The found credentials are unusable.
    #[error("{0}")]
    Unusable(String),
    #[error("{command}: {reason}")]
    Plugin {
        command: String,
        reason: String,
        install_hint: Option<String>,
    },
}

/// The credentials that a user of a kubeconfig presents to the server.
#[derive(Default)]
pub(super) struct Credentials {
    pub authorization: Authorization,
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// The source of the `Authorization` header.
#[derive(Default)]
pub(super) enum Authorization {
    #[default]
    None,
    Fixed(HeaderValue),
    File(Box<TokenFile>),
    Plugin(Box<Plugin>),
}

impl Credentials {
    /// Chooses the credentials and reads them. A credential plugin runs later.
    pub(super) fn of(user: &UserEntry, cluster: &ClusterEntry) -> Result<Self, CredentialError> {
        check(user)?;
        let pair = Pair::read(user)?;
        let has_certificate = pair.is_some();
        let authorization = if !user.token_file.is_empty() {
            let fallback = user.token.as_ref().map(bearer).transpose()?.flatten();
            let file = TokenFile::open(PathBuf::from(&user.token_file), fallback)?;
            Authorization::File(Box::new(file))
        } else if let Some(token) = user.token.as_ref().map(bearer).transpose()?.flatten() {
            Authorization::Fixed(token)
        } else if !user.username.is_empty() {
            Authorization::Fixed(basic(&user.username, user.password.as_ref())?)
        } else if let Some(provider) = &user.auth_provider {
            of_provider(provider)?
        } else if let Some(exec) = user.exec.as_ref().filter(|_| !has_certificate) {
            let shared = Arc::new(ClientCertificate::default());
            let plugin = Plugin::new(exec, cluster, Arc::clone(&shared))?;
            return Ok(Self {
                authorization: Authorization::Plugin(Box::new(plugin)),
                certificate: Some(shared),
            });
        } else {
            Authorization::None
        };
        let certificate = match pair.map(|pair| (pair.from_files, pair.load())) {
            // client-go loads certificate files only when a server asks for them. A server that accepts a
            // token rarely does, so the error is ignored.
            Some((true, Err(_))) if !matches!(authorization, Authorization::None) => None,
            Some((_, loaded)) => Some(loaded?),
            None => None,
        };
        Ok(Self {
            authorization,
            certificate,
        })
    }

    /// Returns the token credentials of a pod.
    pub(super) fn of_service_account(token: PathBuf) -> Result<Self, CredentialError> {
        let file = TokenFile::open(token, None)?;
        Ok(Self {
            authorization: Authorization::File(Box::new(file)),
            certificate: None,
        })
    }
}

impl Authorization {
    /// Returns the header for the next request. Files are read again, and a plugin runs again, when it is
    /// time.
    pub(super) async fn header(&self) -> Result<Option<HeaderValue>, CredentialError> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(value) => Ok(Some(value.clone())),
            Self::File(file) => Ok(Some(file.header())),
            Self::Plugin(plugin) => plugin.header().await,
        }
    }

    /// Drops credentials that the server refused with 401: the plugin may give others next time.
    pub(super) async fn refused(&self) {
        if let Self::Plugin(plugin) = self {
            plugin.forget().await;
        }
    }
}

/// Returns true if a user of a kubeconfig has any credentials.
pub(super) fn has_credentials(user: &UserEntry) -> bool {
    let texts = [
        &user.token_file,
        &user.username,
        &user.client_certificate,
        &user.client_certificate_data,
    ];
    user.token.is_some()
        || user.exec.is_some()
        || user.auth_provider.is_some()
        || texts.iter().any(|text| !text.is_empty())
}

/// Refuses what kubectl refuses before it reads any credentials.
pub(super) fn check(user: &UserEntry) -> Result<(), CredentialError> {
    let has_password = !user.username.is_empty() || user.password.is_some();
    let wrong = if user.token.is_some() && has_password {
        "it has a token and a user name with password; only one of the two is allowed"
    } else if !user.token_file.is_empty() && !user.username.is_empty() {
        "it has a tokenFile and a user name with password; only one of the two is allowed"
    } else if user.exec.is_some() && user.auth_provider.is_some() {
        "it has a credential plugin (`exec`) and an `auth-provider`; only one of the two is allowed"
    } else if user.impersonate.is_empty()
        && (!user.impersonate_uid.is_empty()
            || !user.impersonate_groups.is_empty()
            || !user.impersonate_extra.is_empty())
    {
        "it has `as-uid`, `as-groups` or `as-user-extra` without `as`"
    } else {
        return Ok(());
    };
    Err(CredentialError::Entry(wrong.to_owned()))
}

fn of_provider(provider: &AuthProvider) -> Result<Authorization, CredentialError> {
    let reason = match &*provider.name {
        "oidc" => {
            let token = provider.config.get("id-token").cloned().map(Secret::from);
            match token.as_ref().map(bearer).transpose()?.flatten() {
                Some(token) => return Ok(Authorization::Fixed(token)),
                None => "its auth-provider oidc has no id-token".to_owned(),
            }
        }
        "gcp" => "its auth-provider gcp was removed from Kubernetes; use the plugin gke-gcloud-auth-plugin".to_owned(),
        "azure" => "its auth-provider azure was removed from Kubernetes; use the plugin kubelogin".to_owned(),
        name => format!("its auth-provider {name} is not known"),
    };
    Err(CredentialError::Unusable(reason))
}

/// Returns `Bearer` and the token without surrounding white space; `None` for an empty token.
pub(super) fn bearer(token: &Secret) -> Result<Option<HeaderValue>, CredentialError> {
    let token = token.expose().trim_ascii();
    if token.is_empty() {
        return Ok(None);
    }
    header(b"Bearer ", token).map(Some).ok_or_else(|| {
        CredentialError::Unusable(
            "the token has a line break or another control character".to_owned(),
        )
    })
}

/// Returns the header of HTTP basic authentication.
pub(super) fn basic(user: &str, password: Option<&Secret>) -> Result<HeaderValue, CredentialError> {
    let password = password.map(Secret::expose).unwrap_or_default();
    let login = [user.as_bytes(), b":", password].concat();
    header(b"Basic ", BASE64_STANDARD.encode(login).as_bytes()).ok_or_else(|| {
        CredentialError::Unusable("the user name or the password can't be sent".to_owned())
    })
}

fn header(scheme: &[u8], value: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(&[scheme, value].concat()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A client certificate and its key, in PEM.
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
    from_files: bool,
}

impl Pair {
    fn read(user: &UserEntry) -> Result<Option<Self>, CredentialError> {
        let entry = |reason: String| CredentialError::Entry(reason);
        let of_data = |field: &str, name: &str| {
            data(field.as_bytes()).map_err(|reason| entry(format!("{name}: {reason}")))
        };
        let certificate = of_data(&user.client_certificate_data, "client-certificate-data")?;
        if certificate.is_empty() && user.client_certificate.is_empty() {
            // Like kubectl, this ignores a key without a certificate.
            return Ok(None);
        }
        let key = user
            .client_key_data
            .as_ref()
            .map_or(&[][..], Secret::expose);
        let key = data(key).map_err(|reason| entry(format!("client-key-data: {reason}")))?;
        let certificate = either(
            certificate,
            &user.client_certificate,
            ["client-certificate-data", "client-certificate"],
        )?;
        let key = either(key, &user.client_key, ["client-key-data", "client-key"])?;
        Ok(Some(Self {
            certificate,
            key,
            from_files: user.client_certificate_data.is_empty() && user.client_key_data.is_none(),
        }))
    }

    fn load(&self) -> Result<Arc<ClientCertificate>, CredentialError> {
        let loaded = ClientCertificate::default();
        loaded
            .set(&self.certificate, &self.key)
            .map_err(|reason| CredentialError::Entry(reason.to_owned()))?;
        Ok(Arc::new(loaded))
    }
}

/// Returns the data in the kubeconfig itself, or in the file that it names. Like kubectl, it refuses both at
/// once.
pub(super) fn either(
    data: Vec<u8>,
    file: &str,
    [data_name, file_name]: [&str; 2],
) -> Result<Vec<u8>, CredentialError> {
    match (data.is_empty(), file.is_empty()) {
        (false, true) => Ok(data),
        (false, false) => Err(CredentialError::Entry(format!(
            "it has {data_name} and {file_name}; only one of the two is allowed"
        ))),
        (true, true) => Err(CredentialError::Entry(format!(
            "it has neither {data_name} nor {file_name}"
        ))),
        (true, false) => files::read(file.as_ref(), MAX_PEM).map_err(|error| {
            CredentialError::Entry(format!("{file_name} {file} can't be read: {error}"))
        }),
    }
}

/// A token in a file that another program renews.
pub(super) struct TokenFile {
    path: PathBuf,
    current: Mutex<(HeaderValue, Instant)>,
}

impl TokenFile {
    /// Opens a token file. The token of the file is preferred; `fallback` is used as long as the file is
    /// unreadable.
    fn open(path: PathBuf, fallback: Option<HeaderValue>) -> Result<Self, CredentialError> {
        let token = match (read_token(&path), fallback) {
            (Ok(token), _) => token,
            (Err(_), Some(fallback)) => fallback,
            (Err(error), None) => return Err(error),
        };
        Ok(Self {
            path,
            current: Mutex::new((token, Instant::now())),
        })
    }

    /// Returns the header. Like client-go, it keeps the last token if the file has disappeared.
    fn header(&self) -> HeaderValue {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1.elapsed() >= READ_AGAIN {
            if let Ok(token) = read_token(&self.path) {
                current.0 = token;
            }
            current.1 = Instant::now();
        }
        current.0.clone()
    }
}

fn read_token(path: &std::path::Path) -> Result<HeaderValue, CredentialError> {
    let what = || format!("the token file {}", path.display());
    let token = files::read(path, MAX_TOKEN)
        .map_err(|error| CredentialError::Unusable(format!("{} can't be read: {error}", what())))?;
    bearer(&Secret::from(token))
        .map_err(|error| CredentialError::Unusable(format!("{}: {error}", what())))?
        .ok_or_else(|| CredentialError::Unusable(format!("{} is empty", what())))
}

#[cfg(test)]
mod tests;
