//! Copies of objects within Google Cloud Storage. The bytes never leave it.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Deserialize;

use super::GoogleError;
use super::client::{Call, Google};
use super::objects::{FIELDS, Resource, encoded, path, shown, understood};
use crate::{Access, Copy, Facts};

/// The maximum time for one request. The service answers when it has copied a part of the bytes.
const PATIENCE: Duration = Duration::from_mins(5);
/// The maximum number of requests that follow each other without a copied byte.
const STALLED: u32 = 8;

/// The progress of a copy: <https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite>
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rewrite {
    done: bool,
    #[serde(rename = "rewriteToken")]
    token: Option<String>,
    total_bytes_rewritten: String,
    resource: Option<Resource>,
}

impl Google {
    /// Copies an object, also to another bucket. The copy has the metadata of the source.
    ///
    /// # Errors
    /// When the source does not exist or has changed, or when the service refuses. Then there is no new object.
    pub async fn copy(&self, copy: &Copy, first_byte: Duration) -> Result<Facts, GoogleError> {
        let mut target = format!(
            "{}/rewriteTo/b/{}/o/{}?fields=done,rewriteToken,totalBytesRewritten,resource({FIELDS})",
            path(&copy.source),
            encoded(&copy.target.bucket),
            encoded(&copy.target.key)
        );
        if let Some(etag) = &copy.etag {
            // The service has conditions on generations only. That of the entity tag can't come back.
            let generation = self.generation_of(&copy.source, etag, first_byte).await?;
            let _ = write!(target, "&ifSourceGenerationMatch={generation}");
        }
        let not_understood = || GoogleError::NotUnderstood {
            what: shown(&copy.target),
        };
        let mut token: Option<String> = None;
        let mut written = 0;
        let mut stalled = 0;
        loop {
            let mut target = target.clone();
            if let Some(token) = &token {
                let _ = write!(target, "&rewriteToken={}", encoded(token));
            }
            let call = Call {
                method: Method::POST,
                target,
                headers: HeaderMap::new(),
                body: Bytes::new(),
                // A condition is one on the source.
                what: shown(&copy.source),
                permission: "storage.objects.create, and storage.objects.get for the source",
                repeats: true,
                patience: PATIENCE,
            };
            let rewrite: Rewrite = self.json(call, Access::Signed).await?;
            if rewrite.done {
                let resource = rewrite.resource.ok_or_else(not_understood)?;
                return understood(resource, &copy.target);
            }
            let now = rewrite.total_bytes_rewritten.parse().unwrap_or(0);
            stalled = if now > written { 0 } else { stalled + 1 };
            written = now;
            token = rewrite.token;
            if token.is_none() || stalled > STALLED {
                return Err(not_understood());
            }
        }
    }
}
