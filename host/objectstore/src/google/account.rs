//! The credentials and the address of Google Cloud Storage, as Google's programs find them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use object_store::client::HttpConnector;
use object_store::gcp::{GcpCredentialProvider, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use serde::Deserialize;

use super::GoogleError;
use crate::account::{is_address, with_sources};
use crate::client::{Pool, pool};
use crate::wire::Wire;

/// The address of Google Cloud Storage.
const ADDRESS: &str = "https://storage.googleapis.com";
/// The maximum time until there is a token, with all attempts. Outside of Google's cloud nothing answers for a machine
/// without credentials.
const TOKEN: Duration = Duration::from_secs(20);
/// Variables that name a file with credentials, or have them.
const VARIABLES: [&str; 7] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_BEARER_TOKEN",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SKIP_SIGNATURE",
    "SERVICE_ACCOUNT",
];

/// Settings that precede the user's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoogleSettings {
    /// Address of a server other than Google's.
    pub endpoint: Option<String>,
    /// A file with trusted certificates, instead of the system's.
    pub roots: Option<PathBuf>,
}

/// Returns the library's client of a bucket, before it is built: with the credentials that `gcloud` and Google's
/// libraries find, and with this program's own connections.
#[must_use]
pub fn google_builder(
    bucket: &str,
    endpoint: Option<&str>,
    connections: impl HttpConnector,
    retries: RetryConfig,
) -> GoogleCloudStorageBuilder {
    let builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_http_connector(connections)
        .with_retry(retries);
    match endpoint {
        Some(endpoint) => builder.with_base_url(endpoint),
        None => builder,
    }
}

/// The way to Google Cloud Storage.
pub(super) struct Account {
    pub(super) pool: Pool,
    /// The address, without a slash at its end.
    pub(super) address: String,
    /// The tokens of the user. `None` if the user wants requests without any.
    tokens: Option<GcpCredentialProvider>,
}

impl Account {
    /// Reads the configuration. A token is obtained when it is needed.
    pub(super) fn read(settings: &GoogleSettings) -> Result<Self, GoogleError> {
        let pool = pool(settings.roots.as_deref())?;
        let endpoint = settings.endpoint.as_deref();
        // Credentials belong to no bucket, and the library needs one.
        let builder = google_builder("none", endpoint, Wire(pool.clone()), retries());
        let setting = |key| builder.get_config_value(&key);
        let address = setting(GoogleConfigKey::BaseUrl)
            .or_else(|| address_of_account(&builder))
            .unwrap_or_else(|| ADDRESS.to_owned());
        let skips = setting(GoogleConfigKey::SkipSignature).as_deref() == Some("true");
        let tokens = if skips {
            None
        } else {
            let built = builder.build().map_err(|error| credentials(&error))?;
            Some(Arc::clone(built.credentials()))
        };
        Ok(Self {
            pool,
            address: checked(&address)?,
            tokens,
        })
    }

    /// Returns the token of the user. `None` if requests need none.
    pub(super) async fn token(&self) -> Result<Option<String>, GoogleError> {
        let Some(tokens) = &self.tokens else {
            return Ok(None);
        };
        let token = tokio::time::timeout(TOKEN, tokens.get_credential()).await;
        let token = token.map_err(|_| GoogleError::Credentials {
            reason: format!("there is no token after {} s", TOKEN.as_secs()),
        })?;
        let token = token.map_err(|error| credentials(&error))?;
        Ok(Some(token.bearer.clone()).filter(|token| !token.is_empty()))
    }

    #[cfg(test)]
    pub(super) fn fixed(pool: Pool, address: &str, token: &str) -> Self {
        let credential = object_store::gcp::GcpCredential {
            bearer: token.to_owned(),
        };
        Self {
            pool,
            address: address.to_owned(),
            tokens: Some(Arc::new(object_store::StaticCredentialProvider::new(
                credential,
            ))),
        }
    }
}

/// Returns the name of the source of the user's credentials. `None` if only the metadata server of a machine in Google's
/// cloud can have some.
pub(super) fn source() -> Option<String> {
    let is_set = |name: &&&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if let Some(name) = VARIABLES.iter().find(is_set) {
        return Some((*name).to_owned());
    }
    let home = std::env::home_dir()?;
    // The place at which the library looks: that of `gcloud auth application-default login`.
    let file = home.join(".config/gcloud/application_default_credentials.json");
    file.exists().then(|| file.display().to_string())
}

/// How often and how long the library asks for a token.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 2,
        retry_timeout: TOKEN,
    }
}

/// A part of a file with a service account. Only files for other servers than Google's have it.
#[derive(Deserialize)]
struct ServiceAccount {
    gcs_base_url: Option<String>,
}

/// Returns the address in the file of a service account, which the library uses too.
fn address_of_account(builder: &GoogleCloudStorageBuilder) -> Option<String> {
    let text = match builder.get_config_value(&GoogleConfigKey::ServiceAccountKey) {
        Some(key) => key,
        None => {
            let path = builder.get_config_value(&GoogleConfigKey::ServiceAccount)?;
            // The library reports a file that can't be read.
            std::fs::read_to_string(path).ok()?
        }
    };
    let account: ServiceAccount = serde_json::from_str(&text).ok()?;
    account.gcs_base_url
}

fn checked(address: &str) -> Result<String, GoogleError> {
    let uri = address.parse::<Uri>().ok();
    // A password in front of the host is not repeated.
    let shown = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let fits = |uri: &Uri| is_address(uri) && uri.query().is_none();
    match uri.filter(fits) {
        Some(_) => Ok(address.trim_end_matches('/').to_owned()),
        None => Err(GoogleError::Configuration {
            value: shown.to_owned(),
        }),
    }
}

fn credentials(error: &object_store::Error) -> GoogleError {
    GoogleError::Credentials {
        reason: with_sources(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host_and_no_password() {
        assert_eq!(checked("http://a:1/").unwrap(), "http://a:1");
        assert_eq!(checked("https://a/gcs").unwrap(), "https://a/gcs");
        for address in ["", "a", "ftp://a", "https://u:canary@a", "https://a?b=c"] {
            let error = checked(address).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
