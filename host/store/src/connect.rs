//! Opens a store: finds credentials, and connects the library for object stores.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use host_base::shell::word;
use host_objectstore::{S3, Settings, Wire, google_builder};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::local::LocalFileSystem;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientOptions, CredentialProvider, ObjectStore, RetryConfig};

use crate::cleanup::Cleanup;
use crate::service::ServiceError;
use crate::settings::{LockSettings, StoreSettings};
use crate::{StoreError, StoreUrl};

/// How often and how long the library repeats a request. Its signature is made once and is valid for 15 minutes.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(15),
            base: 2.,
        },
        max_retries: 8,
        retry_timeout: Duration::from_mins(2),
    }
}

/// A store that is open.
pub struct Store {
    called: String,
    settings: StoreSettings,
    handles: Handles,
    s3: Option<Amazon>,
    /// The work that goes on after a command was stopped.
    pub(crate) cleanup: Cleanup,
    /// A folder for the journals of uploads.
    pub(crate) state: Option<PathBuf>,
}

/// The library's views on a store.
#[derive(Clone)]
pub(crate) struct Handles {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Uploads in parts whose ids are known; none for a folder.
    pub(crate) parts: Option<Arc<dyn MultipartStore>>,
}

/// The S3 of a store.
#[derive(Clone)]
pub(crate) struct Amazon {
    pub(crate) client: Arc<S3>,
    pub(crate) bucket: String,
    region: String,
    address: String,
    wire: Wire,
}

impl Store {
    /// Opens a store. `called` is how the user names it. Nothing is written.
    ///
    /// # Errors
    /// When the settings are invalid, or credentials or certificates can't be read.
    pub async fn open(
        called: &str,
        settings: StoreSettings,
        state: Option<PathBuf>,
        cleanup: Cleanup,
    ) -> Result<Self, StoreError> {
        settings.check()?;
        let mut s3 = None;
        let handles = match &settings.url {
            StoreUrl::S3 { bucket, .. } => {
                let amazon = Amazon::locate(bucket, &settings).await?;
                let handles = amazon.handles(HeaderMap::new(), called, &settings.url)?;
                s3 = Some(amazon);
                handles
            }
            StoreUrl::Google { bucket, .. } => google(bucket, called, &settings)?,
            StoreUrl::Azure {
                account, container, ..
            } => azure(account, container, called, &settings)?,
            StoreUrl::Folder(path) => folder(path, called, &settings.url)?,
        };
        Ok(Self {
            called: called.to_owned(),
            settings,
            handles,
            s3,
            cleanup,
            state,
        })
    }

    /// Returns the store as the user names it.
    #[must_use]
    pub fn called(&self) -> &str {
        &self.called
    }

    /// Returns the store as a word of a command line.
    #[must_use]
    pub fn word(&self) -> String {
        word(&self.called).into_owned()
    }

    /// Returns the settings.
    #[must_use]
    pub const fn settings(&self) -> &StoreSettings {
        &self.settings
    }

    /// Returns the address.
    #[must_use]
    pub const fn url(&self) -> &StoreUrl {
        &self.settings.url
    }

    pub(crate) const fn handles(&self) -> &Handles {
        &self.handles
    }

    pub(crate) const fn s3(&self) -> Option<&Amazon> {
        self.s3.as_ref()
    }

    /// Returns the views that write locked objects.
    pub(crate) fn locking(
        &self,
        lock: LockSettings,
        until: Timestamp,
    ) -> Result<Handles, StoreError> {
        let Some(s3) = &self.s3 else {
            return Err(self.unsupported("lock objects"));
        };
        let mut headers = HeaderMap::new();
        let until = HeaderValue::from_str(&until.to_string());
        headers.insert(
            HeaderName::from_static("x-amz-object-lock-mode"),
            HeaderValue::from_static(lock.mode.name()),
        );
        headers.insert(
            HeaderName::from_static("x-amz-object-lock-retain-until-date"),
            until.map_err(|_| self.unsupported("lock objects until then"))?,
        );
        s3.handles(headers, self.called(), self.url())
    }

    pub(crate) fn unsupported(&self, doing: &'static str) -> StoreError {
        StoreError::Unsupported {
            store: self.called.clone(),
            doing,
        }
    }
}

/// Equal if they are the same place with the same settings.
impl PartialEq for Store {
    fn eq(&self, other: &Self) -> bool {
        self.called == other.called && self.settings == other.settings
    }
}

