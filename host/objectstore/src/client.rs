use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use host_base::Secret;
use host_web::{self, Connector, Proxies, ProxySettings, WebError};
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, IF_MATCH, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::OnceCell;

use super::S3Error;
use super::account::Account;
use super::address::{Bucket, Endpoint, is_region};
use super::error::permission;
use super::objects::build;
use super::refusal::Refusal;
use super::signature::{self, Service};

/// Maximum time until a connection is open.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// Maximum time between two pieces of a response.
pub(crate) const IDLE: Duration = Duration::from_secs(30);
/// How long a request waits before it is repeated if S3 is busy.
pub(crate) const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// The region to ask if none is configured. S3 answers there with the region of the bucket.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

pub(crate) const NAME: &str = concat!("kubectl-broker/", env!("CARGO_PKG_VERSION"));

/// Connections to servers. Copies of it share them.
pub type Pool = Client<HttpsConnector<Connector>, Full<Bytes>>;

/// The body of a response, as it arrives.
pub type S3Body = UnsyncBoxBody<Bytes, S3Error>;

/// The identity of a request to S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anonymous: the bucket is public.
    Anonymous,
    /// Signed with the user's credentials.
    Signed,
}

/// Settings that precede the user's AWS configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Address of an S3 server other than Amazon's, such as `https://minio.example:9000`.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The profile with the credentials.
    pub profile: Option<String>,
    /// A file with trusted certificates, instead of the system's.
    pub roots: Option<PathBuf>,
}

/// Credentials of S3.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Id of the access key.
    pub id: String,
    /// The secret of the access key.
    pub secret: Secret,
    /// The token of temporary credentials.
    pub token: Option<Secret>,
}

/// The S3 client of this user. It reads nothing and opens no connection before the first request.
#[derive(Default)]
pub struct S3 {
    settings: Settings,
    opened: OnceCell<Opened>,
    /// The known regions of buckets outside the configured region.
    regions: Mutex<BTreeMap<String, String>>,
}

pub(super) struct Opened {
    pool: Pool,
    pub(super) account: Account,
}

/// States the length of a body, also if it is empty. hyper leaves that out, and S3 then refuses to write an object
/// (`MissingContentLength`).
fn with_length(mut request: Request<Bytes>) -> Request<Bytes> {
    if matches!(*request.method(), Method::PUT | Method::POST) {
        let length = request.body().len().into();
        request.headers_mut().insert(CONTENT_LENGTH, length);
    }
    request
}

