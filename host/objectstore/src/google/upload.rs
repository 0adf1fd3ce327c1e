//! Objects that are written in pieces: <https://cloud.google.com/storage/docs/performing-resumable-uploads>
//!
//! Uploads in parts, as S3 has them, know no conditions here. A resumable upload checks its condition at its end.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use http::{HeaderMap, Method, StatusCode};
use md5::{Digest as _, Md5};
use serde_json::json;

use super::GoogleError;
use super::client::{Call, Google, read_json};
use super::objects::{
    FIELDS, Resource, WRITING, check_type, encoded, not_sent, shown, understood, upload_path,
};
use crate::client::WAITS;
use crate::{Access, Condition, Facts, Location};

/// The length of each piece but the last, in bytes. It must be a multiple of 256 KiB.
const PART: usize = 16 << 20;
/// The maximum time until a piece is stored.
const PATIENCE: Duration = Duration::from_mins(5);

/// An object that is written in pieces. It does not exist before [`GoogleWriter::finish`] has succeeded. A short one is
/// written by one request.
pub struct GoogleWriter {
    google: Arc<Google>,
    at: Location,
    content_type: Option<String>,
    is_new: bool,
    /// The target of the upload, if it was begun. It is a secret: it needs no token.
    session: Option<String>,
    /// The number of bytes that the service has.
    sent: u64,
    /// The bytes that were not sent yet.
    waiting: BytesMut,
    digest: Md5,
    first_byte: Duration,
}

/// The answer to a piece.
enum Taken {
    /// The service has so many bytes.
    Upto(u64),
    /// The object is complete.
    Whole(Resource),
}

