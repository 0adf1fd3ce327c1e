use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_types::service_config::ServiceConfigKey;
use http::Uri;
use tokio::sync::Mutex;

use super::address::is_region;
use super::client::{Pool, Settings};
use super::{S3Error, sdk};

/// How long credentials must remain valid for a request to be signed with them.
const MARGIN: Duration = Duration::from_mins(1);

/// The settings in the user's AWS configuration.
pub(super) struct Account {
    pub(super) region: Option<String>,
    /// Address of an S3 server other than Amazon's.
    pub(super) endpoint: Option<Uri>,
    /// The configuration with the addresses of other services.
    config: SdkConfig,
    pub(super) fips: bool,
    pub(super) dual_stack: bool,
    provider: Option<SharedCredentialsProvider>,
    /// The last credentials: getting them may run a program or ask another service.
    held: Mutex<Option<Credentials>>,
}

impl Account {
    /// Reads the environment and the profile. Credentials are obtained when they are needed.
    pub(super) async fn read(settings: &Settings, pool: &Pool) -> Result<Self, S3Error> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        let mut profile = ProfileFileRegionProvider::builder();
        if let Some(name) = &settings.profile {
            loader = loader.profile_name(name);
            profile = profile.profile_name(name);
        }
        // The metadata of the machine is not asked: outside of Amazon's cloud that request would only time
        // out. S3 itself says where a bucket is.
        let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(profile.build());
        let loader = loader.http_client(sdk::http_client(pool.clone()));
        let config = loader.region(region).load().await;
        let endpoint = settings.endpoint.clone().or(endpoint(&config, "S3"));
        let endpoint = endpoint.map(|text| parsed("S3", &text));
        let region = settings.region.clone();
        let region = region.or_else(|| config.region().map(ToString::to_string));
        if let Some(region) = region.as_deref().filter(|region| !is_region(region)) {
            return Err(unusable("region", region));
        }
        Ok(Self {
            region,
            endpoint: endpoint.transpose()?,
            fips: config.use_fips().unwrap_or_default(),
            dual_stack: config.use_dual_stack().unwrap_or_default(),
            provider: config.credentials_provider(),
            held: Mutex::default(),
            config,
        })
    }

    /// Returns the address of a service, if the user has configured one.
    pub(super) fn endpoint_of(&self, service: &str) -> Result<Option<Uri>, S3Error> {
        let found = endpoint(&self.config, service);
        found.map(|text| parsed(service, &text)).transpose()
    }

    pub(super) async fn credentials(&self) -> Result<Credentials, S3Error> {
        let mut held = self.held.lock().await;
        let until = SystemTime::now() + MARGIN;
        let holds = |it: &&Credentials| it.expiry().is_none_or(|expiry| expiry > until);
        if let Some(credentials) = held.as_ref().filter(holds) {
            return Ok(credentials.clone());
        }
        let Some(provider) = &self.provider else {
            return Err(S3Error::no_credentials());
        };
        match provider.provide_credentials().await {
            Ok(credentials) => Ok(held.insert(credentials).clone()),
            Err(CredentialsError::CredentialsNotLoaded(_)) => Err(S3Error::no_credentials()),
            Err(error) => Err(S3Error::Credentials {
                reason: with_sources(&error),
            }),
        }
    }

    /// Returns the id of the last used access key, which is not secret.
    pub(super) async fn key_id(&self) -> Option<String> {
        let held = self.held.lock().await;
        held.as_ref().map(|it| it.access_key_id().to_owned())
    }
}

#[cfg(test)]
impl Account {
    /// Creates an account with these values; it reads no configuration.
    pub(super) fn fixed(endpoint: Uri, credentials: Credentials) -> Self {
        Self {
            region: None,
            config: SdkConfig::builder()
                .endpoint_url(endpoint.to_string())
                .build(),
            endpoint: Some(endpoint),
            fips: false,
            dual_stack: false,
            provider: None,
            held: Mutex::new(Some(credentials)),
        }
    }
}

fn unusable(what: &str, value: &str) -> S3Error {
    S3Error::Configuration {
        what: what.to_owned(),
        value: value.to_owned(),
    }
}

fn parsed(service: &str, address: &str) -> Result<Uri, S3Error> {
    let uri = address.parse::<Uri>().ok();
    // An address may have a password in front of the host. Engines and audits see the error.
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    uri.filter(is_address)
        .ok_or_else(|| unusable(&format!("address of {service}"), host))
}

/// Returns the address of a service: from `AWS_ENDPOINT_URL_SERVICE`, `AWS_ENDPOINT_URL` or the profile.
fn endpoint(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let own = config.service_config().and_then(|it| it.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// Returns an error and its causes. The library's debug format would add received network data, which may
/// contain secrets.
pub(crate) fn with_sources(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        said.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    said
}

/// Returns true for `https://HOST[:PORT]`, or `http` if the user configured that. A path before the bucket is
/// allowed.
pub(crate) fn is_address(uri: &Uri) -> bool {
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    let has_login = uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'));
    matches!(uri.scheme_str(), Some("http" | "https")) && has_host && !has_login
}
