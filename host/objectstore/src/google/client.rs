//! Requests to Google Cloud Storage.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HeaderValue, LOCATION, USER_AGENT,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::GoogleError;
use super::account::{Account, GoogleSettings, source};
use super::error::{Refusal, is_busy, is_limited};
use crate::Access;
use crate::client::{CONNECT, IDLE, NAME, WAITS};

/// The maximum size of a response that is not an object, in bytes. A page of 1000 keys has less than 4 MiB.
const MAX_ANSWER: usize = 8 << 20;
/// The maximum size of a refusal that is read, in bytes.
const MAX_REFUSAL: usize = 64 << 10;

/// The body of a response, as it arrives.
pub type GoogleBody = UnsyncBoxBody<Bytes, GoogleError>;

/// The Google Cloud Storage of this user. It reads nothing and opens no connection before the first request.
#[derive(Default)]
pub struct Google {
    settings: GoogleSettings,
    opened: OnceCell<Account>,
}

/// One request.
pub(super) struct Call {
    pub(super) method: Method,
    /// The path and the query, encoded.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The object, for people.
    pub(super) what: String,
    /// The permission that the request needs.
    pub(super) permission: &'static str,
    /// Whether the request has the same effect when it is sent twice.
    pub(super) repeats: bool,
    /// The maximum time until the head of the response.
    pub(super) patience: Duration,
}

impl Google {
    /// Creates a client with settings of its own.
    #[must_use]
    pub fn new(settings: GoogleSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Returns where the user's credentials are from: the name of a variable, or a file. `None` if there are none on this
    /// machine, so that only the metadata server of Google's cloud can give some.
    #[must_use]
    pub fn source_of_credentials() -> Option<String> {
        source()
    }

    /// Sends a request. If the service is busy, the request is repeated after one second and again after three, as
    /// requests to S3 are. It is not repeated if the first one may have had an effect for which the second would be
    /// refused.
    ///
    /// # Errors
    /// When the request is refused, or when no response comes. Responses to a condition or a range (304, 308, 412, 416)
    /// are not errors.
    pub(super) async fn send(
        &self,
        call: Call,
        access: Access,
    ) -> Result<Response<Incoming>, GoogleError> {
        let account = self.open().await?;
        let mut waits = WAITS.iter();
        loop {
            let answer = exchange(account, &call, access).await?;
            let status = answer.status();
            if is_answer(status) {
                return Ok(answer);
            }
            let refusal = Refusal::parse(&refused_with(answer).await);
            let (status, reason) = (status.as_u16(), refusal.reason());
            let may_repeat = call.repeats || status == 429 || is_limited(reason);
            match waits
                .next()
                .filter(|_| is_busy(status, reason) && may_repeat)
            {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Err(refusal.into_error(status, call.what, call.permission)),
            }
        }
    }

    /// Sends a request, and reads the JSON of the response. A condition that is not met is an error.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        call: Call,
        access: Access,
    ) -> Result<T, GoogleError> {
        let what = call.what.clone();
        let answer = self.send(call, access).await?;
        if answer.status() == StatusCode::PRECONDITION_FAILED {
            return Err(GoogleError::Condition { what });
        }
        read_json(answer, what).await
    }

    /// Returns the target of an address that the service gave, such as that of an upload. An address of another server is
    /// none: it must not get what is sent there.
    pub(super) async fn target_of(&self, headers: &HeaderMap) -> Option<String> {
        let address = &self.open().await.ok()?.address;
        let location = headers.get(LOCATION)?.to_str().ok()?;
        let target = location.strip_prefix(address.as_str())?;
        target.starts_with('/').then(|| target.to_owned())
    }

    async fn open(&self) -> Result<&Account, GoogleError> {
        let opened = || async { Account::read(&self.settings) };
        self.opened.get_or_try_init(opened).await
    }

    #[cfg(test)]
    pub(super) fn over(account: Account) -> Self {
        Self {
            settings: GoogleSettings::default(),
            opened: OnceCell::new_with(Some(account)),
        }
    }
}

async fn exchange(
    account: &Account,
    call: &Call,
    access: Access,
) -> Result<Response<Incoming>, GoogleError> {
    let not_sent = |error: &http::Error| GoogleError::NotSent {
        reason: error.to_string(),
    };
    let request = Request::builder()
        .method(call.method.clone())
        .uri(format!("{}{}", account.address, call.target))
        .body(Full::new(call.body.clone()));
    let mut request = request.map_err(|error| not_sent(&error))?;
    let address = request.uri().clone();
    let headers = request.headers_mut();
    headers.extend(call.headers.clone());
    // Lengths refer to the unencoded bytes.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
    if matches!(call.method, Method::POST | Method::PUT) {
        headers.insert(CONTENT_LENGTH, call.body.len().into());
    }
    if access == Access::Signed
        && let Some(token) = account.token().await?
    {
        let token = HeaderValue::try_from(format!("Bearer {token}"));
        let mut token = token.map_err(|_| GoogleError::Credentials {
            reason: "the token is not one line of text".to_owned(),
        })?;
        token.set_sensitive(true);
        headers.insert(AUTHORIZATION, token);
    }
    let after = call.patience;
    match tokio::time::timeout(after, account.pool.request(request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(host_web::failed(&address, &error, CONNECT).into()),
        Err(_) => Err(GoogleError::TimedOut {
            what: call.what.clone(),
            after,
        }),
    }
}

/// Returns true if the caller handles this status, and not this module.
fn is_answer(status: StatusCode) -> bool {
    status.is_success() || matches!(status.as_u16(), 304 | 308 | 412 | 416)
}

/// Reads as much of a refusal as arrives: the status alone is enough.
async fn refused_with(answer: Response<Incoming>) -> Bytes {
    let body = Limited::new(answer.into_body(), MAX_REFUSAL).collect();
    let body = tokio::time::timeout(IDLE, body).await;
    let body = body.ok().and_then(Result::ok);
    body.map(http_body_util::Collected::to_bytes)
        .unwrap_or_default()
}

/// Reads the JSON of a response.
pub(super) async fn read_json<T: DeserializeOwned>(
    answer: Response<Incoming>,
    what: String,
) -> Result<T, GoogleError> {
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect();
    let body = match tokio::time::timeout(IDLE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => {
            let reason = error.to_string();
            return Err(GoogleError::Cut { what, reason });
        }
        Err(_) => return Err(GoogleError::TimedOut { what, after: IDLE }),
    };
    serde_json::from_slice(&body).map_err(|_| GoogleError::NotUnderstood { what })
}

/// Returns the body with checks: a premature end and a stalled body are errors.
pub(super) fn watched(body: Incoming, what: String) -> GoogleBody {
    let frames = stream::try_unfold((body, what), |(mut body, what)| async move {
        match tokio::time::timeout(IDLE, body.frame()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(frame))) => Ok(Some((frame, (body, what)))),
            Ok(Some(Err(error))) => Err(GoogleError::Cut {
                what,
                reason: error.to_string(),
            }),
            Err(_) => Err(GoogleError::TimedOut { what, after: IDLE }),
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