impl GoogleWriter {
    /// Prepares an object. With `is_new`, no object of that name is replaced. Nothing is sent yet.
    #[must_use]
    pub fn new(
        google: Arc<Google>,
        at: Location,
        content_type: Option<String>,
        is_new: bool,
        first_byte: Duration,
    ) -> Self {
        Self {
            google,
            at,
            content_type,
            is_new,
            session: None,
            sent: 0,
            waiting: BytesMut::new(),
            digest: Md5::new(),
            first_byte,
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When the service refuses a piece.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), GoogleError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            // The last piece must not be empty, so a full one waits for a further byte.
            if self.waiting.len() == PART {
                let piece = self.waiting.split().freeze();
                self.send(piece, None).await?;
            }
            let (now, later) = rest.split_at(rest.len().min(PART - self.waiting.len()));
            self.digest.update(now);
            self.waiting.extend_from_slice(now);
            rest = later;
        }
        Ok(())
    }

    /// Completes the object.
    ///
    /// # Errors
    /// When the condition is not met, or the service refuses. Then there is no new object.
    pub async fn finish(&mut self) -> Result<Facts, GoogleError> {
        let piece = self.waiting.split().freeze();
        if self.session.is_none() {
            let condition = if self.is_new {
                Condition::Absent
            } else {
                Condition::None
            };
            let kind = self.content_type.as_deref();
            let put = self
                .google
                .put(&self.at, piece, kind, &condition, self.first_byte);
            return put.await;
        }
        let total = self.sent + piece.len() as u64;
        let whole = self.send(piece, Some(total)).await?;
        let whole = whole.ok_or_else(|| self.not_understood())?;
        self.session = None;
        let expected = BASE64.encode(self.digest.finalize_reset());
        if whole.md5_hash.as_ref().is_some_and(|it| *it != expected) {
            let generation = whole.generation.as_deref();
            let damaged = GoogleError::Damaged {
                what: shown(&self.at),
            };
            self.google
                .delete_generation(&self.at, generation, self.first_byte)
                .await?;
            return Err(damaged);
        }
        let facts = understood(whole, &self.at)?;
        if facts.size != total {
            return Err(self.not_understood());
        }
        Ok(facts)
    }

    /// Discards what was written, unless the object is complete.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn discard(&mut self) -> Result<(), GoogleError> {
        let Some(target) = self.session.take() else {
            return Ok(());
        };
        let call = self.call(Method::DELETE, target, HeaderMap::new(), Bytes::new());
        match self.google.send(call, Access::Anonymous).await {
            // The status of an upload that its client has cancelled.
            Err(GoogleError::Refused {
                status: 404 | 410 | 499,
                ..
            }) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Sends a piece until the service has it. With `total`, it is the last one, and the object is returned.
    async fn send(
        &mut self,
        piece: Bytes,
        total: Option<u64>,
    ) -> Result<Option<Resource>, GoogleError> {
        let session = match &self.session {
            Some(session) => session.clone(),
            None => {
                let session = self.begin().await?;
                self.session.insert(session).clone()
            }
        };
        let mut left = piece;
        let mut waits = WAITS.iter();
        loop {
            let last = self.sent + left.len() as u64;
            let all = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
            let range = format!("bytes {}-{}/{all}", self.sent, last - 1);
            let taken = match self.piece(&session, &range, left.clone()).await {
                Err(error) if error.is_passing() => {
                    let Some(wait) = waits.next() else {
                        return Err(error);
                    };
                    tokio::time::sleep(*wait).await;
                    // A part of the piece, or all of it, may have arrived.
                    let range = format!("bytes */{all}");
                    match self.piece(&session, &range, Bytes::new()).await {
                        Err(error) if error.is_passing() => continue,
                        taken => taken?,
                    }
                }
                taken => taken?,
            };
            let upto = match taken {
                Taken::Whole(resource) if total.is_some() => return Ok(Some(resource)),
                Taken::Upto(upto) if (self.sent..=last).contains(&upto) => upto,
                Taken::Whole(_) | Taken::Upto(_) => return Err(self.not_understood()),
            };
            let has_moved = upto > self.sent;
            left.advance(usize::try_from(upto - self.sent).unwrap_or(left.len()));
            self.sent = upto;
            match total {
                None if left.is_empty() => return Ok(None),
                Some(_) if left.is_empty() => return Err(self.not_understood()),
                _ if has_moved => {}
                _ => match waits.next() {
                    Some(wait) => tokio::time::sleep(*wait).await,
                    None => return Err(self.not_understood()),
                },
            }
        }
    }

    async fn piece(&self, session: &str, range: &str, body: Bytes) -> Result<Taken, GoogleError> {
        let mut headers = HeaderMap::new();
        let range = HeaderValue::try_from(range).map_err(|error| not_sent(&error.into()))?;
        headers.insert(CONTENT_RANGE, range);
        let call = self.call(Method::PUT, session.to_owned(), headers, body);
        let answer = self.google.send(call, Access::Anonymous).await?;
        match answer.status() {
            StatusCode::PRECONDITION_FAILED => Err(GoogleError::Condition {
                what: shown(&self.at),
            }),
            StatusCode::PERMANENT_REDIRECT => {
                let range = answer.headers().get(RANGE);
                let Some(range) = range else {
                    return Ok(Taken::Upto(0));
                };
                let last = range
                    .to_str()
                    .ok()
                    .and_then(|it| it.strip_prefix("bytes=0-"));
                let last = last.and_then(|it| it.parse::<u64>().ok());
                let upto = last.and_then(|last| last.checked_add(1));
                upto.map(Taken::Upto).ok_or_else(|| self.not_understood())
            }
            status if status.is_success() => {
                Ok(Taken::Whole(read_json(answer, shown(&self.at)).await?))
            }
            _ => Err(self.not_understood()),
        }
    }

    async fn begin(&self) -> Result<String, GoogleError> {
        let mut target = format!(
            "{}?uploadType=resumable&name={}&fields={FIELDS}",
            upload_path(&self.at.bucket),
            encoded(&self.at.key)
        );
        if self.is_new {
            target.push_str("&ifGenerationMatch=0");
        }
        let mut metadata = json!({});
        if let Some(kind) = &self.content_type {
            check_type(kind)?;
            metadata["contentType"] = json!(kind);
        }
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json; charset=UTF-8");
        headers.insert(CONTENT_TYPE, json);
        let mut call = self.call(Method::POST, target, headers, metadata.to_string().into());
        // An upload that was begun twice and not continued costs nothing.
        call.repeats = true;
        call.patience = self.first_byte;
        let answer = self.google.send(call, Access::Signed).await?;
        if answer.status() == StatusCode::PRECONDITION_FAILED {
            return Err(GoogleError::Condition {
                what: shown(&self.at),
            });
        }
        let session = self.google.target_of(answer.headers()).await;
        session.ok_or_else(|| self.not_understood())
    }

    fn call(&self, method: Method, target: String, headers: HeaderMap, body: Bytes) -> Call {
        Call {
            method,
            target,
            headers,
            body,
            what: shown(&self.at),
            permission: WRITING,
            repeats: false,
            patience: PATIENCE,
        }
    }

    fn not_understood(&self) -> GoogleError {
        GoogleError::NotUnderstood {
            what: shown(&self.at),
        }
    }
}