impl S3 {
    /// Creates a client with settings of its own.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Sends a request for `/BUCKET/KEY`, with or without a query. A bucket in another region is requested
    /// there. If S3 is busy, the request is repeated after one second and again after three. It is not repeated if
    /// the first one may have had an effect for which the second would be refused.
    ///
    /// # Errors
    /// When S3 refuses the request, or when no response comes. Responses to a condition or a range (304, 412,
    /// 416) are not errors.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        access: Access,
        first_byte: Duration,
    ) -> Result<Response<S3Body>, S3Error> {
        let request = with_length(request);
        let bucket = Bucket::of(request.uri())?;
        let opened = self.open().await?;
        let mut region = self.region_of(&bucket, opened);
        let mut has_moved = false;
        let mut waits = WAITS.iter();
        loop {
            let asked = opened.ask(&request, &bucket, &region, access, first_byte);
            let answer = asked.await?;
            if is_answer(answer.status()) {
                return Ok(answer.map(|body| watched(body, bucket.shown())));
            }
            let refusal = Refusal::read(answer, IDLE).await;
            let elsewhere = refusal.region.clone().filter(|found| is_region(found));
            if let Some(elsewhere) = elsewhere.filter(|found| *found != region && !has_moved) {
                has_moved = true;
                self.regions()
                    .insert(bucket.name().to_owned(), elsewhere.clone());
                region = elsewhere;
                continue;
            }
            let is_done = !refusal.is_before_work() && !may_repeat(&request);
            match waits.next().filter(|_| refusal.is_busy() && !is_done) {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => {
                    let key = match access {
                        Access::Anonymous => None,
                        Access::Signed => opened.account.key_id().await,
                    };
                    let needs = permission(&request);
                    return Err(S3Error::refused(bucket.shown(), needs, key, refusal));
                }
            }
        }
    }

    /// Returns the id of the access key that signs requests, and the region.
    ///
    /// # Errors
    /// When there are no credentials, or when they can't be obtained.
    pub async fn credentials(&self) -> Result<(String, String), S3Error> {
        let account = &self.open().await?.account;
        let credentials = account.credentials().await?;
        let region = account.region.as_deref().unwrap_or(DEFAULT_REGION);
        Ok((credentials.access_key_id().to_owned(), region.to_owned()))
    }

    /// Returns the credentials that sign requests.
    ///
    /// # Errors
    /// When there are no credentials, or when they can't be obtained.
    pub async fn keys(&self) -> Result<Keys, S3Error> {
        let credentials = self.open().await?.account.credentials().await?;
        Ok(Keys {
            id: credentials.access_key_id().to_owned(),
            secret: credentials.secret_access_key().to_owned().into(),
            token: credentials.session_token().map(|it| it.to_owned().into()),
        })
    }

    /// Returns the region and the address of a bucket, such as `https://BUCKET.s3.eu-west-1.amazonaws.com`. A
    /// bucket in another region than the configured one is found.
    ///
    /// # Errors
    /// When the name of the bucket is invalid, or S3 can't be asked.
    pub async fn locate(&self, bucket: &str) -> Result<(String, Uri), S3Error> {
        let uri = format!("/{bucket}").parse::<Uri>();
        let uri = uri.map_err(|_| S3Error::BadBucket {
            name: bucket.to_owned(),
        })?;
        let found = Bucket::of(&uri)?;
        let opened = self.open().await?;
        if self.settings.region.is_none() && opened.account.endpoint.is_none() {
            let head = build(Request::head(&uri))?;
            // Every response names the region, or the redirect has been followed. Errors are reported by the
            // first request that matters.
            let _ = self.send(head, Access::Signed, IDLE).await;
        }
        let region = self.region_of(&found, opened);
        let address = opened.endpoint(&region).address(&found)?;
        Ok((region, address))
    }

    /// Returns the connections, which other clients may use, too.
    ///
    /// # Errors
    /// When the trusted certificates or the proxies can't be read.
    pub async fn pool(&self) -> Result<Pool, S3Error> {
        Ok(self.open().await?.pool.clone())
    }

    pub(super) async fn open(&self) -> Result<&Opened, S3Error> {
        // Reading the configuration takes much state, which every caller's future would have in it.
        let opened = || Box::pin(Opened::new(&self.settings));
        self.opened.get_or_try_init(opened).await
    }

    fn region_of(&self, bucket: &Bucket, opened: &Opened) -> String {
        let known = self.regions().get(bucket.name()).cloned();
        let configured = opened.account.region.as_deref().unwrap_or(DEFAULT_REGION);
        known.unwrap_or_else(|| configured.to_owned())
    }

    fn regions(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens no connection yet. `roots` is a file with trusted certificates; without it, `AWS_CA_BUNDLE` and
/// `SSL_CERT_FILE` may name one.
///
/// # Errors
/// When the trusted certificates or the proxies can't be read.
pub fn pool(roots: Option<&Path>) -> Result<Pool, WebError> {
    let variable = |name: &str| std::env::var(name).ok();
    // Amazon's programs read `AWS_CA_BUNDLE`, and all others `SSL_CERT_FILE`.
    let named = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"].map(std::env::var_os);
    let named = named.into_iter().flatten().find(|path| !path.is_empty());
    let roots = roots.or(named.as_ref().map(AsRef::as_ref));
    let proxies = Proxies::new(ProxySettings::from_variables(variable))?;
    let connector = Connector::new(proxies, roots, CONNECT)?;
    Ok(Client::builder(TokioExecutor::new()).build(connector.over_tls()))
}

impl Opened {
    async fn new(settings: &Settings) -> Result<Self, S3Error> {
        let pool = pool(settings.roots.as_deref())?;
        let account = Account::read(settings, &pool).await?;
        Ok(Self { pool, account })
    }

    async fn ask(
        &self,
        request: &Request<Bytes>,
        bucket: &Bucket,
        region: &str,
        access: Access,
        first_byte: Duration,
    ) -> Result<Response<Incoming>, S3Error> {
        let address = self.endpoint(region).address(bucket)?;
        let mut request = request.clone();
        *request.uri_mut() = address;
        let headers = request.headers_mut();
        // Digests and lengths refer to the unencoded bytes.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if access == Access::Signed {
            let credentials = self.account.credentials().await?;
            signature::sign(&mut request, &credentials, region, Service::S3)?;
        }
        self.exchange(request, &bucket.shown(), first_byte).await
    }

    /// Sends a signed request to its address.
    pub(super) async fn exchange(
        &self,
        mut request: Request<Bytes>,
        what: &str,
        first_byte: Duration,
    ) -> Result<Response<Incoming>, S3Error> {
        let address = request.uri().clone();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
        let request = request.map(Full::new);
        match tokio::time::timeout(first_byte, self.pool.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(host_web::failed(&address, &error, CONNECT).into()),
            Err(_) => Err(S3Error::TimedOut {
                what: what.to_owned(),
                after: first_byte,
            }),
        }
    }

    fn endpoint<'a>(&'a self, region: &'a str) -> Endpoint<'a> {
        match &self.account.endpoint {
            Some(address) => Endpoint::Named(address),
            None => Endpoint::Amazon {
                region,
                fips: self.account.fips,
                dual_stack: self.account.dual_stack,
            },
        }
    }
}

/// Returns the error of a response to `GET`, if it is one. `target` is the requested path.
#[must_use]
pub fn refusal(target: &Uri, status: u16, body: &[u8]) -> Option<S3Error> {
    let bucket = match Bucket::of(target) {
        Ok(bucket) => bucket,
        Err(error) => return Some(error),
    };
    let is_refusal = !StatusCode::from_u16(status).is_ok_and(is_answer);
    let refusal = is_refusal.then(|| Refusal::parse(status, body))?;
    Some(S3Error::refused(
        bucket.shown(),
        "s3:GetObject",
        None,
        refusal,
    ))
}

/// Returns true if a request has the same effect when it is sent twice. A condition on the object is not met any
/// more after the first time.
fn may_repeat(request: &Request<Bytes>) -> bool {
    let has_condition = [IF_MATCH, IF_NONE_MATCH]
        .iter()
        .any(|name| request.headers().contains_key(name));
    let method = request.method();
    method.is_safe() || (method.is_idempotent() && !has_condition)
}

/// Returns true if the caller handles this status, and not this module.
fn is_answer(status: StatusCode) -> bool {
    status.is_success() || matches!(status.as_u16(), 304 | 412 | 416)
}

/// Returns the body with checks: a premature end and a stalled body are errors.
fn watched(body: Incoming, what: String) -> S3Body {
    let frames = stream::try_unfold((body, what), |(mut body, what)| async move {
        match tokio::time::timeout(IDLE, body.frame()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(frame))) => Ok(Some((frame, (body, what)))),
            Ok(Some(Err(error))) => Err(S3Error::Cut {
                what,
                reason: error.to_string(),
            }),
            Err(_) => Err(S3Error::TimedOut { what, after: IDLE }),
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

#[cfg(test)]
pub(crate) mod tests;