impl Eq for Store {}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.settings.url).finish()
    }
}

impl Amazon {
    async fn locate(bucket: &str, settings: &StoreSettings) -> Result<Self, StoreError> {
        let client = S3::new(Settings {
            endpoint: settings.endpoint.clone(),
            region: settings.region.clone(),
            profile: settings.profile.clone(),
            roots: settings.ca.clone(),
        });
        // Without credentials nothing works; the error about them is clearer than any later one.
        client.keys().await?;
        let (region, address) = client.locate(bucket).await?;
        let wire = Wire(client.pool().await?);
        Ok(Self {
            client: Arc::new(client),
            bucket: bucket.to_owned(),
            region,
            address: address.to_string().trim_end_matches('/').to_owned(),
            wire,
        })
    }

    fn handles(
        &self,
        headers: HeaderMap,
        called: &str,
        url: &StoreUrl,
    ) -> Result<Handles, StoreError> {
        let options = ClientOptions::new()
            .with_allow_http(true)
            .with_default_headers(headers);
        let built = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            // The address has the bucket in it.
            .with_virtual_hosted_style_request(true)
            .with_endpoint(&self.address)
            .with_credentials(Arc::new(Keys(Arc::clone(&self.client))))
            .with_checksum_algorithm(Checksum::SHA256)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(options)
            .with_http_connector(self.wire.clone())
            .with_retry(retries())
            .build();
        Ok(shared(built.map_err(|error| unopened(called, url, error))?))
    }
}

fn shared<T: ObjectStore + MultipartStore>(store: T) -> Handles {
    let store = Arc::new(store);
    Handles {
        objects: Arc::clone(&store) as _,
        parts: Some(store),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it ends a chain of `map_err`"
)]
fn unopened(called: &str, url: &StoreUrl, error: object_store::Error) -> StoreError {
    ServiceError::new("open", url.to_string(), called, url, &error).into()
}

/// Finds credentials where `gcloud` and Google's libraries find them.
fn google(bucket: &str, called: &str, settings: &StoreSettings) -> Result<Handles, StoreError> {
    let wire = Wire(host_objectstore::pool(settings.ca.as_deref())?);
    let endpoint = settings.endpoint.as_deref();
    let builder = google_builder(bucket, endpoint, wire, retries());
    let built = builder.build();
    Ok(shared(
        built.map_err(|error| unopened(called, &settings.url, error))?,
    ))
}

/// Finds credentials where `az` and Azure's libraries find them.
fn azure(
    account: &str,
    container: &str,
    called: &str,
    settings: &StoreSettings,
) -> Result<Handles, StoreError> {
    let wire = Wire(host_objectstore::pool(settings.ca.as_deref())?);
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_account(account)
        .with_container_name(container)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_http_connector(wire)
        .with_retry(retries());
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_named = AZURE_VARIABLES.iter().any(is_set);
    if !is_named && is_logged_in() {
        builder = builder.with_use_azure_cli(true);
    }
    let built = builder.build();
    Ok(shared(
        built.map_err(|error| unopened(called, &settings.url, error))?,
    ))
}

/// Variables that name credentials of Azure.
const AZURE_VARIABLES: [&str; 8] = [
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
];

/// Returns true if `az login` has left its profile.
fn is_logged_in() -> bool {
    let named = std::env::var_os("AZURE_CONFIG_DIR").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".azure"));
    named
        .or_else(home)
        .is_some_and(|folder| folder.join("azureProfile.json").exists())
}

/// The folder must exist: creating it below a mount point that is not mounted would fill the wrong disk.
fn folder(path: &Path, called: &str, url: &StoreUrl) -> Result<Handles, StoreError> {
    let store =
        LocalFileSystem::new_with_prefix(path).map_err(|error| unopened(called, url, error))?;
    Ok(Handles {
        objects: Arc::new(store.with_fsync(true).with_automatic_cleanup(true)),
        parts: None,
    })
}

/// The credentials of the S3 client.
struct Keys(Arc<S3>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
                store: "S3",
                source,
            };
        let keys = self.0.keys().await.map_err(|error| failed(error.into()))?;
        let text = |secret: &host_base::Secret| {
            let text = secret.expose_text().map(str::to_owned);
            text.map_err(|error| failed(error.into()))
        };
        Ok(Arc::new(AwsCredential {
            secret_key: text(&keys.secret)?,
            token: keys.token.as_ref().map(text).transpose()?,
            key_id: keys.id,
        }))
    }
}
